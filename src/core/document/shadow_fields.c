#include "core/document/shadow_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

bool hf_shadow_field_next(const struct hf_shadow_fields *fields, uint32_t *at,
                          struct hf_shadow_field *ret_field)
{
    if (*at == fields->bytes)
        return false;
    const uint8_t *in = fields->at + *at;
    ret_field->section = in[0];
    ret_field->version = hf_get_u64(in + 1);
    ret_field->time_ms = hf_get_u64(in + 9);
    ret_field->path = (struct hf_slice){(const char *)in + HF_SHADOW_FIELD_HEAD_BYTES, hf_get_u16(in + 17)};
    *at += (uint32_t)(HF_SHADOW_FIELD_HEAD_BYTES + ret_field->path.bytes);
    HF_ASSERT(*at <= fields->bytes);
    return true;
}

hf_err hf_shadow_field_add(struct hf_shadow_fields *fields, uint32_t *room,
                           const struct hf_shadow_field *field)
{
    uint32_t bytes = (uint32_t)(HF_SHADOW_FIELD_HEAD_BYTES + field->path.bytes);

    if (field->path.bytes > UINT16_MAX || fields->count == HF_SHADOW_FIELDS_MAX ||
        fields->bytes + bytes > HF_SHADOW_FIELD_BYTES_MAX)
        return HF_ERR_LIMIT;
    if (fields->bytes + bytes > *room) {
        uint32_t larger = HF_MAX(2 * *room, HF_MAX(fields->bytes + bytes, 256U));
        uint8_t *grown = realloc(fields->at, larger);

        if (grown == NULL)
            return HF_ERR_NOMEM;
        fields->at = grown;
        *room = larger;
    }
    uint8_t *out = fields->at + fields->bytes;
    out[0] = field->section;
    hf_put_u64(out + 1, field->version);
    hf_put_u64(out + 9, field->time_ms);
    hf_put_u16(out + 17, (uint16_t)field->path.bytes);
    if (field->path.bytes > 0)
        memcpy(out + HF_SHADOW_FIELD_HEAD_BYTES, field->path.at, field->path.bytes);
    fields->bytes += bytes;
    fields->count++;
    return HF_OK;
}

void hf_shadow_field_drop_first(struct hf_shadow_fields *fields)
{
    struct hf_shadow_field field;
    uint32_t first = 0;

    HF_ASSERT(fields->count > 0);
    (void)hf_shadow_field_next(fields, &first, &field);
    memmove(fields->at, fields->at + first, fields->bytes - first);
    fields->bytes -= first;
    fields->count--;
}

void hf_shadow_path_add(struct hf_sb *path, const char *name)
{
    hf_sb_char(path, '/');
    for (; *name != '\0'; name++)
        if (*name == '~')
            hf_sb_text(path, "~0");
        else if (*name == '/')
            hf_sb_text(path, "~1");
        else
            hf_sb_char(path, *name);
}
