/* core/media/media_core_test.c - ports, sources, groups of pictures and queues. */
#include "base/assert.h"
#include "core/media/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/media/source.h"
#include "core/media/unit.h"

static void agree(const struct hf_media_ports *ports, uint64_t now_ms, uint32_t unused, uint32_t used,
                  uint32_t resting)
{
    struct hf_media_ports_audit audit;

    assert_true(hf_media_ports_audit(ports, now_ms, &audit));
    assert_int_equal(audit.free, unused);
    assert_int_equal(audit.used, used);
    assert_int_equal(audit.resting, resting);
}

static void ranges_are_cut_to_pairs(void **state)
{
    static const struct {
        uint16_t first, last;
        hf_err err;
        uint16_t begin;
        uint32_t pairs;
    } rows[] = {
        {30000, 30001, HF_OK, 30000, 1},      {30001, 30004, HF_OK, 30002, 1},
        {30000, 30000, HF_ERR_INVALID, 0, 0}, {30001, 30002, HF_ERR_INVALID, 0, 0},
        {40000, 30000, HF_ERR_INVALID, 0, 0}, {0, 1, HF_ERR_INVALID, 0, 0},
        {65535, 65535, HF_ERR_INVALID, 0, 0}, {65534, 65535, HF_OK, 65534, 1},
        {30000, 30999, HF_OK, 30000, 500},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hf_media_ports ports;

        assert_int_equal(hf_media_ports_init(&ports, rows[i].first, rows[i].last), rows[i].err);
        if (rows[i].err == HF_OK) {
            assert_int_equal(ports.first, rows[i].begin);
            assert_int_equal(ports.pairs, rows[i].pairs);
        }
        hf_media_ports_deinit(&ports);
    }
}

static void a_port_rests_before_it_is_given_again(void **state)
{
    struct hf_media_ports ports;
    uint16_t a, b, c;

    (void)state;
    assert_int_equal(hf_media_ports_init(&ports, 30000, 30003), HF_OK);
    assert_int_equal(hf_media_ports_take(&ports, 1000, &a), HF_OK);
    assert_int_equal(hf_media_ports_take(&ports, 1000, &b), HF_OK);
    assert_int_equal(a, 30000);
    assert_int_equal(b, 30002);
    assert_int_equal(hf_media_ports_take(&ports, 1000, &c), HF_ERR_LIMIT);
    assert_int_equal(ports.exhausted, 1);
    agree(&ports, 1500, 0, 2, 0);
    hf_media_ports_give(&ports, 2000, b);
    hf_media_ports_give(&ports, 3000, a);
    assert_int_equal(hf_media_ports_take(&ports, 2000 + HF_MEDIA_QUARANTINE_MS - 1, &c), HF_ERR_LIMIT);
    agree(&ports, 3000, 0, 0, 2);
    assert_int_equal(hf_media_ports_take(&ports, 2000 + HF_MEDIA_QUARANTINE_MS, &c), HF_OK);
    assert_int_equal(c, b); /* it has rested longest */
    hf_media_ports_skip(&ports, 13000, c);
    agree(&ports, 13000, 0, 0, 2); /* settled when asked */
    hf_media_ports_settle(&ports, 13000);
    agree(&ports, 13000, 1, 0, 1);
    assert_int_equal(ports.skipped, 1);
    hf_media_ports_deinit(&ports);
}

static void the_alarm_begins_at_90_and_ends_below_80(void **state)
{
    struct hf_media_ports ports;
    uint16_t taken[10];

    (void)state;
    assert_int_equal(hf_media_ports_init(&ports, 30000, 30019), HF_OK);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(hf_media_ports_take(&ports, 0, &taken[i]), HF_OK);
        assert_int_equal(ports.alarm, i >= 8);
    }
    for (unsigned i = 0; i < 3; i++)
        hf_media_ports_give(&ports, i * 1000, taken[i]);
    assert_true(ports.alarm); /* they rest: not to be had */
    hf_media_ports_settle(&ports, HF_MEDIA_QUARANTINE_MS + 1000);
    assert_true(ports.alarm); /* exactly 80 */
    hf_media_ports_settle(&ports, HF_MEDIA_QUARANTINE_MS + 2000);
    assert_false(ports.alarm);
    assert_int_equal(ports.alarms, 1);
    hf_media_ports_deinit(&ports);
}

static void packets_are_taken_of_one_source(void **state)
{
    enum { KNOWN = 200000001, ANSWERED = 200000002, FOREIGN = 77 };
    static const struct hf_media_peer a = {.address = {1}, .port = 1}, b = {.address = {1}, .port = 2};
    static const struct {
        struct {
            const struct hf_media_peer *peer;
            uint32_t ssrc;
            uint64_t ms;
            enum hf_media_verdict want;
        } packets[5];
        bool strict;
    } rows[] = {
        {{{&a, KNOWN, 0, HF_MEDIA_TAKE_NEW},
          {&a, KNOWN, 1, HF_MEDIA_TAKE},
          {&b, KNOWN, 2, HF_MEDIA_REFUSE},
          {&b, KNOWN, 2000, HF_MEDIA_REFUSE},
          {&b, KNOWN, 2001, HF_MEDIA_TAKE_MOVED}},
         false},
        {{{&a, 0, 0, HF_MEDIA_TAKE_NEW},
          {&a, 0, 1, HF_MEDIA_TAKE},
          {&b, KNOWN, 2, HF_MEDIA_TAKE_NEW},
          {&a, 0, 3, HF_MEDIA_REFUSE},
          {&b, KNOWN, 4, HF_MEDIA_TAKE}},
         false},
        {{{&a, KNOWN, 0, HF_MEDIA_TAKE_NEW},
          {&a, FOREIGN, 1, HF_MEDIA_REFUSE},
          {&b, FOREIGN, 2, HF_MEDIA_REFUSE},
          {&a, ANSWERED, 3, HF_MEDIA_REFUSE},
          {&a, FOREIGN, 2000, HF_MEDIA_TAKE_NEW}},
         false},
        {{{&a, FOREIGN, 0, HF_MEDIA_TAKE_NEW},
          {&a, 78, 1, HF_MEDIA_TAKE_NEW},
          {&b, 79, 2, HF_MEDIA_REFUSE},
          {&a, ANSWERED, 3, HF_MEDIA_TAKE_NEW},
          {&a, 78, 4, HF_MEDIA_REFUSE}},
         false},
        {{{&a, FOREIGN, 0, HF_MEDIA_REFUSE},
          {&a, ANSWERED, 1, HF_MEDIA_TAKE_NEW},
          {&a, FOREIGN, 9000, HF_MEDIA_REFUSE},
          {&b, KNOWN, 9000, HF_MEDIA_TAKE_NEW},
          {&b, KNOWN, 9001, HF_MEDIA_TAKE}},
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hf_media_source source;

        hf_media_source_init(&source, KNOWN, rows[i].strict);
        source.answered = ANSWERED;
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(hf_media_source_judge(&source, rows[i].packets[k].peer, rows[i].packets[k].ssrc,
                                                   rows[i].packets[k].ms),
                             rows[i].packets[k].want);
    }
}

static struct hf_media_pool pool = {.bytes_max = SIZE_MAX / 2, .kept_bytes_max = 1 << 20};

static struct hf_media_unit *unit(bool audio, bool key, size_t bytes)
{
    static uint8_t data[1000];
    struct hf_es_unit from = {.codec = HF_ES_H264, .audio = audio, .key = key, .at = data, .bytes = bytes};
    struct hf_media_unit *made = hf_media_unit_new(&pool, &from);

    assert_non_null(made);
    return made;
}

static void gop_add(struct hf_media_gop *gop, bool audio, bool key, size_t bytes)
{
    struct hf_media_unit *made = unit(audio, key, bytes);

    hf_media_gop_add(gop, made, true);
    hf_media_unit_unref(made);
}

static void blocks_are_taken_again_and_bounded(void **state)
{
    struct hf_media_pool own;
    void *blocks[4];

    (void)state;
    hf_media_pool_init(&own, 4096, 2048);
    for (unsigned round = 0; round < 100; round++) { /* the same memory, in sizes that round to the same */
        blocks[0] = hf_media_pool_take(&own, 900 + round);
        assert_non_null(blocks[0]);
        memset(blocks[0], 1, 900 + round);
        hf_media_pool_give(&own, blocks[0], 900 + round);
    }
    assert_int_equal(own.made, 1);
    assert_int_equal(own.kept_bytes, 1024);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(blocks[i] = hf_media_pool_take(&own, 1024));
    assert_int_equal(own.bytes, 4096);
    assert_null(hf_media_pool_take(&own, 1)); /* the bound */
    assert_int_equal(own.refused, 1);
    for (unsigned i = 0; i < 4; i++)
        hf_media_pool_give(&own, blocks[i], 1024);
    assert_int_equal(own.kept_bytes, 2048); /* the others went back */
    assert_int_equal(own.bytes, 2048);
    blocks[0] = hf_media_pool_take(&own, 3000); /* 3072: what is kept in other sizes makes room */
    assert_non_null(blocks[0]);
    assert_int_equal(own.bytes, 4096);
    hf_media_pool_give(&own, blocks[0], 3000); /* more than is kept */
    assert_int_equal(own.kept_bytes, 1024);
    assert_null(hf_media_pool_take(&own, 4097));
    assert_null(hf_media_pool_take(&own, SIZE_MAX / 2));
    assert_int_equal(own.refused, 3);
    hf_media_pool_give(&own, NULL, 0);
    hf_media_pool_deinit(&own);
    assert_int_equal(own.bytes, 0);
}

/* Of a stream whose frames have their sizes, none asks the system for memory once the first group has gone. */
static void a_stream_that_runs_allocates_nothing(void **state)
{
    static const size_t sizes[] = {900, 100, 130, 90, 250, 110};
    struct hf_media_gop gop;
    uint64_t made = 0;

    (void)state;
    hf_media_gop_init(&gop, 100000);
    for (unsigned round = 0; round < 50; round++) {
        for (size_t i = 0; i < HF_COUNT_OF(sizes); i++)
            gop_add(&gop, false, i == 0, sizes[i]);
        if (round == 1)
            made = pool.made;
    }
    assert_int_equal(pool.made, made);
    hf_media_gop_deinit(&gop);
}

static void the_last_group_is_kept(void **state)
{
    struct hf_media_gop gop;

    (void)state;
    hf_media_gop_init(&gop, 100);
    gop_add(&gop, false, false, 10); /* before the first key frame */
    gop_add(&gop, true, true, 10);   /* audio begins nothing */
    assert_int_equal(gop.count, 0);
    gop_add(&gop, false, true, 10);
    gop_add(&gop, true, true, 10);
    gop_add(&gop, false, false, 10);
    assert_int_equal(gop.count, 3);
    gop_add(&gop, false, true, 50);
    assert_int_equal(gop.count, 1);
    gop_add(&gop, false, false, 50);
    assert_int_equal(gop.bytes, 100);
    gop_add(&gop, false, false, 1); /* above the bound: forgotten up to the next one */
    assert_int_equal(gop.count, 0);
    assert_int_equal(gop.overflows, 1);
    gop_add(&gop, false, false, 1);
    assert_int_equal(gop.count, 0);
    gop_add(&gop, false, true, 1);
    for (unsigned i = 1; i < HF_MEDIA_GOP_UNITS_MAX; i++)
        gop_add(&gop, true, true, 0);
    assert_int_equal(gop.count, HF_MEDIA_GOP_UNITS_MAX);
    gop_add(&gop, true, true, 0);
    assert_int_equal(gop.count, 0);
    hf_media_gop_deinit(&gop);
    hf_media_gop_init(&gop, 0);
    gop_add(&gop, false, true, 1);
    assert_int_equal(gop.count, 0);
    hf_media_gop_deinit(&gop);
}

static void push(struct hf_media_queue *queue, bool audio, bool key, size_t bytes, bool has_video)
{
    struct hf_media_unit *made = unit(audio, key, bytes);

    hf_media_queue_push(queue, made, has_video);
    hf_media_unit_unref(made);
}

static size_t pop(struct hf_media_queue *queue)
{
    struct hf_media_unit *made = hf_media_queue_pop(queue);
    size_t bytes = made == NULL ? 0 : made->bytes;

    hf_media_unit_unref(made);
    return bytes;
}

static void a_slow_watcher_loses_whole_units_up_to_the_next_key_frame(void **state)
{
    struct hf_media_queue queue;

    (void)state;
    assert_int_equal(hf_media_queue_init(&queue, 4, 100), HF_OK);
    push(&queue, false, false, 1, true);
    push(&queue, true, true, 2, true);
    assert_int_equal(queue.lost, 0); /* before the first key frame nothing is owed */
    push(&queue, false, true, 3, true);
    push(&queue, true, true, 4, true);
    push(&queue, false, false, 5, true);
    push(&queue, false, false, 6, true);
    push(&queue, false, false, 7, true); /* the fifth */
    assert_int_equal(pop(&queue), 3);
    push(&queue, false, false, 8, true); /* there is room now, but what it needs is missing */
    push(&queue, true, true, 9, true);
    assert_int_equal(queue.lost, 3);
    assert_int_equal(queue.jumps, 1);
    push(&queue, false, true, 10, true);
    assert_int_equal(pop(&queue), 4);
    assert_int_equal(pop(&queue), 5);
    assert_int_equal(pop(&queue), 6);
    assert_int_equal(pop(&queue), 10);
    assert_int_equal(pop(&queue), 0);
    /* A key frame that finds no room makes it. */
    push(&queue, false, true, 60, true);
    push(&queue, false, false, 30, true);
    push(&queue, false, true, 70, true);
    assert_int_equal(queue.lost, 5);
    assert_int_equal(pop(&queue), 70);
    assert_int_equal(pop(&queue), 0);
    /* And one that is larger than the bound goes through. */
    push(&queue, false, true, 500, true);
    push(&queue, false, false, 1, true);
    assert_int_equal(pop(&queue), 500);
    assert_int_equal(queue.bytes, 0);
    hf_media_queue_deinit(&queue);
}

static void sound_alone_begins_anywhere(void **state)
{
    struct hf_media_queue queue;

    (void)state;
    assert_int_equal(hf_media_queue_init(&queue, 4, 100), HF_OK);
    push(&queue, true, true, 2, false);
    push(&queue, true, true, 3, false);
    assert_int_equal(pop(&queue), 2);
    push(&queue, true, true, 4, false);
    hf_media_queue_deinit(&queue); /* with units inside */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_cut_to_pairs),
        cmocka_unit_test(a_port_rests_before_it_is_given_again),
        cmocka_unit_test(the_alarm_begins_at_90_and_ends_below_80),
        cmocka_unit_test(packets_are_taken_of_one_source),
        cmocka_unit_test(blocks_are_taken_again_and_bounded),
        cmocka_unit_test(a_stream_that_runs_allocates_nothing),
        cmocka_unit_test(the_last_group_is_kept),
        cmocka_unit_test(a_slow_watcher_loses_whole_units_up_to_the_next_key_frame),
        cmocka_unit_test(sound_alone_begins_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
