/* bench/chaos/stats.h - what the proxy has done, for `stats`, the end and --json. */
#ifndef HF_BENCH_CHAOS_STATS_H
#define HF_BENCH_CHAOS_STATS_H

#include <stdint.h>
#include <stdio.h>

#include "codec/json/out.h"

/* Columns: field (and member of the JSON object), text for people. A connection is a flow with --udp, a unit a TCP segment
 * or a datagram. Times are milliseconds. */
/* clang-format off */
#define HF_CHAOS_STATS_MAP(X) \
    X(connections_opened, "connections accepted, or flows begun") \
    X(connections_now, "of them open now") \
    X(connections_refused, "refused: --connections was reached, or no memory") \
    X(connects_failed, "connections that the server did not take") \
    X(bytes_up, "bytes delivered to the server") \
    X(bytes_down, "bytes delivered to clients") \
    X(units_up, "segments or datagrams from clients") \
    X(units_down, "segments or datagrams from the server") \
    X(lost_up, "of them lost, each retransmission counted") \
    X(lost_down, "of them lost, each retransmission counted") \
    X(stalls, "segments that waited for a retransmission") \
    X(handshake_losses, "SYN or SYN-ACK lost") \
    X(loss_resets, "losses that reset the connection") \
    X(cuts, "connections cut by a command, an age or a byte count") \
    X(idle_cuts, "connections that a middlebox forgot") \
    X(silenced, "connections that fell silent for good") \
    X(swallowed_bytes, "bytes that vanished: in silence, behind a cut by FIN, before a peer that is gone") \
    X(duplicated, "units sent twice") \
    X(reordered, "datagrams held back to be overtaken") \
    X(flipped, "units with a flipped bit") \
    X(truncated, "units without their end") \
    X(dropped_full, "datagrams dropped: --buffer was full, or the socket") \
    X(backpressure, "times a sender was not read because --buffer was full") \
    X(buffered_max_bytes, "most that one direction of one connection held") \
    X(rebinds, "flows that got a new source port") \
    X(evicted, "flows ended to make room: --connections was reached") \
    X(silences, "silences of all connections") \
    X(refusals, "times connections were refused on purpose") \
    X(loop_turns, "turns of the event loop") \
    X(stalled_max_ms, "longest wait for a retransmission") \
    X(delayed_max_ms, "longest time that a byte was held")
/* clang-format on */

struct hf_chaos_stats {
#define HF_CHAOS_STATS_FIELD(field, text) uint64_t field;
    HF_CHAOS_STATS_MAP(HF_CHAOS_STATS_FIELD)
#undef HF_CHAOS_STATS_FIELD
};

/* As members of the object that is open. */
void hf_chaos_stats_json(const struct hf_chaos_stats *stats, struct hf_json_out *out);
void hf_chaos_stats_print(const struct hf_chaos_stats *stats, FILE *out); /* a table of what is not 0 */

#endif
