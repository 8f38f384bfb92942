/* core/gb/ssrc.c - the numbers of a kind lie in one queue while nobody has them: the ready ones in front, then those in quarantine in the order in which they came back. */
#include "core/gb/ssrc.h"

#include <stdlib.h>

#include "base/assert.h"

enum { NIL = 0xffff };

struct number {
    uint64_t owner;        /* 0 = it is in the queue */
    uint64_t at_ms;        /* in the queue: when it may be given; in use: since when it is an orphan, or 0 */
    uint16_t before, next; /* in the queue */
};

struct numbers {
    struct number *all;     /* owns */
    uint16_t first, last;   /* of the queue */
    uint16_t first_resting; /* in quarantine, as far as it was looked at; NIL = none */
    unsigned used, resting;
    bool alarm;
    uint64_t taken, refused, alarms;
};

struct hf_gb_ssrc_pool {
    struct numbers kinds[HF_GB_SSRC_KINDS];
    unsigned share, shares, total; /* total: numbers of a kind */
    uint32_t base[HF_GB_SSRC_KINDS];
};

static void queue_all(struct numbers *numbers, unsigned total)
{
    for (unsigned i = 0; i < total; i++) {
        numbers->all[i].before = i > 0 ? (uint16_t)(i - 1) : NIL;
        numbers->all[i].next = i + 1 < total ? (uint16_t)(i + 1) : NIL;
    }
    numbers->first = 0;
    numbers->last = (uint16_t)(total - 1);
    numbers->first_resting = NIL;
}

static void unqueue(struct numbers *numbers, uint16_t i)
{
    struct number *number = &numbers->all[i];

    if (numbers->first_resting == i)
        numbers->first_resting = number->next;
    if (number->before != NIL)
        numbers->all[number->before].next = number->next;
    else
        numbers->first = number->next;
    if (number->next != NIL)
        numbers->all[number->next].before = number->before;
    else
        numbers->last = number->before;
}

hf_err hf_gb_ssrc_pool_new(struct hf_slice domain, unsigned share, unsigned shares,
                           struct hf_gb_ssrc_pool **ret_pool)
{
    struct hf_gb_ssrc_pool *pool = NULL;
    uint32_t base[HF_GB_SSRC_KINDS];
    hf_err err = HF_OK;

    if (shares == 0 || share >= shares || shares > HF_SSRC_NUMBERS)
        return HF_ERR_INVALID;
    for (unsigned i = 0; err == HF_OK && i < HF_GB_SSRC_KINDS; i++)
        err = hf_ssrc_make(domain, i == HF_GB_SSRC_HISTORY, 0, &base[i]);
    if (err != HF_OK)
        return err;
    pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return HF_ERR_NOMEM;
    pool->share = share;
    pool->shares = shares;
    pool->total = (HF_SSRC_NUMBERS - share + shares - 1) / shares;
    for (unsigned i = 0; i < HF_GB_SSRC_KINDS; i++) {
        pool->base[i] = base[i];
        pool->kinds[i].all = calloc(pool->total, sizeof(struct number));
        if (pool->kinds[i].all == NULL) {
            hf_gb_ssrc_pool_free(pool);
            return HF_ERR_NOMEM;
        }
        queue_all(&pool->kinds[i], pool->total);
        if (base[i] + share == 0) { /* an SSRC of 0 is none */
            pool->kinds[i].all[0].at_ms = UINT64_MAX;
            unqueue(&pool->kinds[i], 0);
        }
    }
    *ret_pool = pool;
    return HF_OK;
}

void hf_gb_ssrc_pool_free(struct hf_gb_ssrc_pool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < HF_GB_SSRC_KINDS; i++)
        free(pool->kinds[i].all);
    free(pool);
}

/* ---- the queue ---- */

static void queue_last(struct numbers *numbers, uint16_t i)
{
    struct number *number = &numbers->all[i];

    number->before = numbers->last;
    number->next = NIL;
    if (numbers->last != NIL)
        numbers->all[numbers->last].next = i;
    else
        numbers->first = i;
    numbers->last = i;
}

/* Who has waited long enough is ready. */
static void rested(struct numbers *numbers, uint64_t now_ms)
{
    while (numbers->first_resting != NIL && numbers->all[numbers->first_resting].at_ms <= now_ms) {
        numbers->first_resting = numbers->all[numbers->first_resting].next;
        numbers->resting--;
    }
}

static void watch(struct hf_gb_ssrc_pool *pool, struct numbers *numbers)
{
    unsigned percent = (numbers->used + numbers->resting) * 100 / pool->total;

    if (!numbers->alarm && percent >= HF_GB_SSRC_ALARM_PERCENT)
        numbers->alarms++;
    if (percent >= HF_GB_SSRC_ALARM_PERCENT)
        numbers->alarm = true;
    else if (percent < HF_GB_SSRC_CALM_PERCENT)
        numbers->alarm = false;
}

static void give_to(struct hf_gb_ssrc_pool *pool, struct numbers *numbers, uint16_t i, uint64_t owner)
{
    unqueue(numbers, i);
    numbers->all[i].owner = owner;
    numbers->all[i].at_ms = 0;
    numbers->used++;
    numbers->taken++;
    watch(pool, numbers);
}

static void rest(struct hf_gb_ssrc_pool *pool, struct numbers *numbers, uint16_t i, uint64_t now_ms)
{
    numbers->all[i].owner = 0;
    numbers->all[i].at_ms = now_ms + HF_GB_SSRC_QUARANTINE_MS;
    queue_last(numbers, i);
    numbers->used--;
    numbers->resting++;
    if (numbers->first_resting == NIL)
        numbers->first_resting = i;
    watch(pool, numbers);
}

hf_err hf_gb_ssrc_take(struct hf_gb_ssrc_pool *pool, enum hf_gb_ssrc_kind kind, uint64_t owner,
                       uint64_t now_ms, uint32_t *ret_ssrc)
{
    struct numbers *numbers = &pool->kinds[kind];
    uint16_t i = numbers->first;

    HF_ASSERT(owner != 0);
    rested(numbers, now_ms);
    if (i == NIL || numbers->all[i].at_ms > now_ms) {
        numbers->refused++;
        return HF_ERR_LIMIT;
    }
    give_to(pool, numbers, i, owner);
    *ret_ssrc = pool->base[kind] + i * pool->shares + pool->share;
    return HF_OK;
}

/* False: none of this pool's. */
static bool find(struct hf_gb_ssrc_pool *pool, uint32_t ssrc, struct numbers **ret_numbers, uint16_t *ret_i)
{
    for (unsigned kind = 0; kind < HF_GB_SSRC_KINDS; kind++) {
        uint32_t number = ssrc - pool->base[kind];

        if (ssrc < pool->base[kind] || number >= HF_SSRC_NUMBERS || number % pool->shares != pool->share)
            continue;
        *ret_numbers = &pool->kinds[kind];
        *ret_i = (uint16_t)(number / pool->shares);
        return true;
    }
    return false;
}

hf_err hf_gb_ssrc_take_this(struct hf_gb_ssrc_pool *pool, uint32_t ssrc, uint64_t owner, uint64_t now_ms)
{
    struct numbers *numbers;
    uint16_t i;

    HF_ASSERT(owner != 0);
    if (!find(pool, ssrc, &numbers, &i))
        return HF_ERR_NOT_FOUND;
    rested(numbers, now_ms);
    if (numbers->all[i].owner != 0 || numbers->all[i].at_ms > now_ms)
        return HF_ERR_EXISTS;
    give_to(pool, numbers, i, owner);
    return HF_OK;
}

void hf_gb_ssrc_give(struct hf_gb_ssrc_pool *pool, uint32_t ssrc, uint64_t owner, uint64_t now_ms)
{
    struct numbers *numbers;
    uint16_t i;

    if (!find(pool, ssrc, &numbers, &i) || owner == 0 || numbers->all[i].owner != owner)
        return;
    rested(numbers, now_ms);
    rest(pool, numbers, i, now_ms);
}

/* ---- looking ---- */

void hf_gb_ssrc_audit(struct hf_gb_ssrc_pool *pool, hf_gb_ssrc_alive_fn *alive, void *context,
                      uint64_t now_ms, struct hf_gb_audit *audit)
{
    for (unsigned kind = 0; kind < HF_GB_SSRC_KINDS; kind++) {
        struct numbers *numbers = &pool->kinds[kind];

        rested(numbers, now_ms);
        for (unsigned i = 0; numbers->used > 0 && i < pool->total; i++) {
            struct number *number = &numbers->all[i];

            if (number->owner != 0 && hf_gb_audit_look(audit, &number->at_ms, alive(context, number->owner),
                                                       now_ms) == HF_GB_OWNED_RECLAIMED)
                rest(pool, numbers, (uint16_t)i, now_ms);
        }
    }
}

struct hf_gb_ssrc_counts hf_gb_ssrc_counts(struct hf_gb_ssrc_pool *pool, enum hf_gb_ssrc_kind kind,
                                           uint64_t now_ms)
{
    struct numbers *numbers = &pool->kinds[kind];

    rested(numbers, now_ms);
    watch(pool, numbers);
    return (struct hf_gb_ssrc_counts){.used = numbers->used,
                                      .resting = numbers->resting,
                                      .total = pool->total,
                                      .alarm = numbers->alarm,
                                      .taken = numbers->taken,
                                      .refused = numbers->refused,
                                      .alarms = numbers->alarms};
}

bool hf_gb_ssrc_idle(struct hf_gb_ssrc_pool *pool, uint64_t now_ms)
{
    unsigned busy = 0;

    for (unsigned kind = 0; kind < HF_GB_SSRC_KINDS; kind++) {
        rested(&pool->kinds[kind], now_ms);
        busy += pool->kinds[kind].used + pool->kinds[kind].resting;
    }
    return busy == 0;
}
