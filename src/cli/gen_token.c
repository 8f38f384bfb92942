#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "app/jwt_files.h"
#include "cli/gen_parts.h"
#include "codec/jwt/jwt.h"
#include "core/event.h"
#include "io/clock.h"

struct request {
    const char *key, *scopes;
    struct hf_slice kid, audience;
    enum hf_jwt_alg alg;
    bool alg_known;
    struct hf_jwt_claims claims;
    uint64_t life_s;
};

enum { LIFE_S_DEFAULT = 24 * 3600, LIFE_S_MAX = 366 * 24 * 3600 };

/* "90", "15m", "24h", "30d"; 0 when it is none of these. */
static uint64_t parse_life_s(const char *text)
{
    static const struct {
        const char *unit;
        uint64_t s;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    size_t digits = strspn(text, "0123456789");
    uint64_t number;

    if (!hf_slice_to_u64((struct hf_slice){text, digits}, &number) || number > LIFE_S_MAX)
        return 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text + digits, units[i].unit) == 0)
            return number * units[i].s;
    return 0;
}

/* Elements of "read,write"; false when there are too many. */
static bool take_scopes(const char *text, struct hf_jwt_claims *claims)
{
    while (*text != '\0') {
        size_t bytes = strcspn(text, ", ");

        if (bytes > 0 && claims->scope_count == HF_JWT_SCOPES_MAX)
            return false;
        if (bytes > 0)
            claims->scopes[claims->scope_count++] = (struct hf_slice){text, bytes};
        text += bytes;
        text += *text != '\0';
    }
    return true;
}

static int take_option(int option, char **argv, struct request *request)
{
    switch (option) {
    case 'k': request->key = optarg; return HF_CLI_OK;
    case 'i': request->kid = hf_slice_of(optarg); return HF_CLI_OK;
    case 't': request->claims.tenant = hf_slice_of(optarg); return HF_CLI_OK;
    case 'd': request->claims.device = hf_slice_of(optarg); return HF_CLI_OK;
    case 'A': request->audience = hf_slice_of(optarg); return HF_CLI_OK;
    case 'I': request->claims.issuer = hf_slice_of(optarg); return HF_CLI_OK;
    case 'a':
        request->alg_known = hf_jwt_alg_by_name(hf_slice_of(optarg), &request->alg) == HF_OK;
        return request->alg_known
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv[0], "--alg is '%s'; it is ES256 or HS256", optarg);
    case 's':
        return take_scopes(optarg, &request->claims)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv[0], "more than %d scopes", HF_JWT_SCOPES_MAX);
    case 'l':
        request->life_s = parse_life_s(optarg);
        if (request->life_s > 0 && request->life_s <= LIFE_S_MAX)
            return HF_CLI_OK;
        return hf_cli_usage_error(argv[0], "--life is '%s'; write 15m, 24h or 30d, at most 366d", optarg);
    default: return hf_cli_usage_error(argv[0], "wrong option");
    }
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},      {"kid", required_argument, NULL, 'i'},
        {"tenant", required_argument, NULL, 't'},   {"device", required_argument, NULL, 'd'},
        {"audience", required_argument, NULL, 'A'}, {"issuer", required_argument, NULL, 'I'},
        {"alg", required_argument, NULL, 'a'},      {"scopes", required_argument, NULL, 's'},
        {"life", required_argument, NULL, 'l'},     {0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "k:i:t:d:A:I:a:s:l:", options, NULL)) != -1) {
        status = take_option(option, argv, request);
        if (status != HF_CLI_OK)
            return status;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if (request->key == NULL || request->claims.tenant.at == NULL || request->claims.device.at == NULL)
        return hf_cli_usage_error(argv[0], "--key, --tenant and --device are needed");
    if (!hf_id_valid(request->claims.tenant, HF_TENANT_BYTES_MAX))
        return hf_cli_usage_error(argv[0], "--tenant has 1 to %d of A-Z a-z 0-9 . _ : @ -",
                                  HF_TENANT_BYTES_MAX);
    if (!hf_id_valid(request->claims.device, HF_DEVICE_BYTES_MAX) &&
        !hf_slice_is(request->claims.device, "*"))
        return hf_cli_usage_error(argv[0], "--device has 1 to %d of A-Z a-z 0-9 . _ : @ -, or is * for any",
                                  HF_DEVICE_BYTES_MAX);
    if (!request->alg_known) /* as `gen key` names its files */
        request->alg = strstr(request->key, ".secret") != NULL ? HF_JWT_HS256 : HF_JWT_ES256;
    return HF_CLI_OK;
}

static hf_err make(struct request *request, char *token, size_t token_bytes, char *error, size_t error_bytes)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();
    size_t bytes;
    hf_err err = HF_ERR_NOMEM;

    request->claims.issued_s = hf_clock_utc_ms() / 1000;
    request->claims.expires_s = request->claims.issued_s + request->life_s;
    if (keys != NULL)
        err = hf_jwt_files_add(keys, request->alg, request->kid, (struct hf_slice){0}, request->key, error,
                               error_bytes);
    if (err == HF_OK)
        err =
            hf_jwt_sign(keys, request->kid, &request->claims, request->audience, token, token_bytes, &bytes);
    if (err == HF_ERR_UNSUPPORTED)
        (void)snprintf(error, error_bytes, "%s cannot sign: it is a public key, or neither ES256 nor HS256",
                       request->key);
    hf_jwt_keys_free(keys);
    return err;
}

static int run_gen_token(int argc, char **argv)
{
    struct request request = {.life_s = LIFE_S_DEFAULT, .kid = HF_SLICE("")};
    char token[HF_JWT_TOKEN_BYTES_MAX + 1], error[512] = "";
    int status = parse(argc, argv, &request);
    hf_err err;

    if (status != HF_CLI_OK)
        return status;
    err = make(&request, token, sizeof(token), error, sizeof(error));
    if (err != HF_OK)
        return hf_cli_failed(argv[0], "%s", error[0] != '\0' ? error : hf_err_text(err));
    (void)printf("%s\n", token);
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_gen_token = {
    .name = "token",
    .summary = "make a signed token (JWT) for a device",
    .usage = "gen token --key FILE --tenant NAME --device ID [OPTIONS]",
    .details = "  -k, --key FILE       PREFIX.key or PREFIX.secret of `holdfast gen key`\n"
               "  -t, --tenant NAME    and\n"
               "  -d, --device ID      who the token is for\n"
               "  -i, --kid KID        id of the key, as in tenants.NAME.jwt_keys\n"
               "  -a, --alg ALG        ES256 or HS256 (default: by the file's name)\n"
               "  -l, --life TIME      15m, 24h, 30d (default 24h)\n"
               "  -s, --scopes LIST    scopes, with commas\n"
               "  -A, --audience TEXT  aud\n"
               "  -I, --issuer TEXT    iss\n"
               "\n"
               "  holdfast gen token --key acme-2026-01.key --kid 2026-01 --tenant acme --device bike-1\n",
    .run = run_gen_token,
};
