/* app/jwks.h - the keys of tokens that come by URL (tenants[].jwt_keys[].jwks_url, SEC-2). One thread of its own fetches, all URLs side by side, by the rule of
 * codec/jwt/refresh.h; no worker ever waits for it. What was fetched is checked as a whole and exchanged for what was in force; a fetch that fails in whatever way changes nothing.
 * Without a URL in the configuration there is no thread and no descriptor. */
#ifndef HF_APP_JWKS_H
#define HF_APP_JWKS_H

#include "app/config.h"
#include "app/metrics_page.h"
#include "base/logger.h"
#include "codec/jwt/keys.h"

enum {
    HF_JWKS_SOURCES_MAX = 64, /* URLs, of all tenants; check-config refuses more */
    HF_JWKS_FETCH_MS = 5000,  /* from the name's look-up to the last byte */
};

struct hf_jwks; /* opaque */

struct hf_jwks_set { /* does not change while it is taken */
    struct hf_jwt_keys *keys;
    uint64_t generation; /* from 1 */
    unsigned references; /* hf_jwks_take() and _give() */
};

/* NULL: it can be fetched from. Else what is wrong with it. */
const char *hf_jwks_url_wrong(const char *url);

/* on_change: on the thread of its own, or that of hf_jwks_use(): hf_jwks_generation() has grown. HF_ERR_NOMEM. */
hf_err hf_jwks_new(struct hf_logger *logger, void (*on_change)(void *context), void *context,
                   struct hf_jwks **ret_jwks);
/* At start and with each reload: these URLs, and no other ones. URLs that stay keep what they have. HF_ERR_NOMEM: nothing has changed. One thread only. */
hf_err hf_jwks_use(struct hf_jwks *jwks, const struct hf_config *config);
void hf_jwks_stop(struct hf_jwks *jwks); /* ends what is being fetched; again, or NULL, is harmless */
void hf_jwks_free(struct hf_jwks *jwks); /* when everything is given back; NULL is harmless */

/* Any thread, and they do not wait for the network: */
uint64_t hf_jwks_generation(const struct hf_jwks *jwks); /* 0: there never was a URL */
/* Gives back `taken` (or NULL) and takes the newest; only when the generation is not 0. */
struct hf_jwks_set *hf_jwks_take(struct hf_jwks *jwks, struct hf_jwks_set *taken);
void hf_jwks_give(struct hf_jwks *jwks, struct hf_jwks_set *taken); /* NULL is harmless */
/* A token has a kid that no key has: starts fetches as far as the rule allows. True: one is under way, or the last one failed, so that the kid may be good after all. */
bool hf_jwks_unknown_kid(struct hf_jwks *jwks, uint64_t now_ms);
void hf_jwks_metrics(struct hf_page *page, struct hf_jwks *jwks, uint64_t now_ms);

#endif
