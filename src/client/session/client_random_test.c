/* client/core with a gateway that has the same rules, when connections are cut at any byte, either side crashes, disks take their time and sessions are forgotten. In the end: what was
 * accepted is in the gateway's log once and in order, each message and each command has had its effect once, and each command has one result. Effects are counted when the
 * acknowledgement is durable: then the application's own transaction would be. A failure names its seed. */
#include "client/session/gateway_testkit.h"

#include "client/session/core.h"
#include "client/store/store_memory.h"

enum { SEEDS = 2000, STEPS = 1500, WAITS = 64 };

struct world {
    struct hf_rng rng;
    struct gw gw;
    struct hf_client_core *core;
    struct hf_store *store;
    struct hf_client_ops ops;
    struct hf_client_config config;
    struct hf_client_time now;
    bool connecting, connected;
    uint8_t *up; /* from the device, not yet read by the gateway */
    size_t up_bytes;
    uint32_t published; /* numbers given to publish() */
    bool accepted[GW_LOG];
    unsigned effects[GW_ITEMS];
    unsigned last_effect; /* of messages: they come in order */
    struct {
        uint64_t handle;
        unsigned item;
        bool command;
    } waits[WAITS]; /* in the application's hands */
    unsigned wait_count;
};

static bool chance(struct world *world, unsigned percent)
{
    return hf_rng_below(&world->rng, 100) < percent;
}

/* ---- operations ---- */

static void op_connect(void *user, const struct hf_client_attempt *attempt)
{
    (void)attempt;
    ((struct world *)user)->connecting = true;
}

static size_t op_write(void *user, const void *data, size_t bytes)
{
    struct world *world = user;

    assert_true(world->up_bytes + bytes <= GW_WIRE);
    memcpy(world->up + world->up_bytes, data, bytes);
    world->up_bytes += bytes;
    return bytes;
}

static void op_close(void *user, bool flush)
{
    struct world *world = user;

    (void)flush;
    world->connecting = world->connected = false;
    world->up_bytes = 0;
    gw_drop(&world->gw);
}

static enum hf_client_answer on_message(void *user, const struct hf_client_message *message,
                                        struct hf_client_result *ret_result)
{
    struct world *world = user;
    unsigned item = (unsigned)(message->id[1] << 8 | message->id[2]);

    (void)ret_result;
    assert_int_equal(message->id[0], 0xee);
    assert_int_equal(world->effects[item], 0); /* never given again once it was acknowledged */
    for (unsigned i = 0; i < world->wait_count; i++)
        assert_int_not_equal(world->waits[i].item, item); /* nor while it is in hand */
    assert_true(world->wait_count < WAITS);
    world->waits[world->wait_count].handle = message->handle;
    world->waits[world->wait_count].item = item;
    world->waits[world->wait_count++].command = message->command;
    return HF_CLIENT_LATER;
}

static void on_done(void *user, uint64_t handle, hf_err err)
{
    struct world *world = user;

    assert_int_equal(err, HF_OK);
    for (unsigned i = 0; i < world->wait_count; i++) {
        if (world->waits[i].handle != handle)
            continue;
        world->effects[world->waits[i].item]++;
        world->waits[i] = world->waits[--world->wait_count];
        return;
    }
    fail_msg("an acknowledgement of nothing");
}

static void on_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    (void)id;
    assert_int_equal(err, HF_OK);
    ((struct world *)user)->accepted[(uintptr_t)cookie] = true;
}

static void on_id(void *user, uint64_t id)
{
    (void)user;
    (void)id;
}

static void on_failed(void *user, uint64_t id, enum hf_reason reason)
{
    (void)user;
    fail_msg("message %llu failed: %s", (unsigned long long)id, hf_reason_name(reason));
}

static void on_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason)
{
    (void)user;
    (void)reason;
    fail_msg("a gap %llu-%llu", (unsigned long long)from, (unsigned long long)to);
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
    assert_int_not_equal(closed->code, 4400);
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
    (void)user;
    (void)detail;
    fail_msg("%s %s", hf_err_name(err), hf_reason_name(reason));
}

/* ---- steps ---- */

static void start(struct world *world)
{
    assert_int_equal(hf_client_core_new(&world->config, world->store, &world->ops, world, &world->core),
                     HF_OK);
    hf_client_core_start(world->core, &world->now);
}

static void publish(struct world *world)
{
    char payload[9];
    struct hf_store_message message = {.class = HF_STORE_MESSAGE, .topic = HF_SLICE("")};

    if (world->published == GW_LOG - 1)
        return;
    (void)snprintf(payload, sizeof(payload), "%08u", world->published);
    message.payload = (struct hf_slice){payload, 8};
    assert_int_equal(
        hf_client_core_publish(world->core, &world->now, &message, (void *)(uintptr_t)world->published),
        HF_OK);
    world->published++;
}

static void acknowledge(struct world *world)
{
    const struct hf_client_result result = {.payload = HF_SLICE("ok")};
    unsigned i;
    hf_err err;

    if (world->wait_count == 0)
        return;
    i = chance(world, 50) ? 0 : (unsigned)hf_rng_below(&world->rng, world->wait_count);
    err = hf_client_core_done(world->core, &world->now, world->waits[i].handle,
                              world->waits[i].command ? &result : NULL);
    assert_true(err == HF_OK || err == HF_ERR_NOT_FOUND); /* was given to the store already */
}

static void device_crash(struct world *world)
{
    hf_client_core_free(world->core);
    hf_store_memory_crash(world->store);
    op_close(world, false);
    world->wait_count = 0; /* what was in hand is forgotten */
    start(world);
}

static void cut(struct world *world)
{
    if (!world->connected)
        return;
    world->up_bytes = 0;
    gw_drop(&world->gw);
    world->connected = false;
    hf_client_core_closed(world->core, &world->now);
}

/* Some of what is under way arrives, in pieces. */
static void carry(struct world *world, bool all)
{
    const struct hf_client_request request = {HF_SLICE("/v1/connect"), HF_SLICE("gw"), HF_SLICE(""), false};
    size_t up = all ? world->up_bytes : hf_rng_below(&world->rng, world->up_bytes + 1), down;

    if (world->connecting) {
        world->connecting = false;
        world->connected = true;
        assert_int_equal(hf_client_core_open(world->core, &world->now, &request), HF_OK);
        return;
    }
    if (!world->connected)
        return;
    gw_take(&world->gw, world->up, up);
    memmove(world->up, world->up + up, world->up_bytes - up);
    world->up_bytes -= up;
    down = all ? world->gw.out_bytes : hf_rng_below(&world->rng, world->gw.out_bytes + 1);
    if (down > 0) {
        uint8_t *bytes = malloc(down);

        memcpy(bytes, world->gw.out, down);
        memmove(world->gw.out, world->gw.out + down, world->gw.out_bytes - down);
        world->gw.out_bytes -= down;
        hf_client_core_bytes(world->core, &world->now, bytes, down);
        free(bytes);
    }
}

static void pass(struct world *world, uint64_t ms)
{
    world->now.now_ms += ms;
    world->now.utc_ms += ms;
    world->gw.now_ms = world->now.now_ms;
    if (hf_client_core_due_ms(world->core) <= world->now.now_ms)
        hf_client_core_tick(world->core, &world->now);
    gw_tick(&world->gw);
}

static void step(struct world *world)
{
    uint64_t draw = hf_rng_below(&world->rng, 1000);

    if (draw < 60)
        publish(world);
    else if (draw < 100)
        gw_enqueue(&world->gw, chance(world, 50));
    else if (draw < 200)
        acknowledge(world);
    else if (draw < 240)
        gw_commit(&world->gw);
    else if (draw < 244)
        cut(world);
    else if (draw < 248)
        device_crash(world);
    else if (draw < 252) {
        gw_crash(&world->gw, chance(world, 40));
        cut(world);
    } else if (draw < 500)
        pass(world, hf_rng_below(&world->rng, 60));
    else
        carry(world, chance(world, 50));
}

/* No more faults: everything arrives. */
static void heal(struct world *world)
{
    for (unsigned i = 0; i < 4000; i++) {
        struct hf_store_facts facts;
        bool over = world->wait_count == 0 && world->connected;

        carry(world, true);
        gw_commit(&world->gw);
        while (world->wait_count > 0) {
            unsigned before = world->wait_count;

            acknowledge(world);
            pass(world, 50);
            if (world->wait_count == before)
                break;
        }
        pass(world, 100);
        hf_client_core_queue(world->core, &facts);
        for (unsigned n = 0; n < world->gw.item_count; n++)
            over &= world->gw.items[n].command ? world->gw.items[n].finished : world->gw.items[n].delivered;
        if (over && facts.messages == 0)
            return;
    }
    fail_msg("it does not come to rest");
}

static void judge(const struct world *world)
{
    unsigned at = 0;

    for (uint32_t n = 0; n < world->published; n++) {
        bool there = at < world->gw.log_count && world->gw.log[at] == n;

        at += there;
        if (world->accepted[n] && !there)
            fail_msg("message %u was accepted; the log has %u in its place (entry %u of %u)", n,
                     at < world->gw.log_count ? world->gw.log[at] : UINT32_MAX, at, world->gw.log_count);
    }
    assert_int_equal(at, world->gw.log_count); /* in order, none twice, nothing else */
    for (unsigned n = 0; n < world->gw.item_count; n++) {
        assert_int_equal(world->effects[n], 1);
        assert_int_equal(world->gw.items[n].results, world->gw.items[n].command);
    }
}

static void run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    struct hf_store_memory_options options = {.queue_id = 5, .commit_ms = (uint32_t)(seed % 3) * 20};

    hf_rng_seed(&world->rng, seed);
    world->gw.rng = &world->rng;
    world->gw.out = malloc(GW_WIRE);
    world->up = malloc(GW_WIRE);
    world->now = (struct hf_client_time){1000, 1700000000000};
    world->gw.now_ms = 1000;
    world->config = (struct hf_client_config){.profile = HF_PROFILE_DEFAULT,
                                              .seed = seed,
                                              .window_messages = 16,
                                              .backoff_base_ms = 50,
                                              .backoff_cap_ms = 200,
                                              .memory = {.resize = gw_resize}};
    world->ops = (struct hf_client_ops){.connect = op_connect,
                                        .write = op_write,
                                        .close = op_close,
                                        .message = on_message,
                                        .done = on_done,
                                        .gap = on_gap,
                                        .published = on_published,
                                        .sent = on_id,
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
    hf_client_core_free(world->core);
    world->store->ops->close(world->store);
    gw_drop(&world->gw);
    free(world->gw.out);
    free(world->up);
    free(world);
}

static void nothing_is_lost_or_doubled(void **state)
{
    const char *only = getenv("SEED");

    (void)state;
    if (only != NULL) {
        run(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        printf("seed %llu\r",
               (unsigned long long)seed); /* the last one that is seen is the one that failed */
        fflush(stdout);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_or_doubled)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
