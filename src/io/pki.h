/* io/pki.h - makes CAs, certificates and keys for `holdfast gen` and `holdfast dev`, and signs devices' requests.
 * All keys are ECDSA P-256. Subject and extensions of a certificate come from us, never from the CSR; of a CSR only the
 * public key and the proof of possession (its signature) are used. Files are written atomically (temporary file, fsync,
 * rename); keys with mode 0600. Entropy is the system's, through OpenSSL. Time is handed in. Every error text names the
 * file and the fix. Source: RFC 5280, RFC 2986. */
#ifndef HF_IO_PKI_H
#define HF_IO_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HF_PKI_DEVICE_DAYS_DEFAULT = 90,
    HF_PKI_DEVICE_DAYS_MAX = 365,
    HF_PKI_SERVER_DAYS_DEFAULT = 365,
    HF_PKI_SERVER_DAYS_MAX = 825,
    HF_PKI_CA_DAYS_DEFAULT = 3650,
    HF_PKI_CA_DAYS_MAX = 7300,
    HF_PKI_BACKDATE_S = 300, /* not_before lies this far back, for devices whose clock is late */
    HF_PKI_SAN_MAX = 32,
    HF_PKI_PEM_BYTES_MAX = 16384,
    HF_PKI_CSR_BYTES_MAX = 8192,
    HF_PKI_ERROR_BYTES = 512,
};

struct hf_pki_ca; /* opaque: a CA's certificate and its key */

struct hf_pki_file_options {
    bool overwrite; /* otherwise an existing file is HF_ERR_EXISTS and nothing is written */
};

/* A new self-signed root. days 0 = default. HF_ERR_INVALID for a bad name or life. */
hf_err hf_pki_ca_new(const char *common_name, unsigned days, uint64_t now_utc_ms, struct hf_pki_ca **ret_ca,
                     char *error, size_t error_bytes);
/* A new intermediate under `parent`; `path_length` further CAs may follow below it. */
hf_err hf_pki_ca_intermediate(struct hf_pki_ca *parent, const char *common_name, unsigned days,
                              unsigned path_length, uint64_t now_utc_ms, struct hf_pki_ca **ret_ca,
                              char *error, size_t error_bytes);
/* A key file that others than its owner can read is refused (SEC-9). */
hf_err hf_pki_ca_load(const char *cert_file, const char *key_file, struct hf_pki_ca **ret_ca, char *error,
                      size_t error_bytes);
/* Do certificates that this CA signs end at a CA of this file (PEM), as the listeners have it? Lives are not looked at. */
bool hf_pki_ca_trusted(const struct hf_pki_ca *ca, const char *ca_file);
hf_err hf_pki_ca_save(const struct hf_pki_ca *ca, const char *cert_file, const char *key_file,
                      struct hf_pki_file_options options, char *error, size_t error_bytes);
void hf_pki_ca_free(struct hf_pki_ca *ca); /* NULL is harmless */

/* A certificate (chain: leaf first, then intermediates, without the root) and, unless it came from a CSR, its key. */
struct hf_pki_pair {
    char cert_pem[HF_PKI_PEM_BYTES_MAX];
    char key_pem[1024]; /* empty when the key is the requester's; wipe with hf_pki_pair_wipe() */
    uint8_t fingerprint[32];
    uint64_t not_before_utc_ms;
    uint64_t not_after_utc_ms, renew_utc_ms; /* renewal is offered from 2/3 of the life */
};
void hf_pki_pair_wipe(struct hf_pki_pair *pair);

struct hf_pki_server_request {
    const char *common_name;  /* NULL = the first name */
    const char *const *names; /* DNS names (a leading "*." is allowed) and addresses, told apart by form */
    size_t name_count;        /* 1..HF_PKI_SAN_MAX */
    unsigned days;            /* 0 = default */
};
hf_err hf_pki_server(struct hf_pki_ca *ca, const struct hf_pki_server_request *request, uint64_t now_utc_ms,
                     struct hf_pki_pair *ret_pair, char *error, size_t error_bytes);

/* A new key and certificate for a device: SAN URI urn:holdfast:<tenant>:<device>, extendedKeyUsage clientAuth. */
hf_err hf_pki_device(struct hf_pki_ca *ca, const char *tenant, const char *device, unsigned days,
                     uint64_t now_utc_ms, struct hf_pki_pair *ret_pair, char *error, size_t error_bytes);
/* The same for the public key of a CSR (PEM or DER), enrolment and renewal over the live session. HF_ERR_MALFORMED: not
 * a CSR, or above HF_PKI_CSR_BYTES_MAX; HF_ERR_UNSUPPORTED: its key is not ECDSA P-256, given by the curve's name; HF_ERR_DENIED: its
 * signature is not of that key; HF_ERR_INVALID: a bad name or life; HF_ERR_EXPIRED: the CA. */
hf_err hf_pki_sign_csr(struct hf_pki_ca *ca, const void *csr, size_t csr_bytes, const char *tenant,
                       const char *device, unsigned days, uint64_t now_utc_ms, struct hf_pki_pair *ret_pair,
                       char *error, size_t error_bytes);
/* A key and a CSR for it, as a device makes them. ret_pair->cert_pem gets the CSR. */
hf_err hf_pki_csr_new(const char *common_name, struct hf_pki_pair *ret_pair, char *error, size_t error_bytes);

/* A CRL that revokes the given serials (big-endian), valid `days`. */
struct hf_pki_serial {
    uint8_t bytes[20];
    size_t length;
};
hf_err hf_pki_crl(struct hf_pki_ca *ca, const struct hf_pki_serial *serials, size_t serial_count,
                  unsigned days, uint64_t now_utc_ms, char *ret_pem, size_t pem_bytes, char *error,
                  size_t error_bytes);
/* Serial of the first certificate of a PEM text. */
hf_err hf_pki_serial_of(const char *cert_pem, struct hf_pki_serial *ret_serial);

/* Writes both or neither; a NULL key_file leaves the key out. */
hf_err hf_pki_pair_save(const struct hf_pki_pair *pair, const char *cert_file, const char *key_file,
                        struct hf_pki_file_options options, char *error, size_t error_bytes);

/* One file, atomically, with this mode (0600 for secrets). Shared by all of the above. */
hf_err hf_pki_write_file(const char *file, const void *data, size_t bytes, unsigned mode,
                         struct hf_pki_file_options options, char *error, size_t error_bytes);

/* JWT keys: HS256 = 32 random bytes as base64url text in one 0600 file; ES256 = private and public PEM. */
hf_err hf_pki_jwt_hs256(const char *secret_file, struct hf_pki_file_options options, char *error,
                        size_t error_bytes);
hf_err hf_pki_jwt_es256(const char *private_file, const char *public_file, struct hf_pki_file_options options,
                        char *error, size_t error_bytes);

#endif
