/* bench/token.h - the token of each device: one for all, one a line of a file, or signed here with the tenant's
 * HS256 secret. */
#ifndef HF_BENCH_TOKEN_H
#define HF_BENCH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/config.h"
#include "codec/jwt/keys.h"

enum { HF_BENCH_DEVICE_BYTES_MAX = 128, HF_BENCH_TOKEN_BYTES_MAX = 4097 };

struct hf_bench_tokens {
    const struct hf_bench_config *config; /* borrows */
    char *text;                           /* owns: the token file, lines ended by NUL */
    char **lines;                         /* owns */
    size_t line_count;
    struct hf_jwt_keys *keys; /* owns */
    uint64_t issued_s, expires_s;
};

/* HF_ERR_INVALID or HF_ERR_IO with `error`. */
hf_err hf_bench_tokens_init(struct hf_bench_tokens *tokens, const struct hf_bench_config *config,
                            char error[HF_BENCH_ERROR_BYTES]);
void hf_bench_tokens_deinit(struct hf_bench_tokens *tokens);

/* number: 0.. over all processes. */
void hf_bench_device_name(const struct hf_bench_config *config, uint64_t number,
                          char ret_name[HF_BENCH_DEVICE_BYTES_MAX]);

/* The empty text when no tokens are used. False: the file has too few lines, or signing failed. */
bool hf_bench_token(const struct hf_bench_tokens *tokens, uint64_t number,
                    char ret_token[HF_BENCH_TOKEN_BYTES_MAX]);

#endif
