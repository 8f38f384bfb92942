/* codec/session/session_limits_test.c - every limit from both sides, texts that are none, extensions known, unknown and damaged, lists that are too long, and
 * payloads that are not what they claim to be. */
#include "codec/session/session_testkit.h"

static uint8_t in[FRAME_MAX], out[FRAME_MAX];
static struct hf_frame frame;
static size_t taken;

static hf_err decode(size_t bytes)
{
    return decode_copy(in, bytes, PAYLOAD_MAX, &taken, &frame);
}

static void set_body_bytes(size_t body_bytes)
{
    hf_put_u32(in, (uint32_t)in[0] << 24 | (uint32_t)body_bytes);
}

/* A text of a frame, found by a function, so that rows may name it. */
#define TEXT_OF(name, member)                             \
    static struct hf_slice *name(struct hf_frame *frame_) \
    {                                                     \
        return &frame_->as.member;                        \
    }
TEXT_OF(device, hello.device)
TEXT_OF(software, hello.software)
TEXT_OF(trace, hello.trace)
TEXT_OF(group, hello.groups[0])
TEXT_OF(node, welcome.node)
TEXT_OF(alternate, welcome.alternates[0])
TEXT_OF(durable_id, welcome.durable_id)
TEXT_OF(topic, data.topic)
TEXT_OF(gap_detail, gap.detail)
TEXT_OF(key, command.key)
TEXT_OF(name, command.name)
TEXT_OF(bye_alternate, bye.alternates[0])
TEXT_OF(bye_detail, bye.detail)
TEXT_OF(token, auth.token)
TEXT_OF(subscribe_topic, subscribe.topic)
TEXT_OF(refuse_detail, refuse.detail)

static const struct {
    uint8_t type;
    struct hf_slice *(*text)(struct hf_frame *frame);
    size_t bytes_max;
    unsigned length_bytes; /* before it; 1: it cannot be longer */
} texts[] = {
    {HF_FRAME_HELLO, device, 255, 1},
    {HF_FRAME_HELLO, software, 255, 2},
    {HF_FRAME_HELLO, trace, 32, 2},
    {HF_FRAME_HELLO, group, 255, 2},
    {HF_FRAME_WELCOME, node, 255, 2},
    {HF_FRAME_WELCOME, alternate, 255, 2},
    {HF_FRAME_WELCOME, durable_id, 36, 2},
    {HF_FRAME_DATA, topic, 256, 2},
    {HF_FRAME_GAP, gap_detail, 255, 1},
    {HF_FRAME_COMMAND, key, 255, 1},
    {HF_FRAME_COMMAND, name, 256, 2},
    {HF_FRAME_BYE, bye_alternate, 255, 1},
    {HF_FRAME_BYE, bye_detail, 255, 1},
    {HF_FRAME_AUTH, token, 4096, 0},
    {HF_FRAME_SUBSCRIBE, subscribe_topic, 256, 0},
    {HF_FRAME_REFUSE, refuse_detail, 255, 0},
};

/* A frame with nothing but this text. */
static struct hf_frame frame_with(size_t row, struct hf_slice text)
{
    struct hf_frame with = {.type = texts[row].type};

    if (texts[row].text == group)
        with.as.hello.group_count = 1;
    if (texts[row].text == alternate)
        with.as.welcome.alternate_count = 1;
    if (texts[row].text == bye_alternate)
        with.as.bye.alternate_count = 1;
    *texts[row].text(&with) = text;
    return with;
}

static void takes_texts_up_to_their_limits(void **state)
{
    static char long_text[5000];

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    for (size_t row = 0; row < HF_COUNT_OF(texts); row++) {
        size_t bytes_max = texts[row].bytes_max;
        struct hf_frame with = frame_with(row, (struct hf_slice){long_text, bytes_max});
        size_t bytes = encode(&with, in);

        assert_int_equal(decode(bytes), HF_OK);
        assert_int_equal(texts[row].text(&frame)->bytes, bytes_max);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
        assert_int_equal(decode_json_copy(encode_json(&with, (char *)out), PAYLOAD_MAX, &frame), HF_OK);
        assert_int_equal(texts[row].text(&frame)->bytes, bytes_max);

        /* One byte more. */
        uint8_t *at = memchr(in + HF_FRAME_HEAD_BYTES, 'x', bytes - HF_FRAME_HEAD_BYTES);

        if (texts[row].length_bytes == 1)
            continue;
        memmove(at + 1, at, bytes - (size_t)(at - in));
        set_body_bytes(bytes - HF_FRAME_HEAD_BYTES + 1);
        if (texts[row].length_bytes == 2)
            hf_put_u16(at - 2, (uint16_t)(bytes_max + 1));
        assert_int_equal(decode(bytes + 1), HF_ERR_MALFORMED);
    }
}

static void knows_texts_in_json_that_are_too_long(void **state)
{
    static char json[2 * FRAME_MAX], long_text[5000];
    char marker[] = "mark";

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    for (size_t row = 0; row < HF_COUNT_OF(texts); row++) {
        struct hf_frame with = frame_with(row, (struct hf_slice){marker, 4});
        struct hf_slice text = encode_json(&with, (char *)out);
        const char *at = strstr(text.at, marker);

        assert_non_null(at);
        for (size_t bytes = texts[row].bytes_max; bytes <= texts[row].bytes_max + 1; bytes++) {
            int length = snprintf(json, sizeof(json), "%.*s%.*s%s", (int)(at - text.at), text.at, (int)bytes,
                                  long_text, at + 4);

            assert_int_equal(decode_json_copy((struct hf_slice){json, (size_t)length}, PAYLOAD_MAX, &frame),
                             bytes > texts[row].bytes_max ? HF_ERR_MALFORMED : HF_OK);
        }
    }
}

static void refuses_texts_that_are_not_utf8(void **state)
{
    static const char *const wrong[] = {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"};

    (void)state;
    for (size_t row = 0; row < HF_COUNT_OF(texts); row++) {
        for (size_t i = 0; i < HF_COUNT_OF(wrong); i++) {
            struct hf_frame with = frame_with(row, hf_slice_of(wrong[i]));

            assert_int_equal(decode(encode(&with, in)), HF_ERR_MALFORMED);
        }
        struct hf_frame with = frame_with(row, HF_SLICE("\xc3\xa4"));

        assert_int_equal(decode(encode(&with, in)), texts[row].text == trace ? HF_ERR_MALFORMED : HF_OK);
    }
}

/* The fixed part of a HELLO, zeros, with `extensions` behind it. */
static hf_err decode_hello(const char *extensions)
{
    const struct hf_frame zero = {.type = HF_FRAME_HELLO};
    size_t bytes = encode(&zero, in);

    bytes += unhex(extensions, in + bytes);
    set_body_bytes(bytes - HF_FRAME_HEAD_BYTES);
    return decode(bytes);
}

static void reads_extensions(void **state)
{
    static const struct {
        const char *hex;
        hf_err want;
    } rows[] = {
        {"", HF_OK},
        {"0001 0000", HF_OK},                               /* there, and empty */
        {"0001 0001 61 0001 0001 61", HF_ERR_MALFORMED},    /* software twice */
        {"0001 0000 0001 0001 61", HF_ERR_MALFORMED},       /* twice, the first one empty */
        {"0002 0001 61 0002 0001 62", HF_ERR_MALFORMED},    /* trace twice */
        {"0002 0000", HF_ERR_MALFORMED},                    /* 1 to 32 */
        {"0002 0001 20", HF_ERR_MALFORMED},                 /* not of its alphabet */
        {"0002 0001 40", HF_ERR_MALFORMED},                 /* @, before A */
        {"0002 0001 5b", HF_ERR_MALFORMED},                 /* [, behind Z */
        {"0002 0001 60", HF_ERR_MALFORMED},                 /* `, before a */
        {"0002 0001 7b", HF_ERR_MALFORMED},                 /* {, behind z */
        {"0002 0006 30395f2d417a", HF_OK},                  /* 09_-Az */
        {"0003 0009 01 0000000000000001", HF_OK},           /* a document */
        {"0003 000a 01 0000000000000001 ff", HF_OK},        /* longer than known */
        {"0003 0008 01 00000000000001", HF_ERR_MALFORMED},  /* shorter */
        {"0004 0001 61 0004 0001 61", HF_OK},               /* groups may repeat */
        {"0101 0001 ff", HF_OK},                            /* unknown, and no text: a tag has two bytes */
        {"0005 0000", HF_OK},                               /* unknown */
        {"ffff 0003 ffffff 0000 0000 0001 0001 61", HF_OK}, /* unknown ones before a known one */
        {"0001 0001", HF_ERR_MALFORMED},                    /* longer than the body */
        {"0005 0001", HF_ERR_MALFORMED},                    /* unknown, and longer than the body */
        {"0001 ffff 61", HF_ERR_MALFORMED},
        {"00", HF_ERR_MALFORMED}, /* a head that is cut */
        {"0005 00", HF_ERR_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (decode_hello(rows[i].hex) != rows[i].want)
            fail_msg("%s", rows[i].hex);
    assert_int_equal(decode_hello("ffff 0003 ffffff 0000 0000 0001 0001 61"), HF_OK);
    assert_true(hf_slice_is(frame.as.hello.software, "a"));
    assert_int_equal(frame.as.hello.group_count, 0);
}

/* Beyond what their arrays hold, items are still checked, and skipped. */
static void holds_so_many_items(void **state)
{
    (void)state;
    for (unsigned groups = 7; groups <= 9; groups++) {
        char hex[1024] = "";

        for (unsigned i = 0; i < groups; i++)
            snprintf(hex + strlen(hex), sizeof(hex) - strlen(hex), "0004 0001 6%u", i + 1);
        assert_int_equal(decode_hello(hex), HF_OK);
        assert_int_equal(frame.as.hello.group_count, HF_MIN(groups, 8U));
        assert_true(hf_slice_is(frame.as.hello.groups[6], "g"));
        strcat(hex, "0004 0001 ff");
        assert_int_equal(decode_hello(hex), HF_ERR_MALFORMED);
    }
    for (unsigned documents = 3; documents <= 5; documents++) {
        char hex[1024] = "";

        for (unsigned i = 0; i < documents; i++)
            snprintf(hex + strlen(hex), sizeof(hex) - strlen(hex), "0003 0009 0%u 000000000000000%u", i, i);
        assert_int_equal(decode_hello(hex), HF_OK);
        assert_int_equal(frame.as.hello.document_count, HF_MIN(documents, 4U));
        assert_int_equal(frame.as.hello.documents[2].version, 2);
    }
    for (unsigned alternates = 7; alternates <= 9; alternates++) {
        char hex[1024] = "";
        size_t bytes;

        for (unsigned i = 0; i < alternates; i++)
            snprintf(hex + strlen(hex), sizeof(hex) - strlen(hex), "01 6%u", i + 1);
        bytes = unhex("0c 000000 00 | 0002 00000000 00000000", in);
        in[bytes] = (uint8_t)alternates;
        bytes += 1 + unhex(hex, in + bytes + 1);
        bytes += unhex("01 7a", in + bytes);
        set_body_bytes(bytes - HF_FRAME_HEAD_BYTES);
        assert_int_equal(decode(bytes), HF_OK);
        assert_int_equal(frame.as.bye.alternate_count, HF_MIN(alternates, 8U));
        assert_true(hf_slice_is(frame.as.bye.detail, "z")); /* behind all of them */
    }
    for (unsigned ranges = 15; ranges <= 17; ranges++) {
        size_t bytes = unhex("04 000000 00 | 00000001 00000001 0000 00000000", in);

        in[bytes] = (uint8_t)ranges;
        memset(in + bytes + 1, 0x11, 8 * 17);
        bytes += 1 + 8 * ranges;
        set_body_bytes(bytes - HF_FRAME_HEAD_BYTES);
        assert_int_equal(decode(bytes), ranges > 16 ? HF_ERR_MALFORMED : HF_OK);
    }
}

static void judges_payloads(void **state)
{
    static const struct {
        const char *payload;
        uint8_t format;
        bool text;
        hf_err want;
        bool want_text;
    } rows[] = {
        {"\xff\x00", 0, false, HF_OK, false},
        {"\xff", 0, true, HF_ERR_INVALID, true},
        {"\xff", 2, true, HF_ERR_INVALID, true},
        {"\xff", 2, false, HF_OK, false},
        {"\xc3\xa4", 0, true, HF_OK, true},
        {"", 0, true, HF_OK, true},
        {"{\"a\":[1]}", 1, false, HF_OK, true},
        {" 1 ", 1, true, HF_OK, true},
        {"", 1, false, HF_OK, true},
        {"{", 1, false, HF_ERR_INVALID, true},
        {"1},{\"type\":\"bye\"", 1, false, HF_ERR_INVALID, true},
        {"\"\xff\"", 1, false, HF_ERR_INVALID, true},
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", 1, false, HF_OK, true}, /* 16 deep */
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 1, false, HF_ERR_INVALID, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice payload = hf_slice_of(rows[i].payload);
        const struct hf_frame frames[] = {
            {.type = HF_FRAME_DATA,
             .as.data = {.seq = 7, .format = rows[i].format, .text = rows[i].text, .payload = payload}},
            {.type = HF_FRAME_COMMAND,
             .as.command = {.seq = 7, .format = rows[i].format, .text = rows[i].text, .payload = payload}},
            {.type = HF_FRAME_RESULT,
             .as.result = {.seq = 7, .format = rows[i].format, .text = rows[i].text, .payload = payload}},
        };

        for (size_t kind = 0; kind < HF_COUNT_OF(frames); kind++) {
            size_t bytes = encode(&frames[kind], in);

            if (decode(bytes) != rows[i].want)
                fail_msg("%s", rows[i].payload);
            assert_int_equal(taken, bytes);
            assert_int_equal(kind == 0   ? frame.as.data.seq
                             : kind == 1 ? frame.as.command.seq
                                         : frame.as.result.seq,
                             7); /* so that it can be refused */
            assert_int_equal(kind == 0   ? frame.as.data.text
                             : kind == 1 ? frame.as.command.text
                                         : frame.as.result.text,
                             rows[i].want_text);
        }
    }
}

static void judges_changes(void **state)
{
    static const struct {
        const char *json;
        hf_err want;
    } rows[] = {{"", HF_OK}, {"{}", HF_OK}, {"[", HF_ERR_INVALID}, {"{}{}", HF_ERR_INVALID}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_frame patch = {.type = HF_FRAME_PATCH,
                                       .as.patch = {.request = 9, .json = hf_slice_of(rows[i].json)}};
        const struct hf_frame delta = {.type = HF_FRAME_DELTA,
                                       .as.delta = {.request = 9, .json = hf_slice_of(rows[i].json)}};

        assert_int_equal(decode(encode(&patch, in)), rows[i].want);
        assert_int_equal(frame.as.patch.request, 9);
        assert_int_equal(decode(encode(&delta, in)), rows[i].want);
        assert_int_equal(frame.as.delta.request, 9);
    }
}

/* A reason of a later version is none; numbers without a name are kept, and go through JSON as numbers. */
static void keeps_what_it_does_not_know(void **state)
{
    static const uint16_t unknown[] = {14, 99 + 30, 500, 65535};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(unknown); i++) {
        struct hf_frame gap = {.type = HF_FRAME_GAP, .as.gap = {.from = 1, .to = 2, .reason = unknown[i]}};

        assert_int_equal(decode(encode(&gap, in)), HF_OK);
        assert_int_equal(frame.as.gap.reason, HF_REASON_NONE);
    }
    struct hf_frame result = {.type = HF_FRAME_RESULT, .as.result = {.status = 9, .format = 77}};

    assert_int_equal(decode(encode(&result, in)), HF_OK);
    assert_int_equal(frame.as.result.status, 9);
    assert_int_equal(decode_json_copy(encode_json(&result, (char *)out), PAYLOAD_MAX, &frame), HF_OK);
    assert_int_equal(frame.as.result.status, 9);
    assert_int_equal(frame.as.result.format, 77);
    assert_int_equal(
        decode_json_copy(HF_SLICE("{\"type\":\"gap\",\"from\":1,\"to\":2,\"reason\":\"from the future\"}"),
                         PAYLOAD_MAX, &frame),
        HF_OK);
    assert_int_equal(frame.as.gap.reason, HF_REASON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_texts_up_to_their_limits),
        cmocka_unit_test(knows_texts_in_json_that_are_too_long),
        cmocka_unit_test(refuses_texts_that_are_not_utf8),
        cmocka_unit_test(reads_extensions),
        cmocka_unit_test(holds_so_many_items),
        cmocka_unit_test(judges_payloads),
        cmocka_unit_test(judges_changes),
        cmocka_unit_test(keeps_what_it_does_not_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
