/* client/mqtt/mqtt.c - the life of a client at a broker: attempts, states, endings, coming back. */
#include "client/mqtt/mqtt_internal.h"

enum { NORMAL = 1000, LOST = 1006 }; /* as WebSocket has them */

/* ---- turns ---- */

void hf_mc_enter(struct hf_mc *mc, const struct hf_client_time *now)
{
    mc->depth++;
    mc->now.utc_ms = now->utc_ms;
    mc->now.now_ms = HF_MAX(now->now_ms, mc->now.now_ms);
}

/* What an input made possible: numbers, commits, sending. Again while that, or the application, makes more of it. */
static void work(struct hf_mc *mc)
{
    for (unsigned i = 0; i < HF_MC_ROUNDS_MAX; i++) {
        uint64_t given = mc->queue.facts.next, sent = mc->link.next;

        mc->queue.busy = false;
        hf_mc_down_again(mc);
        hf_mc_up_forget(mc); /* also behind the end of a connection: what it brought becomes durable then */
        if (mc->phase == HF_MC_OPEN)
            hf_mc_up_number(mc);
        hf_client_queue_commit(&mc->queue, false);
        if (mc->phase == HF_MC_OPEN)
            hf_mc_down_owed(mc);
        if (mc->phase == HF_MC_OPEN)
            hf_mc_up_send(mc);
        hf_mc_flush(mc);
        if (!mc->queue.busy &&
            (mc->phase != HF_MC_OPEN || (given == mc->queue.facts.next && sent == mc->link.next)))
            break;
        if (i + 1 == HF_MC_ROUNDS_MAX)
            mc->queue.busy = true; /* the caller comes again at once */
    }
    if (mc->phase == HF_MC_CLOSING && mc->out_bytes == 0)
        hf_mc_finish(mc, true, HF_LINK_EV_CLOSED);
}

void hf_mc_leave(struct hf_mc *mc)
{
    if (mc->depth == 1)
        work(mc);
    mc->depth--;
}

/* ---- states ---- */

void hf_mc_link_event(struct hf_mc *mc, enum hf_link_event event)
{
    struct hf_link_step step = hf_link_apply(mc->state, event);
    enum hf_link_state before = mc->state;

    mc->counts.refused_events += step.refused;
    if (step.refused || step.ignored)
        return;
    mc->state = step.next;
    if (step.next != before)
        mc->ops->state(mc->user, step.next, before, event);
}

void hf_mc_text(struct hf_mc *mc, struct hf_slice text)
{
    char *out = mc->link.ending.text;

    if (out[0] != '\0' || text.bytes == 0)
        return;
    size_t bytes = HF_MIN(text.bytes, sizeof(mc->link.ending.text) - 1);

    memcpy(out, text.at, bytes);
    out[bytes] = '\0';
}

/* ---- endings ---- */

static void stop_here(struct hf_mc *mc, struct hf_client_closed *closed)
{
    mc->phase = HF_MC_STOPPED;
    mc->phase_due_ms = UINT64_MAX;
    closed->retry = false;
}

static void come_back(struct hf_mc *mc, uint64_t connected_ms, struct hf_client_closed *closed)
{
    const struct hf_mc_ending *ending = &mc->link.ending;
    const struct hf_backoff_end end = {.close_code = ending->pace, .connected_ms = connected_ms};
    uint64_t delay_ms = 0;

    if (mc->stopping || hf_backoff_next(&mc->backoff, &end, &mc->rng, &delay_ms) != HF_BACKOFF_RETRY) {
        stop_here(mc, closed);
        return;
    }
    mc->phase = HF_MC_WAITING;
    closed->retry = true;
    closed->retry_ms = ending->at_once ? 0 : delay_ms;
    if (ending->network_down)
        mc->network_down = true;
    if (mc->network_down)
        closed->retry_ms = UINT64_MAX;
    mc->phase_due_ms = mc->network_down ? UINT64_MAX : mc->now.now_ms + closed->retry_ms;
}

static void drop_link(struct hf_mc *mc)
{
    mc->out_at = mc->out_bytes = 0;
    mc->in_bytes = mc->in_need = mc->skip_bytes = 0;
    mc->owed_at = mc->owed_count = 0;
    mc->link.stream.on = false;
    mc->link.up = false;
}

void hf_mc_finish(struct hf_mc *mc, bool flush, enum hf_link_event event)
{
    struct hf_mc_link *link = &mc->link;
    struct hf_mc_ending *ending = &link->ending;
    uint64_t connected_ms = link->opened_ms != 0 ? mc->now.now_ms - link->opened_ms : 0;
    struct hf_client_closed closed;
    hf_err err;

    if (!link->up)
        return;
    if (flush)
        hf_mc_flush(mc);
    if (!link->up)
        return; /* flushing has ended it */
    link->up = false;
    if (link->opened_ms != 0)
        hf_mc_up_forget(mc); /* what was acknowledged in the same read need not go again */
    if (link->opened_ms != 0 && ending->by_message)
        hf_mc_suspect_ended(mc);
    if (ending->code == 0 && link->opened_ms != 0)
        ending->code = ending->pace = LOST;
    mc->counts.losses += link->opened_ms != 0;
    mc->ops->close(mc->user, flush);
    if (mc->state != HF_LINK_DISCONNECTED)
        hf_mc_link_event(mc, event);
    err = link->opened_ms != 0 ? mc->store->ops->mark(mc->store, false, 0, 0) : HF_OK;
    if (err != HF_OK)
        hf_client_queue_trouble(&mc->queue, err);
    drop_link(mc);
    closed = (struct hf_client_closed){.code = ending->code,
                                       .by_peer = ending->by_peer,
                                       .reason = ending->reason,
                                       .failure = ending->failure,
                                       .text = hf_slice_of(ending->text)};
    come_back(mc, connected_ms, &closed);
    if (link->guess && mc->guesses < HF_CLIENT_MQTT_GUESSES_MAX)
        mc->version = HF_MQTT_V5;
    link->opened_ms = 0;
    mc->ops->closed(mc->user, &closed);
}

void hf_mc_close(struct hf_mc *mc, uint8_t mqtt_reason, enum hf_reason reason, enum hf_link_event event)
{
    const struct hf_mqtt_packet packet = {
        .type = HF_MQTT_DISCONNECT,
        .as.end.reason = mc->version == HF_MQTT_V5 ? mqtt_reason : HF_MQTT_REASON_SUCCESS};
    struct hf_mc_ending *ending = &mc->link.ending;
    bool opened = mc->link.opened_ms != 0;

    if (mc->phase != HF_MC_GREETING && mc->phase != HF_MC_OPEN)
        return;
    if (opened && event != HF_LINK_EV_SILENT) /* before CONNACK there is nothing to disconnect */
        (void)hf_mc_emit(mc, &packet, true);  /* without room the end comes without it */
    if (event == HF_LINK_EV_SILENT)           /* nobody is there to answer */
        ending->code = ending->pace = LOST;
    else if (ending->code == 0 && mqtt_reason >= HF_MQTT_REASON_FAILS)
        ending->code = mqtt_reason;
    ending->reason = reason;
    hf_mc_text(mc, hf_slice_of(hf_reason_info(reason)->text));
    if (!opened && ending->failure == HF_CLIENT_FAILED_NONE)
        ending->failure = HF_CLIENT_FAILED_PROTOCOL;
    if (mc->state != HF_LINK_DISCONNECTED)
        hf_mc_link_event(mc, event);
    hf_mc_finish(mc, true, opened ? HF_LINK_EV_CLOSED : event);
}

/* ---- attempts ---- */

void hf_mc_attempt(struct hf_mc *mc)
{
    struct hf_client_attempt now = {
        .number = mc->attempt, .fresh_credentials = mc->fresh_credentials, .alternate = {NULL, 0}};
    unsigned turn = mc->attempt % (mc->alternate_count + 1);

    if (turn > 0)
        now.alternate = (struct hf_slice){mc->alternates[turn - 1], mc->alternate_bytes[turn - 1]};
    mc->link = (struct hf_mc_link){.up = true, .out_ms = mc->now.now_ms, .guess = mc->guess};
    mc->guess = false;
    mc->attempt++;
    mc->counts.attempts++;
    mc->state = HF_LINK_HANDSHAKING;
    mc->phase = HF_MC_CONNECTING;
    mc->phase_due_ms = mc->now.now_ms + HF_CLIENT_DNS_MS;
    mc->ops->state(mc->user, HF_LINK_HANDSHAKING, HF_LINK_DISCONNECTED, HF_LINK_EV_CLOSED);
    mc->ops->connect(mc->user, &now);
}

static void say_goodbye(struct hf_mc *mc)
{
    const struct hf_mqtt_packet packet = {.type = HF_MQTT_DISCONNECT};

    (void)hf_mc_emit(mc, &packet, true);
    mc->link.ending.code = NORMAL;
    mc->link.ending.reason = HF_REASON_NORMAL;
    hf_mc_text(mc, HF_SLICE("stopped"));
    hf_mc_link_event(mc, HF_LINK_EV_LOCAL_CLOSE);
    mc->phase = HF_MC_CLOSING; /* over when the output is empty */
    mc->phase_due_ms = mc->now.now_ms + HF_CLIENT_CLOSE_MS;
}

void hf_mc_stop(struct hf_mc *mc)
{
    struct hf_client_closed closed = {.retry = false, .text = HF_SLICE("")};

    mc->stopping = true;
    switch (mc->phase) {
    case HF_MC_OPEN: say_goodbye(mc); break;
    case HF_MC_CONNECTING:
    case HF_MC_GREETING:
        hf_mc_text(mc, HF_SLICE("stopped"));
        hf_mc_finish(mc, false, HF_LINK_EV_LOCAL_CLOSE);
        break;
    case HF_MC_WAITING:
        stop_here(mc, &closed);
        mc->ops->closed(mc->user, &closed);
        break;
    default: break; /* CLOSING ends by itself */
    }
}
