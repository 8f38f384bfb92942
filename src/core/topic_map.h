/* core/topic_map.h - business message types to topics (WS-9): {"type":"location_update", ...} -> topic "location". A handful
 * of rows per tenant, from the configuration. */
#ifndef HF_CORE_TOPIC_MAP_H
#define HF_CORE_TOPIC_MAP_H

#include "base/slice.h"

struct hf_topic_map {
    unsigned count;
    struct {
        struct hf_slice type, topic;
    } rows[];
};

/* The topic for a type, or the absent slice. map may be NULL. */
static inline struct hf_slice hf_topic_map_find(const struct hf_topic_map *map, struct hf_slice type)
{
    for (unsigned i = 0; map != NULL && i < map->count; i++)
        if (hf_slice_eq(map->rows[i].type, type))
            return map->rows[i].topic;
    return (struct hf_slice){NULL, 0};
}

#endif
