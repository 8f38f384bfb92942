#include "bench/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static const char *const ramps[] = {"none", "step", "linear"};

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

static bool number_set(const struct hf_bench_option *option, void *field, const char *value)
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

static bool option_set(void *config, const struct hf_bench_option *option, const char *value)
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

static bool has_default(const struct hf_bench_option *option)
{
    return option->kind != HF_BENCH_FLAG &&
           !(option->kind == HF_BENCH_TEXT && strcmp(option->value, "none") == 0);
}

void hf_bench_options_default(const struct hf_bench_options *options, void *config)
{
    for (size_t i = 0; i < options->count; i++)
        if (has_default(&options->at[i]))
            HF_ASSERT(option_set(config, &options->at[i], options->at[i].value));
}

static const struct hf_bench_option *option_find(const struct hf_bench_options *options, const char *name,
                                                 size_t name_bytes)
{
    for (size_t i = 0; i < options->count; i++)
        if (strlen(options->at[i].name) == name_bytes && memcmp(options->at[i].name, name, name_bytes) == 0)
            return &options->at[i];
    return NULL;
}

/* Takes one `--name value` or `--name=value`; returns how many arguments it was, 0 after an error. */
static int take_option(const struct hf_bench_options *options, void *config, int argc, char **argv,
                       char *error)
{
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    const struct hf_bench_option *option =
        option_find(options, name, equals ? (size_t)(equals - name) : strlen(name));
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

hf_err hf_bench_options_read(const struct hf_bench_options *options, void *config, int argc, char **argv,
                             const char **ret_where, char error[HF_BENCH_ERROR_BYTES])
{
    *ret_where = NULL;
    for (int at = 0, taken; at < argc; at += taken) {
        taken = 1;
        if (strncmp(argv[at], "--", 2) == 0) {
            taken = take_option(options, config, argc - at, argv + at, error);
        } else if (*ret_where == NULL) {
            *ret_where = argv[at];
        } else {
            snprintf(error, HF_BENCH_ERROR_BYTES, "one %s is enough: %s", options->where, argv[at]);
            taken = 0;
        }
        if (taken == 0)
            return HF_ERR_INVALID;
    }
    return HF_OK;
}

void hf_bench_options_each(const struct hf_bench_options *options, const void *config,
                           void (*visit)(void *user, const char *option, const char *value), void *user)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct hf_bench_option *option = &options->at[i];
        const void *field = (const char *)config + option->offset;
        char text[64];
        const char *value = text;

        switch (option->kind) {
        case HF_BENCH_FLAG: value = *(const bool *)field ? "true" : "false"; break;
        case HF_BENCH_TEXT: value = *(const char *const *)field; break;
        case HF_BENCH_RAMP: value = ramps[*(const enum hf_bench_ramp *)field]; break;
        case HF_BENCH_U64: snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)field); break;
        case HF_BENCH_REAL: snprintf(text, sizeof(text), "%g", *(const double *)field); break;
        case HF_BENCH_NS: snprintf(text, sizeof(text), "%gs", (double)*(const uint64_t *)field / 1e9); break;
        }
        if (value != NULL)
            visit(user, option->name, value);
    }
}
