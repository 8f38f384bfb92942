/* codec/jwt/api_key.c - see the header for the form and why one hash is enough. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*(): the only form that allocates nothing and so cannot fail */
#include "codec/jwt/api_key.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/assert.h"
#include "base/base64.h"

static const char prefix[] = "hfk_";
static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { PREFIX_BYTES = sizeof(prefix) - 1, ALPHABET_CHARS = sizeof(alphabet) - 1 };
_Static_assert(HF_BASE64URL_BYTES(HF_API_KEY_SECRET_BYTES) == HF_API_KEY_SECRET_CHARS, "one form");

void hf_api_key_hash(struct hf_slice text, uint8_t ret_hash[HF_API_KEY_HASH_BYTES])
{
    SHA256_CTX state;

    SHA256_Init(&state);
    SHA256_Update(&state, text.at, text.bytes);
    SHA256_Final(ret_hash, &state);
    OPENSSL_cleanse(&state, sizeof(state));
}

void hf_api_key_generate(const uint8_t random[HF_API_KEY_RANDOM_BYTES],
                         char ret_text[HF_API_KEY_TEXT_BYTES_MAX], uint8_t ret_hash[HF_API_KEY_HASH_BYTES])
{
    size_t at = PREFIX_BYTES, secret_bytes = 0;

    memcpy(ret_text, prefix, PREFIX_BYTES);
    /* The slight bias of the remainder is harmless: the id is public, it only has to differ. */
    for (size_t i = 0; i < HF_API_KEY_ID_BYTES; i++)
        ret_text[at++] = alphabet[random[i] % ALPHABET_CHARS];
    ret_text[at++] = '_';
    hf_err err = hf_base64url_encode(random + HF_API_KEY_ID_BYTES, HF_API_KEY_SECRET_BYTES, ret_text + at,
                                     HF_API_KEY_TEXT_BYTES_MAX - at - 1, &secret_bytes);

    HF_ASSERT(err == HF_OK && secret_bytes == HF_API_KEY_SECRET_CHARS);
    at += secret_bytes;
    ret_text[at] = '\0';
    hf_api_key_hash((struct hf_slice){ret_text, at}, ret_hash);
}

hf_err hf_api_key_parse(struct hf_slice text, struct hf_slice *ret_id)
{
    uint8_t secret[HF_API_KEY_SECRET_BYTES];
    struct hf_slice id, tail;
    size_t secret_bytes = 0;

    if (text.bytes < PREFIX_BYTES + HF_API_KEY_ID_BYTES_MIN + 1 + HF_API_KEY_SECRET_CHARS ||
        text.bytes > PREFIX_BYTES + HF_API_KEY_ID_BYTES_MAX + 1 + HF_API_KEY_SECRET_CHARS ||
        memcmp(text.at, prefix, PREFIX_BYTES) != 0)
        return HF_ERR_MALFORMED;
    id = (struct hf_slice){text.at + PREFIX_BYTES, text.bytes - PREFIX_BYTES - 1 - HF_API_KEY_SECRET_CHARS};
    tail = (struct hf_slice){text.at + text.bytes - HF_API_KEY_SECRET_CHARS, HF_API_KEY_SECRET_CHARS};
    for (size_t i = 0; i < id.bytes; i++)
        if (id.at[i] == '\0' || strchr(alphabet, id.at[i]) == NULL)
            return HF_ERR_MALFORMED;
    if (tail.at[-1] != '_' || hf_base64url_decode(tail, secret, sizeof(secret), &secret_bytes) != HF_OK ||
        secret_bytes != sizeof(secret))
        return HF_ERR_MALFORMED;
    OPENSSL_cleanse(secret, sizeof(secret));
    *ret_id = id;
    return HF_OK;
}

bool hf_api_key_verify(struct hf_slice text, const uint8_t *hash)
{
    static const uint8_t nobody[HF_API_KEY_HASH_BYTES]; /* no text is known to hash to zero */
    uint8_t shown[HF_API_KEY_HASH_BYTES];

    hf_api_key_hash(text, shown);
    bool equal = CRYPTO_memcmp(shown, hash != NULL ? hash : nobody, sizeof(shown)) == 0;

    return equal && hash != NULL;
}
