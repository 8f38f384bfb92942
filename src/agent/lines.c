#include "agent/lines.h"

#include <string.h>

enum hf_lines_result hf_lines_next(struct hf_lines *lines, struct hf_slice *in, struct hf_slice *ret_line)
{
    while (in->bytes > 0) {
        const char *stop = memchr(in->at, '\n', in->bytes);
        size_t bytes = stop != NULL ? (size_t)(stop - in->at) : in->bytes;
        struct hf_slice part = {in->at, bytes};
        bool too_long = !lines->skips && lines->bytes + bytes > HF_ROW_LINE_BYTES_MAX;

        in->at += bytes + (stop != NULL);
        in->bytes -= bytes + (stop != NULL);
        if (too_long || lines->skips) {
            lines->bytes = 0;
            lines->skips = stop == NULL;
            if (too_long)
                return HF_LINES_LONG;
            continue;
        }
        memcpy(lines->text + lines->bytes, part.at, part.bytes);
        lines->bytes += part.bytes;
        if (stop != NULL) {
            *ret_line = (struct hf_slice){lines->text, lines->bytes};
            lines->bytes = 0;
            return HF_LINES_LINE;
        }
    }
    return HF_LINES_MORE;
}

bool hf_lines_rest(struct hf_lines *lines, struct hf_slice *ret_line)
{
    bool rest = lines->bytes > 0;

    *ret_line = (struct hf_slice){lines->text, lines->bytes};
    lines->bytes = 0;
    lines->skips = false;
    return rest;
}
