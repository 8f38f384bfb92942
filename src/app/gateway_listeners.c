/* app/gateway_listeners.c - the listeners of the configuration: addresses, certificates, deny-lists, and their sockets on every worker. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/worker.h"
#include "io/clock.h"

/* ---- certificates ---- */

static uint64_t tls_us(void *user)
{
    (void)user;
    return hf_clock_us();
}

static uint64_t tls_utc(void *user)
{
    (void)user;
    return hf_clock_utc_ms();
}

/* deny: of the listener. The two arrays are ret_config's. */
static void tls_config(const struct hf_config_tls *tls, struct hf_tls_deny *deny, const char *ca_files[1],
                       const char *crl_files[1], struct hf_tls_config *ret_config)
{
    ca_files[0] = tls->client_ca_file;
    crl_files[0] = tls->crl_file;
    *ret_config = (struct hf_tls_config){
        .cert_file = tls->cert_file,
        .key_file = tls->key_file,
        .ca_files = ca_files,
        .ca_file_count = tls->client_ca_file != NULL,
        .crl_files = crl_files,
        .crl_file_count = tls->crl_file != NULL,
        .verify = tls->verify == HF_CONFIG_TLS_VERIFY_REQUIRED   ? HF_TLS_VERIFY_REQUIRED
                  : tls->verify == HF_CONFIG_TLS_VERIFY_OPTIONAL ? HF_TLS_VERIFY_OPTIONAL
                                                                 : HF_TLS_VERIFY_NONE,
        .allow_tls12 = tls->min_version == HF_CONFIG_TLS_1_2,
        .allow_rsa = tls->allow_rsa,
        .no_resumption = tls->ticket_life_ms == 0,
        .resume_sessions_max = (uint32_t)tls->resume_sessions_max,
        .resume_life_s = (uint32_t)(tls->ticket_life_ms / 1000),
        .cn_tenant = tls->identity_from_cn ? tls->cn_tenant : NULL,
        .deny = deny,
        .clock = {tls_us, tls_utc, NULL},
    };
}

/* A listener that names no list any more denies nothing. */
static hf_err load_deny_list(struct hf_gateway_listener *listener, const struct hf_config_tls *tls,
                             char *error, size_t error_bytes)
{
    return tls->deny_list_file != NULL
               ? hf_tls_deny_load(listener->deny, tls->deny_list_file, error, error_bytes)
               : hf_tls_deny_replace(listener->deny, NULL, 0);
}

hf_err hf_gateway_listener_reload(struct hf_gateway_listener *listener, const struct hf_config_tls *tls,
                                  char *error, size_t error_bytes)
{
    const char *ca_files[1], *crl_files[1];
    struct hf_tls_config config;
    hf_err err = load_deny_list(listener, tls, error, error_bytes);

    if (err != HF_OK)
        return err;
    tls_config(tls, listener->deny, ca_files, crl_files, &config);
    return hf_tls_server_reload(listener->tls, &config, error, error_bytes);
}

uint64_t hf_gateway_deny_generation(const struct hf_gateway *gateway)
{
    uint64_t generation = atomic_load(&gateway->trust.generation); /* each only grows, and so does the sum */

    for (unsigned l = 0; l < gateway->listener_count; l++)
        if (gateway->listeners[l].deny != NULL)
            generation += hf_tls_deny_generation(gateway->listeners[l].deny);
    return generation;
}

/* ---- the beginning ---- */

static hf_err open_tls(struct hf_gateway_listener *listener, const struct hf_config_tls *tls, char *error,
                       size_t error_bytes)
{
    const char *ca_files[1], *crl_files[1];
    struct hf_tls_config config;

    listener->deny = hf_tls_deny_new();
    if (listener->deny == NULL)
        return HF_ERR_NOMEM;
    hf_err err = load_deny_list(listener, tls, error, error_bytes);
    if (err != HF_OK)
        return err;
    tls_config(tls, listener->deny, ca_files, crl_files, &config);
    return hf_tls_server_new(&config, &listener->tls, error, error_bytes);
}

static hf_err open_one(struct hf_gateway_listener *listener, const struct hf_config_listener *config,
                       char *error, size_t error_bytes)
{
    snprintf(listener->name, sizeof(listener->name), "%s", config->name);
    if (hf_address_parse_host(config->address, (uint16_t)config->port, &listener->address) != HF_OK) {
        snprintf(error, error_bytes, "listeners.%s.address '%s' is not a numeric address", config->name,
                 config->address);
        return HF_ERR_INVALID;
    }
    listener->config = config;
    listener->proxy_protocol = config->proxy_protocol != HF_CONFIG_PROXY_OFF;
    listener->roles = (hf_config_listener_has(config, HF_CONFIG_ROLE_DEVICES) ? HF_HTTP_DEVICES : 0u) |
                      (hf_config_listener_has(config, HF_CONFIG_ROLE_API) ? HF_HTTP_API : 0u) |
                      (hf_config_listener_has(config, HF_CONFIG_ROLE_CONSOLE) ? HF_HTTP_CONSOLE : 0u);
    return hf_config_listener_is_tls(config) ? open_tls(listener, &config->tls, error, error_bytes) : HF_OK;
}

hf_err hf_gateway_listeners_open(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                                 size_t error_bytes)
{
    hf_err err = HF_OK;

    gateway->listeners = calloc(config->listeners.count + 2, sizeof(*gateway->listeners));
    if (gateway->listeners == NULL)
        return HF_ERR_NOMEM;
    for (size_t i = 0; err == HF_OK && i < config->listeners.count; i++)
        err = open_one(&gateway->listeners[gateway->listener_count++], &config->listeners.at[i], error,
                       error_bytes);
    if (err == HF_OK && config->admin.enabled) {
        struct hf_gateway_listener *admin = &gateway->listeners[gateway->listener_count++];

        snprintf(admin->name, sizeof(admin->name), "admin");
        err = hf_address_parse_host(config->admin.address, (uint16_t)config->admin.port, &admin->address);
        admin->roles = HF_HTTP_ADMIN;
    }
    if (err == HF_OK && config->dev.echo) {
        struct hf_gateway_listener *echo = &gateway->listeners[gateway->listener_count++];

        snprintf(echo->name, sizeof(echo->name), "echo");
        err = hf_address_parse_host("127.0.0.1", (uint16_t)config->dev.echo_port, &echo->address);
        echo->echo = true;
    }
    return err;
}

static void say_why(const struct hf_gateway_listener *listener, hf_err err, char *error, size_t error_bytes)
{
    char text[HF_SOCKET_TEXT_MAX];
    int sys_errno = errno;

    hf_address_text(&listener->address, text);
    if (err == HF_ERR_EXISTS)
        snprintf(error, error_bytes,
                 "cannot listen on '%s' (listener %s): address in use; stop the other program or change "
                 "the port (--set %s%s.port=PORT)",
                 text, listener->name, strcmp(listener->name, "admin") == 0 ? "" : "listeners.",
                 listener->name);
    else
        snprintf(error, error_bytes, "cannot listen on '%s' (listener %s): %s", text, listener->name,
                 err == HF_ERR_DENIED ? "the port is privileged" : strerror(sys_errno));
}

hf_err hf_gateway_listeners_bind(struct hf_gateway *gateway, char *error, size_t error_bytes)
{
    for (unsigned l = 0; l < gateway->listener_count; l++)
        for (unsigned i = 0; i < gateway->worker_count; i++) {
            struct hf_worker *worker = gateway->workers[i];
            hf_err err = hf_worker_listen(worker, &gateway->listeners[l], &worker->listeners[l]);

            if (err == HF_OK)
                continue;
            say_why(&gateway->listeners[l], err, error, error_bytes);
            return err;
        }
    return HF_OK;
}

void hf_gateway_listeners_log(struct hf_gateway *gateway)
{
    for (unsigned l = 0; l < gateway->listener_count; l++) {
        char text[HF_SOCKET_TEXT_MAX];

        hf_address_text(&gateway->listeners[l].address, text);
        hf_log(&gateway->logger, HF_LOG_LISTENING, HF_F_STR("listener", gateway->listeners[l].name),
               HF_F_STR("address", text), HF_F_BOOL("tls", gateway->listeners[l].tls != NULL), HF_F_END);
    }
}

void hf_gateway_listeners_free(struct hf_gateway *gateway)
{
    for (unsigned l = 0; gateway->listeners != NULL && l < gateway->listener_count; l++) {
        hf_tls_server_free(gateway->listeners[l].tls);
        hf_tls_deny_free(gateway->listeners[l].deny);
    }
    free(gateway->listeners);
    gateway->listeners = NULL;
}
