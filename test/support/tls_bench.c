/* test/support/tls_bench.c - what a TLS handshake and an idle TLS connection cost the gateway.
 * Handshakes run over memory BIOs; only the server's calls are timed, with the thread's CPU clock, so the figures are per
 * core and without sockets. Memory is what the allocator hands out for 2,000 connections that are up and idle.
 *     tls_bench [handshakes [row]]      default 2000 and all; row as printed, or "idle" */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/tls_testkit.h"

enum { DEVICES = 64, IDLE = 2000 };

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Not inlined, so that valgrind --tool=callgrind --toggle-collect=server_turn sees the gateway's part alone. */
static __attribute__((noinline)) int server_turn(SSL *ssl)
{
    return SSL_do_handshake(ssl);
}

/* As kit_shake(), with the server's part timed. */
static bool shake(struct kit_pair *pair, uint64_t *server_ns)
{
    int client = 0, server = 0;

    for (int turn = 0; turn < 10 && (client != 1 || server != 1); turn++) {
        if (client != 1)
            client = SSL_do_handshake(pair->client);
        uint64_t before_ns = cpu_ns();

        if (server != 1)
            server = server_turn(pair->server);
        *server_ns += cpu_ns() - before_ns;
    }
    return client == 1 && server == 1 && kit_server_says(pair);
}

static void run(struct kit *kit, const char *name, enum hf_tls_verify verify, bool resumed, unsigned count)
{
    struct hf_tls_config config = kit_config(kit, verify);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *clients[DEVICES];
    SSL_SESSION *sessions[DEVICES] = {NULL};
    uint64_t server_ns = 0, ignored_ns = 0;
    unsigned wrong = 0;

    for (unsigned i = 0; i < DEVICES; i++) {
        char device[32];

        snprintf(device, sizeof(device), "bench-%u", i);
        clients[i] = kit_client(kit, verify == HF_TLS_VERIFY_NONE ? NULL : device);
    }
    for (unsigned i = 0; i < DEVICES + count; i++) {
        struct hf_tls_client *client = clients[i % DEVICES];
        SSL_SESSION *session = sessions[i % DEVICES];
        struct kit_pair pair;
        uint64_t *ns = i < DEVICES ? &ignored_ns : &server_ns; /* the first round warms up */
        uint64_t before_ns = cpu_ns();
        SSL *server = hf_tls_accept_new(tls);

        *ns += cpu_ns() - before_ns;
        kit_connect(&pair, server,
                    hf_tls_client_connect_new(client, "gateway.test", resumed ? session : NULL));
        if (!shake(&pair, ns) || SSL_session_reused(pair.client) != (resumed && i >= DEVICES))
            wrong++;
        SSL_SESSION_free(session);
        sessions[i % DEVICES] = hf_tls_client_session(pair.client);
        before_ns = cpu_ns();
        SSL_free(pair.server);
        *ns += cpu_ns() - before_ns;
        SSL_free(pair.client);
    }
    printf("%-24s %7.0f handshakes/s per core  %6.1f us each%s\n", name, count * 1e9 / (double)server_ns,
           (double)server_ns / count / 1000, wrong > 0 ? "  WRONG: some did not do what they should" : "");
    for (unsigned i = 0; i < DEVICES; i++) {
        SSL_SESSION_free(sessions[i]);
        hf_tls_client_free(clients[i]);
    }
    hf_tls_server_free(tls);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void idle(struct kit *kit, const char *name, enum hf_tls_verify verify)
{
    struct hf_tls_config config = kit_config(kit, verify);
    struct hf_tls *tls = kit_server(kit, &config);
    static SSL *servers[IDLE];
    size_t server_bytes = 0;

    for (unsigned i = 0; i < IDLE; i++) {
        char device[32];
        struct hf_tls_client *client = NULL;
        struct kit_pair pair;
        size_t before = 0, client_after = 0;

        /* The verdict caches are warm from the second round on; sessions are new each time. */
        snprintf(device, sizeof(device), "bench-%u", i % DEVICES);
        client = kit_client(kit, verify == HF_TLS_VERIFY_NONE ? NULL : device);
        before = heap_bytes();
        if (!kit_meet(tls, client, NULL, &pair))
            abort();
        /* The client and both BIOs go, so that what is left is the gateway's. */
        SSL_free(pair.client);
        SSL_set_bio(pair.server, NULL, NULL);
        client_after = heap_bytes();
        servers[i] = pair.server;
        if (i >= DEVICES)
            server_bytes += client_after - before;
        hf_tls_client_free(client);
    }
    printf("%-24s %7.1f KiB each, idle\n", name, (double)server_bytes / (IDLE - DEVICES) / 1024);
    for (unsigned i = 0; i < IDLE; i++)
        SSL_free(servers[i]);
    hf_tls_server_free(tls);
}

int main(int argc, char **argv)
{
    static struct kit the_kit;
    struct kit *kit = &the_kit;
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
    const char *only = argc > 2 ? argv[2] : NULL;

    kit_init(kit);
    for (unsigned i = 0; i < DEVICES; i++) {
        char device[32];

        snprintf(device, sizeof(device), "bench-%u", i);
        kit_device(kit, kit->intermediate, device, 0);
    }
    static const struct {
        const char *name;
        enum hf_tls_verify verify;
        bool resumed;
    } rows[] = {{"mTLS full", HF_TLS_VERIFY_REQUIRED, false},
                {"mTLS resumed", HF_TLS_VERIFY_REQUIRED, true},
                {"server-auth full", HF_TLS_VERIFY_NONE, false},
                {"server-auth resumed", HF_TLS_VERIFY_NONE, true}};

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (only == NULL || strcmp(only, rows[i].name) == 0)
            run(kit, rows[i].name, rows[i].verify, rows[i].resumed, count);
    if (only == NULL || strcmp(only, "idle") == 0) {
        idle(kit, "mTLS", HF_TLS_VERIFY_REQUIRED);
        idle(kit, "server-auth", HF_TLS_VERIFY_NONE);
    }
    kit_deinit(kit);
    return 0;
}
