/* How a connection of holdfast.v1 begins: credentials, HELLO, home, WELCOME, and everything that ends it before. */
#include "adapter/ws/ws_session_testkit.h"

static void hello_is_answered_when_its_record_is_durable(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");
    struct hf_frame_welcome welcome;

    (void)state;
    hello.as.hello.trace = HF_SLICE("t_1");
    hello.as.hello.capabilities = UINT32_MAX;
    sk_say(link, &hello);
    kit_expect_nothing(link);
    assert_int_equal(kit.opens, 0); /* established is what WELCOME has left for */
    assert_int_equal(sk_conn(link)->session->state, HF_LINK_HANDSHAKING);
    sk_turn();
    welcome = sk_expect(link, HF_FRAME_WELCOME)->as.welcome;
    kit_expect_nothing(link);
    assert_int_equal(kit.opens, 1);
    assert_int_equal(sk_conn(link)->session->state, HF_LINK_CONNECTED);
    assert_int_equal(welcome.version, 1);
    assert_int_equal(welcome.result, HF_SESSION_NEW);
    assert_int_equal(welcome.reason, HF_REASON_NONE);
    assert_int_equal(welcome.capabilities,
                     SK_ALL | HF_CAP_CRC | HF_CAP_REFUSALS); /* no documents, nothing that is not known */
    assert_int_equal(welcome.epoch, 1);
    assert_int_equal(welcome.connection_id, 1);
    assert_int_equal(welcome.uplink_received, 0);
    assert_int_equal(welcome.downlink_next, 1);
    assert_int_equal(welcome.window_messages, 8);
    assert_int_equal(welcome.window_bytes, 65536);
    assert_int_equal(welcome.message_bytes_max, 65536);
    assert_int_equal(welcome.rate, 1000);
    assert_int_equal(welcome.durability, HF_DURABILITY_FSYNC);
    assert_int_equal(welcome.profile, HF_PROFILE_DEFAULT);
    assert_int_equal(welcome.k, 3);
    assert_int_equal(welcome.interval_ms, 30000);
    assert_int_equal(welcome.resume_ms, 300000);
    assert_int_equal(welcome.time_ms, kit.hub.utc_ms);
    assert_true(hf_slice_is(welcome.node, "n1"));
    const struct hf_event *online = kit_last(&kit, HF_EVENT_ONLINE);
    assert_true(hf_slice_is(online->topic, "holdfast.v1"));
    assert_true(hf_slice_is(online->key, "t_1"));
    assert_memory_equal(online->id, welcome.session_id, 16);
}

static void the_last_durable_message_is_named(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1"), data = sk_data(1, "t", "x");

    (void)state;
    assert_int_equal(sk_welcomed(link, &hello).durable_id.bytes, 0);
    memset(data.as.data.id, 0xab, sizeof(data.as.data.id));
    sk_say(link, &data);
    sk_turn();
    kit_end(link, HF_LINK_END_RESET);
    sk_turn();
    link = sk_open("d1", HF_WS_SESSION);
    hello.as.hello.uplink_next = 2;
    struct hf_frame_welcome welcome = sk_welcomed(link, &hello);
    assert_int_equal(welcome.uplink_durable, 1);
    assert_true(hf_slice_is(welcome.durable_id, "abababab-abab-abab-abab-abababababab"));
}

static void the_profile_is_the_devices_wish_or_the_tenants(void **state)
{
    static const struct {
        uint8_t tenant, wished, want;
        uint32_t capabilities, interval_ms;
        bool active;
    } rows[] = {
        {HF_PROFILE_DEFAULT, HF_PROFILE_ANY, HF_PROFILE_DEFAULT, SK_ALL, 30000, true},
        {HF_PROFILE_ADAPTIVE, HF_PROFILE_ANY, HF_PROFILE_ADAPTIVE, SK_ALL, 5000, false},
        {HF_PROFILE_DEFAULT, HF_PROFILE_HA, HF_PROFILE_HA, SK_ALL, 2000, false},
        {HF_PROFILE_HA, HF_PROFILE_DEFAULT, HF_PROFILE_DEFAULT, SK_ALL, 30000, true},
        {HF_PROFILE_DEFAULT, 99, HF_PROFILE_DEFAULT, SK_ALL, 30000, true}, /* of a version to come */
        {HF_PROFILE_HA, HF_PROFILE_HA, HF_PROFILE_DEFAULT, HF_CAP_RESUME, 30000,
         true}, /* it cannot send them */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = sk_open("d1", HF_WS_SESSION);
        struct hf_frame hello = sk_hello(NULL);

        kit.rules.session.profile = rows[i].tenant;
        hello.as.hello.profile = rows[i].wished;
        hello.as.hello.capabilities = rows[i].capabilities;
        struct hf_frame_welcome welcome = sk_welcomed(link, &hello);
        assert_int_equal(welcome.profile, rows[i].want);
        assert_int_equal(welcome.interval_ms, rows[i].interval_ms);
        assert_int_equal(sk_conn(link)->session->beat.active, rows[i].active);
    }
}

static void what_hello_may_not_say(void **state)
{
    static const struct {
        enum hf_reason reason;
        uint8_t version_min, version_max;
        uint64_t queue_id, first, next;
        uint16_t window_messages;
        uint32_t window_bytes;
        const char *device, *group;
    } rows[] = {
        {HF_REASON_VERSION, 2, 3, 7, 1, 1, 8, 1024, NULL, NULL},
        {HF_REASON_VERSION, 0, 0, 7, 1, 1, 8, 1024, NULL, NULL},
        {HF_REASON_IDENTITY_MISMATCH, 1, 1, 7, 1, 1, 8, 1024, "d2", NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 0, 1, 1, 8, 1024, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 0, 1, 8, 1024, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 9, 8, 8, 1024, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 1, 1, 0, 1024, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 1, 1, 4097, 1024, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 1, 1, 8, 1023, NULL, NULL},
        {HF_REASON_SESSION_BROKEN, 1, 1, 7, 1, 1, 8, 1024, NULL, "no group/"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = sk_open("d1", HF_WS_SESSION);
        struct hf_frame hello = sk_hello(rows[i].device);

        hello.as.hello.version_min = rows[i].version_min;
        hello.as.hello.version_max = rows[i].version_max;
        hello.as.hello.queue_id = rows[i].queue_id;
        hello.as.hello.uplink_first = rows[i].first;
        hello.as.hello.uplink_next = rows[i].next;
        hello.as.hello.window_messages = rows[i].window_messages;
        hello.as.hello.window_bytes = rows[i].window_bytes;
        hello.as.hello.groups[0] = hf_slice_of(rows[i].group);
        hello.as.hello.group_count = rows[i].group != NULL;
        sk_say(link, &hello);
        sk_expect_bye(link, rows[i].reason);
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_ONLINE), 0);
    assert_int_equal(kit_count(&kit, HF_EVENT_REFUSED), HF_COUNT_OF(rows)); /* who it was is known */
}

static void a_tenant_may_have_switched_it_off_meanwhile(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    kit.rules.session.enabled = false;
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_VERSION);
}

static void nothing_else_before_hello(void **state)
{
    (void)state;
    for (unsigned type = HF_FRAME_HELLO; type < HF_FRAME_TYPES; type++) {
        struct kit_link *link = sk_open("d1", HF_WS_SESSION);
        struct hf_frame frame = {.type = (uint8_t)type};

        if (type == HF_FRAME_HELLO || type == HF_FRAME_PING || type == HF_FRAME_AUTH || type == HF_FRAME_BYE)
            continue;
        if (type == HF_FRAME_SUBSCRIBE)
            frame.as.subscribe.topic = HF_SLICE("t");
        if (type == HF_FRAME_PATCH)
            frame.as.patch = (struct hf_frame_patch){.request = 1, .document = 1, .json = HF_SLICE("{}")};
        sk_say(link, &frame);
        sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    }
    /* A PING is answered, by anybody. */
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 9, 0), hello = sk_hello(NULL);

    sk_say(link, &ping);
    assert_int_equal(sk_expect(link, HF_FRAME_PONG)->as.beat.beat.seq, 9);
    (void)sk_welcomed(link, &hello);
    sk_say(link, &hello); /* once */
    sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
}

static void between_hello_and_welcome_nothing_is_taken(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1"), data = sk_data(1, "t", "x");

    (void)state;
    sk_say(link, &hello);
    sk_say(link, &data);
    sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    sk_turn(); /* its record becomes durable all the same: nobody is greeted */
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    assert_int_equal(kit.opens, 0);
}

static void little_is_listened_to_before_welcome(void **state)
{
    struct kit_link *many = sk_open("d1", HF_WS_SESSION), *large = sk_open("d2", HF_WS_SESSION);
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 1, 0);
    uint8_t unknown[2048] = {200, 0, 2048 / 256 - 1,
                             251}; /* a type of a version to come, 2,048 bytes in all */

    (void)state;
    for (unsigned i = 0; i < HF_WS_EARLY_FRAMES_MAX; i++) {
        sk_say(many, &ping);
        (void)sk_expect(many, HF_FRAME_PONG);
    }
    sk_say(many, &ping);
    sk_expect_bye(many, HF_REASON_SESSION_BROKEN);
    kit_say(large, HF_WS_OP_BINARY, unknown, sizeof(unknown));
    kit_say(large, HF_WS_OP_BINARY, unknown, sizeof(unknown));
    kit_expect_nothing(large); /* exactly 4 KiB */
    kit_say(large, HF_WS_OP_BINARY, unknown, sizeof(unknown));
    sk_expect_bye(large, HF_REASON_SESSION_BROKEN);
}

static void a_message_above_the_limit_of_strangers(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    static uint8_t large[4097] = {200};

    (void)state;
    kit_say(link, HF_WS_OP_BINARY, large, sizeof(large));
    sk_expect_bye(link, HF_REASON_MESSAGE_TOO_BIG);
}

static void hello_is_awaited_so_long(void **state)
{
    struct kit_link *known = sk_open("d1", HF_WS_SESSION), *stranger = sk_open(NULL, HF_WS_SESSION_JSON);

    (void)state;
    sk_run(4900);
    kit_expect_nothing(known);
    sk_run(200);
    sk_expect_bye(known, HF_REASON_AUTH_TIMEOUT);
    kit_expect_text(stranger, "{\"type\":\"bye\",\"reason\":\"auth_timeout\"}");
    kit_expect_close(stranger, 4401, "reason=auth_timeout;retry_ms=0");
}

/* HELLO has come and we have not read it: no reason to send anybody for new credentials, or away. */
static void a_hello_that_we_did_not_read_is_not_missed(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    sk.kernel.unread_bytes = 90;
    sk_run(5100);
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.auth_graced, 1);
    sk.kernel.unread_bytes = 0;
    (void)sk_welcomed(link, &hello);
    link = sk_open("d2", HF_WS_SESSION);
    sk.kernel.unread_bytes = 90;
    sk_run(5000 * HF_WS_AUTH_GRACES_MAX + 4900);
    kit_expect_nothing(link);
    sk_run(300);
    sk_expect_bye(link, HF_REASON_BUSY); /* but not for ever */
}

static void welcome_is_awaited_so_long(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    sk_say(link, &hello);
    sk_run(HF_WS_WELCOME_MS - 100);
    kit_expect_nothing(link);
    sk_run(200);
    sk_expect_bye(link, HF_REASON_BUSY);
    assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_HS_FAIL);
    assert_int_equal(sk.states[sk.state_count - 1].after, HF_LINK_DISCONNECTED);
    sk_turn();
    kit_expect_nothing(link);
}

/* ---- credentials in-band ---- */

static struct hf_frame auth_frame(const char *device, uint64_t expires_ms)
{
    struct hf_frame frame = {.type = HF_FRAME_AUTH};

    frame.as.auth.token = hf_slice_of(kit_token(&kit, "k1", device, "j1", expires_ms));
    return frame;
}

static void auth_comes_before_hello(void **state)
{
    struct kit_link *link = sk_open(NULL, HF_WS_SESSION);
    struct hf_frame auth = auth_frame("d1", KIT_UTC + 60000), hello = sk_hello("d1");

    (void)state;
    sk_say(link, &auth);
    assert_int_equal(sk_expect(link, HF_FRAME_AUTH)->as.auth.expires_ms, KIT_UTC + 60000);
    assert_int_equal(sk_welcomed(link, &hello).result, HF_SESSION_NEW);
    auth = auth_frame("d1", KIT_UTC + 120000); /* it lives on without a reconnect */
    sk_say(link, &auth);
    const struct hf_frame *answer = sk_expect(link, HF_FRAME_AUTH);
    assert_true(answer->as.auth.answer);
    assert_int_equal(answer->as.auth.expires_ms, KIT_UTC + 120000);
    assert_int_equal(sk_conn(link)->expires_ms, KIT_UTC + 120000);
    assert_int_equal(hf_ws_site_revoke(&kit.site, hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j1"))), 1);
    sk_expect_bye(link, HF_REASON_REVOKED);
}

static void hello_without_credentials(void **state)
{
    struct kit_link *link = sk_open(NULL, HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_CREDENTIALS_MISSING);
    assert_int_equal(kit_count(&kit, HF_EVENT_REFUSED), 0);
}

static void auth_that_fails(void **state)
{
    struct kit_link *expired = sk_open(NULL, HF_WS_SESSION), *other = sk_device("d1"),
                    *foreign = sk_open("d3", HF_WS_SESSION);
    struct hf_frame frame = auth_frame("d1", KIT_UTC - 60000);

    (void)state;
    sk_say(expired, &frame);
    sk_expect_bye(expired, HF_REASON_CREDENTIALS_EXPIRED);
    frame = auth_frame("d2", KIT_UTC + 60000);
    sk_say(other, &frame);
    sk_expect_bye(other, HF_REASON_IDENTITY_MISMATCH);
    frame.as.auth.token = hf_slice_of(kit_token(&kit, "k2", "d3", NULL, KIT_UTC + 60000));
    sk_say(foreign, &frame); /* the request has said that it is acme's */
    sk_expect_bye(foreign, HF_REASON_IDENTITY_MISMATCH);
}

static void hello_names_the_device_of_a_token_for_any(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, NULL);
    struct hf_frame hello = sk_hello("d7"), nobody = sk_hello(NULL);

    (void)state;
    admit.identity.tenant = &kit.tenant[0];
    admit.identity.any = true;
    (void)sk_welcomed(sk_link(&admit, HF_WS_SESSION), &hello);
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_ONLINE)->device, "d7"));
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    sk_say(link, &nobody);
    sk_expect_bye(link, HF_REASON_CREDENTIALS_INVALID);
}

/* ---- home ---- */

static void hello_travels_to_the_home_of_the_device(void **state)
{
    static struct sk_message message;
    struct hf_ws_admit admit = kit_admit(&kit, NULL);
    struct hf_frame hello = sk_hello("d7"), ping = sk_beat(HF_FRAME_PING, 5, 0);

    (void)state;
    kit.hub.options.workers = 64;
    kit.hub.options.worker = (hf_hub_home(HF_SLICE("acme"), HF_SLICE("d7"), 64) + 1) % 64;
    admit.identity.tenant = &kit.tenant[0];
    admit.identity.any = true;
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    message.bytes = 0;
    sk_add(&message, &ping);
    sk_add(&message, &hello);
    sk_add(&message, &ping);
    static struct kit_wire wire;
    wire.bytes = 0;
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, message.at, message.bytes);
    kit_add(&wire, HF_WS_OP_PING, HF_WS_FIN, "behind");
    kit_feed(link, wire.at, wire.bytes);
    (void)sk_expect(link, HF_FRAME_PONG); /* of the one before HELLO */
    assert_true(link->moved);
    assert_string_equal(kit.moved->identity.device, "d7");
    assert_false(kit.moved->identity.any);
    /* There it goes on where it was: HELLO, then what stood behind it, in the message and behind that. */
    kit.hub.options.worker = hf_hub_home(HF_SLICE("acme"), HF_SLICE("d7"), 64);
    struct kit_link *home = sk_link(kit.moved, HF_WS_SESSION);
    kit_feed_chunks(home, kit.moved_bytes, kit.moved_count, 3);
    (void)sk_expect(home, HF_FRAME_PONG);
    kit_expect(home, HF_WS_OP_PONG, "behind");
    sk_turn();
    assert_int_equal(sk_expect(home, HF_FRAME_WELCOME)->as.welcome.connection_id, kit.moved->conn_id);
    free(kit.moved);
    free(kit.moved_bytes);
    kit.hub.options.workers = 1;
    kit.hub.options.worker = 0;
}

static void a_home_that_is_full(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "d7");
    struct hf_frame hello = sk_hello("d7");

    (void)state;
    kit.hub.options.workers = 64;
    kit.hub.options.worker = (hf_hub_home(HF_SLICE("acme"), HF_SLICE("d7"), 64) + 1) % 64;
    kit.move_err = HF_ERR_BUSY;
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_BUSY);
    kit.hub.options.workers = 1;
    kit.hub.options.worker = 0;
}

/* ---- the hub ---- */

static void the_hub_may_refuse(void **state)
{
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    kit.rules.connections_max = 1;
    (void)sk_device("d0");
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_TENANT_LIMIT);
    kit.rules.connections_max = 0;
    kit.journal_err = HF_ERR_LIMIT;
    link = sk_open("d1", HF_WS_SESSION);
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_STORAGE_FULL);
    kit.journal_err = HF_OK;
}

static void a_newer_connection_takes_over(void **state)
{
    struct kit_link *old = sk_device("d1"), *young = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1"), data = sk_data(1, "t", "x");

    (void)state;
    sk_say(young, &hello);
    sk_expect_bye(old, HF_REASON_REPLACED);
    sk_say(old, &data); /* it has no say any more (RC-9) */
    sk_turn();
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    assert_int_equal(sk_expect(young, HF_FRAME_WELCOME)->as.welcome.epoch, 2);
}

static void sessions_are_resumed_or_rebuilt(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");
    struct hf_frame_welcome first = sk_welcomed(link, &hello), next;

    (void)state;
    kit_end(link, HF_LINK_END_RESET);
    memcpy(hello.as.hello.session_id, first.session_id, 16);
    link = sk_open("d1", HF_WS_SESSION);
    next = sk_welcomed(link, &hello);
    assert_int_equal(next.result, HF_SESSION_RESUMED);
    assert_memory_equal(next.session_id, first.session_id, 16);
    kit_end(link, HF_LINK_END_RESET);
    sk_run(300001);
    link = sk_open("d1", HF_WS_SESSION);
    next = sk_welcomed(link, &hello);
    assert_int_equal(next.result, HF_SESSION_REBUILT);
    assert_int_equal(next.reason, HF_REASON_EXPIRED);
    kit_end(link, HF_LINK_END_RESET);
    memcpy(hello.as.hello.session_id, next.session_id, 16);
    hello.as.hello.downlink_position = 5; /* beyond what was ever sent */
    link = sk_open("d1", HF_WS_SESSION);
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    hello = sk_hello("d2"); /* another device's */
    memcpy(hello.as.hello.session_id, next.session_id, 16);
    link = sk_open("d2", HF_WS_SESSION);
    sk_say(link, &hello);
    sk_expect_bye(link, HF_REASON_IDENTITY_MISMATCH);
}

static void the_end_is_clean_at_any_moment(void **state)
{
    struct hf_frame hello = sk_hello(NULL);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct kit_link *link = sk_open("d1", HF_WS_SESSION);

        if (i > 0)
            sk_say(link, &hello);
        if (i > 1)
            sk_turn();
        kit_end(link, HF_LINK_END_EOF);
        assert_int_equal(sk.states[sk.state_count - 1].after, HF_LINK_DISCONNECTED);
        sk_turn();
    }
    (void)sk_open("d1", HF_WS_SESSION); /* and the process ends: done() */
    (void)sk_open(NULL, HF_WS_SESSION_JSON);
    sk_say(sk_open("d2", HF_WS_SESSION), &hello);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(hello_is_answered_when_its_record_is_durable),
        SK_ROW(the_last_durable_message_is_named),
        SK_ROW(the_profile_is_the_devices_wish_or_the_tenants),
        SK_ROW(what_hello_may_not_say),
        SK_ROW(a_tenant_may_have_switched_it_off_meanwhile),
        SK_ROW(nothing_else_before_hello),
        SK_ROW(between_hello_and_welcome_nothing_is_taken),
        SK_ROW(little_is_listened_to_before_welcome),
        SK_ROW(a_message_above_the_limit_of_strangers),
        SK_ROW(hello_is_awaited_so_long),
        SK_ROW(a_hello_that_we_did_not_read_is_not_missed),
        SK_ROW(welcome_is_awaited_so_long),
        SK_ROW(auth_comes_before_hello),
        SK_ROW(hello_without_credentials),
        SK_ROW(auth_that_fails),
        SK_ROW(hello_names_the_device_of_a_token_for_any),
        SK_ROW(hello_travels_to_the_home_of_the_device),
        SK_ROW(a_home_that_is_full),
        SK_ROW(the_hub_may_refuse),
        SK_ROW(a_newer_connection_takes_over),
        SK_ROW(sessions_are_resumed_or_rebuilt),
        SK_ROW(the_end_is_clean_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
