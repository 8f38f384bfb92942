#include "store/memory/kv_memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "store/memory/treap.h"

struct version {
    struct hf_treap *tables[HF_KV_TABLES]; /* one reference each */
    struct {
        uint64_t rows, bytes;
    } sizes[HF_KV_TABLES];
    uint64_t applied_offset;
};

struct txn {
    struct hf_kv_txn base;
    struct kv_memory *kv;
    struct version version; /* a snapshot; of the writer, with its changes */
    struct txn *next_free;
    hf_err spoiled; /* of the writer: what every later call says */
    bool write;
    unsigned cursors;
};

struct kv_memory {
    struct hf_kv base;
    pthread_mutex_t lock;       /* all below */
    struct version now, before; /* before: as of one commit earlier, for a power cut */
    struct txn *free_txns;
    unsigned txns;
    bool writing;
    struct hf_kv_stats stats;
    _Atomic uint64_t applied_offset;
};

static const struct hf_kv_ops memory_ops;

static void version_copy(struct version *to, const struct version *from)
{
    *to = *from;
    for (int i = 0; i < HF_KV_TABLES; i++)
        (void)hf_treap_share(to->tables[i]);
}

static void version_drop(struct version *version)
{
    for (int i = 0; i < HF_KV_TABLES; i++)
        hf_treap_drop(version->tables[i]);
    *version = (struct version){0};
}

static struct kv_memory *of(struct hf_kv *kv)
{
    return HF_CONTAINER_OF(kv, struct kv_memory, base);
}

static struct txn *txn_of(struct hf_kv_txn *txn)
{
    return HF_CONTAINER_OF(txn, struct txn, base);
}

static void memory_close(struct hf_kv *base)
{
    struct kv_memory *kv = of(base);

    HF_ASSERT(kv->txns == 0);
    while (kv->free_txns != NULL) {
        struct txn *txn = kv->free_txns;

        kv->free_txns = txn->next_free;
        free(txn);
    }
    version_drop(&kv->now);
    version_drop(&kv->before);
    pthread_mutex_destroy(&kv->lock);
    free(kv);
}

static hf_err memory_begin(struct hf_kv *base, bool write, struct hf_kv_txn **ret_txn)
{
    struct kv_memory *kv = of(base);
    struct txn *txn;
    hf_err err = HF_OK;

    pthread_mutex_lock(&kv->lock);
    HF_ASSERT(!(write && kv->writing));
    txn = kv->free_txns;
    if (!write && kv->stats.readers >= HF_KV_READERS_MAX) {
        kv->stats.readers_refused_total++;
        err = HF_ERR_LIMIT;
    } else if (txn != NULL) {
        kv->free_txns = txn->next_free;
    } else if ((txn = malloc(sizeof(*txn))) == NULL) {
        err = HF_ERR_NOMEM;
    }
    if (err == HF_OK) {
        *txn = (struct txn){.base.ops = &memory_ops, .kv = kv, .write = write};
        version_copy(&txn->version, &kv->now);
        kv->txns++;
        kv->writing = kv->writing || write;
        kv->stats.readers += !write;
        *ret_txn = &txn->base;
    }
    pthread_mutex_unlock(&kv->lock);
    return err;
}

static void release(struct txn *txn) /* under lock; the version is gone or given away */
{
    struct kv_memory *kv = txn->kv;

    HF_ASSERT(txn->cursors == 0 || !txn->write);
    kv->txns--;
    kv->stats.readers -= !txn->write;
    if (txn->write)
        kv->writing = false;
    txn->next_free = kv->free_txns;
    kv->free_txns = txn;
}

static void memory_end(struct hf_kv_txn *base)
{
    struct txn *txn = txn_of(base);
    struct kv_memory *kv = txn->kv;

    version_drop(&txn->version);
    txn->cursors = 0;
    pthread_mutex_lock(&kv->lock);
    release(txn);
    pthread_mutex_unlock(&kv->lock);
}

static hf_err memory_commit(struct hf_kv_txn *base, uint64_t applied_offset)
{
    struct txn *txn = txn_of(base);
    struct kv_memory *kv = txn->kv;
    hf_err err = txn->spoiled;

    HF_ASSERT(txn->write);
    if (err != HF_OK) {
        memory_end(base);
        pthread_mutex_lock(&kv->lock);
        kv->stats.commit_failures_total++;
        pthread_mutex_unlock(&kv->lock);
        return err;
    }
    HF_ASSERT(applied_offset >= txn->version.applied_offset);
    pthread_mutex_lock(&kv->lock);
    txn->version.applied_offset = applied_offset;
    version_drop(&kv->before);
    kv->before = kv->now;
    kv->now = txn->version;
    kv->stats.commits_total++;
    atomic_store(&kv->applied_offset, applied_offset);
    txn->cursors = 0;
    release(txn);
    pthread_mutex_unlock(&kv->lock);
    return HF_OK;
}

static hf_err memory_get(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                         struct hf_slice *ret_value)
{
    struct txn *txn = txn_of(base);

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return hf_treap_get(txn->version.tables[table], key, ret_value) ? HF_OK : HF_ERR_NOT_FOUND;
}

static hf_err memory_put(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                         struct hf_slice value)
{
    struct txn *txn = txn_of(base);

    struct hf_slice old;

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    bool there = hf_treap_get(txn->version.tables[table], key, &old);
    uint64_t bytes = there ? key.bytes + old.bytes : 0;
    txn->spoiled = hf_treap_put(&txn->version.tables[table], key, value);
    if (txn->spoiled == HF_OK) {
        txn->version.sizes[table].rows += !there;
        txn->version.sizes[table].bytes += key.bytes + value.bytes - bytes;
    }
    return txn->spoiled;
}

static hf_err memory_del(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key)
{
    struct txn *txn = txn_of(base);
    struct hf_slice old;
    hf_err err;

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    if (!hf_treap_get(txn->version.tables[table], key, &old))
        return HF_ERR_NOT_FOUND;
    uint64_t bytes = key.bytes + old.bytes;
    err = hf_treap_del(&txn->version.tables[table], key);
    txn->spoiled = err;
    if (err == HF_OK) {
        txn->version.sizes[table].rows--;
        txn->version.sizes[table].bytes -= bytes;
    }
    return err;
}

static hf_err memory_scan(struct hf_kv_txn *base, struct hf_kv_cursor *cursor)
{
    struct txn *txn = txn_of(base);

    (void)cursor;
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    if (txn->cursors >= HF_KV_TXN_CURSORS_MAX)
        return HF_ERR_LIMIT;
    txn->cursors++;
    return HF_OK;
}

static hf_err memory_seek(struct hf_kv_cursor *cursor, enum hf_kv_seek how, struct hf_slice bound,
                          struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    const struct txn *txn = txn_of(cursor->txn);

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return hf_treap_seek(txn->version.tables[cursor->table], how, bound, ret_key, ret_value)
               ? HF_OK
               : HF_ERR_NOT_FOUND;
}

static void memory_scan_end(struct hf_kv_cursor *cursor)
{
    struct txn *txn = txn_of(cursor->txn);

    HF_ASSERT(txn->cursors > 0);
    txn->cursors--;
}

static uint64_t memory_applied_offset(const struct hf_kv *base)
{
    const struct kv_memory *kv = (const struct kv_memory *)(const void *)base;

    return atomic_load(&kv->applied_offset);
}

static void memory_stats(struct hf_kv *base, struct hf_kv_stats *ret_stats)
{
    struct kv_memory *kv = of(base);

    pthread_mutex_lock(&kv->lock);
    *ret_stats = kv->stats;
    ret_stats->applied_offset = kv->now.applied_offset;
    for (int i = 0; i < HF_KV_TABLES; i++) {
        ret_stats->tables[i].rows = kv->now.sizes[i].rows;
        ret_stats->tables[i].bytes = kv->now.sizes[i].bytes;
    }
    pthread_mutex_unlock(&kv->lock);
}

static const struct hf_kv_ops memory_ops = {.close = memory_close,
                                            .begin = memory_begin,
                                            .end = memory_end,
                                            .commit = memory_commit,
                                            .get = memory_get,
                                            .put = memory_put,
                                            .del = memory_del,
                                            .scan = memory_scan,
                                            .seek = memory_seek,
                                            .scan_end = memory_scan_end,
                                            .applied_offset = memory_applied_offset,
                                            .stats = memory_stats};

hf_err hf_kv_memory_open(struct hf_kv **ret_kv)
{
    struct kv_memory *kv = calloc(1, sizeof(*kv));

    if (kv == NULL)
        return HF_ERR_NOMEM;
    kv->base.ops = &memory_ops;
    pthread_mutex_init(&kv->lock, NULL);
    *ret_kv = &kv->base;
    return HF_OK;
}

void hf_kv_memory_power_cut(struct hf_kv *base, unsigned commits)
{
    struct kv_memory *kv = of(base);

    HF_ASSERT(kv->txns == 0 && commits <= 1);
    if (commits == 0)
        return;
    version_drop(&kv->now);
    version_copy(&kv->now, &kv->before);
    atomic_store(&kv->applied_offset, kv->now.applied_offset);
}
