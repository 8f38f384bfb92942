/* codec/session/session_vectors_test.c - doc/protocol-vectors.json, read as others read it and held against the code, every vector both ways. The head of that file describes
 * it. A vector is changed there by hand: what the encoder writes instead is in the failure's message. */
#include "codec/json/array.h"
#include "codec/session/session_testkit.h"

enum { FILE_BYTES_MAX = 1 << 20, DEPTH = HF_JSON_DEPTH_CEILING };
enum { NAME, DIRECTION, TYPE, BINARY, JSON, CANONICAL, CRC, JSON_TEXT, ERROR, FIELDS };

static char file[FILE_BYTES_MAX], storage[FRAME_MAX], written[FRAME_MAX];
static uint8_t in[FRAME_MAX], out[FRAME_MAX];
static struct hf_json_field vectors, messages, heartbeats, crcs;
static uint32_t payload_max;

static int load(void **state)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("vectors"), HF_JSON_FIELD("messages"),
                                     HF_JSON_FIELD("heartbeats"), HF_JSON_FIELD("crcs"),
                                     HF_JSON_FIELD("limits")};
    struct hf_json_field limit = HF_JSON_FIELD("payload_bytes_max");
    FILE *from = fopen(HF_DOC_DIR "/protocol-vectors.json", "r");
    uint64_t value = 0;
    size_t bytes;

    (void)state;
    assert_non_null(from);
    bytes = fread(file, 1, sizeof(file), from);
    assert_int_equal(fclose(from), 0);
    assert_true(bytes < sizeof(file));
    assert_int_equal(hf_json_scan(file, bytes, fields, HF_COUNT_OF(fields), DEPTH), HF_OK);
    assert_int_equal(hf_json_scan(fields[4].raw.at, fields[4].raw.bytes, &limit, 1, DEPTH), HF_OK);
    assert_int_equal(hf_json_to_u64(&limit, &value), HF_OK);
    payload_max = (uint32_t)value;
    vectors = fields[0];
    messages = fields[1];
    heartbeats = fields[2];
    crcs = fields[3];
    return 0;
}

static void scan_object(const struct hf_json_field *object, struct hf_json_field *fields, size_t count)
{
    assert_int_equal(object->type, HF_JSON_OBJECT);
    assert_int_equal(hf_json_scan(object->raw.at, object->raw.bytes, fields, count, DEPTH), HF_OK);
}

/* A member that is a string of hex digits. */
static size_t bytes_of(const struct hf_json_field *field, uint8_t *to)
{
    char hex[2 * FRAME_MAX];

    assert_int_equal(field->type, HF_JSON_STRING);
    snprintf(hex, sizeof(hex), "%.*s", (int)field->raw.bytes - 2, field->raw.at + 1);
    return unhex(hex, to);
}

static const char *verdict(hf_err err, const struct hf_frame *frame)
{
    switch (err) {
    case HF_OK: break;
    case HF_ERR_MALFORMED: return "malformed";
    case HF_ERR_LIMIT: return "too_big";
    case HF_ERR_CORRUPT: return "corrupt";
    case HF_ERR_INVALID: return "refused";
    default: return hf_err_name(err);
    }
    if (frame->type == HF_FRAME_NONE || frame->type >= HF_FRAME_TYPES)
        return "unknown";
    if ((frame->type == HF_FRAME_PING || frame->type == HF_FRAME_PONG) && !frame->as.beat.valid)
        return "heartbeat";
    return "good";
}

static void expect_verdict(const struct hf_json_field *fields, hf_err err, const struct hf_frame *frame)
{
    const char *got = verdict(err, frame);

    if (fields[ERROR].found ? !hf_json_is(&fields[ERROR], got) : strcmp(got, "good") != 0)
        fail_msg("%.*s: %s", (int)fields[NAME].raw.bytes, fields[NAME].raw.at, got);
}

static void expect_json(const struct hf_json_field *fields, const struct hf_frame *frame)
{
    struct hf_slice json = encode_json(frame, written);

    if (!hf_slice_eq(json, fields[JSON].raw))
        fail_msg("%.*s: %s", (int)fields[NAME].raw.bytes, fields[NAME].raw.at, written);
}

static void expect_binary(const struct hf_json_field *fields, struct hf_frame *frame)
{
    size_t want = bytes_of(&fields[fields[CANONICAL].found ? CANONICAL : BINARY], in), bytes;
    struct hf_sb sb;

    frame->crc = fields[CRC].found;
    bytes = encode(frame, out);
    if (bytes == want && memcmp(in, out, bytes) == 0)
        return;
    hf_sb_init(&sb, written, sizeof(written));
    hf_sb_hex(&sb, out, bytes);
    fail_msg("%.*s: %s", (int)fields[NAME].raw.bytes, fields[NAME].raw.at, written);
}

static void expect_direction(const struct hf_json_field *fields, unsigned type)
{
    bool up = !hf_json_is(&fields[DIRECTION], "down"), down = !hf_json_is(&fields[DIRECTION], "up");

    assert_true(hf_json_is(&fields[TYPE], hf_frame_type_name(type)));
    assert_int_equal(hf_frame_may_go_up(type), up);
    assert_int_equal(hf_frame_may_go_down(type), down);
}

static void read_binary(const struct hf_json_field *fields)
{
    size_t bytes = bytes_of(&fields[BINARY], in), taken = 0;
    struct hf_frame frame;
    hf_err err = decode_copy(in, bytes, payload_max, &taken, &frame);

    expect_verdict(fields, err, &frame);
    if (err == HF_OK || err == HF_ERR_INVALID || err == HF_ERR_CORRUPT)
        assert_int_equal(taken, bytes);
    if (fields[ERROR].found)
        return;
    assert_int_equal(frame.crc, fields[CRC].found);
    expect_direction(fields, frame.type);
    expect_json(fields, &frame);
    expect_binary(fields, &frame);
}

static void read_json(const struct hf_json_field *fields, struct hf_slice json)
{
    struct hf_frame frame;
    hf_err err = decode_json_copy(json, payload_max, &frame);

    expect_verdict(fields, err, &frame);
    if (fields[ERROR].found)
        return;
    expect_json(fields, &frame);
    expect_binary(fields, &frame);
}

static void reads_and_writes_every_vector(void **state)
{
    struct hf_slice rest = vectors.raw, text;
    struct hf_json_field vector;
    unsigned count = 0, good[HF_FRAME_TYPES] = {0};

    (void)state;
    for (; hf_json_array_next(&rest, &vector); count++) {
        struct hf_json_field fields[FIELDS] = {
            [NAME] = HF_JSON_FIELD("name"),   [DIRECTION] = HF_JSON_FIELD("direction"),
            [TYPE] = HF_JSON_FIELD("type"),   [BINARY] = HF_JSON_FIELD("binary"),
            [JSON] = HF_JSON_FIELD("json"),   [CANONICAL] = HF_JSON_FIELD("canonical"),
            [CRC] = HF_JSON_FIELD("crc"),     [JSON_TEXT] = HF_JSON_FIELD("json_text"),
            [ERROR] = HF_JSON_FIELD("error"),
        };

        scan_object(&vector, fields, FIELDS);
        assert_true(fields[NAME].found && fields[DIRECTION].found && fields[TYPE].found);
        assert_true(fields[BINARY].found || (fields[JSON_TEXT].found && fields[ERROR].found));
        assert_true(fields[JSON].found != fields[ERROR].found);
        if (fields[BINARY].found)
            read_binary(fields);
        if (fields[JSON].found)
            read_json(fields, fields[JSON].raw);
        if (fields[JSON_TEXT].found) {
            assert_int_equal(hf_json_to_text(&fields[JSON_TEXT], storage, sizeof(storage), &text), HF_OK);
            read_json(fields, text);
        }
        for (unsigned type = 1; type < HF_FRAME_TYPES; type++)
            good[type] += fields[JSON].found && hf_json_is(&fields[TYPE], hf_frame_type_name(type));
    }
    assert_true(count > 150);
    for (unsigned type = 1; type < HF_FRAME_TYPES; type++)
        assert_true(good[type] >= 2);
}

/* The bytes that were written by hand are among the vectors. */
static void holds_the_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        size_t bytes = unhex(samples[i].hex, in);
        struct hf_sb sb;

        hf_sb_init(&sb, written, sizeof(written));
        hf_sb_hex(&sb, in, bytes);
        assert_non_null(strstr(file, written));
    }
}

static void expect_skipped(const struct hf_json_field *want, hf_err err, const struct hf_frame *frame)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("type"), HF_JSON_FIELD("error"), HF_JSON_FIELD("unknown")};
    uint64_t number;

    scan_object(want, fields, 3);
    if (fields[2].found) {
        assert_int_equal(hf_json_to_u64(&fields[2], &number), HF_OK);
        assert_int_equal(frame->type, number);
        assert_string_equal(verdict(err, frame), "unknown");
        return;
    }
    assert_true(hf_json_is(&fields[1], verdict(err, frame)));
    assert_true(hf_json_is(&fields[0], hf_frame_type_name(frame->type)));
}

static void cuts_messages_into_frames(void **state)
{
    struct hf_slice rest = messages.raw;
    struct hf_json_field message, want;
    unsigned count = 0;

    (void)state;
    for (; hf_json_array_next(&rest, &message); count++) {
        struct hf_json_field fields[] = {HF_JSON_FIELD("binary"), HF_JSON_FIELD("frames"),
                                         HF_JSON_FIELD("error")};
        static uint8_t bytes_at[FRAME_MAX];
        size_t at = 0, taken = 0, bytes;
        struct hf_slice frames;
        struct hf_frame frame;

        scan_object(&message, fields, 3);
        bytes = bytes_of(&fields[0], bytes_at);
        frames = fields[1].raw;
        while (hf_json_array_next(&frames, &want)) {
            hf_err err = hf_frame_decode(bytes_at + at, bytes - at, payload_max, &taken, &frame);

            assert_true(err == HF_OK || err == HF_ERR_CORRUPT);
            if (strcmp(verdict(err, &frame), "good") != 0)
                expect_skipped(&want, err, &frame);
            else
                assert_true(hf_slice_eq(encode_json(&frame, written), want.raw));
            at += taken;
        }
        assert_int_equal(at == bytes, !fields[2].found);
        if (at < bytes)
            assert_true(hf_json_is(
                &fields[2],
                verdict(hf_frame_decode(bytes_at + at, bytes - at, payload_max, &taken, &frame), &frame)));
    }
    assert_true(count >= 5);
}

static void knows_heartbeats_and_crcs(void **state)
{
    struct hf_slice rest = heartbeats.raw;
    struct hf_json_field element;
    unsigned count = 0;

    (void)state;
    for (; hf_json_array_next(&rest, &element); count++) {
        struct hf_json_field fields[] = {HF_JSON_FIELD("seq"), HF_JSON_FIELD("ts"), HF_JSON_FIELD("hex")};
        struct hf_heartbeat beat = {0};
        uint64_t seq, ts_ms;

        scan_object(&element, fields, 3);
        assert_int_equal(bytes_of(&fields[2], in), HF_HEARTBEAT_BYTES);
        assert_int_equal(hf_json_to_u64(&fields[0], &seq), HF_OK);
        assert_int_equal(hf_json_to_u64(&fields[1], &ts_ms), HF_OK);
        assert_true(hf_heartbeat_decode(in, &beat));
        assert_true(beat.seq == seq && beat.ts_ms == ts_ms);
        hf_heartbeat_encode(&beat, out);
        assert_memory_equal(in, out, HF_HEARTBEAT_BYTES);
    }
    rest = crcs.raw;
    for (; hf_json_array_next(&rest, &element); count++) {
        struct hf_json_field fields[] = {HF_JSON_FIELD("data"), HF_JSON_FIELD("crc8"),
                                         HF_JSON_FIELD("crc32c")};
        size_t bytes;

        scan_object(&element, fields, 3);
        bytes = bytes_of(&fields[0], in);
        assert_int_equal(bytes_of(&fields[1], out), 1);
        assert_int_equal(out[0], hf_crc8_rohc(in, bytes));
        assert_int_equal(bytes_of(&fields[2], out), 4);
        assert_int_equal(hf_get_u32(out), hf_crc32c(0, in, bytes));
    }
    assert_true(count >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_every_vector),
        cmocka_unit_test(holds_the_samples),
        cmocka_unit_test(cuts_messages_into_frames),
        cmocka_unit_test(knows_heartbeats_and_crcs),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
