/* client/session/core.c - the life of a client: attempts, states, endings, coming back. */
#include "client/session/core_internal.h"

#include "base/hash.h"

#define NAME(id, name) [id] = name,

const char *hf_client_core_failure_name(unsigned failure)
{
    static const char *const names[] = {HF_CLIENT_FAILURE_MAP(NAME)};

    return failure < HF_COUNT_OF(names) ? names[failure] : "unknown";
}

/* ---- making one ---- */

static bool texts_are_sound(const struct hf_client_config *config)
{
    if (config->device.bytes > HF_CLIENT_DEVICE_BYTES_MAX ||
        config->software.bytes > HF_CLIENT_NAME_BYTES_MAX || config->trace.bytes > HF_FRAME_TRACE_BYTES_MAX ||
        config->group_count > HF_FRAME_GROUPS_MAX)
        return false;
    for (unsigned i = 0; i < config->group_count; i++)
        if (config->groups[i].bytes == 0 || config->groups[i].bytes > HF_CLIENT_NAME_BYTES_MAX)
            return false;
    return true;
}

static bool limits_are_sound(const struct hf_client_config *config)
{
    return config->profile < HF_PROFILES && config->window_messages <= HF_CLIENT_WINDOW_MESSAGES_MAX &&
           (config->window_bytes == 0 ||
            (config->window_bytes >= HF_WINDOW_BYTES_MIN && config->window_bytes <= HF_WINDOW_BYTES_MAX)) &&
           config->message_bytes_max <= HF_CLIENT_MESSAGE_BYTES_MAX_LIMIT &&
           (!(config->documents || config->shadow || config->certificates) ||
            config->message_bytes_max == 0 || config->message_bytes_max >= HF_CLIENT_DOCUMENT_BYTES_MAX);
}

static struct hf_slice copy_text(char **at, struct hf_slice text)
{
    struct hf_slice copy = {*at, text.bytes};

    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return copy;
}

static bool copy_texts(struct hf_client_core *core, const struct hf_client_config *config)
{
    char *at;

    core->texts_bytes = 1 + config->device.bytes + config->software.bytes + config->trace.bytes;
    for (unsigned i = 0; i < config->group_count; i++)
        core->texts_bytes += config->groups[i].bytes;
    core->texts = at = hf_ws_memory_take(&core->memory, core->texts_bytes);
    if (at == NULL)
        return false;
    core->device = copy_text(&at, config->device);
    core->software = copy_text(&at, config->software);
    core->trace = copy_text(&at, config->trace);
    for (unsigned i = 0; i < config->group_count; i++)
        core->groups[i] = copy_text(&at, config->groups[i]);
    core->group_count = config->group_count;
    return true;
}

static uint32_t with_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void configure(struct hf_client_core *core, const struct hf_client_config *config)
{
    static const uint8_t device_key[HF_HASH_KEY_BYTES];
    bool ha = config->profile == HF_PROFILE_HA;

    core->profile = config->profile;
    core->crc = config->crc;
    core->documents = config->documents;
    core->shadow = config->shadow;
    core->certificates = config->certificates;
    core->document_versions[HF_DOCUMENT_CONTEXT] = config->context_version;
    core->document_versions[HF_DOCUMENT_SHADOW] = config->shadow_version;
    core->document_versions[HF_DOCUMENT_GROUP] = config->group_version;
    memcpy(core->boot_id, config->boot_id, sizeof(core->boot_id));
    core->window_messages = with_default(config->window_messages, HF_CLIENT_WINDOW_MESSAGES_MAX);
    core->window_bytes = with_default(config->window_bytes, HF_CLIENT_WINDOW_BYTES_DEFAULT);
    core->message_bytes_max = with_default(config->message_bytes_max, HF_CLIENT_MESSAGE_BYTES_MAX_DEFAULT);
    core->ws_config =
        (struct hf_ws_config){.role = HF_WS_CLIENT,
                              .message_bytes_max = core->message_bytes_max + HF_CLIENT_BUNDLE_IN_BYTES,
                              .fragments_max = HF_WS_FRAGMENTS_MAX,
                              .memory = core->memory};
    hf_rng_seed(&core->rng, config->seed ^ hf_hash(device_key, config->device.at, config->device.bytes));
    core->base_ms = config->backoff_base_ms;
    hf_backoff_init(&core->backoff,
                    with_default(core->base_ms, ha ? HF_BACKOFF_BASE_HA_MS : HF_BACKOFF_BASE_MS),
                    with_default(config->backoff_cap_ms, HF_BACKOFF_CAP_MS));
    core->backoff.attempts_max = config->attempts_max;
}

hf_err hf_client_core_new(const struct hf_client_config *config, struct hf_store *store,
                          const struct hf_client_ops *ops, void *user, struct hf_client_core **ret_core)
{
    struct hf_client_core *core;

    if (!texts_are_sound(config) || !limits_are_sound(config))
        return HF_ERR_INVALID;
    core = hf_ws_memory_take(&config->memory, sizeof(*core));
    if (core == NULL)
        return HF_ERR_NOMEM;
    *core = (struct hf_client_core){.ops = ops,
                                    .user = user,
                                    .store = store,
                                    .memory = config->memory,
                                    .state = HF_LINK_DISCONNECTED,
                                    .phase_due_ms = UINT64_MAX};
    core->out = hf_ws_memory_take(&core->memory, HF_CLIENT_OUT_BYTES);
    if (core->out == NULL || !copy_texts(core, config)) {
        hf_client_core_free(core);
        return HF_ERR_NOMEM;
    }
    configure(core, config);
    core->queue = (struct hf_client_queue){.store = store,
                                           .ops = ops,
                                           .user = user,
                                           .now = &core->now,
                                           .counts = &core->counts,
                                           .rng = &core->rng,
                                           .stored = hf_core_down_stored};
    hf_client_queue_init(&core->queue);
    core->delivered_through = core->session_start = core->queue.facts.position;
    memcpy(core->session_id, core->queue.facts.session_id, sizeof(core->session_id));
    *ret_core = core;
    return HF_OK;
}

static void drop_link(struct hf_client_core *core)
{
    hf_core_down_close(core);
    hf_ws_assembly_clear(&core->link.in, &core->memory);
    if (core->link.decoder.config != NULL)
        hf_ws_decoder_deinit(&core->link.decoder);
    core->out_at = core->out_bytes = core->bundle_bytes = 0;
    core->link.stream.on = false;
    core->link.up = false;
}

void hf_client_core_free(struct hf_client_core *core)
{
    struct hf_ws_memory memory;

    if (core == NULL)
        return;
    memory = core->memory;
    drop_link(core);
    hf_ws_memory_give(&memory, core->delivered, core->delivered_room * sizeof(core->delivered[0]));
    hf_ws_memory_give(&memory, core->texts, core->texts_bytes);
    hf_ws_memory_give(&memory, core->out, HF_CLIENT_OUT_BYTES);
    hf_ws_memory_give(&memory, core, sizeof(*core));
}

/* ---- turns ---- */

void hf_core_enter(struct hf_client_core *core, const struct hf_client_time *now)
{
    core->depth++;
    core->now.utc_ms = now->utc_ms;
    core->now.now_ms = HF_MAX(now->now_ms, core->now.now_ms);
}

/* What an input made possible: numbers, commits, sending. Again while that, or the application, makes more of it. */
static void work(struct hf_client_core *core)
{
    for (unsigned i = 0; i < HF_CLIENT_ROUNDS_MAX; i++) {
        uint64_t given = core->queue.facts.next, sent = core->link.sender.next;

        core->queue.busy = false;
        hf_core_down_again(core);
        if (core->phase == HF_PHASE_OPEN)
            hf_core_up_number(core);
        hf_client_queue_commit(&core->queue, false);
        if (core->phase == HF_PHASE_OPEN || core->phase == HF_PHASE_GREETING)
            hf_core_owed(core);
        if (core->phase == HF_PHASE_OPEN)
            hf_core_up_send(core);
        hf_core_flush(core);
        if (!core->queue.busy && (core->phase != HF_PHASE_OPEN ||
                                  (given == core->queue.facts.next && sent == core->link.sender.next)))
            return;
    }
    core->queue.busy = true; /* the caller comes again at once */
}

void hf_core_leave(struct hf_client_core *core)
{
    if (core->depth == 1)
        work(core);
    core->depth--;
}

/* ---- states ---- */

void hf_core_link_event(struct hf_client_core *core, enum hf_link_event event)
{
    struct hf_link_step step = hf_link_apply(core->state, event);
    enum hf_link_state before = core->state;

    core->counts.refused_events += step.refused;
    if (step.refused || step.ignored)
        return;
    core->state = step.next;
    if (step.next != before)
        core->ops->state(core->user, step.next, before, event);
}

void hf_core_text(struct hf_client_core *core, struct hf_slice text)
{
    char *out = core->link.ending.text;

    if (out[0] != '\0' || text.bytes == 0)
        return;
    size_t bytes = HF_MIN(text.bytes, sizeof(core->link.ending.text) - 1);

    memcpy(out, text.at, bytes);
    out[bytes] = '\0';
}

void hf_core_alternates(struct hf_client_core *core, const struct hf_slice *alternates, unsigned count)
{
    core->alternate_count = HF_MIN(count, (unsigned)HF_CLIENT_BOUNDS_ALTERNATES);
    for (unsigned i = 0; i < core->alternate_count; i++) {
        core->alternate_bytes[i] = (uint8_t)HF_MIN(alternates[i].bytes, sizeof(core->alternates[i]));
        memcpy(core->alternates[i], alternates[i].at, core->alternate_bytes[i]);
    }
}

/* ---- endings ---- */

static void stop_here(struct hf_client_core *core, struct hf_client_closed *closed)
{
    core->phase = HF_PHASE_STOPPED;
    core->phase_due_ms = UINT64_MAX;
    closed->retry = false;
}

static void come_back(struct hf_client_core *core, uint64_t connected_ms, struct hf_client_closed *closed)
{
    const struct hf_ending *ending = &core->link.ending;
    const struct hf_backoff_end end = {
        .close_code = ending->code, .retry_ms = ending->retry_ms, .connected_ms = connected_ms};
    uint64_t delay_ms = 0;

    if (core->stopping || hf_backoff_next(&core->backoff, &end, &core->rng, &delay_ms) != HF_BACKOFF_RETRY) {
        stop_here(core, closed);
        return;
    }
    core->phase = HF_PHASE_WAITING;
    closed->retry = true;
    closed->retry_ms = ending->at_once ? 0 : delay_ms;
    if (ending->network_down)
        core->network_down = true;
    if (core->network_down)
        closed->retry_ms = UINT64_MAX;
    core->phase_due_ms = core->network_down ? UINT64_MAX : core->now.now_ms + closed->retry_ms;
}

/* Where nothing else names it. */
static uint16_t code_of(const struct hf_client_core *core)
{
    if (core->link.ending.code != 0 || core->link.opened_ms == 0)
        return core->link.ending.code;
    return HF_WS_CODE_ABNORMAL;
}

void hf_core_finish(struct hf_client_core *core, bool flush, enum hf_link_event event)
{
    struct hf_client_link *link = &core->link;
    struct hf_client_closed closed;
    uint64_t connected_ms = link->opened_ms != 0 ? core->now.now_ms - link->opened_ms : 0;

    if (!link->up)
        return;
    if (flush)
        hf_core_flush(core);
    if (!link->up)
        return; /* flushing has ended it */
    link->up = false;
    link->ending.code = code_of(core);
    if (link->ending.code == HF_WS_CODE_TOO_BIG && link->ending.by_peer && link->opened_ms != 0)
        hf_core_up_too_big(core);
    core->fresh_credentials |= link->ending.code == 4401;
    core->forget_session |= link->ending.code == 4400;
    core->counts.losses += link->opened_ms != 0;
    core->ops->close(core->user, flush);
    if (core->state != HF_LINK_DISCONNECTED)
        hf_core_link_event(core, event);
    if (link->opened_ms != 0 && core->store->ops->mark(core->store, false, 0, 0) != HF_OK)
        hf_client_queue_trouble(&core->queue, HF_ERR_IO);
    drop_link(core);
    closed = (struct hf_client_closed){.code = link->ending.code,
                                       .by_peer = link->ending.by_peer,
                                       .reason = link->ending.reason,
                                       .failure = link->ending.failure,
                                       .text = hf_slice_of(link->ending.text)};
    come_back(core, connected_ms, &closed);
    link->opened_ms = 0;
    hf_core_documents_close(core);
    core->ops->closed(core->user, &closed);
}

static void emit_close(struct hf_client_core *core, uint16_t code, enum hf_reason reason)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    size_t bytes = 0;

    if (!hf_ws_closing_sent(&core->link.closing, code))
        return;
    if (core->link.closing.received_code != 0) /* an echo says no more than the code */
        bytes = hf_ws_close_payload(payload, code, HF_SLICE(""));
    else
        bytes = hf_ws_close_payload_named(payload, code, hf_slice_of(hf_reason_name(reason)), 0);
    (void)hf_core_emit_ws(core, HF_WS_OP_CLOSE, payload, bytes); /* without room the end comes without it */
}

void hf_core_close(struct hf_client_core *core, uint16_t code, enum hf_reason reason,
                   enum hf_link_event event)
{
    struct hf_ending *ending = &core->link.ending;
    bool greeting = core->phase == HF_PHASE_GREETING;

    if (!greeting && core->phase != HF_PHASE_OPEN)
        return;
    emit_close(core, code, reason);
    if (!ending->by_peer) {
        ending->code = code;
        ending->reason = reason;
        hf_core_text(core, hf_slice_of(hf_reason_info(reason)->text));
    }
    if (greeting && ending->failure == HF_CLIENT_FAILED_NONE)
        ending->failure = HF_CLIENT_FAILED_PROTOCOL;
    if (greeting) {
        hf_core_finish(core, true, event);
        return;
    }
    hf_core_link_event(core, event);
    core->phase = HF_PHASE_CLOSING;
    core->phase_due_ms = core->now.now_ms + HF_CLIENT_CLOSE_MS;
    if (event == HF_LINK_EV_SILENT) /* nobody is there to answer */
        hf_core_finish(core, true, HF_LINK_EV_CLOSED);
}

void hf_core_broken(struct hf_client_core *core, enum hf_reason reason)
{
    hf_core_close(core, 4400, reason, HF_LINK_EV_LOCAL_CLOSE);
}

/* ---- attempts ---- */

void hf_core_attempt(struct hf_client_core *core)
{
    struct hf_client_attempt now = {
        .number = core->attempt, .fresh_credentials = core->fresh_credentials, .alternate = {NULL, 0}};
    unsigned turn = core->attempt % (core->alternate_count + 1);

    if (turn > 0)
        now.alternate = (struct hf_slice){core->alternates[turn - 1], core->alternate_bytes[turn - 1]};
    core->link = (struct hf_client_link){.up = true, .out_ms = core->now.now_ms};
    core->attempt++;
    core->counts.attempts++;
    core->state = HF_LINK_HANDSHAKING;
    core->phase = HF_PHASE_CONNECTING;
    core->phase_due_ms = core->now.now_ms + HF_CLIENT_DNS_MS;
    core->ops->state(core->user, HF_LINK_HANDSHAKING, HF_LINK_DISCONNECTED, HF_LINK_EV_CLOSED);
    core->ops->connect(core->user, &now);
}

void hf_client_core_start(struct hf_client_core *core, const struct hf_client_time *now)
{
    hf_core_enter(core, now);
    if (core->phase == HF_PHASE_IDLE || core->phase == HF_PHASE_STOPPED) {
        core->stopping = false;
        core->phase = HF_PHASE_WAITING;
        core->phase_due_ms = core->network_down ? UINT64_MAX : core->now.now_ms;
        if (!core->network_down)
            hf_core_attempt(core);
    }
    hf_core_leave(core);
}

void hf_client_core_stop(struct hf_client_core *core, const struct hf_client_time *now)
{
    const struct hf_frame bye = {.type = HF_FRAME_BYE,
                                 .as.bye = {.reason = HF_REASON_NORMAL, .detail = HF_SLICE("")}};
    struct hf_client_closed closed = {.retry = false, .text = HF_SLICE("")};

    hf_core_enter(core, now);
    core->stopping = true;
    switch (core->phase) {
    case HF_PHASE_OPEN:
        (void)hf_core_emit(core, &bye, true);
        hf_core_close(core, HF_WS_CODE_NORMAL, HF_REASON_NORMAL, HF_LINK_EV_LOCAL_CLOSE);
        break;
    case HF_PHASE_CONNECTING:
    case HF_PHASE_UPGRADING:
    case HF_PHASE_GREETING:
        hf_core_text(core, HF_SLICE("stopped"));
        hf_core_finish(core, false, HF_LINK_EV_LOCAL_CLOSE);
        break;
    case HF_PHASE_WAITING:
        stop_here(core, &closed);
        core->ops->closed(core->user, &closed);
        break;
    default: break; /* CLOSING ends by itself */
    }
    hf_client_queue_commit(&core->queue, true);
    hf_core_leave(core);
}

bool hf_client_core_stopped(const struct hf_client_core *core)
{
    return core->phase == HF_PHASE_STOPPED || core->phase == HF_PHASE_IDLE;
}

void hf_client_core_network(struct hf_client_core *core, const struct hf_client_time *now, bool up)
{
    bool was_down = core->network_down;

    hf_core_enter(core, now);
    core->network_told = true;
    core->network_down = !up;
    if (core->phase == HF_PHASE_WAITING && !up)
        core->phase_due_ms = UINT64_MAX;
    else if (core->phase == HF_PHASE_WAITING && was_down)
        core->phase_due_ms = core->now.now_ms + hf_backoff_network_up(&core->backoff, &core->rng);
    hf_core_leave(core);
}
