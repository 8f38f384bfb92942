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

static inline struct hf_slice hf_gb_up_call_device(const struct hf_gb_up_call *call)
{
    return (struct hf_slice){call->device, call->device_bytes};
}
static inline struct hf_slice hf_gb_up_call_shown(const struct hf_gb_up_call *call)
{
    return (struct hf_slice){call->shown, call->shown_bytes};
}

/* upstream_call_answer.c: members of a result of Play. */
enum {
    HF_GB_UP_SAID_CONFIRMED,
    HF_GB_UP_SAID_ID,
    HF_GB_UP_SAID_FROM,
    HF_GB_UP_SAID_SSRC,
    HF_GB_UP_SAID_ANSWER_SSRC,
    HF_GB_UP_SAID_PAYLOAD,
    HF_GB_UP_SAID_FORMAT,
    HF_GB_UP_SAID_SETUP,
    HF_GB_UP_SAID_REASON,
    HF_GB_UP_SAID_STATUS,
    HF_GB_UP_SAID
};
/* Absent when it was not said, or is no text that fits. */
struct hf_slice hf_gb_up_said_text(const struct hf_json_field *field, char *storage, size_t bytes);
/* The 200 with SDP, into up->sip. False: it cannot be written. */
bool hf_gb_up_call_answer(struct hf_gb_up_call *call, const struct hf_json_field said[HF_GB_UP_SAID],
                          struct hf_slice *ret_text);
const char *hf_gb_up_call_verb(unsigned session); /* "Play" */

/* upstream_call.c */
/* It is over; the call may be gone afterwards. above: the platform has to be told, too. */
void hf_gb_up_call_end(struct hf_gb_up_call *call, bool above);
/* A command about the session below; nobody waits for what comes of it. more: further members, from the comma on. False: no memory, or the gateway is busy. */
bool hf_gb_up_call_order(struct hf_gb_upstream *up, struct hf_slice device, const char *id,
                         const char *verb /* static */, const char *more);
void hf_gb_up_on_invite(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
/* upstream_call_dialog.c */
void hf_gb_up_on_bye(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
void hf_gb_up_on_info(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);
struct hf_gb_up_call *hf_gb_up_call_find(const struct hf_gb_upstream *up, const struct hf_sip_msg *msg);
/* All are over: stopped below; above: with a BYE to the platform. */
void hf_gb_up_calls_end(struct hf_gb_upstream *up, bool above);
hf_timer_fn hf_gb_up_on_retry;                       /* sessions below that could not be stopped */
void hf_gb_up_calls_free(struct hf_gb_upstream *up); /* what is left, without a word */

#endif
