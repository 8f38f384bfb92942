/* client/core_store.c - what became durable, and what did not. */
#include "client/core_internal.h"

void hf_core_facts(struct hf_client_core *core)
{
    core->store->ops->facts(core->store, &core->facts);
}

bool hf_core_well(const struct hf_client_core *core)
{
    return core->store_retry_ms == 0 || core->now.now_ms >= core->store_retry_ms;
}

void hf_core_trouble(struct hf_client_core *core, hf_err err)
{
    bool known = core->store_retry_ms != 0;

    core->store_retry_ms = core->now.now_ms + HF_CLIENT_RETRY_STORE_MS;
    hf_core_facts(core);
    if (!known)
        core->ops->error(core->user, err, HF_REASON_STORAGE_FAILED, hf_slice_of(hf_err_text(err)));
}

/* Takes the first one out, so that the application may publish within the callback. */
static void tell_pending(struct hf_client_core *core, uint64_t through, hf_err err)
{
    while (core->pending_count > 0 && core->pending[0].ticket <= through) {
        struct hf_pending first = core->pending[0];

        core->pending_count--;
        memmove(core->pending, core->pending + 1, core->pending_count * sizeof(core->pending[0]));
        if (!first.failed) {
            core->ops->published(core->user, first.cookie, first.id, err);
        } else if (err == HF_OK) { /* else it is in the queue as before */
            core->counts.failed++;
            core->ops->failed(core->user, first.id, first.reason);
        }
    }
}

static void stored(struct hf_client_core *core, uint64_t through, hf_err err)
{
    hf_core_facts(core);
    core->durable_next = core->facts.next; /* with an error, too: the state is the last durable one then */
    core->durable_position = core->facts.position;
    if (err == HF_OK) {
        core->busy |= core->store_retry_ms != 0; /* well again: what waited for that may go on */
        core->store_retry_ms = 0;
    }
    hf_core_down_stored(core, through, err);
    if (err != HF_OK)
        hf_core_trouble(core, err);
    tell_pending(core, through, err);
}

void hf_core_commit(struct hf_client_core *core, bool now)
{
    uint64_t through;
    hf_err err;

    while (core->store->ops->poll(core->store, core->now.now_ms, now, &through, &err)) {
        stored(core, through, err);
        now = false;
    }
    hf_core_facts(core);
}
