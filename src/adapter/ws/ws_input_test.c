/* From bytes to messages: cut, fragmented, compressed, wrong, and held back. */
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

static struct kit_wire wire;

static const struct hf_event *message(unsigned nth)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < kit.event_count; i++)
        if (kit.events[i].event.type == HF_EVENT_MESSAGE && seen++ == nth)
            return &kit.events[i].event;
    fail_msg("there is no message %u", nth);
    return NULL;
}

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_memory memory = {.resize = resize};

static size_t deflate_text(const char *text, size_t bytes, uint8_t *out, size_t out_bytes)
{
    struct hf_ws_deflater *deflater = NULL;
    size_t made = 0;

    assert_int_equal(hf_ws_deflater_new(&memory, 15, 6, 8, &deflater), HF_OK);
    assert_int_equal(
        hf_ws_deflater_message(deflater, false, (struct hf_slice){text, bytes}, out, out_bytes, &made),
        HF_OK);
    hf_ws_deflater_free(deflater);
    return made;
}

static struct kit_link *open_deflating(const char *device)
{
    struct hf_ws_admit admit = kit_admit(&kit, device);

    admit.deflate = kit_limits.deflate;
    return kit_open_admit(&kit, &admit);
}

static void does_not_notice_where_the_network_cut(void **state)
{
    static uint8_t compressed[4096];
    size_t bytes = deflate_text("hello hello hello hello", 23, compressed, sizeof(compressed));

    (void)state;
    wire.bytes = 0;
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN,
            "{\"type\":\"data\",\"topic\":\"t\",\"id\":1,\"payload\":\"\xc3\xa4\"}");
    kit_add(&wire, HF_WS_OP_TEXT, 0, "fr");
    kit_add(&wire, HF_WS_OP_PING, HF_WS_FIN, "between"); /* a control frame between fragments */
    kit_add(&wire, HF_WS_OP_CONTINUATION, 0, "agm\xc3");
    kit_add(&wire, HF_WS_OP_PONG, HF_WS_FIN, "");
    kit_add(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, "\xa4nt"); /* a character cut by a frame */
    kit_add(&wire, HF_WS_OP_BINARY, HF_WS_FIN, "");
    kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_COMPRESSED, compressed, 3);
    kit_add_bytes(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, compressed + 3, bytes - 3);
    for (size_t chunk = 1; chunk <= wire.bytes; chunk++) {
        struct kit_link *link = open_deflating("d1");

        kit_feed_chunks(link, wire.at, wire.bytes, chunk);
        kit_expect(link, HF_WS_OP_PONG, "between");
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 5);
        assert_memory_equal(message(0)->payload.at, "\"\xc3\xa4\"", 4);
        assert_memory_equal(message(1)->payload.at, "fragm\xc3\xa4nt", 9);
        assert_int_equal(message(1)->payload.bytes, 9);
        assert_int_equal(message(2)->payload.bytes, 0);
        assert_int_equal(message(3)->payload.bytes, 23);
        assert_int_equal(message(3)->flags, HF_EVENT_FLAG_TEXT);
        assert_memory_equal(message(4)->payload.at, "hello hello hello hello", 23);
        assert_int_equal(message(4)->flags, 0);
        kit_durable(&kit);
        kit_expect_part(link, "\"ack\"");
        kit_end(link, HF_LINK_END_EOF);
        kit_durable(&kit);
        if (chunk > 40 && chunk < wire.bytes - 1)
            chunk = wire.bytes - 2; /* the rest tells nothing new */
        kit_free(&kit);
        kit_new(&kit);
    }
}

static void rules_of_the_wire_have_their_codes(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        uint16_t code;
        const char *reason;
        unsigned rule;
    } rows[] = {
        {"\x81\x01"
         "a",
         3, 1002, "reason=protocol_error;retry_ms=0", HF_WS_RULE_MASK_MISSING},
        {"\xc1\x80\0\0\0\0", 6, 1002, "reason=protocol_error;retry_ms=0", HF_WS_RULE_RESERVED_BIT},
        {"\x83\x80\0\0\0\0", 6, 1002, "reason=protocol_error;retry_ms=0", HF_WS_RULE_RESERVED_OPCODE},
        {"\x80\x80\0\0\0\0", 6, 1002, "reason=protocol_error;retry_ms=0", HF_WS_RULE_CONTINUATION_ALONE},
        {"\x81\x81\0\0\0\0\xff", 7, 1007, "reason=invalid_utf8;retry_ms=0", HF_WS_RULE_TEXT_UTF8},
        {"\x81\x82\0\0\0\0\xc0\x80", 8, 1007, "reason=invalid_utf8;retry_ms=0", HF_WS_RULE_TEXT_UTF8},
        {"\x88\x81\0\0\0\0\x03", 7, 1002, "reason=protocol_error;retry_ms=0", HF_WS_RULE_CLOSE_LENGTH},
        {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, 1007, "reason=invalid_utf8;retry_ms=0", HF_WS_RULE_CLOSE_UTF8},
        {"\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", 14, 1009, "reason=message_too_big;retry_ms=0",
         HF_WS_RULE_MESSAGE_BYTES}, /* 65537 announced: nobody waits for the bytes */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        for (size_t chunk = 1; chunk <= rows[i].bytes; chunk += rows[i].bytes - 1) {
            struct kit_link *link = kit_open(&kit, "d1");
            uint64_t before = kit.site.stats.protocol_errors[rows[i].rule];

            kit_feed_chunks(link, rows[i].in, rows[i].bytes, chunk);
            kit_expect_close(link, rows[i].code, rows[i].reason);
            assert_int_equal(kit.site.stats.protocol_errors[rows[i].rule], before + 1);
            assert_true(link->finished);
            kit_feed(link, "more", 4); /* is nothing any more, and counts nothing */
            assert_int_equal(kit.site.stats.protocol_errors[rows[i].rule], before + 1);
            kit_end(link, HF_LINK_END_EOF);
        }
    }
    kit_durable(&kit);
}

static void wrong_after_our_close_ends_at_once(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    hf_ws_close(kit_conn(link), HF_REASON_DRAIN, 0, (struct hf_slice){NULL, 0});
    kit_feed(link, "\x83\x80\0\0\0\0", 6);
    kit_expect_close(link, 1001, "reason=drain;retry_ms=1000"); /* still the only one */
    assert_true(link->finished);
}

static void large_ones_are_1009_however_they_come(void **state)
{
    static char large[70000];
    static uint8_t compressed[8192];

    (void)state;
    memset(large, 'x', sizeof(large));
    for (unsigned way = 0; way < 5; way++) {
        struct kit_link *link = open_deflating("d1");
        size_t bytes;

        wire.bytes = 0;
        switch (way) {
        case 0: /* in fragments */
            for (unsigned i = 0; i < 7; i++)
                kit_add_bytes(&wire, i ? HF_WS_OP_CONTINUATION : HF_WS_OP_BINARY, 0, large, 10000);
            break;
        case 1: /* small on the wire */
            bytes = deflate_text(large, 65537, compressed, sizeof(compressed));
            kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
            break;
        case 2: /* and in fragments */
            bytes = deflate_text(large, 65537, compressed, sizeof(compressed));
            kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_COMPRESSED, compressed, 10);
            kit_add_bytes(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, compressed + 10, bytes - 10);
            break;
        case 3: /* too many fragments: limits.fragments_max is 8 */
            for (unsigned i = 0; i < 9; i++)
                kit_add(&wire, i ? HF_WS_OP_CONTINUATION : HF_WS_OP_TEXT, 0, "x");
            break;
        default: /* the limit was lowered while it came: what lies here already is above it */
            kit_add_bytes(&wire, HF_WS_OP_BINARY, 0, large, 30000);
            kit_feed(link, wire.at, wire.bytes);
            struct hf_ws_limits limits = kit.site.limits;
            limits.message_bytes_max = 8192;
            hf_ws_site_set_limits(&kit.site, &limits);
            wire.bytes = 0;
            kit_add_bytes(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, large, 100);
            break;
        }
        kit_feed_chunks(link, wire.at, wire.bytes, 1400);
        kit_expect_close(link, 1009, "reason=message_too_big;retry_ms=0");
        kit_end(link, HF_LINK_END_EOF);
        hf_ws_site_set_limits(&kit.site, &kit_limits);
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    struct kit_link *link = open_deflating("d1"); /* exactly the limit passes */
    wire.bytes = 0;
    size_t bytes = deflate_text(large, 65536, compressed, sizeof(compressed));
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, large, 65536);
    kit_feed_chunks(link, wire.at, wire.bytes, 1400);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 2);
    assert_int_equal(message(0)->payload.bytes, 65536);
    assert_memory_equal(message(0)->payload.at, message(1)->payload.at, 65536);
}

static void damaged_compression_is_1007(void **state)
{
    (void)state;
    struct kit_link *link = open_deflating("d1");
    wire.bytes = 0;
    kit_add(&wire, HF_WS_OP_BINARY, HF_WS_FIN | HF_WS_COMPRESSED, "\xff\xff\xff\xff");
    kit_feed(link, wire.at, wire.bytes);
    kit_expect_close(link, 1007, "reason=invalid_utf8;retry_ms=0");
    kit_close(link, 1007, ""); /* the frames were right: the peer's Close is awaited, and seen */
    assert_true(link->finished);
    link = open_deflating("d2"); /* text that inflates to something that is not UTF-8 */
    uint8_t compressed[64];
    size_t bytes = deflate_text("a\xff", 2, compressed, sizeof(compressed));
    wire.bytes = 0;
    kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
    kit_feed(link, wire.at, wire.bytes);
    kit_expect_close(link, 1007, "reason=invalid_utf8;retry_ms=0");
    link = kit_open(&kit, "d3"); /* the shared inflater is none the worse, and nobody else suffers */
    kit_text(link, "fine");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
}

/* ---- what waits ---- */

static void numbered(unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        char text[64];

        snprintf(text, sizeof(text), "{\"type\":\"data\",\"payload\":%u}", i);
        kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, text);
    }
}

static void expect_numbers(unsigned count)
{
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), count);
    for (unsigned i = 0; i < count; i++) {
        uint64_t number;

        assert_true(hf_slice_to_u64(message(i)->payload, &number));
        assert_int_equal(number, i);
    }
}

static void above_the_rate_waits_in_order(void **state)
{
    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){.per_second = 10, .capacity = 5};
    struct kit_link *link = kit_open(&kit, "d1");
    wire.bytes = 0;
    numbered(0, 20);
    kit_feed(link, wire.at, wire.bytes);
    expect_numbers(5);
    assert_true(link->paused); /* back-pressure, not a drop */
    assert_true(kit.site.stats.held_bytes_now > 0);
    wire.bytes = 0;
    numbered(20, 2);
    kit_feed_chunks(link, wire.at, wire.bytes, 7); /* had been read before the pause took effect */
    expect_numbers(5);
    for (unsigned i = 0; i < 5; i++) {
        kit_run_to(&kit, kit.hub.now_ms + 116); /* one token each 100 ms, one tick late at most */
        expect_numbers(6 + i);
    }
    kit_run_to(&kit, 4000);
    expect_numbers(22);
    assert_false(link->paused);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_int_equal(kit.hub.stats.rate_limited, 0); /* asked before it was taken: nothing was refused */
    kit_durable(&kit);
    assert_int_equal(kit.hub.ledger.counts.uplink.accepted, 22);
}

static void closed_gate_holds_everybody_and_opens_again(void **state)
{
    (void)state;
    struct kit_link *one = kit_open(&kit, "d1"), *two = kit_open(&kit, "d2");

    kit_text(one, "{\"type\":\"data\",\"payload\":0}");
    kit.gate_closed = true;
    wire.bytes = 0;
    numbered(1, 3);
    kit_add(&wire, HF_WS_OP_CLOSE, HF_WS_FIN, "\x03\xe8");
    kit_feed_chunks(one, wire.at, wire.bytes, 50);
    assert_false(two->link.handler->may_read(&two->link)); /* nothing was read yet */
    assert_false(two->link.handler->may_read(&two->link)); /* asked again: the same place in line */
    assert_true(one->paused && two->paused);
    expect_numbers(1);
    kit_run_to(&kit, 600000); /* however long: a silence that is ours kills nobody */
    assert_false(one->aborted || two->aborted);
    kit_expect_nothing(one);
    kit_expect_nothing(two);
    hf_ws_site_release(&kit.site); /* the gate is still closed: back into the line */
    expect_numbers(1);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    expect_numbers(4);
    kit_expect_close(one, 1000, ""); /* the Close stood behind the messages */
    assert_false(two->paused);
    assert_true(two->link.handler->may_read(&two->link));
    kit_run_to(&kit, 629000); /* and the clock of its silence begins now */
    kit_expect_nothing(two);
    kit_run_to(&kit, 631000);
    struct kit_frame frame;
    assert_true(kit_next(two, &frame) && frame.opcode == HF_WS_OP_PING);
}

static void who_is_held_back_for_long_is_named(void **state)
{
    struct hf_ws_held_over held;

    (void)state;
    struct kit_link *one = kit_open(&kit, "d1"), *two = kit_open(&kit, "d2");
    uint64_t from_ms = kit.hub.now_ms;
    kit.gate_closed = true;
    wire.bytes = 0;
    numbered(0, 3);
    kit_feed(one, wire.at, wire.bytes);
    hf_ws_site_held(&kit.site, from_ms, &held);
    assert_int_equal(held.count, 0);
    kit_run_to(&kit, 40000);
    kit_text(two, "{\"type\":\"data\",\"payload\":0}");
    kit_feed(one, wire.at, wire.bytes); /* more behind it does not make it younger */
    hf_ws_site_release(&kit.site);      /* the gate is still closed: nothing was taken */
    hf_ws_site_held(&kit.site, 40000, &held);
    assert_int_equal(held.count, 1);
    assert_int_equal(held.since_ms, from_ms);
    assert_true(hf_slice_is(held.info.device, "d1") && hf_slice_is(held.info.tenant, "acme"));
    hf_ws_site_held(&kit.site, 40001, &held);
    assert_int_equal(held.count, 2);
    assert_int_equal(held.since_ms, from_ms);
    /* One message of it is taken, the rest waits for its rate: not for long, so far. */
    kit.rules.uplink = (struct hf_rate_limit){.per_second = 1, .capacity = 1};
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    hf_ws_site_held(&kit.site, 40000, &held);
    assert_int_equal(held.count, 0);
    hf_ws_site_held(&kit.site, 40001, &held);
    assert_int_equal(held.count, 1);
    assert_true(hf_slice_is(held.info.device, "d1"));
}

static void timer_that_fires_meanwhile_judges_nobody(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit.gate_closed = true;
    assert_false(link->link.handler->may_read(&link->link));
    kit_run_to(&kit, 55000);
    link->blocked_since_ms = 55000;
    link->link.handler->on_blocked(&link->link);
    kit_run_to(&kit, 60000);
    link->blocked_since_ms = 0; /* the timer was armed for 65 s, and finds a silence of that length */
    kit_run_to(&kit, 66000);
    kit_expect_nothing(link);
    kit.gate_closed = false;
}

static void gate_before_authentication_opens_again(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, NULL);

    kit.gate_closed = true;
    assert_false(link->link.handler->may_read(&link->link));
    assert_true(link->paused);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    assert_false(link->paused);
    kit_auth(link, kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit_expect_part(link, "auth_ok");
    link = kit_open(&kit, NULL); /* one that is closed while it waits */
    kit.gate_closed = true;
    assert_false(link->link.handler->may_read(&link->link));
    kit_run_to(&kit, 5000 * HF_WS_AUTH_GRACES_MAX + 4900); /* its credentials may wait in the socket */
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.auth_graced, HF_WS_AUTH_GRACES_MAX);
    kit_run_to(&kit, 5000 * HF_WS_AUTH_GRACES_MAX + 5200);
    kit_expect_close(link, 1013, "reason=busy;retry_ms=1000");
    assert_false(link->paused); /* the peer's Close must be seen */
    assert_true(link->link.handler->may_read(&link->link));
    assert_true(hf_list_empty(&kit.site.held));
    kit.gate_closed = false;
}

static void mid_message_is_read_to_its_end(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    wire.bytes = 0;
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, "0123456789");
    kit_feed(link, wire.at, 8);
    kit.gate_closed = true;
    kit_feed(link, wire.at + 8, wire.bytes - 8); /* came in before we could say no */
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    kit.gate_closed = false;
}

static void held_input_goes_with_its_connection(void **state)
{
    (void)state;
    kit.gate_closed = true;
    struct kit_link *lost = kit_open(&kit, "d1"), *replaced = kit_open(&kit, "d2");
    kit_text(lost, "x");
    kit_text(replaced, "x");
    kit_end(lost, HF_LINK_END_RESET);
    (void)kit_open(&kit, "d2");
    assert_true(hf_list_empty(&kit.site.held));
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0); /* nobody acknowledged them */
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    kit.gate_closed = true;
    struct kit_link *link = kit_open(&kit, "d1"), *second = kit_open(&kit, "d2");
    kit_text(second, "small");
    kit.site.stats.held_bytes_now += HF_WS_HELD_BYTES_TOTAL_MAX - 20; /* as if others held so much */
    kit_text(link, "more than twenty bytes on the wire");
    kit_expect_close(link, 1013, "reason=busy;retry_ms=1000");
    kit_text(second, "more than twenty bytes on the wire");
    kit_expect_close(second, 1013, "reason=busy;retry_ms=1000");
    assert_int_equal(kit.site.stats.held_refused, 2);
    kit.site.stats.held_bytes_now -= HF_WS_HELD_BYTES_TOTAL_MAX - 20;
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    kit.gate_closed = false;
}

/* A message that came compressed is compressed again for one subscriber while a second one, who gets it plain, is still to come:
 * both must read the same. */
static void published_while_inflated(void **state)
{
    static char payload[8192], text[8300];
    static uint8_t compressed[8192];
    struct kit_frame frame;

    (void)state;
    memset(payload, 'a', sizeof(payload) - 1);
    for (unsigned i = 0; i < sizeof(payload) - 8; i += 64)
        memcpy(payload + i, "0123456", 7);
    snprintf(text, sizeof(text), "{\"type\":\"data\",\"topic\":\"t\",\"payload\":\"%s\"}", payload);
    struct kit_link *from = open_deflating("d1"),
                    *subscribers[] = {open_deflating("d2"), kit_open(&kit, "d3"), open_deflating("d4"),
                                      kit_open(&kit, "d5")};
    for (unsigned i = 0; i < 4; i++)
        kit_text(subscribers[i], "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    size_t bytes = deflate_text(text, strlen(text), compressed, sizeof(compressed));
    wire.bytes = 0;
    kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
    kit_feed(from, wire.at, wire.bytes);
    kit_durable(&kit);
    for (unsigned i = 0; i < 4; i++) {
        static char plain[16384];

        assert_true(kit_next(subscribers[i], &frame));
        assert_int_equal(frame.flags & HF_WS_COMPRESSED, i % 2 ? 0 : HF_WS_COMPRESSED);
        if (i % 2 == 0) {
            struct hf_ws_inflater *inflater = NULL;
            struct hf_slice in = {frame.payload, frame.bytes};
            enum hf_ws_rule rule;
            bool last = false;

            assert_int_equal(hf_ws_inflater_new(&memory, 12, &inflater),
                             HF_OK); /* the window that was agreed */
            hf_ws_inflater_begin(inflater, false, true, sizeof(plain) - 1);
            assert_int_equal(
                hf_ws_inflater_feed(inflater, &in, true, plain, sizeof(plain), &bytes, &last, &rule), HF_OK);
            assert_true(last);
            plain[bytes] = '\0';
            hf_ws_inflater_free(inflater);
        } else {
            memcpy(plain, frame.payload, frame.bytes + 1);
        }
        assert_non_null(strstr(plain, payload));
    }
    assert_int_equal(kit.site.stats.deflated, 1); /* encoded once for both */
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(does_not_notice_where_the_network_cut),
        ROW(rules_of_the_wire_have_their_codes),
        ROW(wrong_after_our_close_ends_at_once),
        ROW(large_ones_are_1009_however_they_come),
        ROW(damaged_compression_is_1007),
        ROW(above_the_rate_waits_in_order),
        ROW(closed_gate_holds_everybody_and_opens_again),
        ROW(who_is_held_back_for_long_is_named),
        ROW(timer_that_fires_meanwhile_judges_nobody),
        ROW(gate_before_authentication_opens_again),
        ROW(mid_message_is_read_to_its_end),
        ROW(held_input_goes_with_its_connection),
        ROW(what_waits_is_bounded),
        ROW(published_while_inflated),
    };
    return cmocka_run_group_tests_name("ws_input", tests, NULL, NULL);
}
