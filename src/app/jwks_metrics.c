#include "app/jwks_internal.h"
#include "base/assert.h"

enum what { KEYS, AGE, FETCHES, FAILURES, UNKNOWN, WHATS };

static const struct row {
    const char *name, *type, *help;
} rows[WHATS] = {
    [KEYS] = {"jwks_keys", "gauge", "usable keys of the last good key set by URL; 0: none came yet"},
    [AGE] = {"jwks_age_seconds", "gauge", "since the key set by URL was last fetched; -1: never"},
    [FETCHES] = {"jwks_fetches_total", "counter", "fetches that brought a good key set"},
    [FAILURES] = {"jwks_fetches_failed_total", "counter", "fetches that failed; the last good key set stays"},
    [UNKNOWN] = {"jwks_unknown_kids_unfetched_total", "counter",
                 "tokens with an unknown kid that caused no fetch: one is under way, or began within 30 s"},
};

static long long value(const struct hf_jwks_source *source, unsigned what, uint64_t now_ms)
{
    switch (what) {
    case KEYS: return (long long)source->keys;
    case AGE:
        return source->good_ms == 0 ? -1 : (long long)((now_ms - HF_MIN(now_ms, source->good_ms)) / 1000);
    case FETCHES: return (long long)source->fetched_total;
    case FAILURES: return (long long)source->failed_total;
    default: return (long long)source->refresh.unknown_kid_refused_total;
    }
}

void hf_jwks_metrics(struct hf_page *page, struct hf_jwks *jwks, uint64_t now_ms)
{
    pthread_mutex_lock(&jwks->mutex);
    for (unsigned what = 0; what < WHATS; what++) {
        hf_page_head(page, rows[what].name, rows[what].type, rows[what].help);
        for (unsigned i = 0; i < jwks->count; i++) {
            char tenant[HF_PAGE_LABEL_BYTES];

            hf_page_label(tenant, jwks->sources[i]->tenant);
            hf_page_add(page, "holdfast_%s{tenant=\"%s\",row=\"%u\"} %lld\n", rows[what].name, tenant,
                        jwks->sources[i]->position, value(jwks->sources[i], what, now_ms));
        }
    }
    pthread_mutex_unlock(&jwks->mutex);
}
