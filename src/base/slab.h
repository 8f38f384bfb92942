/* base/slab.h - fixed-size objects for one thread, with a limit. Memory comes in chunks of about 64 KiB
 * and chunks that are wholly free go back (all but one, or as many as was said), so that a fleet that left gives its memory
 * back. Never blocks: above the limit it returns NULL and counts. Debug builds poison freed objects and
 * catch double return and foreign pointers. */
#ifndef HF_BASE_SLAB_H
#define HF_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct hf_slab; /* opaque */

struct hf_slab_stats {
    const char *name;
    size_t object_bytes;
    uint64_t used, used_max_seen, objects_max; /* objects */
    uint64_t refused_total;                    /* allocations refused: limit or no memory */
    uint64_t chunk_bytes;                      /* memory held from the system now */
};

/* name is borrowed and must outlive the slab. NULL on no memory. */
struct hf_slab *hf_slab_new(const char *name, size_t object_bytes, uint64_t objects_max);
/* How many wholly free chunks stay. For objects that come and go by the batch: memory that is given back and taken again costs a page fault for
 * each page. Before the first object is taken. */
void hf_slab_keep(struct hf_slab *slab, unsigned chunks);
void hf_slab_free(struct hf_slab *slab); /* NULL is harmless; asserts that nothing is in use */
void *hf_slab_take(
    struct hf_slab *
        slab); /* zeroed object, aligned to 16 bytes when its size is a multiple of 16, else to 8; NULL = limit or no memory */
/* The same, holding whatever it held before: for buffers that are about to be written. */
void *hf_slab_take_raw(struct hf_slab *slab);
void hf_slab_give(struct hf_slab *slab, void *object); /* NULL is harmless */
void hf_slab_stats(const struct hf_slab *slab, struct hf_slab_stats *ret_stats);

#endif
