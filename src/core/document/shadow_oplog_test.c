/* The merge rule oplog: rows for each kind of operation, and random writers against a model that keeps a value and a version for each path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/sb.h"
#include "core/document/shadow.h"

enum { ALL = 7, JSON_BYTES = 64 << 10 };

static const struct hf_shadow_limits limits = {HF_SHADOW_SECTION_BYTES_MAX, HF_SHADOW_DEPTH_MAX};

static enum hf_reason change(struct hf_shadow *shadow, enum hf_patch_kind kind, unsigned sections,
                             const char *json, uint64_t base, struct hf_shadow_outcome *ret_outcome)
{
    struct hf_shadow after;
    enum hf_reason reason = hf_shadow_change(shadow,
                                             &(struct hf_shadow_change){.kind = (uint8_t)kind,
                                                                        .merge = HF_MERGE_OPLOG,
                                                                        .sections = (uint8_t)sections,
                                                                        .base_version = base,
                                                                        .json = hf_slice_of(json)},
                                             &limits, shadow->version + 1, ret_outcome, &after);

    if (reason == HF_REASON_NONE) {
        hf_shadow_deinit(shadow);
        *shadow = after;
    }
    return reason;
}

static void put(struct hf_shadow *shadow, enum hf_patch_kind kind, const char *json)
{
    struct hf_shadow_outcome outcome;

    assert_int_equal(change(shadow, kind, ALL, json, 0, &outcome), HF_REASON_NONE);
    assert_null(outcome.refused);
}

/* ---- rows ---- */

/* Version 1 of desired; 2 sets b, 3 n/x, 4 removes c and g/h, 5 appends to list, 6 makes d an object, 7 empties e. */
static void make_history(struct hf_shadow *shadow)
{
    *shadow = (struct hf_shadow){0};
    put(shadow, HF_PATCH_MERGE,
        "{\"desired\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":{\"x\":1},\"n\":{\"x\":1,\"y\":1},\"g\":{\"h\":"
        "1,"
        "\"i\":1},\"list\":[1,2],\"more\":[5,6]}}");
    put(shadow, HF_PATCH_MERGE, "{\"desired\":{\"b\":2}}");
    put(shadow, HF_PATCH_MERGE, "{\"desired\":{\"n\":{\"x\":2}}}");
    put(shadow, HF_PATCH_MERGE, "{\"desired\":{\"c\":null,\"g\":{\"h\":null}}}");
    put(shadow, HF_PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/desired/list/-\",\"value\":3}]");
    put(shadow, HF_PATCH_MERGE, "{\"desired\":{\"d\":{\"k\":1}}}");
    put(shadow, HF_PATCH_MERGE, "{\"desired\":{\"e\":{\"x\":null}}}");
    assert_int_equal(shadow->version, 7);
}

static void an_operation_is_refused_alone(void **state)
{
    static const struct {
        const char *operations; /* between [ and ] */
        uint64_t base;
        const char *refused, *taken; /* NULL: none, all */
        enum hf_reason reason;
    } rows[] = {
#define ADD(path, value) "{\"op\":\"add\",\"path\":\"/desired/" path "\",\"value\":" value "}"
#define OP(op, path)     "{\"op\":\"" op "\",\"path\":\"/desired/" path "\"}"
#define FROM(op, from, path) \
    "{\"op\":\"" op "\",\"from\":\"/desired/" from "\",\"path\":\"/desired/" path "\"}"
#define NO(index, path, version) \
    "{\"index\":" #index ",\"path\":\"/desired/" path "\",\"version\":" #version "}"
        /* the same path, another one */
        {ADD("b", "9") "," ADD("a", "9"), 1, "[" NO(0, "b", 2) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        {ADD("b", "9"), 2, NULL, NULL, HF_REASON_NONE},
        {ADD("b", "9"), 1, "[" NO(0, "b", 2) "]", "[]", HF_REASON_VERSION_CONFLICT},
        /* below it, beside it, above it */
        {ADD("n", "{}") "," ADD("n/y", "9"), 2, "[" NO(0, "n", 3) "]", "[" ADD("n/y", "9") "]",
         HF_REASON_NONE},
        {ADD("n", "{}"), 3, NULL, NULL, HF_REASON_NONE},
        {ADD("n/z", "9"), 1, NULL, NULL, HF_REASON_NONE},
        {ADD("d", "9") "," ADD("a", "9"), 5, "[" NO(0, "d", 6) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        {ADD("d/l", "9"), 5, NULL, NULL,
         HF_REASON_NONE}, /* that would have been none at 5, and is harmless */
        {ADD("e/y", "9"), 6, NULL, NULL, HF_REASON_NONE}, /* its neighbour went */
        {ADD("e/x", "9") "," ADD("a", "9"), 6, "[" NO(0, "e/x", 7) "]", "[" ADD("a", "9") "]",
         HF_REASON_NONE},
        /* removed meanwhile */
        {ADD("c", "9") "," ADD("a", "9"), 3, "[" NO(0, "c", 4) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        {ADD("g", "9") "," ADD("a", "9"), 3, "[" NO(0, "g", 4) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        {ADD("c", "9"), 4, NULL, NULL, HF_REASON_NONE},
        {ADD("g/i", "9"), 3, NULL, NULL, HF_REASON_NONE},
        {OP("remove", "c") "," ADD("a", "9"), 3, NULL, "[" ADD("a", "9") "]", HF_REASON_NONE}, /* it is so */
        {OP("remove", "b") "," OP("remove", "a"), 1, "[" NO(0, "b", 2) "]", "[" OP("remove", "a") "]",
         HF_REASON_NONE},
        {"{\"op\":\"replace\",\"path\":\"/desired/zz\",\"value\":1}," ADD("a", "9"), 6,
         "[" NO(0, "zz", 7) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        /* what it wants is so */
        {ADD("b", "2") "," ADD("a", "9"), 1, NULL, NULL, HF_REASON_NONE},
        {ADD("b", "2"), 1, NULL, NULL, HF_REASON_NONE},
        /* both ends of a move, what is copied */
        {FROM("move", "b", "q") "," ADD("a", "9"), 1, "[" NO(0, "b", 2) "]", "[" ADD("a", "9") "]",
         HF_REASON_NONE},
        {FROM("move", "a", "b"), 1, "[" NO(0, "b", 2) "]", "[]", HF_REASON_VERSION_CONFLICT},
        {FROM("copy", "b", "q") "," ADD("a", "9"), 1, "[" NO(0, "b", 2) "]", "[" ADD("a", "9") "]",
         HF_REASON_NONE},
        {FROM("move", "a", "q"), 6, NULL, NULL, HF_REASON_NONE},
        /* an array is one field; what comes after a refusal in one counts on it */
        {ADD("list/0", "9") "," ADD("more/0", "9"), 4, "[" NO(0, "list/0", 5) "]", "[" ADD("more/0", "9") "]",
         HF_REASON_NONE},
        {ADD("list/-", "3") "," ADD("a", "9"), 4, "[" NO(0, "list/-", 5) "]", "[" ADD("a", "9") "]",
         HF_REASON_NONE},
        {FROM("move", "b", "more/0") "," OP("remove", "more/1") "," ADD("a", "9"), 1,
         "[" NO(0, "b", 2) "," NO(1, "more/1", 7) "]", "[" ADD("a", "9") "]", HF_REASON_NONE},
        /* its own writes are no strangers' */
        {ADD("new", "{}") "," ADD("new/x", "1") "," ADD("new/x", "2"), 1, NULL, NULL, HF_REASON_NONE},
        /* a test is the maker's own condition: all or nothing */
        {"{\"op\":\"test\",\"path\":\"/desired/b\",\"value\":1}," ADD("a", "9"), 1, NULL, NULL,
         HF_REASON_VERSION_CONFLICT},
        {"{\"op\":\"test\",\"path\":\"/desired/b\",\"value\":2}," ADD("a", "9"), 1, NULL, NULL,
         HF_REASON_NONE},
        /* from the present version a path that is not there is a mistake, and from a future one anything */
        {OP("remove", "zz"), 7, NULL, NULL, HF_REASON_BAD_REQUEST},
        {ADD("a", "9"), 8, NULL, NULL, HF_REASON_VERSION_CONFLICT},
        {"{\"op\":\"spoil\",\"path\":\"/desired/a\"}", 1, NULL, NULL, HF_REASON_BAD_REQUEST},
        {"{\"op\":\"add\",\"path\":\"\",\"value\":{}}", 1, "[{\"index\":0,\"path\":\"\",\"version\":7}]",
         "[]", HF_REASON_VERSION_CONFLICT},
        {"{\"op\":\"add\",\"path\":\"/more\",\"value\":{}}", 1, NULL, NULL, HF_REASON_BAD_REQUEST},
    };
    char json[1024];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_shadow_outcome outcome;
        struct hf_shadow s;

        make_history(&s);
        (void)snprintf(json, sizeof(json), "[%s]", rows[i].operations);
        enum hf_reason reason = change(&s, HF_PATCH_JSON, ALL, json, rows[i].base, &outcome);
        if (reason != rows[i].reason)
            fail_msg("row %zu: %s", i, json);
        if (rows[i].refused == NULL) {
            assert_null(outcome.refused);
            assert_int_equal(outcome.taken != NULL, rows[i].taken != NULL);
            assert_true(outcome.taken == NULL || strcmp(outcome.taken, rows[i].taken) == 0);
        } else {
            assert_non_null(outcome.refused);
            assert_string_equal(outcome.refused, rows[i].refused);
            assert_string_equal(outcome.taken, rows[i].taken);
        }
        assert_int_equal(s.version,
                         reason == HF_REASON_NONE && strcmp(json, "[" ADD("b", "2") "]") != 0 ? 8 : 7);
        hf_shadow_outcome_deinit(&outcome);
        hf_shadow_deinit(&s);
    }
}

static void each_value_of_a_merge_patch_is_one(void **state)
{
    static const struct {
        const char *json, *refused, *taken,
            *desired; /* what is told, NULL: none; and what is at /desired/n */
        enum hf_reason reason;
    } rows[] = {
        {"{\"version\":2,\"desired\":{\"a\":9,\"n\":{\"x\":9,\"y\":9},\"c\":9}}",
         "[{\"path\":\"/desired/n/x\",\"version\":3},{\"path\":\"/desired/c\",\"version\":4}]",
         "{\"version\":2,\"desired\":{\"a\":9,\"n\":{\"y\":9}}}", "\"n\":{\"x\":2,\"y\":9}", HF_REASON_NONE},
        {"{\"version\":2,\"desired\":{\"n\":{\"x\":9},\"a\":null}}",
         "[{\"path\":\"/desired/n/x\",\"version\":3}]", "{\"version\":2,\"desired\":{\"a\":null}}",
         "\"n\":{\"x\":2,\"y\":1}", HF_REASON_NONE},
        {"{\"version\":2,\"desired\":{\"n\":null}}", "[{\"path\":\"/desired/n\",\"version\":3}]",
         "{\"version\":2,\"desired\":{}}", "\"n\":{\"x\":2,\"y\":1}", HF_REASON_VERSION_CONFLICT},
        {"{\"version\":2,\"desired\":null,\"tags\":{\"t\":1}}", "[{\"path\":\"/desired\",\"version\":7}]",
         "{\"version\":2,\"tags\":{\"t\":1}}", "\"n\":{\"x\":2,\"y\":1}", HF_REASON_NONE},
        /* so already: nothing below {}, removed, the same */
        {"{\"version\":1,\"desired\":{\"n\":{},\"c\":null,\"b\":2,\"a\":9}}", NULL, NULL,
         "\"n\":{\"x\":2,\"y\":1}", HF_REASON_NONE},
        {"{\"version\":1,\"desired\":7}", NULL, NULL, "\"n\":{\"x\":2,\"y\":1}", HF_REASON_BAD_REQUEST},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_shadow_outcome outcome;
        struct hf_shadow s;

        make_history(&s);
        enum hf_reason reason = change(&s, HF_PATCH_MERGE, ALL, rows[i].json, 0, &outcome);

        assert_int_equal(reason, rows[i].reason);
        assert_int_equal(outcome.refused != NULL, rows[i].refused != NULL);
        if (rows[i].refused != NULL) {
            assert_string_equal(outcome.refused, rows[i].refused);
            assert_string_equal(outcome.taken, rows[i].taken);
        }
        assert_non_null(strstr(s.text[HF_SHADOW_DESIRED], rows[i].desired));
        hf_shadow_outcome_deinit(&outcome);
        hf_shadow_deinit(&s);
    }
}

/* Only so many removed fields are remembered: who comes from before that may not make anew what may have been removed, but change what is there. */
static void what_was_forgotten_counts_as_removed(void **state)
{
    struct hf_shadow_outcome outcome;
    struct hf_shadow s = {0}, again;
    char json[128];
    size_t bytes = 0;

    (void)state;
    put(&s, HF_PATCH_MERGE, "{\"desired\":{\"stays\":1}}");
    for (int i = 0; i < HF_SHADOW_REMOVED_MAX + 1; i++) {
        (void)snprintf(json, sizeof(json), "{\"desired\":{\"k%d\":1}}", i);
        put(&s, HF_PATCH_MERGE, json);
        (void)snprintf(json, sizeof(json), "{\"desired\":{\"k%d\":null}}", i);
        put(&s, HF_PATCH_MERGE, json);
        assert_int_equal(s.removed.count, HF_MIN(i + 1, HF_SHADOW_REMOVED_MAX));
    }
    assert_int_equal(s.forgotten, 3);
    char *text = hf_shadow_encode(&s, (struct hf_slice){NULL, 0}, &bytes);
    assert_int_equal(hf_shadow_decode((struct hf_slice){text, bytes}, &again), HF_OK);
    assert_int_equal(again.removed.count, HF_SHADOW_REMOVED_MAX);
    assert_int_equal(again.forgotten, 3);
    hf_shadow_deinit(&again);
    free(text);
    assert_int_equal(
        change(&s, HF_PATCH_JSON, ALL,
               "[" ADD("k0", "9") "," ADD("k1", "9") "," ADD("never", "9") "," ADD("stays", "2") "]", 2,
               &outcome),
        HF_REASON_NONE);
    assert_string_equal(outcome.refused, "[" NO(0, "k0", 3) "," NO(1, "k1", 5) "," NO(2, "never", 3) "]");
    hf_shadow_outcome_deinit(&outcome);
    assert_string_equal(s.text[HF_SHADOW_DESIRED], "{\"stays\":2}");
    assert_int_equal(change(&s, HF_PATCH_JSON, ALL, "[" ADD("k0", "9") "," ADD("k1", "9") "]", 3, &outcome),
                     HF_REASON_NONE);
    assert_string_equal(outcome.refused, "[" NO(1, "k1", 5) "]");
    hf_shadow_outcome_deinit(&outcome);
    assert_string_equal(s.text[HF_SHADOW_DESIRED], "{\"stays\":2,\"k0\":9}");
    hf_shadow_deinit(&s);
}

static void refusals_have_a_bound(void **state)
{
    struct hf_shadow_outcome outcome;
    struct hf_shadow s = {0};
    char *json = malloc(JSON_BYTES);
    struct hf_sb sb;

    (void)state;
    for (unsigned value = 1; value <= 2; value++) {
        hf_sb_init(&sb, json, JSON_BYTES);
        hf_sb_text(&sb, "{\"desired\":{");
        for (unsigned i = 0; i < HF_SHADOW_REFUSED_MAX + 1; i++) {
            hf_sb_text(&sb, i > 0 ? ",\"k" : "\"k");
            hf_sb_u64(&sb, i);
            hf_sb_text(&sb, "\":");
            hf_sb_u64(&sb, value);
        }
        hf_sb_text(&sb, "}}");
        put(&s, HF_PATCH_MERGE, json);
    }
    json[strlen(json) - 3] = '3'; /* one differs, the others are so */
    assert_int_equal(change(&s, HF_PATCH_MERGE, ALL, json, 1, &outcome), HF_REASON_VERSION_CONFLICT);
    assert_int_equal(outcome.refused_count, 1);
    hf_shadow_outcome_deinit(&outcome);
    for (char *at = json; (at = strstr(at, ":2")) != NULL;)
        at[1] = '3';
    assert_int_equal(change(&s, HF_PATCH_MERGE, ALL, json, 1, &outcome), HF_REASON_VERSION_CONFLICT);
    assert_null(outcome.refused); /* all of it */
    hf_sb_init(&sb, json, JSON_BYTES);
    hf_sb_text(&sb, "{\"desired\":{\"a\":1");
    for (unsigned i = 0; i < HF_SHADOW_FIELDS_MAX; i++) {
        hf_sb_text(&sb, ",\"n");
        hf_sb_u64(&sb, i);
        hf_sb_text(&sb, "\":null");
    }
    hf_sb_text(&sb, "}}");
    assert_int_equal(change(&s, HF_PATCH_MERGE, ALL, json, 1, &outcome), HF_REASON_MESSAGE_TOO_BIG);
    free(json);
    hf_shadow_deinit(&s);
}

static void the_rule_is_a_setting_of_the_shadow(void **state)
{
    static const struct {
        const char *json;
        unsigned sections;
        enum hf_reason reason;
        unsigned rule;
    } rows[] = {
        {"{\"merge\":\"oplog\"}", ALL, HF_REASON_FORBIDDEN, HF_MERGE_KEEP},
        {"{\"merge\":\"oplog\"}", HF_SHADOW_RULE, HF_REASON_NONE, HF_MERGE_OPLOG},
        {"{\"merge\":\"oplog\"}", ALL, HF_REASON_NONE, HF_MERGE_OPLOG}, /* it is so */
        {"{\"desired\":{\"a\":1}}", ALL, HF_REASON_NONE, HF_MERGE_OPLOG},
        {"{\"merge\":\"keep\"}", HF_SHADOW_RULE, HF_REASON_BAD_REQUEST, HF_MERGE_OPLOG},
        {"{\"merge\":\"best\"}", HF_SHADOW_RULE, HF_REASON_BAD_REQUEST, HF_MERGE_OPLOG},
        {"{\"merge\":4}", HF_SHADOW_RULE, HF_REASON_BAD_REQUEST, HF_MERGE_OPLOG},
        {"{\"merge\":null}", HF_SHADOW_RULE, HF_REASON_NONE, HF_MERGE_KEEP},
        {"{\"merge\":\"conflict_free\",\"desired\":{\"a\":2}}", ALL | HF_SHADOW_RULE, HF_REASON_NONE,
         HF_MERGE_CONFLICT_FREE},
    };
    struct hf_shadow_outcome outcome;
    struct hf_shadow s = {0}, again;
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(change(&s, HF_PATCH_MERGE, rows[i].sections, rows[i].json, 0, &outcome),
                         rows[i].reason);
        assert_int_equal(s.merge, rows[i].rule);
    }
    assert_int_equal(s.version, 4);
    char *text = hf_shadow_encode(&s, (struct hf_slice){NULL, 0}, &bytes);
    assert_int_equal(hf_shadow_decode((struct hf_slice){text, bytes}, &again), HF_OK);
    assert_int_equal(again.merge, HF_MERGE_CONFLICT_FREE);
    hf_shadow_deinit(&again);
    hf_shadow_deinit(&s);
    free(text);
}

/* ---- random writers ---- */

enum { TOP = 5, NESTED = 4, PATHS = TOP + NESTED, OPERATIONS = 6, SEEDS = 300, CHANGES = 60, WRITERS = 3 };

struct model {         /* desired: k0.. and n/k0.., of which n itself is always there */
    int values[PATHS]; /* 0: not there */
    uint64_t changed[PATHS];
};

struct operation {
    unsigned path; /* PATHS: all of n, from `nested` */
    int value;     /* 0: remove */
    int nested[NESTED];
};

static void path_text(struct hf_sb *out, unsigned path)
{
    hf_sb_text(out, path < TOP ? "/desired/k" : path < PATHS ? "/desired/n/k" : "/desired/n");
    if (path < PATHS)
        hf_sb_u64(out, path < TOP ? path : path - TOP);
}

static void group_text(struct hf_sb *out, const int nested[NESTED])
{
    bool first = true;

    hf_sb_char(out, '{');
    for (unsigned i = 0; i < NESTED; i++) {
        if (nested[i] == 0)
            continue;
        hf_sb_text(out, first ? "\"k" : ",\"k");
        hf_sb_u64(out, i);
        hf_sb_text(out, "\":");
        hf_sb_u64(out, (uint64_t)nested[i]);
        first = false;
    }
    hf_sb_char(out, '}');
}

static struct operation draw(struct hf_rng *rng)
{
    struct operation operation = {.path = (unsigned)hf_rng_below(rng, PATHS + 1),
                                  .value = (int)hf_rng_below(rng, 4)};

    for (unsigned i = 0; i < NESTED; i++)
        operation.nested[i] = (int)hf_rng_below(rng, 3);
    return operation;
}

static void operation_text(struct hf_sb *out, const struct operation *operation)
{
    bool group = operation->path == PATHS;

    hf_sb_text(out, group || operation->value != 0 ? "{\"op\":\"add\",\"path\":\""
                                                   : "{\"op\":\"remove\",\"path\":\"");
    path_text(out, operation->path);
    hf_sb_char(out, '"');
    if (group || operation->value != 0) {
        hf_sb_text(out, ",\"value\":");
        if (group)
            group_text(out, operation->nested);
        else
            hf_sb_u64(out, (uint64_t)operation->value);
    }
    hf_sb_char(out, '}');
}

/* The model's word on one operation: refused by the version it says, 0 = taken. `now` is what the patch has made of it so far, `before` what it met. */
static uint64_t model_take(const struct model *before, struct model *now, const struct operation *operation,
                           uint64_t base, uint64_t version)
{
    bool group = operation->path == PATHS;
    unsigned first = group ? TOP : operation->path, last = group ? PATHS : operation->path + 1;
    const int *values = group ? operation->nested : &operation->value;
    uint64_t newest = 0;

    if (memcmp(&now->values[first], values, (last - first) * sizeof(int)) == 0 &&
        (group || values[0] != 0 || before->changed[first] > base))
        return 0; /* it is so */
    for (unsigned i = first; i < last; i++)
        newest = HF_MAX(newest, before->changed[i]);
    if (newest > base)
        return newest;
    if (!group && values[0] == 0 && now->values[first] == 0)
        return version; /* there is nothing to remove */
    memcpy(&now->values[first], values, (last - first) * sizeof(int));
    return 0;
}

static void expect_model(const struct hf_shadow *shadow, const struct model *model, uint64_t seed)
{
    char path[64];
    const char *text = shadow->text[HF_SHADOW_DESIRED];
    struct hf_sb sb;

    for (unsigned i = 0; i < PATHS; i++) { /* the order of members says nothing */
        hf_sb_init(&sb, path, sizeof(path));
        hf_sb_text(&sb, "\"k");
        hf_sb_u64(&sb, i < TOP ? i : i - TOP);
        hf_sb_text(&sb, "\":");
        const char *nested = strstr(text, "\"n\":{"), *end = strchr(nested, '}');
        const char *at = strstr(i < TOP ? text : nested, path);
        while (at != NULL && i < TOP && at > nested && at < end)
            at = strstr(end, path);
        if (i >= TOP && at != NULL && at > end)
            at = NULL;
        int has = at != NULL ? atoi(at + strlen(path)) : 0;
        if (has != model->values[i])
            fail_msg("seed %llu, path %u: %d, not %d, in %s", (unsigned long long)seed, i, has,
                     model->values[i], text);
    }
}

static void one_seed(uint64_t seed)
{
    struct model history[CHANGES + 3] = {0}, *model = &history[1];
    uint64_t bases[WRITERS] = {1, 1, 1}, refused_total = 0;
    struct hf_shadow s = {0};
    struct hf_rng rng;
    char json[4096], refused[4096];

    hf_rng_seed(&rng, seed);
    put(&s, HF_PATCH_MERGE, "{\"desired\":{\"n\":{}}}");
    for (unsigned n = 0; n < CHANGES; n++) {
        unsigned writer = (unsigned)hf_rng_below(&rng, WRITERS),
                 count = 1 + (unsigned)hf_rng_below(&rng, OPERATIONS), told = 0;
        uint64_t base = bases[writer];
        struct model next = *model;
        struct hf_shadow_outcome outcome;
        struct hf_sb text, no;

        if (hf_rng_below(&rng, 3) == 0)
            base = bases[writer] = s.version; /* it has read */
        hf_sb_init(&text, json, sizeof(json));
        hf_sb_init(&no, refused, sizeof(refused));
        hf_sb_char(&text, '[');
        hf_sb_char(&no, '[');
        bool bad = false;
        for (unsigned i = 0; i < count; i++) {
            struct operation operation = draw(&rng);
            uint64_t version = model_take(model, &next, &operation, base, s.version);

            hf_sb_text(&text, i > 0 ? "," : "");
            operation_text(&text, &operation);
            if (version == 0)
                continue;
            bad |= base == s.version; /* then a path that is not there is a mistake */
            hf_sb_text(&no, told++ > 0 ? ",{\"index\":" : "{\"index\":");
            hf_sb_u64(&no, i);
            hf_sb_text(&no, ",\"path\":\"");
            path_text(&no, operation.path);
            hf_sb_text(&no, "\",\"version\":");
            hf_sb_u64(&no, version);
            hf_sb_char(&no, '}');
        }
        hf_sb_char(&text, ']');
        hf_sb_char(&no, ']');
        bool differs = memcmp(next.values, model->values, sizeof(next.values)) != 0;
        enum hf_reason want = bad                    ? HF_REASON_BAD_REQUEST
                              : told > 0 && !differs ? HF_REASON_VERSION_CONFLICT
                                                     : HF_REASON_NONE,
                       reason = change(&s, HF_PATCH_JSON, ALL, json, base, &outcome);
        if (reason != want)
            fail_msg("seed %llu, change %u: reason %u, not %u: %s from %llu to %s", (unsigned long long)seed,
                     n, reason, want, json, (unsigned long long)base, s.text[HF_SHADOW_DESIRED]);
        if ((told > 0 && !bad) != (outcome.refused != NULL) ||
            (outcome.refused != NULL && strcmp(outcome.refused, refused) != 0))
            fail_msg("seed %llu, change %u: %s refused, not %s, of %s from %llu", (unsigned long long)seed, n,
                     outcome.refused ? outcome.refused : "nothing", refused, json, (unsigned long long)base);
        refused_total += outcome.refused_count;
        hf_shadow_outcome_deinit(&outcome);
        if (reason == HF_REASON_NONE && differs) {
            for (unsigned i = 0; i < PATHS; i++)
                if (next.values[i] != model->values[i])
                    next.changed[i] = s.version;
            model[1] = next;
            model++;
        }
        assert_int_equal(s.version, (uint64_t)(model - history));
        expect_model(&s, model, seed);
        if (reason == HF_REASON_NONE && told == 0)
            bases[writer] =
                s.version; /* its answer had no surprise: it knows what it made, and what else there is */
    }
    assert_true(refused_total > 0);
    hf_shadow_deinit(&s);
}

static void random_writers_agree_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        one_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_is_refused_alone),
        cmocka_unit_test(each_value_of_a_merge_patch_is_one),
        cmocka_unit_test(what_was_forgotten_counts_as_removed),
        cmocka_unit_test(refusals_have_a_bound),
        cmocka_unit_test(the_rule_is_a_setting_of_the_shadow),
        cmocka_unit_test(random_writers_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
