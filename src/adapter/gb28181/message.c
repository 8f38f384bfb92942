/* adapter/gb28181/message.c - what devices say in MESSAGEs: keepalives, answers to commands, and everything else, which becomes an event. */
#include "adapter/gb28181/call.h"
#include "adapter/gb28181/catalog.h"
#include "base/sb.h"
#include "core/topic.h"

bool hf_gb_is_keepalive(struct hf_slice body)
{
    static const char name[] = "Keepalive";

    return body.bytes > 0 && memmem(body.at, HF_MIN(body.bytes, (size_t)512), name, sizeof(name) - 1) != NULL;
}

static void reply(struct hf_gb_site *site, const struct hf_sip_tx_event *event, unsigned status)
{
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_now(site));
}

/* "gb/Alarm". What has no name that a topic may have is gb/other. */
static struct hf_slice topic_of(const struct hf_cdp_message *message, char storage[HF_TOPIC_BYTES_MAX])
{
    const char *name = hf_cdp_command_name(message->command);
    struct hf_sb sb;

    hf_sb_init(&sb, storage, HF_TOPIC_BYTES_MAX);
    hf_sb_text(&sb, "gb/");
    hf_sb_slice(&sb, name ? hf_slice_of(name) : message->command_name);
    if (!sb.overflow && sb.bytes > 3 && memchr(storage + 3, '/', sb.bytes - 3) == NULL &&
        hf_topic_valid(hf_sb_done(&sb)))
        return hf_sb_done(&sb);
    return HF_SLICE("gb/other");
}

/* The SIP status that says what became of it. */
static unsigned record(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = device->site;
    char topic[HF_TOPIC_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    if (site->options.ops->may_take != NULL && !site->options.ops->may_take(site->options.context)) {
        site->stats.messages_busy++;
        return 503;
    }
    hf_sb_init(&sb, site->json, HF_GB_JSON_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(message, site->item_scratch, HF_CDP_SCRATCH_BYTES, &out);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out)) {
        site->stats.messages_large++;
        return 413;
    }
    switch (hf_gb_tell(device, topic_of(message, topic), hf_sb_done(&sb))) {
    case HF_OK: return 200;
    case HF_ERR_DENIED: site->stats.messages_denied++; return 403;
    default: site->stats.messages_busy++; return 503;
    }
}

/* A keepalive is no event, but a fault that it speaks of is, and its end. */
static unsigned keepalive(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    const struct hf_cdp_keepalive *body = &message->as.keepalive;
    struct hf_cdp_iter iter;
    struct hf_cdp_faulty child;
    bool was_faulty = device->faulty;

    device->site->stats.keepalives++;
    if (device->link != NULL)
        hf_gb_breaker_result(device, true);
    hf_cdp_list_begin(&iter, message, &body->faulty, device->site->item_scratch, HF_CDP_SCRATCH_BYTES);
    device->faulty = body->status == HF_CDP_HEALTH_ERROR ||
                     (body->faulty.raw.bytes > 0 && hf_cdp_list_next(&iter, &child, sizeof(child)) == HF_OK);
    if (device->faulty || was_faulty)
        (void)record(device, message); /* GB-21: never refused; one that was lost is followed by the next */
    return 200;
}

/* Alarms want our answer in a MESSAGE of its own. */
static void acknowledge(struct hf_gb_device *device, const struct hf_cdp_message *alarm)
{
    struct hf_gb_site *site = device->site;
    struct hf_cdp_message *ok = &site->message;
    struct hf_cdp_int sn = alarm->sn;
    struct hf_slice id = alarm->device_id;

    if (!sn.set || id.bytes == 0)
        return;
    memset(ok, 0, sizeof(*ok));
    ok->root = HF_CDP_ROOT_RESPONSE;
    ok->command = HF_CDP_CMD_ALARM;
    ok->sn = sn;
    ok->device_id = id;
    ok->result = HF_CDP_HEALTH_OK;
    hf_gb_send_notice(device, &device->flow, ok);
}

/* The answer to our question at the address that it came from: the device is there. */
static bool confirms(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                     const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = device->site;

    if (device->probe_sn == 0 || message->root != HF_CDP_ROOT_RESPONSE ||
        message->command != HF_CDP_CMD_DEVICE_STATUS || !message->sn.set ||
        message->sn.value != device->probe_sn || !hf_sip_flow_same_peer(&device->doubt, flow))
        return false;
    device->probe_sn = 0;
    site->stats.probes_confirmed++;
    site->stats.moves += !hf_sip_flow_same_peer(&device->flow, flow);
    hf_gb_device_bind(device, flow);
    hf_gb_device_life(device);
    hf_gb_bound(device, false);
    hf_gb_calls_return(device);
    return true;
}

unsigned hf_gb_take_notice(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    if (message->root != HF_CDP_ROOT_NOTIFY || message->command != HF_CDP_CMD_CATALOG)
        return record(device, message);
    if (hf_gb_catalog_notified(device, message))
        return 200;
    device->site->stats.messages_busy++;
    return 503;
}

static void take(struct hf_gb_device *device, const struct hf_sip_tx_event *event,
                 const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_request *request = NULL;

    if (message->root == HF_CDP_ROOT_NOTIFY && message->command == HF_CDP_CMD_KEEPALIVE) {
        reply(site, event, keepalive(device, message));
        return;
    }
    site->stats.messages++;
    if (message->root == HF_CDP_ROOT_RESPONSE) {
        request = hf_gb_request_find(device, message);
        site->stats.answers_late += request == NULL;
    }
    if (request != NULL) {
        reply(site, event, 200);
        hf_gb_request_answered(request, message); /* the device may be gone now */
        return;
    }
    unsigned status = hf_gb_take_notice(device, message);
    reply(site, event, status);
    if (status == 200 && message->root == HF_CDP_ROOT_NOTIFY && message->command == HF_CDP_CMD_ALARM)
        acknowledge(device, message);
    if (message->root == HF_CDP_ROOT_NOTIFY && message->command == HF_CDP_CMD_MEDIA_STATUS)
        hf_gb_call_at_end(device, event->msg, message); /* whatever its number is */
}

void hf_gb_on_message(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = hf_gb_asking(site, event->msg);
    struct hf_cdp_message message;

    HF_ASSERT(device != NULL); /* looked at before the transaction was made */
    hf_err err = hf_cdp_parse(site->options.conv, (enum hf_text_charset)device->charset, event->msg->body,
                              site->scratch, HF_CDP_SCRATCH_BYTES, &message);
    site->stats.xml_tolerated += message.tolerances != 0;
    if (err == HF_OK && confirms(device, event->flow, &message)) {
        reply(site, event, 200);
        return;
    }
    if (!hf_gb_device_heard(device, event->flow)) { /* nothing is taken from an address that is not proven */
        bool keep =
            err == HF_OK && message.root == HF_CDP_ROOT_NOTIFY && message.command == HF_CDP_CMD_KEEPALIVE;

        reply(site, event, keep ? 200 : 403);
        hf_gb_device_doubt(device, event->flow);
    } else if (err != HF_OK) {
        site->stats.messages_bad++;
        reply(site, event, 400);
    } else {
        take(device, event, &message);
    }
}
