#include "cli/config_args.h"

#include <stdlib.h>
#include <unistd.h>

#include "io/file_probe.h"

bool hf_cli_config_option(struct hf_cli_config_args *args, int option, const char *value)
{
    if (option == 'c')
        args->path = value;
    else if (option == 's' && args->setting_count++ < HF_CLI_SETTINGS_MAX)
        args->settings[args->setting_count - 1] = value;
    return option == 'c' || option == 's';
}

const char *hf_cli_config_path(const struct hf_cli_config_args *args)
{
    const char *path = args->path != NULL ? args->path : getenv("HOLDFAST_CONFIG");

    if (path != NULL && path[0] != '\0')
        return path;
    return hf_file_probe(HF_CLI_DEFAULT_CONFIG).exists ? HF_CLI_DEFAULT_CONFIG : NULL;
}

int hf_cli_config_load(const char *argv0, const struct hf_cli_config_args *args,
                       struct hf_config **ret_config)
{
    struct hf_config_settings settings = {args->settings, args->setting_count};
    struct hf_config_errors *errors = NULL;
    int status = HF_CLI_FAILED;
    hf_err err;

    if (args->setting_count > HF_CLI_SETTINGS_MAX)
        return hf_cli_usage_error(argv0, "more than %d times --set; write a file", HF_CLI_SETTINGS_MAX);
    errors = malloc(sizeof(*errors));
    if (errors == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    err = hf_config_load(hf_cli_config_path(args), settings, environ, ret_config, errors);
    for (size_t i = 0; i < errors->count; i++)
        (void)fprintf(stderr, "%s%s\n", errors->warning[i] ? "warning: " : "error: ", errors->text[i]);
    if (errors->not_kept_count > 0)
        (void)fprintf(stderr, "and %zu more\n", errors->not_kept_count);
    if (err == HF_ERR_NOMEM)
        status = hf_cli_failed(argv0, "%s", hf_err_text(err));
    else if (err == HF_OK)
        status = HF_CLI_OK;
    free(errors);
    return status;
}
