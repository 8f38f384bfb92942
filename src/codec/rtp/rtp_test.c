/* codec/rtp/rtp_test.c - packets, reports, framing, order and loss. */
#include "codec/rtp/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/rtp/framing.h"
#include "codec/rtp/receiver.h"

#define FOR_EACH(row, rows) for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)

static void heads_are_read(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        hf_err err;
        size_t payload, extension;
    } rows[] = {
        {"\x80\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01", 12, HF_OK, 0, 0},
        {"\x80\xe0\x12\x34\0\0\0\1\x0b\xeb\xc2\x01xyz", 15, HF_OK, 3, 0},
        {"\x82\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\0\0\0\1\0\0\0\2x", 21, HF_OK, 1, 0}, /* two CSRC */
        {"\x90\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\xbe\xde\0\1abcdx", 21, HF_OK, 1, 4}, /* extension */
        {"\xa0\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01xy\0\2", 16, HF_OK, 2, 0},            /* padding of 2 */
        {"\xa0\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\0\2", 14, HF_OK, 0, 0}, /* nothing but padding */
        {"\xa0\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\0\3", 14, HF_ERR_MALFORMED, 0, 0}, /* more than there is */
        {"\xa0\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\0\0", 14, HF_ERR_MALFORMED, 0,
         0}, /* 0 does not count itself */
        {"\xa0\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01", 12, HF_ERR_MALFORMED, 0, 0},
        {"\x82\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\0\0\0\1\0\0\0", 19, HF_ERR_MALFORMED, 0, 0}, /* CSRC cut */
        {"\x90\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\xbe\xde\0", 15, HF_ERR_MALFORMED, 0, 0},
        {"\x90\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01\xbe\xde\0\2abcdx", 21, HF_ERR_MALFORMED, 0, 0},
        {"\x40\x60\x12\x34\0\0\0\1\x0b\xeb\xc2\x01", 12, HF_ERR_MALFORMED, 0, 0}, /* version 1 */
        {"\x80\x60\x12\x34\0\0\0\1\x0b\xeb\xc2", 11, HF_ERR_MALFORMED, 0, 0},
        {"", 0, HF_ERR_MALFORMED, 0, 0},
    };

    (void)state;
    FOR_EACH(i, rows)
    {
        struct hf_rtp rtp;
        uint8_t *copy = malloc(rows[i].bytes + (rows[i].bytes == 0));

        memcpy(copy, rows[i].in, rows[i].bytes);
        assert_int_equal(hf_rtp_parse(copy, rows[i].bytes, &rtp), rows[i].err);
        if (rows[i].err == HF_OK) {
            assert_int_equal(rtp.payload_type, 96);
            assert_int_equal(rtp.sequence, 0x1234);
            assert_int_equal(rtp.timestamp, 1);
            assert_int_equal(rtp.ssrc, 200000001);
            assert_int_equal(rtp.payload.bytes, rows[i].payload);
            assert_int_equal(rtp.extension.bytes, rows[i].extension);
        }
        free(copy);
    }
}

static void a_head_that_was_written_is_read_again(void **state)
{
    struct hf_rtp head = {.marker = true,
                          .payload_type = 96,
                          .sequence = 65535,
                          .timestamp = 0xfffffffe,
                          .ssrc = 7},
                  read;
    uint8_t out[HF_RTP_HEAD_BYTES];

    (void)state;
    hf_rtp_write(&head, out);
    assert_int_equal(hf_rtp_parse(out, sizeof(out), &read), HF_OK);
    assert_true(read.marker && read.payload_type == 96 && read.sequence == 65535);
    assert_true(read.timestamp == 0xfffffffe && read.ssrc == 7 && read.payload.bytes == 0);
    assert_false(hf_rtp_is_rtcp(out, sizeof(out)));
}

/* ---- RTCP ---- */

static void compound_packets_are_read_one_by_one(void **state)
{
    static const char in[] = "\x81\xc8\0\x0c\0\0\0\7" /* SR with a report */
                             "\1\2\3\4\5\6\7\x8\0\0\0\x64\0\0\0\x9\0\0\1\0"
                             "\0\0\0\x5\x40\xff\xff\xfe\0\1\0\2\0\0\0\x20\x3\4\5\6\0\1\0\0"
                             "\x81\xca\0\4\0\0\0\7\1\7cam@a.b\0\0\0"
                             "\x81\xcb\0\1\0\0\0\7";
    struct hf_slice rest = {in, sizeof(in) - 1};
    struct hf_rtcp packet;
    struct hf_rtcp_report report;

    (void)state;
    assert_true(hf_rtp_is_rtcp((const uint8_t *)in, 4));
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_int_equal(packet.type, HF_RTCP_SR);
    assert_int_equal(packet.ssrc, 7);
    assert_true(packet.sender.ntp == UINT64_C(0x0102030405060708));
    assert_int_equal(packet.sender.rtp_time, 100);
    assert_int_equal(packet.sender.packets, 9);
    assert_int_equal(packet.sender.bytes, 256);
    assert_true(hf_rtcp_report_at(&packet, 0, &report));
    assert_int_equal(report.ssrc, 5);
    assert_int_equal(report.fraction, 0x40);
    assert_int_equal(report.lost, -2);
    assert_int_equal(report.sequence, 0x10002);
    assert_int_equal(report.last_sr, 0x03040506);
    assert_int_equal(report.delay, 65536);
    assert_false(hf_rtcp_report_at(&packet, 1, &report));
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_int_equal(packet.type, HF_RTCP_SDES);
    assert_true(hf_slice_is(packet.cname, "cam@a.b"));
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_int_equal(packet.type, HF_RTCP_BYE);
    assert_int_equal(packet.ssrc, 7);
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_ERR_NOT_FOUND);
}

static void broken_reports_end_the_reading(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
    } rows[] = {
        {"\x80\xc9\0", 3},           {"\x40\xc9\0\1\0\0\0\7", 8}, /* version 1 */
        {"\x80\xc9\0\2\0\0\0\7", 8},                              /* cut */
        {"\x81\xc9\0\1\0\0\0\7", 8},                              /* a report is announced */
        {"\x80\xc8\0\1\0\0\0\7", 8},                              /* SR without its twenty bytes */
        {"\xa0\xcb\0\1\0\0\0\5", 8},                              /* padding of 5 in a body of 4 */
        {"\xa0\xcb\0\1\0\0\0\0", 8}, {"\x80\xcc\0\1\0\0\0\7", 8}, /* APP without its name */
    };

    (void)state;
    FOR_EACH(i, rows)
    {
        struct hf_slice rest = {rows[i].in, rows[i].bytes};
        struct hf_rtcp packet;

        assert_int_equal(hf_rtcp_next(&rest, &packet), HF_ERR_MALFORMED);
        assert_int_equal(hf_rtcp_next(&rest, &packet), HF_ERR_NOT_FOUND);
    }
}

static void reports_that_were_written_are_read_again(void **state)
{
    struct hf_rtcp_report report = {.ssrc = 9,
                                    .fraction = 12,
                                    .lost = -5,
                                    .sequence = 70000,
                                    .jitter = 33,
                                    .last_sr = 1,
                                    .delay = 2},
                          read;
    char name[100];
    uint8_t out[HF_RTCP_RECEIVER_BYTES_MAX];
    struct hf_rtcp packet;
    struct hf_slice rest;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (size_t length = 0; length <= sizeof(name); length++) {
        rest = (struct hf_slice){(char *)out,
                                 hf_rtcp_write_receiver(7, &report, (struct hf_slice){name, length}, out)};
        assert_int_equal(rest.bytes % 4, 0);
        assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
        assert_true(packet.type == HF_RTCP_RR && packet.ssrc == 7 && hf_rtcp_report_at(&packet, 0, &read));
        assert_true(read.ssrc == report.ssrc && read.fraction == report.fraction && read.lost == report.lost);
        assert_true(read.sequence == report.sequence && read.jitter == report.jitter);
        assert_true(read.last_sr == report.last_sr && read.delay == report.delay);
        assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
        assert_int_equal(packet.type, HF_RTCP_SDES);
        assert_int_equal(packet.cname.bytes, HF_MIN(length, (size_t)HF_RTCP_CNAME_BYTES_MAX));
        assert_int_equal(hf_rtcp_next(&rest, &packet), HF_ERR_NOT_FOUND);
    }
    rest = (struct hf_slice){
        (char *)out, hf_rtcp_write_sender(7, UINT64_C(0x1122334455667788), 5, 6, 8, HF_SLICE("x"), out)};
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_true(packet.type == HF_RTCP_SR && packet.sender.ntp == UINT64_C(0x1122334455667788));
    assert_true(packet.sender.rtp_time == 5 && packet.sender.packets == 6 && packet.sender.bytes == 8);
    hf_rtcp_write_bye(3, out);
    rest = (struct hf_slice){(char *)out, HF_RTCP_BYE_BYTES};
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_true(packet.type == HF_RTCP_BYE && packet.ssrc == 3);
}

/* ---- framing ---- */

/* "bytes:channel." for each packet. */
static void feed(const char *in, size_t bytes, size_t cut, char *out)
{
    struct hf_rtp_framer framer = {0};
    size_t at = 0, have = 0;

    *out = '\0';
    while (at + have < bytes) {
        have = HF_MIN(bytes - at, have + cut);
        for (bool more = false; !more;) {
            struct hf_rtp_frame frame;

            if (hf_rtp_frame(&framer, (const uint8_t *)in + at, have, &frame) != HF_OK) {
                strcat(out, "!");
                return;
            }
            more = frame.type == HF_RTP_FRAME_MORE;
            if (!more)
                sprintf(out + strlen(out), "%zu:%u.", frame.packet.bytes, frame.channel);
            at += frame.taken;
            have -= frame.taken;
        }
    }
}

static void streams_are_cut_into_packets(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        {"\0\3\x80xx\0\2\x80x", 9, "3:0.2:0."},
        {"\0\0\0\3\x80xx", 7, "0:0.3:0."}, /* an empty one first */
        {"\0\3\x80xx\0\0\0\2\x80x", 11, "3:0.0:0.2:0."},
        {"$\0\0\x8\x80xxxxxxx$\1\0\x8\x81\xc8xxxxxx", 24, "8:0.8:1."}, /* RTSP's form */
        {"$\0\0\x8\x80xxxxxxx\0\2\x80x", 16, "8:0.!"},                 /* which does not change */
        {"\0\3\x80xx$\0\0\x8\x80xxx", 13, "3:0.!"},                    /* neither does the other */
        {"\0\3\x40xx", 5, "!"},                                        /* no RTP */
        {"$\7\x80", 3, ""},                                            /* may become one of 9,223 bytes */
        {"$\7\x70\0\0", 5, "!"},
    };
    char out[256];

    (void)state;
    FOR_EACH(i, rows)
    for (size_t cut = 1; cut <= rows[i].bytes; cut++) {
        feed(rows[i].in, rows[i].bytes, cut, out);
        assert_string_equal(out, rows[i].want);
    }
}

static void a_length_that_looks_like_a_dollar_is_a_length(void **state)
{
    enum { LENGTH = 0x2401 };
    static char in[2 + LENGTH];
    char out[64];

    (void)state;
    in[0] = 0x24;
    in[1] = 0x01;
    in[2] = (char)0x80;
    in[3] = 0x60;
    in[4] = 0x40; /* where '$' would have the packet's first byte */
    feed(in, sizeof(in), 1000, out);
    assert_string_equal(out, "9217:0.");
}

/* ---- order, loss, jitter ---- */

static char said[4096];

static void take(struct hf_rtp_receiver *r, uint16_t sequence)
{
    unsigned slot, lost;

    while (hf_rtp_receiver_overflows(r, sequence)) {
        sprintf(said + strlen(said), "-%u ", hf_rtp_receiver_give_up(r));
        while (hf_rtp_receiver_pop(r, &slot))
            sprintf(said + strlen(said), "p%u ", slot);
    }
    switch (hf_rtp_receiver_take(r, sequence, sequence * 3600u, sequence * UINT64_C(40000), &slot, &lost)) {
    case HF_RTP_NEXT: sprintf(said + strlen(said), lost ? "-%u n " : "n ", lost); break;
    case HF_RTP_WAITS: sprintf(said + strlen(said), "w%u ", slot); break;
    case HF_RTP_DUPLICATE: strcat(said, "d "); break;
    case HF_RTP_LATE: strcat(said, "l "); break;
    case HF_RTP_STRANGE: strcat(said, "s "); break;
    case HF_RTP_RESTART: strcat(said, "R "); break;
    default: fail();
    }
    while (hf_rtp_receiver_pop(r, &slot))
        sprintf(said + strlen(said), "p%u ", slot);
}

static void packets_are_put_in_order(void **state)
{
    static const struct {
        uint16_t in[12];
        unsigned count;
        const char *want;
    } rows[] = {
        {{1, 2, 3}, 3, "n n n "},
        {{1, 3, 2, 4}, 4, "n w3 n p3 n "},
        {{1, 3, 5, 4, 2}, 5, "n w3 w5 w4 n p3 p4 p5 "},
        {{1, 1, 2, 1}, 4, "n d n d "},
        {{1, 3, 3, 2}, 4, "n w3 d n p3 "},
        {{65534, 65535, 1, 0, 2}, 5, "n n w1 n p1 n "},
        {{10, 9, 11}, 3, "n l n "},                    /* sent before the first that came */
        {{1, 3, 33, 34, 2}, 5, "n w3 w1 -1 p3 w2 l "}, /* 34 does not fit: 2 is given up */
        {{1, 100, 101}, 3, "n -98 n n "},              /* nothing waits: lost at once */
        {{1, 20000, 20001, 20002}, 4, "n s R n "},     /* a sender that began anew */
        {{1, 20000, 2, 20001, 3}, 5, "n s n s n "},    /* a stray one is not */
        {{1, 20000, 20000, 2}, 4, "n s s n "},
        {{200, 98, 99, 100}, 4, "n s R n "}, /* back by more than disorder explains */
        {{1, 3, 20000, 20001, 20003, 20002}, 6, "n w3 s R w3 n p3 "}, /* what waited is void */
    };

    (void)state;
    FOR_EACH(i, rows)
    {
        struct hf_rtp_receiver r;

        hf_rtp_receiver_init(&r, 90000);
        said[0] = '\0';
        for (unsigned k = 0; k < rows[i].count; k++)
            take(&r, rows[i].in[k]);
        assert_string_equal(said, rows[i].want);
    }
}

static void a_gap_is_given_up_on_demand(void **state)
{
    struct hf_rtp_receiver r;
    unsigned slot;

    (void)state;
    said[0] = '\0';
    hf_rtp_receiver_init(&r, 90000);
    assert_int_equal(hf_rtp_receiver_give_up(&r), 0);
    take(&r, 1);
    take(&r, 4);
    assert_true(hf_rtp_receiver_waits(&r));
    assert_int_equal(hf_rtp_receiver_give_up(&r), 2);
    assert_true(hf_rtp_receiver_pop(&r, &slot));
    assert_int_equal(slot, 4);
    assert_false(hf_rtp_receiver_waits(&r));
    assert_int_equal(r.lost, 2);
    take(&r, 2);
    take(&r, 5);
    assert_string_equal(said, "n w4 l n ");
}

static void loss_is_counted_as_the_rfc_has_it(void **state)
{
    struct hf_rtp_receiver r;
    struct hf_rtcp_report report;

    (void)state;
    hf_rtp_receiver_init(&r, 90000);
    said[0] = '\0';
    assert_int_equal(hf_rtp_receiver_report(&r).sequence, 0);
    for (unsigned i = 65500; i < 65600; i++)
        if (i % 4 != 0) /* 25 of 100 are missing, the first of them at the beginning */
            take(&r, (uint16_t)i);
    report = hf_rtp_receiver_report(&r);
    assert_int_equal(report.sequence, 65599);
    assert_int_equal(report.lost, 24); /* before the first that came nothing is known */
    assert_int_equal(report.fraction, 24 * 256 / 99);
    for (unsigned i = 65600; i < 65610; i++)
        take(&r, (uint16_t)i);
    take(&r, (uint16_t)65609);
    report = hf_rtp_receiver_report(&r);
    assert_int_equal(report.fraction, 0);
    assert_int_equal(report.lost, 23); /* a duplicate counts as received */
}

static void jitter_is_that_of_the_rfc(void **state)
{
    struct hf_rtp_receiver r;
    unsigned slot, lost, want16 = 0;

    (void)state;
    hf_rtp_receiver_init(&r, 90000);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t off_us = i % 2 ? 10000 : 0; /* every second one 10 ms late: |D| is 900 units each time */

        (void)hf_rtp_receiver_take(&r, (uint16_t)i, i * 3600u, 1000000 + i * UINT64_C(40000) + off_us, &slot,
                                   &lost);
        if (i > 0)
            want16 += 900 - ((want16 + 8) >> 4);
    }
    assert_int_equal(r.jitter16, want16);
    assert_in_range(hf_rtp_receiver_jitter_us(&r), 9900, 10000);
    /* Timestamps that begin anew are no jitter. */
    (void)hf_rtp_receiver_take(&r, 200, 0x90000000, 9000000, &slot, &lost);
    assert_in_range(hf_rtp_receiver_jitter_us(&r), 9000, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read),
        cmocka_unit_test(a_head_that_was_written_is_read_again),
        cmocka_unit_test(compound_packets_are_read_one_by_one),
        cmocka_unit_test(broken_reports_end_the_reading),
        cmocka_unit_test(reports_that_were_written_are_read_again),
        cmocka_unit_test(streams_are_cut_into_packets),
        cmocka_unit_test(a_length_that_looks_like_a_dollar_is_a_length),
        cmocka_unit_test(packets_are_put_in_order),
        cmocka_unit_test(a_gap_is_given_up_on_demand),
        cmocka_unit_test(loss_is_counted_as_the_rfc_has_it),
        cmocka_unit_test(jitter_is_that_of_the_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
