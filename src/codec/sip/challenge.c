/* codec/sip/challenge.c - digest parameters as written, and nonces. */
#include <openssl/crypto.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "codec/sip/hasher.h"
#include "codec/sip/nonce.h"
#include "codec/sip/scan.h"

/* Between quotes, as it is: what holds a quote, a backslash or a control byte is refused rather than escaped, because the other side
 * hashes what it sees. */
static bool plain(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (text.at[i] == '"' || text.at[i] == '\\' || hf_sip_is(text.at[i], SIP_CONTROL))
            return false;
    return true;
}

static void add(struct hf_sb *sb, const char *before, struct hf_slice text, const char *behind)
{
    hf_sb_text(sb, before);
    hf_sb_slice(sb, text);
    hf_sb_text(sb, behind);
}

hf_err hf_sip_write_challenge(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice realm,
                              struct hf_slice nonce, enum hf_sip_alg alg, bool qop, bool stale)
{
    if (!plain(realm) || !plain(nonce))
        return HF_ERR_INVALID;
    hf_sb_text(sb, hf_sip_header_name(id));
    add(sb, ": Digest realm=\"", realm, "\"");
    add(sb, ",nonce=\"", nonce, "\",algorithm=");
    hf_sb_text(sb, hf_sip_alg_name(alg));
    hf_sb_text(sb, qop ? ",qop=\"auth\"" : "");
    hf_sb_text(sb, stale ? ",stale=true\r\n" : "\r\n");
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

hf_err hf_sip_write_credentials(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_sip_hasher *hasher,
                                const struct hf_sip_credentials_out *out, struct hf_slice ha1,
                                struct hf_slice method)
{
    char nc[9];
    struct hf_sb nc_text;
    struct hf_sip_digest_input input = {.ha1 = ha1, .method = method, .uri = out->uri, .nonce = out->nonce};
    struct hf_sip_hash response;
    hf_err err;

    if (!plain(out->username) || !plain(out->realm) || !plain(out->nonce) || !plain(out->uri) ||
        !plain(out->opaque) || !plain(out->cnonce))
        return HF_ERR_INVALID;
    hf_sb_init(&nc_text, nc, sizeof(nc));
    if (out->cnonce.at != NULL) {
        hf_sb_printf(&nc_text, "%08x", out->nc);
        input.nc = hf_sb_done(&nc_text);
        input.cnonce = out->cnonce;
        input.qop = HF_SLICE("auth");
    }
    err = hf_sip_digest(hasher, out->alg, &input, &response);
    if (err != HF_OK)
        return err;
    hf_sb_text(sb, hf_sip_header_name(id));
    add(sb, ": Digest username=\"", out->username, "\"");
    add(sb, ",realm=\"", out->realm, "\"");
    add(sb, ",nonce=\"", out->nonce, "\"");
    add(sb, ",uri=\"", out->uri, "\"");
    add(sb, ",response=\"", hf_sip_hash_text(&response), "\"");
    if (out->name_alg)
        add(sb, ",algorithm=", hf_slice_of(hf_sip_alg_name(out->alg)), "");
    if (out->cnonce.at != NULL) {
        add(sb, ",cnonce=\"", out->cnonce, "\"");
        add(sb, ",qop=auth,nc=", input.nc, "");
    }
    if (out->opaque.at != NULL)
        add(sb, ",opaque=\"", out->opaque, "\"");
    hf_sb_text(sb, "\r\n");
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

/* --- nonces --- */

enum {
    TIME_BYTES = 8,
    PLAIN_BYTES = TIME_BYTES + HF_SIP_NONCE_RANDOM_BYTES,
    MAC_BYTES = 16,
    NONCE_BYTES = PLAIN_BYTES + MAC_BYTES,
};
_Static_assert(HF_BASE64URL_BYTES(NONCE_BYTES) == HF_SIP_NONCE_TEXT_BYTES, "no padding");
_Static_assert(sizeof(struct hf_sip_replay) == 16, "each device keeps one");

static void seal(struct hf_sip_hasher *hasher, const uint8_t *key, const uint8_t *nonce,
                 struct hf_slice device, struct hf_slice address, uint8_t out[32])
{
    const struct hf_slice parts[] = {{(const char *)nonce, PLAIN_BYTES},
                                     device,
                                     {"", 1},
                                     address}; /* the NUL of "" parts what could run together */

    hf_sip_hmac_sha256(hasher, key, HF_SIP_NONCE_KEY_BYTES, parts, HF_COUNT_OF(parts), out);
}

void hf_sip_nonce_make(struct hf_sip_hasher *hasher, const uint8_t key[HF_SIP_NONCE_KEY_BYTES],
                       uint64_t now_ms, const uint8_t random[HF_SIP_NONCE_RANDOM_BYTES],
                       struct hf_slice device, struct hf_slice address, char *out)
{
    uint8_t nonce[NONCE_BYTES], mac[32];
    size_t bytes = 0;
    hf_err err;

    hf_put_u64(nonce, now_ms);
    memcpy(nonce + TIME_BYTES, random, HF_SIP_NONCE_RANDOM_BYTES);
    seal(hasher, key, nonce, device, address, mac);
    memcpy(nonce + PLAIN_BYTES, mac, MAC_BYTES);
    err = hf_base64url_encode(nonce, sizeof(nonce), out, HF_SIP_NONCE_TEXT_BYTES, &bytes);
    HF_ASSERT(err == HF_OK && bytes == HF_SIP_NONCE_TEXT_BYTES);
}

hf_err hf_sip_nonce_check(struct hf_sip_hasher *hasher, const uint8_t key[HF_SIP_NONCE_KEY_BYTES],
                          uint64_t now_ms, uint64_t lifetime_ms, struct hf_slice device,
                          struct hf_slice address, struct hf_slice nonce, struct hf_sip_nonce *ret)
{
    uint8_t plain_nonce[NONCE_BYTES], mac[32];
    size_t bytes = 0;

    if (nonce.bytes != HF_SIP_NONCE_TEXT_BYTES ||
        hf_base64url_decode(nonce, plain_nonce, sizeof(plain_nonce), &bytes) != HF_OK)
        return HF_ERR_DENIED;
    HF_ASSERT(bytes == NONCE_BYTES);
    seal(hasher, key, plain_nonce, device, address, mac);
    if (CRYPTO_memcmp(mac, plain_nonce + PLAIN_BYTES, MAC_BYTES) != 0)
        return HF_ERR_DENIED;
    uint64_t issued_ms = hf_get_u64(plain_nonce);

    if (issued_ms > now_ms + HF_SIP_NONCE_AHEAD_MS)
        return HF_ERR_DENIED; /* our key, but no clock of ours */
    *ret = (struct hf_sip_nonce){.issued_ms = issued_ms, .mark = hf_get_u32(plain_nonce + TIME_BYTES)};
    return issued_ms < now_ms && now_ms - issued_ms > lifetime_ms ? HF_ERR_EXPIRED : HF_OK;
}

bool hf_sip_replay_fresh(const struct hf_sip_replay *replay, const struct hf_sip_nonce *nonce, uint32_t nc)
{
    if (nonce->issued_ms != replay->issued_ms)
        return nonce->issued_ms > replay->issued_ms;
    return nonce->mark == replay->mark && nc > replay->nc;
}

void hf_sip_replay_take(struct hf_sip_replay *replay, const struct hf_sip_nonce *nonce, uint32_t nc)
{
    *replay = (struct hf_sip_replay){.issued_ms = nonce->issued_ms, .mark = nonce->mark, .nc = nc};
}
