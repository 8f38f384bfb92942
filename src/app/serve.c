#include "app/serve.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/sdnotify.h"
#include "app/worker.h"
#include "io/clock.h"
#include "io/signal.h"

enum { TICK_MS = 100, STUCK_MS = 5000, RSS_MS = 30000 };

struct server {
    struct hf_gateway *gateway;
    const struct hf_serve_options *options;
    struct hf_loop *loop; /* the main thread's: signals and the service manager */
    struct hf_timer tick;
    struct hf_sdnotify notify;
    uint64_t beaten_ms, drain_begun_ms;
};

static void on_signal(void *user, int signal_number)
{
    struct server *server = user;
    const struct hf_serve_options *options = server->options;

    switch (signal_number) {
    case SIGHUP:
        if (server->drain_begun_ms != 0)
            return; /* nothing that it could change matters any more, and READY=1 would be a lie */
        (void)hf_sdnotify_reloading(&server->notify, hf_clock_us());
        hf_gateway_reload(server->gateway, options->config_path, options->settings);
        hf_log_sink_settle(&server->gateway->sink); /* who waits for READY=1 looks at the log then */
        (void)hf_sdnotify_ready(&server->notify, NULL);
        return;
    case SIGUSR1:
        if (hf_log_sink_reopen(&server->gateway->sink) != HF_OK)
            hf_log(&server->gateway->logger, HF_LOG_INTERNAL,
                   HF_F_STR("what", "cannot reopen logging.file; the old one stays"), HF_F_END);
        return;
    default: /* TERM, INT; a second one ends at once */
        if (server->drain_begun_ms != 0) {
            hf_loop_stop(server->loop);
            return;
        }
        server->drain_begun_ms = hf_clock_ms();
        (void)hf_sdnotify_stopping(&server->notify, server->gateway->rules->config->drain.window_ms);
        hf_gateway_drain(server->gateway);
        return;
    }
}

/* The watchdog is fed only while every worker's loop turns. */
static bool workers_turn(const struct hf_gateway *gateway, uint64_t now_ms)
{
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (now_ms > atomic_load(&gateway->workers[i]->turn_ms) + STUCK_MS)
            return false;
    return true;
}

static void on_tick(struct hf_timer *timer, uint64_t now_ms)
{
    struct server *server = HF_CONTAINER_OF(timer, struct server, tick);

    if (server->drain_begun_ms != 0 && hf_gateway_drained(server->gateway)) {
        hf_log(&server->gateway->logger, HF_LOG_DRAIN_DONE,
               HF_F_U64("took_ms", hf_clock_ms() - server->drain_begun_ms), HF_F_END);
        hf_loop_stop(server->loop);
        return;
    }
    if (server->notify.beat_ms != 0 && now_ms >= server->beaten_ms + server->notify.beat_ms &&
        workers_turn(server->gateway, now_ms)) {
        server->beaten_ms = now_ms;
        (void)hf_sdnotify_watchdog(&server->notify);
    }
    hf_wheel_arm(&server->loop->wheel, timer,
                 now_ms + (server->drain_begun_ms != 0 ? TICK_MS : 10 * TICK_MS));
}

static int run(struct server *server)
{
    struct hf_gateway *gateway = server->gateway;
    struct hf_signals *signals = NULL;

    if (hf_signals_open(server->loop, on_signal, server, &signals) != HF_OK ||
        hf_gateway_start(gateway) != HF_OK) {
        fprintf(stderr, "holdfast: cannot start threads or signals\n");
        hf_gateway_stop(gateway); /* some of them may run */
        hf_signals_close(signals);
        return 1;
    }
    if (hf_gateway_write_run_file(gateway) != HF_OK)
        hf_log(&gateway->logger, HF_LOG_INTERNAL,
               HF_F_STR("what", "cannot write run.json in the data directory"), HF_F_END);
    hf_log_sink_settle(&gateway->sink);
    if (server->options->on_ready != NULL)
        server->options->on_ready(server->options->context, gateway);
    (void)hf_sdnotify_ready(&server->notify, "accepting connections");
    hf_timer_init(&server->tick, on_tick);
    hf_wheel_arm(&server->loop->wheel, &server->tick, hf_clock_ms() + TICK_MS);
    hf_loop_run(server->loop);
    hf_gateway_stop(gateway);
    hf_signals_close(signals);
    return 0;
}

int hf_serve(struct hf_config *config, const struct hf_serve_options *options)
{
    struct server server = {.options = options};
    char error[HF_GATEWAY_ERROR_BYTES];

    hf_signals_block();
    hf_sdnotify_init(&server.notify, options->env, (uint64_t)getpid());
    if (hf_gateway_open(config, options->env, &server.gateway, error, sizeof(error)) != HF_OK) {
        fprintf(stderr, "holdfast: %s\n", error);
        hf_config_free(config);
        return 1;
    }
    hf_log_sink_has_last_words(&server.gateway->sink);
    server.loop = hf_loop_new(&(struct hf_loop_options){.send_one_by_one = true});
    int status = server.loop != NULL ? run(&server) : 1;
    hf_gateway_free(server.gateway);
    hf_loop_free(server.loop);
    return status;
}
