/* adapter/gb28181/health.c - the health of each link (GB-19), for devices that we ask something or that guess passwords: fed by the ends of our requests, judged each 10 s. What
 * is kept of a device is a record of its own, bounded, and goes when there was nothing for a minute. The breaker's results are in it, too. */
#include "adapter/gb28181/gb.h"

static void on_tick(struct hf_timer *timer, uint64_t now_ms);

hf_err hf_gb_links_init(struct hf_gb_site *site)
{
    hf_list_init(&site->links);
    hf_timer_init(&site->links_timer, on_tick);
    site->link_slab = hf_slab_new("gb_links", sizeof(struct hf_gb_link), HF_GB_LINKS_MAX);
    return site->link_slab != NULL ? HF_OK : HF_ERR_NOMEM;
}

void hf_gb_links_deinit(struct hf_gb_site *site)
{
    if (site->link_slab != NULL)
        hf_wheel_cancel(site->options.wheel, &site->links_timer);
    hf_slab_free(site->link_slab);
}

struct hf_gb_link *hf_gb_link_of(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_link *link = device->link;

    if (link != NULL || !hf_gb_device_there(device))
        return link;
    link = hf_slab_take(site->link_slab);
    if (link == NULL) {
        site->stats.links_full++;
        return NULL;
    }
    link->device = device;
    device->link = link;
    hf_list_init(&link->node);
    if (hf_list_empty(&site->links))
        hf_wheel_arm(site->options.wheel, &site->links_timer, hf_gb_now(site) + HF_GB_HEALTH_STEP_MS);
    hf_list_push_back(&site->links, &link->node);
    site->stats.links[HF_GB_LEVEL_NORMAL]++;
    hf_gb_breaker_init(link);
    return link;
}

void hf_gb_link_free(struct hf_gb_device *device)
{
    struct hf_gb_link *link = device->link;

    if (link == NULL)
        return;
    device->site->stats.links[link->health.level]--;
    device->site->stats.breakers_open_now -= hf_breaker_state(&link->breaker) != HF_BREAKER_CLOSED;
    device->link = NULL;
    hf_list_remove(&link->node);
    hf_slab_give(device->site->link_slab, link);
}

void hf_gb_link_answered(struct hf_gb_device *device, uint64_t sent_ms)
{
    struct hf_gb_link *link = hf_gb_link_of(device);
    uint64_t now_ms = hf_gb_now(device->site);

    if (link != NULL)
        hf_gb_health_answered(&link->health, now_ms - sent_ms, now_ms);
    hf_gb_breaker_result(device, true);
}

void hf_gb_link_timed_out(struct hf_gb_device *device)
{
    struct hf_gb_link *link = hf_gb_link_of(device);

    if (link != NULL)
        hf_gb_health_timed_out(&link->health, hf_gb_now(device->site));
    hf_gb_breaker_result(device, false);
}

void hf_gb_link_refused(struct hf_gb_device *device)
{
    struct hf_gb_link *link = hf_gb_link_of(device);

    if (link != NULL)
        hf_gb_health_refused(&link->health, hf_gb_now(device->site));
}

/* "level":"warning","score":0.8423,... */
void hf_gb_link_members(const struct hf_gb_device *device, struct hf_json_out *out)
{
    const struct hf_gb_health *health = &device->link->health;
    struct hf_gb_health_sums sums = hf_gb_health_window(health, hf_gb_now(device->site));

    hf_json_out_cstr(out, "level", hf_gb_level_name(health->level));
    if (health->scored)
        hf_json_out_double(out, "score", (double)health->score / HF_GB_HEALTH_ONE);
    hf_json_out_double(out, "jitter_ms", hf_gb_health_jitter(&sums) / 100.0);
    hf_json_out_u64(out, "requests", (uint64_t)sums.answered + sums.timed_out);
    hf_json_out_u64(out, "timed_out", sums.timed_out);
    hf_json_out_u64(out, "refused", sums.refused);
}

static void on_tick(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_site *site = HF_CONTAINER_OF(timer, struct hf_gb_site, links_timer);
    struct hf_list_node *next;

    for (struct hf_list_node *node = site->links.next; node != &site->links; node = next) {
        struct hf_gb_link *link = HF_CONTAINER_OF(node, struct hf_gb_link, node);
        uint8_t before = link->health.level;

        next = node->next;
        if (hf_gb_health_evaluate(&link->health, now_ms)) {
            site->stats.links[before]--;
            site->stats.links[link->health.level]++;
            site->stats.health_changes++;
            site->stats.health_untold += /* it stands in what the API shows of the device */
                !hf_gb_tell_members(link->device, HF_SLICE("gb/health"), hf_gb_link_members);
        }
        if (hf_gb_health_idle(&link->health, now_ms) && hf_gb_breaker_idle(link))
            hf_gb_link_free(link->device);
    }
    if (!hf_list_empty(&site->links))
        hf_wheel_arm(site->options.wheel, timer, now_ms + HF_GB_HEALTH_STEP_MS);
}
