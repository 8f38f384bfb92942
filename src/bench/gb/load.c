#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/gb/load_parts.h"
#include "bench/process.h"
#include "io/clock.h"

enum { SECRET_BYTES_MAX = 256, DEVICES_A_SOURCE = 20000, LOOPBACK = 127, FIRST_SOURCE = 2 /* 127.0.0.2 */ };

static int fail(const char *what)
{
    fprintf(stderr, "holdfast bench gb: %s\n", what);
    return HF_BENCH_EXIT_USAGE;
}

static hf_err password_read(const struct hf_gb_load_config *config, char secret[SECRET_BYTES_MAX],
                            struct hf_slice *ret_password, char *error)
{
    FILE *file;

    *ret_password = (struct hf_slice){NULL, 0};
    if (config->password_env != NULL) {
        *ret_password = hf_slice_of(getenv(config->password_env));
        if (ret_password->at != NULL)
            return HF_OK;
        snprintf(error, HF_BENCH_ERROR_BYTES, "--password-env: there is no $%s", config->password_env);
        return HF_ERR_INVALID;
    }
    if (config->password_file == NULL)
        return HF_OK;
    file = fopen(config->password_file, "re");
    if (file == NULL || fgets(secret, SECRET_BYTES_MAX, file) == NULL) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "--password-file: cannot read '%.100s': %s",
                 config->password_file, file == NULL ? strerror(errno) : "it is empty");
        if (file != NULL)
            (void)fclose(file);
        return HF_ERR_INVALID;
    }
    (void)fclose(file);
    secret[strcspn(secret, "\r\n")] = '\0';
    *ret_password = hf_slice_of(secret);
    return HF_OK;
}

/* Explicit ones, or as many of loopback as the ports of one do not suffice for all devices. */
static hf_err sources_init(struct hf_gb_load_plan *plan, const struct hf_bench_target *server, char *error)
{
    const struct hf_gb_load_config *config = plan->config;
    struct hf_bench_sources given;
    hf_err err = hf_bench_sources_parse(config->sources, server, &given, error);

    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < given.count; i++)
        plan->sources[i] = hf_address_of(&given.address[i]);
    plan->source_count = given.count;
    if (given.count > 0 || plan->server.any.sa_family != AF_INET ||
        (ntohl(plan->server.v4.sin_addr.s_addr) >> 24) != LOOPBACK)
        return HF_OK;
    plan->source_count =
        (uint32_t)HF_MIN(config->devices / DEVICES_A_SOURCE + 1, (uint64_t)HF_FLEET_SOURCES_MAX - 4);
    for (uint32_t i = 0; i < plan->source_count; i++)
        plan->sources[i].v4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK << 24 | (FIRST_SOURCE + i))};
    return HF_OK;
}

static hf_err pids_init(struct hf_gb_load_plan *plan, char *error)
{
    const char *at = plan->config->server_pids;

    while (at != NULL && *at != '\0') {
        char *end;
        long pid = strtol(at, &end, 10);

        if (end == at || pid <= 0 || (*end != ',' && *end != '\0') ||
            plan->pid_count == HF_GB_LOAD_PIDS_MAX || !hf_process_alive((pid_t)pid)) {
            snprintf(error, HF_BENCH_ERROR_BYTES, "--server-pid: '%.100s': no such process, or too many", at);
            return HF_ERR_INVALID;
        }
        plan->pids[plan->pid_count++] = (pid_t)pid;
        at = *end == ',' ? end + 1 : end;
    }
    return HF_OK;
}

static hf_err server_init(struct hf_gb_load_plan *plan, char *error)
{
    struct hf_bench_target target;
    char url[HF_BENCH_HOST_BYTES_MAX + 16];
    hf_err err;

    snprintf(url, sizeof(url), "sip://%.250s", plan->config->server);
    err = hf_bench_target_resolve(url, "sip", &target, error);
    if (err != HF_OK)
        return err;
    plan->server = hf_address_of(&target.address);
    err = sources_init(plan, &target, error);
    if (err == HF_OK && plan->config->api_url != NULL)
        err = hf_bench_target_resolve(plan->config->api_url, "http", &plan->api, error);
    return err;
}

static void profile_init(struct hf_gb_load_plan *plan, struct hf_slice password)
{
    const struct hf_gb_load_config *config = plan->config;

    (void)snprintf(plan->realm, sizeof(plan->realm), "%.*s", config->domain != NULL ? 63 : 10,
                   config->domain != NULL ? config->domain : config->server_id);
    plan->profile = (struct hf_cam_profile){
        .server_id = hf_slice_of(config->server_id),
        .realm = hf_slice_of(plan->realm),
        .password = password,
        .transport = strcmp(config->transport, "tcp") == 0 ? HF_SIP_TCP : HF_SIP_UDP,
        .edition = (enum hf_cdp_edition)config->edition,
        .expires_s = (uint32_t)config->expires_s,
        .keepalive_ms = (uint32_t)(config->keepalive_ns / 1000000),
        .channels = (uint32_t)config->channels,
        .part_items = (uint32_t)config->items,
        .parts_ahead = (uint32_t)config->ahead,
        .parts_shuffled = config->shuffle,
        .slow_ms = (uint32_t)(config->slow_ns / 1000000),
        .reel = plan->reel,
        .user_agent = hf_slice_of(config->user_agent),
    };
}

static bool prechecks(const struct hf_gb_load_config *config, struct hf_gb_load_report *report)
{
    struct hf_bench_config like = {.mode = HF_BENCH_FLOOD, /* the server needs no descriptor for a device */
                                   .connections = config->devices,
                                   .processes = config->processes,
                                   .load_max_percent = config->load_max_percent};

    report->checks_ok = hf_bench_precheck(&like, report->checks);
    for (size_t i = 0; i < HF_BENCH_CHECKS; i++)
        if (!report->checks[i].ok)
            fprintf(stderr, "holdfast bench gb: pre-check failed: %s is %s (limit: %s)\n",
                    report->checks[i].name, report->checks[i].value, report->checks[i].limit);
    return report->checks_ok || config->force;
}

static int print_report(const struct hf_gb_load_report *report)
{
    if (report->config->json && !hf_gb_load_report_json(report))
        return fail("out of memory");
    if (!report->config->json)
        hf_gb_load_report_text(report);
    return report->run->saturation != 0 ? HF_BENCH_EXIT_SATURATED
           : report->run->failed        ? HF_BENCH_EXIT_FAILED
                                        : HF_BENCH_EXIT_MEASURED;
}

int hf_bench_gb(int argc, char **argv)
{
    static struct hf_gb_load_run run; /* large, and one for the process */
    static struct hf_gb_load_plan plan;
    char error[HF_BENCH_ERROR_BYTES] = "", secret[SECRET_BYTES_MAX];
    struct hf_gb_load_config config;
    struct hf_gb_load_report report = {.config = &config, .run = &run, .utc_ms = hf_clock_utc_ms()};
    char quirk_error[HF_CAM_QUIRK_ERROR_BYTES];
    struct hf_slice password;
    int status;

    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs("usage: holdfast bench gb MODE HOST:PORT [OPTIONS]\n\n" HF_GB_LOAD_HELP, stdout);
            return HF_BENCH_EXIT_MEASURED;
        }
    if (hf_gb_load_parse(argc, argv, &config, error) != HF_OK)
        return fail(error);
    plan = (struct hf_gb_load_plan){.config = &config};
    if (password_read(&config, secret, &password, error) != HF_OK || server_init(&plan, error) != HF_OK ||
        pids_init(&plan, error) != HF_OK)
        return fail(error);
    if (config.api_key_env != NULL && (plan.api_key = getenv(config.api_key_env)) == NULL)
        return fail("--api-key-env: there is no such variable");
    if (config.media != NULL && hf_cam_reel_read(config.media, &plan.reel, error) != HF_OK)
        return fail(error);
    if (config.quirks != NULL && hf_cam_quirks_parse(config.quirks, &plan.quirks, quirk_error) != HF_OK)
        return fail(quirk_error);
    profile_init(&plan, password);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!prechecks(&config, &report))
        status = fail("not started; --force starts in spite of it");
    else if (hf_gb_load_run(&plan, &run, error) != HF_OK)
        status = fail(error);
    else
        status = print_report(&report);
    hf_cam_reel_free(plan.reel);
    return status;
}
