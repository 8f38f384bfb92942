/* core/sip/dialog_table.c - finding a dialog, and refusing one. */
#include "base/assert.h"
#include "base/hash.h"
#include "core/sip/dialog.h"

enum { REFUSE_BYTES = 8192 };

static bool check_is(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_sip_dialog, node)->check == *(const uint64_t *)key;
}

void hf_sip_dialogs_init(struct hf_sip_dialogs *dialogs, const uint8_t secret[HF_SIP_TX_SECRET_BYTES],
                         uint32_t max)
{
    *dialogs = (struct hf_sip_dialogs){.max = max > 0 ? max : HF_SIP_DIALOGS_MAX};
    memcpy(dialogs->secret, secret, sizeof(dialogs->secret));
    hf_map_init(&dialogs->map, check_is);
}

void hf_sip_dialogs_deinit(struct hf_sip_dialogs *dialogs)
{
    HF_ASSERT(dialogs->map.count == 0);
    hf_map_deinit(&dialogs->map);
}

/* Of the hashes of both, so that no two pairs are one text. */
static void key_of(const struct hf_sip_dialogs *dialogs, struct hf_slice call_id, struct hf_slice tag,
                   uint64_t *ret_hash, uint64_t *ret_check)
{
    uint64_t parts[3] = {hf_hash(dialogs->secret, call_id.at, call_id.bytes),
                         hf_hash(dialogs->secret, tag.at, tag.bytes), 0};

    *ret_hash = hf_hash(dialogs->secret, parts, sizeof(parts));
    parts[2] = 1;
    *ret_check = hf_hash(dialogs->secret, parts, sizeof(parts));
}

hf_err hf_sip_dialogs_add(struct hf_sip_dialogs *dialogs, struct hf_sip_dialog *dialog)
{
    uint64_t hash, check;
    hf_err err;

    HF_ASSERT(dialog->state != HF_SIP_DIALOG_NONE && !dialog->tabled);
    key_of(dialogs, hf_sip_dialog_call_id(dialog), hf_sip_dialog_local_tag(dialog), &hash, &check);
    if (hf_map_find(&dialogs->map, hash, &check) != NULL)
        return HF_ERR_EXISTS;
    if (dialogs->map.count >= dialogs->max) {
        dialogs->refused++;
        return HF_ERR_LIMIT;
    }
    err = hf_map_insert(&dialogs->map, &dialog->node, hash);
    if (err != HF_OK)
        return err;
    dialog->check = check;
    dialog->tabled = true;
    return HF_OK;
}

void hf_sip_dialogs_remove(struct hf_sip_dialogs *dialogs, struct hf_sip_dialog *dialog)
{
    if (!dialog->tabled)
        return;
    hf_map_remove(&dialogs->map, &dialog->node);
    dialog->tabled = false;
}

struct hf_sip_dialog *hf_sip_dialogs_find(const struct hf_sip_dialogs *dialogs, const struct hf_sip_msg *msg)
{
    uint64_t hash, check;
    struct hf_map_node *node;
    struct hf_sip_dialog *dialog;

    key_of(dialogs, msg->call_id, msg->kind == HF_SIP_REQUEST ? msg->to.tag : msg->from.tag, &hash, &check);
    node = hf_map_find(&dialogs->map, hash, &check);
    if (node == NULL)
        return NULL;
    dialog = HF_CONTAINER_OF(node, struct hf_sip_dialog, node);
    return hf_sip_dialog_is(dialog, msg) ? dialog : NULL;
}

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
