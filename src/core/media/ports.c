#include "core/media/ports.h"

#include <stdlib.h>

#include "base/assert.h"

struct hf_media_port {
    uint8_t state;
    uint64_t since_ms; /* of the state */
};

hf_err hf_media_ports_init(struct hf_media_ports *self, uint16_t first, uint16_t last)
{
    uint32_t begin = first + (first & 1u), pairs = last > begin ? (last - begin + 1u) / 2 : 0;

    *self = (struct hf_media_ports){.first = (uint16_t)begin, .pairs = pairs};
    if (pairs == 0 || begin == 0)
        return HF_ERR_INVALID;
    self->at = calloc(pairs, sizeof(*self->at));
    self->free_ring = calloc(pairs, sizeof(uint32_t));
    self->rest_ring = calloc(pairs, sizeof(uint32_t));
    if (self->at == NULL || self->free_ring == NULL || self->rest_ring == NULL) {
        hf_media_ports_deinit(self);
        return HF_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < pairs; i++)
        self->free_ring[i] = i;
    self->free_count = pairs;
    return HF_OK;
}

void hf_media_ports_deinit(struct hf_media_ports *self)
{
    free(self->at);
    free(self->free_ring);
    free(self->rest_ring);
    *self = (struct hf_media_ports){0};
}

static void judge_alarm(struct hf_media_ports *self)
{
    uint64_t busy_percent = 100 * (uint64_t)(self->used + self->resting) / self->pairs;

    if (!self->alarm && busy_percent >= HF_MEDIA_PORTS_ALARM_PERCENT) {
        self->alarm = true;
        self->alarms++;
    } else if (self->alarm && busy_percent < HF_MEDIA_PORTS_CALM_PERCENT) {
        self->alarm = false;
    }
}

void hf_media_ports_settle(struct hf_media_ports *self, uint64_t now_ms)
{
    while (self->resting > 0) {
        uint32_t pair = self->rest_ring[self->rest_head];

        HF_ASSERT(self->at[pair].state == HF_MEDIA_PORT_RESTING);
        if (now_ms - self->at[pair].since_ms < HF_MEDIA_QUARANTINE_MS)
            break;
        self->at[pair] = (struct hf_media_port){HF_MEDIA_PORT_FREE, now_ms};
        self->rest_head = (self->rest_head + 1) % self->pairs;
        self->resting--;
        self->free_ring[(self->free_head + self->free_count) % self->pairs] = pair;
        self->free_count++;
    }
    judge_alarm(self);
}

hf_err hf_media_ports_take(struct hf_media_ports *self, uint64_t now_ms, uint16_t *ret_port)
{
    uint32_t pair;

    hf_media_ports_settle(self, now_ms);
    if (self->free_count == 0) {
        self->exhausted++;
        return HF_ERR_LIMIT;
    }
    pair = self->free_ring[self->free_head];
    self->free_head = (self->free_head + 1) % self->pairs;
    self->free_count--;
    self->at[pair] = (struct hf_media_port){HF_MEDIA_PORT_USED, now_ms};
    self->used++;
    self->taken++;
    judge_alarm(self);
    *ret_port = (uint16_t)(self->first + 2 * pair);
    return HF_OK;
}

static void rest(struct hf_media_ports *self, uint64_t now_ms, uint16_t port)
{
    uint32_t pair = (uint32_t)(port - self->first) / 2;

    HF_ASSERT(port >= self->first && (port - self->first) % 2 == 0 && pair < self->pairs);
    HF_ASSERT(self->at[pair].state == HF_MEDIA_PORT_USED);
    self->at[pair] = (struct hf_media_port){HF_MEDIA_PORT_RESTING, now_ms};
    self->used--;
    self->rest_ring[(self->rest_head + self->resting) % self->pairs] = pair;
    self->resting++;
    judge_alarm(self);
}

void hf_media_ports_give(struct hf_media_ports *self, uint64_t now_ms, uint16_t port)
{
    self->given++;
    rest(self, now_ms, port);
}

void hf_media_ports_skip(struct hf_media_ports *self, uint64_t now_ms, uint16_t port)
{
    self->skipped++;
    rest(self, now_ms, port);
}

bool hf_media_ports_audit(const struct hf_media_ports *self, uint64_t now_ms,
                          struct hf_media_ports_audit *ret)
{
    *ret = (struct hf_media_ports_audit){0};
    for (uint32_t i = 0; i < self->pairs; i++) {
        ret->free += self->at[i].state == HF_MEDIA_PORT_FREE;
        ret->resting += self->at[i].state == HF_MEDIA_PORT_RESTING;
        if (self->at[i].state == HF_MEDIA_PORT_USED) {
            ret->used++;
            ret->longest_ms = HF_MAX(ret->longest_ms, now_ms - self->at[i].since_ms);
        }
    }
    return ret->free == self->free_count && ret->used == self->used && ret->resting == self->resting &&
           self->taken == self->given + self->skipped + self->used;
}
