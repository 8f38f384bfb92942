/* codec/session/json_value.h - private to session: one member of a frame's JSON object into its place in the struct. All give HF_OK; HF_ERR_MALFORMED: of
 * the wrong kind or out of range; HF_ERR_LIMIT: the scratch is too small. */
#ifndef HF_CODEC_SESSION_JSON_VALUE_H
#define HF_CODEC_SESSION_JSON_VALUE_H

#include "codec/json/scan.h"
#include "codec/session/layout.h"

struct hf_value_reader {
    char *scratch; /* what is left of it */
    size_t scratch_bytes;
    struct hf_frame *frame;
};

/* A string, unescaped into scratch where it must be. */
hf_err hf_value_text(struct hf_value_reader *reader, const struct hf_json_field *field,
                     struct hf_slice *ret_text);
/* The same, within the row's limits. */
hf_err hf_value_row_text(struct hf_value_reader *reader, const struct hf_json_field *field,
                         const struct hf_layout_row *row, struct hf_slice *ret_text);
/* What binary has in 1 to 8 bytes: numbers, and texts that stand for them. */
hf_err hf_value_fixed(struct hf_value_reader *reader, const struct hf_json_field *field,
                      const struct hf_layout_row *row);
hf_err hf_value_id(struct hf_value_reader *reader, const struct hf_json_field *field,
                   const struct hf_layout_row *row);
hf_err hf_value_list(struct hf_value_reader *reader, const struct hf_json_field *field,
                     const struct hf_layout_row *row);

#endif
