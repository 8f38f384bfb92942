/* app/jwks_thread.c - HF_JWKS_SOURCES_MAX fetches at most run side by side, so that a slow server delays nobody else's keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/jwks_internal.h"
#include "base/assert.h"
#include "io/clock.h"

enum { SAY_AGAIN_MS = 600000, IDLE_MS = 60000 };

struct turn { /* the list as it is during one; sources are freed by this thread only */
    struct hf_jwks_source *sources[HF_JWKS_SOURCES_MAX];
    bool begin[HF_JWKS_SOURCES_MAX];
    unsigned count;
    struct hf_jwks_source *gone;
    bool changed;
    uint64_t next_ms;
};

hf_err hf_jwks_publish(struct hf_jwks *jwks, struct hf_jwt_keys *keys)
{
    struct hf_jwks_set *set = calloc(1, sizeof(*set)), *before;

    if (set == NULL) {
        hf_jwt_keys_free(keys);
        return HF_ERR_NOMEM;
    }
    pthread_mutex_lock(&jwks->mutex);
    before = jwks->current;
    *set = (struct hf_jwks_set){.keys = keys, .generation = jwks->generation + 1, .references = 1};
    jwks->current = set;
    atomic_store_explicit(&jwks->generation, set->generation, memory_order_release);
    pthread_mutex_unlock(&jwks->mutex);
    hf_jwks_give(jwks, before);
    jwks->on_change(jwks->context);
    return HF_OK;
}

static void look(struct hf_jwks *jwks, uint64_t now_ms, struct turn *turn)
{
    pthread_mutex_lock(&jwks->mutex);
    memcpy(turn->sources, jwks->sources, sizeof(turn->sources));
    turn->count = jwks->count;
    turn->gone = jwks->gone;
    turn->changed = jwks->changed;
    turn->next_ms = now_ms + IDLE_MS;
    jwks->gone = NULL;
    jwks->changed = false;
    for (unsigned i = 0; i < turn->count; i++) {
        struct hf_jwks_source *source = turn->sources[i];

        turn->begin[i] = source->start || hf_jwks_refresh_due(&source->refresh, now_ms);
        source->start = false;
        if (!source->refresh.fetching)
            turn->next_ms = HF_MIN(turn->next_ms, source->refresh.next_ms);
    }
    pthread_mutex_unlock(&jwks->mutex);
}

/* All that is known, with the body of `fresh` (or NULL) in place of its text. An error is about that body, or memory. *ret_keys and *ret_skipped are of it. */
static hf_err build(const struct turn *turn, const struct hf_jwks_source *fresh, struct hf_jwt_keys **ret_set,
                    size_t *ret_keys, size_t *ret_skipped, char *error, size_t error_bytes)
{
    struct hf_jwt_keys *set = hf_jwt_keys_new();
    hf_err err = set != NULL ? HF_OK : HF_ERR_NOMEM;

    for (unsigned i = 0; err == HF_OK && i < turn->count; i++) {
        const struct hf_jwks_source *source = turn->sources[i];
        struct hf_slice text = source == fresh ? (struct hf_slice){source->body, source->body_bytes}
                                               : (struct hf_slice){source->text, source->text_bytes};
        size_t added = 0, skipped = 0;

        if (text.at == NULL)
            continue;
        err = hf_jwt_keys_add_jwks(set, hf_slice_of(source->tenant), text, &added, &skipped, error,
                                   error_bytes);
        if (source != fresh)
            continue;
        *ret_keys = added;
        *ret_skipped = skipped;
        if (err == HF_OK && added == 0) {
            snprintf(error, error_bytes, "the key set holds no usable key (%zu skipped)", skipped);
            err = HF_ERR_INVALID;
        }
    }
    if (err != HF_OK) {
        hf_jwt_keys_free(set);
        return err;
    }
    *ret_set = set;
    return HF_OK;
}

static bool is_news(const struct hf_jwks_source *source)
{
    return source->text == NULL || source->text_bytes != source->body_bytes ||
           memcmp(source->text, source->body, source->body_bytes) != 0;
}

/* What was fetched into force. False: `cause` says why not, and nothing has changed. */
static bool take(struct hf_jwks *jwks, const struct turn *turn, struct hf_jwks_source *source,
                 size_t *ret_keys, char cause[HF_JWKS_CAUSE_BYTES])
{
    struct hf_jwt_keys *set = NULL;
    size_t skipped = 0;
    char *text = NULL;

    snprintf(cause, HF_JWKS_CAUSE_BYTES, "out of memory");
    if (build(turn, source, &set, ret_keys, &skipped, cause, HF_JWKS_CAUSE_BYTES) != HF_OK)
        return false;
    text = malloc(source->body_bytes + 1);
    if (text == NULL) {
        hf_jwt_keys_free(set);
        return false;
    }
    memcpy(text, source->body, source->body_bytes);
    if (hf_jwks_publish(jwks, set) != HF_OK) {
        free(text);
        return false;
    }
    free(source->text);
    source->text = text;
    source->text_bytes = source->body_bytes;
    hf_log(jwks->logger, HF_LOG_JWKS_FETCHED, HF_F_TENANT(hf_slice_of(source->tenant)),
           HF_F_STR("url", source->url), HF_F_U64("keys", *ret_keys), HF_F_U64("skipped", skipped), HF_F_END);
    return true;
}

/* The same cause again and again is one line in SAY_AGAIN_MS. */
static void say_failed(struct hf_jwks *jwks, struct hf_jwks_source *source, const char *cause,
                       uint64_t now_ms)
{
    if (strcmp(source->said, cause) == 0 && now_ms < source->said_ms + SAY_AGAIN_MS)
        return;
    snprintf(source->said, sizeof(source->said), "%s", cause);
    source->said_ms = now_ms;
    hf_log(jwks->logger, HF_LOG_JWKS_FAILED, HF_F_TENANT(hf_slice_of(source->tenant)),
           HF_F_STR("url", source->url), HF_F_ERROR(cause), HF_F_END);
}

static void finish(struct hf_jwks *jwks, const struct turn *turn, struct hf_jwks_source *source,
                   CURLcode code)
{
    char cause[HF_JWKS_CAUSE_BYTES];
    size_t keys = source->keys;
    bool good = hf_jwks_fetch_judge(source, code, cause);

    if (good && is_news(source))
        good = take(jwks, turn, source, &keys, cause);
    hf_jwks_fetch_end(jwks->multi, source);
    uint64_t now_ms = hf_clock_ms();
    if (good)
        source->said[0] = '\0';
    else
        say_failed(jwks, source, cause, now_ms);
    pthread_mutex_lock(&jwks->mutex);
    hf_jwks_refresh_done(&source->refresh, now_ms, good);
    source->failed = !good;
    if (good) {
        source->fetched_total++;
        source->good_ms = now_ms;
        source->keys = keys;
    } else {
        source->failed_total++;
    }
    pthread_mutex_unlock(&jwks->mutex);
}

/* Keys of URLs that are no longer configured go, at once. */
static void follow_list(struct hf_jwks *jwks, const struct turn *turn)
{
    struct hf_jwt_keys *set = NULL;
    size_t keys, skipped;
    char error[HF_JWKS_CAUSE_BYTES];
    struct hf_jwks_source *next;

    for (struct hf_jwks_source *gone = turn->gone; gone != NULL; gone = next) {
        next = gone->next_gone;
        hf_jwks_fetch_end(jwks->multi, gone);
        hf_jwks_source_free(gone);
    }
    if (build(turn, NULL, &set, &keys, &skipped, error, sizeof(error)) != HF_OK ||
        hf_jwks_publish(jwks, set) != HF_OK) {
        pthread_mutex_lock(&jwks->mutex);
        jwks->changed = true; /* no memory: with the next turn */
        pthread_mutex_unlock(&jwks->mutex);
    }
}

static void work(struct hf_jwks *jwks, struct turn *turn)
{
    int running = 0, left = 0;
    CURLMsg *message;

    for (unsigned i = 0; i < turn->count; i++)
        if (turn->begin[i] && hf_jwks_fetch_begin(jwks->multi, turn->sources[i]) != HF_OK)
            finish(jwks, turn, turn->sources[i], CURLE_OUT_OF_MEMORY);
    (void)curl_multi_perform(jwks->multi, &running);
    while ((message = curl_multi_info_read(jwks->multi, &left)) != NULL) {
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish(jwks, turn, (struct hf_jwks_source *)(void *)private, message->data.result);
        turn->next_ms = 0; /* when it is due again is known now */
    }
}

void hf_jwks_run(void *context)
{
    struct hf_jwks *jwks = context;
    struct turn turn;

    while (!atomic_load(&jwks->stopping)) {
        look(jwks, hf_clock_ms(), &turn);
        if (turn.changed)
            follow_list(jwks, &turn);
        work(jwks, &turn);
        uint64_t now_ms = hf_clock_ms();
        (void)curl_multi_poll(jwks->multi, NULL, 0, turn.next_ms > now_ms ? (int)(turn.next_ms - now_ms) : 0,
                              NULL);
    }
    for (unsigned i = 0; i < jwks->count; i++)
        hf_jwks_fetch_end(jwks->multi, jwks->sources[i]);
    for (struct hf_jwks_source *gone = jwks->gone; gone != NULL; gone = gone->next_gone)
        hf_jwks_fetch_end(jwks->multi, gone);
}
