/* app/config_check.h - what no single value shows: options that need or forbid each other. Pure. Inside
 * app/config*.c only. */
#ifndef HF_APP_CONFIG_CHECK_H
#define HF_APP_CONFIG_CHECK_H

#include "app/config_errors.h"

/* Each reports what it finds; the caller looks at errors->error_count. */
void hf_config_check(const struct hf_config *config, struct hf_config_errors *errors);
void hf_config_check_listeners(const struct hf_config *config, struct hf_config_errors *errors);
void hf_config_check_tenants(const struct hf_config *config, struct hf_config_errors *errors);
void hf_config_check_gb_upstreams(const struct hf_config *config, struct hf_config_errors *errors);
void hf_config_check_gb(const struct hf_config *config, struct hf_config_errors *errors);

/* Files that are named: there, readable, secrets readable by their owner only; variables of secret_env set. */
void hf_config_check_files(const struct hf_config *config, char *const *env, struct hf_config_errors *errors);

/* Fills in what says "inherit" or "0: that one". The configuration has passed hf_config_check(). */
void hf_config_inherit(struct hf_config *config);

/* An address and the number of its leading bits: "10.0.0.0/8", "::1" (all bits). False for anything else. */
bool hf_config_cidr_is_valid(const char *text);
bool hf_config_address_is_valid(const char *text); /* a numeric one */

#endif
