/* app/media_gateway.c - the media plane of the gateway: from its configuration, and on /metrics. */
#include <stdio.h>

#include "app/media.h"
#include "app/metrics_page.h"
#include "app/worker.h"
#include "base/assert.h"

hf_err hf_gateway_media_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                             size_t error_bytes)
{
    const struct hf_config_media *media = &config->media;
    struct hf_media_options options = {
        .address = media->address,
        .external_address = media->external_address,
        .port_first = (uint16_t)media->port_first,
        .port_last = (uint16_t)media->port_last,
        .shared_port = (uint16_t)media->shared_port,
        .legs_max = (uint32_t)media->legs_max,
        .views_max = (uint32_t)media->views_max,
        .first_packet_ms = (uint32_t)media->first_packet_ms,
        .silence_ms = (uint32_t)media->silence_ms,
        .unwatched_ms = (uint32_t)media->unwatched_ms,
        .start_ms = (uint32_t)media->start_ms,
        .queue_units_max = (uint32_t)media->queue_units_max,
        .queue_bytes_max = media->queue_bytes_max,
        .gop_bytes_max = media->gop_bytes_max,
        .unit_bytes_max = media->unit_bytes_max,
        .talk_bytes_max = media->talk_bytes_max,
        .strict_ssrc = media->strict_ssrc,
    };

    if (!config->gb28181.enabled || !media->enabled)
        return HF_OK;
    hf_err err = hf_media_new(&options, gateway->worker_count, &gateway->logger, &gateway->media);

    if (err != HF_OK)
        snprintf(error, error_bytes, "cannot make the media thread: %s", hf_err_text(err));
    return err;
}

void hf_gateway_media_metrics(struct hf_page *page, struct hf_gateway *gateway)
{
    struct hf_media_stats stats;

    if (gateway->media == NULL)
        return;
    hf_media_stats(gateway->media, &stats);
#define COUNTER(member, text) \
    hf_page_one(page, "media_" #member "_total", "counter", text, (double)stats.member);
    HF_MEDIA_STATS_MAP(COUNTER)
#undef COUNTER
    hf_page_one(page, "media_legs", "gauge", "streams that come in", (double)stats.legs);
    hf_page_one(page, "media_views", "gauge", "watchers by HTTP", (double)stats.views);
    hf_page_one(page, "media_connections", "gauge", "TCP connections of devices that send",
                (double)stats.connections_now);
    hf_page_one(page, "media_bits_per_second", "gauge", "of all streams that come in, over the last second",
                (double)stats.bits_per_s);
    hf_page_head(page, "media_ports", "gauge", "pairs of ports by state");
    hf_page_add(page, "holdfast_media_ports{state=\"free\"} %llu\n", (unsigned long long)stats.ports_free);
    hf_page_add(page, "holdfast_media_ports{state=\"used\"} %llu\n", (unsigned long long)stats.ports_used);
    hf_page_add(page, "holdfast_media_ports{state=\"resting\"} %llu\n",
                (unsigned long long)stats.ports_resting);
    hf_page_one(page, "media_ports_exhausted_total", "counter", "streams refused because no port was free",
                (double)stats.ports_exhausted);
    hf_page_one(page, "media_ports_skipped_total", "counter",
                "ports that somebody else on this machine holds", (double)stats.ports_skipped);
    hf_page_one(page, "media_ports_alarm", "gauge", "1 from 90 % of the ports in use until below 80 %",
                stats.ports_alarm);
    hf_page_one(page, "media_port_held_seconds", "gauge",
                "how long the port has been out that has been longest",
                (double)stats.ports_longest_ms / 1000);
    hf_page_one(page, "media_ports_audit_failed", "gauge",
                "1 if the count of ports and their states ever differed: a bug", stats.audit_failed);
}
