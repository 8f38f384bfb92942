#include <stdlib.h>
#include <string.h>

#include "app/jwks_internal.h"
#include "base/assert.h"

hf_err hf_jwks_new(struct hf_logger *logger, void (*on_change)(void *context), void *context,
                   struct hf_jwks **ret_jwks)
{
    struct hf_jwks *jwks = calloc(1, sizeof(*jwks));

    if (jwks == NULL)
        return HF_ERR_NOMEM;
    jwks->logger = logger;
    jwks->on_change = on_change;
    jwks->context = context;
    pthread_mutex_init(&jwks->mutex, NULL);
    *ret_jwks = jwks;
    return HF_OK;
}

void hf_jwks_source_free(struct hf_jwks_source *source)
{
    if (source == NULL)
        return;
    HF_ASSERT(source->curl == NULL);
    free(source->tenant);
    free(source->url);
    free(source->ca_file);
    free(source->text);
    free(source);
}

void hf_jwks_stop(struct hf_jwks *jwks)
{
    if (jwks == NULL || jwks->multi == NULL)
        return;
    atomic_store(&jwks->stopping, true);
    (void)curl_multi_wakeup(jwks->multi);
    hf_thread_join(&jwks->thread);
}

void hf_jwks_free(struct hf_jwks *jwks)
{
    if (jwks == NULL)
        return;
    hf_jwks_stop(jwks);
    for (unsigned i = 0; i < jwks->count; i++)
        hf_jwks_source_free(jwks->sources[i]);
    for (struct hf_jwks_source *gone = jwks->gone, *next; gone != NULL; gone = next) {
        next = gone->next_gone;
        hf_jwks_source_free(gone);
    }
    hf_jwks_give(jwks, jwks->current);
    if (jwks->multi != NULL)
        (void)curl_multi_cleanup(jwks->multi);
    pthread_mutex_destroy(&jwks->mutex);
    free(jwks);
}

/* ---- the list of URLs ---- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct hf_jwks_source *source_new(const char *tenant, const struct hf_config_jwt_key *key)
{
    struct hf_jwks_source *source = calloc(1, sizeof(*source));

    if (source == NULL)
        return NULL;
    hf_jwks_refresh_init(&source->refresh);
    source->tenant = strdup(tenant);
    source->url = strdup(key->jwks_url);
    source->ca_file = key->jwks_ca_file != NULL ? strdup(key->jwks_ca_file) : NULL;
    if (source->tenant != NULL && source->url != NULL &&
        (source->ca_file != NULL) == (key->jwks_ca_file != NULL))
        return source;
    hf_jwks_source_free(source);
    return NULL;
}

/* NULL: it is a new one. */
static struct hf_jwks_source *find(const struct hf_jwks *jwks, const char *tenant,
                                   const struct hf_config_jwt_key *key)
{
    for (unsigned i = 0; i < jwks->count; i++) {
        struct hf_jwks_source *source = jwks->sources[i];

        if (strcmp(source->tenant, tenant) == 0 && strcmp(source->url, key->jwks_url) == 0 &&
            same_text(source->ca_file, key->jwks_ca_file))
            return source;
    }
    return NULL;
}

struct list {
    struct hf_jwks_source *at[HF_JWKS_SOURCES_MAX];
    unsigned positions[HF_JWKS_SOURCES_MAX];
    bool made[HF_JWKS_SOURCES_MAX]; /* not in force yet */
    unsigned count;
};

static bool holds(const struct list *list, const struct hf_jwks_source *source)
{
    for (unsigned i = 0; i < list->count; i++)
        if (list->at[i] == source)
            return true;
    return false;
}

static hf_err add(struct list *list, const struct hf_jwks *jwks, const struct hf_config_tenant *tenant,
                  unsigned position)
{
    const struct hf_config_jwt_key *key = &tenant->jwt_keys.at[position];
    struct hf_jwks_source *source = find(jwks, tenant->name, key);

    if (source != NULL && holds(list, source))
        return HF_OK;                             /* the same row twice is one fetch */
    HF_ASSERT(list->count < HF_JWKS_SOURCES_MAX); /* app/config_check_tenants.c */
    list->made[list->count] = source == NULL;
    list->positions[list->count] = position;
    list->at[list->count] = source != NULL ? source : source_new(tenant->name, key);
    return list->at[list->count++] != NULL ? HF_OK : HF_ERR_NOMEM;
}

static hf_err build(struct list *list, const struct hf_jwks *jwks, const struct hf_config *config)
{
    hf_err err = HF_OK;

    for (size_t i = 0; i < config->tenants.count; i++)
        for (unsigned k = 0; err == HF_OK && k < config->tenants.at[i].jwt_keys.count; k++)
            if (config->tenants.at[i].jwt_keys.at[k].jwks_url != NULL)
                err = add(list, jwks, &config->tenants.at[i], k);
    if (err == HF_OK)
        return HF_OK;
    for (unsigned i = 0; i < list->count; i++)
        if (list->made[i])
            hf_jwks_source_free(list->at[i]);
    return err;
}

static void exchange(struct hf_jwks *jwks, const struct list *list)
{
    pthread_mutex_lock(&jwks->mutex);
    for (unsigned i = 0; i < jwks->count; i++)
        if (!holds(list, jwks->sources[i])) {
            jwks->sources[i]->next_gone = jwks->gone;
            jwks->gone = jwks->sources[i];
        }
    memcpy(jwks->sources, list->at, sizeof(jwks->sources));
    jwks->count = list->count;
    for (unsigned i = 0; i < list->count; i++)
        jwks->sources[i]->position = list->positions[i];
    jwks->changed = true;
    pthread_mutex_unlock(&jwks->mutex);
}

/* The first URL: from here on workers ask about kids that they do not know. */
static hf_err begin(struct hf_jwks *jwks)
{
    struct hf_jwt_keys *none = NULL;
    hf_err err = HF_OK;

    if (jwks->multi == NULL)
        jwks->multi = curl_multi_init();
    if (jwks->multi == NULL)
        return HF_ERR_NOMEM;
    if (jwks->current == NULL) {
        none = hf_jwt_keys_new();
        err = none != NULL ? hf_jwks_publish(jwks, none) : HF_ERR_NOMEM;
    }
    return err == HF_OK && !jwks->thread.started
               ? hf_thread_start(&jwks->thread, "hf-jwks", HF_THREAD_ANY_CPU, hf_jwks_run, jwks)
               : err;
}

hf_err hf_jwks_use(struct hf_jwks *jwks, const struct hf_config *config)
{
    struct list list = {.count = 0};
    hf_err err = build(&list, jwks, config);

    if (err == HF_OK && list.count > 0 && !jwks->thread.started) {
        err = begin(jwks);
        for (unsigned i = 0; err != HF_OK && i < list.count; i++)
            hf_jwks_source_free(list.at[i]); /* all are new: without a thread there were none */
    }
    if (err != HF_OK)
        return err;
    exchange(jwks, &list);
    if (jwks->multi != NULL)
        (void)curl_multi_wakeup(jwks->multi);
    return HF_OK;
}

/* ---- the workers ---- */

uint64_t hf_jwks_generation(const struct hf_jwks *jwks)
{
    return atomic_load_explicit(&jwks->generation, memory_order_acquire);
}

void hf_jwks_give(struct hf_jwks *jwks, struct hf_jwks_set *taken)
{
    if (taken == NULL)
        return;
    pthread_mutex_lock(&jwks->mutex);
    HF_ASSERT(taken->references > 0);
    bool last = --taken->references == 0;
    pthread_mutex_unlock(&jwks->mutex);
    if (!last)
        return;
    hf_jwt_keys_free(taken->keys);
    free(taken);
}

struct hf_jwks_set *hf_jwks_take(struct hf_jwks *jwks, struct hf_jwks_set *taken)
{
    pthread_mutex_lock(&jwks->mutex);
    struct hf_jwks_set *newest = jwks->current;

    HF_ASSERT(newest != NULL);
    newest->references++;
    pthread_mutex_unlock(&jwks->mutex);
    hf_jwks_give(jwks, taken);
    return newest;
}

bool hf_jwks_unknown_kid(struct hf_jwks *jwks, uint64_t now_ms)
{
    bool wake = false, hope = false;

    pthread_mutex_lock(&jwks->mutex);
    for (unsigned i = 0; i < jwks->count; i++) {
        struct hf_jwks_source *source = jwks->sources[i];

        if (hf_jwks_refresh_unknown_kid(&source->refresh, now_ms))
            wake = source->start = true;
        hope |= source->refresh.fetching || source->failed;
    }
    pthread_mutex_unlock(&jwks->mutex);
    if (wake)
        (void)curl_multi_wakeup(jwks->multi);
    return hope;
}
