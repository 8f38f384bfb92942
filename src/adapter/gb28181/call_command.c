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
    hf_gb_call_record(call);
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
    call->max_forwards = args->max_forwards;
    call->until_unwatched = args->until_unwatched;
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

_Static_assert((int)HF_GB_CALL_TALK == (int)HF_GB_MEDIA_KIND_TALK, "the relay knows it by its number");

static hf_err open_leg(struct hf_gb_request *request, struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    bool talk = call->kind == HF_GB_CALL_TALK;
    struct hf_gb_media_request leg = {.tenant = site->options.tenant,
                                      .device = hf_gb_device_id(call->device),
                                      .channel = hf_gb_call_channel(call),
                                      .ssrc = call->ssrc,
                                      .transport = talk ? HF_GB_MEDIA_ANY : call->transport,
                                      .family = call->device->flow.family,
                                      .kind = call->kind,
                                      .until_unwatched = call->until_unwatched};

    hf_gb_request_wait(request, HF_GB_WAIT_CALL);
    call->times.watched = !talk; /* nothing has to come of those */
    call->relayed = call->through_us = true;
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

    if (call->kind == HF_GB_CALL_TALK && !relayed) {
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
    if (relayed && site->options.media == NULL)
        return fail(request, HF_REASON_BAD_REQUEST, "to",
                    kind == HF_GB_CALL_TALK
                        ? "there is no relay here: name the server that the audio comes from"
                        : "there is no relay here: name the server that media goes to");
    if (hf_gb_breaker_refuses(device))
        return fail(request, HF_REASON_BREAKER_OPEN, "", NULL);
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

static const char no_such[] = "no such session stands; calls lists those of a camera";

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
        return fail(request, HF_REASON_NOT_FOUND, given(args, HF_GB_ARG_CHANNEL) ? "channel" : "call",
                    no_such);
    request->force = args->force;
    look_at(request, call);
    hf_gb_request_wait(request, HF_GB_WAIT_CALL_SOON);
    return HF_OK;
}

static hf_err control(struct hf_gb_request *request, const struct hf_gb_call_args *args)
{
    struct hf_gb_call *call = named(request, args);

    if (call == NULL)
        return fail(request, HF_REASON_NOT_FOUND, "call", no_such);
    if (call->kind != HF_GB_CALL_PLAYBACK || hf_gb_call_state(&call->state) != HF_GB_CALL_CONNECTED)
        return fail(request, HF_REASON_BAD_REQUEST, "call", "only a playback that stands can be steered");
    if (args->scale < 0 && request->device->version < HF_GB_VERSION_2022)
        return fail(request, HF_REASON_NOT_IMPLEMENTED, "scale", "backwards is for devices of 2022");
    if (args->range_start == HF_MANSRTSP_AT && args->range_start_s * 1000 > (double)call->times.length_ms)
        return fail(request, HF_REASON_BAD_REQUEST, "range", "behind the end of what was asked for");
    if (hf_gb_breaker_refuses(request->device))
        return fail(request, HF_REASON_BREAKER_OPEN, "", NULL);
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
        request->text = element.bytes > 0 ? args.wants : NULL;
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
