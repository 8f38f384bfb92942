/* cli/connect_print.h - what `holdfast connect` shows: for people, or one JSON object a line. */
#ifndef HF_CLI_CONNECT_PRINT_H
#define HF_CLI_CONNECT_PRINT_H

#include "cli/ws_client.h"

struct hf_cli_print {
    bool json;
};

void hf_cli_print_init(struct hf_cli_print *print, bool json);
void hf_cli_print_message(struct hf_cli_print *print, char direction, bool text, struct hf_slice data);
void hf_cli_print_open(struct hf_cli_print *print, const char *url, const struct hf_cli_ws *ws);
void hf_cli_print_note(struct hf_cli_print *print, const char *event, const char *text);
void hf_cli_print_close(struct hf_cli_print *print, const struct hf_cli_ws_event *event);
void hf_cli_print_lost(struct hf_cli_print *print, const char *why);
void hf_cli_print_refused(struct hf_cli_print *print, const char *argv0,
                          const struct hf_cli_ws_failure *failure);

#endif
