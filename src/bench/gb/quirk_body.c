/* bench/gb/quirk_body.c - quirks of bodies: the declaration, the root, the elements that each body has (CmdType, SN, DeviceID), the end. */
#include <string.h>

#include "base/assert.h"
#include "bench/gb/quirk.h"

enum { CUT_BYTES = 6 };
#define HAS(set, id) (((set)&HF_CAM_QUIRK(id)) != 0)
#define NOTE         "<Note>a & b < c &none;</Note>"

static bool take(struct hf_slice *rest, const char *word)
{
    size_t bytes = strlen(word);

    if (rest->bytes < bytes || memcmp(rest->at, word, bytes) != 0)
        return false;
    *rest = (struct hf_slice){rest->at + bytes, rest->bytes - bytes};
    return true;
}

/* Up to `mark`, which is taken; absent when it is not there. */
static struct hf_slice take_to(struct hf_slice *rest, const char *mark)
{
    const char *at = memmem(rest->at, rest->bytes, mark, strlen(mark));
    struct hf_slice before = {rest->at, at != NULL ? (size_t)(at - rest->at) : 0};

    if (at == NULL)
        return (struct hf_slice){NULL, 0};
    *rest = (struct hf_slice){at + strlen(mark), rest->bytes - before.bytes - strlen(mark)};
    return before;
}

static void write_sn(uint64_t quirks, struct hf_slice value, struct hf_sb *out)
{
    for (unsigned times = HAS(quirks, TWICE) ? 2 : 1; times > 0; times--) {
        hf_sb_text(out, HAS(quirks, SPACE) ? "<SN> " : "<SN>");
        hf_sb_slice(out, value);
        hf_sb_text(out, HAS(quirks, SPACE) ? " " : "");
        hf_sb_text(out, HAS(quirks, OPEN) ? "\r\n" : HAS(quirks, TAG) ? "</SN\r\n" : "</SN>");
    }
}

/* The element that begins here, if it is one of those that change. */
static bool edit_element(uint64_t quirks, struct hf_slice *rest, bool *sn_done, bool *id_done,
                         struct hf_sb *out)
{
    struct hf_slice before = *rest, value;

    if (HAS(quirks, CASE) && take(rest, "<CmdType>")) {
        value = take_to(rest, "</CmdType>");
        hf_sb_text(out, "<cmdtype>");
        hf_sb_slice(out, value);
        hf_sb_text(out, "</cmdtype>");
    } else if (!*sn_done && take(rest, "<SN>")) {
        value = take_to(rest, "</SN>");
        write_sn(quirks, value, out);
        *sn_done = true;
    } else if (!*id_done && HAS(quirks, CDATA) && take(rest, "<DeviceID>")) {
        value = take_to(rest, "</DeviceID>");
        hf_sb_text(out, "<DeviceID><![CDATA[");
        hf_sb_slice(out, value);
        hf_sb_text(out, "]]></DeviceID>");
        *id_done = true;
    }
    return rest->at != before.at;
}

static void write_declaration(uint64_t quirks, struct hf_slice text, struct hf_sb *out)
{
    if (HAS(quirks, DECLARATION))
        return;
    if (HAS(quirks, CHARSET))
        hf_sb_text(out, "<?xml version=\"1.0\" encoding=\"GB2312\"?>");
    else
        hf_sb_slice(out, text);
    hf_sb_text(out, "\r\n");
}

void hf_cam_quirk_body(uint64_t quirks, struct hf_slice body, struct hf_sb *out)
{
    struct hf_slice rest = body, declaration = {NULL, 0};
    bool sn_done = false, id_done = false;

    if (rest.bytes > 5 && memcmp(rest.at, "<?xml", 5) == 0) {
        (void)take_to(&rest, "?>");
        declaration = (struct hf_slice){body.at, body.bytes - rest.bytes};
        while (take(&rest, "\r\n"))
            ;
    }
    hf_sb_text(out, HAS(quirks, BOM) ? "\xef\xbb\xbf" : "");
    write_declaration(quirks, declaration, out);
    hf_sb_text(out, HAS(quirks, DTD) ? "<!DOCTYPE Notify>\r\n" : "");
    hf_sb_text(out, HAS(quirks, BEFORE) ? "rubbish" : "");
    while (rest.bytes > 0) {
        if (edit_element(quirks, &rest, &sn_done, &id_done, out))
            continue;
        if (HAS(quirks, AMPERSAND) && (rest.bytes > 2 && rest.at[0] == '<' && rest.at[1] == '/') &&
            (size_t)(strcspn(rest.at, ">") + 3) >= rest.bytes) /* the last end: of the root */
            hf_sb_text(out, NOTE);
        hf_sb_char(out, *rest.at);
        rest = (struct hf_slice){rest.at + 1, rest.bytes - 1};
    }
    if (HAS(quirks, CUT)) {
        while (out->bytes > 0 && out->at[out->bytes - 1] != '>') /* the line's end does not count */
            out->bytes--;
        out->bytes -= HF_MIN(out->bytes, (size_t)CUT_BYTES);
    }
    hf_sb_text(out, HAS(quirks, AFTER) ? "rubbish" : "");
    hf_sb_add(out, "\0", HAS(quirks, TRAILING) ? 2 : 0);
}
