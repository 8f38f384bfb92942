#include "bench/chaos/profiles.h"

#include "base/assert.h"

static const struct hf_chaos_profile profiles[] = {
    {.name = "none", .text = "no fault; the bare proxy", .transports = HF_CHAOS_BOTH},
    {.name = "f1",
     .text = "200 ms round trip and 5 % loss (TCP: as stalls)",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set rtt=200ms loss=5%"}},
    {.name = "f2",
     .text = "jitter 11 ms, 20 % loss in bursts, round trip 20 ms",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set rtt=20ms jitter=11ms burst-loss=20%"}},
    {.name = "f3",
     .text = "address change: 5 s of silence each minute, no FIN, no RST; what was open stays dead",
     .transports = HF_CHAOS_BOTH,
     .lines = {"every 1m silence 5s"}},
    {.name = "f3-30s",
     .text = "the same, 30 s",
     .transports = HF_CHAOS_BOTH,
     .lines = {"every 90s silence 30s"}},
    {.name = "f3-120s",
     .text = "the same, 120 s",
     .transports = HF_CHAOS_BOTH,
     .lines = {"every 4m silence 2m"}},
    {.name = "f3-tunnel",
     .text = "tunnel: 30 s of silence every 90 s, then the bytes of meanwhile arrive",
     .transports = HF_CHAOS_TCP,
     .lines = {"every 90s silence 30s hold"}},
    {.name = "f4",
     .text = "middlebox: forgets a mapping that is idle for 60 s, silently",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set idle=60s"}},
    {.name = "f4-300s", .text = "the same, 300 s", .transports = HF_CHAOS_BOTH, .lines = {"set idle=300s"}},
    {.name = "f4-cut",
     .text = "middlebox: resets what is idle for 60 s",
     .transports = HF_CHAOS_TCP,
     .lines = {"set idle=60s idle-how=rst"}},
    {.name = "f5",
     .text = "half-open: each connection falls silent for good after 10 s",
     .transports = HF_CHAOS_TCP,
     .lines = {"set silence-after=10s"}},
    {.name = "f5-slow-reader",
     .text = "the client reads 100 bytes a second",
     .transports = HF_CHAOS_TCP,
     .lines = {"set read-rate-down=100B/s"}},
    {.name = "f5-slow-loris",
     .text = "what the client sends trickles, 10 bytes a second",
     .transports = HF_CHAOS_TCP,
     .lines = {"set rate-up=10B/s"}},
    {.name = "f5-handshake",
     .text = "the client falls silent in the middle of its TLS handshake or request head, after 60 bytes",
     .transports = HF_CHAOS_TCP,
     .lines = {"set silence-bytes-up=60"}},
    {.name = "f5-accept",
     .text = "connections are accepted, then nothing",
     .transports = HF_CHAOS_TCP,
     .lines = {"set accept-only=on"}},
    {.name = "f6",
     .text = "power cut each minute: all cut, nobody listens for 5 s, then the fleet returns at once",
     .transports = HF_CHAOS_TCP,
     .lines = {"every 1m cut", "every 1m refuse 5s"}},
    {.name = "f7",
     .text = "kill -9 of the gateway under load",
     .elsewhere = "holdfast chaos process --pid PID --kill-after 30s"},
    {.name = "f8",
     .text = "clock steps",
     .elsewhere = "the clock of the gateway: test/e2e/test_faults_clock.py"},
    {.name = "f9",
     .text = "owner node killed; rolling update",
     .elsewhere = "holdfast chaos process --pid PID --kill-after 30s, for each node"},
    {.name = "f10",
     .text = "partition between nodes: 10 s of silence each minute",
     .transports = HF_CHAOS_BOTH,
     .lines = {"every 1m silence 10s"}},
    {.name = "f10-asymmetric",
     .text = "the same in one direction: what goes up is lost",
     .transports = HF_CHAOS_BOTH,
     .lines = {"every 1m silence up 10s"}},
    {.name = "f11",
     .text = "1,200 ms round trip between zones",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set rtt=1200ms"}},
    {.name = "f12",
     .text = "a store that fails over: cut each minute, away for 8.3 s",
     .transports = HF_CHAOS_TCP,
     .lines = {"every 1m cut", "every 1m refuse 8300ms"}},
    {.name = "f13",
     .text = "a backend that is away for 10 min, every 20 min",
     .transports = HF_CHAOS_TCP,
     .lines = {"every 20m cut", "every 20m refuse 10m"}},
    {.name = "f13-slow",
     .text = "a backend that is slow by 2 s",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set latency-down=2s"}},
    {.name = "f14",
     .text = "store full, read-only, slow",
     .elsewhere = "the disk of the gateway: test/e2e/test_faults_disk.py"},
    {.name = "f15",
     .text = "repeated, truncated and bit-flipped bytes (UDP: reordered, too)",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set duplicate=1% truncate=1% flip=1%"},
     .udp_line = "set reorder=5%"},
    {.name = "f16",
     .text = "certificate expiry, rotation, revocation",
     .elsewhere = "the files of the gateway: test/e2e/test_faults_trust.py"},
    {.name = "f17", .text = "connection flood", .elsewhere = "holdfast bench ws flood URL"},
    {.name = "f18", .text = "all cached keys vanish", .elsewhere = "the cache itself: empty it"},
    {.name = "f19", .text = "hottest key expires", .elsewhere = "the cache itself: expire it under load"},
    {.name = "f20", .text = "pool shrinks by leaked holders", .elsewhere = "the program that holds the pool"},
    {.name = "f21",
     .text = "a broker or webhook that is slow: 412 +- 298 ms",
     .transports = HF_CHAOS_BOTH,
     .lines = {"set latency-down=412ms jitter-down=298ms"}},
    {.name = "f21-away",
     .text = "a broker or webhook that is away for 1 min, every 2 min",
     .transports = HF_CHAOS_TCP,
     .lines = {"every 2m cut", "every 2m refuse 1m"}},
    {.name = "f22",
     .text = "a dead reader: it takes 1 byte a second; send it a storm",
     .transports = HF_CHAOS_TCP,
     .lines = {"set read-rate-down=1B/s"}},
    {.name = "f23",
     .text = "SIP over UDP behind a NAT: a new port each minute, 2 % loss, duplicates, disorder",
     .transports = HF_CHAOS_UDP,
     .lines = {"set rebind=1m loss=2% duplicate=1% reorder=2%"}},
    {.name = "f24",
     .text = "process stopped for 5 s; CPU starved to 10 %",
     .elsewhere =
         "holdfast chaos process --pid PID --stop 5s --every 30s; starved: --stop 90ms --every 100ms"},
    {.name = "f25",
     .text = "descriptor limit, memory limit",
     .elsewhere = "prlimit, systemd's LimitNOFILE= and MemoryMax="},
    {.name = "f26",
     .text = "crash of the client at every step",
     .elsewhere = "holdfast chaos process --pid PID --kill-after TIME; of the connection: --cut-bytes-up"},
    {.name = "f27",
     .text = "reload with errors, under load",
     .elsewhere = "kill -HUP with a wrong configuration: test/e2e/test_faults_trust.py"},
};

const struct hf_chaos_profile *hf_chaos_profile_at(unsigned index)
{
    return index < HF_COUNT_OF(profiles) ? &profiles[index] : NULL;
}

hf_err hf_chaos_profile_find(struct hf_slice name, unsigned transport,
                             const struct hf_chaos_profile **ret_profile, char error[HF_CHAOS_ERROR_BYTES])
{
    for (size_t i = 0; i < HF_COUNT_OF(profiles); i++) {
        const struct hf_chaos_profile *profile = &profiles[i];

        if (!hf_slice_is(name, profile->name))
            continue;
        *ret_profile = profile;
        if (profile->transports & transport)
            return HF_OK;
        if (profile->transports == 0)
            (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "profile %s (%s) is none for a proxy; use %s",
                           profile->name, profile->text, profile->elsewhere);
        else
            (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "profile %s is for %s; %s --udp", profile->name,
                           transport == HF_CHAOS_TCP ? "UDP" : "TCP",
                           transport == HF_CHAOS_TCP ? "add" : "leave out");
        return HF_ERR_UNSUPPORTED;
    }
    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "there is no profile '%.*s'; --list-profiles names them",
                   (int)HF_MIN(name.bytes, (size_t)HF_CHAOS_VALUE_BYTES), name.at);
    return HF_ERR_NOT_FOUND;
}

void hf_chaos_profiles_print(FILE *out)
{
    static const char *const transports[] = {"", "TCP", "UDP", "TCP, UDP"};

    for (size_t i = 0; i < HF_COUNT_OF(profiles); i++) {
        const struct hf_chaos_profile *profile = &profiles[i];

        if (profile->transports == 0) {
            (void)fprintf(out, "%-16s %s\n%-16s   not by this proxy: %s\n", profile->name, profile->text, "",
                          profile->elsewhere);
            continue;
        }
        (void)fprintf(out, "%-16s %s (%s)\n", profile->name, profile->text, transports[profile->transports]);
        for (size_t l = 0; l < HF_CHAOS_PROFILE_LINES_MAX && profile->lines[l] != NULL; l++)
            (void)fprintf(out, "%-16s   %s\n", "", profile->lines[l]);
        if (profile->udp_line != NULL)
            (void)fprintf(out, "%-16s   UDP: %s\n", "", profile->udp_line);
    }
}
