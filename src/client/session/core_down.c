/* client/session/core_down.c - the downlink: delivery in order, each once, and the position that moves with the application's acknowledgement (CQ-8, RC-8).
 *
 * core->delivered holds what was delivered until the position has passed it:
 *
 *     waits (ticket 0) --done--> given to the store (ticket) --commit--> stored --position behind it, or orphan--> gone
 *                       <------------- the commit failed --------------
 *
 * A session that is rebuilt makes orphans of them: what comes again is recognised by its id and takes their place. */
#include "client/session/core_internal.h"
#include "core/session/serial.h"

static const uint8_t no_uuid[16];

static const uint8_t *uuid_of(const struct hf_frame *frame)
{
    return frame->type == HF_FRAME_COMMAND ? frame->as.command.id : frame->as.data.id;
}

/* ---- the table ---- */

static bool grow(struct hf_client_core *core)
{
    unsigned room = core->delivered_room > 0 ? 2 * core->delivered_room : 16;
    void *grown;

    if (core->delivered_count < core->delivered_room)
        return true;
    if (core->delivered_room == HF_CLIENT_DELIVERED_MAX)
        return false;
    grown = core->memory.resize(core->memory.user, core->delivered,
                                core->delivered_room * sizeof(core->delivered[0]),
                                room * sizeof(core->delivered[0]));
    if (grown == NULL)
        return false;
    core->delivered = grown;
    core->delivered_room = room;
    return true;
}

static struct hf_delivered *by_handle(struct hf_client_core *core, uint64_t handle)
{
    for (unsigned i = 0; i < core->delivered_count; i++)
        if (core->delivered[i].handle == handle)
            return &core->delivered[i];
    return NULL;
}

/* The same message: by its id, or, within the session, by its number. */
static struct hf_delivered *find(struct hf_client_core *core, uint64_t seq, const uint8_t uuid[16])
{
    bool named = !hf_store_uuid_is_none(uuid);

    for (unsigned i = 0; i < core->delivered_count; i++) {
        struct hf_delivered *one = &core->delivered[i];

        if ((!one->orphan && one->seq == seq) || (named && memcmp(one->uuid, uuid, sizeof(one->uuid)) == 0))
            return one;
    }
    return NULL;
}

static void remove_passed(struct hf_client_core *core)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < core->delivered_count; i++) {
        const struct hf_delivered *one = &core->delivered[i];

        if (!one->stored || (!one->orphan && one->seq > core->queue.facts.position))
            core->delivered[kept++] = *one;
    }
    core->delivered_count = kept;
}

/* Everything up to it is acknowledged, if what is `done` is. */
static uint64_t position(const struct hf_client_core *core, const struct hf_delivered *done)
{
    uint64_t through = core->delivered_through;

    for (unsigned i = 0; i < core->delivered_count; i++) {
        const struct hf_delivered *one = &core->delivered[i];
        bool acknowledged = one == done || one->orphan || one->ticket != 0;

        if (!acknowledged)
            through = HF_MIN(through, hf_serial_before(one->seq));
    }
    return HF_MAX(through, core->queue.facts.position);
}

uint32_t hf_core_down_window(const struct hf_client_core *core)
{
    uint32_t room = HF_CLIENT_DELIVERED_MAX - core->delivered_count;

    return HF_MAX(HF_MIN(core->window_messages, room), 1);
}

/* ---- acknowledging ---- */

/* The session in force must be the stored one before a position of it is stored; only a commit that failed can make them differ. */
static hf_err ensure_session(struct hf_client_core *core)
{
    uint64_t ticket;
    hf_err err;

    if (memcmp(core->queue.facts.session_id, core->session_id, sizeof(core->session_id)) == 0)
        return HF_OK;
    err = core->store->ops->session(core->store, core->session_id, core->session_start, &ticket);
    hf_client_queue_look(&core->queue);
    return err;
}

static hf_err store_done(struct hf_client_core *core, uint64_t through, const uint8_t uuid[16],
                         const struct hf_store_message *result, uint64_t *ret_ticket)
{
    hf_err err = core->store->ops->done(core->store, through, uuid, result, ret_ticket);

    hf_client_queue_look(&core->queue);
    if (err != HF_OK && err != HF_ERR_LIMIT)
        hf_client_queue_trouble(&core->queue, err);
    core->queue.busy = true;
    return err;
}

/* The position alone: nothing to remember. When that fails the next acknowledgement brings it. */
static void move_position(struct hf_client_core *core)
{
    uint64_t ticket;

    if (ensure_session(core) == HF_OK && position(core, NULL) > core->queue.facts.position)
        (void)store_done(core, position(core, NULL), no_uuid, NULL, &ticket);
}

static struct hf_store_message result_message(const struct hf_client_core *core, const uint8_t uuid[16],
                                              const struct hf_client_result *result)
{
    struct hf_store_message message = {.class = HF_STORE_RESULT,
                                       .urgent = true, /* somebody waits for it */
                                       .text = result->text,
                                       .format = result->format,
                                       .status = result->status,
                                       .created_ms = core->now.utc_ms,
                                       .topic = HF_SLICE(""),
                                       .payload = result->payload};

    memcpy(message.uuid, uuid, sizeof(message.uuid));
    return message;
}

static hf_err settle(struct hf_client_core *core, struct hf_delivered *one,
                     const struct hf_client_result *result)
{
    struct hf_store_message message;
    uint64_t ticket = 0;
    hf_err err = ensure_session(core);

    if (err != HF_OK) {
        hf_client_queue_trouble(&core->queue, err);
        return err;
    }
    if (result != NULL && !hf_frame_payload_holds(result->format, result->text, result->payload))
        return HF_ERR_INVALID; /* the gateway would refuse it, and the command wait in vain */
    if (result != NULL)
        message = result_message(core, one->uuid, result);
    err = store_done(core, position(core, one), one->uuid, result != NULL ? &message : NULL, &ticket);
    if (err == HF_OK) {
        one->ticket = ticket;
        one->again = false;
    }
    return err;
}

hf_err hf_client_core_done(struct hf_client_core *core, const struct hf_client_time *now, uint64_t handle,
                           const struct hf_client_result *result)
{
    struct hf_delivered *one = by_handle(core, handle);
    hf_err err;

    if (one == NULL || one->ticket != 0 || !one->later)
        return HF_ERR_NOT_FOUND;
    if (one->command != (result != NULL))
        return HF_ERR_INVALID;
    hf_core_enter(core, now);
    err = settle(core, one, result);
    hf_core_leave(core);
    return err;
}

void hf_core_down_again(struct hf_client_core *core)
{
    if (!hf_client_queue_well(&core->queue))
        return;
    for (unsigned i = 0; i < core->delivered_count; i++)
        if (core->delivered[i].again && settle(core, &core->delivered[i], NULL) != HF_OK)
            return;
}

/* The position may be ahead of what the gateway has sent again: the application has acknowledged between HELLO and WELCOME. */
static void tell_durable(struct hf_client_core *core)
{
    struct hf_receiver *receiver = &core->link.receiver;

    if (core->phase == HF_PHASE_OPEN && memcmp(core->queue.facts.session_id, core->session_id, 16) == 0)
        hf_receiver_durable(receiver, HF_MIN(core->queue.durable_position, receiver->expected - 1),
                            core->now.now_ms);
}

/* One whose acknowledgement has ended with this commit and was not told yet. */
static struct hf_delivered *ended(struct hf_client_core *core, uint64_t through)
{
    for (unsigned i = 0; i < core->delivered_count; i++) {
        struct hf_delivered *one = &core->delivered[i];

        if (one->ticket != 0 && one->ticket <= through && !one->stored)
            return one;
    }
    return NULL;
}

void hf_core_down_stored(struct hf_client_queue *queue, uint64_t through, hf_err err)
{
    struct hf_client_core *core = HF_CONTAINER_OF(queue, struct hf_client_core, queue);
    struct hf_delivered *one;

    while ((one = ended(core, through)) != NULL) {
        uint64_t handle = one->handle;
        bool tell = one->later;

        if (err == HF_OK) {
            one->stored = true;
        } else {
            one->ticket = 0;
            one->again =
                !one->later && !one->command; /* nothing but the fact has to be stored: we can do that */
            tell = one->later = !one->again;
        }
        if (tell)
            core->ops->done(core->user, handle, err); /* the table may change within */
    }
    remove_passed(core);
    tell_durable(core);
}

/* ---- delivering ---- */

static void took(struct hf_client_core *core, uint64_t seq)
{
    hf_receiver_took(&core->link.receiver, core->now.now_ms);
    core->delivered_through = HF_MAX(core->delivered_through, seq);
    tell_durable(core);
}

/* It was acknowledged before, under this number or another; a command is answered again instead of being carried out again (RC-8). */
static void repeat(struct hf_client_core *core, const uint8_t uuid[16], const struct hf_store_seen *seen)
{
    char payload[HF_STORE_RESULT_BYTES_MAX];
    uint64_t ticket;

    core->counts.duplicates++;
    if (seen->result && !seen->result_waits && seen->result_kept && seen->payload.bytes <= sizeof(payload)) {
        const struct hf_client_result result = {
            .status = seen->status,
            .text = seen->text,
            .format = seen->format,
            .payload = {payload, seen->payload.bytes}}; /* a copy: the store's ends with the next call */
        struct hf_store_message message = result_message(core, uuid, &result);

        core->counts.repeated_commands++;
        if (seen->payload.bytes > 0)
            memcpy(payload, seen->payload.at, seen->payload.bytes);
        if (ensure_session(core) == HF_OK &&
            store_done(core, position(core, NULL), uuid, &message, &ticket) == HF_OK)
            return;
    }
    move_position(core);
}

static void fill(const struct hf_frame *frame, struct hf_client_message *ret_message)
{
    const struct hf_frame_command *command = &frame->as.command;
    const struct hf_frame_data *data = &frame->as.data;

    if (frame->type == HF_FRAME_COMMAND) {
        *ret_message = (struct hf_client_message){.command = true,
                                                  .text = command->text,
                                                  .format = command->format,
                                                  .expires_ms = command->expires_ms,
                                                  .ttl_ms = command->ttl_ms,
                                                  .topic = command->name,
                                                  .key = command->key,
                                                  .payload = command->payload};
        memcpy(ret_message->id, command->id, sizeof(ret_message->id));
        return;
    }
    *ret_message = (struct hf_client_message){.publish = data->publish,
                                              .text = data->text,
                                              .format = data->format,
                                              .time_ms = data->time_ms,
                                              .topic = data->topic,
                                              .payload = data->payload};
    memcpy(ret_message->id, data->id, sizeof(ret_message->id));
}

static void deliver(struct hf_client_core *core, uint64_t seq, const struct hf_frame *frame)
{
    struct hf_client_message message;
    struct hf_client_result result = {.status = HF_RESULT_OK, .payload = HF_SLICE("")};
    struct hf_delivered *one = &core->delivered[core->delivered_count++];
    uint64_t handle = ++core->handle_last;
    bool command = frame->type == HF_FRAME_COMMAND;
    hf_err err;

    *one = (struct hf_delivered){.handle = handle, .seq = seq, .command = command, .later = true};
    memcpy(one->uuid, uuid_of(frame), sizeof(one->uuid));
    took(core, seq);
    fill(frame, &message);
    message.handle = handle;
    core->counts.received++;
    if (core->ops->message(core->user, &message, &result) == HF_CLIENT_LATER)
        return;
    one = by_handle(core, handle); /* the table may have changed within */
    if (one == NULL || one->ticket != 0)
        return;
    one->later = false;
    err = settle(core, one, command ? &result : NULL);
    if (err == HF_OK)
        return;
    one = by_handle(core, handle);
    one->later = command;
    one->again = !command;
    if (command) /* its result could not be stored: the application gives it again when there is room */
        core->ops->done(core->user, handle, err);
}

bool hf_core_down_take(struct hf_client_core *core, uint64_t seq, const struct hf_frame *frame)
{
    const uint8_t *uuid = uuid_of(frame);
    struct hf_delivered *known = find(core, seq, uuid);
    struct hf_store_seen seen;
    hf_err err;

    if (known != NULL && known->orphan) {
        known->seq = seq;
        known->orphan = false;
    }
    if (known != NULL || seq <= core->queue.facts.position) {
        core->counts.duplicates++;
        took(core, seq);
        move_position(core); /* as far as it goes: the known one may have another number in this session */
        return true;
    }
    err = core->store->ops->seen(core->store, uuid, &seen);
    if (err == HF_OK) {
        took(core, seq);
        repeat(core, uuid, &seen);
        return true;
    }
    if (err != HF_ERR_NOT_FOUND) { /* it cannot be told whether it was acknowledged: ask for it again later */
        hf_client_queue_trouble(&core->queue, err);
        hf_core_close(core, 1011, HF_REASON_STORAGE_FAILED, HF_LINK_EV_LOCAL_CLOSE);
        return false;
    }
    if (!grow(core)) { /* the application acknowledges nothing, over several sessions */
        hf_core_close(core, 1013, HF_REASON_MEMORY_LIMIT, HF_LINK_EV_LOCAL_CLOSE);
        return false;
    }
    deliver(core, seq, frame);
    return core->phase == HF_PHASE_OPEN;
}

void hf_core_down_plain(struct hf_client_core *core, const struct hf_frame_data *data)
{
    const struct hf_frame frame = {.type = HF_FRAME_DATA, .as.data = *data};
    struct hf_client_message message;
    struct hf_client_result unused;

    fill(&frame, &message);
    core->counts.received++;
    (void)core->ops->message(core->user, &message, &unused);
}

void hf_core_down_gap(struct hf_client_core *core, uint64_t from, uint64_t to, enum hf_reason reason)
{
    core->counts.gaps++;
    core->delivered_through = HF_MAX(core->delivered_through, to);
    tell_durable(core);
    move_position(core);
    core->ops->gap(core->user, from, to, reason);
}

/* ---- the session begins and ends ---- */

void hf_core_down_open(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    uint64_t ticket;

    hf_receiver_init(&core->link.receiver, welcome->downlink_next, hf_serial_before(welcome->downlink_next),
                     hf_core_down_window(core), core->window_bytes);
    if (welcome->result == HF_SESSION_RESUMED)
        return;
    for (unsigned i = 0; i < core->delivered_count; i++)
        core->delivered[i].orphan = true;
    memcpy(core->session_id, welcome->session_id, sizeof(core->session_id));
    core->session_start = core->delivered_through = welcome->downlink_next - 1;
    core->queue.durable_position = 0; /* of another session */
    if (core->store->ops->session(core->store, core->session_id, core->session_start, &ticket) != HF_OK)
        hf_client_queue_trouble(&core->queue,
                                HF_ERR_IO); /* it is tried again with the first acknowledgement */
    hf_client_queue_look(&core->queue);
    remove_passed(core);
}

void hf_core_down_close(struct hf_client_core *core)
{
    if (core->link.opened_ms != 0)
        hf_receiver_deinit(&core->link.receiver);
}
