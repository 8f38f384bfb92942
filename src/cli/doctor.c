/* Looks at the machine with the eyes of the configuration; see doctor_judge.h for what things mean. */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/gb_config.h"
#include "base/assert.h"
#include "cli/commands.h"
#include "cli/config_args.h"
#include "cli/doctor_judge.h"
#include "io/connect.h"

/* A platform above: is there a way to it, and is the port free that it expects us at? */
static void judge_upstream(const struct hf_config_gb_upstream *upstream, const struct hf_system_probe *system,
                           struct hf_doctor_report *report)
{
    const char *local = upstream->local_address != NULL ? upstream->local_address : "0.0.0.0";
    char what[96], text[HF_SOCKET_TEXT_MAX] = "";
    union hf_address peer, ours;

    (void)snprintf(what, sizeof(what), "gb28181.upstreams.%s", upstream->name);
    if (!hf_gb_upstream_address(upstream->address, upstream->port, &peer))
        return; /* the configuration's own check says so */
    hf_err err = hf_connect_route(&peer, &ours);
    if (err == HF_OK)
        hf_address_text(&ours, text);
    hf_doctor_judge_route(what, upstream->address, err, text, report);
    if (upstream->local_port != 0 && upstream->transport == HF_CONFIG_GB_UP_UDP)
        hf_doctor_judge_port(what, local, upstream->local_port,
                             hf_udp_port_probe(local, (uint16_t)upstream->local_port), system, report);
}

static void examine(const struct hf_config *config, struct hf_doctor_report *report)
{
    struct hf_system_probe system;
    struct hf_disk_probe disk;
    char what[96];
    hf_err err;

    hf_system_probe(&system);
    hf_doctor_judge_system(config, &system, report);
    err = hf_disk_probe(config->node.data_dir, &disk);
    hf_doctor_judge_disk(config, err, &disk, report);
    for (size_t i = 0; i < config->listeners.count; i++) {
        const struct hf_config_listener *listener = &config->listeners.at[i];

        (void)snprintf(what, sizeof(what), "listeners.%s", listener->name);
        hf_doctor_judge_port(what, listener->address, listener->port,
                             hf_port_probe(listener->address, (uint16_t)listener->port), &system, report);
    }
    for (size_t i = 0; config->gb28181.enabled && i < config->gb28181.listeners.count; i++) {
        const struct hf_config_gb_listener *listener = &config->gb28181.listeners.at[i];

        (void)snprintf(what, sizeof(what), "gb28181.listeners.%s (UDP)", listener->name);
        if (listener->transport != HF_CONFIG_GB_TCP)
            hf_doctor_judge_port(what, listener->address, listener->port,
                                 hf_udp_port_probe(listener->address, (uint16_t)listener->port), &system,
                                 report);
        (void)snprintf(what, sizeof(what), "gb28181.listeners.%s (TCP)", listener->name);
        if (listener->transport != HF_CONFIG_GB_UDP)
            hf_doctor_judge_port(what, listener->address, listener->port,
                                 hf_port_probe(listener->address, (uint16_t)listener->port), &system, report);
    }
    for (size_t i = 0; config->gb28181.enabled && i < config->gb28181.upstreams.count; i++)
        judge_upstream(&config->gb28181.upstreams.at[i], &system, report);
    if (config->admin.enabled)
        hf_doctor_judge_port("admin", config->admin.address, config->admin.port,
                             hf_port_probe(config->admin.address, (uint16_t)config->admin.port), &system,
                             report);
}

/* Without a configuration of one's own the machine is judged by the defaults. */
static hf_err load_defaults(struct hf_config **ret_config, struct hf_config_errors *errors)
{
    const struct hf_config_settings none = {0};

    return hf_config_parse("defaults", HF_SLICE("tenants: [{name: any}]"), none, NULL, ret_config, errors);
}

static hf_err load(const struct hf_cli_config_args *args, struct hf_doctor_report *report,
                   struct hf_config **ret_config, struct hf_config_errors *errors)
{
    const struct hf_config_settings settings = {args->settings,
                                                HF_MIN(args->setting_count, (size_t)HF_CLI_SETTINGS_MAX)};
    const char *path = hf_cli_config_path(args);
    hf_err err;

    if (path == NULL && args->setting_count == 0)
        return load_defaults(ret_config, errors);
    err = hf_config_load(path, settings, environ, ret_config, errors);
    if (err == HF_OK || err == HF_ERR_NOMEM)
        return err;
    hf_doctor_add(report, HF_DOCTOR_FAIL, "configuration",
                  "`holdfast check-config` shows all; below, the defaults count", "%.190s",
                  errors->count > 0 ? errors->text[0] : hf_err_text(err));
    return load_defaults(ret_config, errors);
}

static void print_report(const struct hf_doctor_report *report)
{
    static const char *const levels[] = {"ok  ", "warn", "FAIL"};

    for (size_t i = 0; i < report->count; i++) {
        const struct hf_doctor_finding *finding = &report->findings[i];

        (void)printf("%s  %-14s %s\n", levels[finding->level], finding->check, finding->text);
        if (finding->fix[0] != '\0')
            (void)printf("      %-14s -> %s\n", "", finding->fix);
    }
}

static int run_doctor(int argc, char **argv)
{
    static const struct option options[] = {HF_CLI_CONFIG_OPTIONS, {0}};
    struct hf_cli_config_args args = {0};
    struct hf_doctor_report *report;
    struct hf_config_errors *errors;
    struct hf_config *config = NULL;
    int option, status = HF_CLI_FAILED;
    hf_err err = HF_ERR_NOMEM;

    while ((option = getopt_long(argc, argv, "c:s:", options, NULL)) != -1)
        if (!hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(argv[0], "wrong option");
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    report = calloc(1, sizeof(*report));
    errors = calloc(1, sizeof(*errors));
    if (report != NULL && errors != NULL)
        err = load(&args, report, &config, errors);
    if (err == HF_OK) {
        examine(config, report);
        print_report(report);
        status = hf_cli_flush(argv[0]);
        if (hf_doctor_worst(report) == HF_DOCTOR_FAIL)
            status = HF_CLI_FAILED;
    } else {
        status = hf_cli_failed(argv[0], "%s", hf_err_text(err));
    }
    hf_config_free(config);
    free(errors);
    free(report);
    return status;
}

const struct hf_cli_command hf_cli_doctor = {
    .name = "doctor",
    .summary = "check this machine: limits, kernel, clock, disk, ports",
    .usage = "doctor [--config FILE] [--set KEY=VALUE]...",
    .details = HF_CLI_CONFIG_DETAILS
    "\n"
    "Each line is ok, warn or FAIL with what to do about it. The status is 1 when something failed. Run it\n"
    "as the user of the service, on the machine that will serve, before the first start.\n"
    "\n"
    "  sudo -u holdfast holdfast doctor --config /etc/holdfast/holdfast.yaml\n",
    .run = run_doctor,
};
