#include "log/batch.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/reader.h"

uint32_t hf_log_key(uint64_t key_hash)
{
    uint32_t key = (uint32_t)(key_hash ^ key_hash >> 32);

    return key == 0 && key_hash != 0 ? 1 : key;
}

void hf_log_batch_init(struct hf_log_batch *batch, void *storage, size_t storage_bytes)
{
    *batch = (struct hf_log_batch){.at = storage,
                                   .bytes_max = (uint32_t)HF_MIN(storage_bytes, HF_LOG_GROUP_BYTES_MAX)};
}

void hf_log_batch_clear(struct hf_log_batch *batch)
{
    hf_log_batch_init(batch, batch->at, batch->bytes_max);
}

char *hf_log_batch_reserve(struct hf_log_batch *batch, size_t body_bytes_max)
{
    batch->reserved = 0;
    if (body_bytes_max == 0 || body_bytes_max > HF_LOG_BODY_BYTES_MAX)
        return NULL;
    if (batch->bytes_max - batch->bytes < HF_LOG_RECORD_HEAD_BYTES + body_bytes_max)
        return NULL;
    batch->reserved = (uint32_t)body_bytes_max;
    return batch->at + batch->bytes + HF_LOG_RECORD_HEAD_BYTES;
}

void hf_log_batch_commit(struct hf_log_batch *batch, size_t body_bytes, uint64_t key_hash)
{
    HF_ASSERT(body_bytes >= 1 && body_bytes <= batch->reserved);
    uint8_t *head = (uint8_t *)batch->at + batch->bytes;

    hf_put_u32(head + 4, (uint32_t)body_bytes);
    hf_put_u32(head + 8, hf_crc32c(0, head + HF_LOG_RECORD_HEAD_BYTES, body_bytes));
    hf_put_u32(head + 12, hf_log_key(key_hash));
    batch->bytes += HF_LOG_RECORD_HEAD_BYTES + (uint32_t)body_bytes;
    batch->records++;
    batch->reserved = 0;
}

hf_err hf_log_batch_add(struct hf_log_batch *batch, struct hf_slice body, uint64_t key_hash)
{
    if (body.bytes == 0 || body.bytes > HF_LOG_BODY_BYTES_MAX)
        return HF_ERR_INVALID;
    char *at = hf_log_batch_reserve(batch, body.bytes);

    if (at == NULL)
        return HF_ERR_LIMIT;
    memcpy(at, body.at, body.bytes);
    hf_log_batch_commit(batch, body.bytes, key_hash);
    return HF_OK;
}
