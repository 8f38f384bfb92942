/* bench/chaos/line.h - what is under way in one direction: pieces of bytes, each with the time when it is due. Pieces come
 * out in the order of their time, equal times in the order they went in, and never before. The line owns its memory and knows
 * what it costs; its bound is the caller's. */
#ifndef HF_BENCH_CHAOS_LINE_H
#define HF_BENCH_CHAOS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

enum hf_chaos_piece_kind {
    HF_CHAOS_DATA,
    HF_CHAOS_FIN, /* the sender has closed its side */
    HF_CHAOS_RST, /* the sender has reset the connection */
    HF_CHAOS_CUT, /* a fault ends the connection here */
    HF_CHAOS_LOSS_RESET,
};

struct hf_chaos_piece {
    struct hf_list_node node;
    uint64_t came_us, due_us;
    uint32_t bytes, taken_bytes; /* of data; gone already */
    enum hf_chaos_piece_kind kind;
    uint8_t data[];
};

struct hf_chaos_line {
    struct hf_list_node pieces; /* owns */
    size_t cost_bytes;          /* data that is not gone yet and the pieces themselves */
};

void hf_chaos_line_init(struct hf_chaos_line *line);
/* Copies. Only HF_ERR_NOMEM. bytes: 0 for all kinds but DATA; a datagram may be empty, too. */
hf_err hf_chaos_line_push(struct hf_chaos_line *line, enum hf_chaos_piece_kind kind, const void *data,
                          uint32_t bytes, uint64_t now_us, uint64_t due_us);
/* The first piece if it is due, or NULL. It stays until hf_chaos_line_take. */
struct hf_chaos_piece *hf_chaos_line_due(struct hf_chaos_line *line, uint64_t now_us);
/* `bytes` of the first piece are gone; frees it with its last byte. A piece without bytes is taken with 0. */
void hf_chaos_line_take(struct hf_chaos_line *line, uint32_t bytes);
uint64_t hf_chaos_line_next_us(const struct hf_chaos_line *line); /* UINT64_MAX when it is empty */
/* Frees everything; returns how many bytes of data are lost. */
uint64_t hf_chaos_line_clear(struct hf_chaos_line *line);

#endif
