/* app/config_print.h - the configuration as text: a documented sample, the manual's table, a running one.
 * All return HF_ERR_IO when the stream failed. */
#ifndef HF_APP_CONFIG_PRINT_H
#define HF_APP_CONFIG_PRINT_H

#include <stdio.h>

#include "app/config.h"

/* `holdfast default-config`: every option with its help, range and default; it is a valid configuration itself, with
 * one tenant. deploy/holdfast.yaml is this. */
hf_err hf_config_print_sample(FILE *out);

/* `holdfast default-config --markdown`: doc/configuration.md. */
hf_err hf_config_print_markdown(FILE *out);

/* What is in force, as YAML without comments; reading it again gives the same configuration. */
hf_err hf_config_print(const struct hf_config *config, FILE *out);

/* What is in force, without lists (tenants, keys, cameras), as JSON: {"options": [...]}. malloc'ed; 0 = no memory. */
size_t hf_config_rows(const struct hf_config *config, char **ret_json);

#endif
