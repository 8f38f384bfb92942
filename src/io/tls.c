/* io/tls.c - a listener: its contexts exchanged on reload, handed out as SSL objects. */
#include "io/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "io/tls_internal.h"

static uint32_t or_default(uint32_t value, uint32_t value_default)
{
    return value == 0 ? value_default : value;
}

static hf_err tls_init(struct hf_tls *tls, const struct hf_tls_config *config)
{
    tls->verify = config->verify;
    tls->deny = config->deny;
    tls->clock = config->clock;
    tls->resume_life_s = or_default(config->resume_life_s, HF_TLS_RESUME_LIFE_S_DEFAULT);
    tls->resume_sessions_max = or_default(config->resume_sessions_max, HF_TLS_RESUME_SESSIONS_DEFAULT);
    tls->verdicts_max = or_default(config->verdicts_max, HF_TLS_VERDICTS_DEFAULT);
    if (RAND_bytes(tls->context_id, sizeof(tls->context_id)) != 1)
        return HF_ERR_IO;
    tls->verdicts = hf_tls_verdicts_new(tls->verdicts_max);
    tls->resume = hf_tls_resume_new(tls->resume_sessions_max);
    tls->tickets = hf_tls_tickets_new(tls->clock);
    return tls->verdicts == NULL || tls->resume == NULL || tls->tickets == NULL ? HF_ERR_NOMEM : HF_OK;
}

hf_err hf_tls_server_new(const struct hf_tls_config *config, struct hf_tls **ret_tls, char *error,
                         size_t error_bytes)
{
    struct hf_tls *tls = calloc(1, sizeof(*tls));
    hf_err err = HF_ERR_NOMEM;

    HF_ASSERT(config->clock.monotonic_us != NULL && config->clock.utc_ms != NULL && error_bytes > 0);
    snprintf(error, error_bytes, "%s", hf_err_text(HF_ERR_NOMEM));
    if (tls == NULL || !hf_tls_slots() || pthread_mutex_init(&tls->lock, NULL) != 0) {
        free(tls);
        return HF_ERR_NOMEM;
    }
    pthread_mutex_init(&tls->live_lock, NULL);
    hf_list_init(&tls->live);
    err = tls_init(tls, config);
    if (err == HF_OK)
        err = hf_tls_ctx_new(tls, config, &tls->ctx, error, error_bytes);
    if (err != HF_OK) {
        hf_tls_server_free(tls);
        return err;
    }
    error[0] = '\0';
    *ret_tls = tls;
    return HF_OK;
}

void hf_tls_server_free(struct hf_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    hf_tls_verdicts_free(tls->verdicts);
    hf_tls_resume_free(tls->resume);
    hf_tls_tickets_free(tls->tickets);
    pthread_mutex_destroy(&tls->lock);
    pthread_mutex_destroy(&tls->live_lock);
    free(tls);
}

SSL_CTX *hf_tls_ctx_ref(struct hf_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *ctx = tls->ctx;
    SSL_CTX_up_ref(ctx);
    pthread_mutex_unlock(&tls->lock);
    return ctx;
}

static bool same_where_it_must(const struct hf_tls *tls, const struct hf_tls_config *config)
{
    return config->verify == tls->verify && config->deny == tls->deny &&
           config->clock.utc_ms == tls->clock.utc_ms &&
           config->clock.monotonic_us == tls->clock.monotonic_us && config->clock.user == tls->clock.user &&
           or_default(config->resume_life_s, HF_TLS_RESUME_LIFE_S_DEFAULT) == tls->resume_life_s &&
           or_default(config->resume_sessions_max, HF_TLS_RESUME_SESSIONS_DEFAULT) ==
               tls->resume_sessions_max &&
           or_default(config->verdicts_max, HF_TLS_VERDICTS_DEFAULT) == tls->verdicts_max;
}

hf_err hf_tls_server_reload(struct hf_tls *tls, const struct hf_tls_config *config, char *error,
                            size_t error_bytes)
{
    SSL_CTX *next = NULL, *old = NULL;
    hf_err err = HF_ERR_INVALID;

    HF_ASSERT(error_bytes > 0);
    snprintf(error, error_bytes, "%s", hf_err_text(HF_ERR_NOMEM));
    if (same_where_it_must(tls, config))
        err = hf_tls_ctx_new(tls, config, &next, error, error_bytes);
    else
        snprintf(error, error_bytes,
                 "verify mode, limits and deny-list of a TLS listener cannot change while it runs; restart "
                 "to change them");
    if (err != HF_OK) {
        size_t bytes = strlen(error);

        atomic_fetch_add(&tls->reloads_failed_total, 1);
        snprintf(error + bytes, error_bytes - bytes, " (the old certificates stay in use)");
        return err;
    }
    pthread_mutex_lock(&tls->lock);
    old = tls->ctx;
    tls->ctx = next;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old); /* lives on as long as its connections */
    atomic_fetch_add(&tls->reloads_total, 1);
    error[0] = '\0';
    return HF_OK;
}

SSL *hf_tls_accept_new(struct hf_tls *tls)
{
    struct tls_conn *conn = calloc(1, sizeof(*conn));
    SSL_CTX *ctx = hf_tls_ctx_ref(tls);
    SSL *ssl = conn == NULL ? NULL : SSL_new(ctx);

    if (ssl != NULL) {
        conn->tls = tls;
        hf_list_init(&conn->live);
        conn->set = hf_tls_set_of(ctx);
        conn->timing.handshake_start_us = hf_tls_now_us(tls);
        if (hf_tls_conn_attach(ssl, conn)) {
            SSL_set_accept_state(ssl);
            conn = NULL;
        } else {
            SSL_free(ssl);
            ssl = NULL;
        }
    }
    free(conn);
    SSL_CTX_free(ctx); /* the SSL has its own reference */
    return ssl;
}

void hf_tls_stats(struct hf_tls *tls, struct hf_tls_stats *ret_stats)
{
    struct tls_verdict_stats verdicts;
    SSL_CTX *ctx = hf_tls_ctx_ref(tls);
    const struct tls_set *set = hf_tls_set_of(ctx);

    hf_tls_verdicts_stats(tls->verdicts, &verdicts);
    *ret_stats = (struct hf_tls_stats){
        .full_total = atomic_load(&tls->full_total),
        .resumed_total = atomic_load(&tls->resumed_total),
        .resume_refused_total = atomic_load(&tls->resume_refused_total),
        .verdict_hits_total = verdicts.hits_total,
        .verdict_misses_total = verdicts.misses_total,
        .verdict_evicted_total = verdicts.evicted_total,
        .verdicts = verdicts.count,
        .verdicts_max = verdicts.count_max,
        .ticket_rotations_total = hf_tls_tickets_rotations(tls->tickets),
        .reloads_total = atomic_load(&tls->reloads_total),
        .reloads_failed_total = atomic_load(&tls->reloads_failed_total),
        .cert_not_after_utc_ms = set->cert_not_after_utc_ms,
        .crl_next_update_utc_ms = set->trust.crl_next_update_utc_ms,
    };
    hf_tls_resume_count(tls->resume, &ret_stats->sessions, &ret_stats->sessions_max,
                        &ret_stats->sessions_evicted_total);
    for (unsigned i = 0; i < HF_TLS_REJECTS; i++)
        ret_stats->rejected_total[i] = atomic_load(&tls->rejected_total[i]);
    SSL_CTX_free(ctx);
}
