/* client/url.h - where the gateway is: ws://host:port/path. */
#ifndef HF_CLIENT_URL_H
#define HF_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { HF_URL_HOST_BYTES_MAX = 253, HF_URL_TARGET_BYTES_MAX = 2048 };

struct hf_client_url {
    bool tls;
    char host[HF_URL_HOST_BYTES_MAX + 1]; /* without brackets */
    char port[6];                         /* digits */
    char authority[HF_URL_HOST_BYTES_MAX + 1 +
                   10]; /* for the Host header: with brackets, with a port that is not the scheme's own */
    char target[HF_URL_TARGET_BYTES_MAX + 1]; /* path and query */
};

/* ws, wss, http and https. Without a path (or with "/"): /v1/connect, and /device behind it when there is one (absent = none). HF_ERR_INVALID. */
hf_err hf_client_url_parse(const char *text, struct hf_slice device, struct hf_client_url *ret_url);
/* The same place, but for host and port: "host", "host:port", "[v6]:port" (an alternate of WELCOME or BYE), or a whole URL with the same scheme. */
hf_err hf_client_url_alternate(const struct hf_client_url *url, struct hf_slice text,
                               struct hf_client_url *ret_url);

#endif
