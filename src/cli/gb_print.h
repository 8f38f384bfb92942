/* cli/gb_print.h - what happens to a simulated camera, as lines for people or as JSON. */
#ifndef HF_CLI_GB_PRINT_H
#define HF_CLI_GB_PRINT_H

#include "bench/gb/camera.h"

struct hf_cli_gb_print {
    bool json, trace; /* trace: every SIP message, credentials masked */
};

void hf_cli_gb_print_event(const struct hf_cli_gb_print *print, const struct hf_cam *cam,
                           const struct hf_cam_event *event);
void hf_cli_gb_print_message(const struct hf_cli_gb_print *print, bool out, struct hf_slice bytes);
/* Anything else: "connected", "cannot connect: ...". */
void hf_cli_gb_print_note(const struct hf_cli_gb_print *print, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
