/* codec/jwt/api_key.h - API keys of applications: hfk_<id>_<secret>. The id (8 to 32 characters of [A-Za-z0-9]) finds
 * the row, the secret is 32 random bytes in base64url without padding (43 characters). Only SHA-256 over the whole text
 * is stored: the secret has 256 bits, so a slow hash would add cost and no strength. Pure; randomness is handed in. */
#ifndef HF_CODEC_JWT_API_KEY_H
#define HF_CODEC_JWT_API_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_API_KEY_ID_BYTES_MIN = 8,
    HF_API_KEY_ID_BYTES_MAX = 32,
    HF_API_KEY_ID_BYTES = 12, /* of the ids that we make */
    HF_API_KEY_SECRET_BYTES = 32,
    HF_API_KEY_SECRET_CHARS = 43,
    HF_API_KEY_RANDOM_BYTES = HF_API_KEY_ID_BYTES + HF_API_KEY_SECRET_BYTES,
    HF_API_KEY_TEXT_BYTES_MAX =
        4 + HF_API_KEY_ID_BYTES_MAX + 1 + HF_API_KEY_SECRET_CHARS + 1, /* with its NUL */
    HF_API_KEY_HASH_BYTES = 32,
};

/* Shown once; the caller stores id and hash and wipes the text. */
void hf_api_key_generate(const uint8_t random[HF_API_KEY_RANDOM_BYTES],
                         char ret_text[HF_API_KEY_TEXT_BYTES_MAX], uint8_t ret_hash[HF_API_KEY_HASH_BYTES]);
/* Form only. *ret_id points into text. HF_ERR_MALFORMED. */
hf_err hf_api_key_parse(struct hf_slice text, struct hf_slice *ret_id);
void hf_api_key_hash(struct hf_slice text, uint8_t ret_hash[HF_API_KEY_HASH_BYTES]);
/* Constant time. hash NULL (an unknown id) costs the same and is false, so that unknown and wrong look alike. */
bool hf_api_key_verify(struct hf_slice text, const uint8_t *hash);

#endif
