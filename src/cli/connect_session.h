/* cli/connect_session.h - `holdfast connect --protocol session`: the same, on libholdfast: it comes back by itself, and its lines wait in a queue. */
#ifndef HF_CLI_CONNECT_SESSION_H
#define HF_CLI_CONNECT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct hf_cli_session_request {
    const char *url, *token, *device;
    const char *ca_file, *cert_file, *key_file;
    const char *queue;       /* file; NULL = in memory */
    const char *auto_result; /* JSON; NULL = commands are unsupported */
    bool insecure, json, binary, stays;
    bool shadow;      /* takes part in its shadow: what is desired is shown, lines "report JSON" report */
    uint64_t wait_ms; /* after stdin has ended and all is sent; UINT64_MAX for ever */
    uint64_t count;   /* leave after so many messages; 0 = no such end */
};

/* Gives the exit status. */
int hf_cli_connect_session(const struct hf_cli_session_request *request, const char *argv0);

#endif
