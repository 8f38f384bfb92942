/* cli/agent_print.h - what `holdfast agent` tells: for people on stderr, or with --json one object a line on stdout. From two threads: each call is one line. */
#ifndef HF_CLI_AGENT_PRINT_H
#define HF_CLI_AGENT_PRINT_H

#include "agent/agent.h"

struct hf_cli_agent_print {
    bool json;
    bool broker; /* it is one that the batches go to */
};

void hf_cli_agent_print_init(struct hf_cli_agent_print *print, bool json);
/* device: NULL when there is only one. */
void hf_cli_agent_print_note(struct hf_cli_agent_print *print, const char *device, enum hf_agent_note note,
                             const char *text);
void hf_cli_agent_print_line(struct hf_cli_agent_print *print, const char *text); /* of the source */
void hf_cli_agent_print_status(struct hf_cli_agent_print *print, const struct hf_agent_status *status,
                               const struct hf_source_counters *counters, bool last);

#endif
