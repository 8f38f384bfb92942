/* Context takeover: what one side compresses with what it remembers, the other side must be able to read, whatever happened between. */
#include "adapter/ws/window.h"
#include "adapter/ws/ws_testkit.h"
#include "core/shared.h"

enum { BODY_BYTES = 1500, WINDOWS_MAX = 2 };

static struct kit kit;
static char body[BODY_BYTES]; /* does not compress by itself, only with itself */
static struct hf_ws_inflater *peer_in;
static struct hf_ws_deflater *peer_out;

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_memory memory = {.resize = resize};

static int begin(void **state)
{
    struct hf_ws_limits limits = kit_limits;
    uint32_t random = 7;

    (void)state;
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = (char)(' ' + ((random = random * 1664525u + 1013904223u) >> 24) % 64);
    kit_new(&kit);
    limits.windows_max = WINDOWS_MAX;
    hf_ws_site_set_limits(&kit.site, &limits);
    assert_int_equal(hf_ws_inflater_new(&memory, 12, &peer_in), HF_OK);
    assert_int_equal(hf_ws_deflater_new(&memory, 12, 6, 8, &peer_out), HF_OK);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    hf_ws_inflater_free(peer_in);
    hf_ws_deflater_free(peer_out);
    return 0;
}

static struct kit_link *open_with(const char *device, bool server, bool client)
{
    struct hf_ws_admit admit = kit_admit(&kit, device);

    if (device == NULL)
        admit.identity.tenant = NULL;
    admit.deflate = kit_limits.deflate;
    admit.deflate.server_no_context_takeover = !server;
    admit.deflate.client_no_context_takeover = !client;
    return kit_open_admit(&kit, &admit);
}

/* Takes the next frame as the peer would, and returns how many bytes it had on the wire. */
static size_t expect_body(struct kit_link *link, bool compressed)
{
    static char out[BODY_BYTES + 1];
    struct kit_frame frame;
    enum hf_ws_rule rule;
    size_t bytes = 0;
    bool whole = false;

    assert_true(kit_next(link, &frame));
    assert_int_equal((frame.flags & HF_WS_COMPRESSED) != 0, compressed);
    if (!compressed) {
        assert_int_equal(frame.bytes, BODY_BYTES);
        assert_memory_equal(frame.payload, body, BODY_BYTES);
        return frame.bytes;
    }
    struct hf_slice in = {(const char *)frame.payload, frame.bytes};
    hf_ws_inflater_begin(peer_in, true, false, BODY_BYTES);
    assert_int_equal(hf_ws_inflater_feed(peer_in, &in, true, out, sizeof(out), &bytes, &whole, &rule), HF_OK);
    assert_true(whole && bytes == BODY_BYTES);
    assert_memory_equal(out, body, BODY_BYTES);
    return frame.bytes;
}

static const struct hf_outgoing message = {.payload = {body, BODY_BYTES}};

static void what_was_said_before_is_not_said_again(void **state)
{
    (void)state;
    struct kit_link *link = open_with("d1", true, false);
    struct hf_devconn *dev = &kit_conn(link)->dev;

    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(dev->ops->write(dev, &message), HF_OK);
        size_t bytes = expect_body(link, true);
        assert_true(i == 0 ? bytes > BODY_BYTES / 2 : bytes < BODY_BYTES / 10);
    }
    assert_null(kit.site.deflater); /* the shared one was not needed */
}

/* A frame that is encoded for a queue or for many may never be sent to this one. */
static void what_may_be_dropped_is_not_remembered(void **state)
{
    (void)state;
    struct kit_link *link = open_with("d1", true, false), *shared = open_with("d2", false, false);
    struct hf_devconn *dev = &kit_conn(link)->dev, *other = &kit_conn(shared)->dev;

    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    (void)expect_body(link, true);
    struct hf_shared *dropped = dev->ops->encode(dev, &message), *sent = dev->ops->encode(dev, &message);
    hf_shared_unref(dropped);
    assert_int_equal(dev->ops->write_shared(dev, sent), HF_OK);
    hf_shared_unref(sent);
    (void)expect_body(link, false);
    assert_int_not_equal(dev->variant,
                         other->variant); /* a broadcast does not take the same bytes for both */
    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    assert_true(expect_body(link, true) < BODY_BYTES / 10);
}

static void what_the_link_refused_is_forgotten(void **state)
{
    (void)state;
    struct kit_link *link = open_with("d1", true, false);
    struct hf_devconn *dev = &kit_conn(link)->dev;

    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    (void)expect_body(link, true);
    link->fail = HF_ERR_LIMIT;
    assert_int_equal(dev->ops->write(dev, &message), HF_ERR_LIMIT);
    link->fail = HF_OK;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(dev->ops->write(dev, &message), HF_OK);
        assert_true((expect_body(link, true) < BODY_BYTES / 10) == (i == 1));
    }
}

static void a_message_that_saves_nothing_harms_nothing(void **state)
{
    static char noise[BODY_BYTES];
    struct hf_outgoing other = {.payload = {noise, sizeof(noise)}};
    struct kit_frame frame;
    uint32_t random = 3;

    (void)state;
    struct kit_link *link = open_with("d1", true, false);
    struct hf_devconn *dev = &kit_conn(link)->dev;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    (void)expect_body(link, true);
    assert_int_equal(dev->ops->write(dev, &other), HF_OK);
    assert_true(kit_next(link, &frame));
    assert_int_equal(frame.flags & HF_WS_COMPRESSED, 0);
    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    (void)expect_body(link, true);
}

static void what_the_client_remembers_is_read(void **state)
{
    uint8_t compressed[2 * BODY_BYTES];
    struct kit_wire wire = {0};

    (void)state;
    struct kit_link *link = open_with("d1", false, true), *plain = open_with("d2", false, false);
    for (unsigned i = 0; i < 4; i++) {
        size_t bytes;

        assert_int_equal(
            hf_ws_deflater_message(peer_out, true, message.payload, compressed, sizeof(compressed), &bytes),
            HF_OK);
        assert_true((bytes < BODY_BYTES / 10) == (i > 0));
        wire.bytes = 0;
        if (i == 2) { /* in fragments, with a message of another connection between them */
            kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_COMPRESSED, compressed, 2);
            kit_feed(link, wire.at, wire.bytes);
            wire.bytes = 0;
            kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_FIN | HF_WS_COMPRESSED, "\x4a\x04\x00", 3); /* "a" */
            kit_feed(plain, wire.at, wire.bytes);
            wire.bytes = 0;
            kit_add_bytes(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, compressed + 2, bytes - 2);
        } else {
            kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN | HF_WS_COMPRESSED, compressed, bytes);
        }
        kit_feed(link, wire.at, wire.bytes);
        const struct hf_event *event = &kit.events[kit.event_count - 1].event;
        assert_int_equal(event->payload.bytes, BODY_BYTES);
        assert_memory_equal(event->payload.at, body, BODY_BYTES);
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 5);
}

static bool remembers(struct kit_link *link)
{
    return kit_conn(link)->window != NULL;
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct kit_link *first = open_with("d1", true, true), *second = open_with("d2", true, false);
    assert_true(remembers(first) && remembers(second));
    assert_int_equal(kit.site.stats.windows_now, WINDOWS_MAX);
    struct kit_link *third = open_with("d3", true, true), *stranger = open_with(NULL, true, true);
    assert_false(remembers(third) || remembers(stranger));
    assert_int_equal(kit.site.stats.windows_refused, 2);
    kit_end(first, HF_LINK_END_EOF);
    assert_int_equal(kit.site.stats.windows_now, 1);
    assert_false(remembers(open_with(NULL, true, true))); /* there is room, but not for strangers */
    assert_true(remembers(open_with("d1", false, true)));
    assert_false(remembers(open_with("d4", false, false)));
    assert_int_equal(kit.site.stats.windows_refused, 3);
}

/* The answer at the upgrade says what was agreed in the end. */
static void the_answer_is_the_agreement(void **state)
{
    static const struct {
        bool server, client;
        const char *has, *has_not;
    } rows[] = {
        {true, true, "permessage-deflate; server_max_window_bits=12", "takeover"},
        {true, false, "; client_no_context_takeover", "server_no_context_takeover"},
        {true, true, "; server_no_context_takeover; client_no_context_takeover;", "neither has room"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_admit admit = kit_admit(&kit, i == 0 ? "d1" : i == 1 ? "d2" : "d3");
        struct kit_link *link = kit_link_new(&kit);
        enum hf_reason reason;

        admit.deflate = kit_limits.deflate;
        admit.deflate.server_no_context_takeover = !rows[i].server;
        admit.deflate.client_no_context_takeover = !rows[i].client;
        assert_int_equal(hf_ws_open(&kit.site, &link->link, &admit, &reason), HF_OK);
        assert_non_null(memmem(link->out, link->out_bytes, rows[i].has, strlen(rows[i].has)));
        assert_null(memmem(link->out, link->out_bytes, rows[i].has_not, strlen(rows[i].has_not)));
    }
}

static void zlib_cannot_do_8_bits(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "d1");

    (void)state;
    admit.deflate = kit_limits.deflate;
    admit.deflate.server_no_context_takeover = false;
    admit.deflate.server_max_window_bits = 8;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    struct hf_devconn *dev = &kit_conn(link)->dev;
    assert_int_equal(dev->ops->write(dev, &message), HF_OK);
    (void)expect_body(link, false);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(what_was_said_before_is_not_said_again),
        ROW(what_may_be_dropped_is_not_remembered),
        ROW(what_the_link_refused_is_forgotten),
        ROW(a_message_that_saves_nothing_harms_nothing),
        ROW(what_the_client_remembers_is_read),
        ROW(there_are_only_so_many),
        ROW(the_answer_is_the_agreement),
        ROW(zlib_cannot_do_8_bits),
    };
    return cmocka_run_group_tests_name("ws_window", tests, NULL, NULL);
}
