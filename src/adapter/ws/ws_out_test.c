/* What a device is told: the forms of a message, and who shares a compressed frame. */
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

static const uint8_t id[16] = {0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};

static void forms(void **state)
{
    static const struct {
        struct hf_outgoing out;
        unsigned opcode;
        const char *want;
        size_t bytes;
    } rows[] = {
        {{.kind = HF_OUT_MESSAGE, .format = HF_FORMAT_JSON, .payload = {"{\"a\":1}", 7}},
         HF_WS_OP_TEXT,
         "{\"a\":1}",
         7},
        {{.kind = HF_OUT_MESSAGE, .flags = HF_EVENT_FLAG_TEXT, .payload = {"hi", 2}}, HF_WS_OP_TEXT, "hi", 2},
        {{.kind = HF_OUT_MESSAGE, .payload = {"\0\xff", 2}}, HF_WS_OP_BINARY, "\0\xff", 2},
        {{.kind = HF_OUT_MESSAGE}, HF_WS_OP_BINARY, "", 0},
        {{.kind = HF_OUT_COMMAND,
          .id = id,
          .topic = {"re\"boot", 7},
          .expires_ms = 5,
          .format = HF_FORMAT_JSON,
          .payload = {"[1]", 3}},
         HF_WS_OP_TEXT,
         "{\"type\":\"command\",\"id\":\"018bcfe5-6800-7000-8000-000000000001\",\"name\":\"re\\\"boot\","
         "\"expires_ms\":5,"
         "\"payload\":[1]}",
         0},
        {{.kind = HF_OUT_COMMAND, .id = id, .topic = {"x", 1}},
         HF_WS_OP_TEXT,
         "{\"type\":\"command\",\"id\":\"018bcfe5-6800-7000-8000-000000000001\",\"name\":\"x\"}",
         0},
        {{.kind = HF_OUT_PUBLISH, .topic = {"t", 1}, .flags = HF_EVENT_FLAG_TEXT, .payload = {"a\nb", 3}},
         HF_WS_OP_TEXT,
         "{\"type\":\"message\",\"topic\":\"t\",\"payload\":\"a\\nb\"}",
         0},
        {{.kind = HF_OUT_PUBLISH, .topic = {"t", 1}, .payload = {"\0\xff\x10", 3}},
         HF_WS_OP_TEXT,
         "{\"type\":\"message\",\"topic\":\"t\",\"payload_base64\":\"AP8Q\"}",
         0},
    };

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    struct hf_devconn *dev = &kit_conn(link)->dev;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        size_t bytes = rows[i].bytes ? rows[i].bytes : strlen(rows[i].want);

        for (unsigned shared = 0; shared < 2; shared++) { /* both ways give the same bytes */
            struct kit_frame frame;

            if (shared) {
                struct hf_shared *made = dev->ops->encode(dev, &rows[i].out);
                assert_non_null(made);
                assert_int_equal(dev->ops->write_shared(dev, made), HF_OK);
                hf_shared_unref(made);
            } else {
                assert_int_equal(dev->ops->write(dev, &rows[i].out), HF_OK);
            }
            assert_true(kit_next(link, &frame));
            assert_int_equal(frame.opcode, rows[i].opcode);
            assert_int_equal(frame.bytes, bytes);
            assert_memory_equal(frame.payload, rows[i].want, bytes);
        }
    }
}

static void every_size_has_its_head(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 511, 512, 767, 768, 769, 65535, 65536, 200000};
    static char payload[200000];
    struct kit_frame frame;

    (void)state;
    memset(payload, 'p', sizeof(payload));
    struct kit_link *link = kit_open(&kit, "d1");
    struct hf_devconn *dev = &kit_conn(link)->dev;
    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        struct hf_outgoing out = {.kind = HF_OUT_MESSAGE, .payload = {payload, sizes[i]}};

        assert_int_equal(dev->ops->write(dev, &out), HF_OK);
        assert_true(kit_next(link, &frame));
        assert_int_equal(frame.bytes, sizes[i]);
        assert_int_equal(frame.flags, HF_WS_FIN);
    }
    link->queued = 77;
    assert_int_equal(dev->ops->queued_bytes(dev), 77);
    dev->ops->flush(dev);
    assert_int_equal(link->flushes, 1);
    dev->ops->close(dev, HF_REASON_ADMIN_DISCONNECT, (struct hf_slice){NULL, 0});
    kit_expect_close(link, 1008, "reason=admin_disconnect;retry_ms=0");
}

static void compressed_when_agreed_and_worth_it(void **state)
{
    static char payload[40000], noise[2048];
    static const struct {
        bool on;
        uint8_t bits;
        size_t bytes;
        bool random, compressed;
    } rows[] = {
        {true, 12, 512, false, true},   {true, 15, 512, false, true},
        {true, 12, 511, false, false}, /* smaller than deflate_bytes_min */
        {true, 11, 512, false, false}, /* a window smaller than that of the shared compressor */
        {true, 8, 512, false, false},   {false, 0, 512, false, false},
        {true, 12, 2048, true, false}, /* saves less than a tenth */
        {true, 12, 40000, false, true},
    };
    uint32_t random = 1;

    (void)state;
    memset(payload, 'p', sizeof(payload));
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((random = random * 1664525u + 1013904223u) >> 24);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_admit admit = kit_admit(&kit, "d1");
        struct hf_outgoing out = {.payload = {rows[i].random ? noise : payload, rows[i].bytes}};
        struct kit_frame frame;

        admit.deflate = kit_limits.deflate;
        admit.deflate.on = rows[i].on;
        admit.deflate.server_max_window_bits = rows[i].bits ? rows[i].bits : 15;
        struct kit_link *link = kit_open_admit(&kit, &admit);
        struct hf_devconn *dev = &kit_conn(link)->dev;
        assert_int_equal(dev->ops->write(dev, &out), HF_OK);
        assert_true(kit_next(link, &frame));
        assert_int_equal((frame.flags & HF_WS_COMPRESSED) != 0, rows[i].compressed);
        assert_true(rows[i].compressed ? frame.bytes < rows[i].bytes : frame.bytes == rows[i].bytes);
        kit_end(link, HF_LINK_END_EOF);
    }
    assert_int_equal(hf_ws_deflater_window_bits(kit.site.deflater), 12);
    struct hf_ws_limits limits = kit_limits; /* a reload cannot widen the window that others have agreed to */
    limits.deflate.server_max_window_bits = 15;
    hf_ws_site_set_limits(&kit.site, &limits);
    assert_int_equal(kit.site.limits.deflate.server_max_window_bits, 12);
}

static void larger_than_any_buffer_goes_plain(void **state)
{
    static char payload[200000];
    struct hf_outgoing out = {.payload = {payload, sizeof(payload)}};
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    struct kit_frame frame;

    (void)state;
    admit.deflate = kit_limits.deflate;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    struct hf_devconn *dev = &kit_conn(link)->dev;
    assert_int_equal(dev->ops->write(dev, &out), HF_OK);
    assert_true(kit_next(link, &frame));
    assert_int_equal(frame.bytes, sizeof(payload));
}

static void errors_of_the_link_are_passed_on(void **state)
{
    struct hf_outgoing out = {.payload = {"x", 1}},
                       command = {.kind = HF_OUT_COMMAND, .id = id, .topic = {"x", 1}};

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    struct hf_devconn *dev = &kit_conn(link)->dev;
    link->fail = HF_ERR_LIMIT;
    assert_int_equal(dev->ops->write(dev, &out), HF_ERR_LIMIT);
    assert_int_equal(dev->ops->write(dev, &command), HF_ERR_LIMIT);
    link->fail = HF_OK;
    kit_expect_nothing(link);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(forms),
        ROW(every_size_has_its_head),
        ROW(compressed_when_agreed_and_worth_it),
        ROW(larger_than_any_buffer_goes_plain),
        ROW(errors_of_the_link_are_passed_on),
    };
    return cmocka_run_group_tests_name("ws_out", tests, NULL, NULL);
}
