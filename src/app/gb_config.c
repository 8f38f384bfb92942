#include "app/gb_config.h"

#include <stdio.h>

#include "base/assert.h"
#include "core/gb/subscription.h"

bool hf_gb_zone_parse(struct hf_slice text, int16_t *ret_minutes)
{
    uint64_t hours, minutes;

    if (text.bytes != 6 || (text.at[0] != '+' && text.at[0] != '-') || text.at[3] != ':' ||
        !hf_slice_to_u64((struct hf_slice){text.at + 1, 2}, &hours) ||
        !hf_slice_to_u64((struct hf_slice){text.at + 4, 2}, &minutes) || minutes > 59)
        return false;
    int offset = (int)(60 * hours + minutes) * (text.at[0] == '-' ? -1 : 1);
    if (offset < -720 || offset > 840)
        return false;
    *ret_minutes = (int16_t)offset;
    return true;
}

struct hf_slice hf_gb_realm(const struct hf_config *config)
{
    struct hf_slice realm = hf_slice_of(config->gb28181.realm);

    return realm.bytes > 0 ? realm : (struct hf_slice){config->gb28181.server_id, HF_GBID_DOMAIN_DIGITS};
}

struct hf_slice hf_gb_tenant(const struct hf_config *config)
{
    return hf_slice_of(config->gb28181.tenant != NULL ? config->gb28181.tenant : config->tenants.at[0].name);
}

struct hf_slice hf_gb_upstream_domain(const struct hf_config_gb_upstream *upstream)
{
    return upstream->domain != NULL ? hf_slice_of(upstream->domain)
                                    : (struct hf_slice){upstream->server_id, HF_GBID_DOMAIN_DIGITS};
}

struct hf_slice hf_gb_upstream_device_id(const struct hf_config *config,
                                         const struct hf_config_gb_upstream *upstream)
{
    return hf_slice_of(upstream->device_id != NULL ? upstream->device_id : config->gb28181.server_id);
}

bool hf_gb_upstream_address(const char *address, uint64_t port, union hf_address *ret_address)
{
    return address[0] != '\0' && address[0] != '*' && port <= UINT16_MAX &&
           hf_address_parse_host(address, (uint16_t)port, ret_address) == HF_OK;
}

void hf_gb_limits_of(const struct hf_config *config, struct hf_gb_limits *ret_limits)
{
    const struct hf_config_gb28181 *gb = &config->gb28181;
    int16_t zone_minutes = HF_GB_ZONE_DEFAULT;
    bool zone = hf_gb_zone_parse(hf_slice_of(gb->zone), &zone_minutes);

    HF_ASSERT(zone || !gb->enabled); /* config_check_gb.c */
    *ret_limits = (struct hf_gb_limits){
        .expires_default_s = (uint32_t)(gb->expires_default_ms / 1000),
        .expires_max_s = (uint32_t)(gb->expires_max_ms / 1000),
        .keepalive_ms = (uint32_t)gb->keepalive_ms,
        .keepalive_count = (uint32_t)gb->keepalive_count,
        .keepalive_grace_ms = (uint32_t)gb->keepalive_grace_ms,
        .nonce_lifetime_ms = (uint32_t)gb->nonce_lifetime_ms,
        .lock_failures = (uint32_t)gb->lock_failures,
        .lock_window_ms = (uint32_t)gb->lock_window_ms,
        .lock_ms = (uint32_t)gb->lock_ms,
        .sip_wait_ms = (uint32_t)gb->sip_wait_ms,
        .answer_wait_ms = (uint32_t)gb->answer_wait_ms,
        .list_wait_ms = (uint32_t)gb->list_wait_ms,
        .list_idle_ms = (uint32_t)gb->list_idle_ms,
        .catalog_per_second = gb->catalog_per_s ? (uint32_t)gb->catalog_per_s : HF_GB_CATALOGS_OFF,
        .catalog_max_age_s = (uint32_t)(gb->catalog_max_age_ms / 1000),
        .subscribe = (gb->subscribe_catalog ? 1u << HF_GB_TOPIC_CATALOG : 0u) |
                     (gb->subscribe_alarm ? 1u << HF_GB_TOPIC_ALARM : 0u) |
                     (gb->subscribe_position ? 1u << HF_GB_TOPIC_POSITION : 0u) |
                     (gb->subscribe_ptz_position ? 1u << HF_GB_TOPIC_PTZ_POSITION : 0u),
        .subscribe_expires_s = (uint32_t)(gb->subscribe_expires_ms / 1000),
        .position_interval_s = (uint32_t)gb->position_interval_s,
        .call_setup_ms = (uint32_t)gb->call_setup_ms,
        .refusals = {(uint32_t)gb->refusals_per_s, (uint32_t)gb->refusals_capacity},
        .zone_minutes = zone_minutes != 0 ? zone_minutes : HF_GB_ZONE_UTC,
        .version_always = gb->version_always,
        .no_date = !gb->date,
        .nonce_binds_address = gb->nonce_binds_address,
        .strict_ids = gb->strict_ids,
        .silent_to_strangers = gb->silent_to_strangers,
        .redirect_port = (uint16_t)gb->redirect_port,
        .redirect_above = (uint32_t)gb->redirect_above,
    };
    (void)snprintf(ret_limits->redirect_host, sizeof(ret_limits->redirect_host), "%s",
                   gb->redirect_host != NULL ? gb->redirect_host : "");
    (void)snprintf(ret_limits->redirect_server_id, sizeof(ret_limits->redirect_server_id), "%s",
                   gb->redirect_server_id != NULL ? gb->redirect_server_id : "");
}
