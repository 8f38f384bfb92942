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

static const struct hf_bench_option rows[] = {
#define OPTION_ROW(kind, field, name, metavar, value, min, max, help) \
    {HF_BENCH_##kind, offsetof(struct hf_gb_load_config, field), name, value, min, max},
    HF_GB_LOAD_OPTION_MAP(OPTION_ROW)
#undef OPTION_ROW
};
static const struct hf_bench_options options = {rows, HF_COUNT_OF(rows), "HOST:PORT"};

const char *hf_gb_load_mode_name(enum hf_gb_load_mode mode)
{
    HF_ASSERT(mode < HF_GB_LOAD_MODES);
    return modes[mode].name;
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
    if ((config->mode == HF_GB_LOAD_CATALOG || config->mode == HF_GB_LOAD_MEDIA) &&
        (config->api_url == NULL || config->api_key_env == NULL))
        return "--api, --api-key-env: this mode asks through the API";
    if (config->mode == HF_GB_LOAD_MEDIA && config->media == NULL)
        return "--media: there is no picture to send; holdfast gb-device --help tells how one is made";
    if (config->streams + config->silent * config->processes > config->devices)
        return "--streams: more than the devices that are not silent";
    if (strcmp(config->media_transport, "udp") != 0 && strcmp(config->media_transport, "tcp") != 0)
        return "--media-transport: udp or tcp";
    return NULL;
}

hf_err hf_gb_load_parse(int argc, char **argv, struct hf_gb_load_config *ret_config,
                        char error[HF_BENCH_ERROR_BYTES])
{
    const char *fault;

    *ret_config = (struct hf_gb_load_config){.mode = HF_GB_LOAD_MODES};
    hf_bench_options_default(&options, ret_config);
    for (unsigned i = 0; argc > 0 && i < HF_GB_LOAD_MODES; i++)
        if (strcmp(argv[0], modes[i].name) == 0)
            ret_config->mode = (enum hf_gb_load_mode)i;
    if (ret_config->mode == HF_GB_LOAD_MODES) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s%s: say what to measure first, see --help",
                 argc > 0 ? "no such mode: " : "no mode", argc > 0 ? argv[0] : "");
        return HF_ERR_INVALID;
    }
    if (hf_bench_options_read(&options, ret_config, argc - 1, argv + 1, &ret_config->server, error) != HF_OK)
        return HF_ERR_INVALID;
    fault =
        ret_config->server == NULL ? "HOST:PORT of the platform is missing" : combination_fault(ret_config);
    if (fault != NULL)
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s", fault);
    return fault != NULL ? HF_ERR_INVALID : HF_OK;
}

void hf_gb_load_each(const struct hf_gb_load_config *config,
                     void (*visit)(void *user, const char *option, const char *value), void *user)
{
    hf_bench_options_each(&options, config, visit, user);
}
