#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "app/config_check.h"
#include "base/assert.h"

static bool parse_address(const char *text, struct in6_addr *ret_v6, struct in_addr *ret_v4, bool *ret_is_v6)
{
    *ret_is_v6 = strchr(text, ':') != NULL;
    return inet_pton(*ret_is_v6 ? AF_INET6 : AF_INET, text, *ret_is_v6 ? (void *)ret_v6 : (void *)ret_v4) ==
           1;
}

bool hf_config_address_is_valid(const char *text)
{
    struct in6_addr v6;
    struct in_addr v4;
    bool is_v6;

    return parse_address(text, &v6, &v4, &is_v6);
}

bool hf_config_address_is_loopback(const char *address)
{
    struct in6_addr v6;
    struct in_addr v4;
    bool is_v6;

    if (!parse_address(address, &v6, &v4, &is_v6))
        return false;
    return is_v6 ? IN6_IS_ADDR_LOOPBACK(&v6) != 0 : ntohl(v4.s_addr) >> 24 == 127;
}

bool hf_config_range_parse(const char *cidr, struct hf_config_range *ret_range)
{
    const char *slash = strchr(cidr, '/');
    size_t bytes = slash != NULL ? (size_t)(slash - cidr) : strlen(cidr);
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;
    bool is_v6;
    uint64_t bits;

    if (bytes >= sizeof(text))
        return false;
    memcpy(text, cidr, bytes);
    text[bytes] = '\0';
    if (!parse_address(text, &v6, &v4, &is_v6))
        return false;
    *ret_range = (struct hf_config_range){.address_bytes = is_v6 ? sizeof(v6) : sizeof(v4)};
    memcpy(ret_range->address, is_v6 ? (const void *)&v6 : (const void *)&v4, ret_range->address_bytes);
    bits = 8 * (uint64_t)ret_range->address_bytes;
    if (slash != NULL &&
        (!hf_slice_to_u64(hf_slice_of(slash + 1), &bits) || bits > 8 * (uint64_t)ret_range->address_bytes))
        return false;
    ret_range->bits = (uint8_t)bits;
    return true;
}

bool hf_config_range_holds(const struct hf_config_range *range, const uint8_t *address, size_t address_bytes)
{
    size_t whole = range->bits / 8;
    unsigned rest = range->bits % 8;

    return address_bytes == range->address_bytes && memcmp(range->address, address, whole) == 0 &&
           (rest == 0 || (range->address[whole] ^ address[whole]) >> (8 - rest) == 0);
}

bool hf_config_cidr_is_valid(const char *text)
{
    struct hf_config_range ignored;

    return hf_config_range_parse(text, &ignored);
}

bool hf_config_cidr_holds(const char *cidr, const uint8_t *address, size_t address_bytes)
{
    struct hf_config_range range;

    return hf_config_range_parse(cidr, &range) && hf_config_range_holds(&range, address, address_bytes);
}

static void check_tls(const struct hf_config *config, const struct hf_config_listener *listener,
                      struct hf_config_errors *errors)
{
    const struct hf_config_tls *tls = &listener->tls;
    const char *name = listener->name;

    if (tls->cert_file == NULL &&
        (tls->key_file != NULL || tls->client_ca_file != NULL || tls->verify != HF_CONFIG_TLS_VERIFY_NONE))
        hf_config_error(errors, NULL,
                        "listeners.%s.tls.cert_file is missing; without it the listener speaks plain text",
                        name);
    if (tls->cert_file != NULL && tls->key_file == NULL)
        hf_config_error(errors, NULL, "listeners.%s.tls.key_file is missing; name the key of cert_file",
                        name);
    if (tls->verify != HF_CONFIG_TLS_VERIFY_NONE && tls->client_ca_file == NULL)
        hf_config_error(
            errors, NULL,
            "listeners.%s.tls.client_ca_file is missing; verify needs the CA that signs device certificates "
            "(`holdfast gen ca` makes one)",
            name);
    if (tls->verify == HF_CONFIG_TLS_VERIFY_NONE && tls->client_ca_file != NULL)
        hf_config_warn(errors, NULL,
                       "listeners.%s.tls.client_ca_file has no effect; set verify to optional or required",
                       name);
    if (tls->identity_from_cn && tls->cn_tenant == NULL)
        hf_config_error(errors, NULL,
                        "listeners.%s.tls.cn_tenant is missing; identity_from_cn needs a tenant", name);
    if (tls->cn_tenant != NULL && hf_config_tenant_find(config, hf_slice_of(tls->cn_tenant)) == NULL)
        hf_config_error(errors, NULL, "listeners.%s.tls.cn_tenant names '%s', which is not in tenants", name,
                        tls->cn_tenant);
}

static void check_proxy(const struct hf_config_listener *listener, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < listener->proxy_allow.count; i++)
        if (!hf_config_cidr_is_valid(listener->proxy_allow.at[i]))
            hf_config_error(errors, NULL,
                            "listeners.%s.proxy_allow: '%s' is no address range such as 10.0.0.0/8",
                            listener->name, listener->proxy_allow.at[i]);
    if (listener->proxy_protocol != HF_CONFIG_PROXY_OFF && listener->proxy_allow.count == 0)
        hf_config_error(
            errors, NULL,
            "listeners.%s.proxy_allow is empty; list the load balancers that may say who the peer is",
            listener->name);
    if (listener->proxy_protocol == HF_CONFIG_PROXY_OFF && listener->proxy_allow.count > 0)
        hf_config_warn(errors, NULL, "listeners.%s.proxy_allow has no effect; set proxy_protocol to v1v2",
                       listener->name);
}

static void check_listener(const struct hf_config *config, const struct hf_config_listener *listener,
                           struct hf_config_errors *errors)
{
    if (!hf_config_address_is_valid(listener->address))
        hf_config_error(errors, NULL,
                        "listeners.%s.address '%s' is no numeric address; names are not looked up",
                        listener->name, listener->address);
    else if (!hf_config_listener_is_tls(listener) && !listener->insecure &&
             !hf_config_address_is_loopback(listener->address))
        hf_config_error(
            errors, NULL,
            "listeners.%s would speak plain text on %s; set listeners.%s.tls.cert_file and key_file, or "
            "listeners.%s.insecure: true if something in front of it does TLS",
            listener->name, listener->address, listener->name, listener->name);
    check_tls(config, listener, errors);
    check_proxy(listener, errors);
}

static void check_unique(const struct hf_config *config, size_t i, struct hf_config_errors *errors)
{
    const struct hf_config_listener *listener = &config->listeners.at[i];

    for (size_t k = 0; k < i; k++) {
        const struct hf_config_listener *other = &config->listeners.at[k];

        if (strcmp(listener->name, other->name) == 0)
            hf_config_error(errors, NULL, "listeners: the name '%s' stands twice; names must differ",
                            listener->name);
        else if (listener->port != 0 && listener->port == other->port &&
                 strcmp(listener->address, other->address) == 0)
            hf_config_error(errors, NULL, "listeners.%s and listeners.%s both want %s port %llu", other->name,
                            listener->name, listener->address, (unsigned long long)listener->port);
    }
    if (config->admin.enabled && listener->port != 0 && listener->port == config->admin.port &&
        strcmp(listener->address, config->admin.address) == 0)
        hf_config_error(errors, NULL, "listeners.%s and admin both want %s port %llu", listener->name,
                        listener->address, (unsigned long long)listener->port);
}

static void check_admin(const struct hf_config_admin *admin, struct hf_config_errors *errors)
{
    if (!admin->enabled)
        return;
    if (!hf_config_address_is_valid(admin->address))
        hf_config_error(errors, NULL, "admin.address '%s' is no numeric address; names are not looked up",
                        admin->address);
    else if (!hf_config_address_is_loopback(admin->address) && !(admin->require_key && admin->insecure))
        hf_config_error(
            errors, NULL,
            "admin.address %s is not loopback: metrics and debugging would be open to all; set it to "
            "127.0.0.1, or admin.require_key: true and admin.insecure: true",
            admin->address);
}

void hf_config_check_listeners(const struct hf_config *config, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < config->listeners.count; i++) {
        check_listener(config, &config->listeners.at[i], errors);
        check_unique(config, i, errors);
    }
    check_admin(&config->admin, errors);
}
