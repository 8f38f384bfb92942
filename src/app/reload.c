/* app/reload.c - HUP: reads the configuration again and takes over what may change at run time. Everything is built before anything
 * is exchanged; what is wrong is named and the old set stays in force. */
#include <stdio.h>
#include <stdlib.h>

#include "app/worker.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_sha256(const char *hex, uint8_t out[32])
{
    for (unsigned i = 0; i < 32; i++) {
        int high = hex_digit(hex[2 * i]), low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return hex[64] == '\0';
}

static uint32_t scopes_of(unsigned flags)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < HF_CONFIG_COUNT_scope; i++)
        if (flags >> i & 1u)
            mask |= hf_scope_by_name(hf_slice_of(hf_config_scope_name((enum hf_config_scope)i)));
    return mask;
}

hf_err hf_gateway_rules_new(struct hf_config *config, char *const *env, struct hf_gateway_rules **ret_rules,
                            char *error, size_t error_bytes)
{
    struct hf_gateway_rules *rules = calloc(1, sizeof(*rules));
    size_t count = config->api.api_keys.count;

    if (rules != NULL)
        rules->keys = calloc(count ? count : 1, sizeof(*rules->keys));
    if (rules == NULL || rules->keys == NULL) {
        free(rules);
        return HF_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct hf_config_api_key *key = &config->api.api_keys.at[i];

        rules->keys[i].id = hf_slice_of(key->id);
        rules->keys[i].tenant = hf_slice_of(key->tenant);
        rules->keys[i].scopes = scopes_of(key->scopes);
        if (!parse_sha256(key->sha256, rules->keys[i].sha256)) {
            snprintf(error, error_bytes,
                     "api.api_keys.%zu.sha256 is not 64 hexadecimal digits; `holdfast gen key` prints it", i);
            hf_gateway_rules_free(rules);
            return HF_ERR_INVALID;
        }
    }
    rules->key_count = (unsigned)count;
    rules->config = config;
    hf_err err = config->gb28181.enabled
                     ? hf_gb_accounts_new(config, env, &rules->gb_accounts, error, error_bytes)
                     : HF_OK;
    if (err != HF_OK) {
        hf_gateway_rules_free(rules);
        return err;
    }
    *ret_rules = rules;
    return HF_OK;
}

void hf_gateway_rules_free(struct hf_gateway_rules *rules)
{
    if (rules == NULL)
        return;
    hf_gb_accounts_free(rules->gb_accounts);
    free(rules->keys);
    free(rules);
}

static void reject(struct hf_gateway *gateway, const char *error)
{
    hf_log(&gateway->logger, HF_LOG_CONFIG_REJECTED, HF_F_STR("error", error), HF_F_END);
}

/* Certificates, keys, CA sets and deny lists of every TLS listener; each stands for itself. */
static void reload_tls(struct hf_gateway *gateway, const struct hf_config *config)
{
    for (unsigned l = 0; l < gateway->listener_count; l++) {
        struct hf_gateway_listener *listener = &gateway->listeners[l];
        char error[HF_TLS_ERROR_BYTES] = "";

        for (size_t i = 0; listener->tls != NULL && i < config->listeners.count; i++) {
            const struct hf_config_listener *named = &config->listeners.at[i];

            if (strcmp(named->name, listener->name) != 0)
                continue;
            hf_err err = hf_gateway_listener_reload(listener, &named->tls, error, sizeof(error));
            hf_log(&gateway->logger, err == HF_OK ? HF_LOG_TLS_RELOADED : HF_LOG_TLS_REJECTED,
                   HF_F_STR("listener", listener->name), HF_F_STR("error", err != HF_OK ? error : NULL),
                   HF_F_END);
        }
    }
}

static void log_changes(struct hf_gateway *gateway, const struct hf_config *before,
                        const struct hf_config *after)
{
    static struct hf_config_diff diff; /* large; reloads come one at a time */

    hf_config_reload_diff(before, after, &diff);
    for (size_t i = 0; i < diff.count; i++)
        hf_log(
            &gateway->logger, HF_LOG_RELOAD, HF_F_STR("option", diff.at[i].path),
            HF_F_STR("effect", diff.at[i].restart ? "needs a restart, the running value stays" : "in force"),
            HF_F_END);
    hf_log(&gateway->logger, HF_LOG_RELOAD, HF_F_U64("changes", diff.count + diff.not_kept_count),
           HF_F_U64("need_restart", diff.restart_count), HF_F_END);
}

void hf_gateway_reload(struct hf_gateway *gateway, const char *path, struct hf_config_settings settings)
{
    static struct hf_config_errors errors;
    struct hf_config *config = NULL;
    struct hf_gateway_rules *rules = NULL;
    struct hf_renewal_set *cas = NULL;
    char error[HF_GATEWAY_ERROR_BYTES] = "out of memory";

    if (hf_config_load(path, settings, gateway->env, &config, &errors) != HF_OK) {
        for (size_t i = 0; i < errors.count; i++)
            if (!errors.warning[i])
                reject(gateway, errors.text[i]);
        return;
    }
    if (hf_gateway_rules_new(config, gateway->env, &rules, error, sizeof(error)) != HF_OK ||
        hf_renewal_load(config, &cas, error, sizeof(error)) != HF_OK ||
        hf_tenants_load(gateway->tenants, config, gateway->env, error, sizeof(error)) != HF_OK) {
        reject(gateway, error);
        hf_renewal_set_free(cas);
        hf_gateway_rules_free(rules);
        hf_config_free(config);
        return;
    }
    if (hf_jwks_use(gateway->jwks, config) != HF_OK)
        reject(gateway, "tenants: no memory or thread to fetch key sets; those before stay");
    if (hf_regions_use(gateway->regions, config) != HF_OK)
        reject(gateway, "regions: no memory; those before stay");
    if (hf_renewal_use(gateway->renewal, cas) != HF_OK)
        reject(gateway, "tenants: no thread to sign certificates of devices; nothing changes for them");
    log_changes(gateway, gateway->rules->config, config);
    reload_tls(gateway, config);
    hf_trust_reloaded(&gateway->trust);
    hf_logger_set_level(&gateway->logger, hf_gateway_log_level(config->logging.level));
    hf_log_set_retention(gateway->log, config->log.retention_bytes, config->log.retention_ms);
    rules->older = gateway->rules;
    gateway->rules = rules;
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        atomic_store(&gateway->workers[i]->reload, true);
        hf_loop_wake(gateway->workers[i]->loop);
    }
}
