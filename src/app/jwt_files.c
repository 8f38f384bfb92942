#include "app/jwt_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/env.h"
#include "base/assert.h"

/* The compiler may not leave this out, unlike a memset() before free(). */
static void wipe(char *text, size_t bytes)
{
    if (text == NULL)
        return;
    explicit_bzero(text, bytes);
    free(text);
}

/* Gives *ret_text with room for HF_JWT_FILE_BYTES_MAX + 1, to be wiped. */
static hf_err read_file(const char *file, char **ret_text, size_t *ret_bytes, char *error, size_t error_bytes)
{
    FILE *stream = fopen(file, "rbe");
    char *text = malloc(HF_JWT_FILE_BYTES_MAX + 1);
    hf_err err = HF_OK;
    size_t bytes = 0;

    if (stream == NULL) {
        (void)snprintf(error, error_bytes, "cannot read %s: %s", file, strerror(errno));
        err = HF_ERR_IO;
        goto out;
    }
    if (text == NULL) {
        err = HF_ERR_NOMEM;
        goto out;
    }
    (void)setvbuf(stream, NULL, _IONBF, 0); /* no second copy of a secret */
    bytes = fread(text, 1, HF_JWT_FILE_BYTES_MAX + 1, stream);
    if (ferror(stream)) {
        (void)snprintf(error, error_bytes, "cannot read %s", file);
        err = HF_ERR_IO;
    } else if (bytes > HF_JWT_FILE_BYTES_MAX) {
        (void)snprintf(error, error_bytes, "%s is larger than %d bytes; is it the right file?", file,
                       HF_JWT_FILE_BYTES_MAX);
        err = HF_ERR_LIMIT;
    }
out:
    if (stream != NULL)
        (void)fclose(stream);
    if (err != HF_OK) {
        wipe(text, text != NULL ? bytes : 0);
        return err;
    }
    *ret_text = text;
    *ret_bytes = bytes;
    return HF_OK;
}

static struct hf_slice without_space(struct hf_slice text)
{
    while (text.bytes > 0 && strchr(" \t\r\n", text.at[text.bytes - 1]) != NULL)
        text.bytes--;
    while (text.bytes > 0 && strchr(" \t\r\n", text.at[0]) != NULL) {
        text.at++;
        text.bytes--;
    }
    return text;
}

static bool is_jwks(const char *file)
{
    size_t bytes = strlen(file);

    return bytes > 5 && strcmp(file + bytes - 5, ".json") == 0;
}

static hf_err add_text(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                       struct hf_slice tenant, struct hf_slice text, bool jwks, char *error,
                       size_t error_bytes)
{
    size_t added = 0, skipped = 0;
    hf_err err;

    if (!jwks && alg == HF_JWT_HS256)
        return hf_jwt_keys_add_secret(keys, kid, tenant, without_space(text), error, error_bytes);
    if (!jwks)
        return hf_jwt_keys_add_pem(keys, alg, kid, tenant, text, error, error_bytes);
    err = hf_jwt_keys_add_jwks(keys, tenant, text, &added, &skipped, error, error_bytes);
    if (err == HF_OK && added == 0) {
        (void)snprintf(error, error_bytes, "the key set holds no usable key (%zu skipped)", skipped);
        return HF_ERR_INVALID;
    }
    return err;
}

static hf_err add_file(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                       struct hf_slice tenant, const char *file, bool jwks, char *error, size_t error_bytes)
{
    char *text = NULL, why[256] = "";
    size_t bytes = 0;
    hf_err err = read_file(file, &text, &bytes, error, error_bytes);

    if (err != HF_OK)
        return err;
    err = add_text(keys, alg, kid, tenant, (struct hf_slice){text, bytes}, jwks, why, sizeof(why));
    wipe(text, bytes);
    if (err != HF_OK)
        (void)snprintf(error, error_bytes, "%s: %s", file, why[0] != '\0' ? why : hf_err_text(err));
    return err;
}

hf_err hf_jwt_files_add(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                        struct hf_slice tenant, const char *file, char *error, size_t error_bytes)
{
    return add_file(keys, alg, kid, tenant, file, is_jwks(file), error, error_bytes);
}

static enum hf_jwt_alg alg_of(enum hf_config_jwt_alg alg)
{
    static const enum hf_jwt_alg algs[] = {
        [HF_CONFIG_JWT_ES256] = HF_JWT_ES256,
        [HF_CONFIG_JWT_EDDSA] = HF_JWT_EDDSA,
        [HF_CONFIG_JWT_RS256] = HF_JWT_RS256,
        [HF_CONFIG_JWT_HS256] = HF_JWT_HS256,
    };
    _Static_assert(HF_COUNT_OF(algs) == HF_CONFIG_COUNT_jwt_alg, "an algorithm is missing");

    return algs[alg];
}

static hf_err add_key(struct hf_jwt_keys *keys, const struct hf_config_tenant *tenant,
                      const struct hf_config_jwt_key *key, char *const *env, char *error, size_t error_bytes)
{
    struct hf_slice kid = hf_slice_of(key->kid), name = hf_slice_of(tenant->name);
    enum hf_jwt_alg alg = alg_of(key->alg);
    const char *secret;

    if (key->jwks_url != NULL)
        return HF_OK; /* app/jwks.h */
    if (key->jwks_file != NULL)
        return add_file(keys, alg, kid, name, key->jwks_file, true, error, error_bytes);
    if (key->secret_env == NULL)
        return add_file(keys, alg, kid, name,
                        key->secret_file != NULL ? key->secret_file : key->public_key_file, false, error,
                        error_bytes);
    secret = hf_env_value(env, key->secret_env);
    if (secret == NULL) {
        (void)snprintf(error, error_bytes, "the environment variable %s is not set", key->secret_env);
        return HF_ERR_NOT_FOUND;
    }
    return add_text(keys, alg, kid, name, hf_slice_of(secret), false, error, error_bytes);
}

hf_err hf_jwt_files_load(const struct hf_config *config, char *const *env, struct hf_jwt_keys **ret_keys,
                         char *error, size_t error_bytes)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();
    hf_err err = keys != NULL ? HF_OK : HF_ERR_NOMEM;
    char why[512] = "";

    for (size_t i = 0; i < config->tenants.count && err == HF_OK; i++) {
        const struct hf_config_tenant *tenant = &config->tenants.at[i];

        for (size_t k = 0; k < tenant->jwt_keys.count && err == HF_OK; k++) {
            err = add_key(keys, tenant, &tenant->jwt_keys.at[k], env, why, sizeof(why));
            if (err != HF_OK)
                (void)snprintf(error, error_bytes, "tenants.%s.jwt_keys.%zu: %s", tenant->name, k, why);
        }
    }
    if (err != HF_OK) {
        hf_jwt_keys_free(keys);
        return err;
    }
    *ret_keys = keys;
    return HF_OK;
}
