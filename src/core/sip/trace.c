/* core/sip/trace.c - the ring. Positions only grow; byte p lies at p modulo the size. A record never wraps: where it would, the rest of the ring is skipped.
 *
 *     | head 64 bytes: previous position + 1, device, times, count, sizes, flags, peer | text, padded to 64 |
 *
 * A position is valid while it is at least `tail`, the oldest record that is whole. Records are found from their devices only, and by walking from tail when one is overwritten. */
#include "core/sip/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/sip/mask.h"

enum { FLAG_SENT = 1, FLAG_ROUTINE = 2, FLAG_CUT = 4, FLAG_SKIP = 8, FLAG_IPV4 = 16, FLAG_IPV6 = 32 };

struct record {
    uint64_t previous; /* position + 1; 0 = none */
    uint64_t device;
    uint64_t first_ms, last_ms;
    uint32_t count, message_bytes;
    uint16_t text_bytes;
    uint16_t bytes; /* of the whole record, or of the skipped rest, which is shorter than one */
    uint8_t flags, transport;
    uint16_t peer_port;
    uint8_t peer[16];
};
_Static_assert(sizeof(struct record) == 64, "the size of the ring is a multiple of it");
_Static_assert(HF_SIP_TRACE_TEXT_BYTES_MAX + 2 * sizeof(struct record) <= UINT16_MAX, "bytes of a record");

struct hf_sip_trace_ring {
    uint8_t *bytes; /* owns; NULL until the first message */
    uint64_t size;  /* a power of two */
    uint64_t head, tail;
    struct hf_sip_trace_stats stats;
};

struct hf_sip_trace_ring *hf_sip_trace_ring_new(uint64_t bytes_max)
{
    struct hf_sip_trace_ring *ring = calloc(1, sizeof(*ring));

    if (ring == NULL)
        return NULL;
    if (bytes_max == 0)
        bytes_max = HF_SIP_TRACE_BYTES_DEFAULT;
    ring->size = HF_SIP_TRACE_BYTES_MIN;
    while (ring->size < bytes_max && ring->size < UINT64_C(1) << 40)
        ring->size *= 2;
    ring->stats.bytes_max = ring->size;
    return ring;
}

void hf_sip_trace_ring_free(struct hf_sip_trace_ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->bytes);
    free(ring);
}

static struct record *at(const struct hf_sip_trace_ring *ring, uint64_t position)
{
    return (struct record *)(ring->bytes + (position & (ring->size - 1)));
}

static void drop_oldest(struct hf_sip_trace_ring *ring)
{
    const struct record *record = at(ring, ring->tail);

    ring->stats.overwritten += !(record->flags & FLAG_SKIP);
    ring->tail += record->bytes;
    HF_ASSERT(ring->tail <= ring->head);
}

/* Room for a record in one piece, at ring->head. */
static void make_room(struct hf_sip_trace_ring *ring, uint32_t bytes)
{
    uint64_t to_end = ring->size - (ring->head & (ring->size - 1));
    uint64_t need = to_end < bytes ? to_end + bytes : bytes;

    while (ring->head - ring->tail + need > ring->size)
        drop_oldest(ring);
    if (to_end >= bytes)
        return;
    HF_ASSERT(to_end >= sizeof(struct record)); /* a multiple of it, and not 0 */
    *at(ring, ring->head) = (struct record){.bytes = (uint16_t)to_end, .flags = FLAG_SKIP};
    ring->head += to_end;
}

static bool valid(const struct hf_sip_trace_ring *ring, uint64_t last, uint64_t device)
{
    return last > 0 && last - 1 >= ring->tail && last - 1 < ring->head &&
           at(ring, last - 1)->device == device;
}

/* Routine after routine: one record of each direction, updated in place. */
static bool count_in(struct hf_sip_trace_ring *ring, const struct hf_sip_trace *trace, bool sent,
                     size_t bytes, uint64_t now_ms)
{
    uint64_t last = trace->last;

    for (unsigned i = 0; i < 2 && valid(ring, last, trace->device); i++) {
        struct record *record = at(ring, last - 1);

        if (!(record->flags & FLAG_ROUTINE))
            return false;
        if (((record->flags & FLAG_SENT) != 0) == sent) {
            record->count++;
            record->last_ms = now_ms;
            record->message_bytes = (uint32_t)HF_MIN(bytes, (size_t)UINT32_MAX);
            ring->stats.counted_in++;
            return true;
        }
        last = record->previous;
    }
    return false;
}

static hf_err need_memory(struct hf_sip_trace_ring *ring)
{
    if (ring->bytes == NULL)
        ring->bytes = malloc(ring->size);
    return ring->bytes != NULL ? HF_OK : HF_ERR_NOMEM;
}

static void put_flow(struct record *record, const struct hf_sip_flow *flow)
{
    if (flow == NULL)
        return;
    record->flags |= flow->family == 6 ? FLAG_IPV6 : FLAG_IPV4;
    record->transport = flow->transport;
    record->peer_port = flow->peer_port;
    memcpy(record->peer, flow->peer, sizeof(record->peer));
}

static struct hf_sip_flow get_flow(const struct record *record)
{
    struct hf_sip_flow flow = {0};

    if (!(record->flags & (FLAG_IPV4 | FLAG_IPV6)))
        return flow;
    flow.family = record->flags & FLAG_IPV6 ? 6 : 4;
    flow.transport = record->transport;
    flow.peer_port = record->peer_port;
    memcpy(flow.peer, record->peer, sizeof(flow.peer));
    return flow;
}

hf_err hf_sip_trace_add(struct hf_sip_trace_ring *ring, struct hf_sip_trace *trace,
                        const struct hf_sip_flow *flow, bool sent, bool routine, struct hf_slice message,
                        uint64_t now_ms)
{
    char text[HF_SIP_TRACE_TEXT_BYTES_MAX + 1];
    struct hf_sb sb;
    struct record *record;
    uint32_t bytes;

    if (need_memory(ring) != HF_OK)
        return HF_ERR_NOMEM;
    ring->stats.added++;
    if (routine && count_in(ring, trace, sent, message.bytes, now_ms))
        return HF_OK;
    hf_sb_init(&sb, text, sizeof(text));
    hf_sip_mask(&sb, message);
    bytes =
        (uint32_t)((sizeof(*record) + sb.bytes + sizeof(*record) - 1) / sizeof(*record) * sizeof(*record));
    make_room(ring, bytes);
    record = at(ring, ring->head);
    *record = (struct record){.previous = valid(ring, trace->last, trace->device) ? trace->last : 0,
                              .device = trace->device,
                              .first_ms = now_ms,
                              .last_ms = now_ms,
                              .count = 1,
                              .message_bytes = (uint32_t)HF_MIN(message.bytes, (size_t)UINT32_MAX),
                              .text_bytes = (uint16_t)sb.bytes,
                              .bytes = (uint16_t)bytes,
                              .flags = (uint8_t)((sent ? FLAG_SENT : 0U) | (routine ? FLAG_ROUTINE : 0U) |
                                                 (sb.overflow ? FLAG_CUT : 0U))};
    put_flow(record, flow);
    memcpy(record + 1, text, sb.bytes);
    trace->last = ring->head + 1;
    ring->head += bytes;
    return HF_OK;
}

struct hf_sip_trace_walk hf_sip_trace_walk(const struct hf_sip_trace_ring *ring,
                                           const struct hf_sip_trace *trace)
{
    return (struct hf_sip_trace_walk){
        .ring = ring, .at = trace->last, .device = trace->device, .left = HF_SIP_TRACE_MESSAGES_MAX};
}

bool hf_sip_trace_next(struct hf_sip_trace_walk *walk, struct hf_sip_trace_entry *ret_entry)
{
    const struct record *record;

    if (walk->left == 0 || !valid(walk->ring, walk->at, walk->device))
        return false;
    record = at(walk->ring, walk->at - 1);
    *ret_entry = (struct hf_sip_trace_entry){.first_ms = record->first_ms,
                                             .last_ms = record->last_ms,
                                             .count = record->count,
                                             .bytes = record->message_bytes,
                                             .sent = record->flags & FLAG_SENT,
                                             .routine = record->flags & FLAG_ROUTINE,
                                             .cut = record->flags & FLAG_CUT,
                                             .flow = get_flow(record),
                                             .text = {(const char *)(record + 1), record->text_bytes}};
    walk->at = record->previous;
    walk->left--;
    return true;
}

struct hf_sip_trace_stats hf_sip_trace_ring_stats(const struct hf_sip_trace_ring *ring)
{
    struct hf_sip_trace_stats stats = ring->stats;
    uint64_t oldest = ring->tail;

    if (oldest < ring->head && (at(ring, oldest)->flags & FLAG_SKIP))
        oldest += at(ring, oldest)->bytes;
    if (oldest < ring->head)
        stats.oldest_ms = at(ring, oldest)->first_ms;
    return stats;
}
