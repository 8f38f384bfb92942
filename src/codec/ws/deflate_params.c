/* codec/ws/deflate_params.c - the header of permessage-deflate, both roles. Grammar (RFC 6455 9.1):
 *
 *     extension-list = extension *( "," extension )
 *     extension      = token *( ";" token [ "=" ( token / quoted-string holding a token ) ] )
 *
 * Empty list elements are passed over, as RFC 9110 5.6.1.2 asks of a recipient. */
#include "base/assert.h"
#include "codec/ws/deflate.h"
#include "codec/ws/token.h"

#define EXTENSION_NAME "permessage-deflate"

enum { VALUE_CHARS_MAX = 2 }; /* "8".."15"; longer values are grammar, but never valid */

struct cursor {
    const char *at, *end;
};

/* One permessage-deflate element, judged as far as both roles agree. */
struct params {
    bool server_no_context_takeover, client_no_context_takeover, server_bits_seen, client_bits_seen;
    uint8_t server_bits, client_bits; /* 0 = named without a value (client's only) */
    bool invalid;                     /* unknown, repeated, or a value out of range */
};

struct param_value {
    bool there;
    char text[VALUE_CHARS_MAX];
    size_t chars; /* may be above VALUE_CHARS_MAX */
};

static struct cursor cursor_over(struct hf_slice text)
{
    return (struct cursor){text.at, text.bytes > 0 ? text.at + text.bytes : text.at};
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

/* Takes c with the space around it. */
static bool take_char(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    skip_space(cursor);
    return true;
}

static bool take_token(struct cursor *cursor, struct hf_slice *ret_token)
{
    const char *from = cursor->at;

    while (cursor->at < cursor->end && hf_ws_is_token_char(*cursor->at))
        cursor->at++;
    *ret_token = (struct hf_slice){from, (size_t)(cursor->at - from)};
    return ret_token->bytes > 0;
}

static void add_value_char(struct param_value *value, char c)
{
    if (value->chars < VALUE_CHARS_MAX)
        value->text[value->chars] = c;
    value->chars++;
}

/* A token or a quoted string; what is quoted must be a token too once its backslashes are gone (9.1). */
static bool take_value(struct cursor *cursor, struct param_value *value)
{
    struct hf_slice token;

    value->there = true;
    if (cursor->at < cursor->end && *cursor->at == '"') {
        for (cursor->at++; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++) {
            if (*cursor->at == '\\' && ++cursor->at == cursor->end)
                return false;
            if (!hf_ws_is_token_char(*cursor->at))
                return false;
            add_value_char(value, *cursor->at);
        }
        if (cursor->at == cursor->end)
            return false;
        cursor->at++;
        return value->chars > 0;
    }
    if (!take_token(cursor, &token))
        return false;
    for (size_t i = 0; i < token.bytes; i++)
        add_value_char(value, token.at[i]);
    return true;
}

/* 8..15 without leading zeros (RFC 7692 7.1.2); 0 for anything else. */
static uint8_t window_bits(const struct param_value *value)
{
    uint64_t bits;

    if (value->chars == 0 || value->chars > VALUE_CHARS_MAX || value->text[0] == '0' ||
        !hf_slice_to_u64((struct hf_slice){value->text, value->chars}, &bits) ||
        bits < HF_WS_DEFLATE_BITS_MIN || bits > HF_WS_DEFLATE_BITS_MAX)
        return 0;
    return (uint8_t)bits;
}

static void judge_flag(struct params *params, bool *seen, const struct param_value *value)
{
    params->invalid |= *seen || value->there;
    *seen = true;
}

static void judge_bits(struct params *params, bool *seen, uint8_t *bits, const struct param_value *value)
{
    *bits = window_bits(value);
    params->invalid |= *seen || (value->there && *bits == 0);
    *seen = true;
}

static void judge(struct params *params, struct hf_slice name, const struct param_value *value)
{
    if (hf_slice_is(name, "server_no_context_takeover")) {
        judge_flag(params, &params->server_no_context_takeover, value);
    } else if (hf_slice_is(name, "client_no_context_takeover")) {
        judge_flag(params, &params->client_no_context_takeover, value);
    } else if (hf_slice_is(name, "server_max_window_bits")) {
        judge_bits(params, &params->server_bits_seen, &params->server_bits, value);
        params->invalid |= !value->there; /* 7.1.2.1: a value is required */
    } else if (hf_slice_is(name, "client_max_window_bits")) {
        judge_bits(params, &params->client_bits_seen, &params->client_bits, value);
    } else {
        params->invalid = true;
    }
}

/* One element of the list. *ret_params is meaningful when *ret_name is permessage-deflate. */
static hf_err take_extension(struct cursor *cursor, struct hf_slice *ret_name, struct params *ret_params)
{
    *ret_params = (struct params){.invalid = false};
    if (!take_token(cursor, ret_name))
        return HF_ERR_MALFORMED;
    while (take_char(cursor, ';')) {
        struct hf_slice name;
        struct param_value value = {.there = false};

        if (!take_token(cursor, &name) || (take_char(cursor, '=') && !take_value(cursor, &value)))
            return HF_ERR_MALFORMED;
        judge(ret_params, name, &value);
    }
    return cursor->at == cursor->end || *cursor->at == ',' ? HF_OK : HF_ERR_MALFORMED;
}

static void skip_commas(struct cursor *cursor)
{
    skip_space(cursor);
    while (take_char(cursor, ','))
        continue;
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static void agree(const struct params *params, const struct hf_ws_deflate *wanted,
                  struct hf_ws_deflate *agreed)
{
    uint8_t offered = params->server_bits_seen ? params->server_bits : HF_WS_DEFLATE_BITS_MAX;

    agreed->on = true;
    agreed->server_no_context_takeover =
        wanted->server_no_context_takeover || params->server_no_context_takeover;
    agreed->client_no_context_takeover =
        wanted->client_no_context_takeover || params->client_no_context_takeover;
    agreed->server_max_window_bits = smaller(wanted->server_max_window_bits, offered);
    agreed->server_max_window_bits_asked = params->server_bits_seen;
    agreed->client_max_window_bits = HF_WS_DEFLATE_BITS_MAX;
    if (params->client_bits_seen) {
        offered = params->client_bits > 0 ? params->client_bits : HF_WS_DEFLATE_BITS_MAX;
        agreed->client_max_window_bits = smaller(wanted->client_max_window_bits, offered);
    } else if (wanted->client_max_window_bits < HF_WS_DEFLATE_BITS_MAX) {
        /* The client cannot limit its window (7.1.2.2), so we keep none of it for longer than a message. */
        agreed->client_no_context_takeover = true;
    }
}

hf_err hf_ws_deflate_answer(struct hf_slice value, const struct hf_ws_deflate *wanted,
                            struct hf_ws_deflate *agreed)
{
    struct cursor cursor = cursor_over(value);
    struct hf_ws_deflate answer = *agreed;

    for (skip_commas(&cursor); cursor.at < cursor.end; skip_commas(&cursor)) {
        struct hf_slice name;
        struct params params;

        if (take_extension(&cursor, &name, &params) != HF_OK)
            return HF_ERR_MALFORMED;
        if (wanted->on && !answer.on && hf_slice_is(name, EXTENSION_NAME) && !params.invalid)
            agree(&params, wanted, &answer);
    }
    *agreed = answer;
    return HF_OK;
}

static void write_bits(struct hf_sb *out, const char *name, uint8_t bits)
{
    HF_ASSERT(bits >= HF_WS_DEFLATE_BITS_MIN && bits <= HF_WS_DEFLATE_BITS_MAX);
    hf_sb_text(out, "; ");
    hf_sb_text(out, name);
    hf_sb_char(out, '=');
    hf_sb_u64(out, bits);
}

static void write_params(const struct hf_ws_deflate *params, struct hf_sb *out)
{
    hf_sb_text(out, EXTENSION_NAME);
    if (params->server_no_context_takeover)
        hf_sb_text(out, "; server_no_context_takeover");
    if (params->client_no_context_takeover)
        hf_sb_text(out, "; client_no_context_takeover");
    if (params->server_max_window_bits < HF_WS_DEFLATE_BITS_MAX || params->server_max_window_bits_asked)
        write_bits(out, "server_max_window_bits", params->server_max_window_bits);
    if (params->client_max_window_bits < HF_WS_DEFLATE_BITS_MAX)
        write_bits(out, "client_max_window_bits", params->client_max_window_bits);
}

void hf_ws_deflate_write_answer(const struct hf_ws_deflate *agreed, struct hf_sb *out)
{
    write_params(agreed, out);
}

void hf_ws_deflate_write_offer(const struct hf_ws_deflate *offered, struct hf_sb *out)
{
    write_params(offered, out);
}

/* What an answer may say depends on what we offered (RFC 7692 7.1). */
static bool answer_fits(const struct params *answer, const struct hf_ws_deflate *offered)
{
    if (answer->invalid || (offered->server_no_context_takeover && !answer->server_no_context_takeover))
        return false;
    if (offered->server_max_window_bits < HF_WS_DEFLATE_BITS_MAX && !answer->server_bits_seen)
        return false;
    if (answer->server_bits_seen && answer->server_bits > offered->server_max_window_bits)
        return false;
    if (!answer->client_bits_seen)
        return true;
    return offered->client_max_window_bits < HF_WS_DEFLATE_BITS_MAX && answer->client_bits > 0 &&
           answer->client_bits <= offered->client_max_window_bits;
}

hf_err hf_ws_deflate_check_answer(struct hf_slice value, const struct hf_ws_deflate *offered,
                                  struct hf_ws_deflate *agreed)
{
    struct cursor cursor = cursor_over(value);
    struct hf_ws_deflate result = *agreed;

    for (skip_commas(&cursor); cursor.at < cursor.end; skip_commas(&cursor)) {
        struct hf_slice name;
        struct params params;

        if (take_extension(&cursor, &name, &params) != HF_OK || !hf_slice_is(name, EXTENSION_NAME) ||
            !offered->on || result.on || !answer_fits(&params, offered))
            return HF_ERR_MALFORMED;
        result = (struct hf_ws_deflate){
            .on = true,
            .server_no_context_takeover = params.server_no_context_takeover,
            .client_no_context_takeover =
                params.client_no_context_takeover || offered->client_no_context_takeover,
            .server_max_window_bits = params.server_bits_seen ? params.server_bits : HF_WS_DEFLATE_BITS_MAX,
            .client_max_window_bits =
                params.client_bits_seen ? params.client_bits : offered->client_max_window_bits,
        };
    }
    *agreed = result;
    return HF_OK;
}
