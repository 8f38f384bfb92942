#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/gb/load.h"
#include "codec/manscdp/gbid.h"

static const struct {
    const char *name;
} modes[HF_GB_LOAD_MODES] = {
#define MODE_ROW(id, name, text) [id] = {#name},
    HF_GB_LOAD_MODE_MAP(MODE_ROW)
#undef MODE_ROW
};

static const struct option {
    enum hf_bench_kind kind;
    size_t offset;
    const char *name, *value;
    double min, max;
} options[] = {
#define OPTION_ROW(kind, field, name, metavar, value, min, max, help) \
    {HF_BENCH_##kind, offsetof(struct hf_gb_load_config, field), name, value, min, max},
    HF_GB_LOAD_OPTION_MAP(OPTION_ROW)
#undef OPTION_ROW
};

const char *hf_gb_load_mode_name(enum hf_gb_load_mode mode)
{
    HF_ASSERT(mode < HF_GB_LOAD_MODES);
    return modes[mode].name;
}

static bool number_set(const struct option *option, void *field, const char *value)
{
    double number;
    char *end;

    if (option->kind == HF_BENCH_NS) {
        if (hf_bench_duration_parse(value, field) != HF_OK)
            return false;
        number = (double)*(uint64_t *)field / 1e9;
        return number >= option->min && number <= option->max;
    }
    errno = 0;
    number = strtod(value, &end);
    if (end == value || *end != 0 || errno != 0 || !(number >= option->min && number <= option->max))
        return false;
    if (option->kind == HF_BENCH_REAL)
        *(double *)field = number;
    else if (number == (double)(uint64_t)number)
        *(uint64_t *)field = (uint64_t)number;
    else
        return false;
    return true;
}

static bool option_set(struct hf_gb_load_config *config, const struct option *option, const char *value)
{
    void *field = (char *)config + option->offset;

    if (option->kind == HF_BENCH_FLAG)
        *(bool *)field = true;
    else if (option->kind == HF_BENCH_TEXT)
        *(const char **)field = value;
    else
        return number_set(option, field, value);
    return true;
}

/* Takes one `--name value` or `--name=value`; returns how many arguments it was, 0 after an error. */
static int take_option(struct hf_gb_load_config *config, int argc, char **argv, char *error)
{
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    size_t name_bytes = equals ? (size_t)(equals - name) : strlen(name);
    const char *value = equals ? equals + 1 : argc > 1 ? argv[1] : NULL;
    const struct option *option = NULL;

    for (size_t i = 0; i < HF_COUNT_OF(options); i++)
        if (strlen(options[i].name) == name_bytes && memcmp(options[i].name, name, name_bytes) == 0)
            option = &options[i];
    if (option == NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "no such option: %s", argv[0]);
        return 0;
    }
    if (option->kind == HF_BENCH_FLAG)
        value = equals ? NULL : "";
    if (value == NULL || !option_set(config, option, value)) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "--%s: '%s' is not %s between %g and %g", option->name,
                 value != NULL ? value : "",
                 option->kind == HF_BENCH_NS ? "a time with its unit, in seconds" : "a value", option->min,
                 option->max);
        return 0;
    }
    return option->kind == HF_BENCH_FLAG || equals ? 1 : 2;
}

static const char *combination_fault(const struct hf_gb_load_config *config)
{
    struct hf_slice first = hf_slice_of(config->first_id), server = hf_slice_of(config->server_id);

    if (!hf_gbid_valid(first, HF_GBID_RULE_STRICT) || !hf_gbid_valid(server, HF_GBID_RULE_STRICT))
        return "--first-id, --server-id: ids have 20 digits";
    if (strtoul(config->first_id + 14, NULL, 10) + config->devices > 1000000)
        return "--devices: the last six digits of --first-id do not count so far";
    if (config->processes > config->devices)
        return "--processes: more than --devices";
    if (strcmp(config->transport, "udp") != 0 && strcmp(config->transport, "tcp") != 0)
        return "--transport: udp or tcp";
    if (config->edition != 2016 && config->edition != 2022)
        return "--edition: 2016 or 2022";
    if (config->password_file != NULL && config->password_env != NULL)
        return "--password-file, --password-env: give one";
    if (strcmp(config->transport, "tcp") == 0 && (config->rebind_ns > 0 || config->loss > 0))
        return "--rebind, --loss: over UDP only; `holdfast chaos` loses what TCP carries";
    if (config->silent > config->devices / config->processes ||
        config->clones > config->devices / config->processes)
        return "--silent, --clones: more than the devices of one process";
    if (config->mode != HF_GB_LOAD_REGISTER && config->duration_ns == 0)
        return "--duration: this mode needs a measured time";
    if (config->mode == HF_GB_LOAD_CATALOG && (config->api_url == NULL || config->api_key_env == NULL))
        return "--api, --api-key-env: catalog asks through the API";
    return NULL;
}

hf_err hf_gb_load_parse(int argc, char **argv, struct hf_gb_load_config *ret_config,
                        char error[HF_BENCH_ERROR_BYTES])
{
    const char *fault;

    *ret_config = (struct hf_gb_load_config){.mode = HF_GB_LOAD_MODES};
    for (size_t i = 0; i < HF_COUNT_OF(options); i++)
        if (options[i].kind != HF_BENCH_FLAG && strcmp(options[i].value, "none") != 0)
            HF_ASSERT(option_set(ret_config, &options[i], options[i].value));
    for (unsigned i = 0; argc > 0 && i < HF_GB_LOAD_MODES; i++)
        if (strcmp(argv[0], modes[i].name) == 0)
            ret_config->mode = (enum hf_gb_load_mode)i;
    if (ret_config->mode == HF_GB_LOAD_MODES) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s%s: say what to measure first, see --help",
                 argc > 0 ? "no such mode: " : "no mode", argc > 0 ? argv[0] : "");
        return HF_ERR_INVALID;
    }
    for (int at = 1, taken; at < argc; at += taken) {
        taken = 1;
        if (strncmp(argv[at], "--", 2) == 0) {
            taken = take_option(ret_config, argc - at, argv + at, error);
        } else if (ret_config->server == NULL) {
            ret_config->server = argv[at];
        } else {
            snprintf(error, HF_BENCH_ERROR_BYTES, "one HOST:PORT is enough: %s", argv[at]);
            taken = 0;
        }
        if (taken == 0)
            return HF_ERR_INVALID;
    }
    fault =
        ret_config->server == NULL ? "HOST:PORT of the platform is missing" : combination_fault(ret_config);
    if (fault != NULL)
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s", fault);
    return fault != NULL ? HF_ERR_INVALID : HF_OK;
}

void hf_gb_load_each(const struct hf_gb_load_config *config,
                     void (*visit)(void *user, const char *option, const char *value), void *user)
{
    for (size_t i = 0; i < HF_COUNT_OF(options); i++) {
        const void *field = (const char *)config + options[i].offset;
        char text[64];
        const char *value = text;

        switch (options[i].kind) {
        case HF_BENCH_FLAG: value = *(const bool *)field ? "true" : "false"; break;
        case HF_BENCH_TEXT: value = *(const char *const *)field; break;
        case HF_BENCH_U64: snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)field); break;
        case HF_BENCH_REAL: snprintf(text, sizeof(text), "%g", *(const double *)field); break;
        case HF_BENCH_NS: snprintf(text, sizeof(text), "%gs", (double)*(const uint64_t *)field / 1e9); break;
        case HF_BENCH_RAMP: HF_UNREACHABLE();
        }
        if (value != NULL)
            visit(user, options[i].name, value);
    }
}
