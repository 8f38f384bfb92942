/* adapter/gb28181/upstream_sub.h - for the files upstream*.c: a platform's subscription to our catalogue. */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_SUB_H
#define HF_ADAPTER_GB28181_UPSTREAM_SUB_H

#include "adapter/gb28181/upstream_parts.h"
#include "core/sip/dialog.h"

struct hf_gb_up_change {
    uint32_t node; /* of the tree; gone: of the tree before */
    uint8_t event; /* enum hf_cdp_event_word */
    bool gone;
};

struct hf_gb_up_sub {
    struct hf_list_node node; /* up->subs */
    struct hf_gb_upstream *up;
    struct hf_sip_dialog dialog;
    struct hf_gb_up_tree *told; /* shares; what the platform knows; NULL: nothing yet */
    struct hf_gb_up_job *job;   /* changes under way */
    uint64_t expires_ms;
    int64_t sn;
    uint8_t about_bytes, event_bytes;
    char about[HF_GB_UP_ID_BYTES_MAX], event[64]; /* as it was asked: "Catalog;id=7" */
};

void hf_gb_up_on_subscribe(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
hf_timer_fn hf_gb_up_on_look;
void hf_gb_up_subs_drop(struct hf_gb_upstream *up);

/* upstream_job.c calls these for a job with a sub. */
/* Into up->sip: a NOTIFY with that body. False: it cannot be written. */
bool hf_gb_up_sub_write(struct hf_gb_up_sub *sub, struct hf_slice body, struct hf_slice *ret_text);
/* The changes were taken, all; or given up: the next look finds them again. status: of the refusal, 0 = no answer. */
void hf_gb_up_sub_told(struct hf_gb_up_sub *sub, bool whole, unsigned status);

#endif
