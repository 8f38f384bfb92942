/* adapter/gb28181/call_result.c - what comes of commands that are about sessions, told from a timer (call.h). */
#include "adapter/gb28181/call.h"

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
    if (call->users > 0) {
        hf_gb_call_record(call);
        return;
    }
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
        char storage[HF_GB_REFUSAL_BYTES_MAX];

        talk_refused(request->call, event->msg->status,
                     hf_gb_refusal(request->device->site, event->msg, storage));
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
