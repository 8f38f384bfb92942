/* bench/config.h - what one load test is: one row per option feeds the parser, --help and the archive.
 * Durations are written 500ms, 10s, 5m; the unit is required. Strings are borrowed from argv. */
#ifndef HF_BENCH_CONFIG_H
#define HF_BENCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/options.h"

enum {
    HF_BENCH_PROCESSES_MAX = 64,
    HF_BENCH_CONNECTIONS_MAX = 1000000,
    HF_BENCH_SOURCES_MAX = 64,
    HF_BENCH_PAYLOAD_BYTES_MAX = 65536,
    HF_BENCH_WINDOW_MAX = 1024,
    HF_BENCH_RUNS_MAX = 30,
    HF_BENCH_BROADCASTS_MAX = 100000,
    HF_BENCH_EXPECT_MAX = 1000000,
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
    X(HF_BENCH_FLOOD, flood,                                                                           \
      "connections that are expected to be refused, at --connect-rate for --duration")                 \
    X(HF_BENCH_RESUME, resume,                                                                         \
      "open sessions, drop all on SIGUSR1, dial again on SIGUSR2: until they and what they missed are back")

#define HF_BENCH_MODE_ENUM(id, name, text) id,
enum hf_bench_mode { HF_BENCH_MODE_MAP(HF_BENCH_MODE_ENUM) HF_BENCH_MODES };
#undef HF_BENCH_MODE_ENUM

const char *hf_bench_mode_name(enum hf_bench_mode mode);

/* Columns: kind, field, option, metavar, default, min, max (U64, REAL and, in seconds, NS), help. The default is what
 * the parser reads; "none" (TEXT) and "off" (FLAG) say that there is none. */
/* clang-format off */
#define HF_BENCH_OPTION_MAP(X) \
    X(U64, connections, "connections", "N", "100", 1, HF_BENCH_CONNECTIONS_MAX, "sockets, over all processes") \
    X(U64, processes, "processes", "N", "1", 1, HF_BENCH_PROCESSES_MAX, "generator processes") \
    X(REAL, connect_rate, "connect-rate", "R", "2000", 0.001, 1e7, "new connections a second") \
    X(REAL, rate, "rate", "R", "0", 0, 1e9, "messages a second (open loop); 0 is a closed loop") \
    X(U64, window, "window", "N", "1", 1, HF_BENCH_WINDOW_MAX, "closed loop: unanswered messages a connection") \
    X(U64, payload_bytes, "payload", "BYTES", "20", 0, HF_BENCH_PAYLOAD_BYTES_MAX, "size of a message") \
    X(NS, duration_ns, "duration", "TIME", "10s", 0, 864000, "measured time, after the warm-up") \
    X(NS, warmup_ns, "warmup", "TIME", "1s", 0, 86400, "cut off before it; 5m for figures to publish, 30s for a short look") \
    X(NS, timeout_ns, "timeout", "TIME", "10s", 0.001, 3600, "for a connection to open") \
    X(NS, patience_ns, "patience", "TIME", "20ms", 0, 60, "flood: how long a connection waits for its refusal before it says its request; 0s: at once") \
    X(NS, drain_ns, "drain", "TIME", "5s", 0, 3600, "wait for answers at the end; what comes later is lost") \
    X(RAMP, ramp, "ramp", "KIND", "none", 0, 0, "none, step or linear: how --rate (without messages --connect-rate) is reached") \
    X(NS, ramp_ns, "ramp-time", "TIME", "0s", 0, 86400, "how long the ramp takes; never measured") \
    X(U64, ramp_steps, "ramp-steps", "N", "5", 1, HF_BENCH_RAMP_STEPS_MAX, "plateaus of a step ramp") \
    X(U64, runs, "runs", "N", "1", 1, HF_BENCH_RUNS_MAX, "repeat; three or more give a 95 % interval") \
    X(TEXT, sources, "sources", "A,B,..", "none", 0, 0, "own addresses, in turn; a pair of addresses has about 28,000 ports") \
    X(NS, tick_ns, "tick", "TIME", "50us", 0, 1, "shortest sleep between sends; 0s gives the finest timing") \
    X(TEXT, device, "device", "PREFIX", "bench-", 0, 0, "device names: PREFIX000001, PREFIX000002, ...") \
    X(U64, device_first, "device-first", "N", "1", 0, 999999, "the first number") \
    X(TEXT, token, "token", "TOKEN", "none", 0, 0, "one token for all connections") \
    X(TEXT, token_file, "token-file", "FILE", "none", 0, 0, "one token a line, one for each device") \
    X(TEXT, secret_file, "secret-file", "FILE", "none", 0, 0, "HS256 secret: tokens are signed here") \
    X(TEXT, tenant, "tenant", "NAME", "default", 0, 0, "tenant of signed tokens") \
    X(TEXT, kid, "kid", "ID", "none", 0, 0, "key id of signed tokens") \
    X(TEXT, audience, "audience", "NAME", "none", 0, 0, "aud of signed tokens") \
    X(TEXT, api_url, "api", "URL", "none", 0, 0, "http://host:port of the API, if it is not the host of the URL") \
    X(TEXT, api_key, "api-key", "KEY", "none", 0, 0, "API key for downlink and broadcast") \
    X(U64, api_connections, "api-connections", "N", "8", 1, 1024, "keep-alive HTTP connections a process") \
    X(TEXT, protocol, "protocol", "NAME", "none", 0, 0, "WebSocket sub-protocol to ask for; holdfast.v1: sessions, numbered messages") \
    X(NS, heartbeat_ns, "heartbeat", "TIME", "0s", 0, 60, "holdfast.v1: profile adaptive, a PING so often; 0s: the gateway pings") \
    X(U64, samples, "samples", "N", "0", 0, 64, "uplink, holdfast.v1: each message is a batch of N sensor samples (format 4) in place of --payload; 5 at --rate 20 x connections is 100 Hz") \
    X(U64, expect, "expect", "N", "0", 0, HF_BENCH_EXPECT_MAX, "resume: messages that each session has missed; it answers commands") \
    X(TEXT, ca_file, "ca", "FILE", "none", 0, 0, "wss: CA certificates instead of the system's") \
    X(TEXT, cert_file, "cert", "FILE", "none", 0, 0, "wss: client certificate chain") \
    X(TEXT, key_file, "key", "FILE", "none", 0, 0, "wss: its key") \
    X(FLAG, shadow, "shadow", "", "off", 0, 0, "uplink, raw mode: each message is a report to the shadow of its device") \
    X(FLAG, insecure, "insecure", "", "off", 0, 0, "wss: do not check the server's certificate") \
    X(FLAG, blind, "blind", "", "off", 0, 0, "echo: check sizes only, for servers that answer constants") \
    X(FLAG, raw_tcp, "raw-tcp", "", "off", 0, 0, "echo: plain TCP, no handshake and no frames") \
    X(U64, server_pid, "server-pid", "PID", "0", 0, 4194304, "measure CPU and memory of this local process") \
    X(NS, lag_max_ns, "lag-max", "TIME", "2ms", 0, 10, "p99 of send lag above which the generator is the bottleneck") \
    X(NS, stall_max_ns, "stall-max", "TIME", "50ms", 0, 10, "p99 of a loop turn above which it is") \
    X(U64, cpu_max_percent, "cpu-max", "PERCENT", "95", 1, 101, "generator CPU above which it is; 101 never") \
    X(U64, load_max_percent, "load-max", "PERCENT", "35", 1, 100, "load of the machine above which no run starts") \
    X(FLAG, force, "force", "", "off", 0, 0, "start although a pre-check failed; the result says so") \
    X(FLAG, json, "json", "", "off", 0, 0, "one JSON document on stdout") \
    X(TEXT, archive, "archive", "DIR", "none", 0, 0, "write raw histograms, configuration and result there") \
    X(FLAG, quiet, "quiet", "", "off", 0, 0, "no progress lines")
/* clang-format on */

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

/* What --help says: modes, options with their defaults, examples. A literal, so that a table of commands can hold it. */
#define HF_BENCH_HELP_MODE(id, name, text) "  " #name "\n        " text "\n"
#define HF_BENCH_HELP_OPTION(kind, field, name, metavar, value, min, max, help) \
    "  --" name " " metavar "\n        " help " [" value "]\n"
#define HF_BENCH_HELP                                                                                        \
    "modes:\n" HF_BENCH_MODE_MAP(                                                                            \
        HF_BENCH_HELP_MODE) "\n"                                                                             \
                            "options and their defaults:\n" HF_BENCH_OPTION_MAP(                             \
                                HF_BENCH_HELP_OPTION) "\n"                                                   \
                                                      "In the URL, {device} stands for the device's name "   \
                                                      "and {token} for its token; a token without a place\n" \
                                                      "in the URL is added as ?token=. Times carry their "   \
                                                      "unit: 500us, 20ms, 10s, 5m, 1h.\n\n"                  \
                                                      "examples:\n"                                          \
                                                      "  holdfast bench ws echo ws://127.0.0.1:8081/ "       \
                                                      "--connections 200 --rate 50000 --server-pid 4711\n"   \
                                                      "  holdfast bench ws hold "                            \
                                                      "'ws://127.0.0.1:8080/v1/connect/{device}' "           \
                                                      "--connections 15000 \\\n"                             \
                                                      "      --secret-file tenant.secret --tenant acme "     \
                                                      "--sources 127.0.0.2,127.0.0.3 --server-pid 4711\n"    \
                                                      "  holdfast bench ws uplink "                          \
                                                      "'ws://127.0.0.1:8080/v1/connect/{device}' "           \
                                                      "--connections 1000 \\\n"                              \
                                                      "      --payload 200 --rate 50000 --warmup 30s "       \
                                                      "--duration 60s --runs 3 --token-file tokens --json\n" \
                                                      "  holdfast bench ws broadcast "                       \
                                                      "'ws://127.0.0.1:8080/v1/connect/{device}' "           \
                                                      "--connections 10000 \\\n"                             \
                                                      "      --payload 100 --rate 1 --secret-file "          \
                                                      "tenant.secret --api-key \"$KEY\"\n\n"                 \
                                                      "exit status: 0 measured; 1 measured, but "            \
                                                      "connections or messages failed; 2 usage, or a "       \
                                                      "failed\n"                                             \
                                                      "pre-check; 3 the generator was the bottleneck and "   \
                                                      "there is no result\n"

/* Calls visit(user, option, value as text) for every option that has a value; secrets (token, api-key) are "***". */
void hf_bench_config_each(const struct hf_bench_config *config,
                          void (*visit)(void *user, const char *option, const char *value), void *user);

#endif
