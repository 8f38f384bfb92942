/* codec/ws/handshake.c - what both roles of the opening handshake share. */
#include "codec/ws/handshake.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* 1.3 */

#define HF_WS_REFUSAL_ROW(id, http_status, name, text) [id] = {id, http_status, name, text},
static const struct hf_ws_refusal_info refusals[HF_WS_REFUSALS] = {HF_WS_REFUSAL_MAP(HF_WS_REFUSAL_ROW)};
#undef HF_WS_REFUSAL_ROW

const struct hf_ws_refusal_info *hf_ws_refusal_info(enum hf_ws_refusal refusal)
{
    HF_ASSERT((unsigned)refusal < HF_WS_REFUSALS);
    return &refusals[refusal];
}

static bool is_base64_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* 16 bytes are 22 characters and two of padding. The four unused bits of the last character may be anything: some
 * devices make their key up character by character, and nothing hangs on its value. */
bool hf_ws_key_valid(struct hf_slice key)
{
    if (key.bytes != HF_WS_KEY_CHARS || key.at[HF_WS_KEY_CHARS - 1] != '=' ||
        key.at[HF_WS_KEY_CHARS - 2] != '=')
        return false;
    for (size_t i = 0; i < HF_WS_KEY_CHARS - 2; i++)
        if (!is_base64_char(key.at[i]))
            return false;
    return true;
}

hf_err hf_ws_accept_value(struct hf_slice key, char ret_accept[HF_WS_ACCEPT_CHARS + 1])
{
    uint8_t text[HF_WS_KEY_CHARS + sizeof GUID - 1];
    uint8_t digest[SHA_DIGEST_LENGTH];
    size_t chars;
    hf_err err;

    HF_ASSERT(key.bytes == HF_WS_KEY_CHARS);
    memcpy(text, key.at, HF_WS_KEY_CHARS);
    memcpy(text + HF_WS_KEY_CHARS, GUID, sizeof GUID - 1);
    if (SHA1(text, sizeof text, digest) == NULL)
        return HF_ERR_UNSUPPORTED;
    err = hf_base64_encode(digest, sizeof digest, ret_accept, HF_WS_ACCEPT_CHARS, &chars);
    HF_ASSERT(err == HF_OK && chars == HF_WS_ACCEPT_CHARS);
    ret_accept[chars] = '\0';
    return HF_OK;
}
