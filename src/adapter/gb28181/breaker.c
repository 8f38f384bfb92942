/* adapter/gb28181/breaker.c - the breaker of each device (GB-18, core/breaker.h): one that answers nothing any more is not asked what an application wants, which would wait for a timer each time, but
 * probed by us. Results are the ends of our requests, and the device's beats: those that come, and the one that is missed when it becomes suspect. A device that never failed has no record: it is
 * made at the first failure, with the beats of before, none of which can have been missed. Suspects whose breaker is closed are heal.c's. */
#include "adapter/gb28181/gb.h"

void hf_gb_breaker_init(struct hf_gb_link *link)
{
    struct hf_gb_device *device = link->device;
    struct hf_gb_site *site = device->site;
    uint64_t beat_ms = HF_MAX(device->life.interval_ms, 1u), last_ms = device->life.last_ms;
    uint64_t beats = last_ms > device->registered_ms ? (last_ms - device->registered_ms) / beat_ms : 0;

    _Static_assert((int)HF_GB_BREAKER_RESULTS <= (int)HF_BREAKER_RESULTS_MAX, "slots");
    HF_ASSERT(hf_breaker_device.results == HF_GB_BREAKER_RESULTS);
    hf_breaker_init(&link->breaker, &hf_breaker_device, link->results, &site->rng, hf_gb_now(site));
    for (uint64_t i = HF_MIN(beats, (uint64_t)HF_GB_BREAKER_RESULTS); i > 0; i--)
        (void)hf_breaker_result(&link->breaker, true, last_ms - (i - 1) * beat_ms);
}

/* What is not told stands in what the API shows of the device. */
static void tell(struct hf_gb_device *device)
{
    device->site->stats.breaker_untold +=
        !hf_gb_tell_members(device, HF_SLICE("gb/breaker"), hf_gb_breaker_members);
}

void hf_gb_breaker_result(struct hf_gb_device *device, bool good)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_link *link = hf_gb_link_of(device);

    if (link == NULL || !hf_breaker_result(&link->breaker, good, hf_gb_now(site)))
        return;
    link->opened_ms = hf_gb_now(site);
    site->stats.breakers_opened++;
    site->stats.breakers_open_now++;
    hf_gb_log(site, "BREAKER_OPEN", hf_gb_device_id(device), &device->flow, HF_REASON_BREAKER_OPEN);
    tell(device);
    hf_gb_device_arm(device);
}

void hf_gb_breaker_probed(struct hf_gb_device *device, bool good)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_link *link = device->link;

    if (link == NULL)
        return;
    if (hf_breaker_probed(&link->breaker, good, hf_gb_now(site))) {
        site->stats.breakers_closed++;
        site->stats.breakers_open_now--;
        hf_gb_log(site, "BREAKER_CLOSED", hf_gb_device_id(device), &device->flow, HF_REASON_NONE);
        tell(device);
    }
    hf_gb_device_arm(device);
}

bool hf_gb_breaker_refuses(struct hf_gb_device *device)
{
    bool refuses = device->link != NULL && hf_breaker_state(&device->link->breaker) != HF_BREAKER_CLOSED;

    device->site->stats.breaker_refused += refuses;
    return refuses;
}

uint64_t hf_gb_breaker_due_ms(const struct hf_gb_device *device)
{
    return device->link != NULL ? hf_breaker_due_ms(&device->link->breaker) : UINT64_MAX;
}

void hf_gb_breaker_due(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct hf_breaker *breaker = &device->link->breaker;

    if (hf_breaker_ask(breaker, hf_gb_now(site)) != HF_BREAKER_PROBE) {
        hf_gb_heal_late(device);
        return;
    }
    if (device->life.lost_ms == 0 && hf_gb_heal_ask(device, true))
        site->stats.breaker_probes++;
    else /* nothing can be said of it now */
        hf_breaker_unprobed(breaker, hf_gb_now(site));
}

bool hf_gb_breaker_idle(const struct hf_gb_link *link)
{
    struct hf_breaker_counts counts = hf_breaker_count(&link->breaker, hf_gb_now(link->device->site));

    return hf_breaker_state(&link->breaker) == HF_BREAKER_CLOSED && counts.good == counts.results;
}

/* "state":"open","results":5,"good":0,"attempt":3,"open_ms":12345 */
void hf_gb_breaker_members(const struct hf_gb_device *device, struct hf_json_out *out)
{
    const struct hf_gb_link *link = device->link;
    uint64_t now_ms = hf_gb_now(device->site);
    struct hf_breaker_counts counts = hf_breaker_count(&link->breaker, now_ms);
    enum hf_breaker_state state = hf_breaker_state(&link->breaker);

    hf_json_out_cstr(out, "state", hf_breaker_state_name(state));
    hf_json_out_u64(out, "results", counts.results);
    hf_json_out_u64(out, "good", counts.good);
    if (state != HF_BREAKER_CLOSED) {
        hf_json_out_u64(out, "attempt", link->breaker.attempt);
        hf_json_out_u64(out, "open_ms", now_ms - link->opened_ms);
    }
}
