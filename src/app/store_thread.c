#include "app/store_thread.h"

#include "io/clock.h"

enum { RETRY_MS = 500, SWEEP_MS = 5000 };

hf_err hf_store_thread_replay(struct hf_store_thread *self, uint64_t *ret_events)
{
    self->inbox = hf_inbox_new(1);
    return self->inbox ? hf_store_replay(self, ret_events) : HF_ERR_NOMEM;
}

static void run(void *context)
{
    struct hf_store_thread *self = context;
    bool failed = false;

    while (!atomic_load(&self->stopping) || hf_log_durable_through(self->log) > atomic_load(&self->applied)) {
        uint64_t before = atomic_load(&self->applied), events = 0;
        bool more = self->reader == NULL; /* opened now, read in the next round */
        hf_err err = self->reader ? hf_store_apply_batch(self, HF_STORE_BATCH_RECORDS, &more, &events)
                                  : hf_store_open_reader(self);

        if (err != HF_OK) {
            if (err != HF_ERR_AGAIN && !failed) {
                failed = true;
                hf_log(self->logger, HF_LOG_STORE_ERROR, HF_F_ERR(err), HF_F_U64("applied", before),
                       HF_F_END);
            }
            atomic_fetch_add(&self->failures, 1);
            if (atomic_load(&self->stopping))
                break; /* the next start replays it */
            if (err != HF_ERR_AGAIN)
                (void)hf_inbox_wait(self->inbox, RETRY_MS);
            (void)hf_store_open_reader(self);
            continue;
        }
        failed = false;
        if (atomic_load(&self->applied) > before)
            self->on_applied(self->context);
        if (more)
            continue;
        if (hf_clock_ms() - self->swept_ms >= SWEEP_MS)
            hf_store_sweep(self, hf_clock_ms(), hf_clock_utc_ms());
        if (!atomic_load(&self->stopping))
            (void)hf_inbox_wait(self->inbox, SWEEP_MS);
    }
    hf_log_reader_close(self->reader);
    self->reader = NULL;
}

hf_err hf_store_thread_start(struct hf_store_thread *self)
{
    return hf_thread_start(&self->thread, "hf-store", HF_THREAD_ANY_CPU, run, self);
}

void hf_store_thread_wake(struct hf_store_thread *self)
{
    hf_inbox_wake(self->inbox);
}

void hf_store_thread_stop(struct hf_store_thread *self)
{
    atomic_store(&self->stopping, true);
    if (self->inbox != NULL)
        hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
    hf_store_close_reader(self);
    hf_inbox_free(self->inbox);
    self->inbox = NULL;
}
