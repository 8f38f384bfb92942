#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/sendq.h"
#include "core/shared.h"

/* ---- a naive model: an array that is shifted ---- */

enum { ITEMS_MAX = 400 };

struct entry {
    unsigned name, bytes, topic;
    enum hf_policy policy;
    unsigned now_ms, until_ms;
};

struct model {
    struct entry items[ITEMS_MAX];
    unsigned count;
    struct {
        unsigned name;
        enum hf_reason reason;
    } dropped[ITEMS_MAX];
    unsigned dropped_count;
};

static uint64_t model_bytes(const struct model *model)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < model->count; i++)
        bytes += model->items[i].bytes;
    return bytes;
}

static void model_remove(struct model *model, unsigned at)
{
    memmove(&model->items[at], &model->items[at + 1], (model->count - at - 1) * sizeof(model->items[0]));
    model->count--;
}

static void model_drop(struct model *model, unsigned at, enum hf_reason reason)
{
    model->dropped[model->dropped_count].name = model->items[at].name;
    model->dropped[model->dropped_count++].reason = reason;
    model_remove(model, at);
}

static bool may_drop(enum hf_policy policy)
{
    return policy == HF_POLICY_DROP_OLDEST || policy == HF_POLICY_LATEST || policy == HF_POLICY_SAMPLE;
}

static enum hf_sendq_verdict model_push(struct model *model, struct entry entry, uint64_t bytes_max)
{
    struct model after = *model;
    unsigned place = model->count;

    for (unsigned i = 0; i < after.count; i++) {
        const struct entry *older = &after.items[i];

        if (older->policy != entry.policy || older->topic != entry.topic)
            continue;
        if (entry.policy == HF_POLICY_LATEST ||
            (entry.policy == HF_POLICY_SAMPLE && entry.now_ms < older->until_ms)) {
            entry.until_ms = older->until_ms;
            model_drop(&after, i, entry.policy == HF_POLICY_LATEST ? HF_REASON_CONFLATED : HF_REASON_SAMPLED);
            place = i;
            break;
        }
    }
    if (place == model->count)
        place = after.count;
    for (unsigned i = 0;
         may_drop(entry.policy) && i < after.count && model_bytes(&after) + entry.bytes > bytes_max;) {
        if (!may_drop(after.items[i].policy)) {
            i++;
            continue;
        }
        model_drop(&after, i, HF_REASON_DROP_OLDEST);
        if (i < place)
            place--;
    }
    if (model_bytes(&after) + entry.bytes > bytes_max)
        return entry.policy == HF_POLICY_MUST_DELIVER ? HF_SENDQ_SPILL
               : entry.policy == HF_POLICY_DISCONNECT ? HF_SENDQ_DISCONNECT
                                                      : HF_SENDQ_REFUSED;
    memmove(&after.items[place + 1], &after.items[place], (after.count - place) * sizeof(after.items[0]));
    after.items[place] = entry;
    after.count++;
    *model = after;
    return HF_SENDQ_TAKEN;
}

/* ---- the queue against it ---- */

static struct model model, real; /* real: only its drops */

static unsigned name_of(const struct hf_sendq_item *item)
{
    unsigned name;

    memcpy(&name, item->frame->data, sizeof(name));
    return name;
}

static void on_drop(void *context, const struct hf_sendq_item *item, enum hf_reason reason)
{
    (void)context;
    real.dropped[real.dropped_count].name = name_of(item);
    real.dropped[real.dropped_count++].reason = reason;
}

static enum hf_sendq_verdict push(struct hf_sendq *sendq, struct entry entry, uint64_t bytes_max)
{
    struct hf_shared *frame = hf_shared_new(NULL, entry.bytes);
    struct hf_sendq_item item = {.frame = frame,
                                 .pending = (struct hf_pending *)(uintptr_t)entry.name,
                                 .topic_hash = entry.topic,
                                 .now_ms = entry.now_ms,
                                 .until_ms = entry.until_ms,
                                 .policy = (uint8_t)entry.policy};

    memcpy(frame->data, &entry.name, sizeof(entry.name));
    enum hf_sendq_verdict verdict = hf_sendq_push(sendq, &item, bytes_max, on_drop, NULL);
    assert_int_equal(frame->references, verdict == HF_SENDQ_TAKEN ? 2 : 1);
    hf_shared_unref(frame);
    return verdict;
}

static void check(const struct hf_sendq *sendq)
{
    assert_int_equal(hf_sendq_messages(sendq), model.count);
    assert_true(hf_sendq_bytes(sendq) == model_bytes(&model));
    assert_int_equal(real.dropped_count, model.dropped_count);
    for (unsigned i = 0; i < model.dropped_count; i++) {
        assert_int_equal(real.dropped[i].name, model.dropped[i].name);
        assert_int_equal(real.dropped[i].reason, model.dropped[i].reason);
    }
    real.dropped_count = model.dropped_count = 0;
    if (model.count > 0)
        assert_int_equal(name_of(hf_sendq_front(sendq)), model.items[0].name);
    else
        assert_null(hf_sendq_front(sendq));
}

static void pop(struct hf_sendq *sendq)
{
    struct hf_sendq_item item = hf_sendq_pop(sendq);

    assert_int_equal(name_of(&item), model.items[0].name);
    hf_shared_unref(item.frame);
    model_remove(&model, 0);
}

static void random_operations(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct hf_sendq *sendq = hf_sendq_new();
        unsigned name = 0, now_ms = 0, every_ms = 1 + seed % 40;
        struct hf_rng rng;

        hf_rng_seed(&rng, seed);
        model = real = (struct model){0};
        for (unsigned i = 0; i < 300; i++) {
            uint64_t bytes_max =
                hf_rng_below(&rng, 8) ? 1000 : hf_rng_below(&rng, 1200); /* the link holds some */

            now_ms += (unsigned)hf_rng_below(&rng, 5);
            if (hf_rng_below(&rng, 4) > 0) {
                struct entry entry = {
                    .name = ++name,
                    .bytes = 4 + (unsigned)hf_rng_below(&rng, hf_rng_below(&rng, 9) ? 150 : 1100),
                    .topic = (unsigned)hf_rng_below(&rng, 4),
                    .policy = (enum hf_policy)hf_rng_below(&rng, HF_POLICIES),
                    .now_ms = now_ms,
                    .until_ms = now_ms + every_ms};
                enum hf_sendq_verdict wanted = model_push(&model, entry, bytes_max);

                assert_int_equal(push(sendq, entry, bytes_max), wanted);
            } else if (hf_rng_below(&rng, 3) == 0 && name > 0) {
                unsigned gone = 1 + (unsigned)hf_rng_below(&rng, name);
                bool there = false;

                for (unsigned k = 0; k < model.count && !there; k++) {
                    there = model.items[k].name == gone;
                    if (there)
                        model_remove(&model, k);
                }
                assert_int_equal(hf_sendq_forget(sendq, (struct hf_pending *)(uintptr_t)gone), there);
            } else if (model.count > 0) {
                pop(sendq);
            }
            check(sendq);
        }
        while (model.count > 5)
            pop(sendq);
        while (model.count > 0)
            model_drop(&model, 0, HF_REASON_CONNECTION_GONE);
        hf_sendq_clear(sendq, HF_REASON_CONNECTION_GONE, on_drop, NULL);
        check(sendq);
        hf_sendq_free(sendq);
    }
}

/* To the byte, for each policy. */
static void the_bound_is_exact(void **state)
{
    static const struct {
        enum hf_policy policy;
        enum hf_sendq_verdict above;
    } rows[] = {
        {HF_POLICY_MUST_DELIVER, HF_SENDQ_SPILL},    {HF_POLICY_DROP_OLDEST, HF_SENDQ_TAKEN},
        {HF_POLICY_DROP_NEWEST, HF_SENDQ_REFUSED},   {HF_POLICY_LATEST, HF_SENDQ_TAKEN},
        {HF_POLICY_DISCONNECT, HF_SENDQ_DISCONNECT}, {HF_POLICY_SAMPLE, HF_SENDQ_TAKEN},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sendq *sendq = hf_sendq_new();

        real = (struct model){0};
        assert_int_equal(push(sendq, (struct entry){1, 60, 1, rows[i].policy, 0, 0}, 100), HF_SENDQ_TAKEN);
        assert_int_equal(push(sendq, (struct entry){2, 40, 2, rows[i].policy, 0, 0}, 100), HF_SENDQ_TAKEN);
        assert_int_equal(real.dropped_count, 0);
        assert_int_equal(push(sendq, (struct entry){3, 4, 3, rows[i].policy, 0, 0}, 100), rows[i].above);
        assert_int_equal(real.dropped_count, rows[i].above == HF_SENDQ_TAKEN);
        /* Too large for ever: refused, and nothing is thrown away for it. */
        assert_int_not_equal(push(sendq, (struct entry){4, 101, 1, rows[i].policy, 0, 0}, 100),
                             HF_SENDQ_TAKEN);
        assert_int_equal(real.dropped_count, rows[i].above == HF_SENDQ_TAKEN);
        hf_sendq_clear(sendq, HF_REASON_CONNECTION_GONE, on_drop, NULL);
        hf_sendq_free(sendq);
    }
}

/* One of a topic for each time waits, and it is the newest: the first of a time gives its place and its end to those that come in it. */
static void samples_are_the_newest_of_their_time(void **state)
{
    enum { EVERY_MS = 100 };
    static const struct {
        unsigned topic, now_ms, leaves_out; /* the name of the one that goes, 0 = none */
    } rows[] = {
        {1, 0, 0},   {2, 0, 0},   {1, 1, 1},   {1, 99, 3},  /* to the last millisecond */
        {1, 100, 0}, {2, 250, 0},                           /* its end: a new time */
        {1, 199, 5}, {1, 200, 0}, {1, 200, 8}, {2, 349, 6}, /* the end did not move with what came in it */
    };
    static const unsigned waits[] = {4, 2, 7, 10, 9}; /* each in the place of the first of its time */
    struct hf_sendq *sendq = hf_sendq_new();

    (void)state;
    real = (struct model){0};
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct entry entry = {
            i + 1, 10, rows[i].topic, HF_POLICY_SAMPLE, rows[i].now_ms, rows[i].now_ms + EVERY_MS};

        real.dropped_count = 0;
        assert_int_equal(push(sendq, entry, 1000), HF_SENDQ_TAKEN);
        assert_int_equal(real.dropped_count, rows[i].leaves_out != 0);
        if (rows[i].leaves_out != 0) {
            assert_int_equal(real.dropped[0].name, rows[i].leaves_out);
            assert_int_equal(real.dropped[0].reason, HF_REASON_SAMPLED);
        }
    }
    /* The bound is the queue's, and holds for samples: above it the oldest go, by that reason. */
    real.dropped_count = 0;
    assert_int_equal(push(sendq, (struct entry){11, 10, 3, HF_POLICY_SAMPLE, 400, 500}, 50), HF_SENDQ_TAKEN);
    assert_int_equal(real.dropped_count, 1);
    assert_int_equal(real.dropped[0].name, waits[0]);
    assert_int_equal(real.dropped[0].reason, HF_REASON_DROP_OLDEST);
    for (unsigned i = 1; i < HF_COUNT_OF(waits); i++) {
        struct hf_sendq_item item = hf_sendq_pop(sendq);

        assert_int_equal(name_of(&item), waits[i]);
        hf_shared_unref(item.frame);
    }
    hf_sendq_clear(sendq, HF_REASON_CONNECTION_GONE, on_drop, NULL);
    hf_sendq_free(sendq);
}

static void drops_are_reported_once_a_second(void **state)
{
    struct hf_sendq *sendq = hf_sendq_new();
    enum hf_reason reason;

    (void)state;
    assert_false(hf_sendq_due_drops(NULL, 5000, 1000));
    assert_false(hf_sendq_due_drops(sendq, 5000, 1000));
    hf_sendq_count_drop(sendq, HF_REASON_DROP_OLDEST);
    hf_sendq_count_drop(sendq, HF_REASON_DROP_OLDEST);
    hf_sendq_count_drop(sendq, HF_REASON_MEMORY_LIMIT);
    hf_sendq_count_drop(sendq, HF_REASON_SAMPLED);
    assert_true(hf_sendq_due_drops(sendq, 5000, 1000));
    assert_int_equal(hf_sendq_take_drops(sendq, &reason), 2);
    assert_int_equal(reason, HF_REASON_DROP_OLDEST);
    assert_int_equal(hf_sendq_take_drops(sendq, &reason), 1);
    assert_int_equal(reason, HF_REASON_MEMORY_LIMIT);
    assert_int_equal(hf_sendq_take_drops(sendq, &reason), 1);
    assert_int_equal(reason, HF_REASON_SAMPLED);
    assert_int_equal(hf_sendq_take_drops(sendq, &reason), 0);
    hf_sendq_count_drop(sendq, HF_REASON_CONFLATED);
    assert_false(hf_sendq_due_drops(sendq, 5999, 1000));
    assert_true(hf_sendq_due_drops(sendq, 6000, 1000));
    hf_sendq_free(sendq);
    hf_sendq_free(NULL);
    hf_sendq_clear(NULL, HF_REASON_CONNECTION_GONE, on_drop, NULL);
    assert_int_equal(hf_sendq_bytes(NULL) + hf_sendq_messages(NULL), 0);
    assert_null(hf_sendq_front(NULL));
    assert_false(hf_sendq_forget(NULL, NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(the_bound_is_exact),
        cmocka_unit_test(samples_are_the_newest_of_their_time),
        cmocka_unit_test(drops_are_reported_once_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
