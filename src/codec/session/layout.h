/* codec/session/layout.h - private to session: what stands where in each frame, said once. Four walkers read it: binary and JSON, in and
 * out. Rows are in the order of the wire (doc/protocol.md section 2). */
#ifndef HF_CODEC_SESSION_LAYOUT_H
#define HF_CODEC_SESSION_LAYOUT_H

#include "base/err.h"
#include "codec/session/frame.h"

/* What a field is: on the wire / in the struct / in JSON. */
enum hf_layout_kind {
    HF_KIND_U8, /* numbers: the same width in the struct; a number */
    HF_KIND_U16,
    HF_KIND_U32,
    HF_KIND_U64,
    HF_KIND_NAME,         /* u8; a name of row->names, or the number when it has none */
    HF_KIND_REASON,       /* u16; a name of base/reason.h */
    HF_KIND_CAPABILITIES, /* u32; a list of names */
    HF_KIND_HEX64,        /* u64; 16 hex digits */
    HF_KIND_HEX,          /* 16 bytes; 32 hex digits */
    HF_KIND_UUID,         /* 16 bytes; text */
    HF_KIND_BEAT,         /* the 13 bytes; not in JSON, see the rows behind it */
    HF_KIND_FLAG,         /* bit row->tag of the flags; true */
    HF_KIND_TEXT8,        /* one length byte, text / slice; string */
    HF_KIND_TEXT16,       /* two length bytes */
    HF_KIND_REST,         /* text up to the end of the body */
    HF_KIND_JSON,         /* the rest: JSON or nothing; the value */
    HF_KIND_PAYLOAD,      /* the rest; the value, a string, or nothing and _base64 */
    HF_KIND_BASE64,       /* nothing; the payload when it is neither JSON nor text */
    HF_KIND_TEXTS8,       /* u8 count, each TEXT8 / slices and their count; list of strings */
    HF_KIND_RANGES,       /* u8 count, each u32 from and to; list of pairs */
    HF_KIND_EXT_TEXT,     /* extension row->tag, at most once; string */
    HF_KIND_EXT_TEXTS,    /* extension row->tag, may repeat / slices and their count; list of strings */
    HF_KIND_EXT_DOCUMENT, /* extension row->tag, may repeat: u8 and u64; list of objects */
};

enum {                       /* row->flags */
       HF_ROW_REQUIRED = 1,  /* JSON: must be there, and is written when zero, too */
       HF_ROW_JSON_ONLY = 2, /* nothing on the wire */
       HF_ROW_TOKEN = 4,     /* text: at least one, and only, of A-Za-z0-9_- */
       HF_ROW_ANSWER = 8,    /* AUTH: on the wire when it is an answer */
       HF_ROW_ASKING = 16,   /* AUTH: on the wire when it is not */
};

enum {
    HF_LAYOUT_LIST_MAX = HF_FRAME_ALTERNATES_MAX, /* texts that a list holds; further ones are skipped */
    HF_LAYOUT_ROWS_MAX = 32,
    HF_LAYOUT_CAPABILITIES = 9,
    HF_LAYOUT_UNKNOWN = UINT8_MAX, /* NAME: a name that this version does not know */
    HF_LAYOUT_FORMAT_JSON = 1,     /* DLV-1 */
    HF_LAYOUT_EXTENSION_HEAD_BYTES = 4,
    HF_LAYOUT_DOCUMENT_BYTES = 9,
    HF_LAYOUT_RANGE_BYTES = 8,
    HF_LAYOUT_ID_BYTES = 16,
};

struct hf_layout_names {
    unsigned count; /* they are the values 0..count-1 */
    const char *names[5];
};

struct hf_layout_row {
    const char *name;                    /* in JSON; NULL = not there */
    const struct hf_layout_names *names; /* NAME */
    uint16_t at;                         /* offset in struct hf_frame */
    uint16_t count_at;                   /* TEXTS8, EXT_TEXTS: of the count */
    uint16_t bytes_max;                  /* of a text, or of each in a list */
    uint8_t kind, tag, flags;
};

struct hf_layout {
    const struct hf_layout_row *rows;
    uint8_t row_count;
    uint16_t bytes; /* of the frame's struct */
};

/* NULL for a type that this version does not know. */
const struct hf_layout *hf_layout_of(unsigned type);

extern const struct hf_layout_names hf_layout_documents;
extern const char *const hf_layout_capabilities[HF_LAYOUT_CAPABILITIES]; /* by bit; NULL = no name */

/* The three frames with a payload keep it at different places; false for the others. The pointers are into the frame. */
struct hf_layout_payload {
    const uint8_t *format;
    bool *text;
    struct hf_slice *payload;
};
bool hf_layout_payload(const struct hf_frame *frame, struct hf_layout_payload *ret_payload);

/* Bytes on the wire of a kind with a fixed size; 0 for the others. */
static inline unsigned hf_layout_width(unsigned kind)
{
    static const uint8_t widths[] = {
        [HF_KIND_U8] = 1,
        [HF_KIND_U16] = 2,
        [HF_KIND_U32] = 4,
        [HF_KIND_U64] = 8,
        [HF_KIND_NAME] = 1,
        [HF_KIND_REASON] = 2,
        [HF_KIND_CAPABILITIES] = 4,
        [HF_KIND_HEX64] = 8,
        [HF_KIND_HEX] = HF_LAYOUT_ID_BYTES,
        [HF_KIND_UUID] = HF_LAYOUT_ID_BYTES,
    };

    return kind < sizeof(widths) ? widths[kind] : 0;
}

/* A number of 1 to 8 bytes in the struct. */
static inline uint64_t hf_layout_get(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    const char *at = (const char *)frame + row->at;

    switch (hf_layout_width(row->kind)) {
    case 1: return *(const uint8_t *)at;
    case 2: return *(const uint16_t *)(const void *)at;
    case 4: return *(const uint32_t *)(const void *)at;
    default: return *(const uint64_t *)(const void *)at;
    }
}

static inline void hf_layout_set(struct hf_frame *frame, const struct hf_layout_row *row, uint64_t value)
{
    char *at = (char *)frame + row->at;

    switch (hf_layout_width(row->kind)) {
    case 1: *(uint8_t *)at = (uint8_t)value; break;
    case 2: *(uint16_t *)(void *)at = (uint16_t)value; break;
    case 4: *(uint32_t *)(void *)at = (uint32_t)value; break;
    default: *(uint64_t *)(void *)at = value;
    }
}

static inline void *hf_layout_at(const struct hf_frame *frame, unsigned offset)
{
    return (char *)(uintptr_t)frame + offset;
}

static inline bool hf_layout_on_wire(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    if ((row->flags & (HF_ROW_JSON_ONLY | HF_ROW_ANSWER | HF_ROW_ASKING)) == 0)
        return true;
    return !(row->flags & HF_ROW_JSON_ONLY) && frame->as.auth.answer == ((row->flags & HF_ROW_ANSWER) != 0);
}

/* Within its limit and, with HF_ROW_TOKEN, of its alphabet. UTF-8 is checked by who needs to. */
bool hf_layout_text_valid(const struct hf_layout_row *row, struct hf_slice text);
/* One text more for a list; what is above the list's room is skipped. */
void hf_layout_append(struct hf_frame *frame, const struct hf_layout_row *row, struct hf_slice text);
void hf_layout_append_document(struct hf_frame_hello *into, uint8_t document, uint64_t version);
uint16_t hf_layout_reason(unsigned reason); /* the same, or 0 when base/reason.h does not know it */

/* The last look at a decoded frame, the same for both encodings. HF_ERR_LIMIT: its payload is above payload_bytes_max. HF_ERR_INVALID: the payload
 * is not what the frame says it is (JSON, UTF-8). Payloads of format JSON are text. */
hf_err hf_layout_judge(struct hf_frame *frame, uint32_t payload_bytes_max);

#endif
