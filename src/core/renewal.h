/* core/renewal.h - the rules by which a device's certificate is renewed over its session (SEC-9, TLS-2): who may, when, how often, and what is said to those who may not. Pure: times are handed
 * in. The adapter judges (adapter/ws/session_certificate.c), a thread of the gateway signs (app/renewal.h). */
#ifndef HF_CORE_RENEWAL_H
#define HF_CORE_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/slice.h"

/* What became of a request: its name in the answer and in the metric. Columns: identifier, name, reason of the answer, text for people (NULL: the request's own). */
#define HF_RENEWAL_MAP(X)                                                                                  \
    X(HF_RENEWAL_ISSUED, "issued", HF_REASON_NONE, "a new certificate was issued")                         \
    X(HF_RENEWAL_NO_CERTIFICATE, "no_certificate", HF_REASON_FORBIDDEN,                                    \
      "this connection showed no client certificate of the device; only with one it can get the next")     \
    X(HF_RENEWAL_NOT_ACCEPTED, "not_accepted", HF_REASON_REVOKED,                                          \
      "the certificate in use is revoked, denied or no longer valid")                                      \
    X(HF_RENEWAL_NO_CA, "no_ca", HF_REASON_NOT_IMPLEMENTED,                                                \
      "no CA signs for this tenant here: tenants[].device_ca is not set")                                  \
    X(HF_RENEWAL_TOO_EARLY, "too_early", HF_REASON_TRY_LATER,                                              \
      "the certificate in use has not lived two thirds of its life; ask again from renew_from_ms on")      \
    X(HF_RENEWAL_RATE, "rate_limit", HF_REASON_RATE_LIMIT, "the device has asked too often; see retry_ms") \
    X(HF_RENEWAL_TOO_BIG, "too_big", HF_REASON_MESSAGE_TOO_BIG, "the request is above 8192 bytes")         \
    X(HF_RENEWAL_MALFORMED, "malformed", HF_REASON_BAD_REQUEST,                                            \
      "expected {\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----...\"}: one PKCS #10 request as PEM")        \
    X(HF_RENEWAL_SIGNATURE, "signature", HF_REASON_BAD_REQUEST,                                            \
      "the request is not signed with the key that it asks a certificate for")                             \
    X(HF_RENEWAL_KEY, "key", HF_REASON_BAD_REQUEST, "the request's key is not ECDSA P-256 (named curve)")  \
    X(HF_RENEWAL_BUSY, "busy", HF_REASON_BUSY, "other requests are being signed; ask again later")         \
    X(HF_RENEWAL_FAILED, "failed", HF_REASON_INTERNAL_ERROR,                                               \
      "the gateway could not issue it; its log says why")

#define HF_RENEWAL_ENUM(id, name, reason, text) id,
enum hf_renewal_result { HF_RENEWAL_MAP(HF_RENEWAL_ENUM) HF_RENEWALS };
#undef HF_RENEWAL_ENUM

const char *hf_renewal_name(unsigned result); /* "issued"; of an unknown one "failed" */
const char *hf_renewal_text(unsigned result);
enum hf_reason hf_renewal_reason(unsigned result);

#define HF_RENEWAL_ACTION "certificate.issue" /* of the audit event */

enum {
    HF_RENEWAL_CSR_BYTES_MAX = 8192,
    HF_RENEWALS_WAITING_MAX = 64, /* of one worker, on their way to a signature: busy above it */
    HF_RENEWALS_PER_DEVICE = 3,   /* signed or refused over what they hold, in: */
    HF_RENEWAL_WINDOW_MS = 3600000,
    HF_RENEWAL_SLOTS = 4096, /* devices that a worker remembers for that; see hf_renewal_take() */
    HF_RENEWAL_SERIAL_BYTES_MAX = 20,
};

/* From when on a certificate is renewed: two thirds of its life. */
static inline uint64_t hf_renewal_from_ms(uint64_t not_before_ms, uint64_t not_after_ms)
{
    return not_after_ms > not_before_ms ? not_before_ms + (not_after_ms - not_before_ms) / 3 * 2
                                        : not_after_ms;
}

struct hf_renewal_rates { /* all zero: nobody asked yet */
    struct hf_renewal_slot {
        uint64_t device; /* its hash; 0 = free */
        uint64_t since_ms;
        uint32_t count;
    } slots[HF_RENEWAL_SLOTS];
};

/* Counts one request of the device (by hash, not 0). False: it has had its share, and may ask again in *ret_wait_ms. Two devices with one slot take it from each other and
 * begin anew: a device can be forgotten for another's sake, but not held up. */
bool hf_renewal_take(struct hf_renewal_rates *rates, uint64_t device, uint64_t now_ms, uint64_t *ret_wait_ms);

/* Beside a call HF_CALL_CERTIFICATE, in its maker's storage. */
struct hf_call_certificate {
    uint8_t
        result; /* out: enum hf_renewal_result. ISSUED: result of the call is the chain as PEM, the device's certificate first */
    uint64_t not_before_ms, not_after_ms;
    uint8_t fingerprint[32];
    uint8_t serial[HF_RENEWAL_SERIAL_BYTES_MAX];
    uint8_t serial_bytes;
};

#endif
