/* app/jwt_files.h - the keys that verify tokens, from the files and variables that the configuration names.
 * An HS256 secret is the text of its file or variable without white space at its ends, as `holdfast gen key hs256`
 * writes it: what other JWT tools take as the secret when it is pasted. */
#ifndef HF_APP_JWT_FILES_H
#define HF_APP_JWT_FILES_H

#include "app/config.h"
#include "codec/jwt/keys.h"

enum { HF_JWT_FILE_BYTES_MAX = HF_JWT_JWKS_BYTES_MAX };

/* Adds one key. `file` is a secret (HS256), a PEM file, or a JWKS when its name ends in ".json". HF_ERR_IO, HF_ERR_LIMIT
 * (larger than HF_JWT_FILE_BYTES_MAX), and those of hf_jwt_keys_add_*(); `error` names the file and the fix. */
hf_err hf_jwt_files_add(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                        struct hf_slice tenant, const char *file, char *error, size_t error_bytes);

/* The keys of all tenants but those that come by URL, each bound to its own. Gives *ret_keys (hf_jwt_keys_free()). `env` as hf_config_load(). */
hf_err hf_jwt_files_load(const struct hf_config *config, char *const *env, struct hf_jwt_keys **ret_keys,
                         char *error, size_t error_bytes);

#endif
