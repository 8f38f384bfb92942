/* client/session/core_session.c - the frames of a session: HELLO and WELCOME, what comes in, what is owed, and the timers of an open connection. */
#include "base/uuid.h"
#include "client/session/core_internal.h"
#include "codec/session/binary.h"
#include "core/session/serial.h"

enum { CLOSE_TOO_OLD = 1002 };

/* ---- HELLO ---- */

static const struct hf_beat_rules rules_default = {
    .profile = HF_PROFILE_DEFAULT, .k = 3, .idle_ms = 30000, .repeat_ms = 7500, .dead_ms = 60000};

void hf_core_hello(struct hf_client_core *core)
{
    struct hf_frame frame = {.type = HF_FRAME_HELLO};
    struct hf_frame_hello *hello = &frame.as.hello;
    const struct hf_store_facts *facts = &core->queue.facts;

    hf_client_queue_commit(&core->queue, true); /* what HELLO says must be durable */
    *hello = (struct hf_frame_hello){.version_min = 1,
                                     .version_max = 1,
                                     .profile = core->profile,
                                     .capabilities = HF_CAP_HEARTBEAT | HF_CAP_RESUME | HF_CAP_SELECTIVE_ACK |
                                                     HF_CAP_REFUSALS | (core->crc ? HF_CAP_CRC : 0),
                                     .queue_id = facts->queue_id,
                                     .uplink_first = facts->first,
                                     .uplink_next = facts->next,
                                     .window_messages = (uint16_t)hf_core_down_window(core),
                                     .window_bytes = core->window_bytes,
                                     .device = core->device,
                                     .software = core->software,
                                     .trace = core->trace,
                                     .group_count = core->group_count};
    memcpy(hello->boot_id, core->boot_id, sizeof(hello->boot_id));
    memcpy(hello->groups, core->groups, sizeof(hello->groups));
    hf_core_documents_hello(core, hello);
    if (!core->forget_session) {
        memcpy(hello->session_id, facts->session_id, sizeof(hello->session_id));
        hello->downlink_position = core->link.hello_position = facts->position;
    }
    core->link.hello_next = facts->next;
    if (!hf_core_emit(core, &frame, true))
        HF_UNREACHABLE(); /* the buffer is empty, and the texts are bounded */
    hf_ws_decoder_init(&core->link.decoder, &core->ws_config, false);
    core->phase = HF_PHASE_GREETING;
    core->phase_due_ms = core->now.now_ms + HF_CLIENT_GREETING_MS;
}

/* ---- WELCOME ---- */

static bool welcome_is_sound(const struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    bool resumed = welcome->result == HF_SESSION_RESUMED;

    if (welcome->result > HF_SESSION_REBUILT || welcome->uplink_durable > welcome->uplink_received ||
        welcome->downlink_next == 0 || welcome->window_messages == 0 ||
        hf_store_uuid_is_none(welcome->session_id))
        return false;
    if (!resumed)
        return welcome->gap_from <= welcome->gap_to;
    return !core->forget_session && memcmp(welcome->session_id, core->queue.facts.session_id, 16) == 0 &&
           welcome->downlink_next == hf_serial_number(core->link.hello_position + 1);
}

/* Does the gateway have another message than we under the last number that is durable there? */
static bool numbers_are_of_others(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    struct hf_store_item item;
    uint8_t id[HF_UUID_BYTES];

    return welcome->durable_id.bytes > 0 && hf_uuid_parse(welcome->durable_id, id) == HF_OK &&
           core->store->ops->read(core->store, welcome->uplink_durable, &item) == HF_OK && !item.gap &&
           !hf_store_uuid_is_none(item.message.uuid) && memcmp(item.message.uuid, id, sizeof(id)) != 0;
}

/* The gateway has more of this queue than we ever numbered, or other messages under the numbers that we gave since: the file is an old copy, and its numbers
 * belong to other messages. */
static bool queue_went_back(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    uint64_t ticket, queue_id;
    hf_err err;

    if (welcome->uplink_received < core->link.hello_next && !numbers_are_of_others(core, welcome))
        return false;
    do
        queue_id = hf_rng_u64(&core->rng);
    while (queue_id == 0);
    err = core->store->ops->renew(core->store, queue_id, &ticket);
    core->ops->error(core->user, err, HF_REASON_QUEUE_LOST,
                     HF_SLICE("the queue is older than what the gateway has of it; it gets a new id"));
    if (err != HF_OK)
        hf_client_queue_trouble(&core->queue, err);
    hf_client_queue_commit(&core->queue, true);
    hf_core_text(core, HF_SLICE("the queue went back in time"));
    hf_core_close(core, 1001, HF_REASON_QUEUE_LOST, HF_LINK_EV_LOCAL_CLOSE);
    return true;
}

static void start_beat(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    struct hf_client_link *link = &core->link;

    link->rules = rules_default;
    if (welcome->profile == HF_PROFILE_HA || welcome->profile == HF_PROFILE_ADAPTIVE)
        link->rules.profile = welcome->profile;
    if (welcome->k != 0)
        link->rules.k = welcome->k;
    hf_beat_init(&link->beat, &link->rules, link->rules.profile != HF_PROFILE_DEFAULT, welcome->interval_ms,
                 core->now.now_ms);
    core->backoff.base_ms = core->base_ms != 0                     ? core->base_ms
                            : link->rules.profile == HF_PROFILE_HA ? HF_BACKOFF_BASE_HA_MS
                                                                   : HF_BACKOFF_BASE_MS;
}

static void tell_path(struct hf_client_core *core)
{
    struct hf_client_path_facts facts;

    if (core->phase != HF_PHASE_OPEN || core->ops->path == NULL)
        return; /* the application may have ended it in the callback before */
    hf_client_core_path(core, &facts);
    core->ops->path(core->user, &facts);
}

static void on_welcome(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    struct hf_client_link *link = &core->link;
    struct hf_client_opened opened = {
        .result = (enum hf_session_result)welcome->result,
        .reason = (enum hf_reason)welcome->reason,
        .epoch = welcome->epoch,
        .connection_id = welcome->connection_id,
        .time_ms = welcome->time_ms,
        .profile = welcome->profile,
        .durability = welcome->durability,
        .node = welcome->node,
        .greeting_ms = (uint32_t)(core->now.now_ms + HF_CLIENT_GREETING_MS - core->phase_due_ms)};

    if (welcome->version != 1) {
        hf_core_close(core, CLOSE_TOO_OLD, HF_REASON_VERSION, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    if (!welcome_is_sound(core, welcome)) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return;
    }
    if (queue_went_back(core, welcome))
        return;
    memcpy(opened.session_id, welcome->session_id, sizeof(opened.session_id));
    link->opened_ms = core->now.now_ms;
    link->capabilities = welcome->capabilities;
    link->message_bytes_max = welcome->message_bytes_max;
    start_beat(core, welcome);
    hf_backoff_ticket(&core->backoff, welcome->ticket_ms);
    hf_core_alternates(core, welcome->alternates, welcome->alternate_count);
    core->phase = HF_PHASE_OPEN;
    core->phase_due_ms = UINT64_MAX;
    core->attempt = 0;
    core->fresh_credentials = core->forget_session = false;
    core->counts.opened++;
    core->counts.resumed += welcome->result == HF_SESSION_RESUMED;
    core->counts.rebuilt += welcome->result == HF_SESSION_REBUILT;
    hf_core_down_open(core, welcome);
    hf_core_up_open(core, welcome);
    hf_core_link_event(core, HF_LINK_EV_HS_OK);
    core->ops->opened(core->user, &opened);
    if (link->path.suspect != 0)
        tell_path(core);
    if (welcome->result == HF_SESSION_REBUILT && welcome->reason == HF_REASON_GAP && welcome->gap_from != 0) {
        core->counts.gaps++;
        core->ops->gap(core->user, welcome->gap_from, welcome->gap_to, HF_REASON_GAP);
    }
}

/* ---- numbered frames ---- */

/* Its first number, and the last one of a GAP. False: undefined, or no such number was ever given. */
static bool numbers_of(const struct hf_client_core *core, const struct hf_frame *frame, uint64_t *ret_seq,
                       uint64_t *ret_to)
{
    uint64_t near = core->link.receiver.expected;
    uint32_t wire = frame->type == HF_FRAME_DATA      ? frame->as.data.seq
                    : frame->type == HF_FRAME_COMMAND ? frame->as.command.seq
                                                      : frame->as.gap.from;

    if (!hf_serial_expand(near, wire, ret_seq))
        return false;
    *ret_to = *ret_seq;
    return frame->type != HF_FRAME_GAP || hf_serial_expand(near, frame->as.gap.to, ret_to);
}

static void keep(struct hf_client_core *core, uint64_t seq, struct hf_slice raw)
{
    if (hf_receiver_keep(&core->link.receiver, seq, raw.at, raw.bytes, core->now.now_ms) != HF_OK)
        core->counts.early_dropped++; /* the NACK brings it again */
}

/* False: the connection has ended. */
static bool take_gap(struct hf_client_core *core, uint64_t from, uint64_t to, enum hf_reason reason,
                     struct hf_slice raw)
{
    struct hf_receiver *receiver = &core->link.receiver;
    uint64_t expected = receiver->expected;

    if (from > expected && to >= from) {
        if (hf_receiver_offer(receiver, from) == HF_RECEIVE_EARLY)
            keep(core, from, raw);
        else
            hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return core->phase == HF_PHASE_OPEN;
    }
    if (hf_receiver_gap(receiver, from, to, core->now.now_ms) != HF_OK) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return false;
    }
    if (receiver->expected > expected)
        hf_core_down_gap(core, expected, to, reason);
    else
        core->counts.duplicates++;
    return core->phase == HF_PHASE_OPEN;
}

/* In turn or not; false: the connection has ended. */
static bool take(struct hf_client_core *core, const struct hf_frame *frame, struct hf_slice raw)
{
    uint64_t seq, to;

    if (!numbers_of(core, frame, &seq, &to)) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return false;
    }
    if (frame->type == HF_FRAME_GAP)
        return take_gap(core, seq, to, (enum hf_reason)frame->as.gap.reason, raw);
    switch (hf_receiver_offer(&core->link.receiver, seq)) {
    case HF_RECEIVE_DELIVER: return hf_core_down_take(core, seq, frame);
    case HF_RECEIVE_EARLY: keep(core, seq, raw); return true;
    case HF_RECEIVE_DUPLICATE:
        core->counts.duplicates++;
        hf_receiver_asked(&core->link.receiver, core->now.now_ms);
        return true;
    default: hf_core_broken(core, HF_REASON_SESSION_BROKEN); return false;
    }
}

/* One that came early is in turn. The receiver lets go of it when it counts as received, which is before the application has seen it. */
static bool take_kept(struct hf_client_core *core, struct hf_slice ready)
{
    size_t bytes = ready.bytes, taken;
    uint8_t *copy = hf_ws_memory_take(&core->memory, bytes);
    struct hf_frame kept;

    if (copy == NULL) {
        hf_core_close(core, 1013, HF_REASON_MEMORY_LIMIT, HF_LINK_EV_LOCAL_CLOSE);
        return false;
    }
    memcpy(copy, ready.at, bytes);
    hf_err err = hf_frame_decode(copy, bytes, core->message_bytes_max, &taken, &kept);
    HF_ASSERT((err == HF_OK || err == HF_ERR_INVALID) && taken == bytes); /* it was judged before */
    bool open = take(core, &kept, (struct hf_slice){(const char *)copy, bytes});
    hf_ws_memory_give(&core->memory, copy, bytes);
    return open;
}

static void numbered(struct hf_client_core *core, const struct hf_frame *frame, struct hf_slice raw)
{
    struct hf_slice ready;

    if (!take(core, frame, raw))
        return;
    while ((ready = hf_receiver_ready(&core->link.receiver)).at != NULL)
        if (!take_kept(core, ready))
            return;
}

/* ---- frames in ---- */

static void on_beat(struct hf_client_core *core, enum hf_beat_verdict verdict)
{
    switch (verdict) {
    case HF_BEAT_DEGRADED: hf_core_link_event(core, HF_LINK_EV_SICK); break;
    case HF_BEAT_RESTORED: hf_core_link_event(core, HF_LINK_EV_HEALTHY); break;
    case HF_BEAT_INVALID: core->counts.invalid_beats++; break;
    case HF_BEAT_INVALID_MANY:
        core->counts.invalid_beats++;
        hf_core_broken(core, HF_REASON_INVALID_HEARTBEAT);
        break;
    default: break;
    }
}

static void on_pong(struct hf_client_core *core, const struct hf_frame_beat *pong)
{
    uint32_t rtt_ms;
    enum hf_beat_verdict verdict = hf_beat_pong(&core->link.beat, pong, core->now.now_ms, &rtt_ms);
    bool changed = rtt_ms != HF_BEAT_UNMEASURED && hf_path_sample(&core->link.path, rtt_ms);

    on_beat(core, verdict);
    if (changed)
        tell_path(core);
}

static void on_ping(struct hf_client_core *core, const struct hf_frame_beat *ping)
{
    enum hf_beat_verdict verdict = core->phase == HF_PHASE_OPEN
                                       ? hf_beat_ping(&core->link.beat, ping, core->now.now_ms)
                                       : HF_BEAT_NOTHING;

    if (verdict == HF_BEAT_NOTHING && ping->valid) {
        core->link.owed.pong = true;
        core->link.owed.pong_beat = *ping;
    }
    on_beat(core, verdict);
}

static void on_bye(struct hf_client_core *core, const struct hf_frame_bye *bye)
{
    struct hf_ending *ending = &core->link.ending; /* the Close with the code follows */

    ending->reason = (enum hf_reason)bye->reason;
    ending->retry_ms = bye->retry_ms;
    if (bye->ticket_ms != 0)
        hf_backoff_ticket(&core->backoff, bye->ticket_ms);
    if (bye->alternate_count > 0)
        hf_core_alternates(core, bye->alternates, bye->alternate_count);
    hf_core_text(core, bye->detail);
}

static void on_refuse(struct hf_client_core *core, const struct hf_frame_refuse *refuse)
{
    if (refuse->seq != 0 && core->phase == HF_PHASE_OPEN)
        hf_core_up_refused(core, refuse);
    else
        core->ops->error(core->user, HF_ERR_DENIED, (enum hf_reason)refuse->reason, refuse->detail);
}

static void on_frame(struct hf_client_core *core, const struct hf_frame *frame, struct hf_slice raw)
{
    bool open = core->phase == HF_PHASE_OPEN;

    if (frame->type == HF_FRAME_NONE || frame->type >= HF_FRAME_TYPES) {
        core->counts.unknown_frames++;
        return;
    }
    if (!hf_frame_may_go_down(frame->type) || (open && frame->type == HF_FRAME_WELCOME)) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return;
    }
    if (open && frame->type != HF_FRAME_PING && frame->type != HF_FRAME_PONG)
        hf_beat_life(&core->link.beat, core->now.now_ms);
    switch (frame->type) {
    case HF_FRAME_WELCOME: on_welcome(core, &frame->as.welcome); return;
    case HF_FRAME_BYE: on_bye(core, &frame->as.bye); return;
    case HF_FRAME_REFUSE: on_refuse(core, &frame->as.refuse); return;
    case HF_FRAME_PING: on_ping(core, &frame->as.beat); return;
    case HF_FRAME_AUTH:
        if (frame->as.auth.answer)
            core->ops->credentials(core->user, frame->as.auth.expires_ms);
        return;
    default: break;
    }
    if (!open) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return;
    }
    switch (frame->type) {
    case HF_FRAME_PONG: on_pong(core, &frame->as.beat); break;
    case HF_FRAME_ACK: hf_core_up_ack(core, &frame->as.ack); break;
    case HF_FRAME_DELTA: hf_core_delta(core, &frame->as.delta); break;
    case HF_FRAME_DATA:
        if (frame->as.data.seq == 0) {
            hf_core_down_plain(core, &frame->as.data);
            break;
        }
        numbered(core, frame, raw);
        break;
    default: numbered(core, frame, raw); break; /* COMMAND, GAP */
    }
}

void hf_core_frames(struct hf_client_core *core, const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        hf_core_broken(core, HF_REASON_SESSION_BROKEN); /* a message without a frame */
    while (bytes > 0 && (core->phase == HF_PHASE_GREETING || core->phase == HF_PHASE_OPEN)) {
        struct hf_frame frame;
        size_t taken = 0;
        hf_err err = hf_frame_decode(data, bytes, core->message_bytes_max, &taken, &frame);

        if (err == HF_ERR_INVALID) { /* the payload is not what it says it is: then it is just bytes */
            if (frame.type == HF_FRAME_DATA)
                frame.as.data.format = 0, frame.as.data.text = false;
            if (frame.type == HF_FRAME_COMMAND)
                frame.as.command.format = 0, frame.as.command.text = false;
            if (frame.type == HF_FRAME_DELTA)
                frame.as.delta.document = HF_DOCUMENT_NONE; /* not ours to apply */
            err = HF_OK;
        }
        if (err == HF_ERR_CORRUPT && core->phase == HF_PHASE_OPEN) {
            core->counts.corrupt_frames++;
            if (hf_receiver_corrupt(&core->link.receiver, core->now.now_ms)) {
                hf_core_broken(core, HF_REASON_CORRUPT);
                return;
            }
        } else if (err == HF_ERR_LIMIT) {
            hf_core_close(core, 1009, HF_REASON_MESSAGE_TOO_BIG, HF_LINK_EV_LOCAL_CLOSE);
            return;
        } else if (err != HF_OK) {
            hf_core_broken(core, HF_REASON_SESSION_BROKEN);
            return;
        } else {
            core->counts.frames_in++;
            on_frame(core, &frame, (struct hf_slice){(const char *)data, taken});
        }
        data += taken;
        bytes -= taken;
    }
}

/* ---- what is owed ---- */

static bool emit_beat(struct hf_client_core *core, enum hf_frame_type type, const struct hf_frame_beat *beat)
{
    const struct hf_frame frame = {.type = (uint8_t)type, .as.beat = *beat};

    return hf_core_emit(core, &frame, true);
}

static void emit_ack(struct hf_client_core *core)
{
    struct hf_frame frame = {.type = HF_FRAME_ACK};

    if (core->link.stream.on || core->out_bytes + HF_CLIENT_OUT_SPARE > HF_CLIENT_OUT_BYTES)
        return; /* stays due: hf_receiver_ack() takes it for told */
    hf_receiver_ack(&core->link.receiver, &frame.as.ack, core->now.now_ms);
    frame.as.ack.ask = core->link.owed.ask;
    if (hf_core_emit(core, &frame, true))
        core->link.owed.ask = false;
}

void hf_core_owed(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;

    if (link->owed.ws_pong &&
        hf_core_emit_ws(core, HF_WS_OP_PONG, link->owed.ws_pong_payload, link->owed.ws_pong_bytes))
        link->owed.ws_pong = false;
    if (link->owed.pong && emit_beat(core, HF_FRAME_PONG, &link->owed.pong_beat))
        link->owed.pong = false;
    if (core->phase != HF_PHASE_OPEN)
        return;
    if (link->owed.ping && emit_beat(core, HF_FRAME_PING, &link->owed.ping_beat))
        link->owed.ping = false;
    if (link->owed.ask || hf_receiver_tick(&link->receiver, core->now.now_ms) == HF_RECEIVER_ACK)
        emit_ack(core);
    if (link->owed.asks != 0 || link->named_count > 0)
        hf_core_documents_owed(core);
}

/* ---- timers ---- */

static void tick_beat(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;

    for (;;) {
        struct hf_frame_beat ping;
        enum hf_beat_verdict verdict = hf_beat_tick(&link->beat, core->now.now_ms, core->now.utc_ms, &ping);

        if (verdict == HF_BEAT_NOTHING)
            return;
        if (verdict == HF_BEAT_DEAD) {
            uint64_t acked = core->ops->peer_acked != NULL ? core->ops->peer_acked(core->user) : 0;

            if (acked > link->peer_acked && hf_beat_grant(&link->beat, core->now.now_ms)) {
                link->peer_acked = acked;
                return;
            }
            hf_core_close(core, 4408, HF_REASON_HEARTBEAT_TIMEOUT, HF_LINK_EV_SILENT);
            return;
        }
        if (verdict == HF_BEAT_SEND) {
            if (link->beat.misses == 0 && core->ops->peer_acked != NULL) /* since its last sign of life */
                link->peer_acked = core->ops->peer_acked(core->user);
            link->owed.ping = true;
            link->owed.ping_beat = ping;
        } else {
            on_beat(core, verdict);
        }
    }
}

/* HB-9: one miss is enough to look around; `ha` has no time for that. */
static void look_around(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;

    if (link->beat.misses == 0) {
        link->probing = false;
        return;
    }
    if (link->probing || link->rules.profile == HF_PROFILE_HA || core->ops->probe == NULL)
        return;
    link->probing = true;
    core->ops->probe(core->user);
}

void hf_core_session_tick(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;

    tick_beat(core);
    if (core->phase != HF_PHASE_OPEN)
        return;
    look_around(core);
    switch (hf_sender_tick(&link->sender, &link->beat.rtt, core->now.now_ms)) {
    case HF_SENDER_ASK: link->owed.ask = true; break;
    case HF_SENDER_STALLED:
        hf_core_link_event(core, HF_LINK_EV_SICK);
        hf_core_close(core, 4408, HF_REASON_STALLED, HF_LINK_EV_SILENT);
        return;
    default: break;
    }
    if (hf_receiver_tick(&link->receiver, core->now.now_ms) == HF_RECEIVER_LOST)
        hf_core_broken(core, HF_REASON_GAP);
}

uint64_t hf_core_session_due_ms(const struct hf_client_core *core)
{
    const struct hf_client_link *link = &core->link;
    uint64_t due_ms = hf_beat_due_ms(&link->beat);

    due_ms = HF_MIN(due_ms, hf_sender_due_ms(&link->sender, &link->beat.rtt));
    if (!link->stream.on && core->out_bytes == 0) /* else it goes when there is room, which is told */
        due_ms = HF_MIN(due_ms, hf_receiver_due_ms(&link->receiver));
    return due_ms;
}
