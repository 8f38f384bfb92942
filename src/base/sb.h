/* base/sb.h - a string builder over the caller's storage. Never allocates, never overruns; once something
 * did not fit, `overflow` is set, the text stays cut at what fitted and later calls add nothing. */
#ifndef HF_BASE_SB_H
#define HF_BASE_SB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct hf_sb {
    char *at;
    size_t bytes, bytes_max; /* always NUL-terminated at at[bytes]; bytes_max leaves room for it */
    bool overflow;
};

void hf_sb_init(struct hf_sb *sb, char *storage, size_t storage_bytes); /* storage_bytes >= 1 */
void hf_sb_add(struct hf_sb *sb, const void *data, size_t bytes);
void hf_sb_slice(struct hf_sb *sb, struct hf_slice text);
void hf_sb_text(struct hf_sb *sb, const char *text);
void hf_sb_char(struct hf_sb *sb, char c);
void hf_sb_u64(struct hf_sb *sb, uint64_t value);
void hf_sb_i64(struct hf_sb *sb, int64_t value);
void hf_sb_hex(struct hf_sb *sb, const void *data, size_t bytes); /* lower case */
void hf_sb_printf(struct hf_sb *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes (RFC 8259). Bytes that are not valid UTF-8 become U+FFFD. */
void hf_sb_json(struct hf_sb *sb, struct hf_slice text);
/* The same without the quotes, as much as fits whole characters at a time with keep_bytes left over.
 * Returns how many bytes of text went in; never sets overflow. */
size_t hf_sb_json_part(struct hf_sb *sb, struct hf_slice text, size_t keep_bytes);
/* RFC 3339 UTC with milliseconds: 2026-03-01T12:00:00.123Z; anything after year 9999 shows its end. */
void hf_sb_time(struct hf_sb *sb, uint64_t utc_ms);

static inline struct hf_slice hf_sb_done(const struct hf_sb *sb)
{
    return (struct hf_slice){sb->at, sb->bytes};
}

#endif
