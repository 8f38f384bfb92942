/* app/tls_metrics.h - the TLS of each listener on the page of /metrics: until when its certificate is good, and which client certificates it refused. Any thread. */
#ifndef HF_APP_TLS_METRICS_H
#define HF_APP_TLS_METRICS_H

#include "app/metrics_page.h"

struct hf_gateway;

void hf_gateway_tls_metrics(struct hf_page *page, const struct hf_gateway *gateway);

#endif
