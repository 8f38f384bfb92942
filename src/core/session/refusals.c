#include "core/session/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/session/serial.h"

enum { ROOM_FIRST = 4 };

void hf_refusals_deinit(struct hf_refusals *refusals)
{
    free(refusals->at);
    *refusals = (struct hf_refusals){0};
}

static hf_err grow(struct hf_refusals *refusals, unsigned room)
{
    struct hf_refusal *at = realloc(refusals->at, room * sizeof(*at));

    if (at == NULL)
        return HF_ERR_NOMEM;
    refusals->at = at;
    refusals->room = (uint16_t)room;
    return HF_OK;
}

hf_err hf_refusals_reserve(struct hf_refusals *refusals)
{
    if (refusals->count < refusals->room || refusals->room == HF_REFUSALS_MAX)
        return HF_OK;
    return grow(refusals,
                refusals->room > 0 ? HF_MIN(2U * refusals->room, (unsigned)HF_REFUSALS_MAX) : ROOM_FIRST);
}

static void drop(struct hf_refusals *refusals, unsigned count)
{
    refusals->count = (uint16_t)(refusals->count - count);
    memmove(refusals->at, refusals->at + count, refusals->count * sizeof(*refusals->at));
}

void hf_refusals_trim(struct hf_refusals *refusals, uint64_t first)
{
    unsigned known = 0;

    while (known < refusals->count && refusals->at[known].to < first)
        known++;
    if (known > 0)
        drop(refusals, known);
    if (refusals->count > 0)
        refusals->at[0].from = HF_MAX(refusals->at[0].from, first);
}

static bool extends(const struct hf_refusals *refusals, uint64_t seq, uint16_t reason)
{
    const struct hf_refusal *last = refusals->count > 0 ? &refusals->at[refusals->count - 1] : NULL;

    return last != NULL && last->reason == reason && last->to == hf_serial_before(seq);
}

bool hf_refusals_fits(const struct hf_refusals *refusals, uint64_t seq, uint16_t reason, uint64_t first)
{
    return refusals->count < HF_REFUSALS_MAX || refusals->at[0].to < first || extends(refusals, seq, reason);
}

bool hf_refusals_add(struct hf_refusals *refusals, uint64_t seq, uint16_t reason, uint64_t first)
{
    bool all = true;

    HF_ASSERT(refusals->room > 0 && first <= seq);
    hf_refusals_trim(refusals, first);
    HF_ASSERT(refusals->count == 0 || refusals->at[refusals->count - 1].to < seq);
    if (extends(refusals, seq, reason)) {
        refusals->at[refusals->count - 1].to = seq;
        return true;
    }
    if (refusals->count == HF_REFUSALS_MAX) {
        drop(refusals, 1);
        all = false;
    }
    HF_ASSERT(refusals->count < refusals->room);
    refusals->at[refusals->count++] = (struct hf_refusal){seq, seq, reason};
    return all;
}

size_t hf_refusals_encode(const struct hf_refusals *refusals, uint8_t *out)
{
    for (unsigned i = 0; i < refusals->count; i++, out += HF_REFUSAL_BYTES) {
        hf_put_u64(out, refusals->at[i].from);
        hf_put_u64(out + 8, refusals->at[i].to);
        hf_put_u16(out + 16, refusals->at[i].reason);
    }
    return (size_t)refusals->count * HF_REFUSAL_BYTES;
}

hf_err hf_refusals_decode(struct hf_slice stored, struct hf_refusals *ret_refusals)
{
    const uint8_t *in = (const uint8_t *)stored.at;
    unsigned count = (unsigned)(stored.bytes / HF_REFUSAL_BYTES);

    *ret_refusals = (struct hf_refusals){0};
    if (stored.bytes % HF_REFUSAL_BYTES != 0 || stored.bytes > HF_REFUSALS_BYTES_MAX)
        return HF_ERR_CORRUPT;
    if (count > 0 && grow(ret_refusals, count) != HF_OK)
        return HF_ERR_NOMEM;
    for (uint64_t before = 0; ret_refusals->count < count; in += HF_REFUSAL_BYTES) {
        struct hf_refusal one = {hf_get_u64(in), hf_get_u64(in + 8), hf_get_u16(in + 16)};

        if (one.from <= before || one.to < one.from) {
            hf_refusals_deinit(ret_refusals);
            return HF_ERR_CORRUPT;
        }
        before = one.to;
        ret_refusals->at[ret_refusals->count++] = one;
    }
    return HF_OK;
}
