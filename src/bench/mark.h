/* bench/mark.h - the mark inside messages that travel through the gateway: {"hfb":"<a>-<b>","fill":"..."}. It is found
 * wherever the gateway's envelope puts the payload. */
#ifndef HF_BENCH_MARK_H
#define HF_BENCH_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HF_BENCH_MARK_BYTES_MIN = 64 }; /* the smallest payload that surely holds a mark */

/* Writes a JSON object of exactly `bytes` bytes (or of its own length, when that is more) and a NUL; out has room for
 * bytes + HF_BENCH_MARK_BYTES_MIN. Returns its length. */
size_t hf_bench_mark_write(char *out, size_t bytes, uint64_t a, uint64_t b);

/* Finds `key` (such as "\"hfb\":\"") in data and reads <a>-<b> behind it up to the closing quote. */
bool hf_bench_mark_read(const void *data, size_t bytes, const char *key, uint64_t *ret_a, uint64_t *ret_b);

#define HF_BENCH_MARK_KEY "\"hfb\":\""

#endif
