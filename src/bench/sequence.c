#include "bench/sequence.h"

#include "base/assert.h"

_Static_assert(HF_BENCH_SEQUENCE_WINDOW == 64, "the window is one 64-bit word");

static enum hf_bench_seen see_behind(struct hf_bench_sequence *sequence, uint64_t number)
{
    uint64_t back = sequence->next - 1 - number;

    if (back >= HF_BENCH_SEQUENCE_WINDOW) {
        sequence->ancient++;
        return HF_BENCH_SEEN_ANCIENT;
    }
    if (sequence->behind & (UINT64_C(1) << back)) {
        sequence->duplicate++;
        return HF_BENCH_SEEN_DUPLICATE;
    }
    HF_ASSERT(sequence->missing > 0);
    sequence->behind |= UINT64_C(1) << back;
    sequence->missing--;
    sequence->late++;
    return HF_BENCH_SEEN_LATE;
}

enum hf_bench_seen hf_bench_sequence_see(struct hf_bench_sequence *sequence, uint64_t number)
{
    if (number < sequence->next)
        return see_behind(sequence, number);
    uint64_t gap = number - sequence->next;
    uint64_t shift = gap + 1;

    sequence->behind = shift < HF_BENCH_SEQUENCE_WINDOW ? sequence->behind << shift : 0;
    sequence->behind |= 1;
    sequence->missing += gap;
    sequence->next = number + 1;
    return gap == 0 ? HF_BENCH_SEEN_NEXT : HF_BENCH_SEEN_GAP;
}

void hf_bench_sequence_skip(struct hf_bench_sequence *sequence, uint64_t from, uint64_t to)
{
    if (to < sequence->next || to < from)
        return;
    if (from > sequence->next)
        (void)hf_bench_sequence_see(sequence, from);
    uint64_t rest = to + 1 - sequence->next;

    for (uint64_t i = 0; i < HF_MIN(rest, (uint64_t)HF_BENCH_SEQUENCE_WINDOW); i++)
        sequence->behind = sequence->behind << 1 | 1;
    sequence->next = to + 1;
}

uint64_t hf_bench_sequence_lost(const struct hf_bench_sequence *sequence, uint64_t sent)
{
    return sequence->missing + (sent > sequence->next ? sent - sequence->next : 0);
}
