/* app/suggest.h - "did you mean": the known word that is nearest to a mistyped one. Pure. */
#ifndef HF_APP_SUGGEST_H
#define HF_APP_SUGGEST_H

#include "base/slice.h"

struct hf_suggest {
    struct hf_slice word;
    const char *best; /* borrowed, NULL as long as nothing is near enough */
    size_t best_distance;
};

void hf_suggest_init(struct hf_suggest *suggest, struct hf_slice word);
/* Offers one known word. Near enough is a third of the word's length, at least one edit (insert, remove,
 * replace or swap of two neighbours); words above 64 bytes are never near. */
void hf_suggest_offer(struct hf_suggest *suggest, const char *known);

#endif
