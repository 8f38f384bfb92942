/* io/pki.c - certificates. What a certificate may be used for is decided here, in one table of extensions per kind. */
#include "io/pki.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "io/pki_internal.h"
#include "io/tls_internal.h"

enum { SERIAL_BYTES = 16, DAY_S = 86400, NAME_BYTES_MAX = 64 /* ub-common-name, RFC 5280 A.1 */ };

hf_err hf_pki_failed(const char *what, char *error, size_t error_bytes)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(error, error_bytes, "%s: %s", what, reason != NULL ? reason : "out of memory");
    ERR_clear_error();
    return HF_ERR_IO;
}

EVP_PKEY *hf_pki_key_new(void)
{
    return EVP_EC_gen("P-256");
}

static hf_err bio_text(BIO *bio, char *out, size_t out_bytes)
{
    char *text = NULL;
    long bytes = BIO_get_mem_data(bio, &text);

    if (bytes < 0 || (size_t)bytes >= out_bytes)
        return HF_ERR_LIMIT;
    memcpy(out, text, (size_t)bytes);
    out[bytes] = '\0';
    return HF_OK;
}

hf_err hf_pki_key_pem(EVP_PKEY *key, char *out, size_t out_bytes)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    hf_err err = HF_ERR_NOMEM;

    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        err = bio_text(bio, out, out_bytes);
    BIO_free(bio);
    return err;
}

hf_err hf_pki_certificates_pem(X509 *first, STACK_OF(X509) * rest, char *out, size_t out_bytes)
{
    BIO *bio = BIO_new(BIO_s_mem());
    hf_err err = HF_ERR_NOMEM;
    bool written = bio != NULL && PEM_write_bio_X509(bio, first) == 1;

    for (int i = 0; written && i < sk_X509_num(rest); i++)
        written = PEM_write_bio_X509(bio, sk_X509_value(rest, i)) == 1;
    if (written)
        err = bio_text(bio, out, out_bytes);
    BIO_free(bio);
    return err;
}

/* --- one certificate --- */

struct spec {
    const char *common_name;
    const char *constraints, *usage,
        *extended_usage;  /* in OpenSSL's configuration language; NULL = without */
    GENERAL_NAMES *names; /* NULL = no subjectAltName */
    unsigned days;
    X509 *issuer; /* NULL = self-signed */
    EVP_PKEY *issuer_key;
};

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension = NULL;

    if (value == NULL)
        return true;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;
    bool done = false;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive and always of full length */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_validity(X509 *certificate, const struct spec *spec, uint64_t now_utc_ms)
{
    time_t now_utc_s = (time_t)(now_utc_ms / 1000);
    time_t until_utc_s = now_utc_s + (time_t)spec->days * DAY_S;

    /* Nothing outlives who signed it: a chain that breaks in the middle is harder to explain than an early renewal. */
    if (spec->issuer != NULL) {
        time_t issuer_until_utc_s = (time_t)(hf_tls_asn1_utc_ms(X509_get0_notAfter(spec->issuer)) / 1000);

        until_utc_s = HF_MIN(until_utc_s, issuer_until_utc_s);
    }
    return ASN1_TIME_set(X509_getm_notBefore(certificate), now_utc_s - HF_PKI_BACKDATE_S) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), until_utc_s) != NULL;
}

static bool set_subject(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                                      0) == 1;
}

/* NULL = OpenSSL failed; its error queue says how. */
static X509 *certificate_new(const struct spec *spec, EVP_PKEY *key, uint64_t now_utc_ms)
{
    X509 *certificate = X509_new();
    X509 *issuer = spec->issuer == NULL ? certificate : spec->issuer;

    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && set_validity(certificate, spec, now_utc_ms) &&
        set_subject(certificate, spec->common_name) &&
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
        X509_set_pubkey(certificate, key) == 1 &&
        add_extension(certificate, issuer, NID_basic_constraints, spec->constraints) &&
        add_extension(certificate, issuer, NID_key_usage, spec->usage) &&
        add_extension(certificate, issuer, NID_ext_key_usage, spec->extended_usage) &&
        add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
        (spec->issuer == NULL ||
         add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
        (spec->names == NULL ||
         X509_add1_ext_i2d(certificate, NID_subject_alt_name, spec->names, 0, X509V3_ADD_DEFAULT) == 1) &&
        X509_sign(certificate, spec->issuer == NULL ? key : spec->issuer_key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static hf_err check_days(unsigned *days, unsigned days_default, unsigned days_max, char *error,
                         size_t error_bytes)
{
    if (*days == 0)
        *days = days_default;
    if (*days <= days_max)
        return HF_OK;
    snprintf(error, error_bytes, "a life of %u days is too long; at most %u for this kind of certificate",
             *days, days_max);
    return HF_ERR_INVALID;
}

static hf_err check_name(const char *common_name, char *error, size_t error_bytes)
{
    if (common_name != NULL && common_name[0] != '\0' && strlen(common_name) <= NAME_BYTES_MAX)
        return HF_OK;
    snprintf(error, error_bytes, "a name of 1 to %d bytes is needed", NAME_BYTES_MAX);
    return HF_ERR_INVALID;
}

/* --- CAs --- */

void hf_pki_ca_free(struct hf_pki_ca *ca)
{
    if (ca == NULL)
        return;
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    sk_X509_pop_free(ca->above, X509_free);
    free(ca);
}

static hf_err ca_make(struct hf_pki_ca *parent, const char *common_name, unsigned days,
                      const char *constraints, uint64_t now_utc_ms, struct hf_pki_ca **ret_ca, char *error,
                      size_t error_bytes)
{
    struct hf_pki_ca *ca = NULL;
    hf_err err = check_name(common_name, error, error_bytes);

    if (err == HF_OK)
        err = check_days(&days, HF_PKI_CA_DAYS_DEFAULT, HF_PKI_CA_DAYS_MAX, error, error_bytes);
    if (err != HF_OK)
        return err;
    struct spec spec = {.common_name = common_name,
                        .constraints = constraints,
                        .usage = "critical,keyCertSign,cRLSign",
                        .days = days,
                        .issuer = parent == NULL ? NULL : parent->certificate,
                        .issuer_key = parent == NULL ? NULL : parent->key};

    ca = calloc(1, sizeof(*ca));
    if (ca != NULL) {
        bool below_root =
            parent != NULL && X509_check_issued(parent->certificate, parent->certificate) != X509_V_OK;

        ca->above = parent == NULL ? sk_X509_new_null() : X509_chain_up_ref(parent->above);
        if (ca->above != NULL && below_root && X509_up_ref(parent->certificate) == 1)
            sk_X509_unshift(ca->above, parent->certificate);
        ca->key = hf_pki_key_new();
        if (ca->above != NULL && ca->key != NULL)
            ca->certificate = certificate_new(&spec, ca->key, now_utc_ms);
    }
    if (ca == NULL || ca->certificate == NULL) {
        hf_pki_ca_free(ca);
        return hf_pki_failed("cannot make the CA", error, error_bytes);
    }
    *ret_ca = ca;
    return HF_OK;
}

hf_err hf_pki_ca_new(const char *common_name, unsigned days, uint64_t now_utc_ms, struct hf_pki_ca **ret_ca,
                     char *error, size_t error_bytes)
{
    char constraints[64];

    snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%d", HF_TLS_INTERMEDIATES_MAX);
    return ca_make(NULL, common_name, days, constraints, now_utc_ms, ret_ca, error, error_bytes);
}

hf_err hf_pki_ca_intermediate(struct hf_pki_ca *parent, const char *common_name, unsigned days,
                              unsigned path_length, uint64_t now_utc_ms, struct hf_pki_ca **ret_ca,
                              char *error, size_t error_bytes)
{
    char constraints[64];

    snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%u", path_length);
    return ca_make(parent, common_name, days, constraints, now_utc_ms, ret_ca, error, error_bytes);
}

/* --- leaves --- */

void hf_pki_pair_wipe(struct hf_pki_pair *pair)
{
    OPENSSL_cleanse(pair, sizeof(*pair));
}

static hf_err pair_fill(struct hf_pki_pair *pair, const struct hf_pki_ca *ca, X509 *certificate,
                        EVP_PKEY *own_key)
{
    STACK_OF(X509) *above = X509_chain_up_ref(ca->above);
    hf_err err = above == NULL ? HF_ERR_NOMEM : HF_OK;
    uint64_t from_utc_ms = hf_tls_asn1_utc_ms(X509_get0_notBefore(certificate));

    /* The root is what the other side has already. */
    if (err == HF_OK && X509_check_issued(ca->certificate, ca->certificate) != X509_V_OK) {
        X509_up_ref(ca->certificate);
        if (sk_X509_unshift(above, ca->certificate) <= 0) {
            X509_free(ca->certificate);
            err = HF_ERR_NOMEM;
        }
    }
    if (err == HF_OK)
        err = hf_pki_certificates_pem(certificate, above, pair->cert_pem, sizeof(pair->cert_pem));
    if (err == HF_OK && own_key != NULL)
        err = hf_pki_key_pem(own_key, pair->key_pem, sizeof(pair->key_pem));
    if (err == HF_OK && X509_digest(certificate, EVP_sha256(), pair->fingerprint, NULL) != 1)
        err = HF_ERR_NOMEM;
    pair->not_before_utc_ms = from_utc_ms;
    pair->not_after_utc_ms = hf_tls_asn1_utc_ms(X509_get0_notAfter(certificate));
    pair->renew_utc_ms = from_utc_ms + (pair->not_after_utc_ms - from_utc_ms) / 3 * 2;
    sk_X509_pop_free(above, X509_free);
    return err;
}

/* `key` is the requester's; NULL = make one and hand it over. */
static hf_err issue(struct hf_pki_ca *ca, struct spec *spec, EVP_PKEY *key, uint64_t now_utc_ms,
                    struct hf_pki_pair *ret_pair, char *error, size_t error_bytes)
{
    EVP_PKEY *made = key == NULL ? hf_pki_key_new() : NULL;
    X509 *certificate = NULL;
    hf_err err = HF_OK;

    *ret_pair = (struct hf_pki_pair){.not_after_utc_ms = 0};
    spec->issuer = ca->certificate;
    spec->issuer_key = ca->key;
    if (hf_tls_asn1_utc_ms(X509_get0_notAfter(ca->certificate)) <= now_utc_ms) {
        snprintf(error, error_bytes, "the CA has expired; make a new one: `holdfast gen ca`");
        err = HF_ERR_EXPIRED;
    } else if (key != NULL || made != NULL) {
        certificate = certificate_new(spec, key != NULL ? key : made, now_utc_ms);
    }
    if (err == HF_OK && (certificate == NULL || pair_fill(ret_pair, ca, certificate, made) != HF_OK))
        err = hf_pki_failed("cannot make the certificate", error, error_bytes);
    X509_free(certificate);
    EVP_PKEY_free(made);
    if (err != HF_OK)
        hf_pki_pair_wipe(ret_pair);
    return err;
}

static bool add_name(GENERAL_NAMES *names, int type, const void *bytes, size_t byte_count)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

    if (name == NULL || value == NULL || ASN1_STRING_set(value, bytes, (int)byte_count) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

/* Letters, digits, '-' and '.', labels of 1 to 63; one leading "*." for a wildcard. */
static bool is_dns_name(const char *name)
{
    size_t label_bytes = 0, bytes = strlen(name);

    if (strncmp(name, "*.", 2) == 0) {
        name += 2;
        bytes -= 2;
    }
    if (bytes == 0 || bytes > 253)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (c == '.' ? label_bytes == 0 : !word && !(c == '-' && label_bytes > 0) && c != '_')
            return false;
        label_bytes = c == '.' ? 0 : label_bytes + 1;
        if (label_bytes > 63)
            return false;
    }
    return label_bytes > 0;
}

hf_err hf_pki_server(struct hf_pki_ca *ca, const struct hf_pki_server_request *request, uint64_t now_utc_ms,
                     struct hf_pki_pair *ret_pair, char *error, size_t error_bytes)
{
    struct spec spec = {.days = request->days,
                        .constraints = "critical,CA:FALSE",
                        .usage = "critical,digitalSignature",
                        .extended_usage = "serverAuth"};
    hf_err err =
        check_days(&spec.days, HF_PKI_SERVER_DAYS_DEFAULT, HF_PKI_SERVER_DAYS_MAX, error, error_bytes);

    if (err != HF_OK)
        return err;
    if (request->name_count == 0 || request->name_count > HF_PKI_SAN_MAX) {
        snprintf(error, error_bytes, "a server certificate needs 1 to %d names or addresses", HF_PKI_SAN_MAX);
        return HF_ERR_INVALID;
    }
    spec.common_name = request->common_name != NULL ? request->common_name : request->names[0];
    if (request->common_name == NULL && strlen(spec.common_name) > NAME_BYTES_MAX)
        spec.common_name = "holdfast"; /* a long DNS name is fine as SAN, which alone counts */
    err = check_name(spec.common_name, error, error_bytes);
    spec.names = err == HF_OK ? GENERAL_NAMES_new() : NULL;
    for (size_t i = 0; err == HF_OK && i < request->name_count; i++) {
        const char *name = request->names[i];
        uint8_t address[16];
        bool added = false;

        if (inet_pton(AF_INET, name, address) == 1)
            added = add_name(spec.names, GEN_IPADD, address, 4);
        else if (inet_pton(AF_INET6, name, address) == 1)
            added = add_name(spec.names, GEN_IPADD, address, 16);
        else if (is_dns_name(name))
            added = add_name(spec.names, GEN_DNS, name, strlen(name));
        else {
            snprintf(error, error_bytes, "'%s' is neither a DNS name nor an address", name);
            err = HF_ERR_INVALID;
            break;
        }
        if (!added)
            err = hf_pki_failed("cannot add a name", error, error_bytes);
    }
    if (err == HF_OK)
        err = issue(ca, &spec, NULL, now_utc_ms, ret_pair, error, error_bytes);
    GENERAL_NAMES_free(spec.names);
    return err;
}

static hf_err issue_device(struct hf_pki_ca *ca, const char *tenant, const char *device, unsigned days,
                           EVP_PKEY *key, uint64_t now_utc_ms, struct hf_pki_pair *ret_pair, char *error,
                           size_t error_bytes)
{
    char urn[16 + HF_TLS_TENANT_BYTES_MAX + HF_TLS_DEVICE_BYTES_MAX];
    struct hf_tls_identity identity;
    /* The whole name is in the SAN; the subject is for people, cut where X.509 ends. */
    char common_name[NAME_BYTES_MAX + 1];
    struct spec spec = {.common_name = common_name,
                        .days = days,
                        .constraints = "critical,CA:FALSE",
                        .usage = "critical,digitalSignature",
                        .extended_usage = "clientAuth"};
    hf_err err =
        check_days(&spec.days, HF_PKI_DEVICE_DAYS_DEFAULT, HF_PKI_DEVICE_DAYS_MAX, error, error_bytes);
    int bytes = snprintf(urn, sizeof(urn), "urn:holdfast:%s:%s", tenant, device);

    if (err != HF_OK)
        return err;
    if (bytes < 0 || (size_t)bytes >= sizeof(urn) ||
        hf_tls_parse_urn(urn, (size_t)bytes, &identity) != HF_OK || strcmp(identity.tenant, tenant) != 0) {
        snprintf(error, error_bytes, "tenant and device ids are 1 to %d and 1 to %d of A-Z a-z 0-9 . _ -",
                 HF_TLS_TENANT_BYTES_MAX, HF_TLS_DEVICE_BYTES_MAX);
        return HF_ERR_INVALID;
    }
    snprintf(common_name, sizeof(common_name), "%.*s", NAME_BYTES_MAX, device);
    spec.names = GENERAL_NAMES_new();
    if (spec.names == NULL || !add_name(spec.names, GEN_URI, urn, (size_t)bytes))
        err = hf_pki_failed("cannot add the device's name", error, error_bytes);
    if (err == HF_OK)
        err = issue(ca, &spec, key, now_utc_ms, ret_pair, error, error_bytes);
    GENERAL_NAMES_free(spec.names);
    return err;
}

hf_err hf_pki_device(struct hf_pki_ca *ca, const char *tenant, const char *device, unsigned days,
                     uint64_t now_utc_ms, struct hf_pki_pair *ret_pair, char *error, size_t error_bytes)
{
    return issue_device(ca, tenant, device, days, NULL, now_utc_ms, ret_pair, error, error_bytes);
}

/* --- requests --- */

static X509_REQ *read_csr(const void *csr, size_t csr_bytes)
{
    const unsigned char *at = csr;
    X509_REQ *request = NULL;

    if (csr_bytes > 0 && at[0] == 0x30) {
        request = d2i_X509_REQ(NULL, &at, (long)csr_bytes);
        if (request != NULL && at != (const unsigned char *)csr + csr_bytes) { /* something behind it */
            X509_REQ_free(request);
            request = NULL;
        }
        return request;
    }
    BIO *bio = BIO_new_mem_buf(csr, (int)csr_bytes);

    if (bio != NULL)
        request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return request;
}

/* One that spells the curve out, although it is the same one, would get a certificate that peers refuse (RFC 5480 2.1.1). */
static bool is_p256(EVP_PKEY *key)
{
    char group[32] = "";
    size_t group_bytes = 0;
    int spelled_out = 0;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &group_bytes) == 1 &&
           strcmp(group, "prime256v1") == 0 &&
           (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out) != 1 ||
            spelled_out == 0);
}

hf_err hf_pki_sign_csr(struct hf_pki_ca *ca, const void *csr, size_t csr_bytes, const char *tenant,
                       const char *device, unsigned days, uint64_t now_utc_ms, struct hf_pki_pair *ret_pair,
                       char *error, size_t error_bytes)
{
    X509_REQ *request = csr_bytes <= HF_PKI_CSR_BYTES_MAX ? read_csr(csr, csr_bytes) : NULL;
    EVP_PKEY *key = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
    hf_err err = HF_ERR_MALFORMED;

    if (request == NULL) {
        snprintf(error, error_bytes, "not a certificate request in PEM or DER of at most %d bytes",
                 HF_PKI_CSR_BYTES_MAX);
    } else if (key == NULL || !is_p256(key)) { /* first: verifying with another kind may be dear */
        snprintf(error, error_bytes, "the request's key is not ECDSA P-256");
        err = HF_ERR_UNSUPPORTED;
    } else if (X509_REQ_verify(request, key) != 1) {
        snprintf(error, error_bytes, "the request is not signed with the key it asks a certificate for");
        err = HF_ERR_DENIED;
    } else {
        err = HF_OK;
    }
    ERR_clear_error();
    if (err == HF_OK)
        err = issue_device(ca, tenant, device, days, key, now_utc_ms, ret_pair, error, error_bytes);
    X509_REQ_free(request);
    return err;
}

hf_err hf_pki_csr_new(const char *common_name, struct hf_pki_pair *ret_pair, char *error, size_t error_bytes)
{
    X509_REQ *request = X509_REQ_new();
    EVP_PKEY *key = hf_pki_key_new();
    BIO *bio = BIO_new(BIO_s_mem());
    hf_err err = check_name(common_name, error, error_bytes);

    *ret_pair = (struct hf_pki_pair){.not_after_utc_ms = 0};
    if (err == HF_OK &&
        (request == NULL || key == NULL || bio == NULL ||
         X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
         X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                    (const unsigned char *)common_name, -1, -1, 0) != 1 ||
         X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
         PEM_write_bio_X509_REQ(bio, request) != 1 ||
         bio_text(bio, ret_pair->cert_pem, sizeof(ret_pair->cert_pem)) != HF_OK ||
         hf_pki_key_pem(key, ret_pair->key_pem, sizeof(ret_pair->key_pem)) != HF_OK))
        err = hf_pki_failed("cannot make the request", error, error_bytes);
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_REQ_free(request);
    return err;
}
