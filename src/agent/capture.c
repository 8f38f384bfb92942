#include "agent/capture.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

enum { NS_PER_S = 1000000000, SLACK_NS = 20000 /* of the kernel's timers: 50 us else */ };

static void run(void *context)
{
    struct hf_capture *capture = context;
    struct hf_source *source = capture->source;

    (void)prctl(PR_SET_TIMERSLACK, (unsigned long)SLACK_NS, 0, 0, 0);
    for (;;) {
        struct pollfd fds[1 + HF_SOURCE_FDS_MAX];
        uint64_t due_ns = source->ops->turn(source, hf_clock_raw_ns()), now_ns = hf_clock_raw_ns();
        uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
        const struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                                      .tv_nsec = (long)(wait_ns % NS_PER_S)};
        unsigned count = 1;

        if (source->ended)
            break;
        fds[0] = (struct pollfd){.fd = capture->stop_fd, .events = POLLIN};
        if (source->ops->fds != NULL)
            count += source->ops->fds(source, fds + 1);
        if (ppoll(fds, count, due_ns == HF_SOURCE_NEVER ? NULL : &wait, NULL) > 0 && fds[0].revents != 0)
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
    while (write(capture->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    hf_thread_join(&capture->thread);
    (void)close(capture->stop_fd);
}

bool hf_capture_ended(struct hf_capture *capture)
{
    return atomic_load_explicit(&capture->ended, memory_order_acquire);
}
