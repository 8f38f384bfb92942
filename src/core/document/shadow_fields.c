#include "core/document/shadow_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

bool hf_shadow_field_next(const struct hf_shadow *shadow, uint32_t *at, struct hf_shadow_field *ret_field)
{
    if (*at == shadow->fields_bytes)
        return false;
    const uint8_t *in = shadow->fields + *at;
    ret_field->section = in[0];
    ret_field->version = hf_get_u64(in + 1);
    ret_field->time_ms = hf_get_u64(in + 9);
    ret_field->path = (struct hf_slice){(const char *)in + HF_SHADOW_FIELD_HEAD_BYTES, hf_get_u16(in + 17)};
    *at += (uint32_t)(HF_SHADOW_FIELD_HEAD_BYTES + ret_field->path.bytes);
    HF_ASSERT(*at <= shadow->fields_bytes);
    return true;
}

hf_err hf_shadow_field_add(struct hf_shadow *shadow, uint32_t *room, const struct hf_shadow_field *field)
{
    uint32_t bytes = (uint32_t)(HF_SHADOW_FIELD_HEAD_BYTES + field->path.bytes);

    if (field->path.bytes > UINT16_MAX || shadow->field_count == HF_SHADOW_FIELDS_MAX ||
        shadow->fields_bytes + bytes > HF_SHADOW_FIELD_BYTES_MAX)
        return HF_ERR_LIMIT;
    if (shadow->fields_bytes + bytes > *room) {
        uint32_t larger = HF_MAX(2 * *room, HF_MAX(shadow->fields_bytes + bytes, 256U));
        uint8_t *grown = realloc(shadow->fields, larger);

        if (grown == NULL)
            return HF_ERR_NOMEM;
        shadow->fields = grown;
        *room = larger;
    }
    uint8_t *out = shadow->fields + shadow->fields_bytes;
    out[0] = field->section;
    hf_put_u64(out + 1, field->version);
    hf_put_u64(out + 9, field->time_ms);
    hf_put_u16(out + 17, (uint16_t)field->path.bytes);
    if (field->path.bytes > 0)
        memcpy(out + HF_SHADOW_FIELD_HEAD_BYTES, field->path.at, field->path.bytes);
    shadow->fields_bytes += bytes;
    shadow->field_count++;
    return HF_OK;
}
