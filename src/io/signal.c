#include "io/signal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"

struct hf_signals {
    struct hf_handle handle;
    struct hf_deferred deferred;
    struct hf_loop *loop; /* borrows */
    void (*on_signal)(void *user, int signal_number);
    void *user;
};

static sigset_t watched(void)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < HF_COUNT_OF(numbers); i++)
        sigaddset(&set, numbers[i]);
    return set;
}

void hf_signals_block(void)
{
    sigset_t set = watched();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void on_readable(struct hf_handle *handle, uint32_t events)
{
    struct hf_signals *signals = HF_CONTAINER_OF(handle, struct hf_signals, handle);
    struct signalfd_siginfo info;

    (void)events;
    /* on_signal may close `signals`; its memory lives until the end of the turn, its descriptor does not. */
    while (handle->fd >= 0 && read(handle->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        signals->on_signal(signals->user, (int)info.ssi_signo);
}

hf_err hf_signals_open(struct hf_loop *loop, void (*on_signal)(void *user, int signal_number), void *user,
                       struct hf_signals **ret_signals)
{
    sigset_t set = watched();
    struct hf_signals *signals = calloc(1, sizeof(*signals));

    if (signals == NULL)
        return HF_ERR_NOMEM;
    signals->handle =
        (struct hf_handle){.on_event = on_readable, .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
    signals->loop = loop;
    signals->on_signal = on_signal;
    signals->user = user;
    if (signals->handle.fd >= 0 && hf_loop_watch(loop, &signals->handle, EPOLLIN) == HF_OK) {
        *ret_signals = signals;
        return HF_OK;
    }
    if (signals->handle.fd >= 0)
        close(signals->handle.fd);
    free(signals);
    return HF_ERR_IO;
}

static void free_signals(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct hf_signals, deferred));
}

void hf_signals_close(struct hf_signals *signals)
{
    if (signals == NULL)
        return;
    hf_loop_close(signals->loop, &signals->handle);
    hf_loop_defer_free(signals->loop, &signals->deferred, free_signals);
}
