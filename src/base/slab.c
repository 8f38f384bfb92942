/* base/slab.c - objects lie in chunks that are aligned to a power of two of at least their size, so that
 * masking an object's address finds its chunk and an object carries no header:
 *
 *     | struct chunk | (debug: one bit per object, set = taken) | object 0 | object 1 | ... |
 *
 * A chunk hands out given-back objects first (linked through their own first word), then untouched ones in
 * order, so memory that was never needed is never touched. Chunks with something to hand out are on
 * `partial`, fullest first as far as that is free to know; the wholly free ones that we keep come last. */
#include "base/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#ifdef HF_DEBUG
enum { DEBUG = 1 };
#else
enum { DEBUG = 0 };
#endif

enum {
    OBJECT_ALIGN = 8, /* an object that needs 16 has a size that is a multiple of it, and object 0 has 16 */
    FIRST_ALIGN = 16,
    CHUNK_BYTES_MIN = 64 * 1024,
    /* Left to malloc: for its header, so that neighbours pack; and so much more that a chunk together with its alignment stays below the 128 KiB from which
     * glibc gives each request a mapping of its own, which costs the page before the chunk, too, where that header lies. */
    CHUNK_SLACK_BYTES = 128,
    WASTE_DIVISOR = 8, /* larger objects get larger chunks until less than 1/8 is lost at the end */
    POISON = 0xdb,
};

struct chunk {
    struct hf_list_node node; /* on slab->partial, or unlinked when every object is taken */
    struct hf_slab *slab;
    void *given_back;     /* first free object that was used before; links through its first word */
    uint32_t used, fresh; /* objects taken; objects from the start that were ever taken */
};

struct hf_slab {
    const char *name;
    size_t object_bytes; /* rounded up to OBJECT_ALIGN */
    size_t asked_bytes;
    size_t chunk_align, chunk_bytes; /* bytes <= align */
    size_t objects_at;               /* offset of object 0 in a chunk */
    uint32_t chunk_objects;
    uint64_t chunks, used, used_max_seen, objects_max, refused_total;
    unsigned spares, spares_max; /* wholly free chunks, at the end of partial */
    struct hf_list_node partial;
};

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static size_t objects_at(size_t objects)
{
    return round_up(sizeof(struct chunk) + (DEBUG ? (objects + 7) / 8 : 0), FIRST_ALIGN);
}

/* Chooses the chunk's size; false when the sizes overflow. */
static bool lay_out(struct hf_slab *slab)
{
    size_t align = CHUNK_BYTES_MIN, room, objects;

    for (;; align *= 2) {
        /* Debug reserves the bits of as many objects as could ever fit. */
        size_t head = objects_at(align / slab->object_bytes) + CHUNK_SLACK_BYTES;

        if (align > SIZE_MAX / 4)
            return false;
        if (align <= head)
            continue;
        room = align - head;
        objects = room / slab->object_bytes;
        if (objects >= slab->objects_max && slab->objects_max > 0)
            objects = (size_t)slab->objects_max; /* the rest of the chunk is not even asked for */
        else if (objects == 0 || (room - objects * slab->object_bytes) > align / WASTE_DIVISOR)
            continue;
        break;
    }
    slab->chunk_align = align;
    slab->chunk_objects = (uint32_t)objects;
    slab->objects_at = objects_at(objects);
    slab->chunk_bytes = slab->objects_at + objects * slab->object_bytes;
    return true;
}

struct hf_slab *hf_slab_new(const char *name, size_t object_bytes, uint64_t objects_max)
{
    struct hf_slab *slab;

    if (object_bytes > SIZE_MAX / 16)
        return NULL;
    slab = calloc(1, sizeof(*slab));
    if (slab == NULL)
        return NULL;
    slab->name = name;
    slab->asked_bytes = object_bytes;
    slab->object_bytes = round_up(HF_MAX(object_bytes, sizeof(void *)), OBJECT_ALIGN);
    slab->objects_max = objects_max;
    slab->spares_max = 1;
    hf_list_init(&slab->partial);
    if (!lay_out(slab)) {
        free(slab);
        return NULL;
    }
    return slab;
}

static uint8_t *object_at(const struct hf_slab *slab, struct chunk *chunk, uint32_t index)
{
    return (uint8_t *)chunk + slab->objects_at + (size_t)index * slab->object_bytes;
}

static uint8_t *debug_bits(struct chunk *chunk)
{
    return (uint8_t *)(chunk + 1);
}

static struct chunk *chunk_new(struct hf_slab *slab)
{
    void *at = NULL;
    struct chunk *chunk;

    if (posix_memalign(&at, slab->chunk_align, slab->chunk_bytes) != 0)
        return NULL;
    chunk = at;
    memset(at, 0, slab->objects_at);
    ASAN_POISON_MEMORY_REGION(object_at(slab, chunk, 0), slab->chunk_objects * slab->object_bytes);
    chunk->slab = slab;
    hf_list_init(&chunk->node);
    hf_list_push_back(&slab->partial, &chunk->node);
    slab->chunks++;
    slab->spares++;
    return chunk;
}

static void chunk_free(struct hf_slab *slab, struct chunk *chunk)
{
    hf_list_remove(&chunk->node);
    ASAN_UNPOISON_MEMORY_REGION(chunk, slab->chunk_bytes);
    free(chunk);
    slab->chunks--;
    slab->spares--;
}

void hf_slab_keep(struct hf_slab *slab, unsigned chunks)
{
    HF_ASSERT(slab->chunks == 0);
    slab->spares_max = chunks;
}

void hf_slab_free(struct hf_slab *slab)
{
    if (slab == NULL)
        return;
    HF_ASSERT(slab->used == 0);
    while (!hf_list_empty(&slab->partial))
        chunk_free(slab, HF_CONTAINER_OF(slab->partial.next, struct chunk, node));
    HF_ASSERT(slab->chunks == 0);
    free(slab);
}

static void debug_take(const struct hf_slab *slab, struct chunk *chunk, const uint8_t *object,
                       bool used_before)
{
    size_t index = (size_t)(object - object_at(slab, chunk, 0)) / slab->object_bytes;
    uint8_t *bits = &debug_bits(chunk)[index / 8], bit = (uint8_t)(1u << (index % 8));

    HF_ASSERT((*bits & bit) == 0);
    *bits |= bit;
    for (size_t i = sizeof(void *); used_before && i < slab->object_bytes; i++)
        HF_ASSERT(object[i] == POISON); /* else somebody wrote to the object after giving it back */
}

static void debug_give(const struct hf_slab *slab, struct chunk *chunk, uint8_t *object)
{
    size_t offset = (size_t)(object - (uint8_t *)chunk) - slab->objects_at;
    size_t index = offset / slab->object_bytes;
    uint8_t *bits = &debug_bits(chunk)[index / 8], bit = (uint8_t)(1u << (index % 8));

    HF_ASSERT(offset % slab->object_bytes == 0 && index < chunk->fresh); /* not the start of an object */
    HF_ASSERT((*bits & bit) != 0);                                       /* given back twice */
    *bits &= (uint8_t)~bit;
    memset(object, POISON, slab->object_bytes);
}

void *hf_slab_take_raw(struct hf_slab *slab)
{
    struct chunk *chunk;
    uint8_t *object;
    bool used_before;

    if (slab->used >= slab->objects_max || (hf_list_empty(&slab->partial) && chunk_new(slab) == NULL)) {
        slab->refused_total++;
        return NULL;
    }
    chunk = HF_CONTAINER_OF(slab->partial.next, struct chunk, node);
    if (chunk->used == 0)
        slab->spares--;
    used_before = chunk->given_back != NULL;
    object = used_before ? chunk->given_back : object_at(slab, chunk, chunk->fresh);
    ASAN_UNPOISON_MEMORY_REGION(object, slab->object_bytes);
    if (used_before)
        memcpy(&chunk->given_back, object, sizeof(void *));
    else
        chunk->fresh++;
    if (DEBUG)
        debug_take(slab, chunk, object, used_before);
    chunk->used++;
    if (chunk->used == slab->chunk_objects)
        hf_list_remove(&chunk->node);
    slab->used++;
    slab->used_max_seen = HF_MAX(slab->used_max_seen, slab->used);
    return object;
}

void *hf_slab_take(struct hf_slab *slab)
{
    void *object = hf_slab_take_raw(slab);

    if (object != NULL)
        memset(object, 0, slab->object_bytes);
    return object;
}

void hf_slab_give(struct hf_slab *slab, void *object)
{
    struct chunk *chunk = (struct chunk *)((uintptr_t)object & ~(uintptr_t)(slab->chunk_align - 1));

    if (object == NULL)
        return;
    HF_ASSERT(chunk->slab == slab && chunk->used > 0); /* else it is not ours */
    if (DEBUG)
        debug_give(slab, chunk, object);
    if (chunk->used == slab->chunk_objects)
        hf_list_push_front(&slab->partial, &chunk->node);
    memcpy(object, &chunk->given_back, sizeof(void *));
    chunk->given_back = object;
    ASAN_POISON_MEMORY_REGION(object, slab->object_bytes);
    chunk->used--;
    slab->used--;
    if (chunk->used > 0)
        return;
    slab->spares++;
    if (slab->spares > slab->spares_max) {
        chunk_free(slab, chunk);
        return;
    }
    hf_list_remove(&chunk->node); /* to the end: it is taken from last */
    hf_list_push_back(&slab->partial, &chunk->node);
}

void hf_slab_stats(const struct hf_slab *slab, struct hf_slab_stats *ret_stats)
{
    *ret_stats = (struct hf_slab_stats){
        .name = slab->name,
        .object_bytes = slab->asked_bytes,
        .used = slab->used,
        .used_max_seen = slab->used_max_seen,
        .objects_max = slab->objects_max,
        .refused_total = slab->refused_total,
        .chunk_bytes = slab->chunks * slab->chunk_bytes,
    };
}
