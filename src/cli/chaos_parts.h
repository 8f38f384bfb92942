/* cli/chaos_parts.h - the commands of `holdfast chaos`. */
#ifndef HF_CLI_CHAOS_PARTS_H
#define HF_CLI_CHAOS_PARTS_H

#include "bench/chaos/faults.h"
#include "cli/cli.h"

extern const struct hf_cli_command hf_cli_chaos_process;

/* "200ms", "5s", "1m", to the microsecond. Prints what is wrong; gives an exit status. */
int hf_cli_chaos_time(const char *argv0, const char *option, const char *text, uint64_t *ret_us);

#endif
