#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gen_parts.h"
#include "io/clock.h"
#include "io/pki.h"

struct request {
    const char *ca, *device, *csr, *out;
    const char *names[HF_PKI_SAN_MAX];
    size_t name_count;
    unsigned days;
    struct hf_pki_file_options files;
    char tenant[128];
};

static int take_option(int option, char **argv, struct request *request)
{
    switch (option) {
    case 'a': request->ca = optarg; return HF_CLI_OK;
    case 'd': request->device = optarg; return HF_CLI_OK;
    case 'r': request->csr = optarg; return HF_CLI_OK;
    case 'o': request->out = optarg; return HF_CLI_OK;
    case 'f': request->files.overwrite = true; return HF_CLI_OK;
    case 's':
        if (request->name_count == HF_PKI_SAN_MAX)
            return hf_cli_usage_error(argv[0], "more than %d names", HF_PKI_SAN_MAX);
        request->names[request->name_count++] = optarg;
        return HF_CLI_OK;
    case 'n':
        return hf_cli_days(argv[0], optarg, HF_PKI_SERVER_DAYS_MAX, &request->days) ? HF_CLI_OK
                                                                                    : HF_CLI_USAGE;
    default: return hf_cli_usage_error(argv[0], "wrong option");
    }
}

/* "acme/bike-1": the tenant, and request->device the rest. */
static int split_device(char **argv, struct request *request)
{
    const char *slash = strchr(request->device, '/');

    if (slash == NULL || slash == request->device || slash[1] == '\0' ||
        (size_t)(slash - request->device) >= sizeof(request->tenant))
        return hf_cli_usage_error(argv[0], "--device is '%s'; write TENANT/DEVICE", request->device);
    memcpy(request->tenant, request->device, (size_t)(slash - request->device));
    request->device = slash + 1;
    return HF_CLI_OK;
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"ca", required_argument, NULL, 'a'},   {"device", required_argument, NULL, 'd'},
        {"csr", required_argument, NULL, 'r'},  {"out", required_argument, NULL, 'o'},
        {"overwrite", no_argument, NULL, 'f'},  {"server", required_argument, NULL, 's'},
        {"days", required_argument, NULL, 'n'}, {0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "a:d:r:o:fs:n:", options, NULL)) != -1) {
        status = take_option(option, argv, request);
        if (status != HF_CLI_OK)
            return status;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if ((request->device != NULL) == (request->name_count > 0))
        return hf_cli_usage_error(argv[0], "say who it is for: --device TENANT/DEVICE, or --server NAME");
    if (request->csr != NULL && request->device == NULL)
        return hf_cli_usage_error(argv[0], "--csr goes with --device");
    return request->device != NULL ? split_device(argv, request) : HF_CLI_OK;
}

static hf_err sign_csr(struct hf_pki_ca *ca, const struct request *request, struct hf_pki_pair *pair,
                       char *error, size_t error_bytes)
{
    char csr[HF_PKI_CSR_BYTES_MAX];
    FILE *file = fopen(request->csr, "rbe");
    size_t bytes;

    if (file == NULL) {
        (void)snprintf(error, error_bytes, "cannot read %s", request->csr);
        return HF_ERR_IO;
    }
    bytes = fread(csr, 1, sizeof(csr), file);
    (void)fclose(file);
    return hf_pki_sign_csr(ca, csr, bytes, request->tenant, request->device, request->days, hf_clock_utc_ms(),
                           pair, error, error_bytes);
}

static hf_err make(const struct request *request, struct hf_pki_ca *ca, struct hf_pki_pair *pair, char *error,
                   size_t error_bytes)
{
    struct hf_pki_server_request server = {
        .names = request->names, .name_count = request->name_count, .days = request->days};

    if (request->csr != NULL)
        return sign_csr(ca, request, pair, error, error_bytes);
    if (request->device != NULL)
        return hf_pki_device(ca, request->tenant, request->device, request->days, hf_clock_utc_ms(), pair,
                             error, error_bytes);
    return hf_pki_server(ca, &server, hf_clock_utc_ms(), pair, error, error_bytes);
}

static hf_err make_and_save(const struct request *request, const char *ca_cert, const char *ca_key,
                            const char *cert, const char *key, char *error, size_t error_bytes)
{
    struct hf_pki_pair *pair = calloc(1, sizeof(*pair));
    struct hf_pki_ca *ca = NULL;
    hf_err err = pair != NULL ? hf_pki_ca_load(ca_cert, ca_key, &ca, error, error_bytes) : HF_ERR_NOMEM;

    if (err == HF_OK)
        err = make(request, ca, pair, error, error_bytes);
    if (err == HF_OK)
        err = hf_pki_pair_save(pair, cert, key, request->files, error, error_bytes);
    if (pair != NULL)
        hf_pki_pair_wipe(pair);
    free(pair);
    hf_pki_ca_free(ca);
    return err;
}

static int run_gen_cert(int argc, char **argv)
{
    struct request request = {.ca = "ca"};
    char ca_cert[HF_CLI_PATH_BYTES_MAX], ca_key[HF_CLI_PATH_BYTES_MAX], error[HF_PKI_ERROR_BYTES] = "";
    char cert[HF_CLI_PATH_BYTES_MAX], key[HF_CLI_PATH_BYTES_MAX];
    int status = parse(argc, argv, &request);
    hf_err err;

    if (status != HF_CLI_OK)
        return status;
    if (request.out == NULL)
        request.out = request.device != NULL ? request.device : "server";
    if (!hf_cli_path(argv[0], request.ca, ".pem", ca_cert) ||
        !hf_cli_path(argv[0], request.ca, ".key", ca_key) ||
        !hf_cli_path(argv[0], request.out, ".pem", cert) || !hf_cli_path(argv[0], request.out, ".key", key))
        return HF_CLI_USAGE;
    err = make_and_save(&request, ca_cert, ca_key, cert, request.csr != NULL ? NULL : key, error,
                        sizeof(error));
    if (err != HF_OK)
        return hf_cli_failed(argv[0], "%s", error[0] != '\0' ? error : hf_err_text(err));
    (void)printf("%s  the certificate%s\n", cert,
                 request.device == NULL ? ": listeners.NAME.tls.cert_file" : "");
    if (request.csr == NULL)
        (void)printf("%s  its key%s\n", key, request.device == NULL ? ": listeners.NAME.tls.key_file" : "");
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_gen_cert = {
    .name = "cert",
    .summary = "make a certificate for a device or for a listener",
    .usage = "gen cert --device TENANT/DEVICE [--csr FILE] | --server NAME... [OPTIONS]",
    .details = "  -d, --device TENANT/DEVICE  for a device: SAN URI urn:holdfast:TENANT:DEVICE, clientAuth\n"
               "  -r, --csr FILE              for the key of this request; else a key is made\n"
               "  -s, --server NAME           for a listener: DNS name or address; may be repeated\n"
               "  -a, --ca PREFIX             signed by PREFIX.pem and PREFIX.key (default: ca)\n"
               "  -n, --days N                its life (default: device 90, at most 365; server 365)\n"
               "  -o, --out PREFIX            writes PREFIX.pem and PREFIX.key (default: DEVICE or server)\n"
               "  -f, --overwrite             replace existing files\n"
               "\n"
               "  holdfast gen cert --ca acme-ca --device acme/bike-1\n"
               "  holdfast gen cert --server gateway.example.com --server 192.0.2.7\n",
    .run = run_gen_cert,
};
