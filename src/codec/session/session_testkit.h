/* codec/session/session_testkit.h - one frame of every type with no field left at zero, each beside its bytes and its JSON, which were written by hand from
 * doc/protocol.md. In the hex, spaces and bars only part the fields. */
#ifndef HF_CODEC_SESSION_TESTKIT_H
#define HF_CODEC_SESSION_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/reason.h"
#include "codec/session/binary.h"
#include "codec/session/json.h"

enum { PAYLOAD_MAX = 4096, FRAME_MAX = 16384 };

#define ID16(first)                                                \
    {                                                              \
        (first), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 \
    }

struct sample {
    struct hf_frame frame;
    const char *hex, *json;
};

static const struct sample samples[] = {
    {{.type = HF_FRAME_HELLO,
      .as.hello = {.version_min = 1,
                   .version_max = 2,
                   .capabilities = 0x37,
                   .session_id = ID16(0xa0),
                   .downlink_position = 0x1112131415161718,
                   .queue_id = 0x2122232425262728,
                   .uplink_first = 0x3132333435363738,
                   .uplink_next = 0x4142434445464748,
                   .window_messages = 0x5152,
                   .window_bytes = 0x61626364,
                   .boot_id = ID16(0xb0),
                   .profile = HF_PROFILE_ADAPTIVE,
                   .device = {"bike-7", 6},
                   .software = {"fw 1", 4},
                   .trace = {"t-_9Z", 5},
                   .document_count = 2,
                   .documents = {{1, 7}, {2, 0x0102030405060708}},
                   .group_count = 2,
                   .groups = {{"g", 1}, {"\xc3\xa4", 2}}}},
     "01 00008a 00 | 01 02 00000037 a00102030405060708090a0b0c0d0e0f 1112131415161718 2122232425262728 "
     "3132333435363738"
     "4142434445464748 5152 61626364 b00102030405060708090a0b0c0d0e0f 03 06 62696b652d37 | 0001 0004 66772031"
     "0002 0005 742d5f395a | 0003 0009 01 0000000000000007 0003 0009 02 0102030405060708 | 0004 0001 67 0004 "
     "0002 c3a4",
     "{\"type\":\"hello\",\"version_min\":1,\"version_max\":2,\"capabilities\":[\"heartbeat\",\"resume\","
     "\"selective_ack\","
     "\"crc\",\"documents\"],\"session_id\":\"a00102030405060708090a0b0c0d0e0f\",\"downlink_position\":"
     "1230066625199609624,"
     "\"queue_id\":\"2122232425262728\",\"uplink_first\":3544952156018063160,\"uplink_next\":"
     "4702394921427289928,"
     "\"window_messages\":20818,\"window_bytes\":1633837924,\"boot_id\":\"b00102030405060708090a0b0c0d0e0f\","
     "\"profile\":\"adaptive\","
     "\"device\":\"bike-7\",\"software\":\"fw "
     "1\",\"trace\":\"t-_9Z\",\"documents\":[{\"document\":\"context\",\"version\":7},"
     "{\"document\":\"group\",\"version\":72623859790382856}],\"groups\":[\"g\",\"\xc3\xa4\"]}"},
    {{.type = HF_FRAME_WELCOME,
      .as.welcome = {.version = 1,
                     .result = HF_SESSION_REBUILT,
                     .reason = HF_REASON_GAP,
                     .capabilities = 0x21,
                     .session_id = ID16(0xc0),
                     .epoch = 0x1112131415161718,
                     .connection_id = 0x2122232425262728,
                     .uplink_received = 0x3132333435363738,
                     .uplink_durable = 0x4142434445464748,
                     .downlink_next = 0x5152535455565758,
                     .gap_from = 0x6162636465666768,
                     .gap_to = 0x7172737475767778,
                     .window_messages = 0x8182,
                     .window_bytes = 0x91929394,
                     .message_bytes_max = 0xa1a2a3a4,
                     .rate = 0xb1b2b3b4,
                     .durability = HF_DURABILITY_FSYNC,
                     .profile = HF_PROFILE_HA,
                     .k = 3,
                     .interval_ms = 0xc1c2c3c4,
                     .resume_ms = 0xd1d2d3d4,
                     .ticket_ms = 0xe1e2e3e4,
                     .time_ms = 0xf1f2f3f4f5f6f7f8,
                     .node = {"n1", 2},
                     .alternate_count = 2,
                     .alternates = {{"a:1", 3}, {"b", 1}},
                     .durable_id = {"018bcfe5-6800-7abc-8def-0123456789ab", 36}}},
     "02 0000af 00 | 01 02 0065 00000021 c00102030405060708090a0b0c0d0e0f 1112131415161718 2122232425262728 "
     "3132333435363738"
     "4142434445464748 5152535455565758 6162636465666768 7172737475767778 8182 91929394 a1a2a3a4 b1b2b3b4 01 "
     "02 03 c1c2c3c4"
     "d1d2d3d4 e1e2e3e4 f1f2f3f4f5f6f7f8 | 0001 0002 6e31 | 0002 0003 613a31 0002 0001 62 | 0003 0024 "
     "30313862636665352d363830302d376162632d386465662d303132333435363738396162",
     "{\"type\":\"welcome\",\"version\":1,\"result\":\"rebuilt\",\"reason\":\"gap\",\"capabilities\":["
     "\"heartbeat\",\"documents\"],"
     "\"session_id\":\"c00102030405060708090a0b0c0d0e0f\",\"epoch\":1230066625199609624,\"connection_id\":"
     "\"2122232425262728\","
     "\"uplink_received\":3544952156018063160,\"uplink_durable\":4702394921427289928,\"downlink_next\":"
     "5859837686836516696,"
     "\"gap_from\":7017280452245743464,\"gap_to\":8174723217654970232,\"window_messages\":33154,\"window_"
     "bytes\":2442302356,"
     "\"message_bytes_max\":2711790500,\"rate\":2981278644,\"durability\":\"fsync\",\"profile\":\"ha\",\"k\":"
     "3,\"interval_ms\":3250766788,"
     "\"resume_ms\":3520254932,\"ticket_ms\":3789743076,\"time\":17434265340928784376,\"node\":\"n1\","
     "\"alternates\":[\"a:1\",\"b\"],\"durable_id\":\"018bcfe5-6800-7abc-8def-0123456789ab\"}"},
    {{.type = HF_FRAME_DATA,
      .as.data = {.seq = 0x11121314,
                  .id = ID16(0xd0),
                  .format = 0,
                  .text = true,
                  .publish = true,
                  .time_ms = 0x2122232425262728,
                  .topic = {"gps", 3},
                  .payload = {"52.5", 4}}},
     "03 000026 06 | 11121314 d00102030405060708090a0b0c0d0e0f 00 2122232425262728 0003 677073 | 35322e35",
     "{\"type\":\"data\",\"publish\":true,\"seq\":286397204,\"id\":\"d0010203-0405-0607-0809-0a0b0c0d0e0f\","
     "\"time\":2387509390608836392,"
     "\"topic\":\"gps\",\"payload\":\"52.5\"}"},
    {{.type = HF_FRAME_ACK,
      .as.ack = {.received_through = 0x11121314,
                 .durable_through = 0x21222324,
                 .window_messages = 0x3132,
                 .window_bytes = 0x41424344,
                 .nack = true,
                 .ask = true,
                 .range_count = 2,
                 .ranges = {{0x51525354, 0x61626364}, {7, 0xffffffff}}}},
     "04 00001f 06 | 11121314 21222324 3132 41424344 02 51525354 61626364 00000007 ffffffff",
     "{\"type\":\"ack\",\"nack\":true,\"ask\":true,\"received_through\":286397204,\"durable_through\":"
     "555885348,\"window_messages\":12594,"
     "\"window_bytes\":1094861636,\"ranges\":[[1364349780,1633837924],[7,4294967295]]}"},
    {{.type = HF_FRAME_GAP,
      .as.gap = {.from = 0x11121314, .to = 0x21222324, .reason = HF_REASON_EXPIRED, .detail = {"old", 3}}},
     "05 00000e 00 | 11121314 21222324 0047 03 6f6c64",
     "{\"type\":\"gap\",\"from\":286397204,\"to\":555885348,\"reason\":\"expired\",\"detail\":\"old\"}"},
    {{.type = HF_FRAME_COMMAND,
      .as.command = {.seq = 0x11121314,
                     .ttl_ms = 0x31323334,
                     .id = ID16(0xe0),
                     .expires_ms = 0x2122232425262728,
                     .format = 1,
                     .text = true,
                     .key = {"k1", 2},
                     .name = {"unlock", 6},
                     .payload = {"{}", 2}}},
     "06 00002e 02 | 11121314 e00102030405060708090a0b0c0d0e0f 2122232425262728 31323334 01 02 6b31 0006 "
     "756e6c6f636b | 7b7d",
     "{\"type\":\"command\",\"seq\":286397204,\"id\":\"e0010203-0405-0607-0809-0a0b0c0d0e0f\",\"expires\":"
     "2387509390608836392,"
     "\"ttl_ms\":825373492,\"format\":1,\"idempotency_key\":\"k1\",\"name\":\"unlock\",\"payload\":{}}"},
    {{.type = HF_FRAME_RESULT,
      .as.result = {.seq = 0x11121314,
                    .id = ID16(0xf0),
                    .status = HF_RESULT_UNSUPPORTED,
                    .format = 3,
                    .payload = {"\x81\xa1", 2}}},
     "07 000018 00 | 11121314 f00102030405060708090a0b0c0d0e0f 03 03 | 81a1",
     "{\"type\":\"result\",\"seq\":286397204,\"id\":\"f0010203-0405-0607-0809-0a0b0c0d0e0f\",\"status\":"
     "\"unsupported\",\"format\":3,"
     "\"payload_base64\":\"gaE=\"}"},
    {{.type = HF_FRAME_PATCH,
      .as.patch = {.request = 0x11121314,
                   .document = HF_DOCUMENT_CONTEXT,
                   .kind = HF_PATCH_MERGE,
                   .base_version = 0x2122232425262728,
                   .merge = HF_MERGE_CONFLICT_FREE,
                   .ttl_ms = 0x31323334,
                   .json = {"{\"a\":1}", 7}}},
     "08 00001a 00 | 11121314 01 01 2122232425262728 03 31323334 | 7b2261223a317d",
     "{\"type\":\"patch\",\"request\":286397204,\"document\":\"context\",\"kind\":\"merge\",\"base_version\":"
     "2387509390608836392,"
     "\"merge\":\"conflict_free\",\"ttl_ms\":825373492,\"change\":{\"a\":1}}"},
    {{.type = HF_FRAME_DELTA,
      .as.delta = {.request = 0x11121314,
                   .document = HF_DOCUMENT_GROUP,
                   .kind = HF_PATCH_JSON,
                   .reason = HF_REASON_VERSION_CONFLICT,
                   .base_version = 0x2122232425262728,
                   .version = 0x3132333435363738,
                   .snapshot_id = ID16(0x70),
                   .json = {"[]", 2}}},
     "09 00002a 00 | 11121314 02 02 006a 2122232425262728 3132333435363738 700102030405060708090a0b0c0d0e0f "
     "| 5b5d",
     "{\"type\":\"delta\",\"request\":286397204,\"document\":\"group\",\"kind\":\"json\",\"reason\":"
     "\"version_conflict\","
     "\"base_version\":2387509390608836392,\"version\":3544952156018063160,\"snapshot_id\":\"70010203-0405-"
     "0607-0809-0a0b0c0d0e0f\",\"change\":[]}"},
    {{.type = HF_FRAME_PING,
      .as.beat = {.beat = {.seq = 1, .ts_ms = 1700000000000}, .interval_ms = 0x11121314, .valid = true}},
     "0a 000011 00 | 00000001 0000018bcfe56800 7b | 11121314",
     "{\"type\":\"ping\",\"seq\":1,\"ts\":1700000000000,\"interval_ms\":286397204}"},
    {{.type = HF_FRAME_PONG,
      .as.beat = {.beat = {.seq = 0xffffffff, .ts_ms = 1700000000000},
                  .interval_ms = 0x11121314,
                  .valid = true}},
     "0b 000011 00 | ffffffff 0000018bcfe56800 32 | 11121314",
     "{\"type\":\"pong\",\"seq\":4294967295,\"ts\":1700000000000,\"interval_ms\":286397204}"},
    {{.type = HF_FRAME_BYE,
      .as.bye = {.reason = HF_REASON_DRAIN,
                 .retry_ms = 0x11121314,
                 .ticket_ms = 0x21222324,
                 .alternate_count = 2,
                 .alternates = {{"a:1", 3}, {"", 0}},
                 .detail = {"bye", 3}}},
     "0c 000014 00 | 0002 11121314 21222324 02 03 613a31 00 | 03 627965",
     "{\"type\":\"bye\",\"reason\":\"drain\",\"retry_ms\":286397204,\"ticket_ms\":555885348,\"alternates\":["
     "\"a:1\",\"\"],\"detail\":\"bye\"}"},
    {{.type = HF_FRAME_AUTH, .as.auth = {.token = {"e.y.J", 5}}},
     "0d 000005 00 | 652e792e4a",
     "{\"type\":\"auth\",\"token\":\"e.y.J\"}"},
    {{.type = HF_FRAME_AUTH, .as.auth = {.answer = true, .expires_ms = 0x1112131415161718}},
     "0d 000008 02 | 1112131415161718",
     "{\"type\":\"auth\",\"expires\":1230066625199609624}"},
    {{.type = HF_FRAME_SUBSCRIBE, .as.subscribe = {.topic = {"a/b", 3}, .unsubscribe = true}},
     "0e 000003 02 | 612f62",
     "{\"type\":\"subscribe\",\"unsubscribe\":true,\"topic\":\"a/b\"}"},
    {{.type = HF_FRAME_REFUSE,
      .as.refuse =
          {.seq = 0x11121314, .reason = HF_REASON_FORBIDDEN, .retry_ms = 0x21222324, .detail = {"no", 2}}},
     "0f 00000c 00 | 11121314 0018 21222324 | 6e6f",
     "{\"type\":\"refuse\",\"seq\":286397204,\"reason\":\"forbidden\",\"retry_ms\":555885348,\"detail\":"
     "\"no\"}"},
};

static inline unsigned digit_of(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Returns the count of bytes; out has FRAME_MAX. */
static inline size_t unhex(const char *hex, uint8_t *out)
{
    size_t digits = 0;

    for (; *hex != '\0'; hex++) {
        if (*hex == ' ' || *hex == '|')
            continue;
        assert_true(digits < 2 * FRAME_MAX);
        if (digits % 2 == 0)
            out[digits / 2] = (uint8_t)(digit_of(*hex) << 4);
        else
            out[digits / 2] |= (uint8_t)digit_of(*hex);
        digits++;
    }
    assert_int_equal(digits % 2, 0);
    return digits / 2;
}

/* Decodes an exact copy, so that ASan finds a read beyond; the frame's slices die with the next call. */
static inline hf_err decode_copy(const uint8_t *in, size_t bytes, uint32_t payload_max, size_t *ret_taken,
                                 struct hf_frame *ret_frame)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(bytes + (bytes == 0));
    assert_non_null(copy);
    if (bytes > 0)
        memcpy(copy, in, bytes);
    return hf_frame_decode(copy, bytes, payload_max, ret_taken, ret_frame);
}

static inline size_t encode(const struct hf_frame *frame, uint8_t *out)
{
    size_t bytes = hf_frame_bytes(frame);

    assert_true(bytes <= FRAME_MAX);
    assert_int_equal(hf_frame_encode(frame, out), bytes);
    return bytes;
}

/* The same for JSON; scratch is exactly as long as promised to be enough. */
static inline hf_err decode_json_copy(struct hf_slice in, uint32_t payload_max, struct hf_frame *ret_frame)
{
    static char *copy, *scratch;

    free(copy);
    free(scratch);
    copy = malloc(in.bytes + (in.bytes == 0));
    scratch = malloc(in.bytes + (in.bytes == 0));
    assert_true(copy != NULL && scratch != NULL);
    if (in.bytes > 0)
        memcpy(copy, in.at, in.bytes);
    return hf_frame_decode_json((struct hf_slice){copy, in.bytes}, payload_max, scratch, in.bytes, ret_frame);
}

/* out has FRAME_MAX bytes. */
static inline struct hf_slice encode_json(const struct hf_frame *frame, char *out)
{
    struct hf_sb sb;

    hf_sb_init(&sb, out, FRAME_MAX);
    hf_frame_encode_json(frame, &sb);
    assert_false(sb.overflow);
    assert_true(sb.bytes < hf_frame_json_bytes_max(frame));
    return hf_sb_done(&sb);
}

#endif
