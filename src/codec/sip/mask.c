/* codec/sip/mask.c - what a trace must not show. Works on lines of bytes, because what is traced may be no message at all. Rather too much is masked than too little: of credentials only the
 * parameters in a list are shown, whatever a vendor has invented. */
#include "codec/sip/mask.h"

#include <string.h>

#define MASK "***"
#define SLICE(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    } /* for a table; HF_SLICE is no constant */

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

/* The first byte of the names below, or a blank before one. */
static bool may_be_credentials(char first)
{
    char lower = (char)(first | 0x20);

    return lower == 'a' || lower == 'p' || lower == 's' || is_space(first);
}

/* True for a line that begins with such a header; *ret_name_bytes: up to and with the colon. */
static bool is_credentials(struct hf_slice line, size_t *ret_name_bytes)
{
    static const struct hf_slice names[] = {SLICE("Authorization"), SLICE("Proxy-Authorization"),
                                            SLICE("Authentication-Info"), SLICE("SecurityInfo")};
    const char *colon = memchr(line.at, ':', line.bytes);
    struct hf_slice name;

    if (colon == NULL)
        return false;
    name = hf_slice_trim((struct hf_slice){line.at, (size_t)(colon - line.at)});
    *ret_name_bytes = (size_t)(colon - line.at) + 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_slice_eq_nocase(name, names[i]))
            return true;
    return false;
}

static bool is_harmless(struct hf_slice name)
{
    static const struct hf_slice names[] = {SLICE("username"), SLICE("realm"),     SLICE("nonce"),
                                            SLICE("uri"),      SLICE("algorithm"), SLICE("qop"),
                                            SLICE("nc"),       SLICE("stale")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_slice_eq_nocase(name, names[i]))
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

static bool starts(const char *at, const char *end, struct hf_slice with)
{
    return (size_t)(end - at) >= with.bytes && hf_slice_eq_nocase((struct hf_slice){at, with.bytes}, with);
}

/* "sip:user:password@host": where the password begins, in a text without blanks and delimiters that ends before the '@'; NULL: there is none. */
static const char *password_in(const char *at, const char *end)
{
    for (; end - at >= 4; at++) {
        if ((*at | 0x20) != 's')
            continue;
        size_t scheme = starts(at, end, HF_SLICE("sip:")) ? 4 : starts(at, end, HF_SLICE("sips:")) ? 5 : 0;

        if (scheme > 0) {
            const char *colon = memchr(at + scheme, ':', (size_t)(end - at) - scheme);

            return colon != NULL ? colon + 1 : NULL;
        }
    }
    return NULL;
}

static bool ends_uri(char c)
{
    return (c >= 0 && c <= ' ') || c == '<' || c == '>' || c == '"' || c == '@';
}

static const char *span_begin(const char *begin, const char *end)
{
    while (end > begin && !ends_uri(end[-1]))
        end--;
    return end;
}

/* The first password in a URI that begins before `window`, and where it ends; NULL: none. Most bytes are only looked at for '@', since every message comes by here. Where the text ends
 * before the host, a password is whatever is no port. */
static const char *uri_password(const char *at, const char *window, const char *end, const char **ret_end)
{
    const char *stop = at, *password;

    while (stop < window && (stop = memchr(stop, '@', (size_t)(window - stop))) != NULL) {
        password = password_in(span_begin(at, stop), stop);
        *ret_end = stop++;
        if (password != NULL)
            return password;
    }
    for (stop = window; stop < end && !ends_uri(*stop);)
        stop++;
    *ret_end = stop;
    password = password_in(span_begin(at, window), stop);
    if (password == NULL || (stop < end ? *stop != '@' : is_number(password, (size_t)(end - password))))
        return NULL;
    return password;
}

/* Behind the first "<Password>"; NULL: none. */
static const char *password_element(const char *at, const char *window)
{
    const struct hf_slice tag = HF_SLICE("<Password>");

    for (; at < window && (at = memchr(at, '<', (size_t)(window - at))) != NULL; at++)
        if (starts(at, window, tag))
            return at + tag.bytes;
    return NULL;
}

static size_t room_in(const struct hf_sb *sb)
{
    return sb->bytes_max - sb->bytes;
}

/* Lines without credentials: passwords in URIs and <Password> in bodies. *in_password goes over line ends. */
static void mask_text(struct hf_sb *sb, const char *at, const char *end, bool *in_password)
{
    while (at < end && !sb->overflow) {
        const char *window = (size_t)(end - at) > room_in(sb) ? at + room_in(sb) + 1 : end, *uri_end;

        if (*in_password) {
            at = memchr(at, '<', (size_t)(end - at));
            if (at == NULL)
                return;
            *in_password = false;
            continue;
        }
        const char *element = password_element(at, window), *uri = uri_password(at, window, end, &uri_end);
        const char *stop = uri != NULL && (element == NULL || uri < element) ? uri : element;

        if (stop == NULL) { /* all that is left, or more than fits */
            hf_sb_add(sb, at, (size_t)(window - at));
            return;
        }
        hf_sb_add(sb, at, (size_t)(stop - at));
        hf_sb_text(sb, MASK);
        *in_password = stop == element;
        at = stop == element ? stop : uri_end;
    }
}

void hf_sip_mask(struct hf_sb *sb, struct hf_slice message)
{
    bool in_password = false;
    const char *begin = message.at; /* of lines that are not written yet */

    while (message.bytes > 0 && !sb->overflow) {
        struct hf_slice line = take_line(&message);
        size_t name_bytes;

        if (may_be_credentials(line.at[0]) && is_credentials(line, &name_bytes)) {
            mask_text(sb, begin, line.at, &in_password);
            mask_credentials(sb, line, name_bytes, &message);
        } else if ((size_t)(message.at - begin) > room_in(sb)) {
            mask_text(sb, begin, message.at, &in_password);
        } else {
            continue;
        }
        begin = message.at;
    }
    mask_text(sb, begin, message.at, &in_password);
}
