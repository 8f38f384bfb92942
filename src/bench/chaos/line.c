#include "bench/chaos/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static struct hf_chaos_piece *piece_of(struct hf_list_node *node)
{
    return HF_CONTAINER_OF(node, struct hf_chaos_piece, node);
}

void hf_chaos_line_init(struct hf_chaos_line *line)
{
    hf_list_init(&line->pieces);
    line->cost_bytes = 0;
}

hf_err hf_chaos_line_push(struct hf_chaos_line *line, enum hf_chaos_piece_kind kind, const void *data,
                          uint32_t bytes, uint64_t now_us, uint64_t due_us)
{
    struct hf_chaos_piece *piece = malloc(sizeof(*piece) + bytes);
    struct hf_list_node *before = line->pieces.prev;

    HF_ASSERT(kind == HF_CHAOS_DATA || bytes == 0);
    if (piece == NULL)
        return HF_ERR_NOMEM;
    *piece = (struct hf_chaos_piece){.came_us = now_us, .due_us = due_us, .bytes = bytes, .kind = kind};
    if (bytes > 0)
        memcpy(piece->data, data, bytes);
    /* From the end: a stream is in order, and few datagrams overtake many. */
    while (before != &line->pieces && piece_of(before)->due_us > due_us)
        before = before->prev;
    hf_list_init(&piece->node);
    hf_list_push_front(before, &piece->node);
    line->cost_bytes += sizeof(*piece) + bytes;
    return HF_OK;
}

struct hf_chaos_piece *hf_chaos_line_due(struct hf_chaos_line *line, uint64_t now_us)
{
    if (hf_chaos_line_next_us(line) > now_us)
        return NULL;
    return hf_list_empty(&line->pieces) ? NULL : piece_of(line->pieces.next);
}

static void free_first(struct hf_chaos_line *line)
{
    struct hf_chaos_piece *piece = piece_of(line->pieces.next);

    hf_list_remove(&piece->node);
    line->cost_bytes -= sizeof(*piece) + piece->bytes - piece->taken_bytes;
    free(piece);
}

void hf_chaos_line_take(struct hf_chaos_line *line, uint32_t bytes)
{
    HF_ASSERT(!hf_list_empty(&line->pieces));
    struct hf_chaos_piece *piece = piece_of(line->pieces.next);

    HF_ASSERT(bytes <= piece->bytes - piece->taken_bytes);
    piece->taken_bytes += bytes;
    line->cost_bytes -= bytes;
    if (piece->taken_bytes == piece->bytes)
        free_first(line);
}

uint64_t hf_chaos_line_next_us(const struct hf_chaos_line *line)
{
    return hf_list_empty(&line->pieces) ? UINT64_MAX : piece_of(line->pieces.next)->due_us;
}

uint64_t hf_chaos_line_clear(struct hf_chaos_line *line)
{
    uint64_t lost_bytes = 0;

    while (!hf_list_empty(&line->pieces)) {
        const struct hf_chaos_piece *piece = piece_of(line->pieces.next);

        lost_bytes += piece->bytes - piece->taken_bytes;
        free_first(line);
    }
    return lost_bytes;
}
