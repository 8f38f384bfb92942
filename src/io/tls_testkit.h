/* io/tls_testkit.h - for tests and benches only: a folder of freshly made CAs and certificates, a clock that is set by
 * hand, and a client and a server that shake hands over a pair of memory BIOs. */
#ifndef HF_IO_TLS_TESTKIT_H
#define HF_IO_TLS_TESTKIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "io/pki.h"
#include "io/tls.h"
#include "io/tls_client.h"

/* Each program uses some of these. */
#define KIT static inline __attribute__((unused))

struct kit_clock {
    uint64_t utc_ms, monotonic_us;
};

KIT uint64_t kit_utc_ms(void *user)
{
    return ((struct kit_clock *)user)->utc_ms;
}

KIT uint64_t kit_monotonic_us(void *user)
{
    return ((struct kit_clock *)user)->monotonic_us++; /* each look is a microsecond later */
}

struct kit {
    char folder[64];
    struct kit_clock clock;
    struct hf_pki_ca *root, *intermediate, *other_root;
    struct hf_tls_deny *deny;
    char error[HF_TLS_ERROR_BYTES];
    const char *ca_files[1], *crl_files[1];
};

KIT char *kit_path(const struct kit *kit, const char *name) /* from a ring of eight */
{
    static char ring[8][128];
    static unsigned next;
    char *out = ring[next++ % 8];

    snprintf(out, sizeof(ring[0]), "%s/%s", kit->folder, name);
    return out;
}

KIT void kit_check(const struct kit *kit, hf_err err, const char *what)
{
    if (err != HF_OK) {
        fprintf(stderr, "%s: %s (%s)\n", what, hf_err_name(err), kit->error);
        abort();
    }
}

static const struct hf_pki_file_options kit_overwrite = {.overwrite = true};

#define KIT_CHECK(call) kit_check(kit, (call), #call)
#define KIT_ERROR       kit->error, sizeof(kit->error)

/* Writes NAME.pem and NAME.key. */
KIT void kit_device(struct kit *kit, struct hf_pki_ca *ca, const char *device, unsigned days)
{
    struct hf_pki_pair pair;
    char cert[64], key[64];

    snprintf(cert, sizeof(cert), "%s.pem", device);
    snprintf(key, sizeof(key), "%s.key", device);
    KIT_CHECK(hf_pki_device(ca, "acme", device, days, kit->clock.utc_ms, &pair, KIT_ERROR));
    KIT_CHECK(hf_pki_pair_save(&pair, kit_path(kit, cert), kit_path(kit, key), kit_overwrite, KIT_ERROR));
}

KIT void kit_init(struct kit *kit)
{
    static const char *const names[] = {"gateway.test", "127.0.0.1"};
    struct hf_pki_server_request request = {.names = names, .name_count = 2};
    struct hf_pki_pair pair;

    *kit = (struct kit){.clock = {.utc_ms = ((uint64_t)time(NULL) + 120) * 1000, .monotonic_us = 1000000}};
    strcpy(kit->folder, "/tmp/hf_tls_XXXXXX");
    if (mkdtemp(kit->folder) == NULL)
        abort();
    kit->deny = hf_tls_deny_new();
    KIT_CHECK(hf_pki_ca_new("root", 0, kit->clock.utc_ms, &kit->root, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_new("other root", 0, kit->clock.utc_ms, &kit->other_root, KIT_ERROR));
    KIT_CHECK(
        hf_pki_ca_intermediate(kit->root, "devices", 0, 0, kit->clock.utc_ms, &kit->intermediate, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_save(kit->root, kit_path(kit, "ca.pem"), kit_path(kit, "ca.key"), kit_overwrite,
                             KIT_ERROR));
    KIT_CHECK(hf_pki_ca_save(kit->other_root, kit_path(kit, "other.pem"), kit_path(kit, "other.key"),
                             kit_overwrite, KIT_ERROR));
    KIT_CHECK(hf_pki_server(kit->root, &request, kit->clock.utc_ms, &pair, KIT_ERROR));
    KIT_CHECK(hf_pki_pair_save(&pair, kit_path(kit, "server.pem"), kit_path(kit, "server.key"), kit_overwrite,
                               KIT_ERROR));
    kit_device(kit, kit->intermediate, "pump-1", 0);
}

KIT void kit_deinit(struct kit *kit)
{
    char command[128];

    hf_pki_ca_free(kit->root);
    hf_pki_ca_free(kit->intermediate);
    hf_pki_ca_free(kit->other_root);
    hf_tls_deny_free(kit->deny);
    snprintf(command, sizeof(command), "rm -rf '%s'", kit->folder);
    if (strncmp(kit->folder, "/tmp/hf_tls_", 12) == 0 && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", kit->folder);
}

/* File names are kept by the kit: one configuration at a time. */
KIT struct hf_tls_config kit_config(struct kit *kit, enum hf_tls_verify verify)
{
    static char cert[128], key[128], ca[128];

    strcpy(cert, kit_path(kit, "server.pem"));
    strcpy(key, kit_path(kit, "server.key"));
    strcpy(ca, kit_path(kit, "ca.pem"));
    kit->ca_files[0] = ca;
    return (struct hf_tls_config){.cert_file = cert,
                                  .key_file = key,
                                  .ca_files = kit->ca_files,
                                  .ca_file_count = verify == HF_TLS_VERIFY_NONE ? 0 : 1,
                                  .verify = verify,
                                  .deny = kit->deny,
                                  .clock = {kit_monotonic_us, kit_utc_ms, &kit->clock}};
}

KIT struct hf_tls *kit_server(struct kit *kit, const struct hf_tls_config *config)
{
    struct hf_tls *tls = NULL;

    KIT_CHECK(hf_tls_server_new(config, &tls, KIT_ERROR));
    return tls;
}

/* device NULL = without a certificate. */
KIT struct hf_tls_client *kit_client(struct kit *kit, const char *device)
{
    struct hf_tls_client *client = NULL;
    char cert[128], key[128], ca[128];

    snprintf(cert, sizeof(cert), "%s/%s.pem", kit->folder, device == NULL ? "" : device);
    snprintf(key, sizeof(key), "%s/%s.key", kit->folder, device == NULL ? "" : device);
    snprintf(ca, sizeof(ca), "%s/ca.pem", kit->folder);
    struct hf_tls_client_config config = {
        .ca_file = ca, .cert_file = device == NULL ? NULL : cert, .key_file = device == NULL ? NULL : key};

    KIT_CHECK(hf_tls_client_new(&config, &client, KIT_ERROR));
    return client;
}

struct kit_pair {
    SSL *server, *client;
};

KIT void kit_connect(struct kit_pair *pair, SSL *server, SSL *client)
{
    BIO *a = NULL, *b = NULL;

    if (server == NULL || client == NULL || BIO_new_bio_pair(&a, 65536, &b, 65536) != 1)
        abort();
    SSL_set_bio(server, a, a);
    SSL_set_bio(client, b, b);
    *pair = (struct kit_pair){server, client};
}

/* One byte from the server, so that the client meets everything sent before it: tickets, and late alerts. */
KIT bool kit_server_says(struct kit_pair *pair)
{
    char byte = 0;

    return SSL_write(pair->server, "x", 1) == 1 && SSL_read(pair->client, &byte, 1) == 1;
}

/* Both sides in turn until neither moves; true when both are done and the client got the server's ticket. */
KIT bool kit_shake(struct kit_pair *pair)
{
    int client = 0, server = 0;

    for (int turn = 0; turn < 10 && (client != 1 || server != 1); turn++) {
        ERR_clear_error();
        if (client != 1)
            client = SSL_do_handshake(pair->client);
        if (client != 1 && SSL_get_error(pair->client, client) != SSL_ERROR_WANT_READ)
            break;
        ERR_clear_error();
        if (server != 1)
            server = SSL_do_handshake(pair->server);
        if (server != 1 && SSL_get_error(pair->server, server) != SSL_ERROR_WANT_READ)
            break;
    }
    ERR_clear_error();
    return client == 1 && server == 1 && kit_server_says(pair);
}

KIT void kit_pair_free(struct kit_pair *pair)
{
    SSL_free(pair->server);
    SSL_free(pair->client);
}

/* A new connection of `client` to `tls`; session may be NULL. */
KIT bool kit_meet(struct hf_tls *tls, struct hf_tls_client *client, SSL_SESSION *session,
                  struct kit_pair *ret_pair)
{
    kit_connect(ret_pair, hf_tls_accept_new(tls), hf_tls_client_connect_new(client, "gateway.test", session));
    return kit_shake(ret_pair);
}

#endif
