#include "app/renewal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/renewal_set.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/thread.h"

struct hf_renewal {
    struct hf_logger *logger; /* borrows */
    unsigned workers;
    struct hf_inbox *inbox;
    struct hf_mailbox *from[HF_WORKERS_MAX]; /* posted to by worker i: struct hf_call */
    struct hf_mailbox *to[HF_WORKERS_MAX];
    pthread_mutex_t mutex; /* held for moments only */
    struct hf_renewal_set *current;
    _Atomic bool stopping;
    struct hf_thread thread;
    struct hf_pki_pair pair; /* the thread's */
};

hf_err hf_renewal_new(struct hf_logger *logger, unsigned workers, struct hf_renewal **ret_renewal)
{
    struct hf_renewal *renewal = calloc(1, sizeof(*renewal));
    hf_err err = HF_ERR_NOMEM;

    if (renewal == NULL)
        return HF_ERR_NOMEM;
    renewal->logger = logger;
    renewal->workers = workers;
    pthread_mutex_init(&renewal->mutex, NULL);
    renewal->inbox = hf_inbox_new(workers);
    if (renewal->inbox != NULL)
        err = HF_OK;
    for (unsigned i = 0; err == HF_OK && i < workers; i++)
        err = hf_inbox_add(renewal->inbox, HF_RENEWALS_WAITING_MAX, &renewal->from[i]);
    if (err != HF_OK) {
        hf_renewal_free(renewal);
        return err;
    }
    *ret_renewal = renewal;
    return HF_OK;
}

void hf_renewal_connect(struct hf_renewal *renewal, unsigned worker, struct hf_mailbox *to)
{
    renewal->to[worker] = to;
}

/* ---- the set in force ---- */

static struct hf_renewal_set *take(struct hf_renewal *renewal)
{
    pthread_mutex_lock(&renewal->mutex);
    struct hf_renewal_set *set = renewal->current;

    if (set != NULL)
        set->references++;
    pthread_mutex_unlock(&renewal->mutex);
    return set;
}

static void give(struct hf_renewal *renewal, struct hf_renewal_set *set)
{
    if (set == NULL)
        return;
    pthread_mutex_lock(&renewal->mutex);
    bool last = --set->references == 0;

    pthread_mutex_unlock(&renewal->mutex);
    if (last)
        hf_renewal_set_free(set);
}

bool hf_renewal_has(struct hf_renewal *renewal, struct hf_slice tenant)
{
    pthread_mutex_lock(&renewal->mutex);
    bool has = renewal->current != NULL && hf_renewal_set_find(renewal->current, tenant) != NULL;

    pthread_mutex_unlock(&renewal->mutex);
    return has;
}

/* ---- the thread ---- */

static enum hf_renewal_result result_of(hf_err err)
{
    switch (err) {
    case HF_OK: return HF_RENEWAL_ISSUED;
    case HF_ERR_MALFORMED: return HF_RENEWAL_MALFORMED;
    case HF_ERR_DENIED: return HF_RENEWAL_SIGNATURE;
    case HF_ERR_UNSUPPORTED: return HF_RENEWAL_KEY;
    default: return HF_RENEWAL_FAILED;
    }
}

static hf_err fill(const struct hf_pki_pair *pair, struct hf_call *call)
{
    struct hf_call_certificate *made = call->certificate;
    size_t bytes = strlen(pair->cert_pem);
    struct hf_pki_serial serial;
    hf_err err = hf_pki_serial_of(pair->cert_pem, &serial);

    if (err != HF_OK)
        return err;
    call->result = malloc(bytes);
    if (call->result == NULL)
        return HF_ERR_NOMEM;
    memcpy(call->result, pair->cert_pem, bytes);
    call->result_bytes = bytes;
    _Static_assert(sizeof(made->serial) == sizeof(serial.bytes), "a serial fits");
    memcpy(made->serial, serial.bytes, serial.length);
    made->serial_bytes = (uint8_t)serial.length;
    memcpy(made->fingerprint, pair->fingerprint, sizeof(made->fingerprint));
    made->not_before_ms = pair->not_before_utc_ms;
    made->not_after_ms = pair->not_after_utc_ms;
    return HF_OK;
}

static void sign(struct hf_renewal *renewal, struct hf_call *call)
{
    struct hf_renewal_set *set = take(renewal);
    struct hf_renewal_ca *ca = set != NULL ? hf_renewal_set_find(set, call->tenant) : NULL;
    char device[HF_TLS_DEVICE_BYTES_MAX + 1], error[HF_PKI_ERROR_BYTES] = "";
    hf_err err;

    if (ca == NULL || call->device.bytes >= sizeof(device)) {
        call->certificate->result = ca == NULL ? HF_RENEWAL_NO_CA : HF_RENEWAL_FAILED;
        give(renewal, set);
        return;
    }
    memcpy(device, call->device.at, call->device.bytes);
    device[call->device.bytes] = '\0';
    err = hf_pki_sign_csr(ca->ca, call->payload.at, call->payload.bytes, ca->tenant, device, ca->days,
                          hf_clock_utc_ms(), &renewal->pair, error, sizeof(error));
    if (err == HF_OK)
        err = fill(&renewal->pair, call);
    call->certificate->result = (uint8_t)result_of(err);
    if (call->certificate->result == HF_RENEWAL_FAILED) /* ours, not the device's */
        hf_log(renewal->logger, HF_LOG_CERTIFICATE_FAILED, HF_F_TENANT(call->tenant),
               HF_F_DEVICE(call->device), HF_F_ERROR(error[0] != '\0' ? error : hf_err_text(err)), HF_F_END);
    give(renewal, set);
}

static void give_back(struct hf_renewal *renewal, struct hf_call *call)
{
    hf_err err = hf_mailbox_post(renewal->to[call->origin], call);

    HF_ASSERT(err == HF_OK); /* what waits of a worker fits into its mailbox */
}

static void on_call(void *context, unsigned mailbox, void *message)
{
    struct hf_renewal *renewal = context;
    struct hf_call *call = message;

    (void)mailbox;
    if (atomic_load(&renewal->stopping))
        call->reason = HF_REASON_DRAIN;
    else
        sign(renewal, call);
    give_back(renewal, call);
}

static void run(void *context)
{
    struct hf_renewal *renewal = context;

    while (!atomic_load(&renewal->stopping)) {
        if (hf_inbox_drain(renewal->inbox, on_call, renewal, HF_RENEWALS_WAITING_MAX) == 0)
            (void)hf_inbox_wait(renewal->inbox, -1);
    }
}

hf_err hf_renewal_use(struct hf_renewal *renewal, struct hf_renewal_set *set)
{
    hf_err err = HF_OK;

    if (set->count > 0 && !renewal->thread.started)
        err = hf_thread_start(&renewal->thread, "hf-certs", HF_THREAD_ANY_CPU, run, renewal);
    if (err != HF_OK) {
        hf_renewal_set_free(set);
        return err;
    }
    pthread_mutex_lock(&renewal->mutex);
    struct hf_renewal_set *before = renewal->current;

    renewal->current = set;
    pthread_mutex_unlock(&renewal->mutex);
    give(renewal, before);
    return HF_OK;
}

/* ---- on the workers ---- */

hf_err hf_renewal_ask(struct hf_renewal *renewal, struct hf_call *call)
{
    return hf_mailbox_post(renewal->from[call->origin], call) == HF_OK ? HF_OK : HF_ERR_BUSY;
}

void hf_renewal_stop(struct hf_renewal *renewal)
{
    if (renewal == NULL || atomic_exchange(&renewal->stopping, true))
        return;
    hf_inbox_wake(renewal->inbox);
    hf_thread_join(&renewal->thread);
    while (hf_inbox_drain(renewal->inbox, on_call, renewal, HF_RENEWALS_WAITING_MAX) > 0)
        ;
}

void hf_renewal_free(struct hf_renewal *renewal)
{
    if (renewal == NULL)
        return;
    hf_renewal_stop(renewal);
    give(renewal, renewal->current);
    hf_inbox_free(renewal->inbox);
    pthread_mutex_destroy(&renewal->mutex);
    hf_pki_pair_wipe(&renewal->pair);
    free(renewal);
}
