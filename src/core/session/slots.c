/* core/session/slots.c - a bitmap of the slots that are taken; grows by doubling, one bit per holder at the peak. */
#include "core/session/slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { WORD_BITS = 64, WORDS_FIRST = 16, WORDS_MAX = 1 << 25 /* 2^31 slots */ };

void hf_slots_init(struct hf_slots *slots)
{
    *slots = (struct hf_slots){0};
}

void hf_slots_deinit(struct hf_slots *slots)
{
    free(slots->words);
    *slots = (struct hf_slots){0};
}

static bool grow(struct hf_slots *slots)
{
    uint32_t count = slots->word_count ? 2 * slots->word_count : WORDS_FIRST;

    if (count > WORDS_MAX)
        return false;
    uint64_t *words = realloc(slots->words, count * sizeof(*words));

    if (words == NULL)
        return false;
    memset(words + slots->word_count, 0, (count - slots->word_count) * sizeof(*words));
    slots->words = words;
    slots->word_count = count;
    return true;
}

uint32_t hf_slots_take(struct hf_slots *slots)
{
    while (slots->first_free_word < slots->word_count && slots->words[slots->first_free_word] == UINT64_MAX)
        slots->first_free_word++;
    if (slots->first_free_word == slots->word_count && !grow(slots))
        return HF_SLOT_NONE;
    uint64_t *word = &slots->words[slots->first_free_word];
    unsigned bit = (unsigned)__builtin_ctzll(~*word);

    *word |= UINT64_C(1) << bit;
    slots->taken++;
    return slots->first_free_word * WORD_BITS + bit;
}

void hf_slots_give(struct hf_slots *slots, uint32_t slot)
{
    if (slot == HF_SLOT_NONE)
        return;
    uint32_t word = slot / WORD_BITS;
    uint64_t bit = UINT64_C(1) << (slot % WORD_BITS);

    HF_ASSERT(word < slots->word_count && (slots->words[word] & bit) != 0);
    slots->words[word] &= ~bit;
    slots->taken--;
    slots->first_free_word = HF_MIN(slots->first_free_word, word);
}

uint32_t hf_slots_ticket_ms(uint32_t slot, unsigned worker, unsigned workers, uint32_t per_second)
{
    HF_ASSERT(worker < workers && per_second >= 1);
    if (slot == HF_SLOT_NONE)
        return 0;
    uint64_t turn = (uint64_t)slot * workers + worker;

    return (uint32_t)HF_MIN(turn * 1000 / per_second + 1, (uint64_t)UINT32_MAX);
}
