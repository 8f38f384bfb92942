#include "bench/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/jwt/jwt.h"
#include "io/clock.h"

enum { FILE_BYTES_MAX = 512 << 20, TOKEN_LIFE_S = 24 * 3600, NS_PER_S = 1000000000, MS_PER_S = 1000 };

static hf_err file_read(const char *path, char **ret_text, size_t *ret_bytes, char *error)
{
    hf_err err = HF_ERR_IO;
    char *text = NULL;
    long bytes = 0;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0 || bytes > FILE_BYTES_MAX)
        goto out;
    rewind(file);
    text = malloc((size_t)bytes + 1);
    if (text == NULL || fread(text, 1, (size_t)bytes, file) != (size_t)bytes)
        goto out;
    text[bytes] = 0;
    *ret_text = text;
    *ret_bytes = (size_t)bytes;
    text = NULL;
    err = HF_OK;
out:
    if (err != HF_OK)
        snprintf(error, HF_BENCH_ERROR_BYTES, "cannot read '%.150s': %s", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    free(text);
    return err;
}

static hf_err lines_split(struct hf_bench_tokens *tokens)
{
    size_t room = 0;

    for (char *at = tokens->text, *rest = NULL; (at = strtok_r(at, "\r\n", &rest)) != NULL; at = NULL) {
        if (tokens->line_count == room) {
            room = room ? 2 * room : 1024;
            char **lines = realloc(tokens->lines, room * sizeof(*lines));

            if (lines == NULL)
                return HF_ERR_NOMEM;
            tokens->lines = lines;
        }
        tokens->lines[tokens->line_count++] = at;
    }
    return HF_OK;
}

static hf_err secret_load(struct hf_bench_tokens *tokens, char *error)
{
    const struct hf_bench_config *config = tokens->config;
    char *secret, why[HF_BENCH_ERROR_BYTES - 64] = "";
    size_t bytes;
    hf_err err = file_read(config->secret_file, &secret, &bytes, error);

    if (err != HF_OK)
        return err;
    while (bytes > 0 && (secret[bytes - 1] == '\n' || secret[bytes - 1] == '\r'))
        bytes--;
    tokens->keys = hf_jwt_keys_new();
    err = tokens->keys == NULL
              ? HF_ERR_NOMEM
              : hf_jwt_keys_add_secret(tokens->keys, hf_slice_of(config->kid), (struct hf_slice){0},
                                       (struct hf_slice){secret, bytes}, why, sizeof(why));
    if (err != HF_OK)
        snprintf(error, HF_BENCH_ERROR_BYTES, "--secret-file: %s", why[0] ? why : hf_err_text(err));
    explicit_bzero(secret, bytes);
    free(secret);
    return err;
}

hf_err hf_bench_tokens_init(struct hf_bench_tokens *tokens, const struct hf_bench_config *config,
                            char error[HF_BENCH_ERROR_BYTES])
{
    size_t bytes;
    hf_err err = HF_OK;

    *tokens = (struct hf_bench_tokens){.config = config};
    tokens->issued_s = hf_clock_utc_ms() / MS_PER_S;
    tokens->expires_s = tokens->issued_s + TOKEN_LIFE_S;
    if (config->secret_file != NULL)
        return secret_load(tokens, error);
    if (config->token_file == NULL)
        return HF_OK;
    err = file_read(config->token_file, &tokens->text, &bytes, error);
    if (err == HF_OK)
        err = lines_split(tokens);
    if (err == HF_OK && tokens->line_count < config->connections) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "--token-file: %zu tokens for %" PRIu64 " connections",
                 tokens->line_count, config->connections);
        err = HF_ERR_INVALID;
    }
    return err;
}

void hf_bench_tokens_deinit(struct hf_bench_tokens *tokens)
{
    free(tokens->lines);
    free(tokens->text);
    hf_jwt_keys_free(tokens->keys);
    *tokens = (struct hf_bench_tokens){0};
}

void hf_bench_device_name(const struct hf_bench_config *config, uint64_t number,
                          char ret_name[HF_BENCH_DEVICE_BYTES_MAX])
{
    snprintf(ret_name, HF_BENCH_DEVICE_BYTES_MAX, "%.100s%06" PRIu64, config->device,
             config->device_first + number);
}

bool hf_bench_token(const struct hf_bench_tokens *tokens, uint64_t number,
                    char ret_token[HF_BENCH_TOKEN_BYTES_MAX])
{
    const struct hf_bench_config *config = tokens->config;
    char device[HF_BENCH_DEVICE_BYTES_MAX];
    size_t bytes;

    ret_token[0] = 0;
    if (config->token != NULL || tokens->lines != NULL) {
        const char *token = config->token                 ? config->token
                            : number < tokens->line_count ? tokens->lines[number]
                                                          : NULL;

        return token != NULL &&
               snprintf(ret_token, HF_BENCH_TOKEN_BYTES_MAX, "%s", token) < HF_BENCH_TOKEN_BYTES_MAX;
    }
    if (tokens->keys == NULL)
        return true;
    hf_bench_device_name(config, number, device);
    struct hf_jwt_claims claims = {
        .tenant = hf_slice_of(config->tenant),
        .device = hf_slice_of(device),
        .issued_s = tokens->issued_s,
        .expires_s = tokens->expires_s,
    };
    return hf_jwt_sign(tokens->keys, hf_slice_of(config->kid), &claims, hf_slice_of(config->audience),
                       ret_token, HF_BENCH_TOKEN_BYTES_MAX, &bytes) == HF_OK;
}
