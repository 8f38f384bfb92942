/* bench/api.h - a few keep-alive HTTP/1.1 connections that ask the gateway's API, one request at a time on
 * each. A connection that breaks is dialled again by the next post. */
#ifndef HF_BENCH_API_H
#define HF_BENCH_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "bench/result.h"
#include "bench/target.h"
#include "bench/wire.h"
#include "io/tls_client.h"

enum { HF_BENCH_API_REQUEST_BYTES_MAX = HF_BENCH_PAYLOAD_BYTES_MAX + 2048 };

struct hf_bench_api; /* opaque */

struct hf_bench_api_config {
    int epoll_fd;
    const struct hf_bench_target *target;
    struct hf_tls_client *tls; /* for https */
    const char *key;           /* API key, NULL = none */
    unsigned connections;
    size_t answer_bytes_max; /* kept of an answer's body; 0: nothing */
    struct hf_bench_result *result;
    /* The request on connection `index` is over: HTTP status, or 0 when the connection broke. */
    void (*on_done)(void *user, unsigned index, unsigned status, uint64_t now_ns);
    void *user;
};

struct hf_bench_api *hf_bench_api_new(const struct hf_bench_api_config *config); /* NULL = no memory */
void hf_bench_api_free(struct hf_bench_api *api);                                /* NULL is harmless */
bool hf_bench_api_owns(const struct hf_bench_api *api, const void *tag);         /* of an epoll event */
void hf_bench_api_event(struct hf_bench_api *api, void *tag, uint32_t epoll_events, uint64_t now_ns);

bool hf_bench_api_busy(const struct hf_bench_api *api, unsigned index);
/* Asserts that the connection is not busy. `target`: path. on_done always comes, perhaps before this returns. */
void hf_bench_api_post(struct hf_bench_api *api, unsigned index, const char *path, struct hf_slice body,
                       uint64_t now_ns);
void hf_bench_api_get(struct hf_bench_api *api, unsigned index, const char *path,
                      uint64_t now_ns); /* the same */
/* In on_done: what is kept of the answer's body, ended by a NUL byte that does not count. */
struct hf_slice hf_bench_api_answer(const struct hf_bench_api *api, unsigned index);

#endif
