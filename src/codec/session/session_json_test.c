/* codec/session/session_json_test.c - frames as JSON: the samples both ways and against binary, what may be absent, and everything that is refused. */
#include "codec/session/session_testkit.h"

static struct hf_frame frame;
static char text[FRAME_MAX];
static uint8_t in[FRAME_MAX], out[FRAME_MAX];

static hf_err decode(const char *json)
{
    memset(&frame, 0xee, sizeof(frame));
    return decode_json_copy(hf_slice_of(json), PAYLOAD_MAX, &frame);
}

static void is_what_binary_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        size_t bytes = unhex(samples[i].hex, in), taken;

        encode_json(&samples[i].frame, text);
        assert_string_equal(text, samples[i].json);
        assert_int_equal(decode(samples[i].json), HF_OK);
        assert_int_equal(frame.type, samples[i].frame.type);
        if (frame.type == HF_FRAME_COMMAND)
            assert_true(frame.as.command.text); /* format JSON implies it */
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
        assert_int_equal(decode_copy(in, bytes, PAYLOAD_MAX, &taken, &frame), HF_OK);
        encode_json(&frame, text);
        assert_string_equal(text, samples[i].json);
    }
}

/* Frames of nothing but zeros: what stands here must be there, everything else may be absent. */
static const char *const zeros[HF_FRAME_TYPES] = {
    [HF_FRAME_HELLO] = "{\"type\":\"hello\",\"version_min\":0,\"version_max\":0,\"queue_id\":"
                       "\"0000000000000000\",\"uplink_first\":0,"
                       "\"uplink_next\":0,\"window_messages\":0,\"window_bytes\":0}",
    [HF_FRAME_WELCOME] =
        "{\"type\":\"welcome\",\"version\":0,\"result\":\"new\",\"session_id\":"
        "\"00000000000000000000000000000000\","
        "\"epoch\":0,\"uplink_received\":0,\"uplink_durable\":0,\"downlink_next\":0,\"window_messages\":0,"
        "\"window_bytes\":0,\"message_bytes_max\":0}",
    [HF_FRAME_DATA] = "{\"type\":\"data\"}",
    [HF_FRAME_ACK] = "{\"type\":\"ack\",\"received_through\":0,\"durable_through\":0,\"window_messages\":0,"
                     "\"window_bytes\":0}",
    [HF_FRAME_GAP] = "{\"type\":\"gap\",\"from\":0,\"to\":0}",
    [HF_FRAME_COMMAND] =
        "{\"type\":\"command\",\"seq\":0,\"id\":\"00000000-0000-0000-0000-000000000000\",\"name\":\"\"}",
    [HF_FRAME_RESULT] =
        "{\"type\":\"result\",\"seq\":0,\"id\":\"00000000-0000-0000-0000-000000000000\",\"status\":\"ok\"}",
    [HF_FRAME_PATCH] = "{\"type\":\"patch\",\"request\":0,\"document\":\"none\",\"kind\":\"full\"}",
    [HF_FRAME_DELTA] = "{\"type\":\"delta\",\"document\":\"none\",\"kind\":\"full\",\"version\":0}",
    [HF_FRAME_PING] = "{\"type\":\"ping\",\"seq\":0}",
    [HF_FRAME_PONG] = "{\"type\":\"pong\",\"seq\":0}",
    [HF_FRAME_BYE] = "{\"type\":\"bye\",\"reason\":\"none\"}",
    [HF_FRAME_AUTH] = "{\"type\":\"auth\",\"token\":\"\"}",
    [HF_FRAME_SUBSCRIBE] = "{\"type\":\"subscribe\",\"topic\":\"\"}",
    [HF_FRAME_REFUSE] = "{\"type\":\"refuse\",\"reason\":\"none\"}",
};

static void leaves_out_what_is_zero(void **state)
{
    (void)state;
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++) {
        struct hf_frame zero = {.type = (uint8_t)type};
        size_t bytes = encode(&zero, in);

        encode_json(&zero, text);
        assert_string_equal(text, zeros[type]);
        assert_int_equal(decode(text), HF_OK);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
    }
}

static void misses_what_must_be_there(void **state)
{
    (void)state;
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++)
        for (const char *at = strchr(zeros[type], '"'), *end; at != NULL; at = strchr(end, '"')) {
            end = strchr(at + 1, '"') + 1;
            if (*end != ':')
                continue; /* a value */
            snprintf(text, sizeof(text), "%.*s\"renamed\"%s", (int)(at - zeros[type]), zeros[type], end);
            assert_int_equal(decode(text), HF_ERR_MALFORMED);
        }
}

static void refuses(void **state)
{
    static const struct {
        const char *json;
        hf_err want;
    } rows[] = {
        {"", HF_ERR_MALFORMED},
        {"[]", HF_ERR_MALFORMED},
        {"7", HF_ERR_MALFORMED},
        {"{}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\"", HF_ERR_MALFORMED},
        {"{\"type\":\"data\"}x", HF_ERR_MALFORMED},
        {"{\"type\":3}", HF_ERR_MALFORMED},
        {"{\"type\":null}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"type\":\"data\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"ty\\u0070e\":\"data\"}", HF_ERR_MALFORMED},
        {" {\t\"type\" : \"data\" }\n", HF_OK},
        {"{\"type\":\"data", HF_ERR_MALFORMED},
        {"{\"type\":\"data\" \"seq\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\" data\"}", HF_OK}, /* another type, and unknown */
        {"{\"seq\":1,\"type\":\"data\"}", HF_OK},
        {"{\"type\":\"data\",\"topic\":\"a\",\"topic\":\"a\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"seq\":4294967295}", HF_OK},
        {"{\"type\":\"data\",\"seq\":4294967296}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"seq\":-1}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"seq\":1.0}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"seq\":\"1\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"seq\":null}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"format\":255}", HF_OK},
        {"{\"type\":\"data\",\"format\":256}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"time\":18446744073709551615}", HF_OK},
        {"{\"type\":\"data\",\"time\":18446744073709551616}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"publish\":false}", HF_OK},
        {"{\"type\":\"data\",\"publish\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"id\":\"D0010203-0405-0607-0809-0A0B0C0D0E0F\"}", HF_OK},
        {"{\"type\":\"data\",\"id\":\"d00102030405060708090a0b0c0d0e0f\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"id\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"topic\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"payload\":1}", HF_ERR_MALFORMED}, /* a value without format 1 */
        {"{\"type\":\"data\",\"format\":1,\"payload\":1}", HF_OK},
        {"{\"type\":\"data\",\"format\":2,\"payload\":\"text\"}", HF_OK},
        {"{\"type\":\"data\",\"payload_base64\":\"AAE=\"}", HF_OK},
        {"{\"type\":\"data\",\"payload_base64\":\"AAE\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"payload_base64\":\"A-E=\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"payload_base64\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"payload\":\"\",\"payload_base64\":\"\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"data\",\"format\":1,\"payload_base64\":\"WzFd\"}", HF_OK},          /* [1] */
        {"{\"type\":\"data\",\"format\":1,\"payload_base64\":\"WzFb\"}", HF_ERR_INVALID}, /* [1[ */
        {"{\"type\":\"hello\",\"version_min\":256}", HF_ERR_MALFORMED},
        {"{\"type\":\"ack\",\"received_through\":0,\"durable_through\":0,\"window_messages\":65536,\"window_"
         "bytes\":0}",
         HF_ERR_MALFORMED},
        {"{\"type\":\"auth\",\"token\":\"a\",\"expires\":1}", HF_ERR_MALFORMED},
        {"{\"type\":\"auth\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"gap\",\"from\":1,\"to\":2,\"reason\":71}", HF_ERR_MALFORMED},
        {"{\"type\":\"patch\",\"request\":1,\"document\":\"context\",\"kind\":true}", HF_ERR_MALFORMED},
        {"{\"type\":\"patch\",\"request\":1,\"document\":256,\"kind\":0}", HF_ERR_MALFORMED},
        {"{\"type\":\"patch\",\"request\":1,\"document\":255,\"kind\":0}", HF_OK},
        {"{\"type\":\"bye\",\"reason\":\"drain\",\"alternates\":\"a\"}", HF_ERR_MALFORMED},
        {"{\"type\":\"bye\",\"reason\":\"drain\",\"alternates\":[1]}", HF_ERR_MALFORMED},
        {"{\"type\":\"something\",\"seq\":[]}", HF_OK},
        {"{\"type\":\"a name that is longer than any that this version has room for\"}", HF_OK},
        {"{\"type\":\"something\",\"seq\":}", HF_ERR_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (decode(rows[i].json) != rows[i].want)
            fail_msg("%s", rows[i].json);
}

/* Rows with one member in the place of the first two of a HELLO that is otherwise complete. */
static void reads_the_members_of_hello(void **state)
{
    static const struct {
        const char *member;
        hf_err want;
    } rows[] = {
        {"\"x\":0", HF_OK},
        {"\"session_id\":\"A00102030405060708090A0B0C0D0E0F\"", HF_OK},
        {"\"session_id\":\"a00102030405060708090a0b0c0d0e0\"", HF_ERR_MALFORMED},
        {"\"session_id\":\"a00102030405060708090a0b0c0d0e0f0\"", HF_ERR_MALFORMED},
        {"\"session_id\":\"g00102030405060708090a0b0c0d0e0f\"", HF_ERR_MALFORMED},
        {"\"session_id\":\"\"", HF_ERR_MALFORMED},
        {"\"capabilities\":[]", HF_OK},
        {"\"capabilities\":[\"resume\",\"telepathy\",\"res\\u0075me\"]", HF_OK},
        {"\"capabilities\":[1]", HF_ERR_MALFORMED},
        {"\"capabilities\":2", HF_ERR_MALFORMED},
        {"\"profile\":\"ha\"", HF_OK},
        {"\"profile\":\"a later one\"", HF_OK},
        {"\"profile\":{}", HF_ERR_MALFORMED},
        {"\"trace\":\"\"", HF_ERR_MALFORMED},
        {"\"trace\":\"a b\"", HF_ERR_MALFORMED},
        {"\"trace\":\"abcdefghijklmnopqrstuvwxyz-_0123\"", HF_OK},
        {"\"trace\":\"abcdefghijklmnopqrstuvwxyz-_01234\"", HF_ERR_MALFORMED},
        {"\"documents\":[]", HF_OK},
        {"\"documents\":[{\"document\":\"context\"}]", HF_OK},
        {"\"documents\":[{\"document\":1,\"version\":2},{\"document\":3,\"version\":4,\"new\":[[]]}]", HF_OK},
        {"\"documents\":[{\"version\":2}]", HF_ERR_MALFORMED},
        {"\"documents\":[{\"document\":\"group\",\"version\":-2}]", HF_ERR_MALFORMED},
        {"\"documents\":[[]]", HF_ERR_MALFORMED},
        {"\"documents\":{}", HF_ERR_MALFORMED},
        {"\"groups\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]", HF_OK},
        {"\"groups\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",9]", HF_ERR_MALFORMED},
    };
    const char *rest = strstr(zeros[HF_FRAME_HELLO], "\"version_min\"");

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        snprintf(text, sizeof(text), "{\"type\":\"hello\",%s,%s", rows[i].member, rest);
        if (decode(text) != rows[i].want)
            fail_msg("%s", text);
        if (strstr(text, "telepathy") != NULL)
            assert_int_equal(frame.as.hello.capabilities, HF_CAP_RESUME);
        if (strstr(text, "later") != NULL)
            assert_int_equal(frame.as.hello.profile, 255);
        if (strstr(text, "\"i\"") != NULL) {
            assert_int_equal(frame.as.hello.group_count, HF_FRAME_GROUPS_MAX);
            assert_true(hf_slice_is(frame.as.hello.groups[7], "h"));
        }
    }
}

static void reads_ranges(void **state)
{
    static const struct {
        const char *ranges;
        int want; /* -1: malformed */
    } rows[] = {
        {"[]", 0},
        {"[[1,2]]", 1},
        {"[ [ 1 , 2 ] , [4294967295,0] ]", 2},
        {"[[1]]", -1},
        {"[[1,2,3]]", -1},
        {"[[]]", -1},
        {"[[1,\"2\"]]", -1},
        {"[[1,4294967296]]", -1},
        {"[1,2]", -1},
        {"{}", -1},
        {"[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]",
         16},
        {"[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],["
         "1,2]]",
         -1},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        snprintf(text, sizeof(text),
                 "{\"ranges\":%s,\"received_through\":0,\"durable_through\":0,\"window_messages\":0,\"window_"
                 "bytes\":0,"
                 "\"type\":\"ack\"}",
                 rows[i].ranges);
        assert_int_equal(decode(text), rows[i].want < 0 ? HF_ERR_MALFORMED : HF_OK);
        if (rows[i].want >= 0)
            assert_int_equal(frame.as.ack.range_count, rows[i].want);
    }
    assert_int_equal(frame.type, HF_FRAME_ACK);
}

static void unescapes_into_the_scratch(void **state)
{
    static const char json[] =
        "{ \"ty\\u0070e\" : \"d\\u0061ta\" , \"topic\":\"\\u00e4/\\\"\",\"payload_base64\":\"\\/\\/\\/\\/\"}";
    struct hf_slice all = HF_SLICE(json);
    char scratch[sizeof(json)];

    (void)state;
    assert_int_equal(decode(json), HF_OK);
    assert_int_equal(frame.type, HF_FRAME_DATA);
    assert_true(hf_slice_is(frame.as.data.topic, "\xc3\xa4/\""));
    assert_true(hf_slice_is(frame.as.data.payload, "\xff\xff\xff"));
    assert_false(frame.as.data.text);
    for (size_t room = 0; room < 4 + 4;
         room++) /* topic, then the text of the base64, which is decoded over itself */
        assert_int_equal(hf_frame_decode_json(all, PAYLOAD_MAX, scratch, room, &frame), HF_ERR_LIMIT);
    assert_int_equal(hf_frame_decode_json(all, PAYLOAD_MAX, scratch, 4 + 4, &frame), HF_OK);
}

static void bounds_payloads_and_depth(void **state)
{
    static const struct {
        const char *json;
        uint32_t bytes; /* of the payload */
    } rows[] = {
        {"{\"type\":\"data\",\"payload\":\"\\u0061bc\"}", 3},
        {"{\"type\":\"data\",\"format\":1,\"payload\":\"abc\"}", 5},
        {"{\"type\":\"data\",\"payload_base64\":\"AAEC\"}", 3},
        {"{\"type\":\"patch\",\"request\":1,\"document\":1,\"kind\":0,\"change\":[1]}", 3},
        {"{\"type\":\"delta\",\"document\":1,\"kind\":0,\"version\":1,\"change\":[1]}", 3},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice json = hf_slice_of(rows[i].json);

        assert_int_equal(decode_json_copy(json, rows[i].bytes, &frame), HF_OK);
        assert_int_equal(decode_json_copy(json, rows[i].bytes - 1, &frame), HF_ERR_LIMIT);
    }
    for (int depth = 15; depth <= 64; depth++) {
        char open[65] = {0}, close[65] = {0};

        memset(open, '[', (size_t)depth);
        memset(close, ']', (size_t)depth);
        snprintf(
            text, sizeof(text),
            "{\"type\":\"result\",\"seq\":9,\"id\":\"f0010203-0405-0607-0809-0a0b0c0d0e0f\",\"status\":0,"
            "\"format\":1,\"payload\":%s%s}",
            open, close);
        assert_int_equal(decode(text), depth <= 16 ? HF_OK : depth < 64 ? HF_ERR_INVALID : HF_ERR_MALFORMED);
        if (depth < 64)
            assert_int_equal(frame.as.result.seq, 9); /* so that it can be refused */
    }
}

/* The bound holds for the worst text: every byte becomes six. */
static void fits_its_bound(void **state)
{
    static char controls[PAYLOAD_MAX / 4];

    (void)state;
    memset(controls, 1, sizeof(controls));
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        struct hf_frame worst = samples[i].frame;
        struct hf_slice long_text = {controls, HF_FRAME_TEXT_BYTES_MAX},
                        payload = {controls, sizeof(controls)};

        switch (worst.type) {
        case HF_FRAME_HELLO:
            worst.as.hello.device = worst.as.hello.software = long_text;
            worst.as.hello.group_count = HF_FRAME_GROUPS_MAX;
            for (int n = 0; n < HF_FRAME_GROUPS_MAX; n++)
                worst.as.hello.groups[n] = (struct hf_slice){controls, 60};
            break;
        case HF_FRAME_DATA: worst.as.data.payload = payload; break;
        case HF_FRAME_RESULT: worst.as.result.payload = payload; break;
        case HF_FRAME_REFUSE: worst.as.refuse.detail = long_text; break;
        case HF_FRAME_BYE: worst.as.bye.detail = long_text; break;
        case HF_FRAME_ACK: worst.as.ack.range_count = HF_FRAME_ACK_RANGES_MAX; break;
        default: break;
        }
        struct hf_slice json = encode_json(&worst, text);

        assert_int_equal(decode_json_copy(json, PAYLOAD_MAX, &frame), HF_OK);
        size_t bytes = encode(&worst, in);

        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_binary_is),
        cmocka_unit_test(leaves_out_what_is_zero),
        cmocka_unit_test(misses_what_must_be_there),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_the_members_of_hello),
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(unescapes_into_the_scratch),
        cmocka_unit_test(bounds_payloads_and_depth),
        cmocka_unit_test(fits_its_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
