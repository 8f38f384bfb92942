#include "core/session/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct hf_reorder *hf_reorder_new(uint32_t places)
{
    struct hf_reorder *reorder = calloc(1, sizeof(*reorder) + places * sizeof(reorder->frames[0]));

    if (reorder != NULL)
        reorder->places = places;
    return reorder;
}

void hf_reorder_free(struct hf_reorder *reorder)
{
    if (reorder == NULL)
        return;
    for (uint32_t i = 0; i < reorder->places; i++)
        free(reorder->frames[i]);
    free(reorder);
}

hf_err hf_reorder_keep(struct hf_reorder *reorder, uint64_t seq, const void *frame, size_t bytes,
                       size_t bytes_max)
{
    struct hf_reorder_frame **place = &reorder->frames[seq % reorder->places];

    if (*place != NULL)
        return HF_OK;
    HF_ASSERT(reorder->bytes <= bytes_max);
    if (bytes > bytes_max - reorder->bytes)
        return HF_ERR_LIMIT;
    *place = malloc(sizeof(**place) + bytes);
    if (*place == NULL)
        return HF_ERR_NOMEM;
    (*place)->bytes = bytes;
    memcpy((*place)->at, frame, bytes);
    reorder->bytes += bytes;
    reorder->count++;
    return HF_OK;
}

struct hf_slice hf_reorder_find(const struct hf_reorder *reorder, uint64_t seq)
{
    const struct hf_reorder_frame *frame = reorder->frames[seq % reorder->places];

    return frame ? (struct hf_slice){frame->at, frame->bytes} : (struct hf_slice){NULL, 0};
}

void hf_reorder_drop(struct hf_reorder *reorder, uint64_t seq)
{
    struct hf_reorder_frame **place = &reorder->frames[seq % reorder->places];

    if (*place == NULL)
        return;
    reorder->bytes -= (*place)->bytes;
    reorder->count--;
    free(*place);
    *place = NULL;
}
