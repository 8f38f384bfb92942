/* codec/sip/sip_digest_fuzz.c - the text of an Authorization or WWW-Authenticate header. Properties: every slice lies in the input; what
 * was read and is written anew reads the same; the right response is let in, any other is not; no text is a nonce of ours but those we made. */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/sip/nonce.h"

enum { TEXT_BYTES = 64 * 1024, INPUT_BYTES_MAX = 8 * 1024, NOW_MS = 1000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static struct hf_sip_hasher *hasher;
static const uint8_t key[HF_SIP_NONCE_KEY_BYTES] = {7};

static void inside(struct hf_slice slice, struct hf_slice in)
{
    HF_ASSERT(slice.at == NULL || (slice.at >= in.at && slice.at + slice.bytes <= in.at + in.bytes));
}

static void check_verify(struct hf_sip_credentials credentials)
{
    const struct hf_slice ha1 = HF_SLICE("another than that of the seeds__"), method = HF_SLICE("REGISTER");
    const struct hf_sip_digest_input input = {
        ha1, method, credentials.uri, credentials.nonce, credentials.nc, credentials.cnonce, credentials.qop};
    struct hf_sip_hash want;
    hf_err err = hf_sip_digest(hasher, (enum hf_sip_alg)credentials.alg, &input, &want);

    if (err != HF_OK) {
        HF_ASSERT(hf_sip_verify(hasher, &credentials, ha1, method) == err);
        return;
    }
    HF_ASSERT(hf_sip_verify(hasher, &credentials, ha1, method) == HF_ERR_DENIED); /* nobody guesses it */
    credentials.response = hf_sip_hash_text(&want);
    HF_ASSERT(hf_sip_verify(hasher, &credentials, ha1, method) == HF_OK);
}

static void check_rewrite(const struct hf_sip_credentials *c)
{
    static char text[TEXT_BYTES];
    struct hf_sip_credentials_out out = {.username = c->username,
                                         .realm = c->realm,
                                         .nonce = c->nonce,
                                         .uri = c->uri,
                                         .opaque = c->opaque,
                                         .cnonce = c->cnonce,
                                         .nc = c->nc_value,
                                         .alg = (enum hf_sip_alg)c->alg,
                                         .name_alg = true};
    struct hf_sip_credentials back;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_err err =
        hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, hasher, &out, HF_SLICE("x"), HF_SLICE("BYE"));

    if (err != HF_OK)
        return; /* quotes or backslashes inside, or an unknown algorithm */
    struct hf_slice value = {text + sizeof("Authorization: ") - 1,
                             sb.bytes - sizeof("Authorization: \r\n") + 1};

    HF_ASSERT(hf_sip_parse_credentials(value, 0, &back) == HF_OK);
    HF_ASSERT(back.alg == c->alg && back.nc_value == (c->cnonce.at != NULL ? c->nc_value : 0));
    HF_ASSERT(hf_slice_eq(back.username, c->username) && hf_slice_eq(back.realm, c->realm) &&
              hf_slice_eq(back.nonce, c->nonce) && hf_slice_eq(back.uri, c->uri) &&
              hf_slice_eq(back.opaque, c->opaque) && hf_slice_eq(back.cnonce, c->cnonce));
    HF_ASSERT(hf_sip_verify(hasher, &back, HF_SLICE("x"), HF_SLICE("BYE")) == HF_OK);
}

static void check_nonces(struct hf_slice in)
{
    uint8_t drawn[HF_SIP_NONCE_RANDOM_BYTES] = {0};
    char nonce[HF_SIP_NONCE_TEXT_BYTES];
    struct hf_sip_nonce ret;
    struct hf_slice none = {NULL, 0};

    HF_ASSERT(hf_sip_nonce_check(hasher, key, NOW_MS, 1000, in, none, in, &ret) == HF_ERR_DENIED);
    memcpy(drawn, in.at, HF_MIN(in.bytes, sizeof(drawn)));
    hf_sip_nonce_make(hasher, key, NOW_MS, drawn, in, none, nonce);
    HF_ASSERT(hf_sip_nonce_check(hasher, key, NOW_MS + 1000, 1000, in, none,
                                 (struct hf_slice){nonce, sizeof(nonce)}, &ret) == HF_OK);
    HF_ASSERT(ret.issued_ms == NOW_MS);
    HF_ASSERT(hf_sip_nonce_check(hasher, key, NOW_MS, 1000, HF_SLICE("other"), in,
                                 (struct hf_slice){nonce, sizeof(nonce)}, &ret) == HF_ERR_DENIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_sip_credentials c, strict;
    struct hf_sip_challenge challenge;

    if (hasher == NULL)
        hasher = hf_sip_hasher_new();
    HF_ASSERT(hasher != NULL);
    if (data_bytes > INPUT_BYTES_MAX)
        return 0;
    char *copy = malloc(data_bytes + (data_bytes == 0));
    struct hf_slice in = {copy, data_bytes};

    memcpy(copy, data, data_bytes);
    if (hf_sip_parse_credentials(in, UINT32_MAX, &c) == HF_OK) {
        const struct hf_slice slices[] = {c.username, c.realm, c.nonce, c.uri,    c.response,
                                          c.cnonce,   c.nc,    c.qop,   c.opaque, c.algorithm};

        for (size_t i = 0; i < HF_COUNT_OF(slices); i++)
            inside(slices[i], in);
        HF_ASSERT((hf_sip_parse_credentials(in, 0, &strict) == HF_OK) == (c.tolerated == 0));
        check_verify(c);
        check_rewrite(&c);
    }
    if (hf_sip_parse_challenge(in, UINT32_MAX, &challenge) == HF_OK) {
        inside(challenge.realm, in);
        inside(challenge.nonce, in);
    }
    check_nonces(in);
    free(copy);
    return 0;
}
