/* app/heatmap.h - latencies of all workers, and their live states, for people and for Prometheus. Any thread. */
#ifndef HF_APP_HEATMAP_H
#define HF_APP_HEATMAP_H

#include "app/metrics_page.h"

struct hf_gateway;
struct hf_heatmap_wish;
struct hf_json_out;

void hf_gateway_heatmap_json(struct hf_gateway *gateway,
                             struct hf_json_out *out); /* members of the open object */
/* The first worker, each second: does a slot of the history end? */
void hf_gateway_heatmap_look(struct hf_gateway *gateway, uint64_t utc_ms);
/* Slots of [from_ms, to_ms), the oldest first; members of the open object, and next_from_ms when there are more than slots_max. */
void hf_gateway_heatmap_history_json(struct hf_gateway *gateway, const struct hf_heatmap_wish *wish,
                                     struct hf_json_out *out);
void hf_gateway_heatmap_metrics(struct hf_page *page, struct hf_gateway *gateway);

#endif
