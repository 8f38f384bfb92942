/* client/session/core_input.c - what comes from outside: time, the transport, and frames of the application that are not numbered. */
#include "client/session/core_internal.h"

/* ---- time ---- */

static void on_deadline(struct hf_client_core *core)
{
    switch (core->phase) {
    case HF_PHASE_WAITING: hf_core_attempt(core); break;
    case HF_PHASE_CONNECTING:
    case HF_PHASE_UPGRADING:
    case HF_PHASE_GREETING:
        core->link.ending.failure = HF_CLIENT_FAILED_TIMEOUT;
        hf_core_text(core, HF_SLICE("took too long"));
        hf_core_finish(core, false, HF_LINK_EV_HS_FAIL);
        break;
    case HF_PHASE_CLOSING: hf_core_finish(core, false, HF_LINK_EV_CLOSED); break;
    default: break;
    }
}

static bool output_stands(const struct hf_client_core *core)
{
    return core->link.up && core->out_bytes > 0;
}

void hf_client_core_tick(struct hf_client_core *core, const struct hf_client_time *now)
{
    hf_core_enter(core, now);
    if (core->now.now_ms >= core->phase_due_ms)
        on_deadline(core);
    if (output_stands(core) && core->now.now_ms >= core->link.out_ms + HF_CLIENT_WRITE_MS) {
        core->link.ending.reason = HF_REASON_WRITE_TIMEOUT;
        core->link.ending.failure = HF_CLIENT_FAILED_TIMEOUT;
        hf_core_text(core, HF_SLICE("output made no progress"));
        hf_core_finish(core, false, HF_LINK_EV_LOST);
    }
    if (core->phase == HF_PHASE_OPEN)
        hf_core_session_tick(core);
    hf_core_leave(core);
}

uint64_t hf_client_core_due_ms(const struct hf_client_core *core)
{
    uint64_t due_ms = HF_MIN(core->phase_due_ms, core->store->ops->due_ms(core->store));

    if (core->queue.busy)
        return 0;
    if (output_stands(core))
        due_ms = HF_MIN(due_ms, core->link.out_ms + HF_CLIENT_WRITE_MS);
    if (core->queue.retry_ms > core->now.now_ms)
        due_ms = HF_MIN(due_ms, core->queue.retry_ms);
    if (core->phase == HF_PHASE_OPEN) {
        due_ms = HF_MIN(due_ms, hf_core_session_due_ms(core));
        due_ms = HF_MIN(due_ms, hf_core_up_due_ms(core));
    }
    return due_ms;
}

/* ---- transport ---- */

void hf_client_core_stage(struct hf_client_core *core, const struct hf_client_time *now,
                          enum hf_client_stage stage)
{
    static const uint32_t ms[] = {[HF_CLIENT_STAGE_DNS] = HF_CLIENT_DNS_MS,
                                  [HF_CLIENT_STAGE_TCP] = HF_CLIENT_TCP_MS,
                                  [HF_CLIENT_STAGE_TLS] = HF_CLIENT_TLS_MS};

    HF_ASSERT(stage < HF_COUNT_OF(ms));
    hf_core_enter(core, now);
    if (core->phase == HF_PHASE_CONNECTING)
        core->phase_due_ms = core->now.now_ms + ms[stage];
    hf_core_leave(core);
}

void hf_client_core_failed(struct hf_client_core *core, const struct hf_client_time *now,
                           enum hf_client_failure failure, struct hf_slice text)
{
    hf_core_enter(core, now);
    if (core->phase == HF_PHASE_CONNECTING || core->phase == HF_PHASE_UPGRADING) {
        core->link.ending.failure = failure;
        hf_core_text(core, text);
        hf_core_finish(core, false, HF_LINK_EV_HS_FAIL);
    }
    hf_core_leave(core);
}

void hf_client_core_bytes(struct hf_client_core *core, const struct hf_client_time *now, uint8_t *data,
                          size_t bytes)
{
    hf_core_enter(core, now);
    if (core->link.up)
        core->counts.bytes_in += bytes;
    if (core->phase == HF_PHASE_UPGRADING)
        hf_core_http(core, data, bytes);
    else if (core->link.up)
        hf_core_ws(core, data, bytes);
    hf_core_leave(core);
}

void hf_client_core_writable(struct hf_client_core *core, const struct hf_client_time *now)
{
    hf_core_enter(core, now);
    hf_core_flush(core);
    hf_core_leave(core);
}

void hf_client_core_closed(struct hf_client_core *core, const struct hf_client_time *now)
{
    hf_core_enter(core, now);
    if (core->link.up && core->phase != HF_PHASE_CONNECTING) {
        bool exchanged = core->link.closing.sent_code != 0 && core->link.closing.received_code != 0;

        if (core->link.ending.failure == HF_CLIENT_FAILED_NONE && core->phase != HF_PHASE_CLOSING)
            core->link.ending.failure = HF_CLIENT_FAILED_LOST;
        hf_core_text(core, HF_SLICE("the connection broke without a Close"));
        hf_core_finish(core, false, exchanged ? HF_LINK_EV_CLOSED : HF_LINK_EV_LOST);
    }
    hf_core_leave(core);
}

void hf_client_core_probed(struct hf_client_core *core, const struct hf_client_time *now, bool connected,
                           bool resolved)
{
    struct hf_ending *ending = &core->link.ending;

    hf_core_enter(core, now);
    if (core->phase == HF_PHASE_OPEN && core->link.probing && core->link.beat.misses > 0) {
        ending->reason = HF_REASON_SILENCE;
        ending->failure = HF_CLIENT_FAILED_LOST;
        ending->at_once = connected;
        ending->network_down =
            !connected && !resolved && core->network_told; /* else nobody would tell us of its return */
        hf_core_text(core, connected  ? HF_SLICE("silent, and another connection works: it is dead")
                           : resolved ? HF_SLICE("silent, and the server cannot be reached")
                                      : HF_SLICE("silent, and the network is down"));
        hf_core_finish(core, false, HF_LINK_EV_LOST);
    }
    core->link.probing = false;
    hf_core_leave(core);
}

/* ---- what comes together ---- */

void hf_client_core_hold(struct hf_client_core *core, const struct hf_client_time *now)
{
    hf_core_enter(core, now);
}

void hf_client_core_release(struct hf_client_core *core)
{
    hf_core_leave(core);
}

/* ---- unnumbered frames of the application ---- */

static hf_err emit_plain(struct hf_client_core *core, const struct hf_client_time *now,
                         const struct hf_frame *frame)
{
    hf_err err = HF_OK;

    hf_core_enter(core, now);
    if (core->phase != HF_PHASE_OPEN)
        err = HF_ERR_CLOSED;
    else if (!hf_core_emit(core, frame, false))
        err = HF_ERR_AGAIN;
    hf_core_leave(core);
    return err;
}

hf_err hf_client_core_subscribe(struct hf_client_core *core, const struct hf_client_time *now,
                                struct hf_slice topic, bool subscribe)
{
    const struct hf_frame frame = {.type = HF_FRAME_SUBSCRIBE,
                                   .as.subscribe = {.topic = topic, .unsubscribe = !subscribe}};

    if (topic.bytes == 0 || topic.bytes > HF_FRAME_TOPIC_BYTES_MAX)
        return HF_ERR_INVALID;
    return emit_plain(core, now, &frame);
}

hf_err hf_client_core_token(struct hf_client_core *core, const struct hf_client_time *now,
                            struct hf_slice token)
{
    const struct hf_frame frame = {.type = HF_FRAME_AUTH, .as.auth = {.token = token}};

    if (token.bytes == 0 || token.bytes > HF_FRAME_TOKEN_BYTES_MAX)
        return HF_ERR_INVALID;
    return emit_plain(core, now, &frame);
}

/* ---- looking inside ---- */

enum hf_link_state hf_client_core_state(const struct hf_client_core *core)
{
    return core->state;
}

void hf_client_core_path(const struct hf_client_core *core, struct hf_client_path_facts *ret_facts)
{
    const struct hf_client_link *link = &core->link;

    *ret_facts = (struct hf_client_path_facts){0};
    if (core->phase == HF_PHASE_OPEN)
        *ret_facts = (struct hf_client_path_facts){.suspect = link->path.suspect,
                                                   .rtt_us = link->beat.rtt.srtt_us,
                                                   .rtt_sigma_us = hf_path_sigma_us(&link->path)};
}

void hf_client_core_counts(const struct hf_client_core *core, struct hf_client_counts *ret_counts)
{
    *ret_counts = core->counts;
}

void hf_client_core_queue(const struct hf_client_core *core, struct hf_store_facts *ret_facts)
{
    *ret_facts = core->queue.facts;
}

uint64_t hf_client_core_since_ms(const struct hf_client_core *core)
{
    return core->link.opened_ms;
}
