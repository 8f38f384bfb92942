/* adapter/gb28181/call_command.c - commands of applications that are about sessions. */
#include "adapter/gb28181/call.h"

bool hf_gb_call_is_command(struct hf_slice name)
{
    enum hf_gb_call_verb verb;

    return hf_gb_call_verb_of(name, &verb);
}

static bool given(const struct hf_gb_call_args *args, unsigned row)
{
    return (args->given >> row & 1) != 0;
}

static hf_err fail(struct hf_gb_request *request, enum hf_reason reason, const char *element,
                   const char *text)
{
    request->text = text;
    hf_gb_request_fail_soon(request, reason, hf_slice_of(element));
    return HF_OK;
}

/* ---- Play and its kin ---- */

static bool same_target(const struct hf_gb_call *call, const struct hf_gb_call_args *args)
{
    if (given(args, HF_GB_ARG_TO))
        return !call->times.watched && call->port == args->port && strcmp(call->host, args->host) == 0;
    return call->times.watched ==
           (call->device->site->options.media != NULL); /* without a relay: whatever is there */
}

/* The live session of a channel. args NULL: wherever it goes. */
static struct hf_gb_call *find_live(struct hf_gb_device *device, struct hf_slice channel, uint8_t stream,
                                    const struct hf_gb_call_args *args)
{
    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        if (call->kind == HF_GB_CALL_PLAY && call->stream == stream &&
            hf_gb_call_state(&call->state) != HF_GB_CALL_DISCONNECTED &&
            hf_slice_eq(hf_gb_call_channel(call), channel) && (args == NULL || same_target(call, args)))
            return call;
    }
    return NULL;
}

static void look_at(struct hf_gb_request *request, struct hf_gb_call *call)
{
    request->call = call;
    hf_gb_call_pin(call);
}

static hf_err join(struct hf_gb_request *request, struct hf_gb_call *call)
{
    if (call->users >= HF_GB_CALL_USERS_MAX)
        return fail(request, HF_REASON_BUSY, "call", "too many users of one session");
    call->users++;
    request->joined = true;
    look_at(request, call);
    call->device->site->stats.calls_joined++;
    hf_gb_request_wait(request, hf_gb_call_state(&call->state) == HF_GB_CALL_CONNECTED ? HF_GB_WAIT_CALL_SOON
                                                                                       : HF_GB_WAIT_CALL);
    return HF_OK;
}

static void fill(struct hf_gb_call *call, const struct hf_gb_call_args *args, struct hf_slice channel)
{
    memcpy(call->channel, channel.at, channel.bytes);
    call->channel_bytes = (uint8_t)channel.bytes;
    call->stream = args->stream;
    call->transport = args->transport;
    call->type = args->type;
    call->speed = args->speed;
    if (hf_gb_call_is_history(call)) {
        call->from_s = args->from_ms / 1000;
        call->until_s = args->until_ms / 1000;
        call->times.length_ms = (call->until_s - call->from_s) * 1000;
        if (call->kind == HF_GB_CALL_DOWNLOAD)
            call->times.scale = args->speed * 1000;
    }
    if (given(args, HF_GB_ARG_TO)) {
        memcpy(call->host, args->host, sizeof(call->host));
        call->port = args->port;
    }
}

/* Nothing of it was said yet, and the command is tried again: as if it had not been. */
static hf_err undo(struct hf_gb_request *request, struct hf_gb_call *call, hf_err err)
{
    request->call = NULL;
    hf_gb_call_unpin(call);
    hf_gb_call_discard(call, HF_GB_CALL_END_NO_MEMORY);
    return hf_gb_request_sent(request, err);
}

static hf_err open_leg(struct hf_gb_request *request, struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    struct hf_gb_media_request leg = {.tenant = site->options.tenant,
                                      .device = hf_gb_device_id(call->device),
                                      .channel = hf_gb_call_channel(call),
                                      .ssrc = call->ssrc,
                                      .transport = call->transport,
                                      .family = call->device->flow.family,
                                      .kind = call->kind};

    hf_gb_request_wait(request, HF_GB_WAIT_CALL);
    call->times.watched = true;
    call->relayed = true;
    call->err = site->options.media->open(site->options.media_context, call->token, &leg);
    if (call->err == HF_OK)
        return HF_OK;
    call->relayed = false; /* nothing will be told of it */
    hf_gb_call_discard(call, HF_GB_CALL_END_MEDIA_REFUSED);
    return HF_OK;
}

static hf_err start(struct hf_gb_request *request, struct hf_gb_call *call, bool relayed)
{
    hf_err err;

    if (call->kind == HF_GB_CALL_TALK) {
        err = hf_gb_call_ask_to_talk(request);
        if (err == HF_OK)
            return HF_OK;
        call->err = err;
        hf_gb_call_discard(call, HF_GB_CALL_END_NO_MEMORY);
        return err == HF_ERR_INVALID ? HF_OK : err; /* otherwise the request is gone */
    }
    if (relayed)
        return open_leg(request, call);
    hf_gb_request_wait(request, HF_GB_WAIT_CALL);
    err = hf_gb_call_invite(call);
    if (err == HF_ERR_LIMIT || err == HF_ERR_NOMEM)
        return undo(request, call, err);
    call->err = err;
    if (err != HF_OK)
        hf_gb_call_discard(call, HF_GB_CALL_END_FLOW);
    return HF_OK;
}

static hf_err begin(struct hf_gb_request *request, const struct hf_gb_call_args *args)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    enum hf_gb_call_kind kind = (enum hf_gb_call_kind)request->verb;
    struct hf_slice channel = given(args, HF_GB_ARG_CHANNEL)
                                  ? (struct hf_slice){args->channel, args->channel_bytes}
                                  : hf_gb_device_id(device);
    bool relayed = !given(args, HF_GB_ARG_TO);
    struct hf_slice host = hf_slice_of(relayed ? "" : args->host);
    const char *text = NULL;
    struct hf_gb_call *call = kind == HF_GB_CALL_PLAY ? find_live(device, channel, args->stream, args) : NULL;

    if (call != NULL)
        return join(request, call);
    if (relayed && (site->options.media == NULL || kind == HF_GB_CALL_TALK))
        return fail(request, HF_REASON_BAD_REQUEST, "to",
                    kind == HF_GB_CALL_TALK ? "name the server that the audio comes from"
                                            : "there is no relay here: name the server that media goes to");
    call = hf_gb_call_new(device, kind);
    if (call == NULL)
        return fail(request, HF_REASON_BUSY, "call", "too many sessions");
    fill(call, args, channel);
    if (hf_gb_call_take_ssrc(call, host, given(args, HF_GB_ARG_SSRC), args->ssrc, &text) != HF_OK) {
        hf_gb_call_discard(call, HF_GB_CALL_END_NO_MEMORY);
        return fail(request, HF_REASON_BUSY, "ssrc", text);
    }
    site->stats.commands++;
    look_at(request, call);
    return start(request, call, relayed);
}

/* ---- about sessions that are there ---- */

static struct hf_gb_call *named(struct hf_gb_request *request, const struct hf_gb_call_args *args)
{
    struct hf_gb_call *call;

    if (given(args, HF_GB_ARG_CHANNEL))
        return find_live(request->device, (struct hf_slice){args->channel, args->channel_bytes}, args->stream,
                         NULL);
    call = hf_gb_call_find(request->device->site, args->call);
    return call != NULL && call->device == request->device &&
                   hf_gb_call_state(&call->state) != HF_GB_CALL_DISCONNECTED
               ? call
               : NULL;
}

static hf_err stop(struct hf_gb_request *request, const struct hf_gb_call_args *args)
{
    struct hf_gb_call *call = named(request, args);

    if (call == NULL)
        return fail(request, HF_REASON_NOT_FOUND, given(args, HF_GB_ARG_CHANNEL) ? "channel" : "call", NULL);
    request->force = args->force;
    look_at(request, call);
    hf_gb_request_wait(request, HF_GB_WAIT_CALL_SOON);
    return HF_OK;
}

static hf_err control(struct hf_gb_request *request, const struct hf_gb_call_args *args)
{
    struct hf_gb_call *call = named(request, args);

    if (call == NULL)
        return fail(request, HF_REASON_NOT_FOUND, "call", NULL);
    if (call->kind != HF_GB_CALL_PLAYBACK || hf_gb_call_state(&call->state) != HF_GB_CALL_CONNECTED)
        return fail(request, HF_REASON_BAD_REQUEST, "call", "only a playback that stands can be steered");
    if (args->scale < 0 && request->device->version < HF_GB_VERSION_2022)
        return fail(request, HF_REASON_NOT_IMPLEMENTED, "scale", "backwards is for devices of 2022");
    if (args->range_start == HF_MANSRTSP_AT && args->range_start_s * 1000 > (double)call->times.length_ms)
        return fail(request, HF_REASON_BAD_REQUEST, "range", "behind the end of what was asked for");
    request->scale = args->scale;
    request->range_start = (uint8_t)args->range_start;
    request->range_start_s = args->range_start_s;
    request->range_end = (uint8_t)args->range_end;
    request->range_end_s = args->range_end_s;
    look_at(request, call);
    return hf_gb_call_control(request);
}

hf_err hf_gb_call_command(struct hf_gb_request *request, const struct hf_outgoing *outgoing)
{
    const struct hf_gb_site *site = request->device->site;
    struct hf_slice json = outgoing->payload.bytes > 0 ? outgoing->payload : HF_SLICE("{}"), element;
    enum hf_gb_call_verb verb = HF_GB_CALL_VERB_CALLS;
    struct hf_gb_call_args args;

    (void)hf_gb_call_verb_of(outgoing->topic, &verb);
    request->verb = (uint8_t)verb;
    hf_err err = hf_gb_call_args_read(verb, json, site->limits.zone_minutes, &args, &element);
    if (err != HF_OK || (outgoing->payload.bytes > 0 && outgoing->format != HF_FORMAT_JSON)) {
        hf_gb_request_fail_soon(request, HF_REASON_BAD_REQUEST, element);
        return HF_OK;
    }
    if (verb <= HF_GB_CALL_VERB_TALK)
        return begin(request, &args);
    if (verb == HF_GB_CALL_VERB_STOP)
        return stop(request, &args);
    if (verb != HF_GB_CALL_VERB_CALLS)
        return control(request, &args);
    memcpy(request->element, args.channel, args.channel_bytes); /* zeroes behind it */
    hf_gb_request_wait(request, HF_GB_WAIT_CALL_SOON);
    return HF_OK;
}

/* ---- results ---- */

static void open_result(struct hf_gb_site *site, struct hf_json_out *out, struct hf_sb *sb)
{
    hf_sb_init(sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(out, sb);
    hf_json_out_object(out, NULL);
}

/* One user less; the last one ends it. */
static void leave(struct hf_gb_call *call, bool force, enum hf_gb_call_end end)
{
    call->users -= call->users > 0;
    if (force)
        call->users = 0;
    if (call->users > 0)
        return;
    if (hf_gb_call_state(&call->state) == HF_GB_CALL_IDLE) /* its leg opens, or the device is asked to call */
        hf_gb_call_discard(call, end);
    else
        (void)hf_gb_call_happens(call, HF_GB_CALL_STOP, end);
}

static void begun(struct hf_gb_request *request)
{
    struct hf_gb_call *call = request->call;
    struct hf_gb_site *site = call->device->site;
    bool stands = hf_gb_call_state(&call->state) == HF_GB_CALL_CONNECTED;
    uint64_t id = call->id;
    struct hf_json_out out;
    struct hf_sb sb;

    site->stats.commands_done += stands;
    site->stats.commands_failed += !stands;
    open_result(site, &out, &sb);
    hf_json_out_bool(&out, "confirmed", stands);
    if (!stands)
        hf_gb_call_end_members(call, &out);
    hf_gb_call_members(call, &out);
    hf_json_out_bool(&out, "joined", request->joined);
    hf_json_out_end(&out);
    hf_err err = hf_gb_request_end(request, !stands, hf_sb_done(&sb));
    call = hf_gb_call_find(site, id);
    if (err == HF_ERR_NOT_FOUND && call != NULL) /* canceled, or too late: nobody would ever stop it */
        leave(call, false, HF_GB_CALL_END_UNCLAIMED);
}

static void stopped(struct hf_gb_request *request)
{
    struct hf_gb_call *call = request->call;
    struct hf_gb_site *site = call->device->site;
    char id[HF_GB_CALL_ID_TEXT];
    struct hf_json_out out;
    struct hf_sb sb;

    leave(call, request->force, HF_GB_CALL_END_STOPPED);
    site->stats.commands_done++;
    hf_gb_call_id_text(call, id);
    open_result(site, &out, &sb);
    hf_json_out_bool(&out, "confirmed", true);
    hf_json_out_cstr(&out, "call", id);
    hf_json_out_u64(&out, "users", call->users);
    hf_json_out_bool(&out, "ended", hf_gb_call_state(&call->state) == HF_GB_CALL_DISCONNECTED);
    hf_json_out_end(&out);
    (void)hf_gb_request_end(request, false, hf_sb_done(&sb));
}

static void listed(struct hf_gb_request *request)
{
    struct hf_gb_device *device = request->device;
    struct hf_slice channel = hf_slice_of(request->element);
    struct hf_json_out out;
    struct hf_sb sb;

    device->site->stats.commands_done++;
    open_result(device->site, &out, &sb);
    hf_json_out_array(&out, "calls");
    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next) {
        const struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        if (channel.bytes > 0 && !hf_slice_eq(channel, hf_gb_call_channel(call)))
            continue;
        hf_json_out_object(&out, NULL);
        hf_gb_call_members(call, &out);
        hf_json_out_end(&out);
    }
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    (void)hf_gb_request_end(request, false, hf_sb_done(&sb));
}

void hf_gb_call_command_due(struct hf_gb_request *request)
{
    if (request->verb <= HF_GB_CALL_VERB_TALK)
        begun(request);
    else if (request->verb == HF_GB_CALL_VERB_STOP)
        stopped(request);
    else
        listed(request);
}

void hf_gb_call_tell(struct hf_gb_call *call)
{
    struct hf_gb_device *device = call->device;

    for (struct hf_list_node *node = device->requests.next; node != &device->requests; node = node->next) {
        struct hf_gb_request *request = HF_CONTAINER_OF(node, struct hf_gb_request, node);

        if (request->call == call && request->verb <= HF_GB_CALL_VERB_TALK)
            hf_gb_request_wait(request, HF_GB_WAIT_CALL_SOON);
    }
}

/* ---- what else such commands wait for ---- */

static void talk_refused(struct hf_gb_call *call, unsigned status, struct hf_slice text)
{
    if (hf_gb_call_state(&call->state) != HF_GB_CALL_IDLE)
        return; /* it calls all the same */
    call->status = (uint16_t)status;
    call->text_bytes = (uint8_t)HF_MIN(text.bytes, sizeof(call->text));
    memcpy(call->text, text.at, call->text_bytes);
    hf_gb_call_discard(call, HF_GB_CALL_END_REFUSED);
}

bool hf_gb_call_request_sip(struct hf_gb_request *request, const struct hf_sip_tx_event *event)
{
    bool talk = request->verb == HF_GB_CALL_VERB_TALK;

    if (request->call != NULL && talk && event->tell == HF_SIP_TELL_FAILED) {
        request->tx = NULL;
        request->call->err = event->err;
        talk_refused(request->call, 0, hf_slice_of(hf_err_text(event->err)));
        return true;
    }
    if (request->call == NULL || event->tell != HF_SIP_TELL_FINAL)
        return false;
    request->tx = NULL;
    if (!talk) {
        hf_gb_call_controlled(request, event);
    } else if (event->msg->status >= 300) {
        struct hf_slice reason = event->msg->reason;

        talk_refused(request->call, event->msg->status,
                     reason.bytes > 0 ? reason : hf_slice_of(hf_sip_status_text(event->msg->status)));
    }
    return true;
}

/* The session's own deadline counts: it is the longer one, and a device may call without having answered. */
bool hf_gb_call_request_timer(struct hf_gb_request *request)
{
    if (request->call == NULL || request->verb != HF_GB_CALL_VERB_TALK)
        return false;
    if (request->wait != HF_GB_WAIT_CALL_SOON)
        hf_gb_request_wait(request, HF_GB_WAIT_CALL);
    return true;
}

bool hf_gb_call_request_answered(struct hf_gb_request *request, const struct hf_cdp_message *message)
{
    if (request->call == NULL || request->verb != HF_GB_CALL_VERB_TALK)
        return false;
    if (message->result == HF_CDP_HEALTH_ERROR)
        talk_refused(request->call, 0, HF_SLICE("Result ERROR"));
    return true;
}
