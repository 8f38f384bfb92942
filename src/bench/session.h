/* bench/session.h - connections that speak holdfast.v1 (--protocol holdfast.v1): HELLO and WELCOME belong to opening, uplink messages are numbered DATA frames that the
 * gateway acknowledges as durable, downlink ones are acknowledged here, once for all that one read brought. Every run has queues of its own; in modes that resume
 * the session outlives the connection. Source: doc/protocol.md. */
#ifndef HF_BENCH_SESSION_H
#define HF_BENCH_SESSION_H

#include "bench/worker.h"

enum { HF_BENCH_SESSION_HEAD_BYTES = 64 }; /* of a DATA frame with the topic "bench" */

bool hf_bench_session_is_on(const struct hf_bench_config *config);
/* After the upgrade: HELLO goes out, the connection counts as greeting until WELCOME. */
void hf_bench_session_begin(struct hf_bench_conn *conn);
void hf_bench_session_message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns);
/* All that could be read was handed on: what it led to goes out. */
void hf_bench_session_read_over(struct hf_bench_conn *conn);
/* DATA number + 1. HF_ERR_AGAIN: the window is full, its ACK sends on; or as hf_bench_conn_send(). */
hf_err hf_bench_session_send(struct hf_bench_conn *conn, uint64_t number);
/* RESULT ok for the command `id`, as the next message of the uplink; only from within the op `command`. False: the window is full, it was not answered. */
bool hf_bench_session_answer(struct hf_bench_conn *conn, const uint8_t id[16]);
/* --heartbeat: sends the PINGs that are due, one for each established session in each interval. */
void hf_bench_session_beats(struct hf_bench_worker *worker, uint64_t now_ns);
uint64_t hf_bench_session_beat_ns(
    const struct hf_bench_worker *worker);             /* of the next one; UINT64_MAX = never */
void hf_bench_session_end(struct hf_bench_conn *conn); /* the connection is idle again */

#endif
