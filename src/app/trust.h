/* app/trust.h - what another CA set means for the sessions that are there (TLS-9). After a reload those that the new set does not take are told apart, and workers
 * close them (hf_worker_recheck_certificates()); a dry run says which ones a set would cut, and changes nothing. To verify a chain takes some 0.1 ms, and there may
 * be 100,000: this is done on a thread of its own, and no worker waits for it. Without a listener that asks for client certificates there is no thread. */
#ifndef HF_APP_TRUST_H
#define HF_APP_TRUST_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/call.h"
#include "io/thread.h"

struct hf_gateway;
struct hf_worker;

struct hf_trust {
    struct hf_gateway *gateway; /* borrows */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    _Atomic bool changed;          /* a reload was: by mutex, but looked at without it */
    _Atomic bool stopping;         /* likewise */
    struct hf_call *asked;         /* by mutex */
    struct hf_call *_Atomic ready; /* for worker call->origin to fetch */
    _Atomic bool busy;             /* from the question until the answer is fetched: one dry run at a time */
    _Atomic uint64_t generation;   /* grows when sessions were found that are to be closed */
    struct hf_thread thread;
};

void hf_trust_init(struct hf_trust *self, struct hf_gateway *gateway);
void hf_trust_deinit(struct hf_trust *self);
hf_err hf_trust_start(struct hf_trust *self);
void hf_trust_stop(struct hf_trust *self); /* it wakes workers: before their loops go; again is harmless */
/* Once the workers have ended: a question that was not answered yet goes back, reason drain. */
void hf_trust_finish(struct hf_trust *self);

void hf_trust_reloaded(struct hf_trust *self); /* listeners have other files: sessions are judged anew */
/* A TRUST call, on worker call->origin. HF_ERR_BUSY: another one is at work. */
hf_err hf_trust_ask(struct hf_trust *self, struct hf_call *call);
void hf_trust_fetch(struct hf_worker *worker); /* every turn: on_done() of an answer that is this worker's */

#endif
