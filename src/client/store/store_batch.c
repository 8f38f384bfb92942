#include "client/store/store_batch.h"

#include "base/assert.h"

struct hf_store_limits hf_store_limits_of(const struct hf_store_limits *limits)
{
    struct hf_store_limits with = *limits;

    if (with.bytes_max == 0)
        with.bytes_max = HF_STORE_BYTES_MAX_DEFAULT;
    if (with.messages_max == 0)
        with.messages_max = HF_STORE_MESSAGES_MAX_DEFAULT;
    with.bytes_max = HF_MAX(with.bytes_max, HF_STORE_BYTES_MIN);
    with.messages_max = HF_MAX(with.messages_max, HF_STORE_MESSAGES_MIN);
    return with;
}

uint64_t hf_store_message_bytes(const struct hf_store_message *message)
{
    return (uint64_t)message->topic.bytes + message->payload.bytes;
}

hf_err hf_store_may_append(const struct hf_store_facts *facts, const struct hf_store_limits *limits,
                           const struct hf_store_message *message)
{
    uint64_t bytes = hf_store_message_bytes(message);

    if (message->topic.bytes > HF_STORE_TOPIC_BYTES_MAX)
        return HF_ERR_INVALID;
    if (facts->messages >= limits->messages_max || bytes > limits->bytes_max ||
        facts->bytes > limits->bytes_max - bytes)
        return HF_ERR_LIMIT;
    return HF_OK;
}

bool hf_store_half_numbered(const struct hf_store_facts *facts, const struct hf_store_limits *limits)
{
    return facts->numbered_messages > 0 && (facts->numbered_messages >= limits->messages_max / 2 ||
                                            facts->numbered_bytes >= limits->bytes_max / 2);
}

enum hf_reason hf_store_judge(const struct hf_store_message *message, uint64_t utc_ms,
                              uint64_t payload_bytes_max)
{
    if (message->expires_ms != 0 && utc_ms != 0 && message->expires_ms <= utc_ms)
        return HF_REASON_EXPIRED;
    return message->payload.bytes > payload_bytes_max ? HF_REASON_MESSAGE_TOO_BIG : HF_REASON_NONE;
}

uint64_t hf_store_batch_call(struct hf_store_batch *batch)
{
    batch->calls++;
    if (!batch->hurried)
        batch->begin_ms = 0; /* the wait of lazy ones does not count */
    batch->hurried = true;
    return ++batch->ticket;
}

void hf_store_batch_call_lazy(struct hf_store_batch *batch)
{
    batch->calls++;
}

void hf_store_batch_end(struct hf_store_batch *batch, hf_err err)
{
    batch->calls = 0;
    batch->begin_ms = 0;
    batch->hurried = false;
    if (err != HF_OK) {
        batch->failed = err;
        batch->failed_through = batch->ticket;
    }
}

static uint64_t commit_at_ms(const struct hf_store_batch *batch, uint64_t delay_ms)
{
    if (!batch->hurried)
        return batch->begin_ms + HF_STORE_PRUNE_MS;
    if (batch->calls >= HF_STORE_BATCH || batch->last_ms == 0)
        return batch->begin_ms + delay_ms;
    return HF_MAX(batch->begin_ms, batch->last_ms + HF_STORE_BATCH_MS) + delay_ms;
}

bool hf_store_batch_is_due(struct hf_store_batch *batch, uint64_t now_ms, bool force, uint64_t delay_ms)
{
    if (batch->calls == 0)
        return false;
    if (batch->begin_ms == 0)
        batch->begin_ms = now_ms;
    if (!force && now_ms < commit_at_ms(batch, delay_ms))
        return false;
    batch->last_ms = now_ms;
    return true;
}

uint64_t hf_store_batch_due_ms(const struct hf_store_batch *batch, uint64_t delay_ms)
{
    if (batch->failed_through != 0)
        return 0;
    if (batch->calls == 0)
        return UINT64_MAX;
    return batch->begin_ms == 0 ? 0 : commit_at_ms(batch, delay_ms);
}

bool hf_store_batch_tell(struct hf_store_batch *batch, uint64_t *ret_through, hf_err *ret_err)
{
    if (batch->failed_through != 0) {
        *ret_through = batch->told = batch->failed_through;
        *ret_err = batch->failed;
        batch->failed_through = 0;
        return true;
    }
    if (batch->calls > 0 || batch->told == batch->ticket)
        return false;
    *ret_through = batch->told = batch->ticket;
    *ret_err = HF_OK;
    return true;
}
