/* agent/lines.h - cuts what a descriptor gives into lines, wherever it was cut. Bounded: a line above HF_ROW_LINE_BYTES_MAX is told once and passed over. */
#ifndef HF_AGENT_LINES_H
#define HF_AGENT_LINES_H

#include "agent/row.h"
#include "base/slice.h"

enum hf_lines_result { HF_LINES_MORE, HF_LINES_LINE, HF_LINES_LONG };

struct hf_lines {
    size_t bytes;
    bool skips; /* inside of a line that is too long */
    char text[HF_ROW_LINE_BYTES_MAX];
};

/* Takes from *in. LINE: *ret_line, without its line break, is good until the next call. MORE: all of *in was taken. */
enum hf_lines_result hf_lines_next(struct hf_lines *lines, struct hf_slice *in, struct hf_slice *ret_line);
/* The stream has ended: false when it ended with a line break, else *ret_line is the rest. */
bool hf_lines_rest(struct hf_lines *lines, struct hf_slice *ret_line);

#endif
