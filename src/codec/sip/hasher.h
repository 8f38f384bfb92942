/* codec/sip/hasher.h - private to sip. */
#ifndef HF_CODEC_SIP_HASHER_H
#define HF_CODEC_SIP_HASHER_H

#include "codec/sip/digest.h"

enum { HF_SIP_HMAC_PARTS_MAX = 4 };

/* RFC 2104 over the parts one after the other; key_bytes <= 64. */
void hf_sip_hmac_sha256(struct hf_sip_hasher *hasher, const uint8_t *key, size_t key_bytes,
                        const struct hf_slice *parts, size_t count, uint8_t out[32]);

#endif
