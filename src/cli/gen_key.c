#include <getopt.h>
#include <string.h>

#include "adapter/api/scope.h"
#include "base/sb.h"
#include "cli/gen_parts.h"
#include "codec/jwt/api_key.h"
#include "io/entropy.h"
#include "io/pki.h"

struct request {
    const char *kind, *out, *tenant, *scopes;
    struct hf_pki_file_options files;
};

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},
        {"tenant", required_argument, NULL, 't'},
        {"scopes", required_argument, NULL, 's'},
        {"overwrite", no_argument, NULL, 'f'},
        {0},
    };
    struct hf_slice bad;
    uint32_t mask;
    int option;

    while ((option = getopt_long(argc, argv, "o:t:s:f", options, NULL)) != -1)
        switch (option) {
        case 'o': request->out = optarg; break;
        case 't': request->tenant = optarg; break;
        case 's':
            if (hf_scopes_parse(hf_slice_of(optarg), &mask, &bad) != HF_OK)
                return hf_cli_usage_error(argv[0],
                                          "--scopes: there is no scope '%.*s'; write read, write, command "
                                          "or the fine ones of doc/api.md",
                                          (int)bad.bytes, bad.at);
            request->scopes = optarg;
            break;
        case 'f': request->files.overwrite = true; break;
        default: return hf_cli_usage_error(argv[0], "wrong option");
        }
    if (argc - optind != 1)
        return hf_cli_usage_error(argv[0], "say which: es256, hs256 or api");
    request->kind = argv[optind];
    return HF_CLI_OK;
}

/* The key is shown once and kept nowhere; the configuration gets its hash. */
static int make_api_key(char **argv, const struct request *request)
{
    uint8_t random[HF_API_KEY_RANDOM_BYTES], hash[HF_API_KEY_HASH_BYTES];
    char text[HF_API_KEY_TEXT_BYTES_MAX], hex[2 * sizeof(hash) + 1];
    struct hf_slice id;
    struct hf_sb sb;
    hf_err err;

    hf_entropy(random, sizeof(random));
    hf_api_key_generate(random, text, hash);
    err = hf_api_key_parse(hf_slice_of(text), &id);
    hf_sb_init(&sb, hex, sizeof(hex));
    hf_sb_hex(&sb, hash, sizeof(hash));
    if (err == HF_OK)
        (void)printf("%s\n", text);
    if (err == HF_OK)
        (void)fprintf(
            stderr,
            "\nThis is shown once; give it to the application (Authorization: Bearer ...). The gateway "
            "gets:\n"
            "api:\n  api_keys:\n    - {id: %.*s, tenant: \"%s\", scopes: [%s],\n       sha256: %s}\n",
            (int)id.bytes, id.at, request->tenant, request->scopes, hex);
    explicit_bzero(random, sizeof(random));
    explicit_bzero(text, sizeof(text));
    return err == HF_OK ? hf_cli_flush(argv[0]) : hf_cli_failed(argv[0], "%s", hf_err_text(err));
}

static int make_hs256(char **argv, const struct request *request)
{
    char file[HF_CLI_PATH_BYTES_MAX], error[HF_PKI_ERROR_BYTES] = "";

    if (!hf_cli_path(argv[0], request->out, ".secret", file))
        return HF_CLI_USAGE;
    if (hf_pki_jwt_hs256(file, request->files, error, sizeof(error)) != HF_OK)
        return hf_cli_failed(argv[0], "%s", error);
    (void)printf(
        "%s  the secret of both sides: tenants.NAME.jwt_keys: [{kid: ..., alg: HS256, secret_file: %s}]\n",
        file, file);
    return hf_cli_flush(argv[0]);
}

static int make_es256(char **argv, const struct request *request)
{
    char private_file[HF_CLI_PATH_BYTES_MAX], public_file[HF_CLI_PATH_BYTES_MAX],
        error[HF_PKI_ERROR_BYTES] = "";

    if (!hf_cli_path(argv[0], request->out, ".key", private_file) ||
        !hf_cli_path(argv[0], request->out, ".pub.pem", public_file))
        return HF_CLI_USAGE;
    if (hf_pki_jwt_es256(private_file, public_file, request->files, error, sizeof(error)) != HF_OK)
        return hf_cli_failed(argv[0], "%s", error);
    (void)printf("%s  signs tokens: for whoever issues them, not for the gateway\n"
                 "%s  verifies them: tenants.NAME.jwt_keys: [{kid: ..., alg: ES256, public_key_file: %s}]\n",
                 private_file, public_file, public_file);
    return hf_cli_flush(argv[0]);
}

static int run_gen_key(int argc, char **argv)
{
    struct request request = {.kind = "", .out = "jwt", .tenant = "*", .scopes = "read, write, command"};
    int status = parse(argc, argv, &request);

    if (status != HF_CLI_OK)
        return status;
    if (strcmp(request.kind, "api") == 0)
        return make_api_key(argv, &request);
    if (strcmp(request.kind, "hs256") == 0)
        return make_hs256(argv, &request);
    if (strcmp(request.kind, "es256") == 0)
        return make_es256(argv, &request);
    return hf_cli_usage_error(argv[0], "there is no kind '%s'; it is es256, hs256 or api", request.kind);
}

const struct hf_cli_command hf_cli_gen_key = {
    .name = "key",
    .summary = "make a key that signs tokens, or an API key",
    .usage = "gen key es256|hs256|api [OPTIONS]",
    .details =
        "  es256  a pair: PREFIX.key signs, PREFIX.pub.pem is what the gateway needs; best for tokens\n"
        "  hs256  one secret for both sides, PREFIX.secret\n"
        "  api    an API key for an application, printed with its row for the configuration\n"
        "\n"
        "  -o, --out PREFIX     of the files (default: jwt)\n"
        "  -t, --tenant NAME    of an API key (default: *, all)\n"
        "  -s, --scopes LIST    of an API key (default: read, write, command)\n"
        "  -f, --overwrite      replace existing files\n"
        "\n"
        "  holdfast gen key es256 --out acme-2026-01\n"
        "  holdfast gen key api --tenant acme --scopes read\n",
    .run = run_gen_key,
};
