/* client/mqtt: what a connection to a broker takes, and what happens when there is none of it (CQ-1, MEM-5). */
#include "client/mqtt/broker_testkit.h"

enum { HEAP_BYTES_MAX = 48 << 10 };

struct heap {
    size_t live, peak;
    unsigned calls, fail_at; /* 0 = never */
};

static void *count(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    struct heap *heap = user;

    if (new_bytes > old_bytes && ++heap->calls == heap->fail_at)
        return NULL;
    heap->live += new_bytes - old_bytes;
    heap->peak = HF_MAX(heap->peak, heap->live);
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static void begin(struct kit *kit, struct heap *heap)
{
    kit->engine->ops->free(kit->engine);
    kit->config.memory = (struct hf_ws_memory){.resize = count, .user = heap};
    kit->mqtt.listens = true;
}

/* 256 messages in the application's hands, a full window, and one large message that has gone through. */
static void a_connection_keeps_to_its_bound(void **state)
{
    struct kit *kit = *state;
    struct heap heap = {0};
    char *large = malloc(100001);

    memset(large, 'L', 100000);
    large[100000] = '\0';
    begin(kit, &heap);
    kit_engine_new(kit);
    kit->quiet = true;
    kit->engine->ops->start(kit->engine, &kit->now);
    kit_established(kit);
    kit_suback(kit, 1);
    kit->chunk = 1000;
    kit_down(kit, 300, 0, large);
    assert_in_range(heap.peak, 100000, 100000 + HEAP_BYTES_MAX); /* while it came */
    heap.peak = heap.live;
    kit->answer = HF_CLIENT_LATER;
    for (uint16_t id = 1; id <= HF_CLIENT_WINDOW_MESSAGES_MAX; id++)
        kit_down(kit, id, 0, "a");
    for (unsigned i = 0; i < 2 * HF_CLIENT_MQTT_WINDOW; i++)
        kit_publish(kit, "up");
    print_message("heap of a connection: %zu bytes at most\n", heap.peak);
    assert_in_range(heap.peak, 1, HEAP_BYTES_MAX);
    kit->engine->ops->free(kit->engine);
    assert_int_equal(heap.live, 0);
    kit->config.memory = (struct hf_ws_memory){.resize = kit_resize};
    kit_engine_new(kit);
    free(large);
}

/* True: none failed, it was too early for that. */
static bool life(struct kit *kit, struct heap *heap, const char *large)
{
    hf_err err = hf_client_mqtt_new(&kit->config, &kit->mqtt, kit->store, &kit->ops, kit, &kit->engine);

    if (err != HF_OK) {
        assert_int_equal(err, HF_ERR_NOMEM);
        return false;
    }
    kit->engine->ops->start(kit->engine, &kit->now);
    kit_established(kit);
    kit_suback(kit, 1);
    kit->answer = HF_CLIENT_LATER;
    for (uint16_t id = 1; id <= 20; id++) {
        if (kit->engine->ops->state(kit->engine) == HF_LINK_CONNECTED)
            kit_down(kit, id, 0, id == 7 ? large : "a");
    }
    if (heap->fail_at != 0 &&
        heap->calls >= heap->fail_at) /* a message without memory ends the connection, in so many words */
        assert_non_null(strstr(kit->lines, "closed 1"));
    kit->engine->ops->free(kit->engine);
    return heap->calls < heap->fail_at;
}

static void without_memory_it_ends_and_leaves_nothing(void **state)
{
    struct kit *kit = *state;
    char *large = malloc(5001);
    bool over = false;

    memset(large, 'L', 5000);
    large[5000] = '\0';
    kit->chunk = 100;
    for (unsigned fail_at = 1; !over; fail_at++) {
        struct heap heap = {.fail_at = fail_at};

        if (fail_at == 1)
            begin(kit, &heap);
        kit->config.memory.user = &heap;
        over = life(kit, &heap, large);
        assert_int_equal(heap.live, 0);
        forget(kit);
        assert_true(fail_at < 100);
    }
    kit->config.memory = (struct hf_ws_memory){.resize = kit_resize};
    kit_engine_new(kit);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_keeps_to_its_bound, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_ends_and_leaves_nothing, kit_setup, kit_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
