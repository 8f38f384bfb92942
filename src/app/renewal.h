/* app/renewal.h - signs the requests of devices for their next certificate (SEC-9, TLS-2; tenants[].device_ca) on a thread of its own, so that no worker waits for a signature, nor
 * for whatever keeps a CA's key one day. Who may ask and when was judged before (adapter/ws/session_certificate.c). Without a device_ca in the configuration there is no thread. */
#ifndef HF_APP_RENEWAL_H
#define HF_APP_RENEWAL_H

#include "app/config.h"
#include "app/log_thread.h"
#include "base/logger.h"
#include "core/call.h"
#include "core/renewal.h"
#include "io/mailbox.h"

struct hf_renewal;     /* opaque */
struct hf_renewal_set; /* opaque: the CAs of a configuration */

/* HF_ERR_NOMEM. */
hf_err hf_renewal_new(struct hf_logger *logger, unsigned workers, struct hf_renewal **ret_renewal);
/* Before worker i runs: where its answers go, a mailbox of HF_RENEWALS_WAITING_MAX entries. */
void hf_renewal_connect(struct hf_renewal *renewal, unsigned worker, struct hf_mailbox *to);

/* Reads the CAs that the tenants name. HF_ERR_INVALID, HF_ERR_DENIED (others can read a key), HF_ERR_NOMEM: `error` names the option, the file and the fix. That no listener would take
 * what a CA signs is such an error: a device that had replaced its certificate by such a one would be lost. */
hf_err hf_renewal_load(const struct hf_config *config, struct hf_renewal_set **ret_set, char *error,
                       size_t error_bytes);
void hf_renewal_set_free(struct hf_renewal_set *set); /* NULL is harmless */
/* In force from now on; takes the set. The thread begins with the first one that holds a CA. HF_ERR_NOMEM: the set was freed, and the one before stays. One thread only. */
hf_err hf_renewal_use(struct hf_renewal *renewal, struct hf_renewal_set *set);

/* Any thread: is there a CA for this tenant? */
bool hf_renewal_has(struct hf_renewal *renewal, struct hf_slice tenant);
/* On worker call->origin, a call HF_CALL_CERTIFICATE. HF_ERR_BUSY: HF_RENEWALS_WAITING_MAX of this worker wait. */
hf_err hf_renewal_ask(struct hf_renewal *renewal, struct hf_call *call);

void hf_renewal_stop(
    struct hf_renewal *renewal); /* what waits comes back, reason drain; again, or NULL, is harmless */
void hf_renewal_free(struct hf_renewal *renewal);

#endif
