/* adapter/ws/echo.h - the echo listener (dev.echo): every message comes back as it came, with nothing behind it. It shows what the
 * transport alone costs, beside other servers that only echo. Not a device: no identity, no heartbeat, no events. */
#ifndef HF_ADAPTER_WS_ECHO_H
#define HF_ADAPTER_WS_ECHO_H

#include "adapter/link.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "codec/ws/frame.h"

struct hf_echo_stats {
    uint64_t connections, opened, messages, bytes;
};

struct hf_echo_site {
    struct hf_slab *conns; /* own */
    struct hf_ws_config config;
    struct hf_wheel *wheel;
    struct hf_list_node all;
    struct hf_echo_stats stats;
};

hf_err hf_echo_site_init(struct hf_echo_site *site, uint64_t connections_max);
void hf_echo_site_abort(struct hf_echo_site *site);  /* all connections, at the end of the process */
void hf_echo_site_deinit(struct hf_echo_site *site); /* asserts that no connection is left */
/* A fresh link whose first bytes are the upgrade request. HF_ERR_LIMIT. */
hf_err hf_echo_open(struct hf_echo_site *site, struct hf_link *link, uint64_t now_ms);

#endif
