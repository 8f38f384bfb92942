/* io/tls_verdict.c - a map from certificate hash to its verdict, and a list in order of use. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "io/tls_internal.h"

struct verdict {
    struct hf_map_node node;
    struct hf_list_node used; /* on verdicts->by_use, the least recent in front */
    struct tls_peer *peer;    /* owns a reference */
};

struct tls_verdicts {
    pthread_mutex_t lock;
    struct hf_map map;
    struct hf_list_node by_use;
    struct hf_slab *slab;
    struct tls_verdict_stats stats;
};

static bool verdict_is(const struct hf_map_node *node, const void *key)
{
    const struct verdict *verdict = HF_CONTAINER_OF(node, const struct verdict, node);

    return memcmp(verdict->peer->identity.fingerprint, key, HF_TLS_SHA256_BYTES) == 0;
}

struct tls_verdicts *hf_tls_verdicts_new(uint32_t count_max)
{
    struct tls_verdicts *verdicts = calloc(1, sizeof(*verdicts));

    HF_ASSERT(count_max >= 1);
    if (verdicts == NULL)
        return NULL;
    verdicts->slab = hf_slab_new("tls_verdict", sizeof(struct verdict), count_max);
    if (verdicts->slab == NULL || pthread_mutex_init(&verdicts->lock, NULL) != 0) {
        hf_slab_free(verdicts->slab);
        free(verdicts);
        return NULL;
    }
    hf_map_init(&verdicts->map, verdict_is);
    hf_list_init(&verdicts->by_use);
    verdicts->stats.count_max = count_max;
    return verdicts;
}

/* The hash is SHA-256 over what a CA signed: nobody fills one bucket on purpose. */
static uint64_t hash_of(const uint8_t *fingerprint)
{
    return hf_get_u64(fingerprint);
}

static void forget(struct tls_verdicts *verdicts, struct verdict *verdict)
{
    hf_map_remove(&verdicts->map, &verdict->node);
    hf_list_remove(&verdict->used);
    hf_tls_peer_unref(verdict->peer);
    hf_slab_give(verdicts->slab, verdict);
    verdicts->stats.count--;
}

void hf_tls_verdicts_free(struct tls_verdicts *verdicts)
{
    if (verdicts == NULL)
        return;
    while (!hf_list_empty(&verdicts->by_use))
        forget(verdicts, HF_CONTAINER_OF(verdicts->by_use.next, struct verdict, used));
    hf_map_deinit(&verdicts->map);
    hf_slab_free(verdicts->slab);
    pthread_mutex_destroy(&verdicts->lock);
    free(verdicts);
}

static struct verdict *find(struct tls_verdicts *verdicts, const uint8_t *fingerprint)
{
    struct hf_map_node *node = hf_map_find(&verdicts->map, hash_of(fingerprint), fingerprint);

    return node == NULL ? NULL : HF_CONTAINER_OF(node, struct verdict, node);
}

struct tls_peer *hf_tls_verdicts_find(struct tls_verdicts *verdicts,
                                      const uint8_t fingerprint[HF_TLS_SHA256_BYTES])
{
    struct tls_peer *peer = NULL;

    pthread_mutex_lock(&verdicts->lock);
    struct verdict *verdict = find(verdicts, fingerprint);

    if (verdict != NULL) {
        peer = hf_tls_peer_ref(verdict->peer);
        hf_list_remove(&verdict->used);
        hf_list_push_back(&verdicts->by_use, &verdict->used);
        verdicts->stats.hits_total++;
    } else {
        verdicts->stats.misses_total++;
    }
    pthread_mutex_unlock(&verdicts->lock);
    return peer;
}

void hf_tls_verdicts_put(struct tls_verdicts *verdicts, struct tls_peer *peer)
{
    pthread_mutex_lock(&verdicts->lock);
    struct verdict *verdict = find(verdicts, peer->identity.fingerprint);

    if (verdict != NULL)
        forget(verdicts, verdict);
    if (verdicts->stats.count == verdicts->stats.count_max) {
        forget(verdicts, HF_CONTAINER_OF(verdicts->by_use.next, struct verdict, used));
        verdicts->stats.evicted_total++;
    }
    verdict = hf_slab_take(verdicts->slab);
    if (verdict != NULL) { /* without memory the next handshake just verifies again */
        hf_list_init(&verdict->used);
        verdict->peer = hf_tls_peer_ref(peer);
        if (hf_map_insert(&verdicts->map, &verdict->node, hash_of(peer->identity.fingerprint)) == HF_OK) {
            hf_list_push_back(&verdicts->by_use, &verdict->used);
            verdicts->stats.count++;
        } else {
            hf_tls_peer_unref(verdict->peer);
            hf_slab_give(verdicts->slab, verdict);
        }
    }
    pthread_mutex_unlock(&verdicts->lock);
}

void hf_tls_verdicts_drop(struct tls_verdicts *verdicts, const uint8_t fingerprint[HF_TLS_SHA256_BYTES])
{
    pthread_mutex_lock(&verdicts->lock);
    struct verdict *verdict = find(verdicts, fingerprint);

    if (verdict != NULL)
        forget(verdicts, verdict);
    pthread_mutex_unlock(&verdicts->lock);
}

void hf_tls_verdicts_stats(struct tls_verdicts *verdicts, struct tls_verdict_stats *ret_stats)
{
    pthread_mutex_lock(&verdicts->lock);
    *ret_stats = verdicts->stats;
    pthread_mutex_unlock(&verdicts->lock);
}
