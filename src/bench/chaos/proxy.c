#include "bench/chaos/proxy.h"

#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "io/signal.h"

enum { HOST_BYTES_MAX = 256, READY_BYTES = 4096 };

hf_err hf_chaos_resolve(const char *text, union hf_address *ret_address, char error[HF_CHAOS_ERROR_BYTES])
{
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    char host[HOST_BYTES_MAX];
    uint64_t port;

    if (hf_address_parse(text, ret_address) == HF_OK)
        return HF_OK;
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(host) || text[0] == '[' ||
        !hf_slice_to_u64(hf_slice_of(colon + 1), &port) || port > UINT16_MAX) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "'%.100s' is not HOST:PORT, such as 127.0.0.1:8080",
                       text);
        return HF_ERR_INVALID;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    int code = getaddrinfo(host, colon + 1, &hints, &found);

    if (code != 0) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "cannot find '%.100s': %s", host, gai_strerror(code));
        return HF_ERR_NOT_FOUND;
    }
    struct sockaddr_storage first = {0};

    memcpy(&first, found->ai_addr, HF_MIN(found->ai_addrlen, (socklen_t)sizeof(first)));
    freeaddrinfo(found);
    *ret_address = hf_address_of(&first);
    return HF_OK;
}

/* Two descriptors for each connection: as many as we may have. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- what it says ---- */

static void add_address(struct hf_json_out *out, const char *key, const union hf_address *address)
{
    char text[HF_SOCKET_TEXT_MAX];

    hf_address_text(address, text);
    hf_json_out_cstr(out, key, address->any.sa_family == AF_UNSPEC ? NULL : text);
}

static void print_ready(const struct hf_chaos *chaos)
{
    union hf_address listen = chaos->carrier->address(chaos), control = hf_chaos_control_address(chaos);
    char text[READY_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    add_address(&out, "listen", &listen);
    add_address(&out, "to", &chaos->options->to);
    add_address(&out, "control", &control);
    hf_json_out_cstr(&out, "transport", chaos->options->udp ? "udp" : "tcp");
    hf_json_out_u64(&out, "seed", chaos->options->seed);
    hf_json_out_object(&out, "faults");
    hf_chaos_faults_json(&chaos->faults, &out);
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    (void)printf("%s\n", sb.at);
    (void)fflush(stdout);
}

static void print_stats(struct hf_chaos *chaos)
{
    char text[READY_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    chaos->stats.loop_turns = chaos->loop->stats.turns;
    if (!chaos->options->json) {
        hf_chaos_stats_print(&chaos->stats, stdout);
    } else {
        hf_sb_init(&sb, text, sizeof(text));
        hf_json_out_init(&out, &sb);
        hf_json_out_object(&out, NULL);
        hf_chaos_stats_json(&chaos->stats, &out);
        hf_json_out_end(&out);
        (void)printf("%s\n", sb.at);
    }
    (void)fflush(stdout);
}

/* ---- its life ---- */

static void on_signal(void *user, int signal_number)
{
    struct hf_chaos *chaos = user;

    if (signal_number == SIGUSR1)
        print_stats(chaos);
    else
        hf_loop_stop(chaos->loop);
}

static void on_end(struct hf_chaos_timer *timer, uint64_t now_us)
{
    (void)now_us;
    hf_loop_stop(HF_CONTAINER_OF(timer, struct hf_chaos, end_timer)->loop);
}

static hf_err start(struct hf_chaos *chaos, char *error)
{
    const struct hf_chaos_options *options = chaos->options;
    static char answer[HF_CHAOS_ANSWER_BYTES];
    hf_err err = hf_chaos_ticker_open(&chaos->ticker, chaos->loop);

    if (err == HF_OK)
        err = hf_chaos_timers_reserve(&chaos->ticker.timers, HF_CHAOS_EXECUTE_TIMERS + 1);
    if (err != HF_OK) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(err));
        return err;
    }
    hf_chaos_execute_init(chaos);
    err = chaos->carrier->open(chaos, error);
    if (err == HF_OK)
        err = hf_chaos_control_open(chaos, error);
    for (size_t i = 0; i < options->line_count && err == HF_OK; i++)
        if (!hf_chaos_execute(chaos, hf_slice_of(options->lines[i]), answer)) {
            (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "'%.60s': %.180s", options->lines[i], answer);
            err = HF_ERR_INVALID;
        }
    if (err == HF_OK && options->duration_us > 0) {
        chaos->end_timer.on_due = on_end;
        hf_chaos_timers_arm(&chaos->ticker.timers, &chaos->end_timer,
                            chaos->loop->now_us + options->duration_us);
    }
    return err;
}

static void stop(struct hf_chaos *chaos)
{
    if (chaos->ticker.loop == NULL)
        return;
    chaos->carrier->close(chaos);
    hf_chaos_control_close(chaos);
    hf_chaos_ticker_close(&chaos->ticker);
}

hf_err hf_chaos_proxy_run(const struct hf_chaos_options *options, char error[HF_CHAOS_ERROR_BYTES])
{
    struct hf_chaos *chaos = calloc(1, sizeof(*chaos));
    struct hf_signals *signals = NULL;
    hf_err err = HF_ERR_NOMEM;

    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(err));
    if (chaos == NULL)
        return err;
    raise_limits();
    (void)signal(SIGTTIN, SIG_IGN); /* in the background a terminal gives EIO instead of stopping us */
    chaos->options = options;
    chaos->carrier = options->udp ? &hf_chaos_udp : &hf_chaos_tcp;
    hf_chaos_faults_init(&chaos->faults);
    hf_rng_seed(&chaos->luck, options->seed);
    chaos->loop = hf_loop_new(NULL);
    if (chaos->loop == NULL)
        goto out;
    err = hf_signals_open(chaos->loop, on_signal, chaos, &signals);
    if (err == HF_OK)
        err = start(chaos, error);
    if (err == HF_OK) {
        print_ready(chaos);
        hf_loop_run(chaos->loop);
    }
    stop(chaos);
    if (err == HF_OK)
        print_stats(chaos);
    hf_signals_close(signals);
    hf_loop_turn(chaos->loop, 0); /* what was closed is freed at the end of a turn */
    hf_loop_free(chaos->loop);
out:
    free(chaos);
    return err;
}
