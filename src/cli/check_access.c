/* `holdfast check access`: which rule decides whether a device may use a topic. */
#include <getopt.h>
#include <string.h>

#include "app/tenants.h"
#include "cli/commands.h"
#include "cli/config_args.h"
#include "cli/gen_parts.h"
#include "core/access.h"

enum { TEXT_BYTES = 1024 };

struct wish {
    struct hf_slice device, topic;
    enum hf_access_direction direction;
};

/* The tenant that is named, or the only one. */
static const struct hf_config_tenant *tenant_of(const struct hf_config *config, const char *name)
{
    if (name != NULL)
        return hf_config_tenant_find(config, hf_slice_of(name));
    return config->tenants.count == 1 ? &config->tenants.at[0] : NULL;
}

static int check(const char *argv0, const struct hf_config_tenant *tenant, const struct wish *wish)
{
    struct hf_access_rules *rules = NULL;
    char text[TEXT_BYTES], error[HF_TENANTS_ERROR_BYTES] = "";
    struct hf_sb sb;
    bool allowed = true;
    hf_err err = hf_tenants_access(tenant, &rules, error, sizeof(error));

    if (err != HF_OK)
        return hf_cli_failed(argv0, "%s", error[0] != '\0' ? error : hf_err_text(err));
    hf_sb_init(&sb, text, sizeof(text));
    if (rules != NULL)
        allowed = hf_access_explain(rules, wish->device, wish->topic, wish->direction, &sb);
    else
        hf_sb_printf(&sb, "tenant %s has no rules: everything within it is allowed", tenant->name);
    struct hf_slice why = hf_sb_done(&sb);
    (void)printf("%s  %.*s\n", allowed ? "allowed" : "denied", (int)why.bytes, why.at);
    hf_access_free(rules);
    int status = hf_cli_flush(argv0);
    return status != HF_CLI_OK || allowed ? status : HF_CLI_FAILED;
}

static int run_check_access(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_CONFIG_OPTIONS, {"tenant", required_argument, NULL, 't'}, {0}};
    struct hf_cli_config_args args = {0};
    struct hf_config *config = NULL;
    const char *name = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "c:s:t:", options, NULL)) != -1) {
        if (option == 't')
            name = optarg;
        else if (!hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(argv[0], "wrong option");
    }
    if (argc - optind != 3)
        return hf_cli_usage_error(argv[0], "a device, a topic, and up or down are needed");
    bool up = strcmp(argv[optind + 2], "up") == 0;
    const struct wish wish = {hf_slice_of(argv[optind]), hf_slice_of(argv[optind + 1]),
                              up ? HF_ACCESS_UP : HF_ACCESS_DOWN};
    if (!up && strcmp(argv[optind + 2], "down") != 0)
        return hf_cli_usage_error(argv[0], "'%s' is no direction: up is from the device, down is to it",
                                  argv[optind + 2]);
    int status = hf_cli_config_load(argv[0], &args, &config);
    if (status != HF_CLI_OK)
        return status;
    const struct hf_config_tenant *tenant = tenant_of(config, name);
    if (tenant != NULL)
        status = check(argv[0], tenant, &wish);
    else
        status = name != NULL ? hf_cli_failed(argv[0], "the configuration has no tenant '%s'", name)
                              : hf_cli_failed(argv[0], "name one of the tenants: --tenant NAME");
    hf_config_free(config);
    return status;
}

const struct hf_cli_command hf_cli_check_access = {
    .name = "access",
    .summary = "say which rule lets a device use a topic, or forbids it",
    .usage = "check access DEVICE TOPIC up|down [--tenant NAME] [--config FILE] [--set KEY=VALUE]...",
    .details =
        "  -t, --tenant NAME  whose rules (tenants[].access); without it the only "
        "one's\n" HF_CLI_CONFIG_DETAILS "\n"
        "The first rule that fits decides; without one that fits it is denied. Exit status: 0 allowed, 1 "
        "denied\n"
        "or failed, 2 wrong usage. Group contexts and publications to a group have the topic group/NAME.\n",
    .run = run_check_access,
};
