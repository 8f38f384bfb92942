/* codec/sip/digest.h - digest authentication (RFC 2617, RFC 7616, RFC 8760): challenges and credentials as read and written,
 * the hashes of both sides. Values are used exactly as they stand between the quotes. Requirement GB-5.
 * A hasher is made when a worker starts; after that nothing here allocates. One thread at a time uses it. */
#ifndef HF_CODEC_SIP_DIGEST_H
#define HF_CODEC_SIP_DIGEST_H

#include "codec/sip/write.h"

#define HF_SIP_ALG_MAP(X)                     \
    X(HF_SIP_MD5, "MD5", "MD5", 16)           \
    X(HF_SIP_SHA256, "SHA-256", "SHA256", 32) \
    X(HF_SIP_SM3, "SM3", "SM3", 32) /* GB/T 32905 */
#define HF_SIP_ALG_ENUM(id, name, openssl, bytes) id,
enum hf_sip_alg { HF_SIP_ALG_MAP(HF_SIP_ALG_ENUM) HF_SIP_ALGS };
#undef HF_SIP_ALG_ENUM

enum {
    HF_SIP_HASH_BYTES_MAX = 32,
    HF_SIP_HASH_HEX_MAX = 64,
};

const char *hf_sip_alg_name(enum hf_sip_alg alg);    /* "SHA-256" */
enum hf_sip_alg hf_sip_alg_of(struct hf_slice name); /* without case; HF_SIP_ALGS when not in the table */

struct hf_sip_hasher;
struct hf_sip_hasher *hf_sip_hasher_new(void); /* NULL: no memory, or a crypto library without SHA-256 */
void hf_sip_hasher_free(struct hf_sip_hasher *hasher);
bool hf_sip_hasher_has(const struct hf_sip_hasher *hasher,
                       enum hf_sip_alg alg); /* MD5 and SM3 may be switched off */

struct hf_sip_hash { /* lower-case hexadecimal text */
    char hex[HF_SIP_HASH_HEX_MAX];
    uint8_t bytes; /* of the text: 32 or 64 */
};
static inline struct hf_slice hf_sip_hash_text(const struct hf_sip_hash *hash)
{
    return (struct hf_slice){hash->hex, hash->bytes};
}

/* H(username ":" realm ":" password): what is stored in place of a password. HF_OK; HF_ERR_UNSUPPORTED when the hasher
 * has no such algorithm. */
hf_err hf_sip_ha1(struct hf_sip_hasher *hasher, enum hf_sip_alg alg, struct hf_slice username,
                  struct hf_slice realm, struct hf_slice password, struct hf_sip_hash *ret);

/* What the hash of a response is made of. qop empty or absent: the form without (RFC 2069). */
struct hf_sip_digest_input {
    struct hf_slice ha1; /* hexadecimal text */
    struct hf_slice method, uri, nonce;
    struct hf_slice nc, cnonce, qop; /* as sent */
};
/* HF_OK; HF_ERR_UNSUPPORTED for the algorithm, or a qop other than auth. */
hf_err hf_sip_digest(struct hf_sip_hasher *hasher, enum hf_sip_alg alg,
                     const struct hf_sip_digest_input *input, struct hf_sip_hash *ret);

/* --- credentials: Authorization --- */

struct hf_sip_credentials { /* absent without; those that RFC 7616 demands are never absent after HF_OK */
    struct hf_slice username, realm, nonce, uri, response;
    struct hf_slice cnonce, nc, qop, opaque, algorithm;
    uint8_t alg;       /* enum hf_sip_alg; MD5 without one; HF_SIP_ALGS for one that is not in the table */
    uint32_t nc_value; /* 0 without */
    uint32_t tolerated;
};

/* Parses the value of an Authorization header. HF_OK; HF_ERR_NOT_FOUND: another scheme than Digest; HF_ERR_MALFORMED: no
 * such parameters, one twice, one that is needed missing (nc and cnonce are with a qop); HF_ERR_LIMIT: more than
 * HF_SIP_PARAMS_MAX. */
hf_err hf_sip_parse_credentials(struct hf_slice value, uint32_t tolerances, struct hf_sip_credentials *ret);
/* The first Authorization of the request that is Digest, with the default tolerances. HF_ERR_NOT_FOUND: none is. */
hf_err hf_sip_credentials(const struct hf_sip_msg *msg, struct hf_sip_credentials *ret);

/* Whether the response is right, in constant time and whatever the case of its digits. For a device that is not known call it all
 * the same with any ha1, so that the time tells nothing. HF_OK; HF_ERR_DENIED; HF_ERR_UNSUPPORTED as hf_sip_digest. */
hf_err hf_sip_verify(struct hf_sip_hasher *hasher, const struct hf_sip_credentials *credentials,
                     struct hf_slice ha1, struct hf_slice method);

struct hf_sip_credentials_out {
    struct hf_slice username, realm, nonce, uri;
    struct hf_slice opaque; /* absent = none was in the challenge */
    struct hf_slice cnonce; /* absent = no qop */
    uint32_t nc;            /* with cnonce */
    enum hf_sip_alg alg;
    bool name_alg; /* write algorithm=; leave it out when the challenge had none */
};
/* The header Authorization (or Proxy-Authorization) with its response. HF_OK, HF_ERR_INVALID, HF_ERR_LIMIT as write.h;
 * HF_ERR_UNSUPPORTED. */
hf_err hf_sip_write_credentials(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_sip_hasher *hasher,
                                const struct hf_sip_credentials_out *out, struct hf_slice ha1,
                                struct hf_slice method);

/* --- challenges: WWW-Authenticate --- */

struct hf_sip_challenge {
    struct hf_slice realm, nonce, opaque, algorithm; /* absent without */
    uint8_t alg;                                     /* as above */
    bool qop, auth;                                  /* a qop was sent; it has auth */
    bool stale;
    uint32_t tolerated;
};
/* As hf_sip_parse_credentials. */
hf_err hf_sip_parse_challenge(struct hf_slice value, uint32_t tolerances, struct hf_sip_challenge *ret);

/* WWW-Authenticate (or Proxy-Authenticate). The algorithm is always named: some recorders never answer otherwise. */
hf_err hf_sip_write_challenge(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice realm,
                              struct hf_slice nonce, enum hf_sip_alg alg, bool qop, bool stale);

#endif
