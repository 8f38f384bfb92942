/* `holdfast gen`: certificates, keys and tokens. */
#include "base/assert.h"
#include "base/slice.h"
#include "cli/commands.h"
#include "cli/gen_parts.h"

static const struct hf_cli_command *const kinds[] = {&hf_cli_gen_ca, &hf_cli_gen_cert, &hf_cli_gen_key,
                                                     &hf_cli_gen_token};

bool hf_cli_path(const char *argv0, const char *prefix, const char *suffix,
                 char ret_path[HF_CLI_PATH_BYTES_MAX])
{
    int bytes = snprintf(ret_path, HF_CLI_PATH_BYTES_MAX, "%s%s", prefix, suffix);

    if (bytes > 0 && bytes < HF_CLI_PATH_BYTES_MAX)
        return true;
    (void)hf_cli_usage_error(argv0, "the path is longer than %d bytes", HF_CLI_PATH_BYTES_MAX);
    return false;
}

bool hf_cli_days(const char *argv0, const char *text, unsigned days_max, unsigned *ret_days)
{
    uint64_t days;

    if (hf_slice_to_u64(hf_slice_of(text), &days) && days >= 1 && days <= days_max) {
        *ret_days = (unsigned)days;
        return true;
    }
    (void)hf_cli_usage_error(argv0, "--days is '%s'; it must be 1 to %u", text, days_max);
    return false;
}

static int run_gen(int argc, char **argv)
{
    if (argc >= 2)
        return hf_cli_dispatch(kinds, HF_COUNT_OF(kinds), argc, argv);
    (void)hf_cli_usage_error(argv[0], "what shall it make?");
    hf_cli_list(kinds, HF_COUNT_OF(kinds), stderr);
    return HF_CLI_USAGE;
}

const struct hf_cli_command hf_cli_gen = {
    .name = "gen",
    .summary = "make CAs, certificates, keys and tokens",
    .usage = "gen ca|cert|key|token [OPTIONS]",
    .details = "  gen ca     a CA that signs certificates of devices or of this gateway\n"
               "  gen cert   a certificate for a device or for a listener\n"
               "  gen key    a key that signs tokens, or an API key\n"
               "  gen token  a signed token for a device\n"
               "\n"
               "`holdfast help gen cert` says more about one. Existing files are kept unless --overwrite is "
               "there.\n",
    .run = run_gen,
    .has_commands = true,
};
