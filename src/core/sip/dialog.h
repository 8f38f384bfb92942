/* core/sip/dialog.h - dialogs of INVITE and SUBSCRIBE: who talks to whom, by which route, with which numbers. Sans-I/O; knows nothing of what is said in them.
 * Sources: RFC 3261 12, 13.2.2.4, 16.12 (strict routes); RFC 6665 4.1.2.4 (a NOTIFY may come before the 2xx). One INVITE has one dialog here: what another To tag answers is
 * refused with ACK and BYE (hf_sip_dialog_refuse). Where a request of the dialog is sent is the caller's to say (the device's last proven address). */
#ifndef HF_CORE_SIP_DIALOG_H
#define HF_CORE_SIP_DIALOG_H

#include "core/sip/keep.h"
#include "core/sip/tx.h"

enum {
    HF_SIP_DIALOG_ROUTES_MAX = 8,
    HF_SIP_DIALOG_BYTES_MAX = 4096, /* of all texts of one */
    HF_SIP_DIALOG_PARTS = 6 + HF_SIP_DIALOG_ROUTES_MAX,
};

enum hf_sip_dialog_state { HF_SIP_DIALOG_NONE, HF_SIP_DIALOG_EARLY, HF_SIP_DIALOG_CONFIRMED };

/* What was forgiven, as bits: peers of whom the field tells. */
enum hf_sip_dialog_tolerance {
    HF_SIP_DIALOG_NO_CONTACT = 1, /* a 2xx without Contact: the target is the Request-URI, or To */
    HF_SIP_DIALOG_NO_TAG = 2,     /* a 2xx without a To tag (RFC 2543) */
};

/* Embedded; zero it. Fields are the module's, reading them is fine. */
struct hf_sip_dialog {
    struct hf_sip_keep *keep; /* borrows; NULL in NONE */
    char *text; /* owns: Call-ID, local tag, remote tag, local URI, remote URI, target, routes, end to end */
    uint32_t local_cseq;  /* last one used; 0 = none */
    uint32_t invite_cseq; /* of the last INVITE of ours, for its ACK */
    uint32_t remote_cseq; /* highest one seen */
    uint16_t ends[HF_SIP_DIALOG_PARTS];
    uint8_t routes;
    uint8_t state;     /* enum hf_sip_dialog_state */
    uint8_t tolerated; /* enum hf_sip_dialog_tolerance */
    bool has_remote_cseq;
};

/* --- making and ending --- */

/* Our INVITE or SUBSCRIBE got this answer. request: as it was sent; NULL for a STRAY: without Contact To is the target then.
 * HF_OK: the dialog is EARLY (101 to 199 with a To tag) or CONFIRMED (2xx), target and routes as the answer says.
 * HF_ERR_NOT_FOUND: this answer makes no dialog (100, 1xx without To tag, 300 to 699). HF_ERR_CONFLICT: it belongs to another dialog of the same request (another To tag):
 * hf_sip_dialog_refuse, when it is 2xx. HF_ERR_MALFORMED: a Contact or Record-Route that cannot be read. HF_ERR_LIMIT: too many routes or bytes. HF_ERR_NOMEM. After an error the dialog is as it was. */
hf_err hf_sip_dialog_uac(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                         const struct hf_sip_msg *request, const struct hf_sip_msg *response);
/* For a 2xx of which that took nothing (MALFORMED, LIMIT): To is the target, by no route. Every 2xx to INVITE is acknowledged (13.2.2.4), and this one can be ended, too.
 * HF_ERR_LIMIT: its tag alone is too long. HF_ERR_NOMEM. */
hf_err hf_sip_dialog_uac_bare(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                              const struct hf_sip_msg *response);
/* A NOTIFY for our SUBSCRIBE came before its answer: CONFIRMED. The same errors; NOT_FOUND: it is none for this SUBSCRIBE. Its CSeq counts as seen. */
hf_err hf_sip_dialog_notified(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                              const struct hf_sip_msg *subscribe, const struct hf_sip_msg *notify);
/* Their INVITE or SUBSCRIBE is being answered with this tag: EARLY, or CONFIRMED when the answer is 2xx. The same errors; a Contact has to be there. dialog: NONE. */
hf_err hf_sip_dialog_uas(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                         const struct hf_sip_msg *request, struct hf_slice local_tag, bool confirmed);
void hf_sip_dialog_confirm(struct hf_sip_dialog *dialog); /* EARLY, the 2xx goes out */
/* All that a dialog is, to be written down and taken up again in another process. Slices of the dialog, until it changes; or the caller's. */
struct hf_sip_dialog_saved {
    struct hf_slice call_id, local_tag, remote_tag, local_uri, remote_uri, target;
    struct hf_slice routes[HF_SIP_DIALOG_ROUTES_MAX];
    unsigned route_count;
    uint32_t local_cseq, invite_cseq, remote_cseq;
    bool has_remote_cseq;
};
void hf_sip_dialog_save(const struct hf_sip_dialog *dialog,
                        struct hf_sip_dialog_saved *ret_saved); /* CONFIRMED */
/* dialog: NONE; CONFIRMED afterwards. HF_ERR_MALFORMED: no dialog can have been like that. HF_ERR_LIMIT, HF_ERR_NOMEM. */
hf_err hf_sip_dialog_restore(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                             const struct hf_sip_dialog_saved *saved);
/* Back to NONE; harmless in NONE. */
void hf_sip_dialog_end(struct hf_sip_dialog *dialog);

/* --- messages --- */

/* Does it belong to this dialog? By Call-ID and both tags. */
bool hf_sip_dialog_is(const struct hf_sip_dialog *dialog, const struct hf_sip_msg *msg);
/* A request within the dialog came. HF_OK: do it; its number is noted and its Contact is the new target (INVITE, UPDATE, SUBSCRIBE, NOTIFY). HF_ERR_NOT_FOUND: not of this dialog (481).
 * HF_ERR_CONFLICT: its CSeq is lower than one before (500, 12.2.2); ACK and CANCEL have that of their INVITE. HF_ERR_MALFORMED, HF_ERR_LIMIT, HF_ERR_NOMEM: its Contact cannot be taken. */
hf_err hf_sip_dialog_receive(struct hf_sip_dialog *dialog, const struct hf_sip_msg *request);
/* A 2xx to a request of ours within the dialog: its Contact is the new target. The same errors. */
hf_err hf_sip_dialog_refreshed(struct hf_sip_dialog *dialog, const struct hf_sip_msg *response);

/* Begins a request within the dialog: the start line, Via, Max-Forwards, Route, From, To, Call-ID, CSeq (the next; ACK: that of its INVITE), Contact (absent: none). The caller adds what it wants
 * and ends with hf_sip_write_end. HF_ERR_CONFLICT: NONE, or a method that is not sent in dialogs (CANCEL, REGISTER) or not yet (ACK while EARLY). HF_ERR_LIMIT: no room, or numbers are used up. HF_ERR_INVALID as in codec/sip/write.h. */
hf_err hf_sip_dialog_write(struct hf_sip_dialog *dialog, struct hf_sb *sb, enum hf_sip_method method,
                           const struct hf_sip_via_out *via, struct hf_slice contact_uri);

/* A 2xx to INVITE that nobody wants: of another dialog, or too late (AGAIN, STRAY). Sends ACK and then BYE as a transaction that nobody waits for; again for each repeat. via: without its branch.
 * Errors as above, and as hf_sip_tx_request; nothing more can be done then. */
hf_err hf_sip_dialog_refuse(struct hf_sip_layer *layer, struct hf_sip_keep *keep,
                            const struct hf_sip_flow *flow, const struct hf_sip_msg *response,
                            const struct hf_sip_via_out *via, uint64_t now_ms);

struct hf_slice hf_sip_dialog_call_id(const struct hf_sip_dialog *dialog);
struct hf_slice hf_sip_dialog_local_tag(const struct hf_sip_dialog *dialog);
struct hf_slice hf_sip_dialog_remote_tag(const struct hf_sip_dialog *dialog);
struct hf_slice hf_sip_dialog_target(const struct hf_sip_dialog *dialog);

#endif
