#include "core/renewal.h"

static const struct row {
    const char *name, *text;
    enum hf_reason reason;
} rows[HF_RENEWALS] = {
#define ROW(id, name_, reason_, text_) [id] = {.name = (name_), .text = (text_), .reason = (reason_)},
    HF_RENEWAL_MAP(ROW)
#undef ROW
};

static const struct row *row_of(unsigned result)
{
    return &rows[result < HF_RENEWALS ? result : HF_RENEWAL_FAILED];
}

const char *hf_renewal_name(unsigned result)
{
    return row_of(result)->name;
}

const char *hf_renewal_text(unsigned result)
{
    return row_of(result)->text;
}

enum hf_reason hf_renewal_reason(unsigned result)
{
    return row_of(result)->reason;
}

bool hf_renewal_take(struct hf_renewal_rates *rates, uint64_t device, uint64_t now_ms, uint64_t *ret_wait_ms)
{
    struct hf_renewal_slot *slot = &rates->slots[device % HF_RENEWAL_SLOTS];

    if (slot->device != device || now_ms - slot->since_ms >= HF_RENEWAL_WINDOW_MS)
        *slot = (struct hf_renewal_slot){.device = device, .since_ms = now_ms};
    if (slot->count >= HF_RENEWALS_PER_DEVICE) {
        *ret_wait_ms = slot->since_ms + HF_RENEWAL_WINDOW_MS - now_ms;
        return false;
    }
    slot->count++;
    return true;
}
