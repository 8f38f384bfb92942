/* adapter/gb28181/heal.c - whether a device is there, asked by the gateway itself (GB-20): one that has become suspect may just have nothing to say. It is asked by DeviceStatus, and by OPTIONS
 * when that is not answered within sip_wait_ms: some devices know only one of the two. What was answered last is asked first the next time. The breaker's probes (breaker.c) are the same
 * questions. Whatever is answered, the device is there. */
#include "adapter/gb28181/gb.h"

/* One that has lost its stream cannot be asked. */
void hf_gb_heal_begin(struct hf_gb_device *device, bool restored)
{
    struct hf_gb_site *site = device->site;
    uint64_t first_ms = restored ? hf_presence_quiet_ms(device->life.interval_ms) : HF_GB_HEAL_FIRST_MS;

    device->heals = 0;
    device->heal_ms = hf_gb_now(site) + first_ms + hf_rng_below(&site->rng, first_ms / 2 + 1);
}

/* RC-1; each question is repeated by SIP for half a minute, and the next round waits for its end. */
static void later(struct hf_gb_device *device)
{
    uint64_t ceiling_ms = HF_MIN((uint64_t)1000 << HF_MIN(device->heals, 5), (uint64_t)HF_GB_HEAL_MS_MAX);

    device->heal_ms =
        hf_gb_now(device->site) + HF_WHEEL_TICK_MS + hf_rng_below(&device->site->rng, ceiling_ms);
}

bool hf_gb_heal_ask(struct hf_gb_device *device, bool probe)
{
    static const struct hf_rate_limit limit = {HF_GB_HEALS_PER_SECOND, 2 * HF_GB_HEALS_PER_SECOND};
    static const uint8_t none[16];
    struct hf_gb_site *site = device->site;
    struct hf_gb_request *request;
    struct hf_slice body, text;

    if (!hf_rate_take(&site->heal_rate, &limit, 1, hf_gb_now(site))) {
        site->stats.heals_deferred++;
        return false;
    }
    bool written = device->by_options ? hf_gb_write_options(device, &device->flow, &text)
                                      : hf_gb_status_query(device, &device->flow, &body) &&
                                            hf_gb_write_message(device, &device->flow,
                                                                (struct hf_slice){NULL, 0}, body, &text);
    if (!written || (request = hf_gb_request_new(device, none)) == NULL) /* what is under way asks as much */
        return false;
    request->own = request->heal = true;
    request->probe = probe;
    request->options = device->by_options;
    request->command = HF_CDP_CMD_DEVICE_STATUS;
    request->answer = HF_CDP_ANSWER_NONE; /* its own one is taken by probe_sn */
    device->healing++;
    site->stats.heals++;
    return hf_gb_request_sent(request, hf_sip_tx_request(site->layer, &device->flow, text, &request->user,
                                                         hf_gb_now(site), &request->tx)) == HF_OK;
}

void hf_gb_heal_due(struct hf_gb_device *device)
{
    device->heal_ms = 0;
    if (device->life.lost_ms != 0 || device->healing > 0)
        return;
    if (hf_gb_breaker_due_ms(device) == UINT64_MAX && hf_gb_heal_ask(device, false))
        device->heals += device->heals < UINT8_MAX;
    else /* the breaker has probes of its own, or there was no room */
        later(device);
}

void hf_gb_heal_answered(struct hf_gb_request *request)
{
    struct hf_gb_device *device = request->device;

    device->site->stats.heals_answered++;
    device->by_options = request->options;
    hf_gb_device_life(device);
    if (request->probe)
        hf_gb_breaker_probed(device, true);
    request->probe = false;
    hf_gb_heal_over(request);
}

void hf_gb_heal_unanswered(struct hf_gb_request *request)
{
    struct hf_gb_device *device = request->device;
    bool probe = request->probe;

    request->wait = HF_GB_WAIT_NOTHING; /* SIP repeats it, and tells the end */
    request->probe = false;
    device->by_options = !request->options;
    if (probe)
        hf_gb_breaker_probed(device, false);
    else if (device->state == HF_GB_SUSPECT && device->healing == 1)
        (void)hf_gb_heal_ask(device, false); /* the other way, in the same round */
}

void hf_gb_heal_late(struct hf_gb_device *device)
{
    for (struct hf_list_node *node = device->requests.next; node != &device->requests; node = node->next) {
        struct hf_gb_request *request = HF_CONTAINER_OF(node, struct hf_gb_request, node);

        if (request->probe)
            device->by_options = !request->options;
        request->probe = false;
    }
}

void hf_gb_heal_over(struct hf_gb_request *request)
{
    struct hf_gb_device *device = request->device;

    if (request->wait == HF_GB_WAIT_SIP && request->status == 0) /* it failed at once */
        device->by_options = !request->options;
    if (request->probe)
        hf_gb_breaker_probed(device, false);
    hf_gb_request_end(request, false, (struct hf_slice){NULL, 0});
    if (device->state != HF_GB_SUSPECT || device->healing > 0)
        return;
    later(device);
    hf_gb_device_arm(device);
}
