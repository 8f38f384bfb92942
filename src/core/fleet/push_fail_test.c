/* MEM-5: whatever allocation fails while a push is recorded and carried out, each member counts once in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/fleet/push_rows.h"
#include "core/fleet/pusher.h"
#include "core/projection.h"
#include "core/rows.h"
#include "store/memory/kv_memory.h"
#include "support/alloc_fail.h"

static const uint8_t id[16] = {0, 1, 2, 3, 4, 5, 0x70, 1};

struct world {
    struct hf_kv *kv;
    struct hf_wheel wheel;
    uint64_t offset;
    hf_err worst;
};

/* Applied again when it failed: only one allocation does. */
static void apply(struct world *world, struct hf_event *event)
{
    hf_err err = HF_OK;

    event->offset = ++world->offset;
    event->time_ms = 1;
    event->tenant = HF_SLICE("acme");
    do {
        struct hf_kv_txn *txn = NULL;

        err = hf_kv_write(world->kv, &txn);
        if (err == HF_OK)
            err = hf_projection_apply(txn, event);
        if (err == HF_OK)
            err = hf_kv_commit(txn, event->offset);
        else
            hf_kv_end(txn);
        if (err != HF_OK)
            world->worst = err;
    } while (err != HF_OK);
}

/* As a hub, at once. */
static hf_err answer(void *context, struct hf_call *call)
{
    struct hf_event event = {.type = call->type == HF_CALL_DOCUMENT ? HF_EVENT_SHADOW : call->event_type,
                             .seq = call->type == HF_CALL_DOCUMENT ? 2 : 0,
                             .from = 1,
                             .reason = call->fate_reason,
                             .device = call->device,
                             .topic = call->topic};

    memcpy(event.id, call->id, sizeof(event.id));
    if (call->type == HF_CALL_DOCUMENT)
        event.payload =
            HF_SLICE("{\"version\":2,\"updated_ms\":1,\"epoch\":0,\"desired\":{\"n\":1},\"tags\":{\"groups\":"
                     "\"vans\"},\"metadata\":{\"/desired/n\":[2,1]}}");
    apply(context, &event);
    call->on_done(call);
    return HF_OK;
}

static bool is_done(struct world *world, struct hf_push_row *ret_row)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_push_key key;
    struct hf_slice value;

    if (hf_kv_read(world->kv, &txn) != HF_OK) {
        world->worst = HF_ERR_NOMEM;
        return false;
    }
    HF_ASSERT(hf_push_key(&key, HF_SLICE("acme"), 'p', id) == HF_OK);
    HF_ASSERT(hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value) == HF_OK);
    HF_ASSERT(hf_push_row_decode(value, ret_row) == HF_OK);
    hf_kv_end(txn);
    return ret_row->done != 0;
}

static hf_err life(void *context)
{
    struct world world = {.worst = HF_OK};
    struct hf_event push = {.type = HF_EVENT_PUSH,
                            .topic = HF_SLICE("vans"),
                            .key = HF_SLICE("key/k"),
                            .payload = HF_SLICE("{\"desired\":{\"n\":1}}")};
    struct hf_pusher pusher;
    struct hf_push_row row;
    uint64_t now_ms = 1000;

    (void)context;
    hf_err err = hf_kv_memory_open(&world.kv);
    if (err != HF_OK)
        return err;
    hf_wheel_init(&world.wheel, now_ms);
    hf_pusher_init(&pusher, &(struct hf_pusher_options){
                                .kv = world.kv, .wheel = &world.wheel, .call = answer, .context = &world});
    for (unsigned i = 0; i < 3; i++) {
        struct hf_event shadow = {.type = HF_EVENT_SHADOW,
                                  .seq = 1,
                                  .from = 1,
                                  .device = {&"abc"[i], 1},
                                  .payload = HF_SLICE("{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"tags\":{"
                                                      "\"groups\":\"vans\"},\"metadata\":{}}")};

        apply(&world, &shadow);
    }
    memcpy(push.id, id, sizeof(push.id));
    apply(&world, &push);
    for (unsigned i = 0; i < 100 && !is_done(&world, &row); i++) {
        hf_pusher_look(&pusher, now_ms);
        now_ms += HF_PUSH_ROUND_MS;
        hf_wheel_run(&world.wheel, now_ms);
    }
    HF_ASSERT(row.done && row.members == 3 && row.stored == 3);
    if (pusher.stats.put_off > 0)
        world.worst = HF_ERR_NOMEM;
    hf_pusher_stop(&pusher);
    hf_pusher_deinit(&pusher);
    hf_kv_close(world.kv);
    return world.worst;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life, NULL, 2000) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_end_anywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
