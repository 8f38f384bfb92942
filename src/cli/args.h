/* cli/args.h - values of options, and text of peers for a terminal. */
#ifndef HF_CLI_ARGS_H
#define HF_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"

/* "1500ms", "5s", "2m", "24h", "7d"; a bare number is milliseconds. Prints what is wrong; gives an exit status. */
int hf_cli_ms(const char *argv0, const char *option, const char *text, uint64_t *ret_ms);
/* A whole number within min..max. */
int hf_cli_number(const char *argv0, const char *option, const char *text, uint64_t min, uint64_t max,
                  uint64_t *ret_value);

/* Of a device, as options say them; NULL: not given. */
struct hf_cli_credentials {
    const char *token, *token_file, *cert_file, *key_file;
};

/* After getopt_long(): what follows the options is one URL or nothing (*url stays then), and the credentials are one token and a certificate with its key, as far as they are given.
 * Prints what is wrong; gives an exit status. */
int hf_cli_device_args(int argc, char **argv, const struct hf_cli_credentials *credentials, const char **url);

enum { HF_CLI_SHORT_BYTES = 32 };

/* Text of a peer: control characters, which could steer a terminal, are shown as \x1b; valid UTF-8 passes. */
void hf_cli_print_text(FILE *out, struct hf_slice text);
/* 12:00:00.123 in the local zone. */
void hf_cli_print_time(FILE *out, uint64_t utc_ms);
/* "1.5 MiB" */
const char *hf_cli_bytes_text(double bytes, char out[HF_CLI_SHORT_BYTES]);
/* "950 ms", "42 s", "3 min", "5 h", "12 d". */
const char *hf_cli_duration_text(uint64_t ms, char out[HF_CLI_SHORT_BYTES]);

#endif
