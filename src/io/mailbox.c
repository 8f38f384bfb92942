/* io/mailbox.c - a ring with a free-running head and tail. The writer owns tail, the reader head; each keeps a copy
 * of the other's last seen position, so that a post into a ring that is not full touches one shared line only. */
#include "io/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

enum { CACHE_LINE = 64, ENTRIES_MAX = 1 << 20 };

struct hf_mailbox {
    /* written by the writer */
    _Alignas(CACHE_LINE) _Atomic uint32_t tail;
    uint32_t head_seen;
    _Atomic uint64_t full_total;
    _Atomic bool waited_for; /* a post was refused; taken back by the reader */
    /* written by the reader */
    _Alignas(CACHE_LINE) _Atomic uint32_t head;
    uint32_t tail_seen;
    bool taken; /* from it in this drain */
    /* constant */
    _Alignas(CACHE_LINE) uint32_t entries;
    struct hf_inbox *inbox;
    struct hf_inbox *writer; /* borrows; NULL: it looks by itself */
    void *ring[];
};

struct hf_inbox {
    _Alignas(CACHE_LINE) _Atomic bool sleeping;
    _Alignas(CACHE_LINE) _Atomic bool woken; /* by hf_inbox_wake */
    int fd;
    unsigned count, count_max;
    unsigned next; /* whose turn it is in a drain */
    struct hf_mailbox *mailboxes[];
};

static void *aligned_new(size_t bytes)
{
    void *at = NULL;

    if (posix_memalign(&at, CACHE_LINE, bytes) != 0)
        return NULL;
    return at;
}

struct hf_inbox *hf_inbox_new(unsigned mailboxes_max)
{
    struct hf_inbox *inbox = aligned_new(sizeof(*inbox) + mailboxes_max * sizeof(inbox->mailboxes[0]));

    if (inbox == NULL)
        return NULL;
    atomic_init(&inbox->sleeping, false);
    atomic_init(&inbox->woken, false);
    inbox->count = inbox->next = 0;
    inbox->count_max = mailboxes_max;
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0) {
        free(inbox);
        return NULL;
    }
    return inbox;
}

void hf_inbox_free(struct hf_inbox *inbox)
{
    if (inbox == NULL)
        return;
    for (unsigned i = 0; i < inbox->count; i++)
        free(inbox->mailboxes[i]);
    close(inbox->fd);
    free(inbox);
}

hf_err hf_inbox_add(struct hf_inbox *inbox, unsigned entries, struct hf_mailbox **ret_mailbox)
{
    uint32_t rounded = 1;
    struct hf_mailbox *mailbox;

    if (entries == 0)
        entries = HF_MAILBOX_ENTRIES;
    if (inbox->count == inbox->count_max || entries > ENTRIES_MAX)
        return HF_ERR_LIMIT;
    while (rounded < entries)
        rounded *= 2;
    mailbox = aligned_new(sizeof(*mailbox) + rounded * sizeof(mailbox->ring[0]));
    if (mailbox == NULL)
        return HF_ERR_NOMEM;
    atomic_init(&mailbox->tail, 0);
    atomic_init(&mailbox->head, 0);
    atomic_init(&mailbox->full_total, 0);
    atomic_init(&mailbox->waited_for, false);
    mailbox->taken = false;
    mailbox->writer = NULL;
    mailbox->head_seen = mailbox->tail_seen = 0;
    mailbox->entries = rounded;
    mailbox->inbox = inbox;
    inbox->mailboxes[inbox->count++] = mailbox;
    *ret_mailbox = mailbox;
    return HF_OK;
}

static void ring_bell(struct hf_inbox *inbox)
{
    uint64_t one = 1;
    ssize_t written = write(inbox->fd, &one, sizeof(one));

    (void)written; /* EAGAIN: it is readable already */
}

void hf_mailbox_tell(struct hf_mailbox *mailbox, struct hf_inbox *writer)
{
    mailbox->writer = writer;
}

/* As the writer last saw it, and then as it is. */
static bool is_full(struct hf_mailbox *mailbox, uint32_t tail)
{
    if (tail - mailbox->head_seen < mailbox->entries)
        return false;
    mailbox->head_seen = atomic_load_explicit(&mailbox->head, memory_order_acquire);
    if (tail - mailbox->head_seen < mailbox->entries)
        return false;
    atomic_store(&mailbox->waited_for, true); /* and a last look, see the header */
    mailbox->head_seen = atomic_load(&mailbox->head);
    return tail - mailbox->head_seen == mailbox->entries;
}

hf_err hf_mailbox_post(struct hf_mailbox *mailbox, void *message)
{
    struct hf_inbox *inbox = mailbox->inbox;
    uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);

    if (is_full(mailbox, tail)) {
        atomic_fetch_add_explicit(&mailbox->full_total, 1, memory_order_relaxed);
        return HF_ERR_LIMIT;
    }
    mailbox->ring[tail & (mailbox->entries - 1)] = message;
    atomic_store(&mailbox->tail, tail + 1); /* sequentially consistent, see the header */
    if (atomic_load(&inbox->sleeping) && atomic_exchange(&inbox->sleeping, false))
        ring_bell(inbox); /* of several writers one alone does it */
    return HF_OK;
}

unsigned hf_mailbox_free_entries(const struct hf_mailbox *mailbox)
{
    uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);

    return mailbox->entries - (tail - atomic_load_explicit(&mailbox->head, memory_order_acquire));
}

uint64_t hf_inbox_full_total(const struct hf_inbox *inbox)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < inbox->count; i++)
        total += atomic_load_explicit(&inbox->mailboxes[i]->full_total, memory_order_relaxed);
    return total;
}

static bool take(struct hf_mailbox *mailbox, void **ret_message)
{
    uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);

    if (head == mailbox->tail_seen) {
        mailbox->tail_seen = atomic_load_explicit(&mailbox->tail, memory_order_acquire);
        if (head == mailbox->tail_seen)
            return false;
    }
    *ret_message = mailbox->ring[head & (mailbox->entries - 1)];
    atomic_store_explicit(&mailbox->head, head + 1, memory_order_release);
    mailbox->taken = true;
    return true;
}

/* Whoever begins to wait after this look finds the mailbox full, so that more will be taken from it, and looked again. */
static void tell_waiting(struct hf_inbox *inbox)
{
    for (unsigned i = 0; i < inbox->count; i++) {
        struct hf_mailbox *mailbox = inbox->mailboxes[i];

        if (!mailbox->taken || mailbox->writer == NULL)
            continue;
        mailbox->taken = false;
        /* The same value again, for its order: either the writer's last look sees it, or we see that the writer waits. */
        atomic_store(&mailbox->head, atomic_load_explicit(&mailbox->head, memory_order_relaxed));
        if (atomic_load(&mailbox->waited_for) && atomic_exchange(&mailbox->waited_for, false))
            ring_bell(mailbox->writer);
    }
}

size_t hf_inbox_drain(struct hf_inbox *inbox, hf_inbox_fn *on_message, void *context, size_t budget)
{
    size_t taken = 0;
    unsigned empty_in_a_row = 0;
    void *message;

    while (taken < budget && empty_in_a_row < inbox->count) {
        unsigned index = inbox->next;

        inbox->next = index + 1 < inbox->count ? index + 1 : 0;
        if (!take(inbox->mailboxes[index], &message)) {
            empty_in_a_row++;
            continue;
        }
        empty_in_a_row = 0;
        taken++;
        on_message(context, index, message);
    }
    tell_waiting(inbox);
    return taken;
}

bool hf_inbox_empty(const struct hf_inbox *inbox)
{
    for (unsigned i = 0; i < inbox->count; i++) {
        const struct hf_mailbox *mailbox = inbox->mailboxes[i];

        if (atomic_load(&mailbox->tail) != atomic_load_explicit(&mailbox->head, memory_order_relaxed))
            return false;
    }
    return true;
}

int hf_inbox_fd(const struct hf_inbox *inbox)
{
    return inbox->fd;
}

bool hf_inbox_before_sleep(struct hf_inbox *inbox)
{
    atomic_store(&inbox->sleeping, true);
    if (hf_inbox_empty(inbox))
        return true;
    atomic_store(&inbox->sleeping, false); /* a writer may ring all the same: one wake-up too many, no harm */
    return false;
}

void hf_inbox_after_sleep(struct hf_inbox *inbox)
{
    if (atomic_load_explicit(&inbox->sleeping, memory_order_relaxed))
        atomic_store_explicit(&inbox->sleeping, false, memory_order_relaxed);
}

void hf_inbox_wake(struct hf_inbox *inbox)
{
    atomic_store(&inbox->woken, true);
    ring_bell(inbox);
}

bool hf_inbox_wait(struct hf_inbox *inbox, int timeout_ms)
{
    struct pollfd bell = {.fd = inbox->fd, .events = POLLIN};
    uint64_t count;
    bool rung = false;

    if (hf_inbox_before_sleep(inbox)) {
        int ready = poll(&bell, 1, timeout_ms);

        HF_ASSERT(ready >= 0 || errno == EINTR);
        rung = ready > 0 && read(inbox->fd, &count, sizeof(count)) > 0;
    }
    hf_inbox_after_sleep(inbox);
    if (rung && atomic_exchange(&inbox->woken, false))
        return true;
    return !hf_inbox_empty(inbox);
}
