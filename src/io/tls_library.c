/* io/tls_library.c - an OpenSSL library context of our own for listeners, in which a handshake has less to search.
 *
 * OpenSSL 3.0 decodes the public key of each certificate it receives through a chain of decoders that it builds anew
 * from all that its providers offer: about 80, most for keys and containers that no client certificate has. That costs
 * 120 us for each certificate, more than checking the client's signature. So we offer a provider that passes everything
 * on to the default one but shows only the decoders for SubjectPublicKeyInfo of the key types that we take: 30 us. No
 * algorithm is replaced, and a certificate with any other kind of key cannot be read and is refused.
 *
 * Where the system is configured for FIPS, the default context is used as it is: what may run there is not ours to say.
 *
 * Drawn once per process and never given back, as OpenSSL's own default context is. */
#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "base/assert.h"
#include "io/tls_internal.h"

enum { DECODERS_MAX = 8 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_PROVIDER *passed_on;                  /* the default provider, of the default context */
static OSSL_ALGORITHM decoders[DECODERS_MAX + 1]; /* ends with an empty row */
static OSSL_LIB_CTX *library;

static bool is_wanted(const OSSL_ALGORITHM *decoder)
{
    static const char *const types[] = {"EC", "ED25519", "RSA"};
    size_t name_bytes = strcspn(decoder->algorithm_names, ":"); /* the first of its names */

    if (strstr(decoder->property_definition, "input=der") == NULL ||
        strstr(decoder->property_definition, "structure=SubjectPublicKeyInfo") == NULL)
        return false;
    for (size_t i = 0; i < HF_COUNT_OF(types); i++)
        if (strlen(types[i]) == name_bytes && strncmp(types[i], decoder->algorithm_names, name_bytes) == 0)
            return true;
    return false;
}

static const OSSL_ALGORITHM *on_query(void *context, int operation, int *ret_no_cache)
{
    (void)context;
    if (operation != OSSL_OP_DECODER)
        return OSSL_PROVIDER_query_operation(passed_on, operation, ret_no_cache);
    *ret_no_cache = 0;
    return decoders;
}

static int on_capabilities(void *context, const char *capability, OSSL_CALLBACK *callback, void *user)
{
    (void)context;
    return OSSL_PROVIDER_get_capabilities(passed_on, capability, callback, user); /* TLS groups */
}

static int on_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **ret_out,
                   void **ret_context)
{
    static const OSSL_DISPATCH table[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))on_capabilities},
        {0, NULL}};

    (void)handle, (void)in;
    *ret_out = table;
    *ret_context =
        OSSL_PROVIDER_get0_provider_ctx(passed_on); /* its algorithms expect their own provider's context */
    return 1;
}

static size_t pick_decoders(void)
{
    int no_cache = 0;
    size_t count = 0;
    const OSSL_ALGORITHM *row = OSSL_PROVIDER_query_operation(passed_on, OSSL_OP_DECODER, &no_cache);

    for (; row != NULL && row->algorithm_names != NULL && count < DECODERS_MAX; row++)
        if (is_wanted(row))
            decoders[count++] = *row;
    return count;
}

static void library_make(void)
{
    OSSL_LIB_CTX *made = NULL;

    if (EVP_default_properties_is_fips_enabled(NULL))
        return;
    passed_on = OSSL_PROVIDER_load(NULL, "default");
    if (passed_on == NULL || pick_decoders() == 0 || (made = OSSL_LIB_CTX_new()) == NULL)
        goto out;
    if (OSSL_PROVIDER_add_builtin(made, "holdfast", on_init) == 1 &&
        OSSL_PROVIDER_load(made, "holdfast") != NULL)
        library = made;
    else
        OSSL_LIB_CTX_free(made);
out:
    ERR_clear_error(); /* without it all works, only slower */
}

OSSL_LIB_CTX *hf_tls_library(void)
{
    pthread_once(&once, library_make);
    return library;
}
