#include "bench/config.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const struct {
    const char *name, *text;
} modes[HF_BENCH_MODES] = {
#define MODE_ROW(id, name, text) [id] = {#name, text},
    HF_BENCH_MODE_MAP(MODE_ROW)
#undef MODE_ROW
};

static const struct hf_bench_option rows[] = {
#define OPTION_ROW(kind, field, name, metavar, value, min, max, help) \
    {HF_BENCH_##kind, offsetof(struct hf_bench_config, field), name, value, min, max},
    HF_BENCH_OPTION_MAP(OPTION_ROW)
#undef OPTION_ROW
};
static const struct hf_bench_options options = {rows, HF_COUNT_OF(rows), "URL"};

const char *hf_bench_mode_name(enum hf_bench_mode mode)
{
    HF_ASSERT(mode < HF_BENCH_MODES);
    return modes[mode].name;
}

static const char *combination_fault(const struct hf_bench_config *config)
{
    bool api = config->mode == HF_BENCH_DOWNLINK || config->mode == HF_BENCH_BROADCAST;
    bool messages = api || config->mode == HF_BENCH_ECHO || config->mode == HF_BENCH_UPLINK;
    bool is_session = config->protocol != NULL && strcmp(config->protocol, "holdfast.v1") == 0;

    if (config->processes > config->connections)
        return "--processes: more processes than --connections";
    if (api && !(config->rate > 0))
        return "--rate: downlink and broadcast are open loop, give messages a second";
    if (messages && config->duration_ns == 0)
        return "--duration: a message mode needs a measured time";
    if (config->mode == HF_BENCH_RESUME && !is_session)
        return "--protocol: resume needs holdfast.v1";
    if (config->mode == HF_BENCH_RESUME && config->duration_ns == 0)
        return "--duration: resume needs a longest time until all are back";
    if (config->shadow && (config->mode != HF_BENCH_UPLINK || is_session))
        return "--shadow: for uplink in raw mode only";
    if (config->samples > 0 && (config->mode != HF_BENCH_UPLINK || !is_session))
        return "--samples: for uplink with --protocol holdfast.v1 only";
    if (config->expect > 0 && config->mode != HF_BENCH_RESUME)
        return "--expect: for resume only";
    if (config->heartbeat_ns > 0 && !is_session)
        return "--heartbeat: for --protocol holdfast.v1 only";
    if (config->mode == HF_BENCH_FLOOD && config->patience_ns > config->timeout_ns)
        return "--patience: longer than --timeout, so no connection would say its request";
    if (config->mode == HF_BENCH_BROADCAST &&
        config->rate * (double)(config->warmup_ns + config->duration_ns) / 1e9 > HF_BENCH_BROADCASTS_MAX)
        return "--rate: more than 100000 broadcasts in one run";
    if ((config->blind || config->raw_tcp) && config->mode != HF_BENCH_ECHO)
        return "--blind, --raw-tcp: for echo only";
    if ((config->blind || config->raw_tcp) && config->payload_bytes == 0)
        return "--payload: --blind and --raw-tcp count bytes and need one at least";
    if ((config->cert_file == NULL) != (config->key_file == NULL))
        return "--cert, --key: one needs the other";
    if (config->ramp != HF_BENCH_RAMP_NONE && config->ramp_ns == 0)
        return "--ramp: needs --ramp-time";
    if (config->ramp != HF_BENCH_RAMP_NONE && messages && config->rate <= 0)
        return "--ramp: a closed loop has no rate to ramp up";
    if ((config->token != NULL) + (config->token_file != NULL) + (config->secret_file != NULL) > 1)
        return "--token, --token-file, --secret-file: give one";
    if (config->device_first + config->connections > 1000000)
        return "--device-first: device numbers have six digits";
    return NULL;
}

hf_err hf_bench_config_parse(int argc, char **argv, struct hf_bench_config *ret_config,
                             char error[HF_BENCH_ERROR_BYTES])
{
    *ret_config = (struct hf_bench_config){.mode = HF_BENCH_MODES};
    hf_bench_options_default(&options, ret_config);
    for (unsigned i = 0; argc > 0 && i < HF_BENCH_MODES; i++)
        if (strcmp(argv[0], modes[i].name) == 0)
            ret_config->mode = (enum hf_bench_mode)i;
    if (ret_config->mode == HF_BENCH_MODES) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s%s: say what to measure first, see --help",
                 argc > 0 ? "no such mode: " : "no mode", argc > 0 ? argv[0] : "");
        return HF_ERR_INVALID;
    }
    if (hf_bench_options_read(&options, ret_config, argc - 1, argv + 1, &ret_config->url, error) != HF_OK)
        return HF_ERR_INVALID;
    const char *fault = ret_config->url == NULL ? "the URL is missing" : combination_fault(ret_config);

    if (fault != NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s", fault);
        return HF_ERR_INVALID;
    }
    return HF_OK;
}

struct hider {
    void (*visit)(void *user, const char *option, const char *value);
    void *user;
};

static void hide(void *user, const char *option, const char *value)
{
    const struct hider *hider = user;
    bool secret = strcmp(option, "token") == 0 || strcmp(option, "api-key") == 0;

    hider->visit(hider->user, option, secret ? "***" : value);
}

void hf_bench_config_each(const struct hf_bench_config *config,
                          void (*visit)(void *user, const char *option, const char *value), void *user)
{
    hf_bench_options_each(&options, config, hide, &(struct hider){visit, user});
}
