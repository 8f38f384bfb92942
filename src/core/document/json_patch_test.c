/* The examples of RFC 6901 section 5, RFC 6902 appendix A and RFC 7396 appendix A, and what they leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/document/json_patch.h"

static cJSON *parse(const char *text)
{
    cJSON *json = cJSON_Parse(text);

    assert_non_null(json);
    return json;
}

static void expect_text(const cJSON *json, const char *want)
{
    char *text = json ? cJSON_PrintUnformatted(json) : strdup("(nothing)");

    assert_string_equal(text, want);
    free(text);
}

static void pointers_name_values(void **state)
{
    static const struct {
        const char *pointer, *want; /* NULL = names none */
    } rows[] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/foo/01", NULL},
        {"/foo/2", NULL},
        {"/foo/-", NULL},
        {"foo", NULL},
        {"/m~2n", NULL},
        {"/foo/0/x", NULL},
        {"/nothing", NULL},
        {"/m~", NULL},
        {"/FOO", NULL},
    };
    cJSON *document = parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                            "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
    char endless[HF_JSON_POINTER_BYTES_MAX + 2] = "/";

    (void)state;
    assert_ptr_equal(hf_json_pointer(document, ""), document);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        cJSON *value = hf_json_pointer(document, rows[i].pointer);

        if (rows[i].want == NULL)
            assert_null(value);
        else
            expect_text(value, rows[i].want);
    }
    memset(endless + 1, 'a', sizeof(endless) - 2);
    assert_null(hf_json_pointer(document, endless));
    cJSON_Delete(document);
}

static void merge_patches_follow_the_rfc(void **state)
{
    static const struct {
        const char *document, *patch, *want;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"A\":1}", "{\"a\":2}", "{\"A\":1,\"a\":2}"}, /* names differ by case */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        cJSON *document = parse(rows[i].document), *patch = parse(rows[i].patch);

        assert_int_equal(hf_json_merge_patch(&document, patch), HF_OK);
        expect_text(document, rows[i].want);
        cJSON_Delete(document);
        cJSON_Delete(patch);
    }
    cJSON *nothing = NULL, *patch = parse("{\"a\":1}");
    assert_int_equal(hf_json_merge_patch(&nothing, patch), HF_OK);
    expect_text(nothing, "{\"a\":1}");
    cJSON_Delete(nothing);
    cJSON_Delete(patch);
}

static void patches_follow_the_rfc(void **state)
{
    static const struct {
        const char *document, *patch, *want; /* want NULL: stays as it was */
        hf_err err;
    } rows[] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}", HF_OK},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
         "{\"foo\":[\"bar\",\"qux\",\"baz\"]}", HF_OK},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}",
         HF_OK},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
         "{\"foo\":[\"bar\",\"baz\"]}", HF_OK},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
         "{\"foo\":\"bar\",\"baz\":\"boo\"}", HF_OK},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}", HF_OK},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
         "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}", HF_OK},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/"
         "1\",\"value\":2}]",
         "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}", HF_OK},
        {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL,
         HF_ERR_CONFLICT},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
         "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}", HF_OK},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}", HF_OK},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NULL,
         HF_ERR_NOT_FOUND},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]", "{\"/\":9,\"~1\":10}",
         HF_OK},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL,
         HF_ERR_CONFLICT},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
         "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}", HF_OK},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":1}", HF_OK},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]", HF_OK},
        {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL, HF_ERR_INVALID},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}", HF_OK},
        {"{\"a\":1}", "[{\"op\":\"spoil\",\"path\":\"/a\"}]", NULL, HF_ERR_INVALID},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", NULL, HF_ERR_INVALID},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"path\":\"/b\"}]", NULL, HF_ERR_INVALID},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"b\"}]", NULL, HF_ERR_INVALID},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL, HF_ERR_NOT_FOUND},
        {"{\"a\":1}", "{\"op\":\"remove\",\"path\":\"/a\"}", NULL, HF_ERR_INVALID},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":0}]", NULL, HF_ERR_NOT_FOUND},
        /* Atomic: the first operation is undone with the second. */
        {"{\"a\":1}",
         "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2},{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL,
         HF_ERR_CONFLICT},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        cJSON *document = parse(rows[i].document), *patch = parse(rows[i].patch);

        assert_int_equal(hf_json_patch(&document, patch), rows[i].err);
        expect_text(document, rows[i].want ? rows[i].want : rows[i].document);
        cJSON_Delete(document);
        cJSON_Delete(patch);
    }
}

static void copies_do_not_grow_without_bound(void **state)
{
    cJSON *document = parse("{\"a\":[1,2,3,4,5,6,7,8]}"), *patch = cJSON_CreateArray();

    (void)state;
    for (unsigned i = 0; i < 40; i++) /* each doubles the document */
        cJSON_AddItemToArray(patch, parse("{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a/-\"}"));
    assert_int_equal(hf_json_patch(&document, patch), HF_ERR_LIMIT);
    expect_text(document, "{\"a\":[1,2,3,4,5,6,7,8]}");
    cJSON_Delete(patch);
    patch = cJSON_CreateArray();
    for (unsigned i = 0; i <= HF_JSON_PATCH_OPS_MAX; i++)
        cJSON_AddItemToArray(patch, parse("{\"op\":\"test\",\"path\":\"/a/0\",\"value\":1}"));
    assert_int_equal(hf_json_patch(&document, patch), HF_ERR_LIMIT);
    cJSON_DeleteItemFromArray(patch, 0);
    assert_int_equal(hf_json_patch(&document, patch), HF_OK);
    cJSON_Delete(patch);
    cJSON_Delete(document);
}

static void a_step_that_fails_leaves_the_document(void **state)
{
    static const struct {
        const char *operation;
        hf_err err;
    } rows[] = {
        {"{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/none/x\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/list/9\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"move\",\"from\":\"/list/0\",\"path\":\"/a/x\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"move\",\"from\":\"/list/1\",\"path\":\"/list/2\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"move\",\"from\":\"/list/1\",\"path\":\"a\"}", HF_ERR_INVALID},
        {"{\"op\":\"move\",\"from\":\"\",\"path\":\"a\"}", HF_ERR_INVALID},
        {"{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/none/x\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"replace\",\"path\":\"/none\",\"value\":1}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"remove\",\"path\":\"/list/2\"}", HF_ERR_NOT_FOUND},
        {"{\"op\":\"test\",\"path\":\"/a\",\"value\":2}", HF_ERR_CONFLICT},
    };
    cJSON *document = parse("{\"a\":1,\"list\":[1,2],\"b\":2}");

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        cJSON *operation = parse(rows[i].operation);

        assert_int_equal(hf_json_patch_step(&document, operation), rows[i].err);
        expect_text(document, "{\"a\":1,\"list\":[1,2],\"b\":2}");
        cJSON_Delete(operation);
    }
    cJSON_Delete(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_name_values),
        cmocka_unit_test(merge_patches_follow_the_rfc),
        cmocka_unit_test(patches_follow_the_rfc),
        cmocka_unit_test(copies_do_not_grow_without_bound),
        cmocka_unit_test(a_step_that_fails_leaves_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
