/* cli/http_client.h - the HTTP of the commands: one request at a time to the gateway's API, answers in memory or as they
 * stream in. What goes wrong is printed once, by whoever called, with hf_cli_http_failed(): for an RFC 9457 problem its detail
 * and reason. Blocks; for front ends only. */
#ifndef HF_CLI_HTTP_CLIENT_H
#define HF_CLI_HTTP_CLIENT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "cli/remote.h"

enum {
    HF_CLI_HTTP_BODY_BYTES_MAX = 64 << 20, /* of an answer that is kept in memory */
    HF_CLI_HTTP_CONNECT_MS = 10000,
    HF_CLI_HTTP_REQUEST_MS = 75000, /* a command may be awaited for 60 s */
};

struct hf_cli_http; /* opaque */

struct hf_cli_http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/v1/devices?limit=10", encoded */
    struct hf_slice body;
    const char *content_type;    /* of the body */
    const char *idempotency_key; /* or NULL */
    const char *accept;          /* or NULL */
    /* Streams: called with what came; false ends the transfer (no error). NULL keeps the body in the answer. A problem
     * document is kept in any case. */
    bool (*on_data)(void *user, const char *data, size_t bytes);
    void *user;
};

struct hf_cli_http_answer {
    unsigned status; /* 0: no answer came, `error` says why */
    char *body;      /* owned, NUL-terminated; NULL when nothing came */
    size_t body_bytes;
    char error[256];
    bool cut; /* the stream broke before its end (status is set) */
};

/* NULL on no memory. The remote must live longer. */
struct hf_cli_http *hf_cli_http_new(const struct hf_cli_remote *remote);
void hf_cli_http_free(struct hf_cli_http *http); /* NULL is harmless */

/* HF_OK: 2xx. HF_ERR_DENIED: another status. HF_ERR_IO: no answer. The caller ends with hf_cli_http_answer_deinit(). */
hf_err hf_cli_http_do(struct hf_cli_http *http, const struct hf_cli_http_request *request,
                      struct hf_cli_http_answer *ret_answer);
void hf_cli_http_answer_deinit(struct hf_cli_http_answer *answer);

/* GET as JSON; NULL after printing what went wrong. The caller deletes it. */
cJSON *hf_cli_http_get(struct hf_cli_http *http, const char *argv0, const char *path);
/* The body as JSON; NULL when it is none. */
cJSON *hf_cli_http_json(const struct hf_cli_http_answer *answer);
/* Prints the problem to stderr; gives HF_CLI_FAILED. */
int hf_cli_http_failed(const char *argv0, const struct hf_cli_http_answer *answer);

/* Appends `text` percent-encoded (RFC 3986 unreserved stay) to out of out_bytes; false when it does not fit. */
bool hf_cli_http_encode(char *out, size_t out_bytes, const char *text);

#endif
