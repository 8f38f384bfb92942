/* bench/gb/quirk.c - sets of quirks, and those of SIP heads. */
#include "bench/gb/quirk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { LENGTH_OFF = 4, LINE_NAME_MAX = 32 };
#define HAS(set, id) (((set)&HF_CAM_QUIRK(id)) != 0)

static const char *const names[HF_CAM_QUIRKS] = {
#define NAME(id, name, text) name,
    HF_CAM_QUIRK_MAP(NAME)
#undef NAME
};

const char *hf_cam_quirk_name(unsigned index)
{
    HF_ASSERT(index < HF_CAM_QUIRKS);
    return names[index];
}

void hf_cam_quirks_write(uint64_t quirks, struct hf_sb *sb)
{
    for (unsigned i = 0; i < HF_CAM_QUIRKS; i++)
        if (quirks >> i & 1) {
            hf_sb_text(sb, names[i]);
            hf_sb_text(sb, quirks >> i > 1 ? ", " : "");
        }
}

static bool find(const char *at, size_t bytes, uint64_t *ret_bit)
{
    for (unsigned i = 0; i < HF_CAM_QUIRKS; i++)
        if (strlen(names[i]) == bytes && memcmp(names[i], at, bytes) == 0) {
            *ret_bit = UINT64_C(1) << i;
            return true;
        }
    return false;
}

hf_err hf_cam_quirks_parse(const char *text, struct hf_cam_quirks *ret_quirks,
                           char error[HF_CAM_QUIRK_ERROR_BYTES])
{
    struct hf_cam_quirks quirks = {.count = 1};

    if (strcmp(text, "all") == 0) {
        for (quirks.count = 0; quirks.count < HF_CAM_QUIRKS; quirks.count++)
            quirks.set[quirks.count] = UINT64_C(1) << quirks.count;
        *ret_quirks = quirks;
        return HF_OK;
    }
    for (const char *at = text;;) {
        size_t bytes = strcspn(at, "+,");
        uint64_t bit;

        if (!find(at, bytes, &bit)) {
            (void)snprintf(error, HF_CAM_QUIRK_ERROR_BYTES, "no such quirk: '%.*s'; --help lists them",
                           (int)HF_MIN(bytes, 40u), at);
            return HF_ERR_INVALID;
        }
        quirks.set[quirks.count - 1] |= bit;
        at += bytes;
        if (*at == '\0')
            break;
        if (*at++ == ',' && quirks.count++ == HF_CAM_QUIRK_SETS_MAX) {
            (void)snprintf(error, HF_CAM_QUIRK_ERROR_BYTES, "more than %d sets of quirks",
                           HF_CAM_QUIRK_SETS_MAX);
            return HF_ERR_INVALID;
        }
    }
    *ret_quirks = quirks;
    return HF_OK;
}

/* ---- SIP: line by line ---- */

struct facts { /* of the message */
    uint64_t quirks;
    bool stream, request, own /* REGISTER or MESSAGE outside of a dialog */, measured /* MESSAGE, NOTIFY */;
};

static bool begins(struct hf_slice text, const char *with)
{
    return text.bytes >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

static struct hf_slice find_text(struct hf_slice text, const char *what)
{
    const char *at = memmem(text.at, text.bytes, what, strlen(what));

    return at != NULL ? (struct hf_slice){at, text.bytes - (size_t)(at - text.at)}
                      : (struct hf_slice){NULL, 0};
}

static struct hf_slice before(struct hf_slice text, const char *at)
{
    return (struct hf_slice){text.at, at != NULL ? (size_t)(at - text.at) : text.bytes};
}

/* "From: <URI>;tag=T" */
static void edit_from(const struct facts *facts, struct hf_slice line, struct hf_sb *out)
{
    struct hf_slice uri = find_text(line, "<"), tag = find_text(line, ";tag=");

    HF_ASSERT(uri.at != NULL); /* we wrote it */
    hf_sb_text(out, "From: ");
    if (HAS(facts->quirks, BARE_URI)) {
        uri = (struct hf_slice){uri.at + 1, uri.bytes - 1};
        hf_sb_slice(out, before(uri, memchr(uri.at, '>', uri.bytes)));
        hf_sb_text(out, "?x=y");
    } else {
        hf_sb_text(out, HAS(facts->quirks, DISPLAY_RAW) ? "\xe6\x91\x84\xe5\x83\x8f\xe6\x9c\xba " : "");
        hf_sb_slice(out, before(uri, tag.at));
    }
    if (!HAS(facts->quirks, NO_FROM_TAG))
        hf_sb_slice(out, tag);
}

/* "Via: SIP/2.0/UDP HOST:PORT;..." */
static void edit_via(struct hf_slice line, struct hf_sb *out)
{
    struct hf_slice blank = find_text(line, "UDP ");
    struct hf_slice host = blank.at != NULL ? blank : find_text(line, "TCP ");
    HF_ASSERT(host.at != NULL);
    const char *end = memchr(host.at, ';', host.bytes);
    struct hf_slice place = before(host, end);
    const char *port = memrchr(place.at, ':', place.bytes);

    hf_sb_slice(out, before(line, host.at + 4));
    hf_sb_slice(out, (struct hf_slice){port, line.bytes - (size_t)(port - line.at)});
}

/* Values that RFC 7616 has without quotes get them. */
static void edit_credentials(const struct facts *facts, struct hf_slice line, struct hf_sb *out)
{
    static const char *const bare[] = {"qop=", "algorithm="};

    while (line.bytes > 0) {
        bool quoted = false;

        for (size_t i = 0; HAS(facts->quirks, DIGEST_QUOTES) && i < HF_COUNT_OF(bare); i++)
            if (begins(line, bare[i]) && line.at[strlen(bare[i])] != '"') {
                size_t name = strlen(bare[i]);
                struct hf_slice value = {line.at + name, line.bytes - name};

                value = before(value, memchr(value.at, ',', value.bytes));
                hf_sb_text(out, bare[i]);
                hf_sb_char(out, '"');
                hf_sb_slice(out, value);
                hf_sb_char(out, '"');
                line = (struct hf_slice){value.at + value.bytes, line.bytes - name - value.bytes};
                quoted = true;
            }
        if (!quoted && line.bytes > 0) {
            hf_sb_char(out, *line.at);
            line = (struct hf_slice){line.at + 1, line.bytes - 1};
        }
    }
    hf_sb_text(out, HAS(facts->quirks, DIGEST_COMMAS) ? "," : "");
}

static void edit_length(const struct facts *facts, uint64_t bytes, const char *end, struct hf_sb *out)
{
    bool off = facts->measured && !facts->stream && bytes > LENGTH_OFF;

    if (off && HAS(facts->quirks, LENGTH_SHORT))
        bytes -= LENGTH_OFF;
    else if (off && HAS(facts->quirks, LENGTH_LONG))
        bytes += LENGTH_OFF;
    hf_sb_printf(out, "Content-Length: %llu", (unsigned long long)bytes);
    if (HAS(facts->quirks, LENGTH_REPEATED))
        hf_sb_printf(out, "%sContent-Length: %llu", end, (unsigned long long)bytes);
}

/* False: the line is left out. */
static bool edit_line(const struct facts *facts, struct hf_slice line, const char *end, struct hf_sb *out)
{
    uint64_t quirks = facts->quirks;

    if (begins(line, "Via: ") && !facts->request && HAS(quirks, NO_VIA))
        return false;
    if (begins(line, "Max-Forwards: ") && HAS(quirks, NO_MAX_FORWARDS))
        return false;
    if (begins(line, "Max-Forwards: ") && HAS(quirks, EMPTY_VALUE))
        hf_sb_text(out, "Max-Forwards: ");
    else if (begins(line, "Via: ") && facts->own && HAS(quirks, NO_HOST))
        edit_via(line, out);
    else if (begins(line, "From: ") && facts->own &&
             (quirks & (HF_CAM_QUIRK(DISPLAY_RAW) | HF_CAM_QUIRK(BARE_URI) | HF_CAM_QUIRK(NO_FROM_TAG))) != 0)
        edit_from(facts, line, out);
    else if (begins(line, "CSeq: ") && facts->own && HAS(quirks, CSEQ_LARGE))
        hf_sb_printf(out, "CSeq: %llu%.*s", (UINT64_C(1) << 31) + strtoull(line.at + 6, NULL, 10),
                     (int)find_text((struct hf_slice){line.at + 6, line.bytes - 6}, " ").bytes,
                     find_text((struct hf_slice){line.at + 6, line.bytes - 6}, " ").at);
    else if (begins(line, "Expires: ") && facts->own && HAS(quirks, EXPIRES_ODD) && line.at[9] != '0')
        hf_sb_text(out, "Expires: 99999999999");
    else if (begins(line, "Authorization: "))
        edit_credentials(facts, line, out);
    else if (begins(line, "Content-Length: "))
        edit_length(facts, strtoull(line.at + 16, NULL, 10), end, out);
    else
        hf_sb_slice(out, line);
    if (begins(line, "Call-ID: ") && facts->own && HAS(quirks, CALL_ID_ODD))
        hf_sb_text(out, "@a@b");
    return true;
}

void hf_cam_quirk_sip(uint64_t quirks, bool stream, struct hf_slice text, struct hf_sb *out)
{
    const char *head_end = memmem(text.at, text.bytes, "\r\n\r\n", 4);
    struct hf_slice head = before(text, head_end), to = find_text(head, "\r\nTo: ");
    struct facts facts = {.quirks = quirks, .stream = stream, .request = !begins(text, "SIP/2.0 ")};
    const char *end = HAS(quirks, LF_ONLY) && !stream ? "\n" : "\r\n";

    HF_ASSERT(head_end != NULL && to.at != NULL); /* our own text */
    to = before((struct hf_slice){to.at + 2, to.bytes - 2},
                memmem(to.at + 2, to.bytes - 2, "\r\n", 2)); /* the line */
    facts.measured = begins(text, "MESSAGE ") || begins(text, "NOTIFY ");
    facts.own = (begins(text, "REGISTER ") || begins(text, "MESSAGE ")) && find_text(to, ";tag=").at == NULL;
    for (struct hf_slice rest = head; rest.bytes > 0;) {
        struct hf_slice line = before(rest, memmem(rest.at, rest.bytes, "\r\n", 2));

        if (edit_line(&facts, line, end, out))
            hf_sb_text(out, end);
        size_t taken = HF_MIN(line.bytes + 2, rest.bytes);
        rest = (struct hf_slice){rest.at + taken, rest.bytes - taken};
    }
    hf_sb_text(out, end);
    hf_sb_slice(out, (struct hf_slice){head_end + 4, text.bytes - head.bytes - 4});
}
