/* cli/gen_parts.h - what the makers of certificates, keys and tokens share. */
#ifndef HF_CLI_GEN_PARTS_H
#define HF_CLI_GEN_PARTS_H

#include <stdint.h>

#include "cli/cli.h"

extern const struct hf_cli_command hf_cli_gen_ca, hf_cli_gen_cert, hf_cli_gen_key, hf_cli_gen_token;
extern const struct hf_cli_command hf_cli_check_token;
extern const struct hf_cli_command hf_cli_check_access;

enum { HF_CLI_PATH_BYTES_MAX = 1024 };

/* prefix + suffix: "ca" + ".pem". False (after a message) when it does not fit. */
bool hf_cli_path(const char *argv0, const char *prefix, const char *suffix,
                 char ret_path[HF_CLI_PATH_BYTES_MAX]);
/* A whole number of days, 1..max. False after a message. */
bool hf_cli_days(const char *argv0, const char *text, unsigned days_max, unsigned *ret_days);

#endif
