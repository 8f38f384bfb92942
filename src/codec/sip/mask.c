/* codec/sip/mask.c - what a trace must not show. Works on lines of bytes, because what is traced may be no message at all. Rather too much is masked than too little: of credentials only the
 * parameters in a list are shown, whatever a vendor has invented. */
#include "codec/sip/mask.h"

#include <string.h>

#define MASK "***"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct hf_slice take_line(struct hf_slice *left) /* with its end */
{
    const char *end = memchr(left->at, '\n', left->bytes);
    size_t bytes = end != NULL ? (size_t)(end - left->at) + 1 : left->bytes;
    struct hf_slice line = {left->at, bytes};

    left->at += bytes;
    left->bytes -= bytes;
    return line;
}

/* True for a line that begins with such a header; *ret_name_bytes: up to and with the colon. */
static bool is_credentials(struct hf_slice line, size_t *ret_name_bytes)
{
    static const char *const names[] = {"Authorization", "Proxy-Authorization", "Authentication-Info",
                                        "SecurityInfo"};
    const char *colon = memchr(line.at, ':', line.bytes);
    struct hf_slice name;

    if (colon == NULL)
        return false;
    name = hf_slice_trim((struct hf_slice){line.at, (size_t)(colon - line.at)});
    *ret_name_bytes = (size_t)(colon - line.at) + 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(names[i])))
            return true;
    return false;
}

static bool is_harmless(struct hf_slice name)
{
    static const char *const names[] = {"username",  "realm", "nonce", "uri",
                                        "algorithm", "qop",   "nc",    "stale"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(names[i])))
            return true;
    return false;
}

/* One of the parts between commas: with its quotes, if it has them. */
static struct hf_slice take_part(struct hf_slice *left)
{
    struct hf_slice part = *left;
    bool quoted = false;
    size_t i;

    for (i = 0; i < left->bytes && (quoted || left->at[i] != ','); i++) {
        if (quoted && left->at[i] == '\\' && i + 1 < left->bytes)
            i++;
        else if (left->at[i] == '"')
            quoted = !quoted;
    }
    i = i < left->bytes ? i : left->bytes;
    part.bytes = i;
    left->at += i;
    left->bytes -= i;
    return part;
}

static void mask_part(struct hf_sb *sb, struct hf_slice part)
{
    const char *equals = memchr(part.at, '=', part.bytes);
    struct hf_slice name = {part.at, equals != NULL ? (size_t)(equals - part.at) : 0};

    if (equals != NULL && is_harmless(hf_slice_trim(name))) {
        hf_sb_slice(sb, part);
        return;
    }
    if (equals != NULL && memchr(name.at, '"', name.bytes) != NULL)
        equals = NULL; /* it stands inside quotes: there is no name */
    name.bytes = equals != NULL ? name.bytes : 0;
    hf_sb_slice(sb, name);
    hf_sb_text(sb, equals != NULL ? "=" MASK : MASK);
}

static void mask_value(struct hf_sb *sb, struct hf_slice value)
{
    size_t i = 0, scheme;

    while (i < value.bytes && is_space(value.at[i]))
        i++;
    scheme = i;
    while (i < value.bytes && !is_space(value.at[i]) && value.at[i] != '=' && value.at[i] != ',')
        i++;
    if (i < value.bytes && is_space(value.at[i])) /* "Digest " and what follows; else there is no scheme */
        i++;
    else
        i = scheme;
    hf_sb_add(sb, value.at, i);
    value.at += i;
    value.bytes -= i;
    while (value.bytes > 0) {
        struct hf_slice part = take_part(&value);

        while (part.bytes > 0 && is_space(part.at[0])) {
            hf_sb_char(sb, ' ');
            part.at++;
            part.bytes--;
        }
        mask_part(sb, part);
        if (value.bytes == 0)
            break;
        hf_sb_char(sb, ',');
        value.at++;
        value.bytes--;
    }
}

/* Credentials with their folds: the folded lines are masked whole. */
static void mask_credentials(struct hf_sb *sb, struct hf_slice line, size_t name_bytes, struct hf_slice *left)
{
    struct hf_slice value = {line.at + name_bytes, line.bytes - name_bytes};
    bool folded = false;

    while (value.bytes > 0 && (value.at[value.bytes - 1] == '\n' || value.at[value.bytes - 1] == '\r'))
        value.bytes--;
    hf_sb_add(sb, line.at, name_bytes);
    while (left->bytes > 0 && is_space(left->at[0])) {
        (void)take_line(left);
        folded = true;
    }
    if (folded) /* a quoted value may go on in the next line: nothing of it is safe to read by itself */
        hf_sb_text(sb, " " MASK);
    else
        mask_value(sb, value);
    hf_sb_text(sb, "\r\n");
}

static bool is_number(const char *at, size_t bytes)
{
    while (bytes > 0 && *at >= '0' && *at <= '9') {
        at++;
        bytes--;
    }
    return bytes == 0;
}

/* "sip:user:password@host": the password; where the text ends before the host, whatever is no port. Copies up to and with what it looked at. */
static size_t mask_uri(struct hf_sb *sb, struct hf_slice text)
{
    size_t i = 0, colon = 0;

    for (; i < text.bytes && text.at[i] > ' ' && text.at[i] != '>' && text.at[i] != '<' &&
           text.at[i] != '"' && text.at[i] != '@';
         i++)
        if (text.at[i] == ':' && colon == 0)
            colon = i + 1;
    if (colon == 0 || (i < text.bytes ? text.at[i] != '@' : is_number(text.at + colon, i - colon))) {
        hf_sb_add(sb, text.at, i);
        return i;
    }
    hf_sb_add(sb, text.at, colon);
    hf_sb_text(sb, MASK);
    return i;
}

static bool starts(struct hf_slice text, const char *with)
{
    size_t bytes = strlen(with);

    return text.bytes >= bytes &&
           hf_slice_eq_nocase((struct hf_slice){text.at, bytes}, (struct hf_slice){with, bytes});
}

/* Up to the next byte that could begin a tag or a URI, and one at least: most of a message is neither, and every message comes by here. */
static size_t plain_bytes(struct hf_slice text)
{
    size_t i = 1;

    while (i < text.bytes && text.at[i] != '<' && (text.at[i] | 0x20) != 's')
        i++;
    return i;
}

/* Anything else: passwords in URIs and <Password> in bodies. *in_password goes over line ends. */
static void mask_line(struct hf_sb *sb, struct hf_slice line, bool *in_password)
{
    static const char open_tag[] = "<Password>";

    while (line.bytes > 0) {
        size_t bytes = 1;

        if (*in_password) {
            const char *end = memchr(line.at, '<', line.bytes);

            bytes = end != NULL ? (size_t)(end - line.at) : line.bytes;
            *in_password = end == NULL;
            if (bytes == 0) { /* it is empty, or the tag that closes it */
                hf_sb_char(sb, *line.at);
                bytes = 1;
            }
        } else if (*line.at == '<' && starts(line, open_tag)) {
            bytes = sizeof(open_tag) - 1;
            hf_sb_add(sb, line.at, bytes);
            hf_sb_text(sb, MASK);
            *in_password = true;
        } else if ((*line.at | 0x20) == 's' && (starts(line, "sip:") || starts(line, "sips:"))) {
            bytes = (size_t)((const char *)memchr(line.at, ':', line.bytes) - line.at) + 1;
            hf_sb_add(sb, line.at, bytes);
            bytes += mask_uri(sb, (struct hf_slice){line.at + bytes, line.bytes - bytes});
        } else {
            bytes = plain_bytes(line);
            hf_sb_add(sb, line.at, bytes);
        }
        line.at += bytes;
        line.bytes -= bytes;
    }
}

void hf_sip_mask(struct hf_sb *sb, struct hf_slice message)
{
    bool in_password = false;

    while (message.bytes > 0 && !sb->overflow) {
        struct hf_slice line = take_line(&message);
        size_t name_bytes;

        if (is_credentials(line, &name_bytes))
            mask_credentials(sb, line, name_bytes, &message);
        else
            mask_line(sb, line, &in_password);
    }
}
