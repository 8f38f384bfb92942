/* app/gb_config.h - the section gb28181 as the site of cameras wants it (adapter/gb28181/site.h). */
#ifndef HF_APP_GB_CONFIG_H
#define HF_APP_GB_CONFIG_H

#include "adapter/gb28181/site.h"
#include "app/config.h"
#include "codec/manscdp/gbid.h"
#include "io/socket.h"

/* "+08:00" as minutes east of UTC, -12:00 to +14:00. */
bool hf_gb_zone_parse(struct hf_slice text, int16_t *ret_minutes);
/* Of a checked configuration; borrowed from it. */
struct hf_slice hf_gb_realm(const struct hf_config *config);
struct hf_slice hf_gb_tenant(const struct hf_config *config);
/* Of an upstream: its SIP domain, and our id there. */
struct hf_slice hf_gb_upstream_domain(const struct hf_config_gb_upstream *upstream);
struct hf_slice hf_gb_upstream_device_id(const struct hf_config *config,
                                         const struct hf_config_gb_upstream *upstream);
/* False: no numeric address. */
bool hf_gb_upstream_address(const char *address, uint64_t port, union hf_address *ret_address);
void hf_gb_limits_of(const struct hf_config *config, struct hf_gb_limits *ret_limits);

#endif
