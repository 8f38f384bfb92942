/* core/positions.h - uplink positions of one batch of events, gathered before they are written: a thousand messages of a device move its row once. For the
 * one that applies the log to the tables; hf_projection_apply() alone gives the same rows, one message at a time. Bounded: a slot that another
 * device needs is written at once. One owner, one thread. */
#ifndef HF_CORE_POSITIONS_H
#define HF_CORE_POSITIONS_H

#include "core/event.h"
#include "core/kv.h"

enum { HF_POSITIONS_SLOTS = 2048 };

struct hf_positions; /* about 430 KiB */

struct hf_positions *hf_positions_new(void);            /* NULL on no memory */
void hf_positions_free(struct hf_positions *positions); /* NULL is harmless */

/* Takes the event when nothing of it but a position changes a row: *ret_taken. Otherwise it is hf_projection_apply()'s. Errors of the transaction. */
hf_err hf_positions_take(struct hf_positions *positions, struct hf_kv_txn *txn, const struct hf_event *event,
                         bool *ret_taken);
/* Before the commit. */
hf_err hf_positions_flush(struct hf_positions *positions, struct hf_kv_txn *txn);
void hf_positions_forget(struct hf_positions *positions); /* the transaction was given up */

#endif
