/* The list gb28181.upstreams: what its options need from each other, and what would be a loop. */
#include <stdio.h>

#include "app/config_check.h"
#include "app/gb_config.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define IN_DIGITS       "20 digits, such as 34020000002000000001"

static void check_ids(const struct hf_config *config, const struct hf_config_gb_upstream *upstream,
                      struct hf_config_errors *errors)
{
    const struct hf_config_gb28181 *gb = &config->gb28181;
    const char *name = upstream->name;

    if (upstream->server_id == NULL)
        hf_config_error(errors, NULL,
                        "gb28181.upstreams.%s.server_id is missing; it is the platform's id, " IN_DIGITS,
                        name);
    else if (!hf_gbid_valid(hf_slice_of(upstream->server_id), HF_GBID_RULE_STRICT))
        hf_config_error(errors, NULL, "gb28181.upstreams.%s.server_id '%s' is not " IN_DIGITS, name,
                        upstream->server_id);
    else if (gb->server_id != NULL && strcmp(upstream->server_id, gb->server_id) == 0)
        hf_config_error(
            errors, NULL,
            "gb28181.upstreams.%s.server_id is our own gb28181.server_id: we would be our own upper platform",
            name);
    if (upstream->device_id != NULL && !hf_gbid_valid(hf_slice_of(upstream->device_id), HF_GBID_RULE_STRICT))
        hf_config_error(errors, NULL, "gb28181.upstreams.%s.device_id '%s' is not " IN_DIGITS, name,
                        upstream->device_id);
    if (upstream->domain != NULL && strspn(upstream->domain, NAME_CHARACTERS) != strlen(upstream->domain))
        hf_config_error(
            errors, NULL,
            "gb28181.upstreams.%s.domain '%s' has other characters than letters, digits, . - and _", name,
            upstream->domain);
    if (upstream->username != NULL && strpbrk(upstream->username, " \"\\<>@\t") != NULL)
        hf_config_error(errors, NULL, "gb28181.upstreams.%s.username has blanks, quotes, <, > or @", name);
    for (size_t i = 0; upstream->server_id != NULL && i < gb->devices.count; i++)
        if (gb->devices.at[i].allow && strcmp(gb->devices.at[i].id, upstream->server_id) == 0)
            hf_config_error(
                errors, NULL,
                "gb28181.upstreams.%s.server_id stands in gb28181.devices, too: a platform cannot be "
                "above and below; take it out of one of them",
                name);
}

static void check_addresses(const struct hf_config *config, const struct hf_config_gb_upstream *upstream,
                            struct hf_config_errors *errors)
{
    const struct hf_config_gb_listener_list *listeners = &config->gb28181.listeners;
    const char *name = upstream->name;
    union hf_address address;

    if (!hf_config_address_is_valid(upstream->address != NULL ? upstream->address : ""))
        hf_config_error(errors, NULL,
                        "gb28181.upstreams.%s.address '%s' is no numeric address; names are not looked up",
                        name, upstream->address != NULL ? upstream->address : "");
    if (upstream->local_address != NULL &&
        !hf_gb_upstream_address(upstream->local_address, upstream->local_port, &address))
        hf_config_error(errors, NULL, "gb28181.upstreams.%s.local_address '%s' is no numeric address", name,
                        upstream->local_address);
    if (upstream->external_host != NULL && !hf_config_address_is_valid(upstream->external_host))
        hf_config_error(errors, NULL, "gb28181.upstreams.%s.external_host '%s' is no numeric address", name,
                        upstream->external_host);
    if (upstream->external_port != 0 && upstream->external_host == NULL)
        hf_config_error(errors, NULL,
                        "gb28181.upstreams.%s.external_port has no effect without external_host; set both",
                        name);
    for (size_t i = 0; i < listeners->count; i++) {
        const struct hf_config_gb_listener *listener = &listeners->at[i];

        if (upstream->local_port != 0 && upstream->local_port == listener->port &&
            upstream->transport == HF_CONFIG_GB_UP_UDP && listener->transport != HF_CONFIG_GB_TCP)
            hf_config_error(
                errors, NULL,
                "gb28181.upstreams.%s.local_port is that of gb28181.listeners.%s: what comes from above "
                "and from devices could not be told apart; choose another",
                name, listener->name);
        if (upstream->port == listener->port && upstream->address != NULL &&
            strcmp(upstream->address, listener->address) == 0)
            hf_config_error(
                errors, NULL,
                "gb28181.upstreams.%s.address and port are those of gb28181.listeners.%s: we would be "
                "our own upper platform",
                name, listener->name);
    }
}

/* Devices that are shown, and ids of theirs there. */
static void check_shown(const struct hf_config_gb_upstream *upstream, struct hf_config_errors *errors)
{
    const char *name = upstream->name;

    for (size_t i = 0; i < upstream->devices.count; i++) {
        const char *pattern = upstream->devices.at[i], *star = strchr(pattern, '*');

        if (strspn(pattern, "0123456789*") != strlen(pattern) || (star != NULL && star[1] != '\0'))
            hf_config_error(
                errors, NULL,
                "gb28181.upstreams.%s.devices: '%s' is no id; write digits, the first ones and *, or *", name,
                pattern);
    }
    for (size_t i = 0; i < upstream->ids.count; i++) {
        const struct hf_config_gb_upstream_id *row = &upstream->ids.at[i];

        if (!hf_gbid_valid(hf_slice_of(row->id), HF_GBID_RULE_ITEM))
            hf_config_error(errors, NULL, "gb28181.upstreams.%s.ids: the id '%s' is not 2 to 20 digits", name,
                            row->id);
        if (row->device == NULL || !hf_gbid_valid(hf_slice_of(row->device), HF_GBID_RULE_DEVICE))
            hf_config_error(errors, NULL,
                            "gb28181.upstreams.%s.ids.%s.device is not the id of a device, 18 to 20 digits",
                            name, row->id);
        for (size_t k = 0; k < i; k++)
            if (strcmp(upstream->ids.at[k].id, row->id) == 0)
                hf_config_error(errors, NULL,
                                "gb28181.upstreams.%s.ids: the id '%s' stands twice; ids must differ", name,
                                row->id);
    }
}

static void check_pair(const struct hf_config_gb_upstream *a, const struct hf_config_gb_upstream *b,
                       struct hf_config_errors *errors)
{
    if (strcmp(a->name, b->name) == 0)
        hf_config_error(errors, NULL, "gb28181.upstreams: the name '%s' stands twice; names must differ",
                        a->name);
    else if (a->local_port != 0 && a->local_port == b->local_port && a->transport == b->transport &&
             a->transport == HF_CONFIG_GB_UP_UDP)
        hf_config_error(errors, NULL, "gb28181.upstreams.%s and %s both want local_port %llu", a->name,
                        b->name, (unsigned long long)a->local_port);
}

void hf_config_check_gb_upstreams(const struct hf_config *config, struct hf_config_errors *errors)
{
    const struct hf_config_gb_upstream_list *list = &config->gb28181.upstreams;

    for (size_t i = 0; i < list->count; i++) {
        const struct hf_config_gb_upstream *upstream = &list->at[i];

        if (strspn(upstream->name, NAME_CHARACTERS) != strlen(upstream->name))
            hf_config_error(
                errors, NULL,
                "gb28181.upstreams: the name '%s' has other characters than letters, digits, . - and _",
                upstream->name);
        if (upstream->password_file != NULL && upstream->password_env != NULL)
            hf_config_error(errors, NULL,
                            "gb28181.upstreams.%s needs at most one of password_file and password_env",
                            upstream->name);
        check_ids(config, upstream, errors);
        check_addresses(config, upstream, errors);
        check_shown(upstream, errors);
        for (size_t k = 0; k < i; k++)
            check_pair(&list->at[k], upstream, errors);
    }
}
