/* Authentication by the first message of a raw connection (WS-9), its refresh, and the way to the home worker that follows from it. */
#include "adapter/ws/ws_testkit.h"

static struct kit kit;

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static void first_token_binds_the_device(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, NULL);

    assert_int_equal(kit_count(&kit, HF_EVENT_ONLINE), 0);
    kit_auth(link, kit_token(&kit, "k1", "d1", "j1", KIT_UTC + 60000));
    kit_expect_text(link, "{\"type\":\"auth_ok\",\"device\":\"d1\",\"expires_ms\":1700000060000}");
    assert_int_equal(kit_count(&kit, HF_EVENT_ONLINE), 1);
    kit_text(link, "{\"type\":\"data\",\"id\":1}");
    kit_durable(&kit);
    kit_expect_part(link, "\"ack\"");
    kit_run_to(&kit, 20000); /* the auth timeout is none any more */
    kit_expect_nothing(link);
    assert_int_equal(hf_ws_site_revoke(&kit.site, hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j1"))), 1);
}

static void nothing_else_before_authentication(void **state)
{
    static const struct {
        unsigned opcode;
        const char *in;
    } rows[] = {{HF_WS_OP_TEXT, "{\"type\":\"ping\"}"},
                {HF_WS_OP_TEXT, "{\"type\":\"data\"}"},
                {HF_WS_OP_TEXT, "{\"type\":\"subscribe\",\"topic\":\"t\"}"},
                {HF_WS_OP_TEXT, "{\"type\":\"business\"}"},
                {HF_WS_OP_TEXT, "{}"},
                {HF_WS_OP_TEXT, "hello"},
                {HF_WS_OP_TEXT, "{\"type\":\"auth\"}"},
                {HF_WS_OP_TEXT, "{\"type\":\"auth\",\"token\":5}"},
                {HF_WS_OP_TEXT, "{\"type\":\"auth\",\"token\":\"\"}"},
                {HF_WS_OP_BINARY, "x"}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = kit_open(&kit, NULL);

        kit_say(link, rows[i].opcode, rows[i].in, strlen(rows[i].in));
        kit_expect_close(link, 4401, "reason=credentials_missing;retry_ms=0");
        kit_end(link, HF_LINK_END_EOF);
    }
    assert_int_equal(kit.event_count, 0);
    struct kit_link *link = kit_open(&kit, NULL); /* control frames are no messages */
    kit_say(link, HF_WS_OP_PING, "p", 1);
    kit_expect(link, HF_WS_OP_PONG, "p");
    kit_close(link, 1000, "");
    kit_expect_close(link, 1000, "");
}

static void bad_tokens_are_refused_with_their_reason(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, NULL);
    kit_auth(link, "not.a.token");
    kit_expect_close(link, 4401, "reason=credentials_invalid;retry_ms=0");
    link = kit_open(&kit, NULL);
    kit_auth(link, kit_token(&kit, "k1", "d1", NULL, KIT_UTC - 1000));
    kit_expect_close(link, 4401, "reason=credentials_expired;retry_ms=0");
    link = kit_open(&kit, NULL);
    kit_auth(link, kit_token(&kit, "k1", "*", NULL, KIT_UTC + 60000)); /* any device, but no path names one */
    kit_expect_close(link, 4401, "reason=credentials_invalid;retry_ms=0");
    struct hf_ws_admit admit = kit_admit(&kit, NULL); /* the path named one */
    admit.identity.device_bytes = 2;
    memcpy(admit.identity.device, "d7", 2);
    link = kit_open_admit(&kit, &admit);
    kit_auth(link, kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit_expect_close(link, 4403, "reason=identity_mismatch;retry_ms=0");
    link = kit_open_admit(&kit, &admit);
    kit_auth(link, kit_token(&kit, "k1", "*", NULL, KIT_UTC + 60000));
    kit_expect_part(link, "\"device\":\"d7\"");
    assert_int_equal(kit.site.stats.auth_refused, 4);
}

static void revoked_device_is_refused_on_record(void **state)
{
    struct hf_event revoked = {
        .type = HF_EVENT_REVOKED, .tenant = HF_SLICE("acme"), .key = HF_SLICE("device:d1")};

    (void)state;
    assert_int_equal(kit_append(&kit.journal, &revoked, NULL), HF_OK);
    kit_durable(&kit);
    struct kit_link *link = kit_open(&kit, NULL);
    kit_auth(link, kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit_expect_close(link, 4403, "reason=revoked;retry_ms=300000");
    assert_int_equal(kit_last(&kit, HF_EVENT_REFUSED)->reason, HF_REASON_REVOKED);
    kit.rules.connections_max = 1;
    (void)kit_open(&kit, "d2");
    link = kit_open(&kit, NULL);
    kit_auth(link, kit_token(&kit, "k1", "d3", "j", KIT_UTC + 60000));
    kit_expect_close(link, 4429, "reason=tenant_limit;retry_ms=5000");
    assert_int_equal(kit_last(&kit, HF_EVENT_REFUSED)->reason, HF_REASON_TENANT_LIMIT);
    assert_int_equal(kit.site.credentials.count, 0);
}

static void five_seconds_and_four_kibibytes(void **state)
{
    static char large[5000];

    (void)state;
    struct kit_link *late = kit_open(&kit, NULL), *large_one = kit_open(&kit, NULL);
    memset(large, 'x', sizeof(large));
    kit_say(large_one, HF_WS_OP_TEXT, large, 4097);
    kit_expect_close(large_one, 1009, "reason=message_too_big;retry_ms=0");
    kit_run_to(&kit, 4990);
    kit_expect_nothing(late);
    kit_run_to(&kit, 5040);
    kit_expect_close(late, 4401, "reason=auth_timeout;retry_ms=0");
    struct kit_link *link = kit_open(&kit, NULL); /* the larger limit comes with the identity */
    kit_auth(link, kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit_say(link, HF_WS_OP_TEXT, large, sizeof(large));
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
}

static void refresh_prolongs_and_binds_its_own_revocation(void **state)
{
    struct hf_ws_admit admit;

    (void)state;
    admit = kit_admit(&kit, "d1"); /* no jti, no trace: nothing of its own was allocated */
    admit.identity.expires_ms = KIT_UTC + 10000;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    kit_run_to(&kit, 5000);
    kit_auth(link, kit_token(&kit, "k1", "d1", "j2", KIT_UTC + 20000));
    kit_expect_text(link, "{\"type\":\"auth_ok\",\"device\":\"d1\",\"expires_ms\":1700000020000}");
    kit_run_to(&kit, 15000);
    kit_expect_nothing(link);
    kit_auth(link, kit_token(&kit, "k1", "d1", "j3", KIT_UTC + 40000));
    kit_expect_part(link, "auth_ok");
    assert_int_equal(hf_ws_site_revoke(&kit.site, hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j2"))), 0);
    assert_int_equal(hf_ws_site_revoke(&kit.site, hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j3"))), 1);
}

static void refresh_as_somebody_else_ends_it(void **state)
{
    static const struct {
        const char *kid, *device;
        const char *reason;
        uint16_t code;
    } rows[] = {
        {"k1", "d2", "reason=identity_mismatch;retry_ms=0", 4403},
        {"k2", "d1", "reason=identity_mismatch;retry_ms=0", 4403}, /* the same name in another tenant */
        {"k1", "d1", "reason=credentials_expired;retry_ms=0", 4401}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = kit_open(&kit, "d1");

        kit_auth(link, kit_token(&kit, rows[i].kid, rows[i].device, NULL, KIT_UTC + (i == 2 ? 0 : 60000)));
        kit_expect_close(link, rows[i].code, rows[i].reason);
        kit_end(link, HF_LINK_END_EOF);
    }
}

/* The home of d1 is worker 1 of 2; this one is 0. */
static void moves_home_with_what_was_not_read(void **state)
{
    static struct kit_wire wire, rest;
    char text[4096];
    const char *device = NULL, *devices[] = {"d1", "d2", "d3", "d4", "d5"};

    (void)state;
    kit.hub.options.workers = 2;
    for (unsigned i = 0; i < HF_COUNT_OF(devices) && device == NULL; i++)
        if (hf_hub_home(HF_SLICE("acme"), hf_slice_of(devices[i]), 2) == 1)
            device = devices[i];
    assert_non_null(device);
    for (size_t fragmented = 0; fragmented < 2; fragmented++) {
        struct kit_link *link = kit_open(&kit, NULL);

        snprintf(text, sizeof(text), "{\"type\":\"auth\",\"token\":\"%s\"}",
                 kit_token(&kit, "k1", device, "j1", KIT_UTC + 60000));
        wire.bytes = rest.bytes = 0;
        if (fragmented) {
            kit_add_bytes(&wire, HF_WS_OP_TEXT, 0, text, 10);
            kit_add(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, text + 10);
        } else {
            kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, text);
        }
        kit_add(&rest, HF_WS_OP_TEXT, HF_WS_FIN, "{\"type\":\"data\"}");
        memcpy(wire.at + wire.bytes, rest.at, rest.bytes - 3); /* cut within a frame */
        kit_feed(link, wire.at, wire.bytes + rest.bytes - 3);
        assert_true(link->moved);
        assert_true(kit.moved->upgraded);
        assert_string_equal(kit.moved->identity.device, device);
        assert_int_equal(kit.moved_count, rest.bytes - 3);
        assert_memory_equal(kit.moved_bytes, rest.at, rest.bytes - 3);
        free(kit.moved);
        free(kit.moved_bytes);
    }
    assert_int_equal(kit.site.stats.opened, kit.site.stats.ended);
    kit.move_err = HF_ERR_BUSY;
    struct kit_link *link = kit_open(&kit, NULL);
    kit_auth(link, kit_token(&kit, "k1", device, NULL, KIT_UTC + 60000));
    kit_expect_close(link, 1013, "reason=busy;retry_ms=1000");
    kit_run_to(&kit, 20000);
}

static void moves_home_from_what_was_held(void **state)
{
    static struct kit_wire wire;
    char text[4096];

    (void)state;
    kit.hub.options.workers = 1000;
    struct kit_link *link = kit_open(&kit, NULL);
    kit.gate_closed = true;
    assert_false(link->link.handler->may_read(&link->link));
    assert_true(link->paused);
    snprintf(text, sizeof(text), "{\"type\":\"auth\",\"token\":\"%s\"}",
             kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    wire.bytes = 0;
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, text);
    kit_feed(link, wire.at, wire.bytes); /* had been read before the pause */
    assert_false(link->moved);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    assert_true(link->moved);
    free(kit.moved);
    free(kit.moved_bytes);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(first_token_binds_the_device),
        ROW(nothing_else_before_authentication),
        ROW(bad_tokens_are_refused_with_their_reason),
        ROW(revoked_device_is_refused_on_record),
        ROW(five_seconds_and_four_kibibytes),
        ROW(refresh_prolongs_and_binds_its_own_revocation),
        ROW(refresh_as_somebody_else_ends_it),
        ROW(moves_home_with_what_was_not_read),
        ROW(moves_home_from_what_was_held),
    };
    return cmocka_run_group_tests_name("ws_auth", tests, NULL, NULL);
}
