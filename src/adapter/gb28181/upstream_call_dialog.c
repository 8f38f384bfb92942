/* adapter/gb28181/upstream_call_dialog.c - what a platform says within a session: BYE, and how a playback goes on. */
#include "adapter/gb28181/upstream_call.h"

#include <stdio.h>

#include "codec/mansrtsp/mansrtsp.h"

struct hf_gb_up_call *hf_gb_up_call_find(const struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    for (const struct hf_list_node *node = up->calls.next; node != &up->calls; node = node->next) {
        struct hf_gb_up_call *call = HF_CONTAINER_OF(node, struct hf_gb_up_call, node);

        if (call->dialog.state != HF_SIP_DIALOG_NONE && hf_sip_dialog_is(&call->dialog, msg))
            return call;
    }
    return NULL;
}

void hf_gb_up_on_bye(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    struct hf_gb_up_call *call = hf_gb_up_call_find(up, event->msg);

    (void)hf_sip_tx_answer_plain(event->tx, event->msg, call != NULL ? 200 : 481, hf_gb_up_now(up));
    if (call == NULL || call->unwanted)
        return;
    up->stats.calls_ended_above++;
    if (call->invite != NULL)
        hf_sip_tx_forget_arrived(call->invite, hf_gb_up_now(up));
    call->invite = NULL;
    hf_gb_up_call_end(call, false);
}

/* Pause, resume, speed, seek of a playback: MANSRTSP becomes the command of ours. */
static unsigned steer(struct hf_gb_up_call *call, struct hf_slice body)
{
    struct hf_mansrtsp what;
    char more[64] = "";

    if (hf_mansrtsp_parse(body, &what) != HF_OK)
        return 400;
    const char *verb = what.method == HF_MANSRTSP_PAUSE      ? "Pause"
                       : what.method == HF_MANSRTSP_TEARDOWN ? "Stop"
                       : what.method != HF_MANSRTSP_PLAY     ? NULL
                       : what.has_scale                      ? "Speed"
                       : what.start == HF_MANSRTSP_AT        ? "Seek"
                                                             : "Resume";
    if (verb == NULL)
        return 501;
    if (what.method == HF_MANSRTSP_PLAY && what.has_scale)
        (void)snprintf(more, sizeof(more), ",\"scale\":%g", what.scale);
    else if (what.method == HF_MANSRTSP_PLAY && what.start == HF_MANSRTSP_AT)
        (void)snprintf(more, sizeof(more), ",\"range\":%.3f", what.start_s);
    return hf_gb_up_call_order(call->up, hf_gb_up_call_device(call), call->id, verb, more) ? 200 : 503;
}

void hf_gb_up_on_info(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    struct hf_gb_up_call *call = hf_gb_up_call_find(up, event->msg);
    hf_err err = call != NULL && call->id[0] != '\0' ? hf_sip_dialog_receive(&call->dialog, event->msg)
                                                     : HF_ERR_NOT_FOUND;
    unsigned status = err == HF_OK ? steer(call, event->msg->body) : err == HF_ERR_CONFLICT ? 500 : 481;

    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_up_now(up));
}
