/* store/memory/kv_memory.h - core/kv.h in memory, for tests and the simulator. Transactional as the real
 * one: a read transaction is a snapshot. Each table is a treap whose nodes are shared between versions
 * (path copying); priorities come from a hash of the key, so equal contents have equal shape. */
#ifndef HF_STORE_KV_MEMORY_H
#define HF_STORE_KV_MEMORY_H

#include "core/kv.h"

/* HF_ERR_NOMEM. Everything is gone with hf_kv_close. */
hf_err hf_kv_memory_open(struct hf_kv **ret_kv);

/* What a power cut does to a store that follows its log: the state of the last commit but `commits` (0 or
 * 1, as with MDB_NOMETASYNC) comes back. No transaction may be open. */
void hf_kv_memory_power_cut(struct hf_kv *kv, unsigned commits);

#endif
