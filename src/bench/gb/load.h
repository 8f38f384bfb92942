/* bench/gb/load.h - `holdfast bench gb`: fleets of simulated cameras against a SIP platform, with the manners of `holdfast bench ws`: open loop by intended times, several
 * processes, pre-checks, the server's CPU and memory by its pid, and no result when the generator was the bottleneck. Exit: enum hf_bench_exit.
 *
 *   open     every device registers, at --rate            register: that is all
 *   settle   --settle
 *   play     media: the first devices' first channels, through the API
 *   measure  --duration                                   hold: keepalives; refresh: REGISTER again, at --refresh; catalog: lists, one after the other; media: streams
 *   look     media: what the gateway says of each stream, then stop
 *   leave    with --leave: REGISTER with Expires 0 */
#ifndef HF_BENCH_GB_LOAD_H
#define HF_BENCH_GB_LOAD_H

#include "bench/bench.h"
#include "bench/config.h"
#include "bench/gb/fleet.h"
#include "bench/run.h"

enum {
    HF_GB_LOAD_PROCESSES_MAX = 32,
    HF_GB_LOAD_PIDS_MAX = 64,
    HF_GB_LOAD_PARTS_MAX = 3,
    HF_GB_LOAD_PLAYS_MAX = 256
};

#define HF_GB_LOAD_MODE_MAP(X)                                                                               \
    X(HF_GB_LOAD_REGISTER, register,                                                                         \
      "all devices register, at --rate: CPU a registration, time until the last is in")                      \
    X(HF_GB_LOAD_REFRESH, refresh,                                                                           \
      "they register, and again at --refresh for --duration: CPU a REGISTER pair")                           \
    X(HF_GB_LOAD_HOLD, hold,                                                                                 \
      "they register and stay for --duration: CPU of keepalives, memory a device, false offlines")           \
    X(HF_GB_LOAD_CATALOG, catalog,                                                                           \
      "each device is asked for its list through the API: from its last part to the command's result")       \
    X(HF_GB_LOAD_MEDIA, media,                                                                               \
      "cameras are played through the API, all at once, and stream for --duration: CPU a Mbit, time to the " \
      "first packet, loss")
#define HF_GB_LOAD_MODE_ENUM(id, name, text) id,
enum hf_gb_load_mode { HF_GB_LOAD_MODE_MAP(HF_GB_LOAD_MODE_ENUM) HF_GB_LOAD_MODES };
#undef HF_GB_LOAD_MODE_ENUM
const char *hf_gb_load_mode_name(enum hf_gb_load_mode mode);

/* Columns as HF_BENCH_OPTION_MAP. */
/* clang-format off */
#define HF_GB_LOAD_OPTION_MAP(X) \
    X(U64, devices, "devices", "N", "100", 1, 1000000, "over all processes; the last six digits of their ids count up") \
    X(U64, processes, "processes", "N", "1", 1, HF_GB_LOAD_PROCESSES_MAX, "generator processes") \
    X(TEXT, first_id, "first-id", "ID", "34020000001320000001", 0, 0, "of the first device: 20 digits") \
    X(TEXT, server_id, "server-id", "ID", "34020000002000000001", 0, 0, "of the platform") \
    X(TEXT, domain, "domain", "REALM", "none", 0, 0, "of the platform, if it is not the first 10 digits of its id") \
    X(TEXT, password_file, "password-file", "FILE", "none", 0, 0, "the devices' password") \
    X(TEXT, password_env, "password-env", "NAME", "none", 0, 0, "the same in the environment") \
    X(TEXT, transport, "transport", "KIND", "udp", 0, 0, "udp or tcp; a socket of its own for each device") \
    X(U64, edition, "edition", "YEAR", "2016", 2016, 2022, "2016 or 2022") \
    X(REAL, rate, "rate", "R", "2000", 0.001, 1e6, "devices a second that come in") \
    X(REAL, refresh, "refresh", "R", "0", 0, 1e6, "refresh: REGISTERs a second; 0 is each device once within --duration") \
    X(FLAG, closed, "closed", "", "off", 0, 0, "refresh: each device again as soon as it has its answer, instead of at --refresh: cost and capacity, misleading for times") \
    X(NS, duration_ns, "duration", "TIME", "60s", 0, 864000, "measured time") \
    X(NS, settle_ns, "settle", "TIME", "1s", 0, 3600, "between the last registration and the measured time") \
    X(NS, timeout_ns, "timeout", "TIME", "60s", 1, 3600, "after the planned end of coming in, for the last to be in") \
    X(NS, drain_ns, "drain", "TIME", "5s", 0, 3600, "after the measured time, for answers to what was asked in it; what comes later has failed") \
    X(NS, keepalive_ns, "keepalive", "TIME", "60s", 1, 3600, "of each device") \
    X(U64, expires_s, "expires", "SECONDS", "3600", 5, 86400, "asked for") \
    X(U64, channels, "channels", "N", "1", 1, HF_CAM_CHANNELS_MAX, "of each device") \
    X(U64, items, "items", "N", "0", 0, HF_CAM_PART_ITEMS_MAX, "of a list in one message; 0: 2 over UDP, 50 over TCP") \
    X(U64, ahead, "ahead", "N", "1", 1, HF_CAM_PARTS_AHEAD_MAX, "messages of one list without waiting for SIP's 200") \
    X(FLAG, shuffle, "shuffle", "", "off", 0, 0, "lists in any order") \
    X(TEXT, media, "media", "FILE", "none", 0, 0, "what every channel shows when it is called: a program stream, as for gb-device; it goes round and round") \
    X(U64, streams, "streams", "N", "0", 0, 1000000, "media: devices whose first channel is played; 0: each that is not silent") \
    X(U64, plays, "plays", "N", "16", 1, HF_GB_LOAD_PLAYS_MAX, "media: requests to the API at a time, of each process") \
    X(TEXT, media_transport, "media-transport", "KIND", "udp", 0, 0, "media: udp, or tcp: the camera connects to the gateway") \
    X(TEXT, quirks, "quirks", "SETS", "none", 0, 0, "peculiarities that the devices show, in turn: a,b+c is a for one and b and c for the next; all: each by itself; see below") \
    X(TEXT, user_agent, "user-agent", "TEXT", "none", 0, 0, "of the devices; in front of their quirks") \
    X(REAL, loss, "loss", "PERCENT", "0", 0, 99, "datagrams lost: of SIP in either direction, and of RTP") \
    X(NS, rebind_ns, "rebind", "TIME", "0s", 0, 86400, "UDP, measured time: each device goes on from another port once in that time, as behind a NAT; 0s never") \
    X(U64, silent, "silent", "N", "0", 0, 1000000, "devices of these that answer no request") \
    X(NS, slow_ns, "slow", "TIME", "0s", 0, 600, "between a query and its answer") \
    X(U64, clones, "clones", "N", "0", 0, 100000, "further devices with the ids of the first ones, which come in after all; never part of the figures") \
    X(TEXT, sources, "sources", "A,B,..", "none", 0, 0, "own addresses, in turn; on loopback, where none are given: 127.0.0.2 and on, one for 20,000 devices") \
    X(TEXT, server_pids, "server-pid", "PID,..", "none", 0, 0, "measure CPU and memory of these local processes together") \
    X(TEXT, api_url, "api", "URL", "none", 0, 0, "catalog, media: http://host:port of the API") \
    X(TEXT, api_key_env, "api-key-env", "NAME", "none", 0, 0, "catalog, media: the API key in the environment") \
    X(FLAG, leave, "leave", "", "off", 0, 0, "unregister all at the end, at --rate") \
    X(NS, lag_max_ns, "lag-max", "TIME", "5ms", 0, 10, "p99 of send lag above which the generator is the bottleneck") \
    X(NS, stall_max_ns, "stall-max", "TIME", "50ms", 0, 10, "p99 of a loop turn above which it is") \
    X(U64, cpu_max_percent, "cpu-max", "PERCENT", "95", 1, 101, "generator CPU above which it is; 101 never") \
    X(U64, load_max_percent, "load-max", "PERCENT", "35", 1, 100, "load of the machine above which no run starts") \
    X(FLAG, force, "force", "", "off", 0, 0, "start although a pre-check failed; the result says so") \
    X(FLAG, json, "json", "", "off", 0, 0, "one JSON document on stdout") \
    X(FLAG, quiet, "quiet", "", "off", 0, 0, "no progress lines")
/* clang-format on */

struct hf_gb_load_config {
    enum hf_gb_load_mode mode;
    const char *server; /* HOST:PORT */
#define HF_GB_LOAD_FIELD(kind, field, ...) HF_BENCH_FIELD_##kind field;
    HF_GB_LOAD_OPTION_MAP(HF_GB_LOAD_FIELD)
#undef HF_GB_LOAD_FIELD
};

/* Reads `MODE HOST:PORT [--option value]...`. HF_ERR_INVALID with `error`. The combination is checked too. load_config.c */
hf_err hf_gb_load_parse(int argc, char **argv, struct hf_gb_load_config *ret_config,
                        char error[HF_BENCH_ERROR_BYTES]);
void hf_gb_load_each(const struct hf_gb_load_config *config,
                     void (*visit)(void *user, const char *option, const char *value), void *user);

#define HF_GB_LOAD_HELP_MODE(id, name, text) "  " #name "\n        " text "\n"
#define HF_GB_LOAD_HELP_OPTION(kind, field, name, metavar, value, min, max, help) \
    "  --" name " " metavar "\n        " help " [" value "]\n"
#define HF_GB_LOAD_HELP                                                                                      \
    "modes:\n" HF_GB_LOAD_MODE_MAP(                                                                          \
        HF_GB_LOAD_HELP_MODE) "\n"                                                                           \
                              "options and their defaults:\n" HF_GB_LOAD_OPTION_MAP(                         \
                                  HF_GB_LOAD_HELP_OPTION) "\n"                                               \
                                                          "Times carry their unit: 500us, 20ms, 10s, 5m, "   \
                                                          "1h.\n\n"                                          \
                                                          "examples:\n"                                      \
                                                          "  holdfast bench gb register 127.0.0.1:5060 "     \
                                                          "--devices 1000 --password-file gb.password\n"     \
                                                          "  holdfast bench gb hold 127.0.0.1:5060 "         \
                                                          "--devices 100000 --processes 2 --password-file "  \
                                                          "gb.password \\\n"                                 \
                                                          "      --duration 120s --server-pid 4711 --json\n" \
                                                          "  holdfast bench gb refresh 127.0.0.1:5060 "      \
                                                          "--devices 100000 --processes 2 --duration 60s "   \
                                                          "--loss 1 ...\n"                                   \
                                                          "  holdfast bench gb catalog 127.0.0.1:5060 "      \
                                                          "--devices 1 --channels 10000 --shuffle --ahead "  \
                                                          "32 \\\n"                                          \
                                                          "      --api http://127.0.0.1:8080 --api-key-env " \
                                                          "KEY --password-file gb.password\n"                \
                                                          "  holdfast bench gb media 127.0.0.1:5060 "        \
                                                          "--devices 200 --media film.mpg --duration 30s "   \
                                                          "\\\n"                                             \
                                                          "      --api http://127.0.0.1:8080 --api-key-env " \
                                                          "KEY --password-file gb.password --server-pid "    \
                                                          "4711\n\n" HF_CAM_QUIRK_HELP "\n"                  \
                                                          "exit status: 0 measured; 1 measured, but "        \
                                                          "devices failed; 2 usage, or a failed pre-check; " \
                                                          "3 the generator was\n"                            \
                                                          "the bottleneck and there is no result\n"

/* argv: MODE HOST:PORT [options], or --help. Prints the result to stdout, everything else to stderr. Forks. Returns enum hf_bench_exit. load.c */
int hf_bench_gb(int argc, char **argv);

#endif
