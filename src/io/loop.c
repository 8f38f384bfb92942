#include "io/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/clock.h"
#include "io/mailbox.h"
#include "io/stream_pool.h"
#include "io/udp_pool.h"

/* An idle loop wakes this often for nothing. It bounds how far the search for the next timer walks over the wheel,
 * which would otherwise cost more than the rest of a turn. */
enum { WAIT_MS_MAX = 1000 };

static struct hf_loop_options with_defaults(const struct hf_loop_options *from)
{
    struct hf_loop_options options = from != NULL ? *from : (struct hf_loop_options){0};

#define DEFAULT(field, value) \
    if (options.field == 0)   \
    options.field = (value)
    DEFAULT(streams_max, HF_LOOP_STREAMS_MAX);
    DEFAULT(receive_bytes, HF_LOOP_RECEIVE_BYTES);
    DEFAULT(cork_bytes, HF_LOOP_CORK_BYTES);
    DEFAULT(events_max, HF_LOOP_EVENTS_MAX);
    DEFAULT(queue_bytes_hard_max, HF_LOOP_QUEUE_BYTES_HARD_MAX);
    DEFAULT(queue_bytes_total_max, HF_LOOP_QUEUE_BYTES_TOTAL_MAX);
    DEFAULT(inbox_budget, HF_LOOP_INBOX_BUDGET);
    DEFAULT(handshake_budget_us, HF_LOOP_HANDSHAKE_BUDGET_US);
#undef DEFAULT
    return options;
}

static void read_time(struct hf_loop *loop)
{
    loop->now_us = hf_clock_us();
    loop->now_ms = loop->now_us / 1000;
}

static void drain_eventfd(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));

    (void)got; /* EAGAIN: another event of the same turn has emptied it */
}

static void on_wake(struct hf_handle *handle, uint32_t events)
{
    struct hf_loop *loop = HF_CONTAINER_OF(handle, struct hf_loop, wake);

    (void)events;
    drain_eventfd(handle->fd);
    loop->stats.wakeups++;
}

static void on_inbox_ready(struct hf_handle *handle, uint32_t events)
{
    struct hf_loop *loop = HF_CONTAINER_OF(handle, struct hf_loop, inbox_ready);

    (void)events;
    drain_eventfd(handle->fd);
    loop->stats.wakeups++;
}

struct hf_loop *hf_loop_new(const struct hf_loop_options *options)
{
    struct hf_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    loop->options = with_defaults(options);
    loop->epoll_fd = loop->wake.fd = loop->inbox_ready.fd = -1;
    hf_list_init(&loop->hooks);
    hf_list_init(&loop->running_hooks);
    read_time(loop);
    hf_wheel_init(&loop->wheel, loop->now_ms);
    loop->events = calloc(loop->options.events_max, sizeof(*loop->events));
    loop->streams = hf_stream_pool_new(loop);
    if (loop->events == NULL || loop->streams == NULL)
        goto fail;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = (struct hf_handle){.on_event = on_wake, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (loop->epoll_fd < 0 || loop->wake.fd < 0 || hf_loop_watch(loop, &loop->wake, EPOLLIN) != HF_OK)
        goto fail;
    return loop;
fail:
    hf_loop_free(loop);
    return NULL;
}

static void free_deferred(struct hf_loop *loop)
{
    struct hf_deferred *next;

    for (struct hf_deferred *deferred = loop->deferred; deferred != NULL; deferred = next) {
        next = deferred->next;
        deferred->free_it(deferred);
    }
    loop->deferred = NULL;
}

void hf_loop_free(struct hf_loop *loop)
{
    if (loop == NULL)
        return;
    free_deferred(loop);
    hf_stream_pool_free(loop->streams);
    hf_udp_pool_free(loop->udp);
    if (loop->wake.fd >= 0)
        close(loop->wake.fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop->events);
    free(loop);
}

hf_err hf_loop_watch(struct hf_loop *loop, struct hf_handle *handle, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = handle};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, handle->fd, &event) != 0)
        return errno == ENOMEM || errno == ENOSPC ? HF_ERR_NOMEM : HF_ERR_IO;
    handle->events = events;
    return HF_OK;
}

static void rearm(struct hf_loop *loop, struct hf_handle *handle, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = handle};
    int rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, handle->fd, &event);

    HF_ASSERT(rc == 0); /* it is watched: nothing but our own mistake can fail */
    handle->events = events;
}

void hf_loop_change(struct hf_loop *loop, struct hf_handle *handle, uint32_t events)
{
    /* A one-shot watch is spent by its event, so equal events must be armed anew. */
    if (handle->events != events || (events & EPOLLONESHOT))
        rearm(loop, handle, events);
}

static void on_closed(struct hf_handle *handle,
                      uint32_t events) /* of a handle that was closed in this turn */
{
    (void)handle;
    (void)events;
}

void hf_loop_unwatch(struct hf_loop *loop, struct hf_handle *handle)
{
    int rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, handle->fd, NULL);

    HF_ASSERT(rc == 0);
    handle->on_event = on_closed;
    handle->events = 0;
}

void hf_loop_close(struct hf_loop *loop, struct hf_handle *handle)
{
    if (handle->fd < 0)
        return;
    hf_loop_unwatch(loop, handle); /* explicitly: a forked child could hold the descriptor open */
    close(handle->fd);
    handle->fd = -1;
}

void hf_loop_defer_free(struct hf_loop *loop, struct hf_deferred *deferred,
                        void (*free_it)(struct hf_deferred *deferred))
{
    deferred->free_it = free_it;
    deferred->next = loop->deferred;
    loop->deferred = deferred;
}

void hf_loop_flush(struct hf_loop *loop)
{
    hf_stream_many_flush(loop->streams);
}

void hf_loop_hook_add(struct hf_loop *loop, struct hf_turn_hook *hook)
{
    hf_list_init(&hook->node);
    hf_list_push_back(&loop->hooks, &hook->node);
}

void hf_loop_hook_remove(struct hf_turn_hook *hook)
{
    if (hook->node.next != NULL)
        hf_list_remove(&hook->node);
}

/* Each hook moves back to the end of `hooks` before it runs, so it may remove itself or any other. */
static void run_hooks(struct hf_loop *loop)
{
    struct hf_list_node *node;

    if (hf_list_empty(&loop->hooks))
        return;
    hf_list_splice(&loop->running_hooks, &loop->hooks);
    while ((node = hf_list_pop_front(&loop->running_hooks)) != NULL) {
        struct hf_turn_hook *hook = HF_CONTAINER_OF(node, struct hf_turn_hook, node);

        hf_list_push_back(&loop->hooks, node);
        hook->on_turn_end(hook, loop->now_ms);
    }
}

hf_err hf_loop_set_inbox(struct hf_loop *loop, struct hf_inbox *inbox,
                         void (*on_message)(struct hf_loop *loop, unsigned mailbox, void *message))
{
    HF_ASSERT(loop->inbox == NULL);
    loop->inbox_ready = (struct hf_handle){.on_event = on_inbox_ready, .fd = hf_inbox_fd(inbox)};
    if (hf_loop_watch(loop, &loop->inbox_ready, EPOLLIN) != HF_OK)
        return HF_ERR_IO;
    loop->inbox = inbox;
    loop->on_message = on_message;
    return HF_OK;
}

static void on_inbox_message(void *context, unsigned mailbox, void *message)
{
    struct hf_loop *loop = context;

    loop->on_message(loop, mailbox, message);
}

/* Returns what is left of wait_ms. Wakes and the inbox end the rest, and are met again by epoll_wait. */
static unsigned rest(struct hf_loop *loop, unsigned wait_ms)
{
    struct pollfd fds[] = {{.fd = loop->wake.fd, .events = POLLIN},
                           {.fd = loop->inbox != NULL ? loop->inbox_ready.fd : -1, .events = POLLIN}};
    unsigned rest_ms = HF_MIN(wait_ms, loop->slack_ms);

    loop->stats.rests++;
    return poll(fds, 2, (int)rest_ms) == 0 ? wait_ms - rest_ms : 0;
}

/* Returns how many events came. */
static int wait_for_events(struct hf_loop *loop, unsigned wait_ms)
{
    bool may_sleep = !hf_stream_pool_has_work(loop->streams) && !hf_udp_pool_has_work(loop) && wait_ms > 0;
    int count;

    if (may_sleep)
        wait_ms = hf_wheel_wait_ms(&loop->wheel, hf_clock_ms(), HF_MIN(wait_ms, (unsigned)WAIT_MS_MAX));
    if (may_sleep && loop->inbox != NULL && wait_ms > 0)
        may_sleep = hf_inbox_before_sleep(loop->inbox);
    if (may_sleep && wait_ms > 0 && loop->slack_ms > 0)
        wait_ms = rest(loop, wait_ms);
    count =
        epoll_wait(loop->epoll_fd, loop->events, (int)loop->options.events_max, may_sleep ? (int)wait_ms : 0);
    HF_ASSERT(count >= 0 || errno == EINTR);
    if (loop->inbox != NULL)
        hf_inbox_after_sleep(loop->inbox);
    return HF_MAX(count, 0);
}

void hf_loop_turn(struct hf_loop *loop, unsigned wait_ms)
{
    int count = wait_for_events(loop, wait_ms);

    read_time(loop);
    if (loop->on_turn_begin != NULL)
        loop->on_turn_begin(loop);
    hf_stream_pool_expect(loop->streams, (unsigned)count);
    hf_stream_pool_run_ready(loop->streams);
    for (int i = 0; i < count; i++) {
        struct hf_handle *handle = loop->events[i].data.ptr;

        handle->on_event(handle, loop->events[i].events);
    }
    if (loop->inbox != NULL)
        loop->stats.inbox_messages +=
            hf_inbox_drain(loop->inbox, on_inbox_message, loop, loop->options.inbox_budget);
    hf_wheel_run(&loop->wheel, loop->now_ms);
    hf_stream_pool_answer(loop->streams);
    run_hooks(loop);
    hf_udp_pool_flush(loop);
    hf_stream_pool_flush(loop->streams);
    hf_stream_pool_run_handshakes(loop->streams);
    hf_stream_pool_sweep(loop->streams);
    free_deferred(loop);
    loop->stats.turns++;
    loop->stats.events += (uint64_t)count;
    uint64_t turn_us = hf_clock_us() - loop->now_us;

    hf_hist_record(&loop->stats.stall_us, turn_us);
    loop->longest_us = HF_MAX(loop->longest_us, turn_us);
}

void hf_loop_run(struct hf_loop *loop)
{
    /* Now, so that the descriptors of a process at rest do not depend on what it has already sent. */
    (void)hf_stream_many_prepare(loop->streams);
    while (!atomic_load_explicit(&loop->stopping, memory_order_relaxed))
        hf_loop_turn(loop, WAIT_MS_MAX);
    atomic_store(&loop->stopping, false);
}

void hf_loop_wake(struct hf_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake.fd, &one, sizeof(one));

    (void)written; /* EAGAIN: the count is at its maximum, so it is awake anyway */
}

void hf_loop_stop(struct hf_loop *loop)
{
    atomic_store(&loop->stopping, true);
    hf_loop_wake(loop);
}
