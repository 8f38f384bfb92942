/* codec/manscdp/layout.h - private to manscdp: the rows of fields.h as tables. Walkers: parse.c, list.c, build.c, json.c. */
#ifndef HF_CODEC_MANSCDP_LAYOUT_H
#define HF_CODEC_MANSCDP_LAYOUT_H

#include "base/assert.h"
#include "codec/manscdp/manscdp.h"

enum hf_cdp_kind {
    HF_CDP_KIND_TEXT,
    HF_CDP_KIND_INT,
    HF_CDP_KIND_REAL,
    HF_CDP_KIND_WORD,
    HF_CDP_KIND_BLOCK,
    HF_CDP_KIND_LIST,
    HF_CDP_KIND_ITEMS,
    HF_CDP_KIND_RAW,
    HF_CDP_KIND_RESULT,
    HF_CDP_KIND_DROP,
};

struct hf_cdp_row {
    const char *name;   /* the element; NULL: the struct is a value without elements */
    const char *member; /* in the struct and in JSON */
    uint16_t at;        /* offset in the struct */
    uint8_t kind;
    uint8_t of; /* WORD, RESULT: index of its words; BLOCK, LIST, ITEMS: of its struct */
    uint8_t flags;
};

struct hf_cdp_layout {
    const struct hf_cdp_row *rows;
    uint8_t row_count;
    uint16_t bytes;   /* of the struct */
    const char *item; /* its element in a LIST */
};

#define HF_CDP_STRUCT_INDEX(name, NAME, item) HF_CDP_STRUCT_##name,
enum { HF_CDP_STRUCT_MAP(HF_CDP_STRUCT_INDEX) HF_CDP_STRUCTS };
#undef HF_CDP_STRUCT_INDEX
#define HF_CDP_WORDS_INDEX(name, NAME) HF_CDP_WORDS_##name,
enum { HF_CDP_WORDS_MAP(HF_CDP_WORDS_INDEX) HF_CDP_WORD_LISTS };
#undef HF_CDP_WORDS_INDEX

enum { HF_CDP_ROWS_MAX = 64 }; /* a row is a bit of what was seen */

extern const struct hf_cdp_layout hf_cdp_layouts[HF_CDP_STRUCTS];

struct hf_cdp_kind_of_message {
    uint8_t command, root, layout, answer;
    uint16_t since;
};
/* NULL when the pair is in no row. */
const struct hf_cdp_kind_of_message *hf_cdp_message_row(enum hf_cdp_command command, enum hf_cdp_root root);
const struct hf_cdp_layout *hf_cdp_layout_of(
    const struct hf_cdp_message *message); /* of plain when there is no row */

/* The value of a word, 0 when it is none of them; and back, NULL when out of range. */
uint8_t hf_cdp_word_of(unsigned words, struct hf_slice text);
const char *hf_cdp_word_name(unsigned words, uint8_t value);
/* For people: "Record, StopRecord". */
const char *hf_cdp_words_text(unsigned words);

/* The row of an element, searched from `hint` on (row_count = none); *ret_case tells that its case differs. NULL when there is none. */
const struct hf_cdp_row *hf_cdp_row_of(const struct hf_cdp_layout *layout, struct hf_slice name,
                                       unsigned hint, bool *ret_case);
/* What a HF_CDP_RENAMED row is called to a peer. */
const char *hf_cdp_row_name(const struct hf_cdp_row *row, enum hf_cdp_root root, enum hf_cdp_edition edition);

static inline const void *hf_cdp_at(const void *body, const struct hf_cdp_row *row)
{
    return (const char *)body + row->at;
}

/* Is there anything to write? RESULT and DROP have no member and answer false. */
bool hf_cdp_is_set(const void *body, const struct hf_cdp_row *row);
bool hf_cdp_is_empty(const struct hf_cdp_layout *layout, const void *body); /* of all rows */
bool hf_cdp_has_id(const struct hf_cdp_layout *layout);                     /* begins with a DeviceID */

/* Where parsed values go; shared by message and items. */
struct hf_cdp_reading {
    const struct hf_text_conv *conv;
    enum hf_text_charset charset;
    char *scratch;
    size_t scratch_bytes; /* left */
    uint32_t *tolerances;
    struct hf_cdp_extra *extras;
    unsigned *extra_count;
    struct hf_cdp_message *message; /* at the top of a message only: takes CmdType, SN, DeviceID and Result */
};

/* Reads the elements of `inner` into the struct of `layout`, which is zero before. `depth` is that of these elements. HF_ERR_LIMIT. */
hf_err hf_cdp_read(struct hf_cdp_reading *reading, struct hf_slice inner, const struct hf_cdp_layout *layout,
                   void *into, struct hf_slice parent, unsigned depth);
/* A raw value as text, within HF_CDP_TEXT_BYTES_MAX. */
struct hf_slice hf_cdp_read_text(struct hf_cdp_reading *reading, struct hf_slice raw);

bool hf_cdp_number_int(struct hf_slice text, struct hf_cdp_int *ret_value, bool *ret_exact);
bool hf_cdp_number_real(struct hf_slice text, struct hf_cdp_real *ret_value);

#endif
