/* io/tls_files.c - certificates, keys, CA sets and CRLs from files. Everything is checked here, once, so that a
 * handshake never meets a half-usable set. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "io/tls_internal.h"

void hf_tls_error_errno(char *error, size_t error_bytes, const char *what, const char *file)
{
    const char *fix = errno == ENOENT   ? "; create it or correct the path"
                      : errno == EACCES ? "; let the user of this process read it"
                                        : "";

    snprintf(error, error_bytes, "cannot read %s '%s': %s%s", what, file, strerror(errno), fix);
}

/* The whole file as a memory BIO, or NULL and why. */
static BIO *read_file(const char *what, const char *file, char *error, size_t error_bytes)
{
    BIO *text = NULL;
    char part[8192];
    size_t bytes = 0, total = 0;
    FILE *in = fopen(file, "re");

    if (in == NULL) {
        hf_tls_error_errno(error, error_bytes, what, file);
        return NULL;
    }
    text = BIO_new(BIO_s_mem());
    if (text == NULL) {
        snprintf(error, error_bytes, "cannot read %s '%s': out of memory", what, file);
        goto bad;
    }
    BIO_set_mem_eof_return(text, 0);
    while ((bytes = fread(part, 1, sizeof(part), in)) > 0) {
        total += bytes;
        if (total > HF_TLS_FILE_BYTES_MAX) {
            snprintf(error, error_bytes, "%s '%s' is larger than %d bytes; is it the right file?", what, file,
                     HF_TLS_FILE_BYTES_MAX);
            goto bad;
        }
        if (BIO_write(text, part, (int)bytes) != (int)bytes) {
            snprintf(error, error_bytes, "cannot read %s '%s': out of memory", what, file);
            goto bad;
        }
    }
    OPENSSL_cleanse(part, sizeof(part));
    if (ferror(in)) {
        hf_tls_error_errno(error, error_bytes, what, file);
        goto bad;
    }
    fclose(in);
    return text;
bad:
    OPENSSL_cleanse(part, sizeof(part));
    BIO_free(text);
    fclose(in);
    return NULL;
}

static BIO *open_input(const char *what, const struct hf_tls_input *input, char *error, size_t error_bytes)
{
    BIO *text = NULL;

    if (input->text == NULL)
        return read_file(what, input->name, error, error_bytes);
    if (input->text_bytes <= HF_TLS_FILE_BYTES_MAX)
        text = BIO_new_mem_buf(input->text, (int)input->text_bytes);
    if (text == NULL)
        snprintf(error, error_bytes, "cannot read %s '%s': it is too large, or there is no memory", what,
                 input->name);
    return text;
}

static int no_passphrase(char *buf, int size, int rwflag, void *user)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)user;
    return -1; /* otherwise OpenSSL would ask on the terminal */
}

/* Appends every certificate of the file; at least one. */
static hf_err read_certificates(const char *what, const struct hf_tls_input *input, STACK_OF(X509) * out,
                                char *error, size_t error_bytes)
{
    BIO *text = open_input(what, input, error, error_bytes);
    const char *file = input->name;
    X509 *certificate = NULL;
    int before = sk_X509_num(out);

    if (text == NULL)
        return HF_ERR_INVALID;
    ERR_clear_error();
    while ((certificate = PEM_read_bio_X509(text, NULL, no_passphrase, NULL)) != NULL) {
        if (sk_X509_push(out, certificate) <= 0) {
            X509_free(certificate);
            BIO_free(text);
            return HF_ERR_NOMEM;
        }
    }
    BIO_free(text);
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    if (!ended) {
        snprintf(error, error_bytes, "%s '%s': certificate %d is damaged; write it again in PEM form", what,
                 file, sk_X509_num(out) - before + 1);
        return HF_ERR_INVALID;
    }
    if (sk_X509_num(out) == before) {
        snprintf(error, error_bytes,
                 "%s '%s' holds no certificate; it must hold -----BEGIN CERTIFICATE----- blocks", what, file);
        return HF_ERR_INVALID;
    }
    return HF_OK;
}

void hf_tls_chain_deinit(struct tls_chain *chain)
{
    X509_free(chain->leaf);
    sk_X509_pop_free(chain->rest, X509_free);
    EVP_PKEY_free(chain->key);
    *chain = (struct tls_chain){0};
}

hf_err hf_tls_load_chain(const char *cert_file, const char *key_file, struct tls_chain *ret_chain,
                         char *error, size_t error_bytes)
{
    struct tls_chain chain = {.rest = sk_X509_new_null()};
    BIO *text = NULL;
    hf_err err = HF_ERR_INVALID;

    if (chain.rest == NULL)
        return HF_ERR_NOMEM;
    if (cert_file == NULL || key_file == NULL) {
        snprintf(error, error_bytes,
                 "a TLS listener needs a certificate file and a key file; `holdfast gen cert` makes both");
        goto out;
    }
    err = read_certificates("certificate file", &(struct hf_tls_input){.name = cert_file}, chain.rest, error,
                            error_bytes);
    if (err != HF_OK)
        goto out;
    chain.leaf = sk_X509_shift(chain.rest);
    err = HF_ERR_INVALID;
    text = read_file("key file", key_file, error, error_bytes);
    if (text == NULL)
        goto out;
    chain.key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);
    BIO_free(text);
    ERR_clear_error();
    if (chain.key == NULL) {
        snprintf(error, error_bytes,
                 "key file '%s' holds no usable private key; it must be PEM and not encrypted", key_file);
        goto out;
    }
    if (X509_check_private_key(chain.leaf, chain.key) != 1) {
        ERR_clear_error();
        snprintf(error, error_bytes,
                 "key file '%s' does not belong to the first certificate in '%s'; the server's certificate "
                 "must stand "
                 "first, before its intermediates",
                 key_file, cert_file);
        goto out;
    }
    *ret_chain = chain;
    return HF_OK;
out:
    hf_tls_chain_deinit(&chain);
    return err;
}

uint64_t hf_tls_asn1_utc_ms(const ASN1_TIME *time)
{
    struct tm tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return 0;
    time_t utc_s = timegm(&tm);
    return utc_s > 0 ? (uint64_t)utc_s * 1000 : 0;
}

static int digest_compare(const void *a, const void *b)
{
    return memcmp(a, b, HF_TLS_SHA256_BYTES);
}

/* Over the sorted SHA-256 of all certificates, so that order and file names do not matter. */
static hf_err trust_identify(struct tls_trust *trust)
{
    size_t count = (size_t)sk_X509_num(trust->certificates);
    uint8_t(*digests)[HF_TLS_SHA256_BYTES] = calloc(count, sizeof(*digests));
    uint8_t all[HF_TLS_SHA256_BYTES];

    if (digests == NULL)
        return HF_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (X509_digest(sk_X509_value(trust->certificates, (int)i), EVP_sha256(), digests[i], NULL) != 1) {
            free(digests);
            return HF_ERR_NOMEM;
        }
    }
    qsort(digests, count, sizeof(*digests), digest_compare);
    hf_tls_sha256(digests, count * sizeof(*digests), all);
    trust->id = hf_get_u64(all);
    free(digests);
    return HF_OK;
}

static hf_err add_cas(struct tls_trust *trust, const struct hf_tls_input *input, char *error,
                      size_t error_bytes)
{
    int first = sk_X509_num(trust->certificates);
    hf_err err = read_certificates("client CA file", input, trust->certificates, error, error_bytes);

    for (int i = first; err == HF_OK && i < sk_X509_num(trust->certificates); i++) {
        X509 *ca = sk_X509_value(trust->certificates, i);
        X509_NAME *name = NULL;

        if (X509_check_ca(ca) == 0) {
            snprintf(error, error_bytes,
                     "client CA file '%s': certificate %d is not a CA (no basicConstraints CA:TRUE); give "
                     "the CA that "
                     "signs the devices, not a device's or the server's certificate",
                     input->name, i - first + 1);
            return HF_ERR_INVALID;
        }
        if (X509_STORE_add_cert(trust->store, ca) != 1)
            return HF_ERR_NOMEM;
        if (X509_check_issued(ca, ca) != X509_V_OK)
            continue; /* an intermediate helps to build chains; only roots are announced */
        name = X509_NAME_dup(X509_get_subject_name(ca));
        if (name == NULL || sk_X509_NAME_push(trust->names, name) <= 0) {
            X509_NAME_free(name);
            return HF_ERR_NOMEM;
        }
    }
    return err;
}

static bool crl_signed_by_one_of_us(const struct tls_trust *trust, X509_CRL *crl)
{
    for (int i = 0; i < sk_X509_num(trust->certificates); i++) {
        X509 *ca = sk_X509_value(trust->certificates, i);

        if (X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
            X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1)
            return true;
    }
    ERR_clear_error();
    return false;
}

static hf_err add_crl(struct tls_trust *trust, X509_CRL *crl, const char *file, char *error,
                      size_t error_bytes)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    int count = entries == NULL ? 0 : sk_X509_REVOKED_num(entries);
    struct hf_tls_deny_key *keys = NULL;
    uint8_t issuer[HF_TLS_SHA256_BYTES];
    uint64_t next_update_utc_ms = hf_tls_asn1_utc_ms(X509_CRL_get0_nextUpdate(crl));
    const unsigned char *name = NULL;
    size_t name_bytes = 0;
    hf_err err = HF_OK;

    if (!crl_signed_by_one_of_us(trust, crl)) {
        snprintf(error, error_bytes,
                 "CRL file '%s': no certificate in the client CA files signed it; add its issuer's "
                 "certificate there",
                 file);
        return HF_ERR_INVALID;
    }
    if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0) {
        snprintf(error, error_bytes,
                 "CRL file '%s' has a critical extension; partial, indirect and delta CRLs are not taken, "
                 "give the full "
                 "one",
                 file);
        return HF_ERR_INVALID;
    }
    if (X509_NAME_get0_der(X509_CRL_get_issuer(crl), &name, &name_bytes) != 1)
        return HF_ERR_NOMEM;
    hf_tls_sha256(name, name_bytes, issuer);
    keys = calloc((size_t)count + 1, sizeof(*keys));
    if (keys == NULL)
        return HF_ERR_NOMEM;
    for (int i = 0; i < count; i++) {
        const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i));

        keys[i] =
            hf_tls_deny_key_serial(issuer, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    }
    err = hf_tls_deny_add(trust->revoked, keys, (size_t)count);
    free(keys);
    if (err == HF_ERR_LIMIT)
        snprintf(error, error_bytes,
                 "CRL file '%s': more than %d revoked certificates; replace the CA instead", file,
                 HF_TLS_DENY_ENTRIES_MAX);
    if (err == HF_OK && next_update_utc_ms != 0 &&
        (trust->crl_next_update_utc_ms == 0 || next_update_utc_ms < trust->crl_next_update_utc_ms))
        trust->crl_next_update_utc_ms = next_update_utc_ms;
    return err == HF_ERR_LIMIT ? HF_ERR_INVALID : err;
}

static hf_err add_crls(struct tls_trust *trust, const struct hf_tls_input *input, char *error,
                       size_t error_bytes)
{
    BIO *text = open_input("CRL file", input, error, error_bytes);
    const char *file = input->name;
    X509_CRL *crl = NULL;
    unsigned count = 0;
    hf_err err = HF_OK;
    const char *data = NULL;
    long bytes = 0;

    if (text == NULL)
        return HF_ERR_INVALID;
    bytes = BIO_get_mem_data(text, &data);
    if (bytes > 0 && data[0] == 0x30) { /* a DER SEQUENCE; PEM starts with text */
        crl = d2i_X509_CRL_bio(text, NULL);
        if (crl != NULL) {
            count++;
            err = add_crl(trust, crl, file, error, error_bytes);
            X509_CRL_free(crl);
        }
    } else {
        while (err == HF_OK && (crl = PEM_read_bio_X509_CRL(text, NULL, no_passphrase, NULL)) != NULL) {
            count++;
            err = add_crl(trust, crl, file, error, error_bytes);
            X509_CRL_free(crl);
        }
        if (err == HF_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
            count = 0;
    }
    BIO_free(text);
    ERR_clear_error();
    if (err == HF_OK && count == 0) {
        snprintf(error, error_bytes, "CRL file '%s' holds no readable CRL; it must be PEM (X509 CRL) or DER",
                 file);
        err = HF_ERR_INVALID;
    }
    return err;
}

void hf_tls_trust_deinit(struct tls_trust *trust)
{
    X509_STORE_free(trust->store);
    sk_X509_NAME_pop_free(trust->names, X509_NAME_free);
    sk_X509_pop_free(trust->certificates, X509_free);
    hf_tls_deny_free(trust->revoked);
    *trust = (struct tls_trust){0};
}

hf_err hf_tls_load_trust(const struct hf_tls_input *cas, size_t ca_count, const struct hf_tls_input *crls,
                         size_t crl_count, struct tls_trust *ret_trust, char *error, size_t error_bytes)
{
    struct tls_trust trust = {
        .store = X509_STORE_new(), .names = sk_X509_NAME_new_null(), .certificates = sk_X509_new_null()};
    hf_err err = HF_ERR_NOMEM;

    if (trust.store == NULL || trust.names == NULL || trust.certificates == NULL)
        goto out;
    if (ca_count > HF_TLS_FILES_MAX || crl_count > HF_TLS_FILES_MAX) {
        snprintf(error, error_bytes, "more than %d client CA or CRL files; put several into one file",
                 HF_TLS_FILES_MAX);
        err = HF_ERR_INVALID;
        goto out;
    }
    err = HF_OK;
    for (size_t i = 0; err == HF_OK && i < ca_count; i++)
        err = add_cas(&trust, &cas[i], error, error_bytes);
    if (err == HF_OK)
        err = trust_identify(&trust);
    if (err == HF_OK && crl_count > 0) {
        trust.revoked = hf_tls_deny_new();
        err = trust.revoked == NULL ? HF_ERR_NOMEM : HF_OK;
    }
    for (size_t i = 0; err == HF_OK && i < crl_count; i++)
        err = add_crls(&trust, &crls[i], error, error_bytes);
    if (err == HF_OK) {
        *ret_trust = trust;
        return HF_OK;
    }
out:
    if (err == HF_ERR_NOMEM)
        snprintf(error, error_bytes, "out of memory while reading the client CA files");
    hf_tls_trust_deinit(&trust);
    return err;
}
