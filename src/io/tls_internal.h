/* io/tls_internal.h - shared by the files of io/tls*.c and by nobody else.
 *
 * Who holds what:
 *   hf_tls    the listener: current SSL_CTX, verdict cache, resumption records, ticket keys, counters
 *   tls_set   one loaded set of files; lives as long as its SSL_CTX, so live connections keep theirs
 *   tls_peer  one client certificate that was accepted; immutable but for who takes it, shared by verdicts, records and
 *             connections
 *   tls_conn  what we keep per SSL */
#ifndef HF_IO_TLS_INTERNAL_H
#define HF_IO_TLS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "io/tls.h"

/* --- tls_files.c: reading what an operator wrote, with errors that name the file and the fix --- */

struct tls_chain { /* owns */
    X509 *leaf;
    STACK_OF(X509) * rest;
    EVP_PKEY *key;
};

struct tls_trust { /* owns; immutable once loaded */
    X509_STORE *store;
    STACK_OF(X509_NAME) * names; /* sent in CertificateRequest */
    STACK_OF(X509) * certificates;
    struct hf_tls_deny *revoked; /* what the CRLs say; NULL = no CRL */
    uint64_t crl_next_update_utc_ms;
    uint64_t id; /* of the CA certificates: equal sets have equal ids; CRLs do not matter here */
};

void hf_tls_error_errno(char *error, size_t error_bytes, const char *what, const char *file);
hf_err hf_tls_load_chain(const char *cert_file, const char *key_file, struct tls_chain *ret_chain,
                         char *error, size_t error_bytes);
void hf_tls_chain_deinit(struct tls_chain *chain);
hf_err hf_tls_load_trust(const struct hf_tls_input *cas, size_t ca_count, const struct hf_tls_input *crls,
                         size_t crl_count, struct tls_trust *ret_trust, char *error, size_t error_bytes);
void hf_tls_trust_deinit(struct tls_trust *trust);
uint64_t hf_tls_asn1_utc_ms(const ASN1_TIME *time); /* 0 for what cannot be read */

/* --- tls_peer.c --- */

/* Leaf by certificate, then (issuer, serial) of leaf, intermediates and, never revoked but harmless, the root. */
enum { TLS_PEER_KEYS_MAX = 2 * (1 + HF_TLS_INTERMEDIATES_MAX) };

struct tls_peer {
    atomic_uint references;
    struct hf_tls_identity identity; /* `resumed` is unused here */
    struct hf_tls_deny_key keys[TLS_PEER_KEYS_MAX];
    size_t key_count;
    atomic_ullong trust_id; /* the CA set that accepted it, the last one */
    atomic_int
        refused; /* enum hf_tls_reject: the CA set in force does not take it, as a session was judged */
    uint64_t verified_utc_ms; /* when the whole chain was last verified */
    size_t der_bytes;         /* leaf, then intermediates, one after another: to verify it again */
    uint8_t der[];
};

hf_err hf_tls_x509_sha256(X509 *certificate, uint8_t ret_hash[HF_TLS_SHA256_BYTES]);
void hf_tls_sha256(const void *data, size_t bytes, uint8_t ret_hash[HF_TLS_SHA256_BYTES]);
/* chain: leaf first. HF_TLS_REJECT_NONE and *ret_peer with one reference, or why not (OTHER = no memory). */
enum hf_tls_reject hf_tls_peer_new(STACK_OF(X509) * chain, const char *cn_tenant,
                                   const uint8_t fingerprint[HF_TLS_SHA256_BYTES],
                                   struct tls_peer **ret_peer);
struct tls_peer *hf_tls_peer_ref(struct tls_peer *peer); /* NULL stays NULL */
void hf_tls_peer_unref(struct tls_peer *peer);           /* NULL is harmless */

/* --- tls_verdict.c: accepted certificates by SHA-256; least recently used goes first --- */

struct tls_verdicts;
struct tls_verdict_stats {
    uint64_t hits_total, misses_total, evicted_total;
    uint32_t count, count_max;
};
struct tls_verdicts *hf_tls_verdicts_new(uint32_t count_max);
void hf_tls_verdicts_free(struct tls_verdicts *verdicts);
struct tls_peer *hf_tls_verdicts_find(
    struct tls_verdicts *verdicts, const uint8_t fingerprint[HF_TLS_SHA256_BYTES]); /* a reference or NULL */
void hf_tls_verdicts_put(struct tls_verdicts *verdicts, struct tls_peer *peer); /* takes its own reference */
void hf_tls_verdicts_drop(struct tls_verdicts *verdicts, const uint8_t fingerprint[HF_TLS_SHA256_BYTES]);
void hf_tls_verdicts_stats(struct tls_verdicts *verdicts, struct tls_verdict_stats *ret_stats);

/* --- tls_resume.c: resumable sessions by id; the oldest goes first --- */

struct tls_resume;
struct tls_resume *hf_tls_resume_new(uint32_t records_max);
void hf_tls_resume_free(struct tls_resume *resume);
/* Keeps what is needed of `session` beside the peer (may be NULL: OPTIONAL without certificate). `previous_id` (or
 * NULL) is the record this connection was resumed from: its own predecessor goes now. */
void hf_tls_resume_put(struct tls_resume *resume, SSL_SESSION *session, struct tls_peer *peer,
                       const uint8_t *previous_id, uint64_t now_utc_ms);
/* A session that the caller owns and a reference to its peer, or NULL. */
SSL_SESSION *hf_tls_resume_take(struct tls_resume *resume, SSL *ssl, const uint8_t *id, size_t id_bytes,
                                uint64_t oldest_utc_ms, const uint8_t *context, unsigned context_bytes,
                                struct tls_peer **ret_peer);
void hf_tls_resume_drop(struct tls_resume *resume, const uint8_t *id, size_t id_bytes);
void hf_tls_resume_count(struct tls_resume *resume, uint32_t *ret_count, uint32_t *ret_count_max,
                         uint64_t *ret_evicted_total);
enum { TLS_SESSION_ID_BYTES = 32 };

/* --- tls_ticket.c: keys of stateless tickets --- */

struct tls_tickets;
struct tls_tickets *hf_tls_tickets_new(struct hf_tls_clock clock);
void hf_tls_tickets_free(struct tls_tickets *tickets);
uint32_t hf_tls_tickets_rotations(struct tls_tickets *tickets);
/* As SSL_CTX_set_tlsext_ticket_key_evp_cb() wants it. */
int hf_tls_tickets_callback(struct tls_tickets *tickets, uint8_t key_name[16], uint8_t *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt);

/* --- tls_library.c --- */

OSSL_LIB_CTX *hf_tls_library(void); /* for listeners; NULL = OpenSSL's default one. Nobody frees it */

/* --- tls.c --- */

struct tls_set {
    struct hf_tls *tls; /* borrows */
    struct tls_trust trust;
    char *cn_tenant;
    uint64_t cert_not_after_utc_ms;
};

struct hf_tls {
    pthread_mutex_t lock; /* guards ctx */
    SSL_CTX *ctx;         /* owns a reference */
    pthread_mutex_t live_lock;
    struct hf_list_node live; /* tls_conn of each session, and marks of those who walk; by live_lock */
    struct tls_verdicts *verdicts;
    struct tls_resume *resume;
    struct tls_tickets *tickets;
    enum hf_tls_verify verify;
    struct hf_tls_deny *deny;
    struct hf_tls_clock clock;
    uint32_t resume_life_s, resume_sessions_max, verdicts_max;
    uint8_t context_id[16]; /* sessions of one listener are of no use at another */
    atomic_ullong full_total, resumed_total, resume_refused_total, rejected_total[HF_TLS_REJECTS];
    atomic_uint reloads_total, reloads_failed_total;
};

struct tls_conn {
    struct hf_tls *tls;
    struct hf_list_node live; /* on tls->live while it is a session */
    uint64_t conn_id;
    struct tls_set *set;      /* lives with the SSL's SSL_CTX */
    struct tls_peer *peer;    /* whose identity this is, once `done` */
    struct tls_peer *offered; /* of the ticket shown; proven only if the handshake resumes */
    uint8_t resumed_id[TLS_SESSION_ID_BYTES];
    bool resumed, done, has_resumed_id;
    enum hf_tls_reject reject;
    struct hf_tls_timing timing;
};

SSL_CTX *hf_tls_ctx_ref(struct hf_tls *tls); /* the current one, with a reference of the caller's */

/* --- tls_ctx.c --- */

/* As hf_tls_server_new(); changes nothing of *tls. */
hf_err hf_tls_ctx_new(struct hf_tls *tls, const struct hf_tls_config *config, SSL_CTX **ret_ctx, char *error,
                      size_t error_bytes);
bool hf_tls_slots(void); /* to be called once before all else; false = no memory */
bool hf_tls_conn_attach(SSL *ssl, struct tls_conn *conn); /* takes on success */
struct tls_conn *hf_tls_conn(const SSL *ssl);             /* NULL: not one of ours */
struct tls_set *hf_tls_set_of(const SSL_CTX *ctx);

static inline uint64_t hf_tls_now_us(const struct hf_tls *tls)
{
    return tls->clock.monotonic_us(tls->clock.user);
}
static inline uint64_t hf_tls_utc_ms(const struct hf_tls *tls)
{
    return tls->clock.utc_ms(tls->clock.user);
}

/* --- tls_verify.c --- */

int hf_tls_verify_callback(X509_STORE_CTX *verification, void *tls);
/* Is this certificate, once accepted, still acceptable with this set? NONE = yes. */
enum hf_tls_reject hf_tls_peer_recheck(const struct hf_tls *tls, const struct tls_set *set,
                                       const struct tls_peer *peer);
void hf_tls_live_remove(struct tls_conn *conn); /* tls_live.c; harmless when it is none */
/* The whole chain against `trust`; NONE = accepted. */
enum hf_tls_reject hf_tls_verify_chain(X509_STORE_CTX *verification, uint64_t now_utc_ms);

#endif
