/* io/pki_crl.c - revocation lists, and serial numbers to put on them. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "io/pki_internal.h"

enum { DAY_S = 86400 };

static bool add_entry(X509_CRL *crl, const struct hf_pki_serial *serial, time_t now_utc_s)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    BIGNUM *number = BN_bin2bn(serial->bytes, (int)serial->length, NULL);
    ASN1_INTEGER *value = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    ASN1_TIME *when = ASN1_TIME_set(NULL, now_utc_s);
    bool added = entry != NULL && value != NULL && when != NULL &&
                 X509_REVOKED_set_serialNumber(entry, value) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, when) == 1 && X509_CRL_add0_revoked(crl, entry) == 1;

    if (!added)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(value);
    ASN1_TIME_free(when);
    BN_free(number);
    return added;
}

static bool crl_fill(X509_CRL *crl, const struct hf_pki_ca *ca, unsigned days, uint64_t now_utc_ms)
{
    time_t now_utc_s = (time_t)(now_utc_ms / 1000);
    ASN1_TIME *last = ASN1_TIME_set(NULL, now_utc_s);
    ASN1_TIME *next = ASN1_TIME_set(NULL, now_utc_s + (time_t)days * DAY_S);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX context;
    X509_EXTENSION *authority = NULL;

    X509V3_set_ctx(&context, ca->certificate, NULL, NULL, crl, 0);
    authority = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool filled = last != NULL && next != NULL && number != NULL && authority != NULL &&
                  X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                  X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) == 1 &&
                  X509_CRL_set1_lastUpdate(crl, last) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1 &&
                  X509_CRL_add_ext(crl, authority, -1) == 1 &&
                  ASN1_INTEGER_set_uint64(number, now_utc_ms) == 1 && /* cRLNumber only has to grow */
                  X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;

    X509_EXTENSION_free(authority);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    return filled;
}

hf_err hf_pki_crl(struct hf_pki_ca *ca, const struct hf_pki_serial *serials, size_t serial_count,
                  unsigned days, uint64_t now_utc_ms, char *ret_pem, size_t pem_bytes, char *error,
                  size_t error_bytes)
{
    X509_CRL *crl = X509_CRL_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long text_bytes = 0;
    bool made = crl != NULL && bio != NULL && crl_fill(crl, ca, days, now_utc_ms);
    hf_err err = HF_OK;

    for (size_t i = 0; made && i < serial_count; i++)
        made = add_entry(crl, &serials[i], (time_t)(now_utc_ms / 1000));
    made = made && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0 &&
           PEM_write_bio_X509_CRL(bio, crl) == 1;
    if (!made)
        err = hf_pki_failed("cannot make the CRL", error, error_bytes);
    if (made) {
        text_bytes = BIO_get_mem_data(bio, &text);
        if (text_bytes < 0 || (size_t)text_bytes >= pem_bytes) {
            snprintf(error, error_bytes, "the CRL needs %ld bytes", text_bytes + 1);
            err = HF_ERR_LIMIT;
        } else {
            memcpy(ret_pem, text, (size_t)text_bytes);
            ret_pem[text_bytes] = '\0';
        }
    }
    BIO_free(bio);
    X509_CRL_free(crl);
    return err;
}

hf_err hf_pki_serial_of(const char *cert_pem, struct hf_pki_serial *ret_serial)
{
    BIO *bio = BIO_new_mem_buf(cert_pem, -1);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    hf_err err = HF_ERR_MALFORMED;

    if (certificate != NULL) {
        const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);

        if ((size_t)ASN1_STRING_length(serial) <= sizeof(ret_serial->bytes)) {
            ret_serial->length = (size_t)ASN1_STRING_length(serial);
            memcpy(ret_serial->bytes, ASN1_STRING_get0_data(serial), ret_serial->length);
            err = HF_OK;
        }
    }
    ERR_clear_error();
    X509_free(certificate);
    BIO_free(bio);
    return err;
}
