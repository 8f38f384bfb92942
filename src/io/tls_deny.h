/* io/tls_deny.h - certificates that are refused although their CA signed them (TLS-3). An entry is either a SHA-256 of
 * the certificate or (issuer, serial). Device certificates carry no CRL or OCSP pointer, so this list and CRL files are
 * all there is. Readers take no lock: they see an immutable snapshot that writers exchange; writers wait for the readers
 * of the old one (below a microsecond) before they free it. Every function may be called from any thread.
 *
 * File format, one entry a line, '#' starts a comment:
 *     sha256 9f86d081...            64 hex digits, ':' allowed between bytes
 *     serial 0a1b2c issuer 2c26b4.. hex serial; issuer = SHA-256 of the issuer name's DER, 64 hex digits */
#ifndef HF_IO_TLS_DENY_H
#define HF_IO_TLS_DENY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HF_TLS_SHA256_BYTES = 32, HF_TLS_DENY_ENTRIES_MAX = 1 << 20 };

/* What the list compares: either the certificate's SHA-256 or a hash over (issuer, serial). */
struct hf_tls_deny_key {
    uint8_t bytes[HF_TLS_SHA256_BYTES];
};

struct hf_tls_deny; /* opaque */

struct hf_tls_deny *hf_tls_deny_new(void);       /* NULL = no memory */
void hf_tls_deny_free(struct hf_tls_deny *deny); /* NULL is harmless */

struct hf_tls_deny_key hf_tls_deny_key_certificate(const uint8_t fingerprint[HF_TLS_SHA256_BYTES]);
/* serial big-endian; leading zeros do not matter. issuer_sha256 is over the issuer name's DER. */
struct hf_tls_deny_key hf_tls_deny_key_serial(const uint8_t issuer_sha256[HF_TLS_SHA256_BYTES],
                                              const uint8_t *serial, size_t serial_bytes);

/* Adding what is there is harmless. HF_ERR_LIMIT at HF_TLS_DENY_ENTRIES_MAX, HF_ERR_NOMEM; the list is unchanged then. */
hf_err hf_tls_deny_add(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count);
/* HF_ERR_NOT_FOUND; HF_ERR_NOMEM. */
hf_err hf_tls_deny_remove(struct hf_tls_deny *deny, const struct hf_tls_deny_key *key);
/* The whole list at once. */
hf_err hf_tls_deny_replace(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count);
/* Replaces the list by a file's entries. HF_ERR_INVALID: nothing changed, `error` names file, line and fix. */
hf_err hf_tls_deny_load(struct hf_tls_deny *deny, const char *file, char *error, size_t error_bytes);

/* True when any of the keys is on the list. Wait-free. A NULL list denies nothing. */
bool hf_tls_deny_check(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count);

size_t hf_tls_deny_count(struct hf_tls_deny *deny);
/* Grows with every change: who remembers it knows whether there is something new to look at. */
uint64_t hf_tls_deny_generation(struct hf_tls_deny *deny);

#endif
