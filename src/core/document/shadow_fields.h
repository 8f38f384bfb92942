/* core/document/shadow_fields.h - private to document: who wrote which field of a shadow when. One after the other, in shadow->fields those of a section together and in the
 * order of its text:   u8 section, u64 version, u64 time_ms, u16 path_bytes, path (a JSON Pointer within the section, no NUL) */
#ifndef HF_CORE_DOCUMENT_SHADOW_FIELDS_H
#define HF_CORE_DOCUMENT_SHADOW_FIELDS_H

#include "base/sb.h"
#include "core/document/shadow.h"

enum { HF_SHADOW_FIELD_HEAD_BYTES = 1 + 8 + 8 + 2 };

struct hf_shadow_field {
    uint8_t section;
    uint64_t version, time_ms;
    struct hf_slice path; /* borrowed from where it lies */
};

/* The field at *at, which moves on; false at the end. */
bool hf_shadow_field_next(const struct hf_shadow_fields *fields, uint32_t *at,
                          struct hf_shadow_field *ret_field);
/* Behind the last. HF_ERR_LIMIT, HF_ERR_NOMEM. *room: bytes that were allocated, 0 at first. */
hf_err hf_shadow_field_add(struct hf_shadow_fields *fields, uint32_t *room,
                           const struct hf_shadow_field *field);
void hf_shadow_field_drop_first(struct hf_shadow_fields *fields);

/* "/" and the name, escaped (RFC 6901). */
void hf_shadow_path_add(struct hf_sb *path, const char *name);

#endif
