/* bench/config.h - what one load test is: one row per option feeds the parser, --help and the archive.
 * Durations are written 500ms, 10s, 5m; the unit is required. Strings are borrowed from argv. */
#ifndef HF_BENCH_CONFIG_H
#define HF_BENCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "bench/schedule.h"

enum {
    HF_BENCH_PROCESSES_MAX = 64,
    HF_BENCH_CONNECTIONS_MAX = 1000000,
    HF_BENCH_SOURCES_MAX = 64,
    HF_BENCH_PAYLOAD_BYTES_MAX = 65536,
    HF_BENCH_WINDOW_MAX = 1024,
    HF_BENCH_RUNS_MAX = 30,
    HF_BENCH_BROADCASTS_MAX = 100000,
    HF_BENCH_ERROR_BYTES = 256,
};

/* Columns: identifier, name, what it measures. */
#define HF_BENCH_MODE_MAP(X)                                                                           \
    X(HF_BENCH_CONNECT, connect,                                                                       \
      "open --connections at --connect-rate: handshakes, their stages and causes")                     \
    X(HF_BENCH_HOLD, hold, "open them and keep them for --duration: memory and idle CPU a connection") \
    X(HF_BENCH_ECHO, echo, "messages that come back: the transport alone, for any echo server")        \
    X(HF_BENCH_UPLINK, uplink, "device messages until their durable acknowledgement")                  \
    X(HF_BENCH_DOWNLINK, downlink, "POST /v1/devices/{id}/messages until the device has it")           \
    X(HF_BENCH_BROADCAST, broadcast, "POST /v1/broadcast until the last socket has it")                \
    X(HF_BENCH_CHURN, churn, "open, close, open again at --connect-rate for --duration")               \
    X(HF_BENCH_FLOOD, flood, "connections that are expected to be refused, at --connect-rate for --duration")

#define HF_BENCH_MODE_ENUM(id, name, text) id,
enum hf_bench_mode { HF_BENCH_MODE_MAP(HF_BENCH_MODE_ENUM) HF_BENCH_MODES };
#undef HF_BENCH_MODE_ENUM

const char *hf_bench_mode_name(enum hf_bench_mode mode);

enum hf_bench_kind { HF_BENCH_FLAG, HF_BENCH_U64, HF_BENCH_REAL, HF_BENCH_NS, HF_BENCH_TEXT, HF_BENCH_RAMP };

/* Columns: kind, field, option, metavar, default, min, max (U64, REAL and, in seconds, NS), help. */
#define HF_BENCH_OPTION_MAP(X)                                                                               \
    X(U64, connections, "connections", "N", "100", 1, HF_BENCH_CONNECTIONS_MAX,                              \
      "sockets, over all processes")                                                                         \
    X(U64, processes, "processes", "N", "1", 1, HF_BENCH_PROCESSES_MAX, "generator processes")               \
    X(REAL, connect_rate, "connect-rate", "R", "2000", 0.001, 1e7, "new connections a second")               \
    X(REAL, rate, "rate", "R", "0", 0, 1e9, "messages a second (open loop); 0 = closed loop")                \
    X(U64, window, "window", "N", "1", 1, HF_BENCH_WINDOW_MAX,                                               \
      "closed loop: unanswered messages a connection")                                                       \
    X(U64, payload_bytes, "payload", "BYTES", "20", 0, HF_BENCH_PAYLOAD_BYTES_MAX, "size of a message")      \
    X(NS, duration_ns, "duration", "TIME", "10s", 0, 864000, "measured time, after the warm-up")             \
    X(NS, warmup_ns, "warmup", "TIME", "1s", 0, 86400, "cut off before it (long runs: 5m, short: 30s)")      \
    X(NS, timeout_ns, "timeout", "TIME", "10s", 0.001, 3600, "for a connection to open")                     \
    X(NS, drain_ns, "drain", "TIME", "5s", 0, 3600, "wait for answers at the end; later is lost")            \
    X(RAMP, ramp, "ramp", "KIND", "none", 0, 0,                                                              \
      "none, step or linear: how --rate (or --connect-rate) is reached")                                     \
    X(NS, ramp_ns, "ramp-time", "TIME", "0s", 0, 86400, "how long the ramp takes; part of the warm-up")      \
    X(U64, ramp_steps, "ramp-steps", "N", "5", 1, HF_BENCH_RAMP_STEPS_MAX, "plateaus of a step ramp")        \
    X(U64, runs, "runs", "N", "1", 1, HF_BENCH_RUNS_MAX, "repeat; three or more give a 95 % interval")       \
    X(TEXT, sources, "sources", "A,B,..", NULL, 0, 0,                                                        \
      "own addresses in turn; each pair has about 28,000 ports")                                             \
    X(NS, tick_ns, "tick", "TIME", "50us", 0, 1, "shortest sleep between sends; 0s for the finest timing")   \
    X(TEXT, device, "device", "PREFIX", "bench-", 0, 0, "device names: PREFIX000001, PREFIX000002, ...")     \
    X(U64, device_first, "device-first", "N", "1", 0, 999999, "the first number")                            \
    X(TEXT, token, "token", "TOKEN", NULL, 0, 0, "one token for all connections")                            \
    X(TEXT, token_file, "token-file", "FILE", NULL, 0, 0, "one token a line, for one device each")           \
    X(TEXT, secret_file, "secret-file", "FILE", NULL, 0, 0, "HS256 secret: tokens are signed here")          \
    X(TEXT, tenant, "tenant", "NAME", "default", 0, 0, "tenant of signed tokens")                            \
    X(TEXT, kid, "kid", "ID", "", 0, 0, "key id of signed tokens")                                           \
    X(TEXT, audience, "audience", "NAME", NULL, 0, 0, "aud of signed tokens")                                \
    X(TEXT, api_url, "api", "URL", NULL, 0, 0, "http://host:port of the API; default: the host of the URL")  \
    X(TEXT, api_key, "api-key", "KEY", NULL, 0, 0, "API key for downlink and broadcast")                     \
    X(U64, api_connections, "api-connections", "N", "8", 1, 1024, "keep-alive HTTP connections a process")   \
    X(TEXT, protocol, "protocol", "NAME", NULL, 0, 0, "WebSocket sub-protocol to ask for")                   \
    X(TEXT, ca_file, "ca", "FILE", NULL, 0, 0, "wss: CA certificates; default: the system's")                \
    X(TEXT, cert_file, "cert", "FILE", NULL, 0, 0, "wss: client certificate chain")                          \
    X(TEXT, key_file, "key", "FILE", NULL, 0, 0, "wss: its key")                                             \
    X(FLAG, insecure, "insecure", NULL, NULL, 0, 0, "wss: do not check the server's certificate")            \
    X(FLAG, blind, "blind", NULL, NULL, 0, 0, "echo: check sizes only, for servers that answer constants")   \
    X(FLAG, raw_tcp, "raw-tcp", NULL, NULL, 0, 0, "echo: plain TCP, no handshake and no frames")             \
    X(U64, server_pid, "server-pid", "PID", "0", 0, 4194304, "measure CPU and memory of this local process") \
    X(NS, lag_max_ns, "lag-max", "TIME", "2ms", 0, 10,                                                       \
      "p99 of send lag above which the generator is the bottleneck")                                         \
    X(NS, stall_max_ns, "stall-max", "TIME", "50ms", 0, 10, "longest loop turn allowed, at p99")             \
    X(U64, cpu_max_percent, "cpu-max", "PERCENT", "95", 1, 100,                                              \
      "generator CPU above which it is the bottleneck")                                                      \
    X(U64, load_max_percent, "load-max", "PERCENT", "35", 1, 100,                                            \
      "load of the machine above which a run does not start")                                                \
    X(FLAG, force, "force", NULL, NULL, 0, 0, "start although a pre-check failed; the result says so")       \
    X(FLAG, json, "json", NULL, NULL, 0, 0, "one JSON document on stdout")                                   \
    X(TEXT, archive, "archive", "DIR", NULL, 0, 0, "write raw histograms, configuration and result there")   \
    X(FLAG, quiet, "quiet", NULL, NULL, 0, 0, "no progress lines")

#define HF_BENCH_FIELD_FLAG bool
#define HF_BENCH_FIELD_U64  uint64_t
#define HF_BENCH_FIELD_REAL double
#define HF_BENCH_FIELD_NS   uint64_t
#define HF_BENCH_FIELD_TEXT const char *
#define HF_BENCH_FIELD_RAMP enum hf_bench_ramp

struct hf_bench_config {
    enum hf_bench_mode mode;
    const char *url;
#define HF_BENCH_FIELD(kind, field, ...) HF_BENCH_FIELD_##kind field;
    HF_BENCH_OPTION_MAP(HF_BENCH_FIELD)
#undef HF_BENCH_FIELD
};

/* Reads `MODE URL [--option value]...` (argv[0] is the mode). HF_ERR_INVALID: `error` names the argument and what is
 * wrong with it. The combination is checked too. */
hf_err hf_bench_config_parse(int argc, char **argv, struct hf_bench_config *ret_config,
                             char error[HF_BENCH_ERROR_BYTES]);

/* "1.5s" -> nanoseconds. HF_ERR_INVALID without a known unit (ns, us, ms, s, m, h) or out of range. */
hf_err hf_bench_duration_parse(const char *text, uint64_t *ret_ns);

void hf_bench_config_help(FILE *out);

/* Calls visit(user, option, value as text) for every option that has a value; secrets (token, api-key) are "***". */
void hf_bench_config_each(const struct hf_bench_config *config,
                          void (*visit)(void *user, const char *option, const char *value), void *user);

#endif
