/* codec/ws/assembly.c - see assembly.h. */
#include "codec/ws/assembly.h"

#include <string.h>

static size_t memory_bytes(size_t room_bytes)
{
    return sizeof(struct hf_ws_assembly) + room_bytes;
}

size_t hf_ws_assembly_memory_bytes(const struct hf_ws_assembly *assembly)
{
    return assembly != NULL ? memory_bytes(assembly->bytes_room) : 0;
}

/* Doubles until need_bytes fit, but never beyond bytes_max. need_bytes <= bytes_max. */
static uint32_t grown_room(uint32_t room, size_t need_bytes, uint32_t bytes_max)
{
    size_t grown = room > 0 ? room : HF_WS_ASSEMBLY_BYTES_MIN;

    while (grown < need_bytes)
        grown *= 2;
    return grown < bytes_max ? (uint32_t)grown : bytes_max;
}

hf_err hf_ws_assembly_add(struct hf_ws_assembly **assembly, const struct hf_ws_memory *memory,
                          uint32_t bytes_max, const void *data, size_t bytes)
{
    struct hf_ws_assembly *old = *assembly;
    size_t have = old != NULL ? old->bytes : 0;
    size_t room = old != NULL ? old->bytes_room : 0;

    if (have > bytes_max || bytes > bytes_max - have)
        return HF_ERR_LIMIT;
    if (old == NULL || bytes > room - have) {
        uint32_t grown = grown_room((uint32_t)room, have + bytes, bytes_max);
        struct hf_ws_assembly *bigger =
            memory->resize(memory->user, old, hf_ws_assembly_memory_bytes(old), memory_bytes(grown));

        if (bigger == NULL)
            return HF_ERR_NOMEM;
        bigger->bytes = (uint32_t)have;
        bigger->bytes_room = grown;
        *assembly = bigger;
    }
    if (bytes > 0)
        memcpy((*assembly)->data + have, data, bytes);
    (*assembly)->bytes = (uint32_t)(have + bytes);
    return HF_OK;
}

void hf_ws_assembly_clear(struct hf_ws_assembly **assembly, const struct hf_ws_memory *memory)
{
    hf_ws_memory_give(memory, *assembly, hf_ws_assembly_memory_bytes(*assembly));
    *assembly = NULL;
}
