/* adapter/gb28181/home.c - whose message is it, before anything is parsed. A wrong guess costs one hop and a refusal, never an entry: the site looks at
 * what the parser says. */
#include "adapter/gb28181/gb.h"

enum { HOME_SCAN_BYTES_MAX = 8192 };

/* The next header line with its folds, without its end. False at the empty line or the end. */
static bool next_line(struct hf_slice *left, struct hf_slice *ret_line)
{
    size_t end = 0;

    for (;; end++) {
        const char *lf = memchr(left->at + end, '\n', left->bytes - end);

        if (lf == NULL) {
            end = left->bytes;
            break;
        }
        end = (size_t)(lf - left->at);
        if (end + 1 == left->bytes || (lf[1] != ' ' && lf[1] != '\t'))
            break;
    }
    *ret_line = (struct hf_slice){left->at, end};
    size_t taken = end < left->bytes ? end + 1 : end;
    left->at += taken;
    left->bytes -= taken;
    return !(ret_line->bytes == 0 || (ret_line->bytes == 1 && ret_line->at[0] == '\r'));
}

static bool is_header(struct hf_slice line, const char *name, char compact, struct hf_slice *ret_value)
{
    const char *colon = memchr(line.at, ':', line.bytes);

    if (colon == NULL)
        return false;
    struct hf_slice found = hf_slice_trim((struct hf_slice){line.at, (size_t)(colon - line.at)});
    *ret_value = (struct hf_slice){colon + 1, line.bytes - (size_t)(colon + 1 - line.at)};
    return hf_slice_eq_nocase(found, hf_slice_of(name)) ||
           (found.bytes == 1 && (found.at[0] | 0x20) == compact);
}

/* What stands between "sip:" and '@' in an address. */
static struct hf_slice user_of(struct hf_slice value)
{
    const char *angle = memchr(value.at, '<', value.bytes);
    struct hf_slice none = {NULL, 0};

    if (angle != NULL) {
        value.bytes -= (size_t)(angle - value.at);
        value.at = angle;
    }
    const char *colon = memchr(value.at, ':', value.bytes);
    if (colon == NULL)
        return none;
    struct hf_slice user = {colon + 1, value.bytes - (size_t)(colon + 1 - value.at)};
    for (size_t i = 0; i < user.bytes; i++) {
        unsigned char c = (unsigned char)user.at[i];

        if (c == '@')
            return (struct hf_slice){user.at, i};
        if (c <= ' ' || c == '>' || c == ';' || c == ':')
            return none;
    }
    return none;
}

struct hf_slice hf_gb_call_id_device(struct hf_slice call_id)
{
    struct hf_slice none = {NULL, 0};
    size_t head = sizeof(HF_GB_CALL_ID) - 1 + HF_SIP_TAG_BYTES_MAX - 1 + 1;

    if (call_id.bytes <= head || memcmp(call_id.at, HF_GB_CALL_ID, sizeof(HF_GB_CALL_ID) - 1) != 0 ||
        call_id.at[head - 1] != '.')
        return none;
    struct hf_slice device = {call_id.at + head, call_id.bytes - head};
    return hf_gbid_valid(device, HF_GBID_RULE_LOOSE) ? device : none;
}

bool hf_gb_is_source(struct hf_slice id)
{
    return id.bytes == HF_GBID_DIGITS && memcmp(id.at + 10, "1360", 4) == 0 &&
           hf_gbid_valid(id, HF_GBID_RULE_DEVICE);
}

static bool begins(struct hf_slice bytes, const char *text)
{
    return bytes.bytes >= strlen(text) && memcmp(bytes.at, text, strlen(text)) == 0;
}

static struct hf_slice source_or_none(struct hf_slice user)
{
    return user.at != NULL && hf_gb_is_source(user) ? user : (struct hf_slice){NULL, 0};
}

/* The device in a Call-ID header of ours. */
static struct hf_slice device_in(struct hf_slice value)
{
    while (value.bytes > 0 && strchr("\r \t", value.at[value.bytes - 1]) != NULL)
        value.bytes--;
    return hf_gb_call_id_device(hf_slice_trim(value));
}

/* sent: From and To change places. */
struct hf_slice hf_gb_traced(struct hf_slice bytes, bool sent)
{
    struct hf_slice left = {bytes.at, bytes.bytes < HOME_SCAN_BYTES_MAX ? bytes.bytes : HOME_SCAN_BYTES_MAX};
    struct hf_slice line, value, found = {NULL, 0}, source = {NULL, 0};

    while (left.bytes > 0 && (left.at[0] == '\r' || left.at[0] == '\n')) {
        left.at++;
        left.bytes--;
    }
    bool answer = begins(left, "SIP/"), seen = begins(left, "REGISTER ");
    bool asks = !answer && !seen && !begins(left, "MESSAGE "); /* INVITE and what follows it */
    bool to = answer != sent;
    if (left.bytes == 0 || !next_line(&left, &line))
        return found;
    if (asks)
        source = source_or_none(user_of(line)); /* the Request-URI */
    while (left.bytes > 0 && next_line(&left, &line)) {
        if (!seen && is_header(line, "Call-ID", 'i', &value)) {
            struct hf_slice device = device_in(value);

            if (device.bytes > 0)
                return device;
            seen = true;
        } else if (found.at == NULL && is_header(line, to ? "To" : "From", to ? 't' : 'f', &value)) {
            found = user_of(value);
        } else if (asks && source.at == NULL && is_header(line, "To", 't', &value)) {
            source = source_or_none(user_of(value));
        }
        if (seen && !asks && found.at != NULL)
            break;
    }
    return source.at != NULL ? source : found;
}

struct hf_slice hf_gb_home(struct hf_slice bytes)
{
    return hf_gb_traced(bytes, false);
}
