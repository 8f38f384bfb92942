/* The shadow: versions, conflicts, fields, limits, what a device lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/document/json_tree.h"
#include "core/document/shadow.h"

enum {
    REPORTED = 1 << HF_SHADOW_REPORTED,
    DESIRED = 1 << HF_SHADOW_DESIRED,
    TAGS = 1 << HF_SHADOW_TAGS,
    ALL = REPORTED | DESIRED | TAGS
};

static const struct hf_shadow_limits limits = {HF_SHADOW_SECTION_BYTES_MAX, HF_SHADOW_DEPTH_MAX};
static unsigned operation; /* of the last outcome */

static enum hf_reason make(struct hf_shadow *shadow, const struct hf_shadow_change *change, uint64_t utc_ms)
{
    struct hf_shadow_outcome outcome;
    struct hf_shadow after;
    enum hf_reason reason = hf_shadow_change(shadow, change, &limits, utc_ms, &outcome, &after);

    operation = outcome.operation;
    assert_null(outcome.refused); /* that is what the rule oplog does: shadow_oplog_test.c */

    if (reason != HF_REASON_NONE)
        return reason;
    hf_shadow_deinit(shadow);
    *shadow = after;
    return reason;
}

static enum hf_reason merge(struct hf_shadow *shadow, const char *json, uint64_t base, uint64_t utc_ms)
{
    return make(shadow,
                &(struct hf_shadow_change){
                    .kind = HF_PATCH_MERGE, .sections = ALL, .base_version = base, .json = hf_slice_of(json)},
                utc_ms);
}

static enum hf_reason operate(struct hf_shadow *shadow, const char *json, uint64_t base, uint64_t utc_ms)
{
    return make(shadow,
                &(struct hf_shadow_change){
                    .kind = HF_PATCH_JSON, .sections = ALL, .base_version = base, .json = hf_slice_of(json)},
                utc_ms);
}

static void expect(const struct hf_shadow *shadow, const char *want)
{
    size_t bytes = 0;
    char *text = hf_shadow_encode(shadow, (struct hf_slice){NULL, 0}, &bytes);

    assert_non_null(text);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(text, want);
    free(text);
}

static void expect_delta(const struct hf_shadow *shadow, const char *want)
{
    char *json = NULL;

    assert_int_equal(hf_shadow_delta(shadow, &json), HF_OK);
    assert_string_equal(json, want);
    free(json);
}

static void each_field_knows_who_wrote_it_when(void **state)
{
    struct hf_shadow s = {0};

    (void)state;
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1,\"n\":{\"x\":1,\"y\":[1,2]}}}", 0, 100),
                     HF_REASON_NONE);
    expect(&s,
           "{\"version\":1,\"updated_ms\":100,\"epoch\":0,\"desired\":{\"a\":1,\"n\":{\"x\":1,\"y\":[1,2]}},"
           "\"metadata\":{\"/desired/a\":[1,100],\"/desired/n/x\":[1,100],\"/desired/n/y\":[1,100]}}");
    assert_int_equal(merge(&s, "{\"reported\":{\"a/b~\":true},\"desired\":{\"n\":{\"x\":2}}}", 1, 200),
                     HF_REASON_NONE);
    expect(&s, "{\"version\":2,\"updated_ms\":200,\"epoch\":0,\"reported\":{\"a/b~\":true},"
               "\"desired\":{\"a\":1,\"n\":{\"x\":2,\"y\":[1,2]}},\"metadata\":{\"/reported/a~1b~0\":[2,200],"
               "\"/desired/a\":[1,100],\"/desired/n/x\":[2,200],\"/desired/n/y\":[1,100]}}");
    /* an array's element by JSON Patch; a removed field is remembered; tags */
    assert_int_equal(operate(&s,
                             "[{\"op\":\"replace\",\"path\":\"/desired/n/y/1\",\"value\":7},"
                             "{\"op\":\"remove\",\"path\":\"/desired/a\"},"
                             "{\"op\":\"add\",\"path\":\"/tags/floor\",\"value\":{}}]",
                             2, 300),
                     HF_REASON_NONE);
    expect(&s, "{\"version\":3,\"updated_ms\":300,\"epoch\":0,\"reported\":{\"a/b~\":true},"
               "\"desired\":{\"n\":{\"x\":2,\"y\":[1,7]}},\"tags\":{\"floor\":{}},\"metadata\":{"
               "\"/reported/a~1b~0\":[2,200],\"/desired/n/x\":[2,200],\"/desired/n/y\":[3,300],"
               "\"/tags/floor\":[3,300]},\"removed\":{\"/desired/a\":[3,300]}}");
    hf_shadow_deinit(&s);
}

static void null_deletes_and_nothing_new_is_no_version(void **state)
{
    struct hf_shadow s = {0};

    (void)state;
    assert_int_equal(merge(&s, "{}", 0, 1), HF_REASON_NONE);
    assert_int_equal(s.version, 0);
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1,\"b\":2},\"tags\":{\"t\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(merge(&s, "{\"desired\":{\"b\":2,\"a\":1},\"reported\":{}}", 0, 2), HF_REASON_NONE);
    assert_int_equal(s.version, 1); /* the order of members says nothing */
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":null}}", 0, 3), HF_REASON_NONE);
    assert_string_equal(s.text[HF_SHADOW_DESIRED], "{\"b\":2}");
    assert_int_equal(merge(&s, "{\"desired\":null}", 0, 4), HF_REASON_NONE);
    assert_int_equal(s.version, 3);
    assert_null(s.text[HF_SHADOW_DESIRED]);
    assert_int_equal(operate(&s, "[{\"op\":\"remove\",\"path\":\"/tags\"}]", 3, 5), HF_REASON_NONE);
    expect(&s,
           "{\"version\":4,\"updated_ms\":5,\"epoch\":0,\"metadata\":{},\"removed\":{\"/desired/a\":[2,3],"
           "\"/desired/b\":[3,4],\"/tags/t\":[4,5]}}");
    hf_shadow_deinit(&s);
}

static void refusals_leave_it_alone(void **state)
{
    static const struct {
        enum hf_patch_kind kind;
        const char *json;
        uint64_t base;
        enum hf_merge rule;
        unsigned sections;
        uint64_t epoch;
        enum hf_reason want;
    } rows[] = {
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":3}}", 1, HF_MERGE_KEEP, ALL, 0, HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":3}}", 1, HF_MERGE_VERSION, ALL, 0, HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":3}}", 3, HF_MERGE_LWW, ALL, 0, HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"version\":1,\"desired\":{\"a\":3}}", 0, 0, ALL, 0, HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"version\":0,\"desired\":{\"a\":3}}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"version\":1.5,\"desired\":{\"a\":3}}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"version\":\"1\",\"desired\":{\"a\":3}}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":3}}", 1, HF_MERGE_CONFLICT_FREE, ALL, 0,
         HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":null}}", 1, HF_MERGE_CONFLICT_FREE, ALL, 0,
         HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":3}}", 2, HF_MERGES, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"reported\":{\"a\":3}}", 2, 0, DESIRED | TAGS, 0, HF_REASON_FORBIDDEN},
        {HF_PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/tags/t\",\"value\":3}]", 0, 0, REPORTED, 0,
         HF_REASON_FORBIDDEN},
        {HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"/reported\"}]", 0, 0, DESIRED, 0,
         HF_REASON_FORBIDDEN},
        {HF_PATCH_JSON, "[{\"op\":\"test\",\"path\":\"/reported/r\",\"value\":3}]", 0, 0, ALL, 0,
         HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"/desired/z\"}]", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"/desired/z\"}]", 1, 0, ALL, 0,
         HF_REASON_VERSION_CONFLICT},
        {HF_PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/other\",\"value\":{}}]", 0, 0, ALL, 0,
         HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/desired\",\"value\":7}]", 0, 0, ALL, 0,
         HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"replace\",\"path\":\"\",\"value\":7}]", 0, 0, ALL, 0,
         HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "[{\"op\":\"remove\",\"path\":\"\"}]", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_JSON, "{\"op\":\"remove\",\"path\":\"/desired\"}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"desired\":[1]}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"desired\":{\"a\\u0000b\":3}}", 0, 0, ALL, 0,
         HF_REASON_BAD_REQUEST}, /* not "a" */
        {HF_PATCH_MERGE, "{\"desired\":{\"a\":1e999}}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"wanted\":{}}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "[]", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_FULL, "{}", 0, 0, ALL, 0, HF_REASON_BAD_REQUEST},
        {HF_PATCH_MERGE, "{\"reported\":{\"a\":3}}", 0, 0, ALL, 4, HF_REASON_REPLACED},
        {HF_PATCH_MERGE,
         "{\"tags\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":1,\"i\":{}}}}}}}}}}", 0, 0, ALL,
         0, HF_REASON_MESSAGE_TOO_BIG},
        {HF_PATCH_JSON,
         "[{\"op\":\"add\",\"path\":\"/tags/"
         "a\",\"value\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":[{}]}}}}}}}]",
         0, 0, ALL, 0, HF_REASON_MESSAGE_TOO_BIG},
    };
    struct hf_shadow s = {0};

    (void)state;
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1,\"b\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(
        make(&s,
             &(struct hf_shadow_change){
                 .kind = HF_PATCH_MERGE,
                 .sections = ALL,
                 .epoch = 5,
                 .json = HF_SLICE("{\"desired\":{\"a\":2},\"reported\":{\"r\":2},\"tags\":null}")},
             2),
        HF_REASON_NONE);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_shadow_change change = {.kind = (uint8_t)rows[i].kind,
                                          .merge = (uint8_t)rows[i].rule,
                                          .sections = (uint8_t)rows[i].sections,
                                          .base_version = rows[i].base,
                                          .epoch = rows[i].epoch,
                                          .json = hf_slice_of(rows[i].json)};
        enum hf_reason reason = make(&s, &change, 3);

        if (reason != rows[i].want)
            fail_msg("%s: %s instead of %s", rows[i].json, hf_reason_name(reason),
                     hf_reason_name(rows[i].want));
    }
    expect(&s,
           "{\"version\":2,\"updated_ms\":2,\"epoch\":5,\"reported\":{\"r\":2},\"desired\":{\"a\":2,\"b\":1},"
           "\"metadata\":{\"/reported/r\":[2,2],\"/desired/a\":[2,2],\"/desired/b\":[1,1]}}");
    hf_shadow_deinit(&s);
}

static void a_stale_change_may_still_be_taken(void **state)
{
    struct hf_shadow s = {0};
    struct hf_shadow_change stale = {.kind = HF_PATCH_MERGE,
                                     .merge = HF_MERGE_CONFLICT_FREE,
                                     .sections = ALL,
                                     .base_version = 1,
                                     .json = HF_SLICE("{\"desired\":{\"b\":7}}")};

    (void)state;
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1,\"b\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":2}}", 0, 2), HF_REASON_NONE);
    assert_int_equal(make(&s, &stale, 3), HF_REASON_NONE); /* nobody wrote b since 1 */
    assert_string_equal(s.text[HF_SHADOW_DESIRED], "{\"a\":2,\"b\":7}");
    assert_int_equal(make(&s, &stale, 4), HF_REASON_NONE); /* it is so already */
    assert_int_equal(s.version, 3);
    stale.json = HF_SLICE("{\"desired\":{\"b\":8}}");
    assert_int_equal(make(&s, &stale, 4), HF_REASON_VERSION_CONFLICT);
    stale.merge = HF_MERGE_LWW;
    assert_int_equal(make(&s, &stale, 5), HF_REASON_NONE);
    assert_int_equal(s.version, 4);
    /* who may test what it must not change */
    assert_int_equal(make(&s,
                          &(struct hf_shadow_change){
                              .kind = HF_PATCH_JSON,
                              .sections = TAGS,
                              .json = HF_SLICE("[{\"op\":\"test\",\"path\":\"/desired/b\",\"value\":8},"
                                               "{\"op\":\"add\",\"path\":\"/tags/t\",\"value\":1}]")},
                          6),
                     HF_REASON_NONE);
    hf_shadow_deinit(&s);
}

static void sections_have_limits(void **state)
{
    static char json[HF_SHADOW_CHANGE_BYTES_MAX + 64];
    struct hf_shadow s = {0};

    (void)state;
    for (unsigned more = 0; more < 2; more++) { /* 32 KiB, and one byte more */
        int text = HF_SHADOW_SECTION_BYTES_MAX - (int)strlen("{\"a\":\"\"}") + (int)more;

        (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":\"%0*d\"}}", text, 0);
        assert_int_equal(merge(&s, json, 0, 1), more ? HF_REASON_MESSAGE_TOO_BIG : HF_REASON_NONE);
    }
    (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":\"%0*d\"}}", HF_SHADOW_CHANGE_BYTES_MAX, 0);
    assert_int_equal(merge(&s, json, 0, 1), HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(s.version, 1);
    hf_shadow_deinit(&s);

    for (int fields = HF_SHADOW_FIELDS_MAX; fields <= HF_SHADOW_FIELDS_MAX + 1; fields++) {
        int at = snprintf(json, sizeof(json), "{\"tags\":{");

        for (int i = 0; i < fields; i++)
            at += snprintf(json + at, sizeof(json) - (size_t)at, "%s\"%d\":%d", i ? "," : "", i, i);
        (void)snprintf(json + at, sizeof(json) - (size_t)at, "}}");
        assert_int_equal(merge(&s, json, 0, 1),
                         fields > HF_SHADOW_FIELDS_MAX ? HF_REASON_MESSAGE_TOO_BIG : HF_REASON_NONE);
    }
    assert_int_equal(s.fields.count, HF_SHADOW_FIELDS_MAX);
    /* the other way round: each is found all the same, and only one is new */
    int at = snprintf(json, sizeof(json), "[{\"op\":\"add\",\"path\":\"/tags\",\"value\":{");
    for (int i = HF_SHADOW_FIELDS_MAX - 1; i >= 0; i--)
        at += snprintf(json + at, sizeof(json) - (size_t)at, "\"%d\":%d%s", i, i == 7 ? 0 : i, i ? "," : "");
    (void)snprintf(json + at, sizeof(json) - (size_t)at, "}}]");
    assert_int_equal(operate(&s, json, 0, 2), HF_REASON_NONE);
    char *text = hf_shadow_encode(&s, (struct hf_slice){NULL, 0}, &(size_t){0});
    assert_non_null(strstr(text, "\"/tags/7\":[2,2]"));
    assert_non_null(strstr(text, "\"/tags/8\":[1,1]"));
    assert_null(strstr(strstr(text, "[2,2]") + 1, "[2,2]"));
    free(text);
    hf_shadow_deinit(&s);
    /* in an array, which is one field, an object grows wide neither at once nor by steps */
    at = snprintf(json, sizeof(json), "{\"tags\":{\"a\":[{");
    for (int i = 0; i < HF_JSON_MEMBERS_MAX; i++)
        at += snprintf(json + at, sizeof(json) - (size_t)at, "%s\"%d\":1", i ? "," : "", i);
    (void)snprintf(json + at, sizeof(json) - (size_t)at, "}]}}");
    assert_int_equal(merge(&s, json, 0, 1), HF_REASON_NONE);
    assert_int_equal(operate(&s, "[{\"op\":\"add\",\"path\":\"/tags/a/0/x\",\"value\":1}]", 0, 1),
                     HF_REASON_MESSAGE_TOO_BIG);
    (void)snprintf(json + at, sizeof(json) - (size_t)at, ",\"x\":1}]}}");
    assert_int_equal(merge(&s, json, 0, 1), HF_REASON_MESSAGE_TOO_BIG);
    hf_shadow_deinit(&s);
    /* a path of a field has a bound, too */
    (void)snprintf(json, sizeof(json), "{\"tags\":{\"%0*d\":1}}", 2000, 0);
    assert_int_equal(merge(&s, json, 0, 1), HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(hf_shadow_change(&s,
                                      &(struct hf_shadow_change){.kind = HF_PATCH_MERGE,
                                                                 .sections = ALL,
                                                                 .json = HF_SLICE("{\"tags\":{\"a\":[1]}}")},
                                      &(struct hf_shadow_limits){1024, 1}, 1, &(struct hf_shadow_outcome){0},
                                      &(struct hf_shadow){0}),
                     HF_REASON_MESSAGE_TOO_BIG);
}

static void the_delta_is_what_reported_lacks(void **state)
{
    static const struct {
        const char *desired, *reported, *want;
    } rows[] = {
        {"{}", "{}", "{}"},
        {"{\"a\":1}", "{}", "{\"a\":1}"},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", "{}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":2}", "{\"a\":1}"},
        {"{\"n\":{\"x\":1,\"y\":2}}", "{\"n\":{\"x\":1}}", "{\"n\":{\"y\":2}}"},
        {"{\"n\":{\"x\":1}}", "{\"n\":7}", "{\"n\":{\"x\":1}}"},
        {"{\"n\":7}", "{\"n\":{\"x\":1}}", "{\"n\":7}"},
        {"{\"n\":{}}", "{\"n\":{\"x\":1}}", "{}"},
        {"{\"n\":{}}", "{\"m\":1}", "{\"n\":{}}"},
        {"{\"l\":[1,2]}", "{\"l\":[2,1]}", "{\"l\":[1,2]}"},
        {"{\"l\":[1,{\"a\":1}]}", "{\"l\":[1,{\"a\":1}]}", "{}"},
        {"{\"f\":1.5,\"t\":true,\"s\":\"x\"}", "{\"f\":1.5,\"t\":false,\"s\":\"x\"}", "{\"t\":true}"},
    };
    char json[256];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_shadow s = {0};

        (void)snprintf(json, sizeof(json), "{\"desired\":%s,\"reported\":%s}", rows[i].desired,
                       rows[i].reported);
        assert_int_equal(merge(&s, json, 0, 1), HF_REASON_NONE);
        expect_delta(&s, rows[i].want);
        enum hf_shadow_applied applied;
        assert_int_equal(hf_shadow_applied(&s, 1, &applied), HF_OK);
        assert_int_equal(applied, i == 0                            ? HF_SHADOW_SUPERSEDED
                                  : strcmp(rows[i].want, "{}") == 0 ? HF_SHADOW_APPLIED
                                                                    : HF_SHADOW_WANTED);
        hf_shadow_deinit(&s);
    }
}

static void applied_looks_at_one_change_only(void **state)
{
    struct hf_shadow s = {0};
    enum hf_shadow_applied applied;

    (void)state;
    assert_int_equal(merge(&s, "{\"desired\":{\"other\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1,\"b\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(merge(&s, "{\"reported\":{\"a\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(hf_shadow_applied(&s, 2, &applied), HF_OK);
    assert_int_equal(applied, HF_SHADOW_WANTED);
    assert_int_equal(merge(&s, "{\"reported\":{\"b\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(hf_shadow_applied(&s, 2, &applied), HF_OK);
    assert_int_equal(applied, HF_SHADOW_APPLIED); /* whatever becomes of version 1 */
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":2,\"b\":null}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(hf_shadow_applied(&s, 2, &applied), HF_OK);
    assert_int_equal(applied, HF_SHADOW_SUPERSEDED);
    hf_shadow_deinit(&s);
}

static void what_was_stored_comes_back(void **state)
{
    static const char *const broken[] = {
        "",
        "{}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0}",
        "{\"version\":0,\"updated_ms\":1,\"epoch\":0,\"metadata\":{}}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{},\"desired\":[]}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{\"/wanted/a\":[1,1]}}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{\"/desired\":[1,1]}}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{\"/desired/a\":[1]}}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{\"/desired/a\":[1,-1]}}",
        "{\"version\":1,\"updated_ms\":1,\"epoch\":0,\"metadata\":{\"/desired/a\":{\"a\":1,\"b\":\"x\"}}}",
    };
    struct hf_shadow s = {0}, again;
    char storage[2048];
    struct hf_json_out out;
    struct hf_sb sb;
    size_t bytes = 0;

    (void)state;
    assert_int_equal(
        merge(&s, "{\"desired\":{\"a\\u0001\":1},\"tags\":{\"t\":[]},\"reported\":{\"x\":\"y\"}}", 0, 77),
        HF_REASON_NONE);
    char *text = hf_shadow_encode(&s, HF_SLICE("{\"desired\":1}"), &bytes);
    assert_non_null(strstr(text, ",\"change\":{\"desired\":1}}"));
    assert_int_equal(hf_shadow_decode((struct hf_slice){text, bytes}, &again), HF_OK);
    free(text);
    text = hf_shadow_encode(&s, (struct hf_slice){NULL, 0}, &bytes);
    expect(&again, text);
    free(text);
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_shadow_out(&out, &again, "{\"a\":1}");
    hf_json_out_end(&out);
    assert_string_equal(storage,
                        "{\"version\":1,\"updated\":\"1970-01-01T00:00:00.077Z\",\"reported\":{\"x\":\"y\"},"
                        "\"desired\":{\"a\\u0001\":1},\"delta\":{\"a\":1},\"tags\":{\"t\":[]},\"metadata\":{"
                        "\"/reported/x\":{\"version\":1,\"updated\":\"1970-01-01T00:00:00.077Z\"},"
                        "\"/desired/a\\u0001\":{\"version\":1,\"updated\":\"1970-01-01T00:00:00.077Z\"},"
                        "\"/tags/t\":{\"version\":1,\"updated\":\"1970-01-01T00:00:00.077Z\"}}}");
    assert_true(sb.bytes < hf_shadow_out_bytes(&again));
    hf_shadow_deinit(&s);
    hf_shadow_deinit(&again);
    for (size_t i = 0; i < HF_COUNT_OF(broken); i++)
        if (hf_shadow_decode(hf_slice_of(broken[i]), &again) != HF_ERR_CORRUPT)
            fail_msg("taken: %s", broken[i]);
}

/* By its number from 1 on; what is wrong with all of it, or a version from before, names none. */
static void the_operation_that_cannot_be_made_is_named(void **state)
{
    static const struct {
        const char *json;
        uint64_t base;
        uint8_t rule;
        enum hf_reason reason;
        unsigned operation;
    } rows[] = {
        {"[{\"op\":\"remove\",\"path\":\"/desired/z\"}]", 0, 0, HF_REASON_BAD_REQUEST, 1},
        {"[{\"op\":\"add\",\"path\":\"/desired/c\",\"value\":1},{\"op\":\"test\",\"path\":\"/desired/c\","
         "\"value\":2}]",
         0, 0, HF_REASON_VERSION_CONFLICT, 2},
        {"[{\"op\":\"add\",\"path\":\"/desired/c\",\"value\":1},{\"op\":\"add\",\"path\":\"/desired/~2\","
         "\"value\":2}]",
         0, 0, HF_REASON_BAD_REQUEST, 2},
        {"[{\"op\":\"add\",\"path\":\"/desired/c\",\"value\":1},{\"op\":\"test\",\"path\":\"/desired/c\","
         "\"value\":2}]",
         1, HF_MERGE_OPLOG, HF_REASON_VERSION_CONFLICT, 2},
        {"[{\"op\":\"remove\",\"path\":\"/desired/z\"}]", 1, HF_MERGE_VERSION, HF_REASON_VERSION_CONFLICT, 0},
        {"[{\"op\":\"add\",\"path\":\"/desired\",\"value\":7}]", 0, 0, HF_REASON_BAD_REQUEST, 0},
        {"[{\"op\":\"add\",\"path\":\"/desired/a\",\"value\":2}]", 0, 0, HF_REASON_NONE, 0},
    };
    struct hf_shadow s = {0};

    (void)state;
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":1}}", 0, 1), HF_REASON_NONE);
    assert_int_equal(merge(&s, "{\"desired\":{\"a\":2}}", 0, 2), HF_REASON_NONE);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        enum hf_reason reason = make(&s,
                                     &(struct hf_shadow_change){.kind = HF_PATCH_JSON,
                                                                .merge = rows[i].rule,
                                                                .sections = ALL,
                                                                .base_version = rows[i].base,
                                                                .json = hf_slice_of(rows[i].json)},
                                     3);

        if (reason != rows[i].reason || operation != rows[i].operation)
            fail_msg("%s: %s of operation %u", rows[i].json, hf_reason_name(reason), operation);
    }
    hf_shadow_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_knows_who_wrote_it_when),
        cmocka_unit_test(null_deletes_and_nothing_new_is_no_version),
        cmocka_unit_test(refusals_leave_it_alone),
        cmocka_unit_test(the_operation_that_cannot_be_made_is_named),
        cmocka_unit_test(a_stale_change_may_still_be_taken),
        cmocka_unit_test(sections_have_limits),
        cmocka_unit_test(the_delta_is_what_reported_lacks),
        cmocka_unit_test(applied_looks_at_one_change_only),
        cmocka_unit_test(what_was_stored_comes_back),
    };

    return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
