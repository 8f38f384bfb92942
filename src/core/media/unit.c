#include "core/media/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct hf_media_unit *hf_media_unit_new(struct hf_media_pool *pool, const struct hf_es_unit *from)
{
    struct hf_media_unit *unit = hf_media_pool_take(pool, sizeof(*unit) + from->bytes);

    if (unit == NULL)
        return NULL;
    *unit = (struct hf_media_unit){.pool = pool,
                                   .references = 1,
                                   .codec = (uint8_t)from->codec,
                                   .audio = from->audio,
                                   .key = from->key,
                                   .after_loss = from->after_loss,
                                   .pts = from->pts,
                                   .dts = from->dts,
                                   .bytes = from->bytes};
    memcpy(unit->data, from->at, from->bytes);
    return unit;
}

struct hf_media_unit *hf_media_unit_ref(struct hf_media_unit *unit)
{
    unit->references++;
    return unit;
}

void hf_media_unit_unref(struct hf_media_unit *unit)
{
    if (unit != NULL && --unit->references == 0)
        hf_media_pool_give(unit->pool, unit, sizeof(*unit) + unit->bytes);
}

/* ---- the last group of pictures ---- */

void hf_media_gop_init(struct hf_media_gop *self, size_t bytes_max)
{
    *self = (struct hf_media_gop){.bytes_max = bytes_max};
}

void hf_media_gop_clear(struct hf_media_gop *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        hf_media_unit_unref(self->units[i]);
    self->count = 0;
    self->bytes = 0;
    self->complete = false;
}

void hf_media_gop_deinit(struct hf_media_gop *self)
{
    hf_media_gop_clear(self);
    free(self->units);
    self->units = NULL;
}

void hf_media_gop_add(struct hf_media_gop *self, struct hf_media_unit *unit, bool has_video)
{
    bool begins = unit->key && !unit->audio;

    if (begins || !has_video)
        hf_media_gop_clear(self);
    if (!has_video || (!begins && !self->complete))
        return;
    if (self->units == NULL && self->bytes_max > 0) {
        HF_ASSERT(self->count == 0);
        self->units = malloc(HF_MEDIA_GOP_UNITS_MAX * sizeof(*self->units));
    }
    if (self->units == NULL)
        return;
    if (self->count == HF_MEDIA_GOP_UNITS_MAX || unit->bytes > self->bytes_max - self->bytes) {
        self->overflows++;
        hf_media_gop_clear(self);
        return;
    }
    self->complete = true;
    self->units[self->count++] = hf_media_unit_ref(unit);
    self->bytes += unit->bytes;
}

/* ---- a watcher's queue ---- */

hf_err hf_media_queue_init(struct hf_media_queue *self, uint32_t units_max, size_t bytes_max)
{
    *self = (struct hf_media_queue){.units_max = units_max, .bytes_max = bytes_max};
    self->units = calloc(units_max, sizeof(*self->units));
    return self->units != NULL ? HF_OK : HF_ERR_NOMEM;
}

static void clear(struct hf_media_queue *self)
{
    struct hf_media_unit *unit;

    while ((unit = hf_media_queue_pop(self)) != NULL)
        hf_media_unit_unref(unit);
}

void hf_media_queue_deinit(struct hf_media_queue *self)
{
    clear(self);
    free(self->units);
    self->units = NULL;
}

static bool fits(const struct hf_media_queue *self, const struct hf_media_unit *unit)
{
    /* One unit always does: a key frame larger than the bound must not starve its watcher for ever. */
    return self->count == 0 ||
           (self->count < self->units_max && self->bytes + unit->bytes <= self->bytes_max);
}

void hf_media_queue_push(struct hf_media_queue *self, struct hf_media_unit *unit, bool has_video)
{
    bool begins = unit->key && (!unit->audio || !has_video);

    if (!self->begun && !begins)
        return;
    self->begun = true;
    if (begins) {
        self->skipping = false;
        if (!fits(self, unit)) {
            self->jumps++;
            self->lost += self->count;
            clear(self);
        }
    } else if (!self->skipping && !fits(self, unit)) {
        self->jumps++;
        self->skipping = true;
    }
    if (self->skipping) {
        self->lost++;
        return;
    }
    self->units[(self->head + self->count) % self->units_max] = hf_media_unit_ref(unit);
    self->count++;
    self->bytes += unit->bytes;
}

struct hf_media_unit *hf_media_queue_pop(struct hf_media_queue *self)
{
    struct hf_media_unit *unit;

    if (self->count == 0)
        return NULL;
    unit = self->units[self->head];
    self->head = (self->head + 1) % self->units_max;
    self->count--;
    self->bytes -= unit->bytes;
    return unit;
}
