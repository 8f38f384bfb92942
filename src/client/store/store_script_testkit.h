/* Random calls on a store of client/store/store.h, the same for each body with the same seed: what the random and the crash tests share. */
#ifndef HF_CLIENT_STORE_SCRIPT_TESTKIT_H
#define HF_CLIENT_STORE_SCRIPT_TESTKIT_H

#include "base/assert.h"
#include "base/rng.h"
#include "client/store/store_testkit.h"

enum { SCRIPT_UUIDS = 40 };

struct script {
    struct hf_rng rng;
    uint64_t utc_ms;
};

static inline struct hf_store_message script_message(struct script *script, char *storage,
                                                     size_t storage_bytes)
{
    struct hf_store_message message = {.class = (uint8_t)hf_rng_below(&script->rng, HF_STORE_RESULT),
                                       .urgent = hf_rng_below(&script->rng, 4) == 0,
                                       .text = hf_rng_below(&script->rng, 2) == 0,
                                       .format = (uint8_t)hf_rng_below(&script->rng, 5),
                                       .created_ms = script->utc_ms};

    uuid_of((unsigned)hf_rng_below(&script->rng, SCRIPT_UUIDS), message.uuid);
    if (hf_rng_below(&script->rng, 3) == 0)
        message.expires_ms = script->utc_ms + hf_rng_below(&script->rng, 50);
    memset(storage, 'a' + (int)hf_rng_below(&script->rng, 26), storage_bytes);
    message.topic = (struct hf_slice){storage, hf_rng_below(&script->rng, 9)};
    message.payload = (struct hf_slice){storage, hf_rng_below(&script->rng, storage_bytes)};
    return message;
}

static inline hf_err script_done(struct script *script, struct hf_store *store,
                                 const struct hf_store_facts *facts)
{
    char storage[64];
    struct hf_store_message result = script_message(script, storage, sizeof(storage));
    bool command = hf_rng_below(&script->rng, 2) == 0;
    uint64_t ticket;
    uint8_t uuid[16];

    result.class = HF_STORE_RESULT;
    result.status = (uint8_t)hf_rng_below(&script->rng, 4);
    uuid_of((unsigned)hf_rng_below(&script->rng, SCRIPT_UUIDS), uuid);
    return store->ops->done(store, facts->position + hf_rng_below(&script->rng, 3), uuid,
                            command ? &result : NULL, &ticket);
}

/* One call that changes something. Refusals (full, nothing there) are results like others. */
static inline hf_err script_step(struct script *script, struct hf_store *store)
{
    struct hf_store_facts facts = facts_of(store);
    uint64_t id, ticket, draw = hf_rng_below(&script->rng, 100);
    uint64_t ahead = facts.next - facts.first, within = facts.first + hf_rng_below(&script->rng, ahead + 1);
    enum hf_reason reason;
    uint8_t session_id[16];
    char storage[300];

    script->utc_ms += hf_rng_below(&script->rng, 20);
    if (draw < 40) {
        struct hf_store_message message = script_message(script, storage, sizeof(storage));

        return store->ops->append(store, &message, &id, &ticket);
    }
    if (draw < 65)
        return store->ops->number(store, draw % 3 == 0, facts.id_last / 2, script->utc_ms, 280, &id, &reason,
                                  &ticket);
    if (draw < 70)
        return store->ops->drop(store, draw % 2 ? HF_REASON_DROP_OLDEST : HF_REASON_DROP_NEWEST, &id,
                                &ticket);
    if (draw < 80)
        return within < facts.next ? store->ops->ack(store, within, NULL, NULL) : HF_OK;
    if (draw < 84)
        return store->ops->reject(store, within, HF_REASON_FORBIDDEN, &id, &ticket);
    if (draw < 96)
        return script_done(script, store, &facts);
    if (draw < 98)
        return store->ops->mark(store, draw % 2 == 0, facts.first, within);
    memset(session_id, (int)draw, sizeof(session_id));
    if (draw == 98)
        return store->ops->session(store, session_id, hf_rng_below(&script->rng, 9), &ticket);
    return store->ops->renew(store, 1 + hf_rng_below(&script->rng, 99), &ticket);
}

#endif
