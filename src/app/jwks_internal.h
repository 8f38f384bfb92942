/* app/jwks_internal.h - the parts of app/jwks.h: jwks.c what other threads call, jwks_thread.c the thread, jwks_fetch.c libcurl, jwks_metrics.c. */
#ifndef HF_APP_JWKS_INTERNAL_H
#define HF_APP_JWKS_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "app/jwks.h"
#include "codec/jwt/refresh.h"
#include "io/thread.h"

enum { HF_JWKS_CAUSE_BYTES = 320 };

struct hf_jwks_source {           /* a URL of a tenant */
    char *tenant, *url, *ca_file; /* own; ca_file or NULL */
    /* Under the mutex: */
    struct hf_jwks_source *next_gone;
    unsigned position; /* in the tenant's jwt_keys */
    struct hf_jwks_refresh refresh;
    bool start;  /* `refresh` counts a fetch as running that the thread is yet to begin */
    bool failed; /* the last fetch did */
    uint64_t fetched_total, failed_total;
    uint64_t good_ms; /* when the set in force was last seen to be the server's; 0: never */
    size_t keys;      /* of it */
    /* The thread's: */
    CURL *curl; /* while a fetch runs */
    char curl_error[CURL_ERROR_SIZE];
    char *body; /* HF_JWT_JWKS_BYTES_MAX, while a fetch runs */
    size_t body_bytes;
    bool too_large;
    char *text; /* the last good one */
    size_t text_bytes;
    char said[HF_JWKS_CAUSE_BYTES]; /* the failure that was last logged; "" after a success */
    uint64_t said_ms;
};

struct hf_jwks {
    struct hf_logger *logger; /* borrows */
    void (*on_change)(void *context);
    void *context;
    pthread_mutex_t mutex;                               /* held for moments only */
    struct hf_jwks_source *sources[HF_JWKS_SOURCES_MAX]; /* owns; in the configuration's order */
    unsigned count;
    struct hf_jwks_source *gone; /* no longer configured; the thread frees them */
    bool changed;                /* the list did: the thread is to look at it */
    struct hf_jwks_set *current;
    _Atomic uint64_t generation;
    _Atomic bool stopping;
    CURLM *multi; /* NULL: there never was a URL */
    struct hf_thread thread;
};

void hf_jwks_source_free(struct hf_jwks_source *source);

/* jwks_thread.c */
void hf_jwks_run(void *jwks);
/* Takes keys; unlocked. */
hf_err hf_jwks_publish(struct hf_jwks *jwks, struct hf_jwt_keys *keys);

/* jwks_fetch.c: on the thread. */
hf_err hf_jwks_fetch_begin(CURLM *multi, struct hf_jwks_source *source); /* HF_ERR_NOMEM */
/* Of a fetch that is done: true when it brought a body. Else `cause` says why not. */
bool hf_jwks_fetch_judge(struct hf_jwks_source *source, CURLcode code, char cause[HF_JWKS_CAUSE_BYTES]);
void hf_jwks_fetch_end(CURLM *multi, struct hf_jwks_source *source); /* also of none */

#endif
