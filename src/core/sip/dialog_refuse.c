/* core/sip/dialog_refuse.c - the end of a dialog that nobody wants. */
#include "core/sip/dialog.h"

enum { REFUSE_BYTES = 8192 };

static hf_err write_one(struct hf_sip_dialog *dialog, struct hf_sip_layer *layer, enum hf_sip_method method,
                        const struct hf_sip_via_out *via, struct hf_sb *sb)
{
    char branch[HF_SIP_BRANCH_BYTES_MAX];
    struct hf_sip_via_out own = *via;
    struct hf_slice none = {0};
    hf_err err;

    own.branch = hf_sip_layer_branch(layer, branch);
    err = hf_sip_dialog_write(dialog, sb, method, &own, none);
    return err == HF_OK ? hf_sip_write_end(sb, none, none) : err;
}

hf_err hf_sip_dialog_refuse(struct hf_sip_layer *layer, struct hf_sip_keep *keep,
                            const struct hf_sip_flow *flow, const struct hf_sip_msg *response,
                            const struct hf_sip_via_out *via, uint64_t now_ms)
{
    struct hf_sip_dialog dialog = {0};
    struct hf_sip_tx *bye = NULL;
    char text[REFUSE_BYTES];
    struct hf_sb sb;
    hf_err err = hf_sip_dialog_uac(&dialog, keep, NULL, response);

    if (err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT)
        err = hf_sip_dialog_uac_bare(&dialog, keep, response);
    if (err != HF_OK)
        return err;
    hf_sb_init(&sb, text, sizeof(text));
    err = write_one(&dialog, layer, HF_SIP_ACK, via, &sb);
    if (err == HF_OK)
        err = hf_sip_layer_send(layer, flow, hf_sb_done(&sb));
    hf_sb_init(&sb, text, sizeof(text));
    if (err == HF_OK)
        err = write_one(&dialog, layer, HF_SIP_BYE, via, &sb);
    if (err == HF_OK)
        err = hf_sip_tx_request(layer, flow, hf_sb_done(&sb), NULL, now_ms, &bye);
    if (err == HF_OK)
        hf_sip_tx_forget(bye);
    hf_sip_dialog_end(&dialog);
    return err;
}
