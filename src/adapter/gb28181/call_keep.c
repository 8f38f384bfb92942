/* adapter/gb28181/call_keep.c - sessions whose media we do not see: that they stand is asked of the device, by OPTIONS in the dialog (RFC 3261 11.2, 12.2.1.2), now and then, after our restart, and when it
 * seems to have been restarted itself. 481 means that it knows nothing of the session, which is over then; any other answer, or none, says nothing: whether the device is there has a rule of its own. */
#include "adapter/gb28181/call.h"

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_call *call = HF_CONTAINER_OF(user, struct hf_gb_call, keeper);

    if (event->tell != HF_SIP_TELL_FINAL && event->tell != HF_SIP_TELL_FAILED)
        return;
    call->keeping = NULL;
    if (event->tell == HF_SIP_TELL_FINAL && event->msg->status == 481)
        (void)hf_gb_call_happens(call, HF_GB_CALL_BYE, HF_GB_CALL_END_FORGOTTEN);
}

void hf_gb_call_keep_soon(struct hf_gb_call *call)
{
    call->keep_ms = hf_gb_now(call->device->site);
}

void hf_gb_calls_keep_soon(struct hf_gb_device *device)
{
    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next)
        hf_gb_call_keep_soon(HF_CONTAINER_OF(node, struct hf_gb_call, node));
}

bool hf_gb_call_keep(struct hf_gb_call *call)
{
    struct hf_gb_device *device = call->device;
    struct hf_gb_site *site = device->site;
    struct hf_slice absent = {NULL, 0};
    uint64_t now_ms = hf_gb_now(site);
    struct hf_sb sb;

    if (call->times.watched || hf_gb_call_state(&call->state) != HF_GB_CALL_CONNECTED ||
        call->keeping != NULL || device->state != HF_GB_REGISTERED)
        return false;
    if (call->keep_ms == 0) /* it has just begun to stand */
        call->keep_ms = now_ms + HF_GB_CALL_KEEP_MS;
    if (now_ms < call->keep_ms || hf_gb_breaker_due_ms(device) != UINT64_MAX)
        return false;
    call->keep_ms = now_ms + HF_GB_CALL_KEEP_MS;
    call->keeper.told = told;
    if (!hf_gb_call_write(call, HF_SIP_OPTIONS, &sb) || hf_sip_write_end(&sb, absent, absent) != HF_OK)
        return false;
    if (hf_sip_tx_request(site->layer, &device->flow, hf_sb_done(&sb), &call->keeper, now_ms,
                          &call->keeping) != HF_OK)
        call->keeping = NULL; /* the next time */
    else
        site->stats.calls_asked++;
    hf_gb_call_record(call); /* a number of the dialog is used up */
    return true;
}

void hf_gb_call_keep_over(struct hf_gb_call *call)
{
    if (call->keeping != NULL)
        hf_sip_tx_forget(call->keeping);
    call->keeping = NULL;
}
