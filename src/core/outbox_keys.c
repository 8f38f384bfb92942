/* core/outbox_keys.c - idempotency keys: what a second request with the key of an earlier one gets (DLV-11). The tables know them; those whose
 * records the tables have not reached yet are kept beside the outbox. */
#include <stdlib.h>

#include "base/sb.h"
#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/projection.h"
#include "core/rows.h"

static struct hf_recent_key *key_of(struct hf_list_node *node)
{
    return HF_CONTAINER_OF(node, struct hf_recent_key, node);
}

/* Keys whose rows are in the tables by now need no copy here. They stand in the order of their records. */
void hf_outbox_forget_keys(struct hf_hub *hub, struct hf_outbox *outbox, bool all)
{
    uint64_t applied = hf_kv_applied_offset(hub->options.kv);

    while (!hf_list_empty(&outbox->keys)) {
        struct hf_recent_key *first = key_of(outbox->keys.next);

        if (!all && (first->offset == 0 || first->offset > applied))
            return;
        hf_list_remove(&first->node);
        free(first);
    }
}

uint64_t hf_call_body_hash(const struct hf_call *call)
{
    uint64_t hash;

    memcpy(&hash, call->body_hash, sizeof(hash));
    return hash;
}

static bool same_hash(struct hf_slice stored, uint64_t hash)
{
    return stored.bytes == sizeof(hash) && memcmp(stored.at, &hash, sizeof(hash)) == 0;
}

/* Answers with the first request's message when the key is known. True when the call was answered. */
bool hf_outbox_replay(struct hf_hub *hub, struct hf_device *device, struct hf_call *call)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_slice value;
    struct hf_idempotency_row row;
    struct hf_kvkey key;
    char storage[HF_KVKEY_BYTES_MAX + HF_KEY_BYTES_MAX];
    struct hf_sb sb;
    bool found = false;
    uint64_t hash = hf_call_body_hash(call);

    if (device->outbox != NULL) /* here, so that they stay few also when the line never empties */
        hf_outbox_forget_keys(hub, device->outbox, false);
    for (struct hf_list_node *at = device->outbox ? device->outbox->keys.next : NULL;
         at != NULL && at != &device->outbox->keys; at = at->next) {
        struct hf_recent_key *recent = key_of(at);

        if (!hf_slice_eq((struct hf_slice){recent->key, recent->bytes}, call->key))
            continue;
        if (recent->hash != hash)
            hf_call_answer(hub, call, HF_REASON_ID_CONFLICT);
        else if (recent->offset == 0)
            hf_call_answer(hub, call, HF_REASON_IN_PROGRESS);
        else {
            memcpy(call->id, recent->id, sizeof(call->id));
            call->replayed = true;
            hf_call_answer(hub, call, HF_REASON_NONE);
        }
        return true;
    }
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_err err = hf_kvkey_device(&key, device->tenant->name, hf_device_name(device));
    HF_ASSERT(err == HF_OK && call->key.bytes <= HF_KEY_BYTES_MAX);
    hf_sb_slice(&sb, hf_kvkey_slice(&key));
    hf_sb_slice(&sb, call->key);
    err = hf_kv_read(hub->options.kv, &txn);
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_IDEMPOTENCY, hf_sb_done(&sb), &value);
    if (err == HF_OK && hf_idempotency_row_decode(value, &row) == HF_OK && row.id.bytes == sizeof(call->id) &&
        hf_idempotency_counts(txn, &row, hub->utc_ms, hf_rules(device->tenant)->idempotency_ms)) {
        found = true;
        call->replayed = same_hash(row.hash, hash);
        if (call->replayed)
            memcpy(call->id, row.id.at, sizeof(call->id));
    }
    hf_kv_end(txn);
    if (found)
        hf_call_answer(hub, call, call->replayed ? HF_REASON_NONE : HF_REASON_ID_CONFLICT);
    else if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        hf_call_answer(hub, call,
                       HF_REASON_BUSY); /* unknown whether it is known: to send it would risk a second time */
    return found || (err != HF_OK && err != HF_ERR_NOT_FOUND);
}

hf_err hf_outbox_remember_key(struct hf_outbox *outbox, const struct hf_call *call)
{
    struct hf_recent_key *recent = malloc(sizeof(*recent) + call->key.bytes);

    if (recent == NULL)
        return HF_ERR_NOMEM;
    hf_list_init(&recent->node);
    recent->offset = 0;
    recent->hash = hf_call_body_hash(call);
    memcpy(recent->id, call->id, sizeof(recent->id));
    recent->bytes = (uint16_t)call->key.bytes;
    memcpy(recent->key, call->key.at, call->key.bytes);
    hf_list_push_back(&outbox->keys, &recent->node);
    return HF_OK;
}

struct hf_recent_key *hf_outbox_key_by_id(struct hf_outbox *outbox, const uint8_t id[16])
{
    for (struct hf_list_node *at = outbox->keys.next; at != &outbox->keys; at = at->next)
        if (memcmp(key_of(at)->id, id, 16) == 0)
            return key_of(at);
    return NULL;
}
