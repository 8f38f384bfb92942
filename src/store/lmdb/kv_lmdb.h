/* store/lmdb/kv_lmdb.h - core/kv.h on LMDB. Flags MDB_NOMETASYNC (a system crash may take back the last
 * commit, never more, never half; the log has it) and MDB_NOTLS (read transactions are not tied to
 * threads and are pooled: none is allocated per use).
 *
 * The map grows by itself: doubled while a write transaction begins and less than a quarter is free, or
 * after it was full. Growing needs a moment without read transactions in this process: new ones wait at a
 * gate for the ones that are open, at most gate_ms. */
#ifndef HF_STORE_KV_LMDB_H
#define HF_STORE_KV_LMDB_H

#include "core/kv.h"

#define HF_KV_LMDB_MAP_BYTES_DEFAULT     (1ull << 30)
#define HF_KV_LMDB_MAP_BYTES_MIN         (1ull << 20)
#define HF_KV_LMDB_MAP_BYTES_MAX_DEFAULT (1ull << 40)
enum { HF_KV_LMDB_GATE_MS_DEFAULT = 1000 };

struct hf_kv_lmdb_options {
    uint64_t map_bytes;     /* to begin with; 0 = default. Address space, not disk. */
    uint64_t map_bytes_max; /* grows no further: HF_ERR_FULL; 0 = default */
    uint32_t gate_ms;       /* how long growth waits for readers; 0 = default */
};

/* Opens or creates the store in `dir` (created when missing, its parent must exist). Clears readers that a
 * dead process left. options may be NULL. HF_ERR_CORRUPT: not a store, or damaged; delete it and the log
 * is replayed. HF_ERR_FULL, HF_ERR_DENIED, HF_ERR_NOMEM, HF_ERR_IO, HF_ERR_INVALID. */
hf_err hf_kv_lmdb_open(const char *dir, const struct hf_kv_lmdb_options *options, struct hf_kv **ret_kv);

#endif
