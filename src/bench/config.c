#include "bench/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static const struct {
    const char *name, *text;
} modes[HF_BENCH_MODES] = {
#define MODE_ROW(id, name, text) [id] = {#name, text},
    HF_BENCH_MODE_MAP(MODE_ROW)
#undef MODE_ROW
};

static const struct option {
    enum hf_bench_kind kind;
    size_t offset;
    const char *name, *value;
    double min, max;
} options[] = {
#define OPTION_ROW(kind, field, name, metavar, value, min, max, help) \
    {HF_BENCH_##kind, offsetof(struct hf_bench_config, field), name, value, min, max},
    HF_BENCH_OPTION_MAP(OPTION_ROW)
#undef OPTION_ROW
};

static const char *const ramps[] = {"none", "step", "linear"};

const char *hf_bench_mode_name(enum hf_bench_mode mode)
{
    HF_ASSERT(mode < HF_BENCH_MODES);
    return modes[mode].name;
}

hf_err hf_bench_duration_parse(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end;

    if (*text < '0' || *text > '9')
        return HF_ERR_INVALID;
    double value = strtod(text, &end);

    for (size_t i = 0; i < HF_COUNT_OF(units); i++)
        if (strcmp(end, units[i].unit) == 0 && value * units[i].ns < 1e18) {
            *ret_ns = (uint64_t)(value * units[i].ns + 0.5);
            return HF_OK;
        }
    return HF_ERR_INVALID;
}

static bool number_set(const struct option *option, void *field, const char *value)
{
    char *end;
    double number;

    if (option->kind == HF_BENCH_NS) {
        if (hf_bench_duration_parse(value, field) != HF_OK)
            return false;
        number = (double)*(uint64_t *)field / 1e9;
    } else {
        errno = 0;
        number = strtod(value, &end);
        if (end == value || *end != 0 || errno != 0 || !(number >= 0))
            return false;
        if (option->kind == HF_BENCH_U64 && number != (double)(uint64_t)number)
            return false;
    }
    if (number < option->min || number > option->max)
        return false;
    if (option->kind == HF_BENCH_U64)
        *(uint64_t *)field = (uint64_t)number;
    else if (option->kind == HF_BENCH_REAL)
        *(double *)field = number;
    return true;
}

static bool option_set(struct hf_bench_config *config, const struct option *option, const char *value)
{
    void *field = (char *)config + option->offset;

    switch (option->kind) {
    case HF_BENCH_FLAG: *(bool *)field = true; return true;
    case HF_BENCH_TEXT: *(const char **)field = value; return true;
    case HF_BENCH_RAMP:
        for (unsigned i = 0; i < HF_COUNT_OF(ramps); i++)
            if (strcmp(value, ramps[i]) == 0) {
                *(enum hf_bench_ramp *)field = (enum hf_bench_ramp)i;
                return true;
            }
        return false;
    case HF_BENCH_U64:
    case HF_BENCH_REAL:
    case HF_BENCH_NS: return number_set(option, field, value);
    }
    HF_UNREACHABLE();
}

static bool has_default(const struct option *option)
{
    return option->kind != HF_BENCH_FLAG &&
           !(option->kind == HF_BENCH_TEXT && strcmp(option->value, "none") == 0);
}

static const struct option *option_find(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < HF_COUNT_OF(options); i++)
        if (strlen(options[i].name) == name_bytes && memcmp(options[i].name, name, name_bytes) == 0)
            return &options[i];
    return NULL;
}

/* Takes one `--name value` or `--name=value`; returns how many arguments it was, 0 after an error. */
static int take_option(struct hf_bench_config *config, int argc, char **argv, char *error)
{
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    const struct option *option = option_find(name, equals ? (size_t)(equals - name) : strlen(name));
    const char *value = equals ? equals + 1 : argc > 1 ? argv[1] : NULL;

    if (option == NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "no such option: %s", argv[0]);
        return 0;
    }
    if (option->kind == HF_BENCH_FLAG)
        value = equals ? NULL : "";
    if (value == NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "--%s %s a value", option->name,
                 option->kind == HF_BENCH_FLAG ? "does not take" : "needs");
        return 0;
    }
    if (!option_set(config, option, value)) {
        if (option->kind == HF_BENCH_RAMP)
            snprintf(error, HF_BENCH_ERROR_BYTES, "--%s: '%s' is none of none, step, linear", option->name,
                     value);
        else
            snprintf(error, HF_BENCH_ERROR_BYTES, "--%s: '%s' is not %s between %g and %g", option->name,
                     value, option->kind == HF_BENCH_NS ? "a time with its unit, in seconds" : "a number",
                     option->min, option->max);
        return 0;
    }
    return option->kind == HF_BENCH_FLAG || equals ? 1 : 2;
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
    if (config->expect > 0 && config->mode != HF_BENCH_RESUME)
        return "--expect: for resume only";
    if (config->heartbeat_ns > 0 && !is_session)
        return "--heartbeat: for --protocol holdfast.v1 only";
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
    for (size_t i = 0; i < HF_COUNT_OF(options); i++)
        if (has_default(&options[i]))
            HF_ASSERT(option_set(ret_config, &options[i], options[i].value));
    for (unsigned i = 0; argc > 0 && i < HF_BENCH_MODES; i++)
        if (strcmp(argv[0], modes[i].name) == 0)
            ret_config->mode = (enum hf_bench_mode)i;
    if (ret_config->mode == HF_BENCH_MODES) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s%s: say what to measure first, see --help",
                 argc > 0 ? "no such mode: " : "no mode", argc > 0 ? argv[0] : "");
        return HF_ERR_INVALID;
    }
    for (int at = 1; at < argc;) {
        int taken = 1;

        if (strncmp(argv[at], "--", 2) == 0) {
            taken = take_option(ret_config, argc - at, argv + at, error);
        } else if (ret_config->url == NULL) {
            ret_config->url = argv[at];
        } else {
            snprintf(error, HF_BENCH_ERROR_BYTES, "one URL is enough: %s", argv[at]);
            taken = 0;
        }
        if (taken == 0)
            return HF_ERR_INVALID;
        at += taken;
    }
    const char *fault = ret_config->url == NULL ? "the URL is missing" : combination_fault(ret_config);

    if (fault != NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s", fault);
        return HF_ERR_INVALID;
    }
    return HF_OK;
}

void hf_bench_config_each(const struct hf_bench_config *config,
                          void (*visit)(void *user, const char *option, const char *value), void *user)
{
    for (size_t i = 0; i < HF_COUNT_OF(options); i++) {
        const void *field = (const char *)config + options[i].offset;
        char text[64];
        const char *value = text;

        switch (options[i].kind) {
        case HF_BENCH_FLAG: value = *(const bool *)field ? "true" : "false"; break;
        case HF_BENCH_TEXT: value = *(const char *const *)field; break;
        case HF_BENCH_RAMP: value = ramps[*(const enum hf_bench_ramp *)field]; break;
        case HF_BENCH_U64: snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)field); break;
        case HF_BENCH_REAL: snprintf(text, sizeof(text), "%g", *(const double *)field); break;
        case HF_BENCH_NS: snprintf(text, sizeof(text), "%gs", (double)*(const uint64_t *)field / 1e9); break;
        }
        if (value == NULL)
            continue;
        if (options[i].offset == offsetof(struct hf_bench_config, token) ||
            options[i].offset == offsetof(struct hf_bench_config, api_key))
            value = "***";
        visit(user, options[i].name, value);
    }
}
