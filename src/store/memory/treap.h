/* store/memory/treap.h - an ordered map whose versions share what they have in common. A root is one reference;
 * changing a tree that somebody else also holds copies the path to the change, one that nobody else holds is
 * changed in place. Priorities are a hash of the key: equal contents have equal shape, whatever the order. */
#ifndef HF_STORE_TREAP_H
#define HF_STORE_TREAP_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/kv.h"

struct hf_treap; /* a node, and by that the tree below it; NULL = empty */

struct hf_treap *hf_treap_share(struct hf_treap *root); /* one more reference; NULL is harmless */
void hf_treap_drop(struct hf_treap *root);              /* one less; NULL is harmless */

/* Both take the reference *root and leave another one there. HF_ERR_NOMEM leaves the contents as they were. */
hf_err hf_treap_put(struct hf_treap **root, struct hf_slice key, struct hf_slice value);
hf_err hf_treap_del(struct hf_treap **root, struct hf_slice key); /* HF_ERR_NOT_FOUND */

/* False when there is none. Key and value live as long as a reference to this version. */
bool hf_treap_seek(const struct hf_treap *root, enum hf_kv_seek how, struct hf_slice bound,
                   struct hf_slice *ret_key, struct hf_slice *ret_value);
bool hf_treap_get(const struct hf_treap *root, struct hf_slice key, struct hf_slice *ret_value);

#endif
