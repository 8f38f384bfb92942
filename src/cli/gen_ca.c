#include <getopt.h>

#include "cli/gen_parts.h"
#include "io/clock.h"
#include "io/pki.h"

struct request {
    const char *name, *out, *parent;
    unsigned days;
    struct hf_pki_file_options files;
};

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'}, {"days", required_argument, NULL, 'd'},
        {"out", required_argument, NULL, 'o'},  {"parent", required_argument, NULL, 'p'},
        {"overwrite", no_argument, NULL, 'f'},  {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "n:d:o:p:f", options, NULL)) != -1)
        switch (option) {
        case 'n': request->name = optarg; break;
        case 'o': request->out = optarg; break;
        case 'p': request->parent = optarg; break;
        case 'f': request->files.overwrite = true; break;
        case 'd':
            if (!hf_cli_days(argv[0], optarg, HF_PKI_CA_DAYS_MAX, &request->days))
                return HF_CLI_USAGE;
            break;
        default: return hf_cli_usage_error(argv[0], "wrong option");
        }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    return HF_CLI_OK;
}

static hf_err make(const struct request *request, const char *cert, const char *key, const char *parent_cert,
                   const char *parent_key, char *error, size_t error_bytes)
{
    struct hf_pki_ca *ca = NULL, *parent = NULL;
    uint64_t now_utc_ms = hf_clock_utc_ms();
    hf_err err = HF_OK;

    if (request->parent != NULL) {
        err = hf_pki_ca_load(parent_cert, parent_key, &parent, error, error_bytes);
        if (err == HF_OK)
            err = hf_pki_ca_intermediate(parent, request->name, request->days, 0, now_utc_ms, &ca, error,
                                         error_bytes);
    } else {
        err = hf_pki_ca_new(request->name, request->days, now_utc_ms, &ca, error, error_bytes);
    }
    if (err == HF_OK)
        err = hf_pki_ca_save(ca, cert, key, request->files, error, error_bytes);
    hf_pki_ca_free(ca);
    hf_pki_ca_free(parent);
    return err;
}

static int run_gen_ca(int argc, char **argv)
{
    struct request request = {.name = "Holdfast CA", .out = "ca"};
    char cert[HF_CLI_PATH_BYTES_MAX], key[HF_CLI_PATH_BYTES_MAX], error[HF_PKI_ERROR_BYTES] = "";
    char parent_cert[HF_CLI_PATH_BYTES_MAX] = "", parent_key[HF_CLI_PATH_BYTES_MAX] = "";
    int status = parse(argc, argv, &request);
    hf_err err;

    if (status != HF_CLI_OK)
        return status;
    if (!hf_cli_path(argv[0], request.out, ".pem", cert) || !hf_cli_path(argv[0], request.out, ".key", key))
        return HF_CLI_USAGE;
    if (request.parent != NULL && (!hf_cli_path(argv[0], request.parent, ".pem", parent_cert) ||
                                   !hf_cli_path(argv[0], request.parent, ".key", parent_key)))
        return HF_CLI_USAGE;
    err = make(&request, cert, key, parent_cert, parent_key, error, sizeof(error));
    if (err != HF_OK)
        return hf_cli_failed(argv[0], "%s", error[0] != '\0' ? error : hf_err_text(err));
    (void)printf("%s  the certificate: listeners.NAME.tls.client_ca_file, and what devices trust\n"
                 "%s  its key: keep it away from the gateway's machine%s\n",
                 cert, key,
                 request.parent != NULL
                     ? "; or tenants.NAME.device_ca, for devices that renew over their sessions"
                     : "");
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_gen_ca = {
    .name = "ca",
    .summary = "make a CA that signs certificates of devices or of this gateway",
    .usage = "gen ca [--name NAME] [--days N] [--out PREFIX] [--parent PREFIX] [--overwrite]",
    .details = "  -n, --name NAME      its common name (default: Holdfast CA)\n"
               "  -d, --days N         its life (default 3650)\n"
               "  -o, --out PREFIX     writes PREFIX.pem and PREFIX.key (default: ca)\n"
               "  -p, --parent PREFIX  an intermediate below the CA in PREFIX.pem and PREFIX.key\n"
               "  -f, --overwrite      replace existing files\n"
               "\n"
               "  holdfast gen ca --name 'Acme devices' --out acme-ca\n",
    .run = run_gen_ca,
};
