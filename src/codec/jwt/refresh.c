/* codec/jwt/refresh.c */
#include "codec/jwt/refresh.h"

void hf_jwks_refresh_init(struct hf_jwks_refresh *refresh)
{
    *refresh = (struct hf_jwks_refresh){.next_ms = 0};
}

static bool start(struct hf_jwks_refresh *refresh, uint64_t now_ms)
{
    refresh->fetching = true;
    refresh->tried = true;
    refresh->allowed_ms = now_ms + HF_JWKS_UNKNOWN_KID_MS;
    return true;
}

bool hf_jwks_refresh_due(struct hf_jwks_refresh *refresh, uint64_t now_ms)
{
    if (refresh->fetching || (refresh->tried && now_ms < refresh->next_ms))
        return false;
    return start(refresh, now_ms);
}

bool hf_jwks_refresh_unknown_kid(struct hf_jwks_refresh *refresh, uint64_t now_ms)
{
    if (refresh->fetching || (refresh->tried && now_ms < refresh->allowed_ms)) {
        refresh->unknown_kid_refused_total++;
        return false;
    }
    return start(refresh, now_ms);
}

void hf_jwks_refresh_done(struct hf_jwks_refresh *refresh, uint64_t now_ms, bool succeeded)
{
    refresh->fetching = false;
    refresh->next_ms = now_ms + (succeeded ? HF_JWKS_FRESH_MS : HF_JWKS_RETRY_MS);
}
