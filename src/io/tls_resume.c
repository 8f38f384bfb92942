/* io/tls_resume.c - what is kept of a resumable session. Of a TLS 1.3 session that is the pre-shared key, its cipher
 * suite and when it was made; the certificate is known by its verdict, so that a resumption parses none. OpenSSL cannot
 * be given the extended-master-secret flag of a TLS 1.2 session nor a negotiated fragment length, so those are kept
 * whole, and as copies: OpenSSL spoils a connection's own session when the link dies without close_notify.
 *
 * A device that resumes gets a new ticket and may lose it with the link, so its old record stays until the new one was
 * used once; then it goes. One device thus holds two records at most, for as long as it resumes. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "io/tls_internal.h"

struct record {
    struct hf_map_node node;
    struct hf_list_node age; /* on resume->by_age, the oldest in front */
    struct tls_peer *peer;   /* owns a reference; NULL = without certificate */
    SSL_SESSION *whole;      /* owns; NULL = built from what follows */
    uint64_t made_utc_ms;
    uint8_t id[TLS_SESSION_ID_BYTES], previous_id[TLS_SESSION_ID_BYTES];
    uint8_t secret[EVP_MAX_MD_SIZE];
    uint8_t secret_bytes;
    bool has_previous;
    uint8_t cipher[2]; /* as on the wire */
};

struct tls_resume {
    pthread_mutex_t lock;
    struct hf_map map;
    struct hf_list_node by_age;
    struct hf_slab *slab;
    uint32_t count, count_max;
    uint64_t evicted_total;
};

static bool record_is(const struct hf_map_node *node, const void *key)
{
    return memcmp(HF_CONTAINER_OF(node, const struct record, node)->id, key, TLS_SESSION_ID_BYTES) == 0;
}

struct tls_resume *hf_tls_resume_new(uint32_t records_max)
{
    struct tls_resume *resume = calloc(1, sizeof(*resume));

    HF_ASSERT(records_max >= 1);
    if (resume == NULL)
        return NULL;
    resume->slab = hf_slab_new("tls_resume", sizeof(struct record), records_max);
    if (resume->slab == NULL || pthread_mutex_init(&resume->lock, NULL) != 0) {
        hf_slab_free(resume->slab);
        free(resume);
        return NULL;
    }
    hf_map_init(&resume->map, record_is);
    hf_list_init(&resume->by_age);
    resume->count_max = records_max;
    return resume;
}

static void record_deinit(struct record *record)
{
    hf_tls_peer_unref(record->peer);
    SSL_SESSION_free(record->whole);
    OPENSSL_cleanse(record->secret, sizeof(record->secret));
}

static void forget(struct tls_resume *resume, struct record *record)
{
    hf_map_remove(&resume->map, &record->node);
    hf_list_remove(&record->age);
    record_deinit(record);
    hf_slab_give(resume->slab, record);
    resume->count--;
}

void hf_tls_resume_free(struct tls_resume *resume)
{
    if (resume == NULL)
        return;
    while (!hf_list_empty(&resume->by_age))
        forget(resume, HF_CONTAINER_OF(resume->by_age.next, struct record, age));
    hf_map_deinit(&resume->map);
    hf_slab_free(resume->slab);
    pthread_mutex_destroy(&resume->lock);
    free(resume);
}

/* Ids are random and ours, so their first bytes are a hash. A peer that shows made-up ids only finds nothing. */
static struct record *find(struct tls_resume *resume, const uint8_t *id)
{
    struct hf_map_node *node = hf_map_find(&resume->map, hf_get_u64(id), id);

    return node == NULL ? NULL : HF_CONTAINER_OF(node, struct record, node);
}

/* False: this session cannot be resumed later. */
static bool fill(struct record *record, SSL_SESSION *session)
{
    unsigned id_bytes = 0;
    const uint8_t *id = SSL_SESSION_get_id(session, &id_bytes);
    const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(session);
    size_t secret_bytes = SSL_SESSION_get_master_key(session, NULL, 0);

    if (id_bytes != TLS_SESSION_ID_BYTES || cipher == NULL || secret_bytes > sizeof(record->secret))
        return false;
    memcpy(record->id, id, TLS_SESSION_ID_BYTES);
    if (SSL_SESSION_get_protocol_version(session) != TLS1_3_VERSION ||
        SSL_SESSION_get_max_fragment_length(session) != 0)
        return (record->whole = SSL_SESSION_dup(session)) != NULL;
    record->secret_bytes =
        (uint8_t)SSL_SESSION_get_master_key(session, record->secret, sizeof(record->secret));
    hf_put_u16(record->cipher, SSL_CIPHER_get_protocol_id(cipher));
    return true;
}

void hf_tls_resume_put(struct tls_resume *resume, SSL_SESSION *session, struct tls_peer *peer,
                       const uint8_t *previous_id, uint64_t now_utc_ms)
{
    pthread_mutex_lock(&resume->lock);
    struct record *record = NULL, *old = previous_id == NULL ? NULL : find(resume, previous_id);

    if (old != NULL && old->has_previous) {
        struct record *older = find(resume, old->previous_id);

        if (older != NULL)
            forget(resume, older);
        old->has_previous = false;
    }
    if (resume->count == resume->count_max) {
        forget(resume, HF_CONTAINER_OF(resume->by_age.next, struct record, age));
        resume->evicted_total++;
    }
    record = hf_slab_take(resume->slab);
    if (record == NULL)
        goto out; /* the device makes a full handshake next time */
    hf_list_init(&record->age);
    record->made_utc_ms = now_utc_ms;
    if (!fill(record, session) || find(resume, record->id) != NULL ||
        hf_map_insert(&resume->map, &record->node, hf_get_u64(record->id)) != HF_OK) {
        record_deinit(record);
        hf_slab_give(resume->slab, record);
        goto out;
    }
    if (previous_id != NULL) {
        memcpy(record->previous_id, previous_id, sizeof(record->previous_id));
        record->has_previous = true;
    }
    record->peer = hf_tls_peer_ref(peer);
    hf_list_push_back(&resume->by_age, &record->age);
    resume->count++;
out:
    pthread_mutex_unlock(&resume->lock);
}

static SSL_SESSION *build(const struct record *record, SSL *ssl, const uint8_t *context,
                          unsigned context_bytes)
{
    SSL_SESSION *session = NULL;
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, record->cipher);

    if (record->whole != NULL)
        return SSL_SESSION_dup(record->whole);
    session = SSL_SESSION_new();
    /* OpenSSL compares its own clock with a session's age; ours was compared before, so this one is always new. */
    if (session == NULL || cipher == NULL || SSL_SESSION_set_cipher(session, cipher) != 1 ||
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1 ||
        SSL_SESSION_set1_master_key(session, record->secret, record->secret_bytes) != 1 ||
        SSL_SESSION_set1_id(session, record->id, sizeof(record->id)) != 1 ||
        SSL_SESSION_set1_id_context(session, context, context_bytes) != 1 ||
        SSL_SESSION_set_time(session, (long)time(NULL)) == 0) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

SSL_SESSION *hf_tls_resume_take(struct tls_resume *resume, SSL *ssl, const uint8_t *id, size_t id_bytes,
                                uint64_t oldest_utc_ms, const uint8_t *context, unsigned context_bytes,
                                struct tls_peer **ret_peer)
{
    SSL_SESSION *session = NULL;

    if (id_bytes != TLS_SESSION_ID_BYTES)
        return NULL;
    pthread_mutex_lock(&resume->lock);
    struct record *record = find(resume, id);

    if (record != NULL && record->made_utc_ms < oldest_utc_ms) {
        forget(resume, record);
        record = NULL;
    }
    if (record != NULL)
        session = build(record, ssl, context, context_bytes);
    if (session != NULL)
        *ret_peer = hf_tls_peer_ref(record->peer);
    pthread_mutex_unlock(&resume->lock);
    return session;
}

void hf_tls_resume_drop(struct tls_resume *resume, const uint8_t *id, size_t id_bytes)
{
    if (id_bytes != TLS_SESSION_ID_BYTES)
        return;
    pthread_mutex_lock(&resume->lock);
    struct record *record = find(resume, id);

    if (record != NULL)
        forget(resume, record);
    pthread_mutex_unlock(&resume->lock);
}

void hf_tls_resume_count(struct tls_resume *resume, uint32_t *ret_count, uint32_t *ret_count_max,
                         uint64_t *ret_evicted_total)
{
    pthread_mutex_lock(&resume->lock);
    *ret_count = resume->count;
    *ret_count_max = resume->count_max;
    *ret_evicted_total = resume->evicted_total;
    pthread_mutex_unlock(&resume->lock);
}
