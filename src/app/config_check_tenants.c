#include <ctype.h>

#include "app/config_check.h"
#include "app/jwks.h"
#include "base/assert.h"
#include "core/fleet/fleet.h"

static bool name_is_valid(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
            return false;
    return true;
}

/* A key set names its own. */
static bool names_its_kid(const struct hf_config_jwt_key *key)
{
    return key->jwks_file == NULL && key->jwks_url == NULL;
}

static void check_jwks_url(const struct hf_config_tenant *tenant, size_t i, struct hf_config_errors *errors)
{
    const struct hf_config_jwt_key *key = &tenant->jwt_keys.at[i];
    const char *wrong = key->jwks_url != NULL ? hf_jwks_url_wrong(key->jwks_url) : NULL;

    if (wrong != NULL)
        hf_config_error(errors, NULL, "tenants.%s.jwt_keys.%zu.jwks_url: %s", tenant->name, i, wrong);
    if (key->jwks_ca_file != NULL && key->jwks_url == NULL)
        hf_config_error(errors, NULL,
                        "tenants.%s.jwt_keys.%zu.jwks_ca_file is for jwks_url, which is not there",
                        tenant->name, i);
}

static void check_jwks_count(const struct hf_config *config, struct hf_config_errors *errors)
{
    size_t count = 0;

    for (size_t i = 0; i < config->tenants.count; i++)
        for (size_t k = 0; k < config->tenants.at[i].jwt_keys.count; k++)
            count += config->tenants.at[i].jwt_keys.at[k].jwks_url != NULL;
    if (count > HF_JWKS_SOURCES_MAX)
        hf_config_error(errors, NULL, "tenants: %zu keys have a jwks_url; %d are taken at most", count,
                        HF_JWKS_SOURCES_MAX);
}

static void check_jwt_key(const struct hf_config_tenant *tenant, size_t i, struct hf_config_errors *errors)
{
    const struct hf_config_jwt_key *key = &tenant->jwt_keys.at[i];
    bool symmetric = key->alg == HF_CONFIG_JWT_HS256;
    unsigned secrets = (key->secret_file != NULL) + (key->secret_env != NULL);
    unsigned publics = (key->public_key_file != NULL) + (key->jwks_file != NULL) + (key->jwks_url != NULL);
    const char *kid = key->kid != NULL ? key->kid : "";

    if (symmetric ? secrets != 1 || publics != 0 : publics != 1 || secrets != 0)
        hf_config_error(errors, NULL,
                        "tenants.%s.jwt_keys.%zu (kid '%s') needs exactly one of %s and nothing else",
                        tenant->name, i, kid,
                        symmetric ? "secret_file, secret_env" : "public_key_file, jwks_file, jwks_url");
    for (size_t k = 0; k < i; k++) {
        const char *other = tenant->jwt_keys.at[k].kid;

        if (names_its_kid(key) && names_its_kid(&tenant->jwt_keys.at[k]) &&
            strcmp(kid, other != NULL ? other : "") == 0)
            hf_config_error(errors, NULL, "tenants.%s.jwt_keys: the kid '%s' stands twice; kids must differ",
                            tenant->name, kid);
    }
}

/* `+` and `#` stand for whole levels, `#` only at the end. */
static bool filter_is_valid(const char *filter)
{
    for (const char *c = filter; *c != '\0'; c++) {
        bool whole = (c == filter || c[-1] == '/') && (c[1] == '\0' || c[1] == '/');

        if ((*c == '+' || *c == '#') && !whole)
            return false;
        if (*c == '#' && c[1] != '\0')
            return false;
    }
    return true;
}

static void check_topics(const struct hf_config_tenant *tenant, struct hf_config_errors *errors)
{
    if (strpbrk(tenant->default_topic, "+#") != NULL)
        hf_config_error(errors, NULL,
                        "tenants.%s.default_topic '%s' is a filter; + and # are not part of a topic",
                        tenant->name, tenant->default_topic);
    for (size_t i = 0; i < tenant->topics.count; i++) {
        const struct hf_config_topic_rule *rule = &tenant->topics.at[i];

        if (strpbrk(rule->topic, "+#") != NULL)
            hf_config_error(errors, NULL,
                            "tenants.%s.topics: '%s' is a filter; + and # are not part of a topic",
                            tenant->name, rule->topic);
        for (size_t k = 0; k < i; k++)
            if (strcmp(rule->type, tenant->topics.at[k].type) == 0)
                hf_config_error(errors, NULL, "tenants.%s.topics: the type '%s' stands twice", tenant->name,
                                rule->type);
    }
    for (size_t i = 0; i < tenant->access.count; i++) {
        const char *star = strchr(tenant->access.at[i].devices, '*');

        if (star != NULL && star[1] != '\0')
            hf_config_error(errors, NULL, "tenants.%s.access.%zu.devices '%s': * stands only at the end",
                            tenant->name, i, tenant->access.at[i].devices);
        if (!filter_is_valid(tenant->access.at[i].topics))
            hf_config_error(
                errors, NULL,
                "tenants.%s.access.%zu.topics '%s': + and # stand for whole levels between /, # only last",
                tenant->name, i, tenant->access.at[i].topics);
    }
}

static bool some_listener_knows_certificates(const struct hf_config *config)
{
    for (size_t i = 0; i < config->listeners.count; i++)
        if (config->listeners.at[i].tls.verify != HF_CONFIG_TLS_VERIFY_NONE)
            return true;
    return false;
}

static void check_shadow_index(const struct hf_config_tenant *tenant, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < tenant->shadow_index.count; i++) {
        const char *path = tenant->shadow_index.at[i];

        if (!hf_fleet_path_valid(hf_slice_of(path)))
            hf_config_error(
                errors, NULL,
                "tenants.%s.shadow_index: '%s' is not reported. or desired. and names of letters, "
                "digits, _ and - with dots between them, %d bytes at most; tags are indexed anyway",
                tenant->name, path, HF_FLEET_PATH_BYTES_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(path, tenant->shadow_index.at[k]) == 0)
                hf_config_error(errors, NULL, "tenants.%s.shadow_index: '%s' stands twice", tenant->name,
                                path);
    }
}

static void check_tenant(const struct hf_config *config, size_t i, struct hf_config_errors *errors)
{
    const struct hf_config_tenant *tenant = &config->tenants.at[i];

    if (!name_is_valid(tenant->name))
        hf_config_error(errors, NULL, "tenants.%s: a name has letters, digits and . _ - only", tenant->name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(tenant->name, config->tenants.at[k].name) == 0)
            hf_config_error(errors, NULL, "tenants: the name '%s' stands twice; names must differ",
                            tenant->name);
    for (size_t k = 0; k < tenant->jwt_keys.count; k++) {
        check_jwt_key(tenant, k, errors);
        check_jwks_url(tenant, k, errors);
    }
    if ((tenant->device_ca.cert_file == NULL) != (tenant->device_ca.key_file == NULL))
        hf_config_error(errors, NULL, "tenants.%s.device_ca needs both cert_file and key_file, or neither",
                        tenant->name);
    if (tenant->device_ca.cert_file != NULL && !some_listener_knows_certificates(config))
        hf_config_error(errors, NULL,
                        "tenants.%s.device_ca has no effect: no listener asks for certificates; set "
                        "listeners.NAME.tls.verify to optional or required",
                        tenant->name);
    check_topics(tenant, errors);
    check_shadow_index(tenant, errors);
    bool cameras = config->gb28181.enabled &&
                   (config->gb28181.tenant == NULL || strcmp(config->gb28181.tenant, tenant->name) == 0);
    if (tenant->jwt_keys.count == 0 && !cameras && !some_listener_knows_certificates(config))
        hf_config_warn(
            errors, NULL,
            "tenants.%s has no jwt_keys and no listener asks for certificates: its devices cannot prove who "
            "they are; `holdfast gen key` makes a key",
            tenant->name);
}

static void check_api_key(const struct hf_config *config, size_t i, struct hf_config_errors *errors)
{
    const struct hf_config_api_key *key = &config->api.api_keys.at[i];

    for (const char *c = key->id; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c)) {
            hf_config_error(errors, NULL, "api.api_keys.%s.id has letters and digits only", key->id);
            break;
        }
    if (strspn(key->sha256, "0123456789abcdefABCDEF") != 64)
        hf_config_error(
            errors, NULL,
            "api.api_keys.%s.sha256 is not 64 hexadecimal digits; `holdfast gen key api` prints it", key->id);
    if (strcmp(key->tenant, "*") != 0 && hf_config_tenant_find(config, hf_slice_of(key->tenant)) == NULL)
        hf_config_error(errors, NULL, "api.api_keys.%s.tenant names '%s', which is not in tenants", key->id,
                        key->tenant);
    for (size_t k = 0; k < i; k++)
        if (strcmp(key->id, config->api.api_keys.at[k].id) == 0)
            hf_config_error(errors, NULL, "api.api_keys: the id '%s' stands twice; ids must differ", key->id);
}

void hf_config_check_tenants(const struct hf_config *config, struct hf_config_errors *errors)
{
    if (config->tenants.count == 0)
        hf_config_error(
            errors, NULL,
            "tenants is empty: no device could connect; add one (tenants: [{name: acme, ...}], see "
            "`holdfast default-config`), or try `holdfast dev`, which makes one");
    for (size_t i = 0; i < config->tenants.count; i++)
        check_tenant(config, i, errors);
    check_jwks_count(config, errors);
    for (size_t i = 0; i < config->api.api_keys.count; i++)
        check_api_key(config, i, errors);
}
