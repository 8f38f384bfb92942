/* Documents: versions, merge rules, and what changed since a version. */
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
#include "core/document/document.h"
#include "core/document/json_patch.h"
#include "core/document/json_tree.h"

static const uint8_t snapshot[16] = {1, 2, 3, 0xab};

static enum hf_reason change(struct hf_document *document, enum hf_patch_kind kind, const char *json,
                             uint64_t base, enum hf_merge merge, const char *writer)
{
    return hf_document_change(document,
                              &(struct hf_document_change){.kind = (uint8_t)kind,
                                                           .merge = (uint8_t)merge,
                                                           .base_version = base,
                                                           .json = hf_slice_of(json),
                                                           .writer = hf_slice_of(writer)},
                              snapshot, 5000);
}

static void expect(const struct hf_document *document, uint64_t version, const char *want)
{
    char *text = hf_document_text(document);

    assert_int_equal(document->version, version);
    assert_string_equal(text, want);
    free(text);
}

static void versions_grow_by_one(void **state)
{
    struct hf_document d = {0};

    (void)state;
    assert_null(hf_document_text(&d));
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":1}", 0, HF_MERGE_KEEP, "x"), HF_REASON_NONE);
    expect(&d, 1, "{\"a\":1}");
    assert_int_equal(d.merge, HF_MERGE_LWW);
    assert_memory_equal(d.snapshot_id, snapshot, 16);
    assert_int_equal(change(&d, HF_PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[2]}]", 1, 0, "x"),
                     HF_REASON_NONE);
    expect(&d, 2, "{\"a\":1,\"b\":[2]}");
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":1}", 2, 0, "x"), HF_REASON_NONE);
    expect(&d, 2, "{\"a\":1,\"b\":[2]}"); /* nothing differs */
    assert_int_equal(change(&d, HF_PATCH_FULL, "{\"c\":3}", 2, 0, "x"), HF_REASON_NONE);
    expect(&d, 3, "{\"c\":3}");
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{}", 3, HF_MERGE_VERSION, "x"), HF_REASON_NONE);
    expect(&d, 4, "{\"c\":3}"); /* the rule is part of it: else nothing would record it */
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{}", 4, HF_MERGE_VERSION, "x"), HF_REASON_NONE);
    expect(&d, 4, "{\"c\":3}");
    struct hf_document_change lives = {
        .kind = HF_PATCH_MERGE, .ttl_ms = 7000, .json = HF_SLICE("{}"), .writer = HF_SLICE("x")};
    assert_int_equal(hf_document_change(&d, &lives, snapshot, 5000), HF_REASON_NONE);
    assert_int_equal(hf_document_change(&d, &lives, snapshot, 5000), HF_REASON_NONE);
    expect(&d, 5, "{\"c\":3}");
    assert_int_equal(d.ttl_ms, 7000);
    hf_document_deinit(&d);
}

static void a_bad_change_changes_nothing(void **state)
{
    static const struct {
        enum hf_patch_kind kind;
        const char *json;
        uint64_t base;
        enum hf_reason reason;
    } rows[] = {
        {HF_PATCH_MERGE, "{\"a\":", 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "[1]", 0, HF_REASON_BAD_REQUEST}, /* the document would be no object */
        {HF_PATCH_JSON, "{\"op\":\"add\"}", 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"/nothing\"}]", 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", 0, HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"a\":2}", 9, HF_REASON_VERSION_CONFLICT}, /* a version that was never given */
        {HF_PATCH_MERGE, "{\"a\":[[[[[[[[1]]]]]]]]}", 0, HF_REASON_MESSAGE_TOO_BIG},
        {(enum hf_patch_kind)7, "{}", 0, HF_REASON_BAD_REQUEST},
    };
    struct hf_document d = {0};
    char big[HF_DOCUMENT_BYTES_MAX + 32];

    (void)state;
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":1}", 0, 0, "x"), HF_REASON_NONE);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(change(&d, rows[i].kind, rows[i].json, rows[i].base, 0, "x"), rows[i].reason);
        expect(&d, 1, "{\"a\":1}");
    }
    (void)snprintf(big, sizeof(big), "{\"b\":\"%0*d\"}", HF_DOCUMENT_BYTES_MAX - 8,
                   7); /* fits, but not beside a */
    assert_int_equal(change(&d, HF_PATCH_MERGE, big, 0, 0, "x"), HF_REASON_MESSAGE_TOO_BIG);
    expect(&d, 1, "{\"a\":1}");
    assert_int_equal(change(&d, HF_PATCH_FULL, big, 0, 0, "x"), HF_REASON_NONE);
    hf_document_deinit(&d);
}

static void the_merge_rule_decides_about_old_versions(void **state)
{
    struct hf_document d = {0};

    (void)state;
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":1,\"b\":1}", 0, HF_MERGE_VERSION, "x"),
                     HF_REASON_NONE);
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":2}", 1, 0, "y"), HF_REASON_NONE);
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"b\":9}", 1, 0, "x"), HF_REASON_VERSION_CONFLICT);
    expect(&d, 2, "{\"a\":2,\"b\":1}");
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":3}", 1, HF_MERGE_LWW, "x"), HF_REASON_NONE);
    expect(&d, 3, "{\"a\":3,\"b\":1}");
    hf_document_deinit(&d);
}

static void concurrent_members_are_merged(void **state)
{
    struct hf_document d = {0};

    (void)state;
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":0,\"b\":0}", 0, HF_MERGE_CONFLICT_FREE, "m"),
                     HF_REASON_NONE);
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":\"m\"}", 1, 0, "m"), HF_REASON_NONE);
    /* "k" has not seen that: it loses a, whose writer's name is greater, and wins b, which nobody wrote. */
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":\"k\",\"b\":\"k\"}", 1, 0, "k"), HF_REASON_NONE);
    expect(&d, 3, "{\"a\":\"m\",\"b\":\"k\"}");
    /* "z" has not seen it either and wins. */
    assert_int_equal(change(&d, HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"/a\"}]", 1, 0, "z"),
                     HF_REASON_NONE);
    expect(&d, 4, "{\"b\":\"k\"}");
    /* "k" has seen everything: a newer write wins whoever it is. */
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":1}", 4, 0, "k"), HF_REASON_NONE);
    expect(&d, 5, "{\"b\":\"k\",\"a\":1}");
    /* All of a change may lose. */
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":2}", 4, 0, "a"), HF_REASON_NONE);
    expect(&d, 5, "{\"b\":\"k\",\"a\":1}");
    hf_document_deinit(&d);
}

/* Two orders of the same concurrent writes end in the same document. */
static void the_order_of_concurrent_writes_does_not_matter(void **state)
{
    static const char *const writers[] = {"a", "b", "c"};
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t o = 0; o < HF_COUNT_OF(orders); o++) {
        struct hf_document d = {0};

        assert_int_equal(change(&d, HF_PATCH_FULL, "{\"v\":0}", 0, HF_MERGE_CONFLICT_FREE, "m"),
                         HF_REASON_NONE);
        for (int i = 0; i < 3; i++) {
            char json[64];
            const char *writer = writers[orders[o][i]];

            (void)snprintf(json, sizeof(json), "{\"v\":\"%s\",\"%s\":1}", writer, writer);
            assert_int_equal(change(&d, HF_PATCH_MERGE, json, 1, 0, writer), HF_REASON_NONE);
        }
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d.json, "v")), "c");
        assert_int_equal(cJSON_GetArraySize(d.json), 4);
        hf_document_deinit(&d);
    }
}

/* A reader that applies what it is told has the document, from whatever version it starts. */
static void readers_catch_up_from_any_version(void **state)
{
    enum { CHANGES = 300 };
    static char *texts[CHANGES + 1];
    struct hf_document d = {0};
    struct hf_rng rng;
    unsigned patches = 0;

    (void)state;
    hf_rng_seed(&rng, 11);
    for (unsigned i = 1; i <= CHANGES; i++) {
        char json[256];
        unsigned member = (unsigned)hf_rng_below(&rng, 30);

        /* Members that come and go, nested values, names to be escaped; the number makes each change one. */
        (void)snprintf(json, sizeof(json),
                       hf_rng_below(&rng, 3)
                           ? "{\"m/%u\":{\"x\":%u,\"pad\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},\"n~\":%u}"
                           : "{\"m/%u\":null,\"q\":%u,\"n~\":%u}",
                       member, (unsigned)hf_rng_below(&rng, 50), i);
        assert_int_equal(change(&d, HF_PATCH_MERGE, json, d.version, 0, "w"), HF_REASON_NONE);
        assert_int_equal(d.version, i);
        texts[i] = hf_document_text(&d);
    }
    for (unsigned base = 0; base <= CHANGES; base++) {
        enum hf_patch_kind kind;
        char *json = NULL;
        hf_err err = hf_document_delta(&d, base, &kind, &json);

        if (base == CHANGES) {
            assert_int_equal(err, HF_ERR_EXISTS);
            break;
        }
        assert_int_equal(err, HF_OK);
        cJSON *told = cJSON_Parse(json), *reader = base ? cJSON_Parse(texts[base]) : NULL;
        if (kind == HF_PATCH_FULL) {
            cJSON_Delete(reader);
            reader = cJSON_Duplicate(told, true);
        } else {
            patches++;
            assert_int_equal(hf_json_patch(&reader, told), HF_OK);
        }
        assert_true(cJSON_Compare(reader, d.json, true));
        cJSON_Delete(reader);
        cJSON_Delete(told);
        free(json);
    }
    assert_true(patches > 10);
    for (unsigned i = 1; i <= CHANGES; i++)
        free(texts[i]);
    hf_document_deinit(&d);
}

static void removed_members_are_forgotten_in_the_end(void **state)
{
    struct hf_document d = {0};
    enum hf_patch_kind kind;
    char *json = NULL, text[64];

    (void)state;
    for (unsigned i = 0; i < HF_DOCUMENT_WRITES_MAX + 50; i++) {
        (void)snprintf(text, sizeof(text), "{\"m%u\":1,\"m%u\":null,\"keep\":%u}", i, i - 1, i);
        assert_int_equal(change(&d, HF_PATCH_MERGE, text, 0, 0, "w"), HF_REASON_NONE);
    }
    assert_true(cJSON_GetArraySize(d.writes) <= HF_DOCUMENT_WRITES_MAX);
    assert_true(d.forgotten > 0);
    assert_int_equal(hf_document_delta(&d, d.forgotten - 1, &kind, &json), HF_OK);
    assert_int_equal(kind, HF_PATCH_FULL); /* it cannot know what that reader still has */
    free(json);
    hf_document_deinit(&d);
    /* Members that are there are never forgotten: their number has a limit. */
    char *many = malloc(HF_DOCUMENT_BYTES_MAX), *at = many;
    *at++ = '{';
    for (unsigned i = 0; i <= HF_DOCUMENT_WRITES_MAX; i++)
        at += sprintf(at, "%s\"m%u\":1", i ? "," : "", i);
    (void)strcpy(at, "}");
    assert_int_equal(change(&d, HF_PATCH_MERGE, many, 0, 0, "w"), HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(d.version, 0);
    free(many);
}

static void an_object_does_not_grow_wide_by_steps(void **state)
{
    static char text[HF_DOCUMENT_BYTES_MAX];
    struct hf_document d = {0};
    unsigned step = 0;
    enum hf_reason reason;

    (void)state;
    do {
        int at = snprintf(text, sizeof(text), "{\"deep\":{");

        for (unsigned i = 0; i < 500; i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%u\":1", i ? "," : "", step * 500 + i);
        (void)strcpy(text + at, "}}");
        reason = change(&d, HF_PATCH_MERGE, text, 0, 0, "w");
        step++;
    } while (reason == HF_REASON_NONE);
    assert_int_equal(reason, HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(step, HF_JSON_MEMBERS_MAX / 500 + 1);
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"deep\":{\"0\":null,\"more\":1}}", 0, 0, "w"),
                     HF_REASON_NONE);
    hf_document_deinit(&d);
}

static void what_is_stored_comes_back(void **state)
{
    static const char *const spoilt[] = {
        "", "{", "[]", "{\"version\":0}", "{\"version\":1}", "{\"version\":-1,\"updated_ms\":0}"};
    struct hf_document d = {0}, copy;
    size_t bytes = 0;

    (void)state;
    assert_int_equal(change(&d, HF_PATCH_MERGE, "{\"a\":{\"b\":[1,2]}}", 0, HF_MERGE_CONFLICT_FREE, "x"),
                     HF_REASON_NONE);
    char *stored = hf_document_encode(&d, &bytes);
    assert_int_equal(bytes, strlen(stored));
    assert_int_equal(hf_document_decode((struct hf_slice){stored, bytes}, &copy), HF_OK);
    assert_true(cJSON_Compare(copy.json, d.json, true) && cJSON_Compare(copy.writes, d.writes, true));
    assert_int_equal(copy.version, 1);
    assert_int_equal(copy.updated_ms, 5000);
    assert_int_equal(copy.merge, HF_MERGE_CONFLICT_FREE);
    assert_memory_equal(copy.snapshot_id, snapshot, 16);
    for (size_t i = 0; i < bytes; i++) { /* cut short anywhere it is refused */
        struct hf_document cut;

        assert_int_equal(hf_document_decode((struct hf_slice){stored, i}, &cut), HF_ERR_CORRUPT);
    }
    for (size_t i = 0; i < HF_COUNT_OF(spoilt); i++) {
        struct hf_document none;

        assert_int_equal(hf_document_decode(hf_slice_of(spoilt[i]), &none), HF_ERR_CORRUPT);
    }
    free(stored);
    hf_document_deinit(&copy);
    hf_document_deinit(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_grow_by_one),
        cmocka_unit_test(a_bad_change_changes_nothing),
        cmocka_unit_test(the_merge_rule_decides_about_old_versions),
        cmocka_unit_test(concurrent_members_are_merged),
        cmocka_unit_test(the_order_of_concurrent_writes_does_not_matter),
        cmocka_unit_test(readers_catch_up_from_any_version),
        cmocka_unit_test(removed_members_are_forgotten_in_the_end),
        cmocka_unit_test(an_object_does_not_grow_wide_by_steps),
        cmocka_unit_test(what_is_stored_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
