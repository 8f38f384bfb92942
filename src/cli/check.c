/* `holdfast check`, and `holdfast check token`: would this gateway let a device with this token in? */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "app/jwt_files.h"
#include "base/assert.h"
#include "base/sb.h"
#include "cli/commands.h"
#include "cli/config_args.h"
#include "cli/gen_parts.h"
#include "codec/jwt/jwt.h"
#include "io/clock.h"

static void print_field(const char *name, struct hf_slice text)
{
    if (text.at != NULL)
        (void)printf("%-10s %.*s\n", name, (int)text.bytes, text.at);
}

static void print_claims(const struct hf_jwt_claims *claims)
{
    char storage[64];
    struct hf_sb sb;

    print_field("tenant", claims->tenant);
    print_field("device", claims->device);
    print_field("issuer", claims->issuer);
    print_field("key", claims->key_id);
    for (size_t i = 0; i < claims->scope_count; i++)
        print_field("scope", claims->scopes[i]);
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_sb_time(&sb, claims->expires_s * 1000);
    print_field("expires", hf_sb_done(&sb));
}

/* A tenant's own audience and issuer count, so the tenant is learned first, without them, and then all is checked. */
static enum hf_jwt_error verify(const struct hf_config *config, const struct hf_jwt_keys *keys,
                                struct hf_slice token, char *scratch, struct hf_jwt_claims *ret_claims)
{
    struct hf_jwt_policy policy = {.leeway_s = HF_JWT_LEEWAY_S_MAX, .device_required = true};
    uint64_t now_s = hf_clock_utc_ms() / 1000;
    const struct hf_config_tenant *tenant;
    enum hf_jwt_error error =
        hf_jwt_verify(keys, &policy, token, now_s, scratch, HF_JWT_SCRATCH_BYTES, ret_claims);

    if (error != HF_JWT_OK)
        return error;
    tenant = hf_config_tenant_find(config, ret_claims->tenant);
    if (tenant == NULL)
        return HF_JWT_TENANT;
    policy.audience = hf_slice_of(tenant->audience);
    policy.issuer = hf_slice_of(tenant->issuer);
    policy.leeway_s = (uint32_t)(tenant->token_leeway_ms / 1000);
    policy.life_s_max = (uint32_t)(tenant->token_life_max_ms / 1000);
    return hf_jwt_verify(keys, &policy, token, now_s, scratch, HF_JWT_SCRATCH_BYTES, ret_claims);
}

static bool has_urls(const struct hf_config *config)
{
    for (size_t i = 0; i < config->tenants.count; i++)
        for (size_t k = 0; k < config->tenants.at[i].jwt_keys.count; k++)
            if (config->tenants.at[i].jwt_keys.at[k].jwks_url != NULL)
                return true;
    return false;
}

static int check_token(const char *argv0, const struct hf_config *config, struct hf_slice token)
{
    char scratch[HF_JWT_SCRATCH_BYTES], error[768] = "";
    struct hf_jwt_keys *keys = NULL;
    struct hf_jwt_claims claims;
    enum hf_jwt_error verdict;
    hf_err err = hf_jwt_files_load(config, environ, &keys, error, sizeof(error));
    int status;

    if (err != HF_OK)
        return hf_cli_failed(argv0, "%s", error[0] != '\0' ? error : hf_err_text(err));
    verdict = verify(config, keys, token, scratch, &claims);
    if (verdict == HF_JWT_OK) {
        print_claims(&claims);
        status = hf_cli_flush(argv0);
    } else {
        status = hf_cli_failed(argv0, "refused (%s): %s%s", hf_jwt_error_check(verdict),
                               hf_jwt_error_text(verdict),
                               verdict == HF_JWT_KEY_UNKNOWN && has_urls(config)
                                   ? "; key sets by URL (jwks_url) are not fetched for this check"
                                   : "");
    }
    hf_jwt_keys_free(keys);
    return status;
}

static int run_check_token(int argc, char **argv)
{
    static const struct option options[] = {HF_CLI_CONFIG_OPTIONS, {0}};
    struct hf_cli_config_args args = {0};
    struct hf_config *config = NULL;
    char token[HF_JWT_TOKEN_BYTES_MAX + 2];
    size_t bytes;
    int option, status;

    while ((option = getopt_long(argc, argv, "c:s:", options, NULL)) != -1)
        if (!hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(argv[0], "wrong option");
    if (argc - optind != 1)
        return hf_cli_usage_error(argv[0], "one token is needed, or - to read it from standard input");
    status = hf_cli_config_load(argv[0], &args, &config);
    if (status != HF_CLI_OK)
        return status;
    if (strcmp(argv[optind], "-") == 0)
        bytes = fread(token, 1, sizeof(token), stdin);
    else
        bytes = (size_t)snprintf(token, sizeof(token), "%s", argv[optind]);
    bytes = HF_MIN(bytes, sizeof(token));
    while (bytes > 0 && (token[bytes - 1] == '\n' || token[bytes - 1] == '\r' || token[bytes - 1] == '\0'))
        bytes--;
    status = check_token(argv[0], config, (struct hf_slice){token, bytes});
    hf_config_free(config);
    return status;
}

const struct hf_cli_command hf_cli_check_token = {
    .name = "token",
    .summary = "check a device's token against the configuration",
    .usage = "check token TOKEN|- [--config FILE] [--set KEY=VALUE]...",
    .details = HF_CLI_CONFIG_DETAILS
    "\n"
    "Says who it is for, or which check refused it. `-` reads it from standard input, which keeps it out of\n"
    "the shell's history.\n",
    .run = run_check_token,
};

static int run_check(int argc, char **argv)
{
    static const struct hf_cli_command *const kinds[] = {&hf_cli_check_token, &hf_cli_check_access};

    if (argc < 2)
        return hf_cli_usage_error(argv[0], "what shall it check? (token, access)");
    return hf_cli_dispatch(kinds, HF_COUNT_OF(kinds), argc, argv);
}

const struct hf_cli_command hf_cli_check = {
    .name = "check",
    .summary = "check a token, or who may use a topic",
    .usage = "check token TOKEN|- [OPTIONS]\n"
             "       holdfast check access DEVICE TOPIC up|down [OPTIONS]",
    .details = "`holdfast help check token` and `holdfast help check access` say more.\n",
    .run = run_check,
    .has_commands = true,
};
