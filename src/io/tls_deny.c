/* io/tls_deny.c - a sorted array of 32-byte keys behind one atomic pointer.
 *
 * Readers announce themselves in one of two counters, the one that `phase` names, and leave the same one. A writer
 * exchanges the pointer and then twice flips the phase and waits until the counter behind it is zero: after that nobody
 * can still hold the old snapshot (the scheme of sleepable RCU). Twice, because a reader may have read the phase before
 * the first flip and announce itself after we looked. */
#include "io/tls_deny.h"

#include <ctype.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "io/tls_internal.h"

struct snapshot {
    size_t count;
    struct hf_tls_deny_key keys[]; /* ascending, no duplicates */
};

struct hf_tls_deny {
    _Atomic(struct snapshot *) current; /* never NULL */
    atomic_uint phase;
    atomic_ulong readers[2];
    atomic_ullong generation;
    pthread_mutex_t writers;
};

static struct snapshot *snapshot_new(size_t count_max)
{
    return calloc(1, sizeof(struct snapshot) + count_max * sizeof(struct hf_tls_deny_key));
}

static int key_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct hf_tls_deny_key));
}

static void snapshot_sort(struct snapshot *snapshot)
{
    size_t kept = 0;

    qsort(snapshot->keys, snapshot->count, sizeof(snapshot->keys[0]), key_compare);
    for (size_t i = 0; i < snapshot->count; i++)
        if (kept == 0 || key_compare(&snapshot->keys[kept - 1], &snapshot->keys[i]) != 0)
            snapshot->keys[kept++] = snapshot->keys[i];
    snapshot->count = kept;
}

static bool snapshot_has(const struct snapshot *snapshot, const struct hf_tls_deny_key *key)
{
    return snapshot->count > 0 &&
           bsearch(key, snapshot->keys, snapshot->count, sizeof(*key), key_compare) != NULL;
}

struct hf_tls_deny *hf_tls_deny_new(void)
{
    struct hf_tls_deny *deny = calloc(1, sizeof(*deny));
    struct snapshot *empty = snapshot_new(0);

    if (deny == NULL || empty == NULL || pthread_mutex_init(&deny->writers, NULL) != 0) {
        free(empty);
        free(deny);
        return NULL;
    }
    atomic_init(&deny->current, empty);
    return deny;
}

void hf_tls_deny_free(struct hf_tls_deny *deny)
{
    if (deny == NULL)
        return;
    HF_ASSERT(atomic_load(&deny->readers[0]) == 0 && atomic_load(&deny->readers[1]) == 0);
    free(atomic_load(&deny->current));
    pthread_mutex_destroy(&deny->writers);
    free(deny);
}

/* Tagged, so that a fingerprint can never be taken for an (issuer, serial) of the same bytes. */
static struct hf_tls_deny_key key_of(char tag, const uint8_t *a, size_t a_bytes, const uint8_t *b,
                                     size_t b_bytes)
{
    uint8_t text[1 + 2 * HF_TLS_SHA256_BYTES + 256];
    struct hf_tls_deny_key key;
    size_t bytes = 0;

    HF_ASSERT(1 + a_bytes + b_bytes <= sizeof(text));
    text[bytes++] = (uint8_t)tag;
    memcpy(text + bytes, a, a_bytes);
    bytes += a_bytes;
    if (b_bytes > 0)
        memcpy(text + bytes, b, b_bytes);
    bytes += b_bytes;
    hf_tls_sha256(text, bytes, key.bytes);
    return key;
}

struct hf_tls_deny_key hf_tls_deny_key_certificate(const uint8_t fingerprint[HF_TLS_SHA256_BYTES])
{
    return key_of('c', fingerprint, HF_TLS_SHA256_BYTES, NULL, 0);
}

struct hf_tls_deny_key hf_tls_deny_key_serial(const uint8_t issuer_sha256[HF_TLS_SHA256_BYTES],
                                              const uint8_t *serial, size_t serial_bytes)
{
    while (serial_bytes > 0 && serial[0] == 0) {
        serial++;
        serial_bytes--;
    }
    /* RFC 5280 allows 20 bytes; a longer one still gets a key of its own as far as it can be told apart. */
    return key_of('s', issuer_sha256, HF_TLS_SHA256_BYTES, serial, HF_MIN(serial_bytes, (size_t)256));
}

/* Under the writers' lock. Takes `next`. */
static void publish(struct hf_tls_deny *deny, struct snapshot *next)
{
    struct snapshot *old = atomic_exchange(&deny->current, next);

    atomic_fetch_add(&deny->generation, 1);
    for (int flip = 0; flip < 2; flip++) {
        unsigned left = atomic_fetch_add(&deny->phase, 1) & 1;

        while (atomic_load(&deny->readers[left]) != 0)
            sched_yield(); /* a reader is inside one binary search, or was preempted there */
    }
    free(old);
}

hf_err hf_tls_deny_add(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count)
{
    hf_err err = HF_OK;

    pthread_mutex_lock(&deny->writers);
    const struct snapshot *now = atomic_load(&deny->current);
    struct snapshot *next = NULL;

    if (count > HF_TLS_DENY_ENTRIES_MAX - HF_MIN(now->count, (size_t)HF_TLS_DENY_ENTRIES_MAX)) {
        err = HF_ERR_LIMIT;
        goto out;
    }
    next = snapshot_new(now->count + count);
    if (next == NULL) {
        err = HF_ERR_NOMEM;
        goto out;
    }
    memcpy(next->keys, now->keys, now->count * sizeof(next->keys[0]));
    if (count > 0)
        memcpy(next->keys + now->count, keys, count * sizeof(next->keys[0]));
    next->count = now->count + count;
    snapshot_sort(next);
    publish(deny, next);
out:
    pthread_mutex_unlock(&deny->writers);
    return err;
}

hf_err hf_tls_deny_remove(struct hf_tls_deny *deny, const struct hf_tls_deny_key *key)
{
    hf_err err = HF_OK;

    pthread_mutex_lock(&deny->writers);
    const struct snapshot *now = atomic_load(&deny->current);
    struct snapshot *next = NULL;

    if (!snapshot_has(now, key)) {
        err = HF_ERR_NOT_FOUND;
        goto out;
    }
    next = snapshot_new(now->count);
    if (next == NULL) {
        err = HF_ERR_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < now->count; i++)
        if (key_compare(&now->keys[i], key) != 0)
            next->keys[next->count++] = now->keys[i];
    publish(deny, next);
out:
    pthread_mutex_unlock(&deny->writers);
    return err;
}

hf_err hf_tls_deny_replace(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count)
{
    struct snapshot *next = NULL;

    if (count > HF_TLS_DENY_ENTRIES_MAX)
        return HF_ERR_LIMIT;
    next = snapshot_new(count);
    if (next == NULL)
        return HF_ERR_NOMEM;
    if (count > 0)
        memcpy(next->keys, keys, count * sizeof(next->keys[0]));
    next->count = count;
    snapshot_sort(next);
    pthread_mutex_lock(&deny->writers);
    publish(deny, next);
    pthread_mutex_unlock(&deny->writers);
    return HF_OK;
}

bool hf_tls_deny_check(struct hf_tls_deny *deny, const struct hf_tls_deny_key *keys, size_t count)
{
    bool denied = false;

    if (deny == NULL)
        return false;
    unsigned phase = atomic_load(&deny->phase) & 1;
    atomic_fetch_add(&deny->readers[phase], 1);
    const struct snapshot *snapshot = atomic_load(&deny->current);

    for (size_t i = 0; i < count && !denied; i++)
        denied = snapshot_has(snapshot, &keys[i]);
    atomic_fetch_sub(&deny->readers[phase], 1);
    return denied;
}

size_t hf_tls_deny_count(struct hf_tls_deny *deny)
{
    size_t count = 0;

    pthread_mutex_lock(&deny->writers);
    count = atomic_load(&deny->current)->count;
    pthread_mutex_unlock(&deny->writers);
    return count;
}

uint64_t hf_tls_deny_generation(struct hf_tls_deny *deny)
{
    return atomic_load(&deny->generation);
}

/* --- the file --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of hex digits, a ':' allowed between pairs. */
static bool parse_hex(const char *text, uint8_t *out, size_t out_bytes_max, size_t *ret_bytes)
{
    size_t bytes = 0;

    while (*text != '\0') {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

        if (low < 0 || bytes == out_bytes_max)
            return false;
        out[bytes++] = (uint8_t)(high << 4 | low);
        text += 2;
        if (*text == ':' && text[1] != '\0')
            text++;
    }
    *ret_bytes = bytes;
    return bytes > 0;
}

static bool parse_line(char *line, struct hf_tls_deny_key *ret_key)
{
    uint8_t first[HF_TLS_SHA256_BYTES], issuer[HF_TLS_SHA256_BYTES];
    size_t first_bytes = 0, issuer_bytes = 0;
    char *rest = NULL;
    char *kind = strtok_r(line, " \t\r\n", &rest);
    char *value = strtok_r(NULL, " \t\r\n", &rest);
    char *word = strtok_r(NULL, " \t\r\n", &rest);
    char *issuer_text = strtok_r(NULL, " \t\r\n", &rest);

    if (value == NULL || strtok_r(NULL, " \t\r\n", &rest) != NULL ||
        !parse_hex(value, first, sizeof(first), &first_bytes))
        return false;
    if (strcmp(kind, "sha256") == 0 && first_bytes == sizeof(first) && word == NULL) {
        *ret_key = hf_tls_deny_key_certificate(first);
        return true;
    }
    if (strcmp(kind, "serial") != 0 || word == NULL || strcmp(word, "issuer") != 0 || issuer_text == NULL ||
        !parse_hex(issuer_text, issuer, sizeof(issuer), &issuer_bytes) || issuer_bytes != sizeof(issuer))
        return false;
    *ret_key = hf_tls_deny_key_serial(issuer, first, first_bytes);
    return true;
}

static hf_err load_lines(FILE *in, const char *file, struct hf_tls_deny_key **ret_keys, size_t *ret_count,
                         char *error, size_t error_bytes)
{
    struct hf_tls_deny_key *keys = NULL;
    size_t count = 0, room = 0;
    unsigned line_number = 0;
    char line[512];

    while (fgets(line, sizeof(line), in) != NULL) {
        line_number++;
        if (strchr(line, '\n') == NULL && !feof(in)) {
            snprintf(error, error_bytes, "deny-list '%s' line %u: longer than %zu bytes", file, line_number,
                     sizeof(line) - 2);
            goto bad;
        }
        line[strcspn(line, "#")] = '\0';
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (count == HF_TLS_DENY_ENTRIES_MAX) {
            snprintf(error, error_bytes,
                     "deny-list '%s' line %u: more than %d entries; revoke through a CRL or a new CA", file,
                     line_number, HF_TLS_DENY_ENTRIES_MAX);
            goto bad;
        }
        if (count == room) {
            size_t room_next = room == 0 ? 64 : room * 2;
            void *grown = realloc(keys, room_next * sizeof(*keys));

            if (grown == NULL) {
                free(keys);
                return HF_ERR_NOMEM;
            }
            keys = grown;
            room = room_next;
        }
        if (!parse_line(line, &keys[count])) {
            snprintf(error, error_bytes,
                     "deny-list '%s' line %u: write 'sha256 <64 hex digits>' or 'serial <hex> issuer <64 hex "
                     "digits>'",
                     file, line_number);
            goto bad;
        }
        count++;
    }
    *ret_keys = keys;
    *ret_count = count;
    return HF_OK;
bad:
    free(keys);
    return HF_ERR_INVALID;
}

hf_err hf_tls_deny_load(struct hf_tls_deny *deny, const char *file, char *error, size_t error_bytes)
{
    struct hf_tls_deny_key *keys = NULL;
    size_t count = 0;
    hf_err err = HF_OK;
    FILE *in = fopen(file, "re");

    if (in == NULL) {
        hf_tls_error_errno(error, error_bytes, "deny-list", file);
        return HF_ERR_INVALID;
    }
    err = load_lines(in, file, &keys, &count, error, error_bytes);
    if (err == HF_OK && ferror(in)) {
        hf_tls_error_errno(error, error_bytes, "deny-list", file);
        err = HF_ERR_INVALID;
    }
    fclose(in);
    if (err == HF_OK)
        err = hf_tls_deny_replace(deny, keys, count);
    free(keys);
    return err;
}
