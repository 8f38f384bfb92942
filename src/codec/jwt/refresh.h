/* codec/jwt/refresh.h - when a fetched key set (JWKS) is fetched again (SEC-2). Pure: the caller does the fetching.
 * One fetch at a time; a set is fresh for 10 minutes; an unknown kid asks for at most one extra fetch per 30 s, so that
 * made-up kids cannot turn us into a hammer. A failed fetch keeps the old set and is tried again after 30 s. */
#ifndef HF_CODEC_JWT_REFRESH_H
#define HF_CODEC_JWT_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

enum { HF_JWKS_FRESH_MS = 600000, HF_JWKS_UNKNOWN_KID_MS = 30000, HF_JWKS_RETRY_MS = 30000 };

struct hf_jwks_refresh { /* embedded, fields are ours */
    bool fetching, tried;
    uint64_t next_ms;    /* the regular fetch is due */
    uint64_t allowed_ms; /* no fetch for an unknown kid before */
    uint64_t unknown_kid_refused_total;
};

void hf_jwks_refresh_init(struct hf_jwks_refresh *refresh); /* the first fetch is due at once */
/* True: start a fetch now; it counts as running until _done(). */
bool hf_jwks_refresh_due(struct hf_jwks_refresh *refresh, uint64_t now_ms);
bool hf_jwks_refresh_unknown_kid(struct hf_jwks_refresh *refresh, uint64_t now_ms);
void hf_jwks_refresh_done(struct hf_jwks_refresh *refresh, uint64_t now_ms, bool succeeded);

#endif
