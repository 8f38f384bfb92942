/* client/url.h - where the gateway is, ws://host:port/path, or the broker, mqtt://user@host:port/prefix. */
#ifndef HF_CLIENT_URL_H
#define HF_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_URL_HOST_BYTES_MAX = 253,
    HF_URL_TARGET_BYTES_MAX = 2048,
    HF_URL_PREFIX_BYTES_MAX = 255, /* of MQTT */
    HF_URL_USER_BYTES_MAX = 255
};

struct hf_client_url {
    bool tls, mqtt;
    char host[HF_URL_HOST_BYTES_MAX + 1]; /* without brackets */
    char port[6];                         /* digits */
    char authority[HF_URL_HOST_BYTES_MAX + 1 +
                   10]; /* for the Host header: with brackets, with a port that is not the scheme's own */
    char target
        [HF_URL_TARGET_BYTES_MAX +
         1]; /* path and query; of MQTT the prefix of its topics, without a slash at either end; may be "" */
    char user[HF_URL_USER_BYTES_MAX + 1]; /* of MQTT, decoded; "" = none is named */
};

/* ws, wss, http and https; without a path (or with "/"): /v1/connect, and /device behind it when there is one (absent = none). mqtt and mqtts. HF_ERR_INVALID: *ret_fault, a static text,
 * says what is wrong. */
hf_err hf_client_url_parse(const char *text, struct hf_slice device, struct hf_client_url *ret_url,
                           const char **ret_fault);
/* The same place, but for host and port: "host", "host:port", "[v6]:port" (an alternate of WELCOME or BYE), or a whole URL with the same scheme. */
hf_err hf_client_url_alternate(const struct hf_client_url *url, struct hf_slice text,
                               struct hf_client_url *ret_url);

#endif
