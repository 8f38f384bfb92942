#include "app/suggest.h"

#include "base/assert.h"

enum { WORD_BYTES_MAX = 64 };

/* Edit distance with swaps of neighbours (optimal string alignment), three rows of the matrix at a time. */
static size_t distance(struct hf_slice a, struct hf_slice b)
{
    size_t rows[3][WORD_BYTES_MAX + 1];

    for (size_t j = 0; j <= b.bytes; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.bytes; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.bytes; j++) {
            size_t best = above[j - 1] + (a.at[i - 1] != b.at[j - 1]);

            best = HF_MIN(best, above[j] + 1);
            best = HF_MIN(best, now[j - 1] + 1);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                best = HF_MIN(best, two_above[j - 2] + 1);
            now[j] = best;
        }
    }
    return rows[a.bytes % 3][b.bytes];
}

/* "timeout" for "timeout_ms": people forget the unit. */
static bool lacks_only_its_unit(struct hf_slice word, struct hf_slice known)
{
    return word.bytes >= 4 && known.bytes > word.bytes && known.at[word.bytes] == '_' &&
           memcmp(word.at, known.at, word.bytes) == 0;
}

void hf_suggest_init(struct hf_suggest *suggest, struct hf_slice word)
{
    *suggest = (struct hf_suggest){.word = word, .best_distance = SIZE_MAX};
}

void hf_suggest_offer(struct hf_suggest *suggest, const char *known)
{
    struct hf_slice known_slice = hf_slice_of(known);
    size_t allowed = HF_MAX(suggest->word.bytes / 3, 1), found;

    if (suggest->word.bytes > WORD_BYTES_MAX || known_slice.bytes > WORD_BYTES_MAX ||
        suggest->word.bytes == 0)
        return;
    found = lacks_only_its_unit(suggest->word, known_slice) ? 1 : distance(suggest->word, known_slice);
    if (found > allowed || found >= suggest->best_distance)
        return;
    suggest->best = known;
    suggest->best_distance = found;
}
