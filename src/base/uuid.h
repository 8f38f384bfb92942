/* base/uuid.h - UUID version 7 (RFC 9562 5.7): 48 bits of UTC milliseconds, then 74 random bits, so ids sort by
 * time. Clock and entropy are handed in. */
#ifndef HF_BASE_UUID_H
#define HF_BASE_UUID_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { HF_UUID_BYTES = 16, HF_UUID_TEXT_BYTES = 36, HF_UUID_RANDOM_BYTES = 10 };

/* utc_ms: its low 48 bits count (until the year 10889). Six of the random bits are not used. */
void hf_uuid7(uint8_t ret_uuid[HF_UUID_BYTES], uint64_t utc_ms, const uint8_t random[HF_UUID_RANDOM_BYTES]);

/* 8-4-4-4-12 lower-case digits and a NUL. */
void hf_uuid_text(const uint8_t uuid[HF_UUID_BYTES], char ret_text[HF_UUID_TEXT_BYTES + 1]);

/* Exactly that form, upper case allowed (RFC 9562 4), any version. HF_OK or HF_ERR_MALFORMED. */
hf_err hf_uuid_parse(struct hf_slice text, uint8_t ret_uuid[HF_UUID_BYTES]);

#endif
