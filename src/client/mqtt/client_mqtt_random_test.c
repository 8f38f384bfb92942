/* client/mqtt with a broker that keeps the rules, when connections are cut at any byte, either side crashes, the disk is slow or full and quotas run out. In the end: what was accepted is at the broker
 * at least once, and in order when what came twice is dropped (but where the broker itself put a message off, or ends connections over one: that one is failed); what was not accepted is not there; never more than the broker's window
 * was out; every message down had its effect, once where it had an id. A failure names its seed. */
#include "client/mqtt/mqtt_world_testkit.h"

enum { SEEDS = 1500, STEPS = 1500 };

/* ---- operations ---- */

static void op_connect(void *user, const struct hf_client_attempt *attempt)
{
    (void)attempt;
    ((struct world *)user)->connecting = true;
}

static size_t op_write(void *user, const void *data, size_t bytes)
{
    struct world *world = user;

    assert_true(world->up_bytes + bytes <= WIRE);
    memcpy(world->up + world->up_bytes, data, bytes);
    world->up_bytes += bytes;
    return bytes;
}

static void op_close(void *user, bool flush)
{
    struct world *world = user;

    (void)flush;
    world->connecting = world->connected = false;
    broker_drop(world);
}

static enum hf_client_answer on_message(void *user, const struct hf_client_message *message,
                                        struct hf_client_result *ret_result)
{
    struct world *world = user;
    uint64_t number;

    (void)ret_result;
    assert_true(hf_slice_to_u64(message->payload, &number) && number < world->item_count);
    if (!hf_store_uuid_is_none(message->id)) {
        assert_int_equal(world->items[number].effects, 0); /* never given again once it was acknowledged */
        for (unsigned i = 0; i < world->wait_count; i++)
            assert_int_not_equal(world->waits[i].item, number); /* nor while it is in hand */
    }
    assert_true(world->wait_count < WAITS);
    world->waits[world->wait_count].handle = message->handle;
    world->waits[world->wait_count++].item = (unsigned)number;
    return HF_CLIENT_LATER;
}

static void on_done(void *user, uint64_t handle, hf_err err)
{
    struct world *world = user;

    for (unsigned i = 0; i < world->wait_count; i++) {
        if (world->waits[i].handle != handle)
            continue;
        if (err != HF_OK)
            return; /* it is said again */
        world->items[world->waits[i].item].effects++;
        world->waits[i] = world->waits[--world->wait_count];
        return;
    }
    fail_msg("an acknowledgement of nothing");
}

static void on_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    struct world *world = user;

    if (err == HF_OK) /* else the store may give it again */
        world->ids[(uintptr_t)cookie] = id;
    world->accepted[(uintptr_t)cookie] = err == HF_OK;
    world->refused[(uintptr_t)cookie] = err != HF_OK;
}

static void on_sent(void *user, uint64_t id)
{
    (void)user;
    (void)id;
}

static void on_failed(void *user, uint64_t id, enum hf_reason reason)
{
    struct world *world = user;
    uint32_t number = 0;

    while (number < world->published && world->ids[number] != id)
        number++;
    if (!is_poison(world, number) || reason != HF_REASON_ENDS_CONNECTION)
        fail_msg("message %u failed: %s", number, hf_reason_name(reason));
    world->failed[number] = true;
}

static void on_opened(void *user, const struct hf_client_opened *opened)
{
    (void)user;
    (void)opened;
}

static void on_closed(void *user, const struct hf_client_closed *closed)
{
    (void)user;
    assert_true(closed->retry);
    if (closed->code >= HF_MQTT_REASON_FAILS && closed->code <= 255 &&
        closed->reason != HF_REASON_STORAGE_FAILED)
        fail_msg("closed %u: %.*s", closed->code, S(closed->text));
}

static void on_state(void *user, enum hf_link_state state, enum hf_link_state before,
                     enum hf_link_event event)
{
    (void)user;
    (void)state;
    (void)before;
    (void)event;
}

static void on_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    struct world *world = user;

    (void)detail;
    if (reason == HF_REASON_ENDS_CONNECTION)
        world->trials = true; /* also by bad luck; then it is tried, and found innocent */
    else
        assert_true(reason == HF_REASON_STORAGE_FAILED ? err == HF_ERR_FULL : world->refuses);
}

/* ---- steps ---- */

static void start(struct world *world)
{
    assert_int_equal(
        hf_client_mqtt_new(&world->config, &world->mqtt, world->store, &world->ops, world, &world->engine),
        HF_OK);
    world->engine->ops->start(world->engine, &world->now);
}

static void publish(struct world *world)
{
    static char payload[20000];
    struct hf_store_message message = {.class = HF_STORE_MESSAGE, .topic = HF_SLICE("t")};
    size_t bytes = chance(world, 3) ? sizeof(payload) : 8;
    char number[9];
    hf_err err;

    if (world->published == LOG - 1)
        return;
    (void)snprintf(number, sizeof(number), "%08u", world->published);
    memcpy(payload, number, 8);
    message.payload = (struct hf_slice){payload, bytes};
    err = world->engine->ops->publish(world->engine, &world->now, &message,
                                      (void *)(uintptr_t)world->published);
    if (err != HF_OK) {
        assert_true(world->sick);
        world->refused[world->published] = true;
    }
    world->published++;
}

static void enqueue(struct world *world)
{
    struct item *item = &world->items[world->item_count];

    if (world->item_count == ITEMS)
        return;
    if (chance(world, 70)) {
        item->uuid[0] = 0xee;
        item->uuid[1] = (uint8_t)(world->item_count >> 8);
        item->uuid[2] = (uint8_t)world->item_count;
    }
    world->item_count++;
}

static void acknowledge(struct world *world)
{
    unsigned i;
    hf_err err;

    if (world->wait_count == 0)
        return;
    i = chance(world, 50) ? 0 : (unsigned)hf_rng_below(&world->rng, world->wait_count);
    err = world->engine->ops->done(world->engine, &world->now, world->waits[i].handle, NULL);
    assert_true(err == HF_OK || err == HF_ERR_NOT_FOUND || world->sick); /* was given to the store already */
}

static void heal_disk(struct world *world)
{
    world->sick = false;
    hf_store_memory_fail(world->store, HF_OK);
}

static void device_crash(struct world *world)
{
    heal_disk(world);
    world->engine->ops->free(world->engine);
    hf_store_memory_crash(world->store);
    op_close(world, false);
    world->wait_count = 0; /* what was in hand is forgotten */
    start(world);
}

static void cut(struct world *world)
{
    if (!world->connected)
        return;
    broker_drop(world);
    world->connected = false;
    world->engine->ops->closed(world->engine, &world->now);
}

/* Some of what is under way arrives, in pieces. */
static void carry(struct world *world, bool all)
{
    const struct hf_client_door door = {.target = HF_SLICE(""), .host = HF_SLICE("b")};
    size_t down;

    if (world->connecting) {
        world->connecting = false;
        world->connected = true;
        assert_int_equal(world->engine->ops->open(world->engine, &world->now, &door), HF_OK);
        return;
    }
    if (!world->connected)
        return;
    broker_take(world, all ? world->up_bytes : hf_rng_below(&world->rng, world->up_bytes + 1));
    if (world->kill) {
        cut(world);
        return;
    }
    down = all ? world->down_bytes : hf_rng_below(&world->rng, world->down_bytes + 1);
    if (down > 0) {
        uint8_t *bytes = malloc(down);

        memcpy(bytes, world->down, down);
        memmove(world->down, world->down + down, world->down_bytes - down);
        world->down_bytes -= down;
        world->engine->ops->bytes(world->engine, &world->now, bytes, down);
        free(bytes);
    }
}

static void pass(struct world *world, uint64_t ms)
{
    world->now.now_ms += ms;
    world->now.utc_ms += ms;
    if (world->engine->ops->due_ms(world->engine) <= world->now.now_ms)
        world->engine->ops->tick(world->engine, &world->now);
}

static void step(struct world *world)
{
    uint64_t draw = hf_rng_below(&world->rng, 1000);

    if (draw < 90)
        publish(world);
    else if (draw < 120)
        enqueue(world);
    else if (draw < 200)
        acknowledge(world);
    else if (draw < 280)
        broker_acks(world);
    else if (draw < 330)
        broker_sends(world);
    else if (draw < 334)
        cut(world);
    else if (draw < 338)
        device_crash(world);
    else if (draw < 341) { /* the broker forgets its session */
        cut(world);
        world->session = !chance(world, 50) && world->session;
    } else if (draw < 345) {
        world->sick = true;
        hf_store_memory_fail(world->store, HF_ERR_FULL);
    } else if (draw < 365)
        heal_disk(world);
    else if (draw < 600)
        pass(world, hf_rng_below(&world->rng, 60));
    else
        carry(world, chance(world, 50));
}

/* No more faults: everything arrives. */
static void heal(struct world *world)
{
    heal_disk(world);
    world->mild = true;
    for (unsigned i = 0; i < 6000; i++) {
        struct hf_store_facts facts;
        bool over = world->wait_count == 0 && world->connected;

        carry(world, true);
        broker_acks(world);
        broker_sends(world);
        for (unsigned n = 0; n < WAITS && world->wait_count > 0; n++)
            acknowledge(world);
        pass(world, 100);
        world->engine->ops->queue(world->engine, &facts);
        for (unsigned n = 0; n < world->item_count; n++)
            over &= world->items[n].finished;
        if (over && facts.messages == 0)
            return;
        if (world->poison && i % 50 == 0)
            publish(world); /* one that would be the last has nobody to be compared with */
    }
    fail_msg("it does not come to rest");
}

static void judge(const struct world *world)
{
    for (uint32_t n = 0; n < world->published; n++) {
        if (world->accepted[n] && !world->at_broker[n] && !world->failed[n])
            fail_msg("message %u was accepted and is not at the broker", n);
        if (world->refused[n] && world->at_broker[n])
            fail_msg("message %u was not accepted and is at the broker", n);
    }
    for (unsigned n = 0; n < world->item_count; n++) {
        assert_true(world->items[n].effects >= 1);
        if (!hf_store_uuid_is_none(world->items[n].uuid))
            assert_int_equal(world->items[n].effects, 1);
    }
}

static void run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    struct hf_store_memory_options options = {.queue_id = 5, .commit_ms = (uint32_t)(seed % 3) * 20};

    hf_rng_seed(&world->rng, seed);
    world->refuses = seed % 4 == 0;
    world->poison = seed % 5 == 0;
    world->up = malloc(WIRE);
    world->down = malloc(WIRE);
    world->now = (struct hf_client_time){1000, 1700000000000};
    world->version = HF_MQTT_V5;
    world->mqtt.listens = true;
    world->config = (struct hf_client_config){.device = HF_SLICE("d"),
                                              .profile = HF_PROFILE_DEFAULT,
                                              .seed = seed,
                                              .window_messages = 16,
                                              .backoff_base_ms = 50,
                                              .backoff_cap_ms = 200,
                                              .memory = {.resize = kit_resize}};
    world->ops = (struct hf_client_ops){.connect = op_connect,
                                        .write = op_write,
                                        .close = op_close,
                                        .message = on_message,
                                        .done = on_done,
                                        .published = on_published,
                                        .sent = on_sent,
                                        .failed = on_failed,
                                        .opened = on_opened,
                                        .closed = on_closed,
                                        .state = on_state,
                                        .error = on_error};
    assert_int_equal(hf_store_memory_open(&options, &world->store), HF_OK);
    start(world);
    for (unsigned i = 0; i < STEPS; i++)
        step(world);
    heal(world);
    judge(world);
    world->engine->ops->free(world->engine);
    world->store->ops->close(world->store);
    free(world->up);
    free(world->down);
    free(world);
}

static void nothing_is_lost(void **state)
{
    const char *only = getenv("SEED");

    (void)state;
    if (only != NULL) {
        run(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        printf("seed %llu\r", U(seed)); /* the last one that is seen is the one that failed */
        fflush(stdout);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
