/* adapter/gb28181/subscribe.h - subscriptions at devices: their catalogue, alarms, positions (SUBSCRIBE and NOTIFY). What is wanted is a setting of the device, made by the commands Subscribe and
 * Unsubscribe or by the site's limits; it is subscribed when the device comes, once and spread in time, and forgotten when it leaves. Rules: core/gb/subscription.h.
 * Memory: one allocation and one dialog (core/sip/dialog.h) for each subscription; nothing for devices without any.
 * Sources: GB/T 28181-2022 9.11, RFC 6665. */
#ifndef HF_ADAPTER_GB28181_SUBSCRIBE_H
#define HF_ADAPTER_GB28181_SUBSCRIBE_H

#include "adapter/gb28181/gb.h"
#include "core/gb/subscription.h"
#include "core/sip/dialog.h"

enum {
    HF_GB_SUBS_MAX = 262144,         /* of a worker */
    HF_GB_SUB_DELAY_MS = 2000,       /* after a registration */
    HF_GB_SUBS_PER_SECOND = 50,      /* as many seconds of patience as all that wait need at this */
    HF_GB_SUB_INTERVAL_S_MAX = 3600, /* of positions */
    HF_GB_SUB_STOOD_IN = 4,          /* notices of the old one remembered, which the new one may bring, too */
    HF_GB_SUB_STOOD_IN_MS = 40000,   /* so long: the device repeats a NOTIFY for 32 s */
};

struct hf_gb_sub {
    struct hf_gb_user user; /* first */
    struct hf_gb_sub *next; /* of the device */
    struct hf_gb_device *device;
    struct hf_timer timer;
    struct hf_sip_dialog dialog;
    struct hf_sip_tx *tx;          /* a SUBSCRIBE that is not answered */
    struct hf_gb_request *request; /* the command that waits for what comes of it, or NULL */
    struct hf_gb_sub_rule rule;
    uint64_t until_ms;                     /* ACTIVE: granted until */
    uint64_t stood_in[HF_GB_SUB_STOOD_IN]; /* hashes of what it brought; 0 = none */
    uint64_t stood_in_ms;                  /* the last of them */
    uint64_t stand_in;              /* hash of the Call-ID of an old one that is taken meanwhile; 0 = none */
    uint32_t expires_s, interval_s; /* wanted; expires 0 = not */
    uint32_t id, cseq;              /* of the Event header; of the SUBSCRIBE without a dialog */
    uint16_t status;                /* of the last refusal, 0 = none; 408 = nothing came */
    uint8_t topic;                  /* enum hf_gb_topic */
    uint8_t stood_in_next;
    bool chosen; /* by a command: a setting. Else the site's limits want it */
    char token[HF_SIP_TAG_BYTES_MAX],
        tag[HF_SIP_TAG_BYTES_MAX]; /* Call-ID and From tag while there is no dialog */
};

/* The device was not there before. */
void hf_gb_subs_registered(struct hf_gb_device *device);
void hf_gb_subs_gone(struct hf_gb_device *device); /* what is wanted stays */
void hf_gb_subs_free(struct hf_gb_device *device);
size_t hf_gb_sub_bytes(void);

/* Subscribe {"event","expires_s","interval_s"}, Unsubscribe {"event"}: true when it is one of these. Then *ret_err: HF_OK, or as hf_gb_command_build() says. */
bool hf_gb_sub_command(struct hf_gb_request *request, const struct hf_outgoing *outgoing, hf_err *ret_err,
                       struct hf_slice *ret_element);
/* The end of the turn in which a command came that needs no answer. */
void hf_gb_sub_command_due(struct hf_gb_request *request);
void hf_gb_sub_request_gone(struct hf_gb_request *request);

/* subscribe.c: the steps of one. take: there, NONE if it is new; NULL: too many, or no memory. */
struct hf_gb_sub *hf_gb_sub_take(struct hf_gb_device *device, unsigned topic);
void hf_gb_sub_want(struct hf_gb_sub *sub, uint32_t expires_s, uint32_t interval_s, uint64_t wait_ms);
void hf_gb_sub_soon(struct hf_gb_sub *sub); /* as it is wanted now, at the end of this turn */
void hf_gb_sub_unwant(struct hf_gb_sub *sub);
/* That a message with this Call-ID belongs to; or NULL. */
struct hf_gb_sub *hf_gb_sub_find(const struct hf_gb_device *device, struct hf_slice call_id);
/* HF_ERR_CONFLICT: it is older than one before. HF_ERR_NOMEM: the dialog could not be kept; take it nevertheless. */
hf_err hf_gb_sub_notified(struct hf_gb_sub *sub, const struct hf_sip_msg *notify);
void hf_gb_sub_ended(struct hf_gb_sub *sub); /* by the device */

/* A NOTIFY came. */
void hf_gb_on_notify(struct hf_gb_site *site, const struct hf_sip_tx_event *event);

/* Members "subscriptions" of the object that is open. */
void hf_gb_subs_describe(const struct hf_gb_device *device, struct hf_json_out *out);

#endif
