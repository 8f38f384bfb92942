#include <stdio.h>

#include "app/config_check.h"
#include "base/assert.h"
#include "io/file_probe.h"

static void check_file(const char *option, const char *path, bool secret, struct hf_config_errors *errors)
{
    struct hf_file_probe probe;

    if (path == NULL)
        return;
    probe = hf_file_probe(path);
    if (!probe.exists)
        hf_config_error(errors, NULL, "%s: there is no file %s", option, path);
    else if (!probe.regular)
        hf_config_error(errors, NULL, "%s: %s is not a file", option, path);
    else if (!probe.readable)
        hf_config_error(errors, NULL, "%s: %s cannot be read by this user", option, path);
    else if (secret && probe.open_to_others)
        hf_config_error(errors, NULL, "%s: others can read the secret in %s; run chmod 600 %s", option, path,
                        path);
}

static void check_listener(const struct hf_config_listener *listener, struct hf_config_errors *errors)
{
    const struct hf_config_tls *tls = &listener->tls;
    const struct {
        const char *name, *path;
        bool secret;
    } files[] = {
        {"cert_file", tls->cert_file, false},           {"key_file", tls->key_file, true},
        {"client_ca_file", tls->client_ca_file, false}, {"crl_file", tls->crl_file, false},
        {"deny_list_file", tls->deny_list_file, false},
    };

    for (size_t i = 0; i < HF_COUNT_OF(files); i++) {
        char option[128];

        (void)snprintf(option, sizeof(option), "listeners.%s.tls.%s", listener->name, files[i].name);
        check_file(option, files[i].path, files[i].secret, errors);
    }
}

static bool env_has(char *const *env, const char *name)
{
    size_t bytes = strlen(name);

    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        if (strncmp(env[i], name, bytes) == 0 && env[i][bytes] == '=' && env[i][bytes + 1] != '\0')
            return true;
    return false;
}

static void check_jwt_key(const struct hf_config_tenant *tenant, size_t i, char *const *env,
                          struct hf_config_errors *errors)
{
    const struct hf_config_jwt_key *key = &tenant->jwt_keys.at[i];
    char option[128];

    (void)snprintf(option, sizeof(option), "tenants.%s.jwt_keys.%zu", tenant->name, i);
    check_file(option, key->secret_file, true, errors);
    check_file(option, key->public_key_file, false, errors);
    check_file(option, key->jwks_file, false, errors);
    check_file(option, key->jwks_ca_file, false, errors);
    if (key->secret_env != NULL && !env_has(env, key->secret_env))
        hf_config_error(errors, NULL, "%s: the environment variable %s is not set", option, key->secret_env);
}

static void check_device_ca(const struct hf_config_tenant *tenant, struct hf_config_errors *errors)
{
    char option[128];

    (void)snprintf(option, sizeof(option), "tenants.%s.device_ca.cert_file", tenant->name);
    check_file(option, tenant->device_ca.cert_file, false, errors);
    (void)snprintf(option, sizeof(option), "tenants.%s.device_ca.key_file", tenant->name);
    check_file(option, tenant->device_ca.key_file, true, errors);
}

static void check_password(const char *option, const char *file, const char *variable, char *const *env,
                           struct hf_config_errors *errors)
{
    check_file(option, file, true, errors);
    if (variable != NULL && !env_has(env, variable))
        hf_config_error(errors, NULL, "%s: the environment variable %s is not set", option, variable);
}

static void check_gb(const struct hf_config_gb28181 *gb, char *const *env, struct hf_config_errors *errors)
{
    if (!gb->enabled)
        return;
    check_password("gb28181", gb->password_file, gb->password_env, env, errors);
    for (size_t i = 0; i < gb->devices.count; i++) {
        char option[128];

        (void)snprintf(option, sizeof(option), "gb28181.devices.%s", gb->devices.at[i].id);
        check_password(option, gb->devices.at[i].password_file, gb->devices.at[i].password_env, env, errors);
    }
    for (size_t i = 0; i < gb->upstreams.count; i++) {
        const struct hf_config_gb_upstream *upstream = &gb->upstreams.at[i];
        char option[128];

        (void)snprintf(option, sizeof(option), "gb28181.upstreams.%s", upstream->name);
        check_password(option, upstream->password_file, upstream->password_env, env, errors);
    }
}

void hf_config_check_files(const struct hf_config *config, char *const *env, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < config->listeners.count; i++)
        check_listener(&config->listeners.at[i], errors);
    for (size_t i = 0; i < config->tenants.count; i++)
        check_device_ca(&config->tenants.at[i], errors);
    for (size_t i = 0; i < config->tenants.count; i++)
        for (size_t k = 0; k < config->tenants.at[i].jwt_keys.count; k++)
            check_jwt_key(&config->tenants.at[i], k, env, errors);
    check_gb(&config->gb28181, env, errors);
}
