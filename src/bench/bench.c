#include "bench/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/process.h"
#include "bench/report.h"
#include "io/clock.h"

static const double NS_PER_S = 1e9;

static int fail(const char *what)
{
    fprintf(stderr, "holdfast bench ws: %s\n", what);
    return HF_BENCH_EXIT_USAGE;
}

/* The API is on the host of the WebSocket URL unless --api says otherwise. */
static hf_err api_resolve(struct hf_bench_plan *plan, char *error)
{
    if (plan->config->api_url != NULL)
        return hf_bench_target_resolve(plan->config->api_url, "http", &plan->api, error);
    plan->api = plan->target;
    return HF_OK;
}

static hf_err tls_init(struct hf_bench_plan *plan, char *error)
{
    const struct hf_bench_config *config = plan->config;
    struct hf_tls_client_config tls = {
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .insecure = config->insecure,
        .no_resumption = true, /* every connection is a device of its own */
        .allow_tls12 = true,
    };

    if (!plan->target.tls && !plan->api.tls)
        return HF_OK;
    return hf_tls_client_new(&tls, &plan->tls, error, HF_BENCH_ERROR_BYTES);
}

static hf_err plan_init(struct hf_bench_plan *plan, const struct hf_bench_config *config, char *error)
{
    *plan = (struct hf_bench_plan){.config = config};
    hf_err err = hf_bench_target_resolve(config->url, "ws", &plan->target, error);

    if (err == HF_OK)
        err = api_resolve(plan, error);
    if (err == HF_OK)
        err = hf_bench_sources_parse(config->sources, &plan->target, &plan->sources, error);
    if (err == HF_OK)
        err = tls_init(plan, error);
    if (err == HF_OK)
        err = hf_bench_tokens_init(&plan->tokens, config, error);
    if (config->mode == HF_BENCH_BROADCAST) {
        double seconds =
            (double)(HF_MAX(config->warmup_ns, config->ramp_ns) + config->duration_ns) / NS_PER_S;

        plan->arrivals_max = (uint32_t)HF_MIN(config->rate * seconds + 2, (double)HF_BENCH_BROADCASTS_MAX);
    }
    return err;
}

static void plan_deinit(struct hf_bench_plan *plan)
{
    hf_bench_tokens_deinit(&plan->tokens);
    hf_tls_client_free(plan->tls);
}

static hf_err runs_do(const struct hf_bench_plan *plan, struct hf_bench_run *runs, char *error)
{
    hf_err err = HF_OK;

    for (uint64_t i = 0; i < plan->config->runs && err == HF_OK; i++)
        err = hf_bench_run(plan, &runs[i], error);
    return err;
}

static int print_report(const struct hf_bench_report *report, char *error)
{
    static const int status[] = {HF_BENCH_EXIT_MEASURED, HF_BENCH_EXIT_FAILED, HF_BENCH_EXIT_SATURATED};
    const struct hf_bench_config *config = report->config;

    if (config->archive != NULL && hf_bench_report_archive(report, config->archive, error) != HF_OK)
        return fail(error);
    if (config->json) {
        char *text = hf_bench_report_json(report);

        if (text == NULL)
            return fail("out of memory");
        puts(text);
        free(text);
    } else {
        hf_bench_report_text(report, stdout);
    }
    return status[hf_bench_report_verdict(report)];
}

int hf_bench_ws(int argc, char **argv)
{
    char error[HF_BENCH_ERROR_BYTES] = "";
    struct hf_bench_config config;
    struct hf_bench_plan plan;
    struct hf_bench_report report = {
        .config = &config, .argc = argc, .argv = argv, .utc_ms = hf_clock_utc_ms()};
    int status;

    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs("usage: holdfast bench ws MODE URL [OPTIONS]\n\n" HF_BENCH_HELP, stdout);
            return HF_BENCH_EXIT_MEASURED;
        }
    if (hf_bench_config_parse(argc, argv, &config, error) != HF_OK)
        return fail(error);
    if (config.server_pid != 0 && !hf_process_alive((pid_t)config.server_pid))
        return fail("--server-pid: there is no such process");
    (void)signal(SIGPIPE, SIG_IGN);
    report.checks_ok = hf_bench_precheck(&config, report.checks);
    for (size_t i = 0; i < HF_BENCH_CHECKS; i++)
        if (!report.checks[i].ok)
            fprintf(stderr, "holdfast bench ws: pre-check failed: %s is %s (limit: %s)\n",
                    report.checks[i].name, report.checks[i].value, report.checks[i].limit);
    if (!report.checks_ok && !config.force)
        return fail("not started; --force starts in spite of it");
    struct hf_bench_run *runs = calloc(config.runs, sizeof(*runs));

    if (runs == NULL)
        return fail("out of memory");
    if (plan_init(&plan, &config, error) != HF_OK || runs_do(&plan, runs, error) != HF_OK) {
        status = fail(error);
    } else {
        report.dns_ns = plan.target.dns_ns;
        report.runs = runs;
        report.run_count = config.runs;
        status = print_report(&report, error);
    }
    plan_deinit(&plan);
    free(runs);
    return status;
}
