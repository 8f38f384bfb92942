#include "bench/chaos/controller.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/chaos/ticker.h"
#include "io/signal.h"

struct controller {
    const struct hf_chaos_controller_options *options;
    struct hf_loop *loop;
    struct hf_chaos_ticker ticker;
    struct hf_chaos_timer act_timer, end_timer;
    struct hf_handle process; /* the pidfd: readable when it has ended */
    struct hf_chaos_acts acts;
    uint64_t begin_us, stopped_at_us;
    uint64_t stops, stopped_us;
    bool killed, ended;
    int sys_errno; /* a signal could not be sent */
};

static bool send_signal(struct controller *controller, int signal_number)
{
    if (pidfd_send_signal(controller->process.fd, signal_number, NULL, 0) == 0)
        return true;
    controller->sys_errno = errno;
    hf_loop_stop(controller->loop);
    return false;
}

static void say(const struct controller *controller, const char *act)
{
    (void)printf("{\"at_ms\":%" PRIu64 ",\"act\":\"%s\",\"pid\":%d}\n",
                 (controller->loop->now_us - controller->begin_us) / 1000, act,
                 (int)controller->options->pid);
    (void)fflush(stdout);
}

static void act(struct controller *controller, enum hf_chaos_act what)
{
    uint64_t now_us = controller->loop->now_us;

    switch (what) {
    case HF_CHAOS_ACT_STOP:
        if (!send_signal(controller, SIGSTOP))
            return;
        controller->stops++;
        controller->stopped_at_us = now_us;
        say(controller, "stop");
        return;
    case HF_CHAOS_ACT_CONT:
        if (!send_signal(controller, SIGCONT))
            return;
        controller->stopped_us += now_us - controller->stopped_at_us;
        say(controller, "continue");
        return;
    case HF_CHAOS_ACT_KILL:
        controller->killed = send_signal(controller, SIGKILL);
        if (controller->killed)
            say(controller, "kill");
        return; /* the loop ends when it has ended */
    case HF_CHAOS_ACT_NONE: return;
    }
    HF_UNREACHABLE();
}

static void plan(struct controller *controller)
{
    uint64_t next_us = hf_chaos_acts_next_us(&controller->acts);

    hf_chaos_timers_arm(&controller->ticker.timers, &controller->act_timer, next_us);
    if (next_us == UINT64_MAX && !controller->killed)
        hf_loop_stop(controller->loop);
}

static void on_act(struct hf_chaos_timer *timer, uint64_t now_us)
{
    struct controller *controller = HF_CONTAINER_OF(timer, struct controller, act_timer);
    enum hf_chaos_act what;

    while (controller->sys_errno == 0 &&
           (what = hf_chaos_acts_take(&controller->acts, now_us)) != HF_CHAOS_ACT_NONE)
        act(controller, what);
    plan(controller);
}

static void on_end(struct hf_chaos_timer *timer, uint64_t now_us)
{
    (void)now_us;
    hf_loop_stop(HF_CONTAINER_OF(timer, struct controller, end_timer)->loop);
}

static void on_process_end(struct hf_handle *handle, uint32_t events)
{
    struct controller *controller = HF_CONTAINER_OF(handle, struct controller, process);

    (void)events;
    controller->ended = true;
    hf_loop_unwatch(controller->loop, handle);
    hf_loop_stop(controller->loop);
}

static void on_signal(void *user, int signal_number)
{
    struct controller *controller = user;

    if (signal_number != SIGUSR1)
        hf_loop_stop(controller->loop);
}

static void print_counters(const struct controller *controller)
{
    const char *killed = controller->killed ? "true" : "false", *ended = controller->ended ? "true" : "false";
    uint64_t stopped_ms = controller->stopped_us / 1000;

    if (controller->options->json)
        (void)printf("{\"stops\":%" PRIu64 ",\"stopped_ms\":%" PRIu64 ",\"killed\":%s,\"ended\":%s}\n",
                     controller->stops, stopped_ms, killed, ended);
    else
        (void)printf("stopped %" PRIu64 " times, %" PRIu64 " ms altogether; killed: %s; ended: %s\n",
                     controller->stops, stopped_ms, killed, ended);
    (void)fflush(stdout);
}

static hf_err start(struct controller *controller)
{
    const struct hf_chaos_controller_options *options = controller->options;
    hf_err err = hf_chaos_ticker_open(&controller->ticker, controller->loop);

    if (err == HF_OK)
        err = hf_chaos_timers_reserve(&controller->ticker.timers, 2);
    if (err == HF_OK)
        err = hf_loop_watch(controller->loop, &controller->process, EPOLLIN);
    if (err != HF_OK)
        return err;
    controller->begin_us = controller->loop->now_us;
    controller->act_timer.on_due = on_act;
    controller->end_timer.on_due = on_end;
    hf_chaos_acts_init(&controller->acts, &options->acts, controller->begin_us);
    if (options->duration_us > 0)
        hf_chaos_timers_arm(&controller->ticker.timers, &controller->end_timer,
                            controller->begin_us + options->duration_us);
    plan(controller);
    return HF_OK;
}

static hf_err verdict(const struct controller *controller, char *error)
{
    int pid = (int)controller->options->pid;

    if (controller->sys_errno != 0 && controller->sys_errno != ESRCH) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "cannot signal process %d: %s", pid,
                       strerror(controller->sys_errno));
        return controller->sys_errno == EPERM ? HF_ERR_DENIED : HF_ERR_IO;
    }
    if ((controller->ended && !controller->killed) || controller->sys_errno == ESRCH) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "process %d ended by itself", pid);
        return HF_ERR_CLOSED;
    }
    return HF_OK;
}

hf_err hf_chaos_controller_run(const struct hf_chaos_controller_options *options,
                               char error[HF_CHAOS_ERROR_BYTES])
{
    struct controller controller = {.options = options, .process = {.on_event = on_process_end}};
    struct hf_signals *signals = NULL;
    hf_err err;

    controller.process.fd = pidfd_open(options->pid, 0);
    if (controller.process.fd < 0) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "--pid: there is no process %d: %s", (int)options->pid,
                       strerror(errno));
        return HF_ERR_NOT_FOUND;
    }
    controller.loop = hf_loop_new(NULL);
    err = controller.loop == NULL ? HF_ERR_NOMEM
                                  : hf_signals_open(controller.loop, on_signal, &controller, &signals);
    if (err == HF_OK)
        err = start(&controller);
    if (err == HF_OK) {
        hf_loop_run(controller.loop);
        if (controller.acts.stopped && !controller.killed && !controller.ended)
            act(&controller, HF_CHAOS_ACT_CONT);
        print_counters(&controller);
        err = verdict(&controller, error);
    } else {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(err));
    }
    hf_chaos_ticker_close(&controller.ticker);
    hf_signals_close(signals);
    if (controller.loop != NULL)
        hf_loop_turn(controller.loop, 0);
    hf_loop_free(controller.loop);
    close(controller.process.fd);
    return err;
}
