/* app/gateway.h - the running gateway: what all workers share. gateway.c builds and ends it, worker*.c are its threads, reload.c exchanges
 * what may change, metrics.c and ready.c show it. */
#ifndef HF_APP_GATEWAY_H
#define HF_APP_GATEWAY_H

#include "adapter/api/api.h"
#include "app/config.h"
#include "app/gb.h"
#include "app/gb_accounts.h"
#include "app/jwks.h"
#include "app/leaks.h"
#include "app/log_sink.h"
#include "app/log_thread.h"
#include "app/login.h"
#include "app/pools.h"
#include "app/regions.h"
#include "app/renewal.h"
#include "app/series_thread.h"
#include "app/store_thread.h"
#include "app/tail_thread.h"
#include "app/tenants.h"
#include "app/trust.h"
#include "base/logger.h"
#include "io/listener.h"
#include "io/tls.h"

enum { HF_GATEWAY_ERROR_BYTES = 1024, HF_TOPIC_INTEREST_SLOTS = 4096 };

struct hf_media;
struct hf_page;
struct hf_worker;

/* A listener of the configuration, with its real port; each worker has a socket of its own for it. */
struct hf_gateway_listener {
    char name[65];
    union hf_address address; /* with the real port once open */
    unsigned roles;           /* HF_HTTP_* */
    bool proxy_protocol, echo;
    struct hf_tls *tls;       /* owns; NULL = plain */
    struct hf_tls_deny *deny; /* owns; NULL = plain */
    const struct hf_config_listener
        *config; /* of the configuration in force at start; NULL for admin and echo */
};

/* What a reload exchanges for the API and the HTTP servers; kept until the process ends, as tenants are. */
struct hf_gateway_rules {
    struct hf_gateway_rules *older;
    struct hf_api_key_config *keys;
    unsigned key_count;
    struct hf_config *config;           /* owns: texts are borrowed from it */
    struct hf_gb_accounts *gb_accounts; /* owns; NULL: gb28181 is not enabled */
};

struct hf_gateway {
    struct hf_logger logger;
    struct hf_log_sink_file sink;
    struct hf_gateway_rules *_Atomic rules; /* in force; exchanged by the main thread, read by all */
    struct hf_tenants *tenants;
    struct hf_jwks *jwks;       /* owns: keys of tokens that come by URL */
    struct hf_renewal *renewal; /* owns */
    struct hf_trust trust;
    struct hf_regions *regions; /* owns */
    struct hf_log *log;
    struct hf_kv *kv;
    struct hf_log_thread log_thread;
    struct hf_store_thread store_thread;
    struct hf_tail_thread tail_thread;
    struct hf_series_thread *series; /* owns; NULL: no time series are kept (samples.series) */
    struct hf_kv *series_kv;         /* owns */
    struct hf_media *media;          /* owns; NULL: no media comes in */
    struct hf_worker **workers;
    unsigned worker_count;
    struct hf_gateway_listener *listeners;
    unsigned listener_count;
    struct hf_gateway_gb gb; /* cameras */
    struct hf_gateway_upstreams upstreams;
    struct hf_login login;                      /* to the console */
    struct hf_pools pools;                      /* watched by the first worker */
    struct hf_leaks leaks;                      /* likewise */
    struct hf_latency_history *latency_history; /* owns; heatmap.c */
    uint64_t boot, started_utc_ms, started_ms;
    uint64_t previous_end_ms; /* UTC of the last record before this start; 0 = none */
    _Atomic uint32_t
        interest[HF_TOPIC_INTEREST_SLOTS]; /* subscriptions of topics that hash here, all workers */
    _Atomic bool draining, started;
    char *const *env;
    char data_dir[1024];
};

/* Builds everything up to open listeners; nothing runs yet. Takes config on HF_OK. error names what failed and the fix. */
hf_err hf_gateway_open(struct hf_config *config, char *const *env, struct hf_gateway **ret_gateway,
                       char *error, size_t error_bytes);
hf_err hf_gateway_start(struct hf_gateway *gateway); /* threads; listeners accept from here on */
/* TERM: stops accepting, closes connections with 1001 spread over the window, ends when all are gone or the window and the
 * close timeout are over. */
void hf_gateway_drain(struct hf_gateway *gateway);
bool hf_gateway_drained(const struct hf_gateway *gateway);
void hf_gateway_stop(struct hf_gateway *gateway); /* joins everything, what was accepted is durable */
void hf_gateway_free(struct hf_gateway *gateway); /* NULL is harmless */

/* reload.c - HUP. A configuration with errors changes nothing and is named in the log; likewise a bad certificate. */
void hf_gateway_reload(struct hf_gateway *gateway, const char *path, struct hf_config_settings settings);
/* Takes config only when the rules are put in force. */
hf_err hf_gateway_rules_new(struct hf_config *config, char *const *env, struct hf_gateway_rules **ret_rules,
                            char *error, size_t error_bytes);
void hf_gateway_rules_free(struct hf_gateway_rules *rules); /* without config; NULL is harmless */
enum hf_log_level hf_gateway_log_level(enum hf_config_log_level level);

/* gateway_listeners.c: parts of hf_gateway_open(), _start() and _free(). */
hf_err hf_gateway_listeners_open(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                                 size_t error_bytes);
hf_err hf_gateway_listeners_bind(struct hf_gateway *gateway, char *error, size_t error_bytes);
void hf_gateway_listeners_log(struct hf_gateway *gateway);
void hf_gateway_listeners_free(struct hf_gateway *gateway);
/* Of a TLS listener: certificate, key, CA set, CRL and deny-list anew. An error leaves what it names as it was. */
hf_err hf_gateway_listener_reload(struct hf_gateway_listener *listener, const struct hf_config_tls *tls,
                                  char *error, size_t error_bytes);
/* Grows with each change of any listener's deny-list, and when a CA set was found to end sessions. */
uint64_t hf_gateway_deny_generation(const struct hf_gateway *gateway);

/* series_gateway.c */
hf_err hf_gateway_series_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                              size_t error_bytes);
void hf_gateway_series_free(struct hf_gateway *gateway);
void hf_gateway_series_metrics(struct hf_page *page, struct hf_gateway *gateway);

/* media_gateway.c */
hf_err hf_gateway_media_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                             size_t error_bytes);
void hf_gateway_media_metrics(struct hf_page *page, struct hf_gateway *gateway);

/* metrics.c */
size_t hf_gateway_metrics(struct hf_gateway *gateway, char **ret_text); /* malloc'ed; 0 = no memory */
uint64_t hf_gateway_resident_bytes(void);                               /* 0: not known */

/* ready.c */
bool hf_gateway_ready(struct hf_gateway *gateway, struct hf_sb *ret_json);

/* overview.c */
size_t hf_gateway_overview(struct hf_gateway *gateway, char **ret_json); /* malloc'ed; 0 = no memory */

/* run.json in the data directory: what listens where, for tools and tests. */
hf_err hf_gateway_write_run_file(const struct hf_gateway *gateway);

#endif
