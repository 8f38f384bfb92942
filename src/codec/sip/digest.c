/* codec/sip/digest.c - the hashes. */
#include "codec/sip/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"
#include "codec/sip/hasher.h"
#include "codec/sip/scan.h"

enum { SHA256_BLOCK_BYTES = 64 };

#define ALG_ROW(id, name, openssl, bytes) [id] = {name, openssl, bytes},
static const struct {
    const char *name, *openssl;
    uint8_t bytes;
} algs[HF_SIP_ALGS] = {HF_SIP_ALG_MAP(ALG_ROW)};

struct hf_sip_hasher {
    EVP_MD *md[HF_SIP_ALGS];      /* fetched once; NULL: the library has none */
    EVP_MD_CTX *ctx[HF_SIP_ALGS]; /* set up once, reset for each hash */
};

const char *hf_sip_alg_name(enum hf_sip_alg alg)
{
    HF_ASSERT((unsigned)alg < HF_SIP_ALGS);
    return algs[alg].name;
}

enum hf_sip_alg hf_sip_alg_of(struct hf_slice name)
{
    unsigned alg = 0;

    while (alg < HF_SIP_ALGS && !hf_slice_eq_nocase(hf_slice_of(algs[alg].name), name))
        alg++;
    return (enum hf_sip_alg)alg;
}

struct hf_sip_hasher *hf_sip_hasher_new(void)
{
    struct hf_sip_hasher *hasher = calloc(1, sizeof(*hasher));

    for (unsigned alg = 0; hasher != NULL && alg < HF_SIP_ALGS; alg++) {
        hasher->md[alg] = EVP_MD_fetch(NULL, algs[alg].openssl, NULL);
        hasher->ctx[alg] = EVP_MD_CTX_new();
        if (hasher->md[alg] == NULL || hasher->ctx[alg] == NULL ||
            EVP_DigestInit_ex2(hasher->ctx[alg], hasher->md[alg], NULL) != 1) {
            EVP_MD_CTX_free(hasher->ctx[alg]);
            hasher->ctx[alg] = NULL;
        }
    }
    if (hasher != NULL && hasher->ctx[HF_SIP_SHA256] == NULL) {
        hf_sip_hasher_free(hasher);
        hasher = NULL;
    }
    return hasher;
}

void hf_sip_hasher_free(struct hf_sip_hasher *hasher)
{
    if (hasher == NULL)
        return;
    for (unsigned alg = 0; alg < HF_SIP_ALGS; alg++) {
        EVP_MD_CTX_free(hasher->ctx[alg]); /* wipes */
        EVP_MD_free(hasher->md[alg]);
    }
    free(hasher);
}

bool hf_sip_hasher_has(const struct hf_sip_hasher *hasher, enum hf_sip_alg alg)
{
    return (unsigned)alg < HF_SIP_ALGS && hasher->ctx[alg] != NULL;
}

/* The parts one after the other. The library fails only for want of memory, and takes none once the context is set up. */
static void hash(struct hf_sip_hasher *hasher, enum hf_sip_alg alg, const struct hf_slice *parts,
                 size_t count, uint8_t *out)
{
    EVP_MD_CTX *ctx = hasher->ctx[alg];
    int ok = EVP_DigestInit_ex2(ctx, NULL, NULL);

    for (size_t i = 0; i < count; i++)
        if (parts[i].bytes > 0)
            ok &= EVP_DigestUpdate(ctx, parts[i].at, parts[i].bytes);
    ok &= EVP_DigestFinal_ex(ctx, out, NULL);
    HF_ASSERT(ok == 1);
}

static void hash_text(struct hf_sip_hasher *hasher, enum hf_sip_alg alg, const struct hf_slice *parts,
                      size_t count, struct hf_sip_hash *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t out[HF_SIP_HASH_BYTES_MAX];

    hash(hasher, alg, parts, count, out);
    ret->bytes = (uint8_t)(2 * algs[alg].bytes);
    for (unsigned i = 0; i < algs[alg].bytes; i++) {
        ret->hex[2 * i] = digits[out[i] >> 4];
        ret->hex[2 * i + 1] = digits[out[i] & 15];
    }
}

void hf_sip_hmac_sha256(struct hf_sip_hasher *hasher, const uint8_t *key, size_t key_bytes,
                        const struct hf_slice *parts, size_t count, uint8_t out[32])
{
    uint8_t inner[SHA256_BLOCK_BYTES], outer[SHA256_BLOCK_BYTES];
    struct hf_slice all[1 + HF_SIP_HMAC_PARTS_MAX];

    HF_ASSERT(key_bytes <= SHA256_BLOCK_BYTES && count <= HF_SIP_HMAC_PARTS_MAX);
    for (size_t i = 0; i < SHA256_BLOCK_BYTES; i++) { /* RFC 2104 */
        uint8_t byte = i < key_bytes ? key[i] : 0;

        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    all[0] = (struct hf_slice){(const char *)inner, sizeof(inner)};
    for (size_t i = 0; i < count; i++)
        all[1 + i] = parts[i];
    hash(hasher, HF_SIP_SHA256, all, 1 + count, out);
    all[0] = (struct hf_slice){(const char *)outer, sizeof(outer)};
    all[1] = (struct hf_slice){(const char *)out, 32};
    hash(hasher, HF_SIP_SHA256, all, 2, out);
    OPENSSL_cleanse(inner, sizeof(inner));
    OPENSSL_cleanse(outer, sizeof(outer));
}

hf_err hf_sip_ha1(struct hf_sip_hasher *hasher, enum hf_sip_alg alg, struct hf_slice username,
                  struct hf_slice realm, struct hf_slice password, struct hf_sip_hash *ret)
{
    const struct hf_slice parts[] = {username, HF_SLICE(":"), realm, HF_SLICE(":"), password};

    if (!hf_sip_hasher_has(hasher, alg))
        return HF_ERR_UNSUPPORTED;
    hash_text(hasher, alg, parts, HF_COUNT_OF(parts), ret);
    return HF_OK;
}

hf_err hf_sip_digest(struct hf_sip_hasher *hasher, enum hf_sip_alg alg,
                     const struct hf_sip_digest_input *input, struct hf_sip_hash *ret)
{
    const struct hf_slice a2[] = {input->method, HF_SLICE(":"), input->uri};
    const struct hf_slice colon = HF_SLICE(":");
    struct hf_sip_hash ha2;

    if (!hf_sip_hasher_has(hasher, alg) || (input->qop.bytes > 0 && !HF_SIP_IS(input->qop, "auth")))
        return HF_ERR_UNSUPPORTED;
    hash_text(hasher, alg, a2, HF_COUNT_OF(a2), &ha2);
    if (input->qop.bytes == 0) {
        const struct hf_slice parts[] = {input->ha1, colon, input->nonce, colon, hf_sip_hash_text(&ha2)};

        hash_text(hasher, alg, parts, HF_COUNT_OF(parts), ret);
    } else {
        const struct hf_slice parts[] = {input->ha1, colon, input->nonce,          colon,
                                         input->nc,  colon, input->cnonce,         colon,
                                         input->qop, colon, hf_sip_hash_text(&ha2)};

        hash_text(hasher, alg, parts, HF_COUNT_OF(parts), ret);
    }
    return HF_OK;
}

hf_err hf_sip_verify(struct hf_sip_hasher *hasher, const struct hf_sip_credentials *credentials,
                     struct hf_slice ha1, struct hf_slice method)
{
    const struct hf_sip_digest_input input = {.ha1 = ha1,
                                              .method = method,
                                              .uri = credentials->uri,
                                              .nonce = credentials->nonce,
                                              .nc = credentials->nc,
                                              .cnonce = credentials->cnonce,
                                              .qop = credentials->qop};
    char shown[HF_SIP_HASH_HEX_MAX];
    struct hf_sip_hash want;
    hf_err err = hf_sip_digest(hasher, (enum hf_sip_alg)credentials->alg, &input, &want);

    if (err != HF_OK)
        return err;
    if (credentials->response.bytes != want.bytes)
        return HF_ERR_DENIED;
    for (size_t i = 0; i < want.bytes;
         i++) { /* capitals of hexadecimal digits; no branch on a digit of the secret */
        char c = credentials->response.at[i];

        shown[i] = (char)(c | (c & 0x40 ? 0x20 : 0));
    }
    return CRYPTO_memcmp(shown, want.hex, want.bytes) == 0 ? HF_OK : HF_ERR_DENIED;
}
