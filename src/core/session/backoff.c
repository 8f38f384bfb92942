/* core/session/backoff.c - RC-1 with the close codes of WS-10. */
#include "core/session/backoff.h"

#include <stddef.h>

#include "base/assert.h"

enum { LOST = 1006, STAY = 1000 };

/* Codes without a row: as after any failed attempt. */
static const struct code {
    uint16_t close_code;
    bool by_ticket;
    uint32_t at_least_ms, default_ms; /* default_ms: when the peer names no time */
} codes[] = {
    {1001, true, 0, 0},
    {LOST, true, 0, 0},
    {4403, false, HF_BACKOFF_FORBIDDEN_MS, 0},
    {4408, true, 0, 0},
    {4409, false, HF_BACKOFF_REPLACED_MS, 0},
    {4429, false, 0, HF_BACKOFF_LIMIT_MS},
};

static struct code code_of(uint16_t close_code)
{
    for (size_t i = 0; i < HF_COUNT_OF(codes); i++)
        if (codes[i].close_code == close_code)
            return codes[i];
    return (struct code){.close_code = close_code};
}

void hf_backoff_init(struct hf_backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
    HF_ASSERT(base_ms >= 1 && cap_ms >= 1);
    *backoff = (struct hf_backoff){.base_ms = base_ms, .cap_ms = cap_ms};
}

void hf_backoff_ticket(struct hf_backoff *backoff, uint32_t ticket_ms)
{
    backoff->ticket_ms = HF_MIN(ticket_ms, (uint32_t)HF_TICKET_MS_MAX);
    backoff->has_ticket = ticket_ms != 0;
}

static uint64_t ceiling_ms(const struct hf_backoff *backoff)
{
    uint64_t ceiling = backoff->base_ms;

    for (uint32_t a = backoff->attempts; a > 0 && ceiling < backoff->cap_ms; a--)
        ceiling *= 2;
    return HF_MIN(ceiling, (uint64_t)backoff->cap_ms);
}

enum hf_backoff_action hf_backoff_next(struct hf_backoff *backoff, const struct hf_backoff_end *end,
                                       struct hf_rng *rng, uint64_t *ret_delay_ms)
{
    const struct code code = code_of(end->close_code);
    bool by_ticket = code.by_ticket && backoff->has_ticket;

    backoff->has_ticket = false; /* good for the first delay only, whatever that is */
    if (end->connected_ms >= HF_BACKOFF_STABLE_MS)
        backoff->attempts = 0;
    if (end->close_code == STAY)
        return HF_BACKOFF_STAY;
    if (backoff->attempts_max != 0 && backoff->attempts >= backoff->attempts_max)
        return HF_BACKOFF_GIVE_UP;

    uint64_t bound_ms = HF_MIN(end->retry_ms, (uint32_t)HF_RETRY_MS_MAX);

    if (bound_ms == 0)
        bound_ms = code.default_ms;
    bound_ms = HF_MAX(bound_ms, (uint64_t)code.at_least_ms);
    *ret_delay_ms = bound_ms;
    if (by_ticket)
        *ret_delay_ms += backoff->ticket_ms;
    if (!by_ticket || backoff->attempts > 0)
        *ret_delay_ms += hf_rng_below(rng, ceiling_ms(backoff) + 1);
    if (backoff->attempts < UINT32_MAX)
        backoff->attempts++;
    return HF_BACKOFF_RETRY;
}

uint64_t hf_backoff_network_up(const struct hf_backoff *backoff, struct hf_rng *rng)
{
    return hf_rng_below(rng, (uint64_t)backoff->base_ms + 1);
}
