/* adapter/gb28181/upstream_call.h - for the files upstream*.c: media sessions that a platform asks for. */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_CALL_H
#define HF_ADAPTER_GB28181_UPSTREAM_CALL_H

#include "adapter/gb28181/upstream_parts.h"
#include "codec/sdp/sdp.h"
#include "core/sip/dialog.h"

enum { HF_GB_UP_CALL_ID_BYTES = 17 /* of a session below: 16 digits and NUL */ };

enum hf_gb_up_call_state { HF_GB_UP_CALL_ASKING, HF_GB_UP_CALL_ANSWERED, HF_GB_UP_CALL_STANDING };

struct hf_gb_up_call {
    struct hf_gb_user user;   /* first: of their INVITE */
    struct hf_list_node node; /* up->calls */
    struct hf_gb_upstream *up;
    struct hf_sip_tx *invite; /* while events of it may come */
    struct hf_sip_dialog dialog;
    struct hf_call *asked; /* Play under way; the gateway's */
    char *request;         /* their INVITE, until it is answered; owns */
    size_t request_bytes;
    uint64_t start_s, stop_s;
    uint8_t state;   /* enum hf_gb_up_call_state */
    uint8_t session; /* enum hf_sdp_session: Play, Playback, Download */
    bool tcp, passive;
    bool unwanted; /* over above; stopped below as soon as its name is known */
    uint8_t device_bytes, shown_bytes;
    char device[HF_GB_UP_ID_BYTES_MAX], shown[HF_GB_UP_ID_BYTES_MAX];
    char id[HF_GB_UP_CALL_ID_BYTES]; /* "" = not known yet */
};

void hf_gb_up_on_invite(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
void hf_gb_up_on_bye(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
void hf_gb_up_on_info(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
struct hf_gb_up_call *hf_gb_up_call_find(const struct hf_gb_upstream *up, const struct hf_sip_msg *msg);
/* All are over: stopped below; above: with a BYE to the platform. */
void hf_gb_up_calls_end(struct hf_gb_upstream *up, bool above);
void hf_gb_up_calls_free(struct hf_gb_upstream *up); /* what is left, without a word */

#endif
