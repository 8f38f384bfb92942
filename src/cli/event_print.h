/* cli/event_print.h - one event of GET /v1/events as a line for people, for tail and explain. */
#ifndef HF_CLI_EVENT_PRINT_H
#define HF_CLI_EVENT_PRINT_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* "12:00:00.123  #42  acme/bike-1  message  gps  {...}"; text of devices is made harmless for terminals. */
void hf_cli_event_print(FILE *out, const cJSON *event);

#endif
