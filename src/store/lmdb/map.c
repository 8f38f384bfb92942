/* store/lmdb/map.c - the gate: the map grows while no transaction of this process is open. */
#include "store/lmdb/kv_lmdb_internal.h"

#include <errno.h>
#include <time.h>

enum { FREE_QUARTERS = 4 };

void hf_lmdb_map_usage(struct kv_lmdb *kv, uint64_t *ret_used, uint64_t *ret_max)
{
    MDB_envinfo info;
    MDB_stat stat;

    (void)mdb_env_info(kv->env, &info);
    (void)mdb_env_stat(kv->env, &stat);
    *ret_used =
        ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize; /* pages once used; free ones are used again */
    *ret_max = info.me_mapsize;
}

bool hf_lmdb_map_at_max(struct kv_lmdb *kv)
{
    uint64_t used, now;

    hf_lmdb_map_usage(kv, &used, &now);
    return now >= kv->map_bytes_max;
}

/* On the writer's thread, without a write transaction. With `must` it waits for readers to leave. */
static hf_err map_grow(struct kv_lmdb *kv, bool must)
{
    uint64_t used, now;
    struct timespec until;
    hf_err err = HF_OK;

    hf_lmdb_map_usage(kv, &used, &now);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += kv->gate_ms / 1000;
    until.tv_nsec += kv->gate_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&kv->lock);
    kv->growing = true;
    while (must && kv->stats.readers > 0 && err == HF_OK)
        if (pthread_cond_timedwait(&kv->gate, &kv->lock, &until) == ETIMEDOUT)
            err = HF_ERR_AGAIN;
    if (kv->stats.readers == 0) {
        err = hf_lmdb_err(mdb_env_set_mapsize(kv->env, HF_MIN(now * 2, kv->map_bytes_max)));
        kv->stats.grows_total += err == HF_OK;
    }
    kv->growing = false;
    pthread_cond_broadcast(&kv->gate);
    pthread_mutex_unlock(&kv->lock);
    return err;
}

hf_err hf_lmdb_map_check(struct kv_lmdb *kv)
{
    uint64_t used, now;
    hf_err err;

    hf_lmdb_map_usage(kv, &used, &now);
    if (hf_lmdb_map_at_max(kv) || (!kv->grow_now && now - HF_MIN(used, now) >= now / FREE_QUARTERS))
        return HF_OK;
    err = map_grow(kv, kv->grow_now);
    if (err == HF_OK)
        kv->grow_now = false;
    return err;
}
