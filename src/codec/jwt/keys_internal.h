/* codec/jwt/keys_internal.h - private to jwt. */
#ifndef HF_CODEC_JWT_KEYS_INTERNAL_H
#define HF_CODEC_JWT_KEYS_INTERNAL_H

#include <openssl/evp.h>

#include "codec/jwt/keys.h"

/* As hf_jwt_keys_add_pem(); takes `pkey`, also on failure. */
hf_err hf_jwt_keys_add_pkey(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                            struct hf_slice tenant, EVP_PKEY *pkey, bool can_sign, char *error,
                            size_t error_bytes);

#endif
