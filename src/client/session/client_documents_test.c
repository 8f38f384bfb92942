/* client/core: documents. The application is given what applies to the version that it has, and nothing else; each patch has its answer. */
#include "client/session/core_testkit.h"

static int setup(void **state)
{
    struct kit *kit;

    (void)kit_setup(state);
    kit = *state;
    hf_client_core_free(kit->core);
    kit->config.documents = true;
    kit->config.context_version = 3;
    kit->welcome.capabilities = HF_CAP_DOCUMENTS;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    forget(kit);
    return 0;
}

static void delta(struct kit *kit, struct hf_frame_delta delta)
{
    const struct hf_frame frame = {.type = HF_FRAME_DELTA, .as.delta = delta};

    kit_send(kit, &frame);
}

static hf_err patch(struct kit *kit, uint32_t request, const char *json, uint64_t base)
{
    const struct hf_client_patch change = {.request = request,
                                           .document = HF_DOCUMENT_CONTEXT,
                                           .kind = HF_PATCH_MERGE,
                                           .base_version = base,
                                           .json = hf_slice_of(json)};

    return hf_client_core_patch(kit->core, &kit->now, &change);
}

static void a_patch_is_answered(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(patch(kit, 7, "{\"a\":1}", 3), HF_OK);
    expect(kit, "> PATCH 7 document=1 kind=1 base=3 {\"a\":1}\n");
    delta(kit, (struct hf_frame_delta){.request = 7,
                                       .document = HF_DOCUMENT_CONTEXT,
                                       .kind = HF_PATCH_JSON,
                                       .base_version = 3,
                                       .version = 4,
                                       .json = HF_SLICE("[1]")});
    expect(kit, "document 1 request=7 none version=4 patch [1]\n");
    assert_int_equal(patch(kit, 8, "{\"a\":2}", 3), HF_OK);
    expect(kit, "> PATCH 8 document=1 kind=1 base=3 {\"a\":2}\n");
    delta(kit, (struct hf_frame_delta){.request = 8,
                                       .document = HF_DOCUMENT_CONTEXT,
                                       .reason = HF_REASON_VERSION_CONFLICT,
                                       .version = 6,
                                       .json = HF_SLICE("{}")});
    expect(kit, "document 1 request=8 version_conflict version=6 full {}\n");
    /* An answer that others have overtaken brings nothing, but it is one. */
    assert_int_equal(patch(kit, 9, "{\"a\":3}", 4), HF_OK);
    expect(kit, "> PATCH 9 document=1 kind=1 base=4 {\"a\":3}\n");
    delta(kit, (struct hf_frame_delta){.request = 9,
                                       .document = HF_DOCUMENT_CONTEXT,
                                       .kind = HF_PATCH_JSON,
                                       .base_version = 4,
                                       .version = 5,
                                       .json = HF_SLICE("[1]")});
    expect(kit, "document 1 request=9 none version=6\n");
}

static void what_does_not_apply_is_kept_from_the_application(void **state)
{
    static const struct {
        struct hf_frame_delta delta;
        const char *want;
    } rows[] = {
        {{.version = 1, .json = HF_SLICE("{}")}, "document 2 request=0 none version=1 full {}\n"},
        {{.kind = HF_PATCH_JSON, .base_version = 1, .version = 2, .json = HF_SLICE("[2]")},
         "document 2 request=0 none version=2 patch [2]\n"},
        {{.kind = HF_PATCH_JSON, .base_version = 1, .version = 2, .json = HF_SLICE("[2]")}, ""}, /* again */
        {{.base_version = 1, .version = 2, .json = HF_SLICE("{}")}, ""},
        {{.kind = HF_PATCH_JSON, .base_version = 1, .version = 4, .json = HF_SLICE("[4]")}, /* older base */
         "document 2 request=0 none version=4 patch [4]\n"},
        {{.kind = HF_PATCH_JSON,
          .base_version = 6,
          .version = 7,
          .json = HF_SLICE("[7]")}, /* 5, 6 are lost */
         "> PATCH 2147483650 document=2 kind=1 base=4 \n"},
        {{.kind = HF_PATCH_JSON, .base_version = 7, .version = 8, .json = HF_SLICE("[8]")}, ""}, /* asked */
        {{.request = 2147483650,
          .kind = HF_PATCH_JSON,
          .base_version = 4,
          .version = 8,
          .json = HF_SLICE("[5678]")},
         "document 2 request=0 none version=8 patch [5678]\n"},
        {{.base_version = 9, .version = 10, .json = HF_SLICE("{}")}, /* the whole needs no base */
         "document 2 request=0 none version=10 full {}\n"},
        {{.reason = HF_REASON_NOT_FOUND}, "document 2 request=0 not_found version=0\n"},
        {{.version = 1, .json = HF_SLICE("{}")}, "document 2 request=0 none version=1 full {}\n"},
        {{.kind = HF_PATCH_MERGE, .base_version = 1, .version = 2, .json = HF_SLICE("{}")}, ""},
        {{.kind = HF_PATCH_JSON, .base_version = 1, .version = 2, .json = HF_SLICE("[")}, ""}, /* no JSON */
        {{.request = 5, .version = 2, .json = HF_SLICE("{}")}, ""}, /* nobody asked */
        {{.request = 2147483650, .version = 2, .json = HF_SLICE("{}")}, ""},
    };
    struct kit *kit = *state;
    struct hf_client_counts counts;

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_frame_delta one = rows[i].delta;

        one.document = HF_DOCUMENT_GROUP;
        delta(kit, one);
        expect(kit, rows[i].want);
    }
    delta(kit, (struct hf_frame_delta){.document = 3, .version = 2, .json = HF_SLICE("{}")});
    expect(kit, "");
    hf_client_core_counts(kit->core, &counts);
    assert_int_equal(counts.unknown_frames, 5);
}

static void hello_says_what_the_application_has(void **state)
{
    struct kit *kit = *state;

    assert_true(kit->hello.capabilities & HF_CAP_DOCUMENTS);
    assert_int_equal(kit->hello.document_count, 1);
    assert_int_equal(kit->hello.documents[0].document, HF_DOCUMENT_CONTEXT);
    assert_int_equal(kit->hello.documents[0].version, 3);
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_GROUP, .version = 9, .json = HF_SLICE("{}")});
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT, .reason = HF_REASON_NOT_FOUND});
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_established(kit);
    assert_int_equal(kit->hello.document_count, 1);
    assert_int_equal(kit->hello.documents[0].document, HF_DOCUMENT_GROUP);
    assert_int_equal(kit->hello.documents[0].version, 9);
}

static void a_connection_that_ends_answers_what_is_open(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(patch(kit, 1, "{}", 3), HF_OK);
    assert_int_equal(patch(kit, 2, "{}", 3), HF_OK);
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT, /* it asks */
                                       .kind = HF_PATCH_JSON,
                                       .base_version = 8,
                                       .version = 9,
                                       .json = HF_SLICE("[9]")});
    forget(kit);
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "close\ndocument 1 request=1 connection_gone version=3\n"
                "document 1 request=2 connection_gone version=3\nclosed 1006 none LOST\n");
    assert_int_equal(patch(kit, 3, "{}", 3), HF_ERR_CLOSED);
}

static void patches_are_bounded(void **state)
{
    static char large[HF_CLIENT_CHANGE_BYTES_MAX + 2];
    struct kit *kit = *state;

    memset(large, ' ', sizeof(large) - 1);
    assert_int_equal(patch(kit, 1, large, 0), HF_ERR_LIMIT);
    large[0] = '{';
    large[HF_CLIENT_CHANGE_BYTES_MAX - 1] = '}';
    large[HF_CLIENT_CHANGE_BYTES_MAX] = '\0';
    assert_int_equal(patch(kit, 1, large, 0), HF_OK);
    kit_read(kit); /* one that is so large takes all of the output */
    for (uint32_t request = 2; request <= HF_CLIENT_PATCHES_MAX; request++)
        assert_int_equal(patch(kit, request, "{}", 0), HF_OK);
    assert_int_equal(patch(kit, 99, "{}", 0), HF_ERR_AGAIN);
    /* Our own question waits until there is room for it. */
    forget(kit);
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT,
                                       .kind = HF_PATCH_JSON,
                                       .base_version = 8,
                                       .version = 9,
                                       .json = HF_SLICE("[9]")});
    expect(kit, "");
    delta(kit,
          (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT, .request = 1, .reason = HF_REASON_BUSY});
    expect(kit, "document 1 request=1 busy version=3\n> PATCH 2147483649 document=1 kind=1 base=3 \n");
    assert_int_equal(patch(kit, 0, "{}", 0), HF_ERR_INVALID);
    assert_int_equal(patch(kit, 1u << 31, "{}", 0), HF_ERR_INVALID);
    assert_int_equal(patch(kit, 1, "", 0), HF_ERR_INVALID);
}

static void without_the_capability_there_are_none(void **state)
{
    struct kit *kit = *state;

    kit->welcome.capabilities = 0;
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_established(kit);
    assert_int_equal(patch(kit, 1, "{}", 0), HF_ERR_UNSUPPORTED);
    hf_client_core_free(kit->core);
    kit->config.message_bytes_max =
        HF_CLIENT_DOCUMENT_BYTES_MAX - 1; /* one of these would end each connection */
    assert_int_equal(hf_client_core_new(&kit->config, kit->store, &kit->ops, kit, &kit->core),
                     HF_ERR_INVALID);
    kit->config.message_bytes_max = 0;
    kit->config.documents = false;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    assert_false(kit->hello.capabilities & HF_CAP_DOCUMENTS);
    forget(kit);
    delta(kit,
          (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT, .version = 9, .json = HF_SLICE("{}")});
    expect(kit, "");
}

static hf_err report(struct kit *kit, uint32_t request, const char *json, uint64_t base)
{
    const struct hf_client_patch change = {.request = request,
                                           .document = HF_DOCUMENT_SHADOW,
                                           .kind = HF_PATCH_MERGE,
                                           .base_version = base,
                                           .json = hf_slice_of(json)};

    return hf_client_core_patch(kit->core, &kit->now, &change);
}

static void shadow_delta(struct kit *kit, uint32_t request, uint64_t version, const char *json)
{
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_SHADOW,
                                       .request = request,
                                       .version = version,
                                       .json = hf_slice_of(json)});
}

static void a_delta_of_the_shadow_is_told_and_said_to_have_come(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(report(kit, 1, "{}", 0), HF_ERR_UNSUPPORTED);
    hf_client_core_free(kit->core);
    kit->config.shadow = true;
    kit->config.shadow_version = 5;
    kit->welcome.capabilities = HF_CAP_SHADOW;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    forget(kit);
    assert_true(kit->hello.capabilities & HF_CAP_SHADOW);
    assert_int_equal(kit->hello.documents[kit->hello.document_count - 1].document, HF_DOCUMENT_SHADOW);
    assert_int_equal(kit->hello.documents[kit->hello.document_count - 1].version, 5);
    shadow_delta(kit, 0, 7, "{\"a\":1}");
    expect(kit, "document 3 request=0 none version=7 full {\"a\":1}\n"
                "> PATCH 2147483651 document=3 kind=1 base=7 \n");
    delta(kit, (struct hf_frame_delta){
                   .document = HF_DOCUMENT_SHADOW, .request = 2147483651, .base_version = 7, .version = 7});
    expect(kit, "");
    assert_int_equal(report(kit, 1, "{\"r\":1}", 7), HF_OK);
    expect(kit, "> PATCH 1 document=3 kind=1 base=7 {\"r\":1}\n");
    shadow_delta(kit, 1, 8, "{}");
    expect(kit, "document 3 request=1 none version=8 full {}\n");
    /* A named one has versions of its own. */
    shadow_delta(kit, 0, 2, "{\"name\":\"l\"}");
    expect(kit, "document 3 request=0 none version=2 full {\"name\":\"l\"}\n"
                "> PATCH 2147483904 document=3 kind=1 base=0 {\"name\":\"l\",\"version\":2}\n");
    /* There is a newer one already; then there is none any more. That neither says anything of the unnamed one, nor is it acknowledged. */
    shadow_delta(kit, 2147483904, 3, "{\"name\":\"l\"}");
    expect(kit, "document 3 request=0 none version=3 full {\"name\":\"l\"}\n"
                "> PATCH 2147483904 document=3 kind=1 base=0 {\"name\":\"l\",\"version\":3}\n");
    delta(kit, (struct hf_frame_delta){
                   .document = HF_DOCUMENT_SHADOW, .request = 2147483904, .reason = HF_REASON_NOT_FOUND});
    expect(kit, "");
    shadow_delta(kit, 0, 0, "{\"name\":\"l\"}");
    expect(kit, "document 3 request=0 none version=0 full {\"name\":\"l\"}\n");
    shadow_delta(kit, 0, 4, "{\"name\":7}");
    expect(kit, "document 3 request=0 none version=4 full {\"name\":7}\n");
    assert_int_equal(hf_client_core_document_version(kit->core, HF_DOCUMENT_SHADOW), 8);
    delta(kit,
          (struct hf_frame_delta){.document = HF_DOCUMENT_CONTEXT, .version = 9, .json = HF_SLICE("{}")});
    shadow_delta(kit, 0, 9, "[");
    expect(kit, "document 1 request=0 none version=9 full {}\n");
}

static hf_err ask(struct kit *kit, uint32_t request)
{
    const struct hf_client_patch change = {
        .request = request, .document = HF_DOCUMENT_CERTIFICATE, .json = HF_SLICE("{\"csr\":\"\"}")};

    return hf_client_core_patch(kit->core, &kit->now, &change);
}

static void a_certificate_has_no_version(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(ask(kit, 1), HF_ERR_UNSUPPORTED); /* by this connection */
    hf_client_core_free(kit->core);
    kit->config.certificates = true;
    kit->welcome.capabilities = HF_CAP_CERTIFICATES;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    forget(kit);
    for (unsigned i = 0; i < 2; i++) { /* each offer is told */
        delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CERTIFICATE, .json = HF_SLICE("{}")});
        expect(kit, "document 4 request=0 none version=0 full {}\n");
    }
    assert_int_equal(ask(kit, 1), HF_OK);
    expect(kit, "> PATCH 1 document=4 kind=0 base=0 {\"csr\":\"\"}\n");
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CERTIFICATE,
                                       .request = 1,
                                       .reason = HF_REASON_TRY_LATER,
                                       .json = HF_SLICE("{}")});
    expect(kit, "document 4 request=1 try_later version=0 full {}\n");
    delta(kit, (struct hf_frame_delta){.document = HF_DOCUMENT_CERTIFICATE, .request = 1}); /* once more */
    expect(kit, "");
    assert_int_equal(ask(kit, 2), HF_OK);
    forget(kit);
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "close\ndocument 4 request=2 connection_gone version=0\nclosed 1006 none LOST\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(a_patch_is_answered),
        T(what_does_not_apply_is_kept_from_the_application),
        T(hello_says_what_the_application_has),
        T(a_connection_that_ends_answers_what_is_open),
        T(patches_are_bounded),
        T(without_the_capability_there_are_none),
        T(a_delta_of_the_shadow_is_told_and_said_to_have_come),
        T(a_certificate_has_no_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
