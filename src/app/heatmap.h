/* app/heatmap.h - latencies of all workers, and their live states, for people and for Prometheus. Any thread. */
#ifndef HF_APP_HEATMAP_H
#define HF_APP_HEATMAP_H

#include "app/metrics_page.h"

struct hf_gateway;
struct hf_json_out;

void hf_gateway_heatmap_json(struct hf_gateway *gateway,
                             struct hf_json_out *out); /* members of the open object */
void hf_gateway_heatmap_metrics(struct hf_page *page, struct hf_gateway *gateway);

#endif
