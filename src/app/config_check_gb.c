/* The section gb28181: what its options need from each other. */
#include <stdlib.h>

#include "app/config_check.h"
#include "app/gb_config.h"
#include "base/assert.h"
#include "codec/manscdp/gbid.h"

#define IN_DIGITS "20 digits as devices have it in their settings, such as 34020000002000000001"

static void check_listeners(const struct hf_config *config, struct hf_config_errors *errors)
{
    const struct hf_config_gb_listener_list *list = &config->gb28181.listeners;

    if (list->count == 0)
        hf_config_error(errors, NULL,
                        "gb28181.listeners is empty; add one: {name: sip, address: 0.0.0.0, port: 5060}");
    for (size_t i = 0; i < list->count; i++) {
        const struct hf_config_gb_listener *listener = &list->at[i];

        if (!hf_config_address_is_valid(listener->address))
            hf_config_error(
                errors, NULL,
                "gb28181.listeners.%s.address '%s' is no numeric address; names are not looked up",
                listener->name, listener->address);
        for (size_t k = 0; k < i; k++) {
            const struct hf_config_gb_listener *other = &list->at[k];

            if (strcmp(listener->name, other->name) == 0)
                hf_config_error(errors, NULL,
                                "gb28181.listeners: the name '%s' stands twice; names must differ",
                                listener->name);
            else if (listener->port != 0 && listener->port == other->port &&
                     strcmp(listener->address, other->address) == 0)
                hf_config_error(errors, NULL, "gb28181.listeners.%s and %s both want %s port %llu",
                                other->name, listener->name, listener->address,
                                (unsigned long long)listener->port);
        }
        for (size_t k = 0; listener->transport != HF_CONFIG_GB_UDP && k < config->listeners.count; k++)
            if (listener->port != 0 && config->listeners.at[k].port == listener->port &&
                strcmp(config->listeners.at[k].address, listener->address) == 0)
                hf_config_error(errors, NULL,
                                "gb28181.listeners.%s and listeners.%s both want TCP %s port %llu",
                                listener->name, config->listeners.at[k].name, listener->address,
                                (unsigned long long)listener->port);
    }
}

static void check_domain(const struct hf_config *config, struct hf_config_errors *errors)
{
    const struct hf_config_gb28181 *gb = &config->gb28181;
    struct hf_slice id = hf_slice_of(gb->server_id), realm = hf_slice_of(gb->realm);

    if (id.bytes == 0)
        hf_config_error(errors, NULL, "gb28181.server_id is missing; it is our id, " IN_DIGITS);
    else if (!hf_gbid_valid(id, HF_GBID_RULE_STRICT))
        hf_config_error(errors, NULL, "gb28181.server_id '%s' is not " IN_DIGITS, gb->server_id);
    else if (realm.bytes > 0 && !hf_slice_eq(realm, hf_gbid_domain(id)))
        hf_config_warn(errors, NULL,
                       "gb28181.realm '%s' is not the first 10 digits of server_id (%.10s), as most devices "
                       "expect; leave it out unless yours are set so",
                       gb->realm, gb->server_id);
    for (size_t i = 0; i < realm.bytes; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", realm.at[i]) == NULL) {
            hf_config_error(errors, NULL,
                            "gb28181.realm '%s' has other characters than letters, digits, . and -",
                            gb->realm);
            break;
        }
    if (gb->external_host != NULL && !hf_config_address_is_valid(gb->external_host))
        hf_config_error(errors, NULL, "gb28181.external_host '%s' is no numeric address", gb->external_host);
    if (gb->external_port != 0 && gb->external_host == NULL)
        hf_config_error(errors, NULL, "gb28181.external_port has no effect without external_host; set both");
    if (gb->redirect_host != NULL && !hf_config_address_is_valid(gb->redirect_host))
        hf_config_error(errors, NULL, "gb28181.redirect_host '%s' is no numeric address", gb->redirect_host);
    for (size_t i = 0; gb->redirect_host != NULL && i < gb->listeners.count; i++)
        if (strcmp(gb->listeners.at[i].address, gb->redirect_host) == 0 &&
            gb->listeners.at[i].port == gb->redirect_port)
            hf_config_error(errors, NULL,
                            "gb28181.redirect_host and redirect_port are listener '%s' of this gateway; name "
                            "another node's, or set no redirect_host",
                            gb->listeners.at[i].name);
    if (gb->redirect_server_id != NULL &&
        !hf_gbid_valid(hf_slice_of(gb->redirect_server_id), HF_GBID_RULE_STRICT))
        hf_config_error(errors, NULL, "gb28181.redirect_server_id '%s' is not " IN_DIGITS,
                        gb->redirect_server_id);
    if (gb->redirect_host == NULL && gb->redirect_server_id != NULL)
        hf_config_error(errors, NULL,
                        "gb28181.redirect_server_id has no effect without redirect_host; set both");
    if (gb->tenant == NULL && config->tenants.count > 1)
        hf_config_error(errors, NULL,
                        "gb28181.tenant is missing; there are %zu tenants, say whose the cameras are",
                        config->tenants.count);
    if (gb->tenant != NULL && hf_config_tenant_find(config, hf_slice_of(gb->tenant)) == NULL)
        hf_config_error(errors, NULL, "gb28181.tenant names '%s', which is not in tenants", gb->tenant);
}

static void check_times(const struct hf_config_gb28181 *gb, struct hf_config_errors *errors)
{
    int16_t minutes;

    if (gb->expires_default_ms > gb->expires_max_ms)
        hf_config_error(errors, NULL, "gb28181.expires_default_ms must be at most gb28181.expires_max_ms");
    if (!hf_gb_zone_parse(hf_slice_of(gb->zone), &minutes))
        hf_config_error(
            errors, NULL,
            "gb28181.zone '%s' is no zone; write an offset from UTC from -12:00 to +14:00, such as "
            "+08:00 for Beijing",
            gb->zone);
}

static int compare_ids(const void *a, const void *b)
{
    const struct hf_config_gb_device *const *left = a, *const *right = b;

    return strcmp((*left)->id, (*right)->id);
}

static void check_unique(const struct hf_config_gb_device_list *list, struct hf_config_errors *errors)
{
    const struct hf_config_gb_device **sorted = malloc((list->count + 1) * sizeof(const void *));

    if (sorted == NULL)
        return; /* the last of two counts then */
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = &list->at[i];
    qsort(sorted, list->count, sizeof(const void *), compare_ids);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            hf_config_error(errors, NULL, "gb28181.devices: the id '%s' stands twice; ids must differ",
                            sorted[i]->id);
    free(sorted);
}

static void check_device(const struct hf_config_gb28181 *gb, const struct hf_config_gb_device *device,
                         bool domain_password, struct hf_config_errors *errors)
{
    unsigned secrets =
        (device->password_file != NULL) + (device->password_env != NULL) + (device->ha1 != NULL);
    enum hf_config_gb_alg alg = device->alg != HF_CONFIG_GB_ALG_INHERIT ? device->alg : gb->alg;
    size_t digits = alg == HF_CONFIG_GB_ALG_MD5 ? 32 : 64;

    if (!hf_gbid_valid(hf_slice_of(device->id), HF_GBID_RULE_DEVICE))
        hf_config_error(errors, NULL, "gb28181.devices.%s: the id of a device has 18 to 20 digits",
                        device->id);
    if (secrets > 1 || (device->open && secrets > 0))
        hf_config_error(errors, NULL,
                        "gb28181.devices.%s needs at most one of password_file, password_env, ha1 and open",
                        device->id);
    if (secrets == 0 && !device->open && device->allow && !domain_password)
        hf_config_error(
            errors, NULL,
            "gb28181.devices.%s has no password and neither has the domain: nobody could be it; give "
            "it password_file, password_env or ha1, or open: true",
            device->id);
    if (device->ha1 != NULL &&
        (strlen(device->ha1) != digits || strspn(device->ha1, "0123456789abcdefABCDEF") != digits))
        hf_config_error(
            errors, NULL,
            "gb28181.devices.%s.ha1 is not %zu hexadecimal digits, as its alg (%s) makes; `printf %%s "
            "ID:REALM:PASSWORD | %s` prints it",
            device->id, digits, alg == HF_CONFIG_GB_ALG_MD5 ? "MD5" : "SHA-256 or SM3",
            alg == HF_CONFIG_GB_ALG_MD5 ? "md5sum" : "sha256sum");
    if (device->keepalive_ms != 0 && device->keepalive_ms < 5000)
        hf_config_error(errors, NULL,
                        "gb28181.devices.%s.keepalive_ms is below 5s; raise it, or leave it out", device->id);
}

static void check_quirks(const struct hf_config_gb28181 *gb, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < gb->quirks.count; i++) {
        const struct hf_config_gb_quirk *quirk = &gb->quirks.at[i];
        const char *star = strchr(quirk->devices, '*');

        if (quirk->keepalive_ms != 0 && quirk->keepalive_ms < 5000)
            hf_config_error(errors, NULL,
                            "gb28181.quirks.%s.keepalive_ms is below 5s; raise it, or leave it out",
                            quirk->name);
        if (strspn(quirk->devices, "0123456789*") != strlen(quirk->devices) ||
            (star != NULL && star[1] != '\0'))
            hf_config_error(
                errors, NULL,
                "gb28181.quirks.%s.devices '%s' is no id; write digits, the first ones and *, or *",
                quirk->name, quirk->devices);
        for (size_t j = 0; j < i; j++)
            if (strcmp(gb->quirks.at[j].name, quirk->name) == 0)
                hf_config_error(errors, NULL, "gb28181.quirks: the name '%s' stands twice; names must differ",
                                quirk->name);
    }
}

void hf_config_check_gb(const struct hf_config *config, struct hf_config_errors *errors)
{
    const struct hf_config_gb28181 *gb = &config->gb28181;
    bool domain_password = gb->password_file != NULL || gb->password_env != NULL;

    if (!gb->enabled)
        return;
    check_listeners(config, errors);
    check_domain(config, errors);
    check_times(gb, errors);
    if (gb->alg == HF_CONFIG_GB_ALG_INHERIT)
        hf_config_error(errors, NULL,
                        "gb28181.alg: inherit is for devices; there is nothing above to inherit from");
    if (gb->password_file != NULL && gb->password_env != NULL)
        hf_config_error(errors, NULL, "gb28181 needs one of password_file and password_env, not both");
    if (!domain_password && gb->devices.count == 0)
        hf_config_error(errors, NULL,
                        "gb28181 has no password and no devices: nobody could register; set "
                        "gb28181.password_file, or list devices");
    for (size_t i = 0; i < gb->devices.count; i++)
        check_device(gb, &gb->devices.at[i], domain_password, errors);
    check_unique(&gb->devices, errors);
    check_quirks(gb, errors);
    hf_config_check_gb_upstreams(config, errors);
}
