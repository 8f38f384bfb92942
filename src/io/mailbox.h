/* io/mailbox.h - how threads talk: bounded rings of pointers, one writer and one reader each. A thread that
 * receives owns an inbox: one mailbox for each thread that writes to it, and one eventfd to sleep on. Writing to the
 * eventfd is skipped while the receiver is awake.
 *
 * Why no wake-up is lost: the writer publishes its message and then looks at `sleeping`; the receiver sets `sleeping`
 * and then looks at the mailboxes. Both pairs are sequentially consistent, so at least one side sees the
 * other. Order is kept per mailbox, not between mailboxes.
 *
 * A writer that finds its mailbox full may sleep until there is room, in the same way: it says that it waits and then looks at the mailbox once more; the receiver
 * takes messages and then looks who waits. Nobody who waits for room is kept from taking what it was sent itself, so two threads with full mailboxes
 * to each other both go on. */
#ifndef HF_IO_MAILBOX_H
#define HF_IO_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HF_MAILBOX_ENTRIES = 1024 };

struct hf_mailbox; /* opaque */
struct hf_inbox;   /* opaque */

/* mailboxes_max of them can be added. NULL on no memory or descriptor. */
struct hf_inbox *hf_inbox_new(unsigned mailboxes_max);
/* All writers are gone. Messages still inside are the caller's loss: drain first. NULL is harmless. */
void hf_inbox_free(struct hf_inbox *inbox);
/* Before the threads that use it start, or with them held off by other means. entries is rounded up to a power of
 * two, 0 = default. Mailboxes are numbered 0, 1, ... HF_ERR_LIMIT, HF_ERR_NOMEM. The inbox owns the mailbox. */
hf_err hf_inbox_add(struct hf_inbox *inbox, unsigned entries, struct hf_mailbox **ret_mailbox);

/* Also before. writer: the inbox of the thread that writes to the mailbox, which outlives it. Its bell is rung when there is room after a post that was refused. */
void hf_mailbox_tell(struct hf_mailbox *mailbox, struct hf_inbox *writer);

/* The writing thread. Gives message to the receiver. HF_ERR_LIMIT: full, counted; nothing was given and holding back
 * is the caller's business. */
hf_err hf_mailbox_post(struct hf_mailbox *mailbox, void *message);
unsigned hf_mailbox_free_entries(const struct hf_mailbox *mailbox); /* at least so many posts will succeed */

/* The receiving thread. Calls back for at most budget messages, taking turns between mailboxes. Returns how many. */
typedef void hf_inbox_fn(void *context, unsigned mailbox, void *message);
size_t hf_inbox_drain(struct hf_inbox *inbox, hf_inbox_fn *on_message, void *context, size_t budget);
bool hf_inbox_empty(const struct hf_inbox *inbox);
uint64_t hf_inbox_full_total(
    const struct hf_inbox *inbox); /* any thread: posts refused so far by all its mailboxes */

/* For threads without a loop: waits until there is a message or hf_inbox_wake(). false: on timeout, rarely for nothing.
 * timeout_ms < 0 waits for ever. */
bool hf_inbox_wait(struct hf_inbox *inbox, int timeout_ms);
void hf_inbox_wake(struct hf_inbox *inbox); /* any thread */

/* For the loop. before_sleep: true = may sleep on hf_inbox_fd; false = there are messages. after_sleep always. */
int hf_inbox_fd(const struct hf_inbox *inbox);
bool hf_inbox_before_sleep(struct hf_inbox *inbox);
void hf_inbox_after_sleep(struct hf_inbox *inbox);

#endif
