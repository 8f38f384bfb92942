/* io/pki_file.c - keys and certificates to and from files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/base64.h"
#include "io/pki_internal.h"
#include "io/tls_internal.h"

enum { PATH_BYTES_MAX = 4096 };

static hf_err failed(const char *doing, const char *file, char *error, size_t error_bytes)
{
    hf_err err = errno == ENOSPC || errno == EDQUOT ? HF_ERR_FULL : HF_ERR_IO;

    snprintf(error, error_bytes, "cannot %s '%s': %s", doing, file, strerror(errno));
    return err;
}

static hf_err exists(const char *file, char *error, size_t error_bytes)
{
    snprintf(error, error_bytes, "'%s' exists already; move it away, or say --overwrite", file);
    return HF_ERR_EXISTS;
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        bytes -= (size_t)written;
    }
    return true;
}

/* So that the rename itself survives a power loss. Best effort: some file systems refuse it. */
static void sync_folder(const char *file)
{
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(file, '/');
    int fd = -1;

    if (slash == NULL)
        snprintf(folder, sizeof(folder), ".");
    else
        snprintf(folder, sizeof(folder), "%.*s", slash == file ? 1 : (int)(slash - file), file);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

hf_err hf_pki_write_file(const char *file, const void *data, size_t bytes, unsigned mode,
                         struct hf_pki_file_options options, char *error, size_t error_bytes)
{
    char temporary[PATH_BYTES_MAX];
    int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", file), fd = -1;
    hf_err err = HF_OK;

    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        snprintf(error, error_bytes, "the path is longer than %d bytes", PATH_BYTES_MAX - 8);
        return HF_ERR_INVALID;
    }
    if (!options.overwrite && access(file, F_OK) == 0)
        return exists(file, error, error_bytes);
    fd = mkostemp(temporary, O_CLOEXEC); /* 0600 from the start */
    if (fd < 0)
        return failed("write", file, error, error_bytes);
    if (fchmod(fd, (mode_t)mode) != 0 || !write_all(fd, data, bytes) || fsync(fd) != 0)
        err = failed("write", file, error, error_bytes);
    if (close(fd) != 0 && err == HF_OK)
        err = failed("write", file, error, error_bytes);
    /* link() refuses an existing name, so nobody's file is lost to a race; rename() replaces it as a whole. */
    if (err == HF_OK && options.overwrite && rename(temporary, file) != 0)
        err = failed("write", file, error, error_bytes);
    if (err == HF_OK && !options.overwrite && link(temporary, file) != 0)
        err = errno == EEXIST ? exists(file, error, error_bytes) : failed("write", file, error, error_bytes);
    if (err != HF_OK || !options.overwrite)
        unlink(temporary);
    if (err == HF_OK)
        sync_folder(file);
    return err;
}

/* Writes both or neither, as far as a file system can: the second is looked at before the first is written. */
static hf_err write_two(const char *first, const char *first_text, unsigned first_mode, const char *second,
                        const char *second_text, unsigned second_mode, struct hf_pki_file_options options,
                        char *error, size_t error_bytes)
{
    hf_err err = HF_OK;

    if (second != NULL && !options.overwrite && access(second, F_OK) == 0)
        return exists(second, error, error_bytes);
    err = hf_pki_write_file(first, first_text, strlen(first_text), first_mode, options, error, error_bytes);
    if (err != HF_OK || second == NULL)
        return err;
    err =
        hf_pki_write_file(second, second_text, strlen(second_text), second_mode, options, error, error_bytes);
    if (err != HF_OK && !options.overwrite)
        unlink(first);
    return err;
}

hf_err hf_pki_pair_save(const struct hf_pki_pair *pair, const char *cert_file, const char *key_file,
                        struct hf_pki_file_options options, char *error, size_t error_bytes)
{
    if (key_file == NULL)
        return hf_pki_write_file(cert_file, pair->cert_pem, strlen(pair->cert_pem), 0644, options, error,
                                 error_bytes);
    return write_two(key_file, pair->key_pem, 0600, cert_file, pair->cert_pem, 0644, options, error,
                     error_bytes);
}

hf_err hf_pki_ca_save(const struct hf_pki_ca *ca, const char *cert_file, const char *key_file,
                      struct hf_pki_file_options options, char *error, size_t error_bytes)
{
    struct hf_pki_pair *pair = calloc(1, sizeof(*pair));
    hf_err err = pair == NULL ? HF_ERR_NOMEM : HF_OK;

    if (err == HF_OK)
        err = hf_pki_certificates_pem(ca->certificate, ca->above, pair->cert_pem, sizeof(pair->cert_pem));
    if (err == HF_OK)
        err = hf_pki_key_pem(ca->key, pair->key_pem, sizeof(pair->key_pem));
    if (err != HF_OK)
        hf_pki_failed("cannot write the CA", error, error_bytes);
    else
        err = hf_pki_pair_save(pair, cert_file, key_file, options, error, error_bytes);
    if (pair != NULL)
        hf_pki_pair_wipe(pair);
    free(pair);
    return err;
}

hf_err hf_pki_ca_load(const char *cert_file, const char *key_file, struct hf_pki_ca **ret_ca, char *error,
                      size_t error_bytes)
{
    struct tls_chain chain = {0};
    struct stat status;
    struct hf_pki_ca *ca = NULL;
    hf_err err = HF_OK;

    if (stat(key_file, &status) == 0 && (status.st_mode & 077) != 0) {
        snprintf(error, error_bytes, "CA key '%s' can be read by others than its owner; run: chmod 600 '%s'",
                 key_file, key_file);
        return HF_ERR_DENIED;
    }
    err = hf_tls_load_chain(cert_file, key_file, &chain, error, error_bytes);
    if (err != HF_OK)
        return err;
    if (X509_check_ca(chain.leaf) != 1) {
        snprintf(error, error_bytes, "'%s' is not a CA certificate; make one: `holdfast gen ca`", cert_file);
        hf_tls_chain_deinit(&chain);
        return HF_ERR_INVALID;
    }
    ca = calloc(1, sizeof(*ca));
    if (ca == NULL) {
        hf_tls_chain_deinit(&chain);
        return HF_ERR_NOMEM;
    }
    *ca = (struct hf_pki_ca){.certificate = chain.leaf, .key = chain.key, .above = chain.rest};
    *ret_ca = ca;
    return HF_OK;
}

bool hf_pki_ca_trusted(const struct hf_pki_ca *ca, const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    bool trusted = false;

    if (store != NULL && verification != NULL && X509_STORE_load_file(store, ca_file) == 1 &&
        X509_STORE_CTX_init(verification, store, ca->certificate, ca->above) == 1) {
        X509_STORE_CTX_set_flags(verification, X509_V_FLAG_NO_CHECK_TIME);
        trusted = X509_verify_cert(verification) == 1;
    }
    ERR_clear_error();
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    return trusted;
}

hf_err hf_pki_jwt_hs256(const char *secret_file, struct hf_pki_file_options options, char *error,
                        size_t error_bytes)
{
    uint8_t secret[32];
    char text[HF_BASE64URL_BYTES(32) + 1]; /* a newline behind it */
    size_t bytes = 0;
    hf_err err = HF_OK;

    if (RAND_priv_bytes(secret, sizeof(secret)) != 1)
        return hf_pki_failed("cannot draw a secret", error, error_bytes);
    err = hf_base64url_encode(secret, sizeof(secret), text, sizeof(text), &bytes);
    HF_ASSERT(err == HF_OK && bytes + 1 == sizeof(text));
    text[bytes++] = '\n';
    err = hf_pki_write_file(secret_file, text, bytes, 0600, options, error, error_bytes);
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(text, sizeof(text));
    return err;
}

hf_err hf_pki_jwt_es256(const char *private_file, const char *public_file, struct hf_pki_file_options options,
                        char *error, size_t error_bytes)
{
    EVP_PKEY *key = hf_pki_key_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char private_pem[1024] = "", public_pem[1024] = "", *text = NULL;
    long bytes = 0;
    hf_err err = HF_ERR_IO;

    if (key != NULL && bio != NULL && hf_pki_key_pem(key, private_pem, sizeof(private_pem)) == HF_OK &&
        PEM_write_bio_PUBKEY(bio, key) == 1) {
        bytes = BIO_get_mem_data(bio, &text);
        HF_ASSERT(bytes > 0 && (size_t)bytes < sizeof(public_pem)); /* a P-256 key takes 178 */
        memcpy(public_pem, text, (size_t)bytes);
        err = write_two(private_file, private_pem, 0600, public_file, public_pem, 0644, options, error,
                        error_bytes);
    } else {
        hf_pki_failed("cannot make a key", error, error_bytes);
    }
    OPENSSL_cleanse(private_pem, sizeof(private_pem));
    BIO_free(bio);
    EVP_PKEY_free(key);
    return err;
}
