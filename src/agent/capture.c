#include "agent/capture.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

enum {
    NS_PER_S = 1000000000,
    SLACK_NS = 20000, /* of the kernel's timers: 50 us else */
    SLEEP_MAX_NS =
        20000000 /* a wait up to here is a plain sleep, the cheapest that there is: a stop may wait for it */
};

/* Until `due_ns` or a descriptor. False: the stop was told. */
static bool wait(struct hf_capture *capture, uint64_t due_ns, uint64_t now_ns)
{
    const struct hf_source_ops *ops = capture->source->ops;
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    const struct timespec span = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                                  .tv_nsec = (long)(wait_ns % NS_PER_S)};
    struct pollfd fds[1 + HF_SOURCE_FDS_MAX];
    unsigned count = 1;

    if (ops->fds == NULL && wait_ns <= SLEEP_MAX_NS) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
        return !atomic_load_explicit(&capture->stopping, memory_order_acquire);
    }
    fds[0] = (struct pollfd){.fd = capture->stop_fd, .events = POLLIN};
    if (ops->fds != NULL)
        count += ops->fds(capture->source, fds + 1);
    return ppoll(fds, count, due_ns == HF_SOURCE_NEVER ? NULL : &span, NULL) <= 0 || fds[0].revents == 0;
}

static void run(void *context)
{
    struct hf_capture *capture = context;
    struct hf_source *source = capture->source;

    (void)prctl(PR_SET_TIMERSLACK, (unsigned long)SLACK_NS, 0, 0, 0);
    for (;;) {
        uint64_t due_ns = source->ops->turn(source, hf_clock_raw_ns());

        if (source->ended || !wait(capture, due_ns, hf_clock_raw_ns()))
            break;
    }
    atomic_store_explicit(&capture->ended, true, memory_order_release);
}

hf_err hf_capture_start(struct hf_capture *capture, struct hf_source *source)
{
    hf_err err;

    *capture = (struct hf_capture){.source = source, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (capture->stop_fd < 0)
        return HF_ERR_NOMEM;
    err = hf_thread_start(&capture->thread, "capture", HF_THREAD_ANY_CPU, run, capture);
    if (err != HF_OK)
        (void)close(capture->stop_fd);
    return err;
}

void hf_capture_stop(struct hf_capture *capture)
{
    const uint64_t one = 1;

    if (!capture->thread.started)
        return;
    atomic_store_explicit(&capture->stopping, true, memory_order_release);
    while (write(capture->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    hf_thread_join(&capture->thread);
    (void)close(capture->stop_fd);
}

bool hf_capture_ended(struct hf_capture *capture)
{
    return atomic_load_explicit(&capture->ended, memory_order_acquire);
}
