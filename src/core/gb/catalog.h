/* core/gb/catalog.h - how far a device's list of channels is known: the query and its answers. What was heard stands in the tables (core/channels.h); this is whether more is to come.
 * Pure. Sources: GB/T 28181-2022 9.3; requirement GB-9.
 *
 *   NONE --asked--> QUERYING --whole--> COMPLETE        QUERYING --unanswered--> what it was before
 *                      |  ^--asked---- PARTIAL, COMPLETE
 *                      +----part------> PARTIAL         any --gone--> NONE */
#ifndef HF_CORE_GB_CATALOG_H
#define HF_CORE_GB_CATALOG_H

#include <stdint.h>

enum hf_gb_catalog {
    HF_GB_CATALOG_NONE,
    HF_GB_CATALOG_QUERYING,
    HF_GB_CATALOG_PARTIAL,
    HF_GB_CATALOG_COMPLETE,
    HF_GB_CATALOGS
};
const char *hf_gb_catalog_name(unsigned catalog); /* "querying" */

enum hf_gb_catalog_event {
    HF_GB_CATALOG_ASKED,
    HF_GB_CATALOG_WHOLE,      /* everything that was announced came, or the tables have it */
    HF_GB_CATALOG_PART,       /* the wait was over before */
    HF_GB_CATALOG_UNANSWERED, /* nothing came, or a refusal */
    HF_GB_CATALOG_GONE,       /* the device */
    HF_GB_CATALOG_EVENTS
};

struct hf_gb_catalog_state {
    uint8_t now;    /* enum hf_gb_catalog */
    uint8_t before; /* the query under way */
};
void hf_gb_catalog_step(struct hf_gb_catalog_state *state, enum hf_gb_catalog_event event);

enum {
    HF_GB_CATALOG_TRIES = 5, /* of the gateway's own queries, one device */
    HF_GB_CATALOG_RETRY_MS = 60000,
    HF_GB_CATALOG_RETRY_MS_MAX = 3600000,
};
/* Until the next try after so many that failed (1, 2, ...); the caller adds jitter. */
uint32_t hf_gb_catalog_retry_ms(unsigned failed);

#endif
