/* The public client over TLS: whom it trusts, what a pin says, and who it says it is (TLS-11). */
#include "client/driver_testkit.h"

#include "io/tls_testkit.h"

struct world {
    struct kit kit;
    struct device device;
    uint8_t pin[1][32];
};

static SSL_CTX *server(const struct kit *kit)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, kit_path(kit, "server.pem")), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, kit_path(kit, "server.key"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, kit_path(kit, "ca.pem"), NULL), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL); /* asks, and takes none for an answer, too */
    assert_int_equal(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"door", 4), 1);
    return ctx;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    static char ca[128];

    kit_init(&world->kit);
    device_init(&world->device);
    world->device.door.tls = server(&world->kit);
    (void)snprintf(world->device.url, sizeof(world->device.url), "wss://127.0.0.1:%u",
                   world->device.door.port);
    (void)snprintf(ca, sizeof(ca), "%s", kit_path(&world->kit, "ca.pem"));
    world->device.options.ca_file = ca;
    assert_int_equal(hf_tls_client_pin_of(kit_path(&world->kit, "server.pem"), world->pin[0]), HF_OK);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    device_deinit(&world->device);
    kit_deinit(&world->kit);
    free(world);
    return 0;
}

static void with_the_right_ca_and_pin(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;
    char *large = malloc(300001);

    memset(large, 'x', 300000);
    large[300000] = '\0';
    device->options.pins = world->pin;
    device->options.pin_count = 1;
    device_open(device);
    assert_int_equal(device_publish(device, large), HOLDFAST_OK);
    assert_int_equal(device_publish(device, "hello"), HOLDFAST_OK);
    device_until(device, &device->sent, 2);
    assert_string_equal(device->door.last, "hello");
    assert_int_equal(device->door.payload_bytes, 300005);
    free(large);
}

static void a_ticket_saves_the_next_handshake(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;

    device_open(device);
    device_until(device, &device->opened, 1);
    assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
    device_until(device, &device->sent, 1);
    assert_int_equal(SSL_session_reused(device->door.ssl), 0);
    door_drop(&device->door, false);
    device_until(device, &device->opened, 2);
    assert_int_equal(SSL_session_reused(device->door.ssl), 1);
}

static void a_ticket_that_the_server_chokes_on_is_shown_once(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;

    /* Without a context OpenSSL gives tickets out, and ends the handshake that shows one. */
    assert_int_equal(SSL_CTX_set_session_id_context(device->door.tls, NULL, 0), 1);
    device_open(device);
    device_until(device, &device->opened, 1);
    assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
    device_until(device, &device->sent, 1);
    door_drop(&device->door, false);
    device_until(device, &device->opened, 2);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
}

static void another_key_is_told_as_interception(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;

    world->pin[0][0] ^= 1;
    device->options.pins = world->pin;
    device->options.pin_count = 1;
    device_open(device);
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_INTERCEPTED);
    assert_int_equal(device->door.hellos, 0);
}

static unsigned suspect_told;

static void on_path(void *user, const struct hf_client_path *path)
{
    (void)user;
    suspect_told = path->suspect;
}

/* An address that the gateway named leads on under another name: a hint, and no interception (TLS-11). */
static void another_name_is_a_hint(void **state)
{
    struct device *device = &((struct world *)*state)->device;
    struct hf_client_path path = HOLDFAST_PATH_INIT;
    char alternate[32];

    (void)snprintf(alternate, sizeof(alternate), "localhost:%u", device->door.port);
    device->door.welcome.alternates[0] = hf_slice_of(alternate);
    device->door.welcome.alternate_count = 1;
    device->options.insecure = true; /* the certificate is for one name */
    device->options.on_path = on_path;
    suspect_told = UINT32_MAX;
    device_open(device);
    device_until(device, &device->opened, 1);
    hf_client_path(device->client, &path);
    assert_int_equal(path.suspect, 0);
    device->door.refuse = "HTTP/1.1 503 Service Unavailable\r\n\r\n"; /* the configured one, once */
    door_drop(&device->door, false);
    device_until(device, &device->opened, 2);
    assert_non_null(strstr(device->door.request, alternate));
    (void)device_settle(device);
    assert_int_equal(suspect_told, HOLDFAST_SUSPECT_NAME);
    path = (struct hf_client_path){.size = offsetof(struct hf_client_path, rtt_us), .rtt_us = 77};
    hf_client_path(device->client, &path); /* a program of an older header has no more room */
    assert_int_equal(path.suspect, HOLDFAST_SUSPECT_NAME);
    assert_int_equal(path.size, offsetof(struct hf_client_path, rtt_us));
    assert_int_equal(path.rtt_us, 77);
    assert_int_not_equal(device->last_failure, HOLDFAST_FAILED_INTERCEPTED);
    door_drop(&device->door, false);
    device_until(device, &device->opened, 3);
    path = (struct hf_client_path)HOLDFAST_PATH_INIT;
    hf_client_path(device->client, &path);
    assert_int_equal(path.suspect, 0);
}

static void another_ca_is_a_failure_of_tls(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;
    static char other[128];

    (void)snprintf(other, sizeof(other), "%s", kit_path(&world->kit, "other.pem"));
    device->options.ca_file = other;
    device_open(device);
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
    device->options.insecure = true;
    hf_client_free(device->client);
    device_open(device);
    device_until(device, &device->opened, 1);
}

static void its_certificate_is_shown(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;
    static char cert[128], key[128];
    X509 *shown;

    (void)snprintf(cert, sizeof(cert), "%s", kit_path(&world->kit, "pump-1.pem"));
    (void)snprintf(key, sizeof(key), "%s", kit_path(&world->kit, "pump-1.key"));
    device->options.cert_file = cert;
    device->options.key_file = key;
    device_open(device);
    device_until(device, &device->opened, 1);
    shown = SSL_get1_peer_certificate(device->door.ssl);
    assert_non_null(shown);
    X509_free(shown);
}

/* In TLS 1.3 the client is through before the server has looked at its certificate. */
static void a_server_that_demands_a_certificate_says_so(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;

    SSL_CTX_set_verify(device->door.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    device_open(device);
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
    assert_non_null(strstr(device->last_text, "certificate required"));
}

static void a_plain_server_is_a_failure_of_tls(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;

    SSL_CTX_free(device->door.tls);
    device->door.tls = NULL;
    device->door.refuse = "nonsense";
    device_open(device);
    while (device->closed == 0) {
        (void)device_settle(device);
        if (device->door.head_bytes > 0) { /* what it took for a request was a ClientHello */
            door_write(&device->door, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            door_drop(&device->door, false);
        }
    }
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void copy(const struct kit *kit, const char *from, const char *to)
{
    char command[512], source[128];

    (void)snprintf(source, sizeof(source), "%s", kit_path(kit, from));
    (void)snprintf(command, sizeof(command), "cp %s %s", source, kit_path(kit, to));
    assert_int_equal(system(command), 0);
}

/* Renewed while nobody asked for it: trust that was wrong, and a certificate that the server would not take, which in TLS 1.3 is told behind the handshake. */
static void what_is_renewed_on_the_disk_is_used_after_a_failure(void **state)
{
    struct world *world = *state;
    struct device *device = &world->device;
    static char ca[128], cert[128], key[128];

    (void)snprintf(ca, sizeof(ca), "%s", kit_path(&world->kit, "changes-ca.pem"));
    (void)snprintf(cert, sizeof(cert), "%s", kit_path(&world->kit, "changes.pem"));
    (void)snprintf(key, sizeof(key), "%s", kit_path(&world->kit, "changes.key"));
    copy(&world->kit, "other.pem", "changes-ca.pem");
    copy(&world->kit, "other.pem", "changes.pem");
    copy(&world->kit, "other.key", "changes.key");
    SSL_CTX_set_verify(device->door.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    device->options.ca_file = ca;
    device->options.cert_file = cert;
    device->options.key_file = key;
    device_open(device);
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
    copy(&world->kit, "ca.pem", "changes-ca.pem");
    device->now_ms += 60000;
    device_until(device, &device->closed, 2);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_TLS);
    assert_non_null(strstr(device->last_text, "alert"));
    copy(&world->kit, "pump-1.pem", "changes.pem");
    copy(&world->kit, "pump-1.key", "changes.key");
    device->now_ms += 60000;
    device_until(device, &device->opened, 1);
}

static void the_handshake_has_its_time(void **state)
{
    struct device *device = &((struct world *)*state)->device;
    const struct hf_client_open *open = &device->last_open;

    device->options.monotonic_ms = device_ticking;
    device_open(device);
    device_until(device, &device->opened, 1);
    assert_true(open->tcp_ms > 0 && open->tls_ms > 0 && open->upgrade_ms > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_handshake_has_its_time),
        ROW(what_is_renewed_on_the_disk_is_used_after_a_failure),
        ROW(with_the_right_ca_and_pin),
        ROW(a_ticket_saves_the_next_handshake),
        ROW(another_key_is_told_as_interception),
        ROW(another_ca_is_a_failure_of_tls),
        ROW(another_name_is_a_hint),
        ROW(a_ticket_that_the_server_chokes_on_is_shown_once),
        ROW(its_certificate_is_shown),
        ROW(a_server_that_demands_a_certificate_says_so),
        ROW(a_plain_server_is_a_failure_of_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
