/* adapter/gb28181/request.c - commands under way: sent, answered by SIP, answered by the device, or not. Each ends in one result for the hub that names what
 * happened: the device's own answer, the SIP status that refused it, or the timer that ended the wait. Silence is "sent, unconfirmed", not failure (GB-10). */
#include "adapter/gb28181/call.h"
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include "base/sb.h"

static const char *const wait_names[HF_GB_WAITS] = {"sip_wait", "answer_wait", "list_wait", "list_idle",
                                                    "none",     "none",        "call",      "none"};

static uint32_t wait_ms(const struct hf_gb_site *site, enum hf_gb_wait wait)
{
    switch (wait) {
    case HF_GB_WAIT_SIP: return site->limits.sip_wait_ms;
    case HF_GB_WAIT_ANSWER: return site->limits.answer_wait_ms;
    case HF_GB_WAIT_LIST: return site->limits.list_wait_ms;
    case HF_GB_WAIT_LIST_IDLE: return site->limits.list_idle_ms;
    default: return 0;
    }
}

void hf_gb_request_wait(struct hf_gb_request *request, enum hf_gb_wait wait)
{
    struct hf_gb_site *site = request->device->site;

    request->wait = (uint8_t)wait;
    if (wait == HF_GB_WAIT_CALL)
        hf_wheel_cancel(site->options.wheel, &request->timer);
    else /* soon: in the next run, which a time that has passed is */
        hf_wheel_arm(site->options.wheel, &request->timer,
                     wait == HF_GB_WAIT_CALL_SOON ? 1 : hf_gb_now(site) + wait_ms(site, wait));
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms);

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    hf_gb_request_sip(HF_CONTAINER_OF(user, struct hf_gb_request, user), event);
}

struct hf_gb_request *hf_gb_request_new(struct hf_gb_device *device, const uint8_t id[16])
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_request *request = device->open < HF_GB_OPEN_MAX ? hf_slab_take(site->request_slab) : NULL;

    if (request == NULL) {
        site->stats.requests_full++;
        return NULL;
    }
    request->user.told = told;
    request->device = device;
    request->sn = hf_gb_next_sn(device);
    memcpy(request->id, id, sizeof(request->id));
    hf_timer_init(&request->timer, on_timer);
    hf_list_init(&request->node);
    hf_list_push_back(&device->requests, &request->node);
    device->open++;
    site->stats.requests_now++;
    return request;
}

static void release(struct hf_gb_request *request)
{
    struct hf_gb_site *site = request->device->site;

    if (request->tx != NULL)
        hf_sip_tx_forget(request->tx);
    hf_gb_sub_request_gone(request);
    hf_gb_call_unpin(request->call);
    hf_gb_merge_free(request->merge);
    site->stats.merge_bytes_now = site->merges.bytes;
    hf_wheel_cancel(site->options.wheel, &request->timer);
    hf_list_remove(&request->node);
    request->device->open--;
    request->device->healing -= request->heal;
    site->stats.requests_now--;
    hf_slab_give(site->request_slab, request);
}

void hf_gb_requests_drop(struct hf_gb_device *device)
{
    while (!hf_list_empty(&device->requests)) {
        struct hf_gb_request *request = HF_CONTAINER_OF(device->requests.next, struct hf_gb_request, node);

        device->site->stats.commands_lost += !request->own;
        release(request);
    }
}

hf_err hf_gb_request_end(struct hf_gb_request *request, bool failed, struct hf_slice json)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    bool was_deaf = hf_gb_device_deaf(device);
    bool own = request->own;
    unsigned command = request->command;
    uint8_t id[16];

    if (request->catalog && !request->listed)
        hf_gb_catalog_unanswered(request);
    memcpy(id, request->id, sizeof(id));
    release(request);
    if (!failed && json.bytes > 0)
        hf_gb_shadow_answer(device, command, json);
    hf_err err = own ? HF_OK
                     : hf_hub_result(site->options.hub, &device->dev, id, failed, HF_FORMAT_JSON,
                                     HF_EVENT_FLAG_TEXT, json);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND) /* it ended meanwhile: expired, canceled */
        hf_gb_device_end(device, HF_EVIDENCE_BYE, HF_REASON_STORAGE_FULL); /* as every adapter does */
    else if (was_deaf && !hf_gb_device_deaf(device))
        hf_hub_drained(site->options.hub, &device->dev);
    return err;
}

hf_err hf_gb_request_send(struct hf_gb_request *request, struct hf_slice body)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    struct hf_slice text;

    if (!hf_gb_write_message(device, &device->flow, (struct hf_slice){NULL, 0}, body, &text)) {
        hf_gb_request_fail_soon(request, HF_REASON_MESSAGE_TOO_BIG, (struct hf_slice){NULL, 0});
        return HF_OK;
    }
    return hf_gb_request_sent(request, hf_sip_tx_request(site->layer, &device->flow, text, &request->user,
                                                         hf_gb_now(site), &request->tx));
}

hf_err hf_gb_request_sent(struct hf_gb_request *request, hf_err err)
{
    struct hf_gb_site *site = request->device->site;

    if (err == HF_ERR_LIMIT || err == HF_ERR_NOMEM) {
        site->stats.requests_full++;
        release(request);
        return err;
    }
    if (err != HF_OK) {
        request->tx = NULL;
        request->err = err;
        hf_gb_request_fail_soon(request, HF_REASON_NONE, (struct hf_slice){NULL, 0});
        return HF_OK;
    }
    site->stats.commands += !request->own;
    request->sent_ms = hf_gb_now(site);
    hf_gb_catalog_asked(request);
    hf_gb_request_wait(request, HF_GB_WAIT_SIP);
    return HF_OK;
}

void hf_gb_request_fail_soon(struct hf_gb_request *request, enum hf_reason reason, struct hf_slice element)
{
    size_t bytes = HF_MIN(element.bytes, sizeof(request->element) - 1);

    request->bad = reason;
    if (bytes > 0)
        memcpy(request->element, element.at, bytes);
    hf_gb_request_wait(request, HF_GB_WAIT_NOTHING); /* the hub does not take a result while it hands over */
}

/* ---- results ---- */

static void begin(struct hf_gb_site *site, struct hf_json_out *out, struct hf_sb *sb)
{
    hf_sb_init(sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(out, sb);
    hf_json_out_object(out, NULL);
}

/* {"confirmed":false,"timer":"answer_wait","limit_ms":10000,"status":200} */
static void end_unconfirmed(struct hf_gb_request *request, const char *timer, uint32_t limit_ms)
{
    struct hf_gb_site *site = request->device->site;
    struct hf_json_out out;
    struct hf_sb sb;

    site->stats.commands_unconfirmed++;
    begin(site, &out, &sb);
    hf_json_out_bool(&out, "confirmed", false);
    if (timer != NULL) {
        hf_json_out_cstr(&out, "timer", timer);
        hf_json_out_u64(&out, "limit_ms", limit_ms);
    } else {
        hf_json_out_cstr(&out, "error", hf_err_text(request->err));
    }
    if (request->status != 0)
        hf_json_out_u64(&out, "status", request->status);
    hf_json_out_end(&out);
    hf_gb_request_end(request, false, hf_sb_done(&sb));
}

static void end_status(struct hf_gb_request *request, const struct hf_sip_msg *response)
{
    char storage[HF_GB_REFUSAL_BYTES_MAX];
    struct hf_gb_site *site = request->device->site;
    bool failed = request->status >= 300;
    struct hf_json_out out;
    struct hf_sb sb;

    site->stats.commands_failed += failed;
    site->stats.commands_done += !failed;
    begin(site, &out, &sb);
    hf_json_out_bool(&out, "confirmed", !failed);
    hf_json_out_u64(&out, "status", request->status);
    if (failed)
        hf_json_out_text(&out, "text", hf_gb_refusal(site, response, storage));
    hf_json_out_end(&out);
    hf_gb_request_end(request, failed, hf_sb_done(&sb));
}

static void end_bad(struct hf_gb_request *request)
{
    struct hf_gb_site *site = request->device->site;
    struct hf_json_out out;
    struct hf_sb sb;

    site->stats.commands_bad++;
    begin(site, &out, &sb);
    hf_json_out_bool(&out, "confirmed", false);
    hf_json_out_cstr(&out, "reason", hf_reason_name(request->bad));
    if (request->element[0] != '\0')
        hf_json_out_cstr(&out, "element", request->element);
    if (request->text != NULL)
        hf_json_out_cstr(&out, "text", request->text);
    hf_json_out_end(&out);
    hf_gb_request_end(request, true, hf_sb_done(&sb));
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_request *request = HF_CONTAINER_OF(timer, struct hf_gb_request, timer);
    struct hf_gb_site *site = request->device->site;
    enum hf_gb_wait wait = (enum hf_gb_wait)request->wait;

    (void)now_ms;
    if (wait == HF_GB_WAIT_SIP)
        hf_gb_link_timed_out(request->device);
    if (wait == HF_GB_WAIT_SUB_SOON)
        hf_gb_sub_command_due(request);
    else if (wait == HF_GB_WAIT_CALL_SOON)
        hf_gb_call_command_due(request);
    else if (wait != HF_GB_WAIT_NOTHING && hf_gb_call_request_timer(request))
        return;
    else if (request->heal && wait == HF_GB_WAIT_SIP)
        hf_gb_heal_unanswered(request);
    else if (request->heal)
        hf_gb_heal_over(request);
    else if (wait == HF_GB_WAIT_NOTHING && request->bad != HF_REASON_NONE)
        end_bad(request);
    else if (wait == HF_GB_WAIT_NOTHING)
        end_unconfirmed(request, NULL, 0);
    else if (wait == HF_GB_WAIT_LIST_IDLE) {
        site->stats.commands_partial++;
        hf_gb_request_end(request, false, hf_gb_merge_result(request, wait_names[wait], wait_ms(site, wait)));
    } else
        end_unconfirmed(request, wait_names[wait], wait_ms(site, wait));
}

/* ---- answers ---- */

void hf_gb_request_sip(struct hf_gb_request *request, const struct hf_sip_tx_event *event)
{
    if (hf_gb_call_request_sip(request, event))
        return;
    if (event->tell == HF_SIP_TELL_FAILED) {
        request->tx = NULL;
        request->err = event->err;
        if (request->wait == HF_GB_WAIT_SIP && event->timer != HF_SIP_NO_TIMER)
            hf_gb_link_timed_out(request->device);
        else if (request->wait == HF_GB_WAIT_SIP) /* nobody listens there */
            hf_gb_breaker_result(request->device, false);
        if (request->heal) {
            hf_gb_heal_over(request);
            return;
        }
        if (request->wait ==
            HF_GB_WAIT_SIP) /* else the device has begun to answer, whatever became of its 200 */
            end_unconfirmed(request, event->timer != HF_SIP_NO_TIMER ? hf_sip_timer_name(event->timer) : NULL,
                            0);
        return;
    }
    if (event->tell != HF_SIP_TELL_FINAL)
        return;
    request->tx = NULL;
    request->status = event->msg->status;
    if (request->wait == HF_GB_WAIT_SIP)
        hf_gb_link_answered(request->device, request->sent_ms);
    if (request->heal) {
        hf_gb_heal_answered(request);
        return;
    }
    if (request->status >= 300 || request->answer == HF_CDP_ANSWER_NONE)
        end_status(request, event->msg);
    else if (request->wait == HF_GB_WAIT_SIP)
        hf_gb_request_wait(request, request->command == HF_CDP_CMD_CATALOG ||
                                            request->command == HF_CDP_CMD_RECORD_INFO
                                        ? HF_GB_WAIT_LIST
                                        : HF_GB_WAIT_ANSWER);
}

struct hf_gb_request *hf_gb_request_find(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    struct hf_gb_request *only = NULL;
    unsigned count = 0;

    for (struct hf_list_node *node = device->requests.next; node != &device->requests; node = node->next) {
        struct hf_gb_request *request = HF_CONTAINER_OF(node, struct hf_gb_request, node);

        if (request->command != message->command || request->wait == HF_GB_WAIT_NOTHING ||
            request->answer == HF_CDP_ANSWER_NONE)
            continue;
        if (message->sn.set && message->sn.value == request->sn)
            return request;
        only = request;
        count++;
    }
    /* 7.2: a wrong number is forgiven when there is nothing to confuse. One of ours is not wrong: it is the late answer to an earlier question, perhaps of other
     * channels or times, or part of another list; that of an earlier start, too. */
    if (count != 1 || (message->sn.set && message->sn.value >= HF_GB_SN_FIRST))
        return NULL;
    device->site->stats.answers_by_type++;
    return only;
}

void hf_gb_request_answered(struct hf_gb_request *request, const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = request->device->site;
    bool failed = message->result == HF_CDP_HEALTH_ERROR;
    struct hf_slice merged;
    struct hf_json_out out;
    struct hf_sb sb;

    if (hf_gb_call_request_answered(request, message))
        return;
    if (request->answer == HF_CDP_ANSWER_MANY && !failed) {
        if (hf_gb_merge_part(request, message, &merged)) {
            site->stats.commands_done++;
            hf_gb_request_end(request, false, merged);
        } else {
            hf_gb_request_wait(request, HF_GB_WAIT_LIST_IDLE);
        }
        return;
    }
    site->stats.commands_failed += failed;
    site->stats.commands_done += !failed;
    begin(site, &out, &sb);
    hf_cdp_json(message, site->item_scratch, HF_CDP_SCRATCH_BYTES, &out);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out)) { /* the answer is not lost: it was said that it came */
        site->stats.commands_cut++;
        begin(site, &out, &sb);
        hf_json_out_bool(&out, "confirmed", true);
        hf_json_out_bool(&out, "cut", true);
        hf_json_out_end(&out);
    }
    hf_gb_request_end(request, failed, hf_sb_done(&sb));
}
