/* app/regions.h - TLS handshakes by the region of their peer (`regions` of the configuration), in windows of 10 s: how long they took, from accept to the client's
 * Finished (TLS-10). Of all workers; a lock is held for moments, once per handshake. Any thread. */
#ifndef HF_APP_REGIONS_H
#define HF_APP_REGIONS_H

#include "app/config.h"
#include "app/metrics_page.h"
#include "io/socket.h"

enum {
    HF_REGIONS_MAX = 16, /* as the configuration has it; and "other" */
    HF_REGION_WINDOW_MS = 10000,
};

struct hf_regions; /* opaque */

struct hf_regions *hf_regions_new(void);          /* all peers are "other"; NULL on no memory */
void hf_regions_free(struct hf_regions *regions); /* NULL is harmless */
/* At start and with each reload; the window begins anew. HF_ERR_NOMEM: nothing has changed. */
hf_err hf_regions_use(struct hf_regions *regions, const struct hf_config *config);
/* The longest prefix that holds the peer counts. */
void hf_regions_record(struct hf_regions *regions, const union hf_address *peer, uint64_t us,
                       uint64_t now_ms);
/* Of the last window that is complete. */
void hf_regions_metrics(struct hf_page *page, struct hf_regions *regions, uint64_t now_ms);

#endif
