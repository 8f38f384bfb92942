/* io/tls_live.c - sessions: connections whose device was let in with a certificate. A new CA set is looked at with their eyes, before a reload
 * (hf_tls_trial_*) and after it (hf_tls_session_judge()). The list is walked in steps: a mark keeps the place while its lock is given away. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "io/tls_internal.h"

enum { STEP_SESSIONS = 256 }; /* between which handshakes and ends of connections have their turn */

struct hf_tls_trial {
    struct hf_tls *tls;
    struct tls_set set;
};

/* ---- the list ---- */

hf_err hf_tls_session_begin(SSL *ssl, uint64_t conn_id)
{
    struct tls_conn *conn = hf_tls_conn(ssl);
    struct hf_tls *tls = conn->tls;

    if (!conn->done || conn->peer == NULL)
        return HF_OK;
    HF_ASSERT(conn_id != 0); /* 0 is a mark */
    pthread_mutex_lock(&tls->live_lock);
    conn->conn_id = conn_id;
    if (!hf_list_linked(&conn->live))
        hf_list_push_back(&tls->live, &conn->live);
    pthread_mutex_unlock(&tls->live_lock);
    /* Listed first: who reloads after this line judges it, and a reload before it is seen here. */
    struct hf_tls_session session = {.conn_id = conn_id, .peer = conn->peer};

    return hf_tls_session_judge(tls, &session) == HF_TLS_REJECT_NONE ? HF_OK : HF_ERR_DENIED;
}

void hf_tls_live_remove(struct tls_conn *conn)
{
    pthread_mutex_lock(&conn->tls->live_lock);
    hf_list_remove(&conn->live);
    pthread_mutex_unlock(&conn->tls->live_lock);
}

/* Takes the next ones behind the mark, which moves on; false at the end. */
static bool take_step(struct hf_tls *tls, struct hf_list_node *mark, struct hf_tls_session *sessions,
                      size_t *count)
{
    struct hf_list_node *at = mark->next;
    unsigned n = 0;

    hf_list_remove(mark);
    for (; n < STEP_SESSIONS && at != &tls->live; at = at->next) {
        struct tls_conn *conn = HF_CONTAINER_OF(at, struct tls_conn, live);

        n++;
        if (conn->conn_id == 0)
            continue;
        sessions[*count].conn_id = conn->conn_id;
        sessions[(*count)++].peer = hf_tls_peer_ref(conn->peer);
    }
    if (at == &tls->live)
        return false;
    hf_list_push_back(at, mark); /* in front of it */
    return true;
}

static int in_order(const void *a, const void *b)
{
    uint64_t left = ((const struct hf_tls_session *)a)->conn_id,
             right = ((const struct hf_tls_session *)b)->conn_id;

    return left < right ? -1 : left > right;
}

hf_err hf_tls_sessions_take(struct hf_tls *tls, struct hf_tls_session **ret_sessions, size_t *ret_count)
{
    struct tls_conn mark = {.conn_id = 0};
    struct hf_tls_session *sessions = NULL;
    size_t count = 0, room = 0;
    bool more = true;

    hf_list_init(&mark.live);
    pthread_mutex_lock(&tls->live_lock);
    hf_list_push_front(&tls->live, &mark.live);
    pthread_mutex_unlock(&tls->live_lock);
    while (more) {
        if (room - count < STEP_SESSIONS) {
            struct hf_tls_session *grown = realloc(sessions, 2 * (room + STEP_SESSIONS) * sizeof(*grown));

            if (grown == NULL)
                break;
            sessions = grown;
            room = 2 * (room + STEP_SESSIONS);
        }
        pthread_mutex_lock(&tls->live_lock);
        more = take_step(tls, &mark.live, sessions, &count);
        pthread_mutex_unlock(&tls->live_lock);
    }
    if (more) {
        mark.tls = tls;
        hf_tls_live_remove(&mark);
        hf_tls_sessions_give(sessions, count);
        return HF_ERR_NOMEM;
    }
    qsort(sessions, count, sizeof(*sessions), in_order);
    *ret_sessions = sessions;
    *ret_count = count;
    return HF_OK;
}

void hf_tls_sessions_give(struct hf_tls_session *sessions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hf_tls_peer_unref(sessions[i].peer);
    free(sessions);
}

const struct hf_tls_identity *hf_tls_session_identity(const struct hf_tls_session *session)
{
    return &session->peer->identity;
}

/* ---- a CA set and a certificate that was accepted by another one ---- */

/* False: no memory. */
static bool verify_again(const struct tls_trust *trust, const struct tls_peer *peer, uint64_t now_utc_ms,
                         enum hf_tls_reject *ret_reject)
{
    const unsigned char *at = peer->der, *end = peer->der + peer->der_bytes;
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    bool done = false;

    while (chain != NULL && at < end) {
        X509 *certificate = X509_new_ex(hf_tls_library(), NULL); /* its decoders are the quick ones */

        if (certificate == NULL || d2i_X509(&certificate, &at, end - at) == NULL ||
            sk_X509_push(chain, certificate) <= 0) {
            X509_free(certificate);
            goto out; /* it was read before: there is no memory */
        }
    }
    if (chain == NULL || verification == NULL ||
        X509_STORE_CTX_init(verification, trust->store, sk_X509_value(chain, 0), chain) != 1)
        goto out;
    *ret_reject = hf_tls_verify_chain(verification, now_utc_ms);
    done = X509_STORE_CTX_get_error(verification) != X509_V_ERR_OUT_OF_MEM;
out:
    ERR_clear_error();
    X509_STORE_CTX_free(verification);
    sk_X509_pop_free(chain, X509_free);
    return done;
}

enum hf_tls_reject hf_tls_session_judge(struct hf_tls *tls, const struct hf_tls_session *session)
{
    struct tls_peer *peer = session->peer;
    SSL_CTX *ctx = hf_tls_ctx_ref(tls);
    const struct tls_trust *trust = &hf_tls_set_of(ctx)->trust;
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;
    bool known = atomic_load(&peer->trust_id) == trust->id;

    if (!known && !verify_again(trust, peer, hf_tls_utc_ms(tls), &reject)) {
        reject = (enum hf_tls_reject)atomic_load(&peer->refused);
    } else {
        if (!known && reject == HF_TLS_REJECT_NONE)
            atomic_store(&peer->trust_id, trust->id);
        atomic_store(&peer->refused, (int)reject);
    }
    SSL_CTX_free(ctx);
    return reject;
}

hf_err hf_tls_trial_new(struct hf_tls *tls, const struct hf_tls_input *cas, size_t ca_count,
                        const struct hf_tls_input *crls, size_t crl_count, struct hf_tls_trial **ret_trial,
                        char *error, size_t error_bytes)
{
    struct hf_tls_trial *trial = calloc(1, sizeof(*trial));
    hf_err err = trial == NULL ? HF_ERR_NOMEM : HF_OK;

    HF_ASSERT(error_bytes > 0 && ca_count > 0);
    snprintf(error, error_bytes, "%s", hf_err_text(HF_ERR_NOMEM));
    if (err == HF_OK && tls->verify == HF_TLS_VERIFY_NONE) {
        snprintf(error, error_bytes, "it asks for no client certificates; see verify and client_ca_file");
        err = HF_ERR_UNSUPPORTED;
    }
    if (err == HF_OK)
        err = hf_tls_load_trust(cas, ca_count, crls, crl_count, &trial->set.trust, error, error_bytes);
    if (err != HF_OK) {
        free(trial);
        return err;
    }
    trial->tls = trial->set.tls = tls;
    error[0] = '\0';
    *ret_trial = trial;
    return HF_OK;
}

void hf_tls_trial_free(struct hf_tls_trial *trial)
{
    if (trial == NULL)
        return;
    hf_tls_trust_deinit(&trial->set.trust);
    free(trial);
}

hf_err hf_tls_trial_session(const struct hf_tls_trial *trial, const struct hf_tls_session *session,
                            enum hf_tls_reject *ret_reject)
{
    const struct tls_peer *peer = session->peer;
    enum hf_tls_reject reject = hf_tls_peer_recheck(trial->tls, &trial->set, peer);

    if (reject == HF_TLS_REJECT_NONE && atomic_load(&peer->trust_id) != trial->set.trust.id &&
        !verify_again(&trial->set.trust, peer, hf_tls_utc_ms(trial->tls), &reject))
        return HF_ERR_NOMEM;
    *ret_reject = reject;
    return HF_OK;
}
