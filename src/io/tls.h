/* io/tls.h - the server side of TLS for every listener: contexts, client certificates, resumption, reload.
 * One struct hf_tls serves one listener on all workers; every function here may be called from any thread unless it
 * says otherwise. An SSL belongs to the thread that drives it. The stream layer owns sockets and reads; we give it
 * configured SSL objects.
 *
 * Sources: RFC 8446 (TLS 1.3), RFC 5280 (certificates), RFC 6066 (max_fragment_length), RFC 7301 (ALPN).
 * record_size_limit (RFC 8449) needs OpenSSL 3.4 or later; with 3.0 only max_fragment_length is honoured.
 *
 * Resumption (at most resume_life_s old):
 *   verify NONE     stateless tickets, sealed with keys that rotate every HF_TLS_TICKET_ROTATE_S; the previous one is
 *                   still taken.
 *   verify others   a ticket is only the id of a record kept here (no certificate travels, none is parsed again). The
 *                   record points at the verdict on the certificate, so validity, deny-list, CRL and CA set are
 *                   checked again at each resumption; a changed CA set ends all older records but those of sessions
 *                   that it was seen to take (hf_tls_session_judge()). */
#ifndef HF_IO_TLS_H
#define HF_IO_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/tls_deny.h"

enum {
    HF_TLS_TENANT_BYTES_MAX = 64,
    HF_TLS_DEVICE_BYTES_MAX = 128,
    HF_TLS_SERIAL_BYTES_MAX = 20, /* RFC 5280 4.1.2.2 */
    HF_TLS_INTERMEDIATES_MAX = 2, /* between the device's certificate and the root */
    HF_TLS_FILES_MAX = 16,        /* CA files, and as many CRL files */
    HF_TLS_FILE_BYTES_MAX = 16 << 20,
    HF_TLS_ERROR_BYTES = 512, /* a good size for the error texts below */
    HF_TLS_TICKET_ROTATE_S = 12 * 3600,
    HF_TLS_RESUME_LIFE_S_DEFAULT = 24 * 3600,
    HF_TLS_RESUME_SESSIONS_DEFAULT = 131072,
    HF_TLS_VERDICTS_DEFAULT = 131072,
    HF_TLS_VERDICT_LIFE_S = 3600, /* then the whole chain is verified anew */
};

enum hf_tls_verify { HF_TLS_VERIFY_NONE, HF_TLS_VERIFY_OPTIONAL, HF_TLS_VERIFY_REQUIRED };

/* Why a client certificate was refused; also the labels of the metric. Append, never renumber. */
#define HF_TLS_REJECT_MAP(X)                                                                             \
    X(HF_TLS_REJECT_NONE, "none", "not refused")                                                         \
    X(HF_TLS_REJECT_MISSING, "missing", "the client sent no certificate")                                \
    X(HF_TLS_REJECT_UNTRUSTED, "untrusted", "no CA of this listener issued it")                          \
    X(HF_TLS_REJECT_SELF_SIGNED, "self_signed", "it is self-signed; sign a CSR with the tenant's CA")    \
    X(HF_TLS_REJECT_EXPIRED, "expired", "it is no longer valid")                                         \
    X(HF_TLS_REJECT_NOT_YET_VALID, "not_yet_valid", "it is not yet valid; is the device's clock right?") \
    X(HF_TLS_REJECT_REVOKED, "revoked", "it is on the deny-list or on a CRL")                            \
    X(HF_TLS_REJECT_PURPOSE, "purpose", "it lacks extendedKeyUsage clientAuth")                          \
    X(HF_TLS_REJECT_DEPTH, "depth", "more than two intermediates")                                       \
    X(HF_TLS_REJECT_IDENTITY, "identity", "no SAN URI urn:holdfast:<tenant>:<device>")                   \
    X(HF_TLS_REJECT_KEY, "key", "its key or signature is too weak or of a kind not taken here")          \
    X(HF_TLS_REJECT_OTHER, "other", "it does not verify")

#define HF_TLS_REJECT_ENUM(id, name, text) id,
enum hf_tls_reject { HF_TLS_REJECT_MAP(HF_TLS_REJECT_ENUM) HF_TLS_REJECTS };
#undef HF_TLS_REJECT_ENUM

const char *hf_tls_reject_name(enum hf_tls_reject reject); /* "expired"; never NULL */
const char *hf_tls_reject_text(enum hf_tls_reject reject);

/* Time is handed in; both must be callable from any thread. */
struct hf_tls_clock {
    uint64_t (*monotonic_us)(void *user);
    uint64_t (*utc_ms)(void *user);
    void *user;
};

struct hf_tls_config {
    const char *cert_file;       /* PEM, the server's certificate first, then its intermediates */
    const char *key_file;        /* PEM, ECDSA P-256 unless allow_rsa */
    const char *const *ca_files; /* PEM, client CAs; needed unless verify is NONE */
    size_t ca_file_count;
    const char *const *crl_files; /* PEM or DER */
    size_t crl_file_count;
    enum hf_tls_verify verify;
    bool allow_tls12;   /* default: TLS 1.3 only */
    bool allow_rsa;     /* an RSA server key costs about 40 times more per signature */
    bool no_resumption; /* tickets off */
    uint32_t
        resume_sessions_max; /* records of resumable sessions (not NONE); 0 = default; the oldest goes first */
    uint32_t resume_life_s;  /* 0 = default */
    uint32_t verdicts_max;   /* cached certificate verdicts; 0 = default */
    const char *cn_tenant;   /* not NULL: a certificate without the SAN URI is device <CN> of this tenant */
    struct hf_tls_deny *deny;  /* borrows, outlives us; NULL = none. May be shared by listeners */
    struct hf_tls_clock clock; /* required */
};

struct hf_tls; /* opaque */

/* Reads all files, copies what it needs of *config. On failure `error` names the file and the fix.
 * HF_ERR_INVALID (a file is missing, unreadable or wrong), HF_ERR_NOMEM. */
hf_err hf_tls_server_new(const struct hf_tls_config *config, struct hf_tls **ret_tls, char *error,
                         size_t error_bytes);
/* All SSLs must be freed before. NULL is harmless. */
void hf_tls_server_free(struct hf_tls *tls);

/* Builds a complete new set first; on any failure the old one stays in force and `error` says so. Live connections keep
 * theirs, new handshakes use the new one. `verify`, the limits, `deny` and `clock` cannot change: HF_ERR_INVALID. */
hf_err hf_tls_server_reload(struct hf_tls *tls, const struct hf_tls_config *config, char *error,
                            size_t error_bytes);

/* A fresh server SSL without BIO or descriptor; the handshake's clock starts now. Free with SSL_free(). NULL = no
 * memory. Drive it with SSL_do_handshake() or SSL_read(). */
SSL *hf_tls_accept_new(struct hf_tls *tls);

struct hf_tls_identity {
    char tenant[HF_TLS_TENANT_BYTES_MAX + 1];
    char device[HF_TLS_DEVICE_BYTES_MAX + 1];
    uint8_t fingerprint[HF_TLS_SHA256_BYTES]; /* SHA-256 of the certificate's DER */
    uint8_t issuer[HF_TLS_SHA256_BYTES];      /* SHA-256 of the issuer name's DER */
    uint8_t serial[HF_TLS_SERIAL_BYTES_MAX];  /* big-endian, without leading zeros */
    uint8_t serial_bytes;
    bool resumed;
    uint64_t not_before_utc_ms, not_after_utc_ms;
};

/* Who is at the other end. HF_ERR_NOT_FOUND: no client certificate (verify NONE or OPTIONAL). HF_ERR_AGAIN: the
 * handshake is not complete. */
hf_err hf_tls_identity(const SSL *ssl, struct hf_tls_identity *ret_identity);

/* HF_ERR_DENIED when the live connection's certificate has meanwhile been denied, revoked or has left its validity, or
 * when a session was judged so; HF_OK otherwise, also without a certificate. Cheap enough to ask before every privileged
 * step. */
hf_err hf_tls_recheck(const SSL *ssl, enum hf_tls_reject *ret_reject);

/* After a failed handshake: why the certificate was refused; HF_TLS_REJECT_NONE when it was something else, then
 * hf_tls_failure() tells. */
enum hf_tls_reject hf_tls_rejected(const SSL *ssl);
/* One line for the log about the last failure of this thread's OpenSSL error queue, which it empties. */
void hf_tls_failure(const SSL *ssl, char *text, size_t text_bytes);

struct hf_tls_timing {           /* TLS-10; monotonic microseconds, 0 = not reached */
    uint64_t handshake_start_us; /* hf_tls_accept_new() */
    uint64_t server_hello_us;
    uint64_t finished_us; /* the client's Finished was verified */
    uint16_t version;     /* 0x0304 = TLS 1.3 */
    uint16_t signature;   /* of the server: IANA SignatureScheme, 0 when resumed or unknown */
    uint16_t sni_bytes;   /* length of the server name the client asked for, 0 = none */
    bool resumed;
};
void hf_tls_timing(const SSL *ssl, struct hf_tls_timing *ret_timing);

/* ---- sessions, and what a CA set means for those that are there: io/tls_live.c ---- */

/* The device behind this connection was let in, and conn_id is its name: until SSL_free() it is one of the sessions
 * below. Without a certificate it is none; again is harmless. HF_ERR_DENIED: the CA set was exchanged during the
 * handshake, and the new one does not take it. */
hf_err hf_tls_session_begin(SSL *ssl, uint64_t conn_id);

struct tls_peer;
struct hf_tls_session {
    uint64_t conn_id;
    struct tls_peer *peer; /* owns a reference */
};
/* All that are there now, in order of conn_id. Never holds up a handshake for longer than a few hundred of them take.
 * HF_ERR_NOMEM. */
hf_err hf_tls_sessions_take(struct hf_tls *tls, struct hf_tls_session **ret_sessions, size_t *ret_count);
void hf_tls_sessions_give(struct hf_tls_session *sessions, size_t count);
const struct hf_tls_identity *hf_tls_session_identity(const struct hf_tls_session *session);

/* Does the set in force take it? Remembered: hf_tls_recheck() says the same from here on. A set that accepted it before
 * is not asked again; else its chain is verified, which takes some 0.1 ms. Without memory what was known stays. */
enum hf_tls_reject hf_tls_session_judge(struct hf_tls *tls, const struct hf_tls_session *session);

struct hf_tls_input { /* PEM (a CRL file: or DER) */
    const char *name; /* of the file; for errors only when there is a text */
    const char *text; /* NULL: the file is read */
    size_t text_bytes;
};
/* A CA set and CRLs that are not in force. Changes nothing. HF_ERR_UNSUPPORTED: the listener asks for no certificates;
 * HF_ERR_INVALID, HF_ERR_NOMEM: as hf_tls_server_reload(). */
struct hf_tls_trial;
hf_err hf_tls_trial_new(struct hf_tls *tls, const struct hf_tls_input *cas, size_t ca_count,
                        const struct hf_tls_input *crls, size_t crl_count, struct hf_tls_trial **ret_trial,
                        char *error, size_t error_bytes);
void hf_tls_trial_free(struct hf_tls_trial *trial); /* before the listener; NULL is harmless */
/* *ret_reject: why the session would be cut, NONE: it would stay. HF_ERR_NOMEM. */
hf_err hf_tls_trial_session(const struct hf_tls_trial *trial, const struct hf_tls_session *session,
                            enum hf_tls_reject *ret_reject);

struct hf_tls_stats {
    uint64_t full_total, resumed_total; /* completed handshakes */
    uint64_t rejected_total[HF_TLS_REJECTS];
    uint64_t resume_refused_total; /* a known session whose certificate is no longer accepted */
    uint64_t verdict_hits_total, verdict_misses_total, verdict_evicted_total;
    uint64_t sessions_evicted_total; /* resume_sessions_max was reached */
    uint32_t sessions, sessions_max, verdicts, verdicts_max;
    uint32_t ticket_rotations_total;
    uint32_t reloads_total, reloads_failed_total;
    uint64_t cert_not_after_utc_ms;  /* the server's own certificate */
    uint64_t crl_next_update_utc_ms; /* the earliest; 0 = none. A CRL past it stays in force */
};
void hf_tls_stats(struct hf_tls *tls, struct hf_tls_stats *ret_stats);

/* Parses urn:holdfast:<tenant>:<device>. Both parts are [A-Za-z0-9._-]{1,max}; a device may also hold ':' behind its
 * first character. HF_ERR_MALFORMED otherwise. */
hf_err hf_tls_parse_urn(const char *uri, size_t uri_bytes, struct hf_tls_identity *ret_identity);

#endif
