/* core/kvkey.h - keys of the tables: tenant, 0, device, 0, then up to two big-endian 64-bit numbers (ST-3).
 * Scans run in the order of the numbers and no two devices share a key: names never contain a zero byte,
 * so the encoding is injective. Not the time alone as a key: it repeats, steps back and names no device.
 *
 *   tenant (1..64 bytes, no zero byte)  00  device (1..128 bytes, no zero byte)  00  [u64]  [u64] */
#ifndef HF_CORE_KVKEY_H
#define HF_CORE_KVKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_KVKEY_TENANT_BYTES_MAX = 64,
    HF_KVKEY_DEVICE_BYTES_MAX = 128,
    HF_KVKEY_BYTES_MAX = HF_KVKEY_TENANT_BYTES_MAX + 1 + HF_KVKEY_DEVICE_BYTES_MAX + 1 + 8 + 8
};

struct hf_kvkey {
    uint16_t bytes;
    char at[HF_KVKEY_BYTES_MAX];
};

static inline struct hf_slice hf_kvkey_slice(const struct hf_kvkey *key)
{
    return (struct hf_slice){key->at, key->bytes};
}

/* Each replaces the key. HF_ERR_INVALID for an empty or too long name or one with a zero byte: the names
 * come from peers. */
hf_err hf_kvkey_tenant(struct hf_kvkey *ret_key,
                       struct hf_slice tenant); /* tenant 00: prefix of its devices */
hf_err hf_kvkey_device(struct hf_kvkey *ret_key, struct hf_slice tenant, struct hf_slice device);
hf_err hf_kvkey_device_u64(struct hf_kvkey *ret_key, struct hf_slice tenant, struct hf_slice device,
                           uint64_t number);

/* Adds one more big-endian number; asserts that it fits (at most two). */
void hf_kvkey_add_u64(struct hf_kvkey *key, uint64_t number);

/* Takes a key of hf_kvkey_device or hf_kvkey_device_u64 apart again; slices point into `key`. *ret_rest
 * gets what follows the device: 0, 8 or 16 bytes. HF_ERR_CORRUPT when it is not such a key. */
hf_err hf_kvkey_parse(struct hf_slice key, struct hf_slice *ret_tenant, struct hf_slice *ret_device,
                      struct hf_slice *ret_rest);

static inline void hf_kvkey_u64_write(char at[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        at[i] = (char)(number >> (56 - 8 * i));
}

static inline uint64_t hf_kvkey_u64_read(const char at[8])
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | (unsigned char)at[i];
    return number;
}

#endif
