/* client/mqtt/mqtt_engine.c - engine.h in terms of the parts. */
#include "client/mqtt/mqtt_internal.h"

#include "base/hash.h"

static struct hf_mc *mc_of(struct hf_client_engine *engine)
{
    return HF_CONTAINER_OF(engine, struct hf_mc, engine);
}

static const struct hf_mc *look_at(const struct hf_client_engine *engine)
{
    return HF_CONTAINER_OF(engine, const struct hf_mc, engine);
}

/* ---- life ---- */

static void engine_start(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    if (mc->phase == HF_MC_IDLE || mc->phase == HF_MC_STOPPED) {
        mc->stopping = false;
        mc->phase = HF_MC_WAITING;
        mc->phase_due_ms = mc->network_down ? UINT64_MAX : mc->now.now_ms;
        if (!mc->network_down)
            hf_mc_attempt(mc);
    }
    hf_mc_leave(mc);
}

static void engine_stop(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    hf_mc_stop(mc);
    hf_client_queue_commit(&mc->queue, true);
    hf_mc_leave(mc);
}

static bool engine_stopped(const struct hf_client_engine *engine)
{
    const struct hf_mc *mc = look_at(engine);

    return mc->phase == HF_MC_STOPPED || mc->phase == HF_MC_IDLE;
}

static void engine_network(struct hf_client_engine *engine, const struct hf_client_time *now, bool up)
{
    struct hf_mc *mc = mc_of(engine);
    bool was_down = mc->network_down;

    hf_mc_enter(mc, now);
    mc->network_told = true;
    mc->network_down = !up;
    if (mc->phase == HF_MC_WAITING && !up)
        mc->phase_due_ms = UINT64_MAX;
    else if (mc->phase == HF_MC_WAITING && was_down)
        mc->phase_due_ms = mc->now.now_ms + hf_backoff_network_up(&mc->backoff, &mc->rng);
    hf_mc_leave(mc);
}

/* ---- transport ---- */

static void engine_tick(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    hf_mc_tick(mc);
    hf_mc_leave(mc);
}

static uint64_t engine_due_ms(const struct hf_client_engine *engine)
{
    return hf_mc_due_ms(look_at(engine));
}

static void engine_stage(struct hf_client_engine *engine, const struct hf_client_time *now,
                         enum hf_client_stage stage)
{
    static const uint32_t ms[] = {[HF_CLIENT_STAGE_DNS] = HF_CLIENT_DNS_MS,
                                  [HF_CLIENT_STAGE_TCP] = HF_CLIENT_TCP_MS,
                                  [HF_CLIENT_STAGE_TLS] = HF_CLIENT_TLS_MS};
    struct hf_mc *mc = mc_of(engine);

    HF_ASSERT(stage < HF_COUNT_OF(ms));
    hf_mc_enter(mc, now);
    if (mc->phase == HF_MC_CONNECTING)
        mc->phase_due_ms = mc->now.now_ms + ms[stage];
    hf_mc_leave(mc);
}

static hf_err engine_open(struct hf_client_engine *engine, const struct hf_client_time *now,
                          const struct hf_client_door *door)
{
    struct hf_mc *mc = mc_of(engine);
    hf_err err = HF_ERR_INVALID;

    hf_mc_enter(mc, now);
    if (mc->phase == HF_MC_CONNECTING) {
        hf_mc_connect(mc, door->token);
        err = HF_OK;
    }
    hf_mc_leave(mc);
    return err;
}

static void engine_failed(struct hf_client_engine *engine, const struct hf_client_time *now,
                          enum hf_client_failure failure, struct hf_slice text)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    if (mc->phase == HF_MC_CONNECTING || mc->phase == HF_MC_GREETING) {
        mc->link.ending.failure = failure;
        hf_mc_text(mc, text);
        hf_mc_finish(mc, false, HF_LINK_EV_HS_FAIL);
    }
    hf_mc_leave(mc);
}

static void engine_bytes(struct hf_client_engine *engine, const struct hf_client_time *now, uint8_t *data,
                         size_t bytes)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    if (mc->link.up)
        mc->counts.bytes_in += bytes;
    hf_mc_bytes(mc, data, bytes);
    hf_mc_leave(mc);
}

static void engine_writable(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_mc_enter(mc_of(engine), now);
    hf_mc_flush(mc_of(engine));
    hf_mc_leave(mc_of(engine));
}

static void engine_closed(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    struct hf_mc *mc = mc_of(engine);

    hf_mc_enter(mc, now);
    if (mc->link.up && mc->phase != HF_MC_CONNECTING) {
        if (mc->phase != HF_MC_CLOSING)
            mc->link.ending.failure = HF_CLIENT_FAILED_LOST;
        if (mc->phase == HF_MC_GREETING)
            hf_mc_unanswered(mc);
        mc->link.ending.by_message = mc->phase == HF_MC_OPEN && !mc->network_down;
        hf_mc_text(mc, HF_SLICE("the connection broke without a DISCONNECT"));
        hf_mc_finish(mc, false, mc->phase == HF_MC_CLOSING ? HF_LINK_EV_CLOSED : HF_LINK_EV_LOST);
    }
    hf_mc_leave(mc);
}

static void engine_probed(struct hf_client_engine *engine, const struct hf_client_time *now, bool connected,
                          bool resolved)
{
    struct hf_mc *mc = mc_of(engine);
    struct hf_mc_ending *ending = &mc->link.ending;

    hf_mc_enter(mc, now);
    if (mc->phase == HF_MC_OPEN && mc->link.probing && mc->link.ping_ms != 0) {
        ending->reason = HF_REASON_SILENCE;
        ending->failure = HF_CLIENT_FAILED_LOST;
        ending->at_once = connected;
        ending->network_down =
            !connected && !resolved && mc->network_told; /* else nobody would tell us of its return */
        hf_mc_text(mc, connected  ? HF_SLICE("silent, and another connection works: it is dead")
                       : resolved ? HF_SLICE("silent, and the broker cannot be reached")
                                  : HF_SLICE("silent, and the network is down"));
        hf_mc_finish(mc, false, HF_LINK_EV_LOST);
    }
    mc->link.probing = false;
    hf_mc_leave(mc);
}

/* ---- application ---- */

static void engine_hold(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_mc_enter(mc_of(engine), now);
}

static void engine_release(struct hf_client_engine *engine)
{
    hf_mc_leave(mc_of(engine));
}

static hf_err engine_publish(struct hf_client_engine *engine, const struct hf_client_time *now,
                             const struct hf_store_message *message, void *cookie)
{
    struct hf_mc *mc = mc_of(engine);
    hf_err err;

    hf_mc_enter(mc, now);
    err = hf_client_queue_publish(&mc->queue, message, cookie);
    hf_mc_leave(mc);
    return err;
}

static hf_err engine_done(struct hf_client_engine *engine, const struct hf_client_time *now, uint64_t handle,
                          const struct hf_client_result *result)
{
    struct hf_mc *mc = mc_of(engine);
    hf_err err;

    if (result != NULL)
        return HF_ERR_INVALID; /* nothing that comes is a command */
    hf_mc_enter(mc, now);
    err = hf_mc_done(mc, handle);
    hf_mc_leave(mc);
    return err;
}

static hf_err engine_subscribe(struct hf_client_engine *engine, const struct hf_client_time *now,
                               struct hf_slice topic, bool subscribe)
{
    (void)engine;
    (void)now;
    (void)topic;
    (void)subscribe;
    return HF_ERR_UNSUPPORTED;
}

static hf_err engine_patch(struct hf_client_engine *engine, const struct hf_client_time *now,
                           const struct hf_client_patch *patch)
{
    (void)engine;
    (void)now;
    (void)patch;
    return HF_ERR_UNSUPPORTED;
}

static hf_err engine_token(struct hf_client_engine *engine, const struct hf_client_time *now,
                           struct hf_slice token)
{
    (void)engine;
    (void)now;
    (void)token;
    return HF_ERR_UNSUPPORTED;
}

/* ---- looking inside ---- */

static enum hf_link_state engine_state(const struct hf_client_engine *engine)
{
    return look_at(engine)->state;
}

static uint64_t engine_document_version(const struct hf_client_engine *engine, unsigned document)
{
    (void)engine;
    (void)document;
    return 0;
}

/* A PINGREQ goes out only after silence, and any packet ends the wait for its answer: that measures no path. */
static void engine_path(const struct hf_client_engine *engine, struct hf_client_path_facts *ret_facts)
{
    (void)engine;
    *ret_facts = (struct hf_client_path_facts){0};
}

static void engine_counts(const struct hf_client_engine *engine, struct hf_client_counts *ret_counts)
{
    *ret_counts = look_at(engine)->counts;
}

static void engine_queue(const struct hf_client_engine *engine, struct hf_store_facts *ret_facts)
{
    *ret_facts = look_at(engine)->queue.facts;
}

/* ---- making one ---- */

static void engine_free(struct hf_client_engine *engine)
{
    struct hf_mc *mc = mc_of(engine);
    struct hf_ws_memory memory = mc->memory;

    hf_ws_memory_give(&memory, mc->hands, mc->hand_room * sizeof(mc->hands[0]));
    hf_ws_memory_give(&memory, mc->owed, mc->owed != NULL ? mc->window_messages * sizeof(mc->owed[0]) : 0);
    hf_ws_memory_give(&memory, mc->texts, mc->texts_bytes);
    hf_ws_memory_give(&memory, mc->out, HF_CLIENT_OUT_BYTES);
    hf_ws_memory_give(&memory, mc->in, mc->in != NULL ? mc->in_room : 0);
    hf_ws_memory_give(&memory, mc, sizeof(*mc));
}

static bool is_sound(const struct hf_client_config *config, const struct hf_client_mqtt_config *mqtt)
{
    return config->device.bytes >= 1 && config->device.bytes <= HF_CLIENT_DEVICE_BYTES_MAX &&
           config->software.bytes <= HF_CLIENT_NAME_BYTES_MAX &&
           config->trace.bytes <= HF_FRAME_TRACE_BYTES_MAX && config->profile < HF_PROFILES &&
           config->window_messages <= HF_CLIENT_WINDOW_MESSAGES_MAX &&
           config->message_bytes_max <= HF_CLIENT_MESSAGE_BYTES_MAX_LIMIT &&
           mqtt->prefix.bytes <= HF_CLIENT_MQTT_PREFIX_BYTES_MAX &&
           mqtt->user.bytes <= HF_CLIENT_MQTT_USER_BYTES_MAX;
}

static struct hf_slice copy_text(char **at, struct hf_slice text)
{
    struct hf_slice copy = {*at, text.bytes};

    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return copy;
}

static bool take_memory(struct hf_mc *mc, const struct hf_client_config *config,
                        const struct hf_client_mqtt_config *mqtt)
{
    char *at;

    mc->texts_bytes = 1 + config->device.bytes + config->software.bytes + config->trace.bytes +
                      mqtt->prefix.bytes + mqtt->user.bytes;
    mc->texts = at = hf_ws_memory_take(&mc->memory, mc->texts_bytes);
    mc->out = hf_ws_memory_take(&mc->memory, HF_CLIENT_OUT_BYTES);
    mc->in = hf_ws_memory_take(&mc->memory, HF_CLIENT_MQTT_IN_BYTES);
    mc->in_room = HF_CLIENT_MQTT_IN_BYTES;
    if (mc->listens)
        mc->owed = hf_ws_memory_take(&mc->memory, mc->window_messages * sizeof(mc->owed[0]));
    if (mc->texts == NULL || mc->out == NULL || mc->in == NULL || (mc->listens && mc->owed == NULL))
        return false;
    mc->device = copy_text(&at, config->device);
    mc->software = copy_text(&at, config->software);
    mc->trace = copy_text(&at, config->trace);
    mc->prefix = copy_text(&at, mqtt->prefix);
    mc->user_name = copy_text(&at, mqtt->user);
    return true;
}

static void configure(struct hf_mc *mc, const struct hf_client_config *config)
{
    static const uint8_t device_key[HF_HASH_KEY_BYTES];
    bool ha = config->profile == HF_PROFILE_HA;
    uint32_t base_ms = config->backoff_base_ms != 0 ? config->backoff_base_ms
                       : ha                         ? HF_BACKOFF_BASE_HA_MS
                                                    : HF_BACKOFF_BASE_MS;

    mc->keep_alive_s = ha ? HF_CLIENT_MQTT_KEEP_ALIVE_HA_S : HF_CLIENT_MQTT_KEEP_ALIVE_S;
    mc->message_bytes_max =
        config->message_bytes_max != 0 ? config->message_bytes_max : HF_CLIENT_MESSAGE_BYTES_MAX_DEFAULT;
    hf_rng_seed(&mc->rng, config->seed ^ hf_hash(device_key, config->device.at, config->device.bytes));
    hf_backoff_init(&mc->backoff, base_ms,
                    config->backoff_cap_ms != 0 ? config->backoff_cap_ms : HF_BACKOFF_CAP_MS);
    mc->backoff.attempts_max = config->attempts_max;
    mc->queue = (struct hf_client_queue){.store = mc->store,
                                         .ops = mc->ops,
                                         .user = mc->user,
                                         .now = &mc->now,
                                         .counts = &mc->counts,
                                         .rng = &mc->rng,
                                         .stored = hf_mc_down_stored};
    hf_client_queue_init(&mc->queue);
    mc->sent_through = mc->queue.facts.next - 1;
}

static const struct hf_client_engine_ops engine_ops = {.free = engine_free,
                                                       .start = engine_start,
                                                       .stop = engine_stop,
                                                       .stopped = engine_stopped,
                                                       .network = engine_network,
                                                       .due_ms = engine_due_ms,
                                                       .tick = engine_tick,
                                                       .stage = engine_stage,
                                                       .open = engine_open,
                                                       .failed = engine_failed,
                                                       .bytes = engine_bytes,
                                                       .writable = engine_writable,
                                                       .closed = engine_closed,
                                                       .probed = engine_probed,
                                                       .hold = engine_hold,
                                                       .release = engine_release,
                                                       .publish = engine_publish,
                                                       .done = engine_done,
                                                       .subscribe = engine_subscribe,
                                                       .patch = engine_patch,
                                                       .token = engine_token,
                                                       .state = engine_state,
                                                       .document_version = engine_document_version,
                                                       .path = engine_path,
                                                       .counts = engine_counts,
                                                       .queue = engine_queue};

hf_err hf_client_mqtt_new(const struct hf_client_config *config, const struct hf_client_mqtt_config *mqtt,
                          struct hf_store *store, const struct hf_client_ops *ops, void *user,
                          struct hf_client_engine **ret_engine)
{
    struct hf_mc *mc;

    if (!is_sound(config, mqtt))
        return HF_ERR_INVALID;
    mc = hf_ws_memory_take(&config->memory, sizeof(*mc));
    if (mc == NULL)
        return HF_ERR_NOMEM;
    *mc = (struct hf_mc){.engine.ops = &engine_ops,
                         .ops = ops,
                         .user = user,
                         .store = store,
                         .memory = config->memory,
                         .listens = mqtt->listens,
                         .window_messages = config->window_messages != 0 ? config->window_messages
                                                                         : HF_CLIENT_WINDOW_MESSAGES_MAX,
                         .state = HF_LINK_DISCONNECTED,
                         .version = HF_MQTT_V5,
                         .phase_due_ms = UINT64_MAX};
    if (!take_memory(mc, config, mqtt)) {
        engine_free(&mc->engine);
        return HF_ERR_NOMEM;
    }
    configure(mc, config);
    *ret_engine = &mc->engine;
    return HF_OK;
}
