/* codec/sip/nonce.h - nonces that need no memory: the server recognises its own by a MAC, their age by the time inside. What remains to be
 * remembered is 16 bytes for each device, against replay. Time, key and random bytes come in. Requirement GB-5.
 *
 * Layout, 33 bytes in base64url without padding (44 characters, none of which needs care inside quotes):
 *   0  8  time of issue, UTC ms, big endian
 *   8  9  random
 *  17 16  HMAC-SHA-256 (first half) over bytes 0-16, the device id, a zero byte, and the address when that is bound */
#ifndef HF_CODEC_SIP_NONCE_H
#define HF_CODEC_SIP_NONCE_H

#include "codec/sip/digest.h"

enum {
    HF_SIP_NONCE_KEY_BYTES = 32,
    HF_SIP_NONCE_RANDOM_BYTES = 9,
    HF_SIP_NONCE_TEXT_BYTES = 44,
    HF_SIP_NONCE_LIFETIME_MS = 60 * 1000,      /* default */
    HF_SIP_NONCE_LIFETIME_MS_MAX = 300 * 1000, /* nobody needs longer to type a password that he has */
    HF_SIP_NONCE_AHEAD_MS = 5000,              /* how far clocks of nodes that share a key may differ */
};

struct hf_sip_nonce { /* what is in one that is ours */
    uint64_t issued_ms;
    uint32_t mark; /* from the random bytes: tells nonces of one millisecond apart */
};

/* out has HF_SIP_NONCE_TEXT_BYTES, all of which are written. address: what the answer must come from, for instance the 4 or 16 bytes of
 * an IP address; empty = any (carrier NAT may change it between challenge and answer). */
void hf_sip_nonce_make(struct hf_sip_hasher *hasher, const uint8_t key[HF_SIP_NONCE_KEY_BYTES],
                       uint64_t now_ms, const uint8_t random[HF_SIP_NONCE_RANDOM_BYTES],
                       struct hf_slice device, struct hf_slice address, char *out);

/* HF_OK; HF_ERR_EXPIRED: ours, for this device and address, but issued more than lifetime_ms ago; HF_ERR_DENIED: not ours. To both the
 * answer is a new challenge with stale=true: the password was not looked at. *ret is set for OK and EXPIRED. */
hf_err hf_sip_nonce_check(struct hf_sip_hasher *hasher, const uint8_t key[HF_SIP_NONCE_KEY_BYTES],
                          uint64_t now_ms, uint64_t lifetime_ms, struct hf_slice device,
                          struct hf_slice address, struct hf_slice nonce, struct hf_sip_nonce *ret);

/* The last nonce that a device was let in with. 16 bytes, zero at first. */
struct hf_sip_replay {
    uint64_t issued_ms;
    uint32_t mark, nc;
};

/* True when (nonce, nc) was not used before by this device: a later nonce, or the same with a higher nc (nc 0: none was sent, so a
 * nonce serves once). Ask before the password is checked: false is answered like an old nonce. */
bool hf_sip_replay_fresh(const struct hf_sip_replay *replay, const struct hf_sip_nonce *nonce, uint32_t nc);
/* Remembers them. Only once the response was right, or a stranger could lock the device out. */
void hf_sip_replay_take(struct hf_sip_replay *replay, const struct hf_sip_nonce *nonce, uint32_t nc);

#endif
