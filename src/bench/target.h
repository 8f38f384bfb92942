/* bench/target.h - where a load test goes: the parts of its URL, the resolved address, our own source addresses. */
#ifndef HF_BENCH_TARGET_H
#define HF_BENCH_TARGET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "bench/config.h"

enum { HF_BENCH_HOST_BYTES_MAX = 256, HF_BENCH_PATH_BYTES_MAX = 2048 };

struct hf_bench_target {
    bool tls;
    char host[HF_BENCH_HOST_BYTES_MAX];           /* name for SNI and the certificate, without brackets */
    char authority[HF_BENCH_HOST_BYTES_MAX + 16]; /* the Host header */
    char path[HF_BENCH_PATH_BYTES_MAX];           /* with query; may hold {device} and {token} */
    struct sockaddr_storage address;
    socklen_t address_bytes;
    uint64_t dns_ns; /* how long the name took; once, not for each connection */
};

struct hf_bench_sources {
    struct sockaddr_storage address[HF_BENCH_SOURCES_MAX];
    socklen_t address_bytes;
    unsigned count; /* 0: the kernel chooses */
};

/* scheme: "ws" also takes "wss", "http" also "https". HF_ERR_INVALID or HF_ERR_NOT_FOUND (name) with `error`. */
hf_err hf_bench_target_resolve(const char *url, const char *scheme, struct hf_bench_target *ret_target,
                               char error[HF_BENCH_ERROR_BYTES]);

/* list: "127.0.0.2,127.0.0.3" of the target's family, or NULL for none. HF_ERR_INVALID with `error`. */
hf_err hf_bench_sources_parse(const char *list, const struct hf_bench_target *target,
                              struct hf_bench_sources *ret_sources, char error[HF_BENCH_ERROR_BYTES]);

#endif
