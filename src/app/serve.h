/* app/serve.h - a gateway from its configuration to its end: signals, watchdog, drain. Shared by `serve` and `dev`. */
#ifndef HF_APP_SERVE_H
#define HF_APP_SERVE_H

#include "app/config.h"

struct hf_gateway;

struct hf_serve_options {
    const char *config_path; /* read again on HUP; NULL = none */
    struct hf_config_settings settings;
    char *const *env;
    /* Called once when the gateway is ready. May be NULL. */
    void (*on_ready)(void *context, struct hf_gateway *gateway);
    void *context;
};

/* Takes config. Returns the exit status: 0 after a drain, 1 when it could not start (the reason was printed to stderr). */
int hf_serve(struct hf_config *config, const struct hf_serve_options *options);

#endif
