/* codec/sdp/words.h - private to sdp: words of the format by value; what is not a word is value `other`. */
#ifndef HF_CODEC_SDP_WORDS_H
#define HF_CODEC_SDP_WORDS_H

#include "codec/sdp/sdp.h"

struct hf_sdp_words {
    const char *names[5]; /* of the values 1.. */
    unsigned count;
    unsigned other; /* value of another word; 0 = it is unreadable */
};

extern const struct hf_sdp_words hf_sdp_sessions, hf_sdp_kinds, hf_sdp_transports, hf_sdp_directions,
    hf_sdp_setups, hf_sdp_connections;

unsigned hf_sdp_word_of(const struct hf_sdp_words *words, struct hf_slice text); /* without regard to case */
const char *hf_sdp_word_name(const struct hf_sdp_words *words, unsigned value);  /* NULL for 0 and other */

#endif
