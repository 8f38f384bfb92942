/* adapter/api/shadows.c - shadows of devices (TWIN-1 to TWIN-5): read, changed by a patch, waited for. The version is the ETag. What was is in shadows_history.c. */
#include "adapter/api/shadows.h"

#include <stdio.h>

#include "adapter/api/patch.h"
#include "codec/json/array.h"
#include "core/document/json_tree.h"

enum { WAIT_MS = 10000 }; /* when no timeout is named */

static const char reserved[] = "versions"; /* /shadow/versions is the history of the unnamed one */

bool hf_api_shadow_take(struct hf_api_request *request, struct hf_call *wish)
{
    struct hf_slice name = hf_api_argument(request, 1);

    wish->document.shadow = true;
    if (!hf_api_device_argument(request, &wish->device))
        return false;
    if (request->segment_count < 2)
        return true;
    wish->topic = name;
    return (hf_id_valid(name, HF_SHADOW_NAME_BYTES_MAX) && !hf_slice_is(name, reserved)) ||
           hf_api_bad(request, "name", "a shadow's name is 1 to %d of A-Z a-z 0-9 . _ : @ -, but not %s",
                      HF_SHADOW_NAME_BYTES_MAX, reserved);
}

/* ---- answers ---- */

struct answer {
    const struct hf_call *call; /* NULL: not from a change */
    struct hf_slice device, name;
    const struct hf_shadow *shadow;
    const char *delta;
    bool conflict;
};

static void write_labels(struct hf_json_out *out, const struct hf_call_document *document)
{
    bool missing = false;

    if (document->made == 0)
        return;
    hf_json_out_u64(out, "changed_version", document->made);
    hf_json_out_array(out, "labels");
    for (unsigned i = 0; i < HF_LABELS; i++)
        if (document->labels & 1 << i)
            hf_json_out_cstr(out, NULL, hf_shadow_label_name(i));
    hf_json_out_end(out);
    for (unsigned i = 0; i <= document->label; i++) {
        if (document->labels & 1 << i)
            continue;
        if (!missing)
            hf_json_out_array(out, "missing");
        missing = true;
        hf_json_out_cstr(out, NULL, hf_shadow_label_name(i));
    }
    if (missing)
        hf_json_out_end(out);
}

static void write_answer(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct answer *answer = context;

    (void)request;
    hf_json_out_object(out, NULL);
    if (answer->conflict) {
        char failed[64];

        (void)snprintf(failed, sizeof(failed), "operation %u: the test failed; `document` is what there is",
                       answer->call != NULL ? answer->call->document.operation - 1 : 0);
        hf_http1_problem_members(
            out,
            &(struct hf_http1_problem_doc){
                .reason = HF_REASON_VERSION_CONFLICT,
                .detail = answer->call != NULL && answer->call->document.operation > 0
                              ? hf_slice_of(failed)
                              : HF_SLICE("change `document` instead, and send If-Match with its version")});
        hf_json_out_u64(out, "version", answer->shadow->version);
        hf_json_out_object(out, "document");
    } else {
        hf_json_out_text(out, "device", answer->device);
        if (answer->name.bytes > 0)
            hf_json_out_text(out, "name", answer->name);
    }
    hf_shadow_out(out, answer->shadow, answer->delta);
    if (answer->conflict)
        hf_json_out_end(out);
    if (answer->call != NULL && answer->call->document.refused != NULL)
        hf_json_out_raw(out, "refused", hf_slice_of(answer->call->document.refused));
    if (!answer->conflict && answer->call != NULL)
        write_labels(out, &answer->call->document);
    hf_json_out_end(out);
}

static void send(struct hf_api_request *request, const struct answer *answer, unsigned status)
{
    struct hf_call version = {.document.version = answer->shadow->version};
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(&version, storage);
    const char *refused = answer->call != NULL ? answer->call->document.refused : NULL;
    size_t refused_bytes = refused != NULL ? strlen(refused) : 0;

    hf_api_reply_json(
        request,
        &(struct hf_api_reply){.status = status,
                               .headers = &etag,
                               .header_count = 1,
                               .bytes_hint = 1024 + hf_shadow_out_bytes(answer->shadow) + refused_bytes,
                               .content_type = answer->conflict ? "application/problem+json" : NULL},
        write_answer, (void *)answer);
}

/* stored: absent = nothing was written yet. */
static void reply(struct hf_api_request *request, const struct answer *known, struct hf_slice stored,
                  unsigned status)
{
    struct hf_shadow shadow = {0};
    struct answer answer = *known;
    char *delta = NULL;
    hf_err err = stored.bytes > 0 ? hf_shadow_decode(stored, &shadow) : HF_OK;

    if (err == HF_OK)
        err = hf_shadow_delta(&shadow, &delta);
    if (err == HF_OK) {
        answer.shadow = &shadow;
        answer.delta = delta;
        send(request, &answer, status);
    } else {
        hf_api_fail_err(request, err);
    }
    free(delta);
    hf_shadow_deinit(&shadow);
}

void hf_api_shadow_reply(struct hf_api_request *request, const struct hf_call *wish, struct hf_slice stored)
{
    reply(request, &(struct answer){.device = wish->device, .name = wish->topic}, stored, 200);
}

/* A whole section is what mostly is too much: that one is named. */
static void fail_too_big(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    const char *section = call->document.over_section < HF_SHADOW_SECTIONS
                              ? hf_shadow_section_name(call->document.over_section)
                              : "body";
    struct hf_api_trouble trouble = {
        .reason = HF_REASON_MESSAGE_TOO_BIG, .field = section, .has_limit = true, .limit = call->limit};

    switch (call->document.over) {
    case HF_SHADOW_OVER_BYTES:
        trouble.has_observed = true;
        trouble.observed = call->observed;
        hf_api_fail(request, &trouble, "%s would have more bytes than a section may (shadow.section_bytes)",
                    section);
        return;
    case HF_SHADOW_OVER_DEPTH:
        hf_api_fail(request, &trouble, "%s would be nested deeper than a section may (shadow.depth)",
                    section);
        return;
    default:
        hf_api_fail(
            request, &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG, .field = "body"},
            "the levels of the change (shadow.depth), the fields of all sections (%d), the members of one "
            "object (%d) or their names are above their limit",
            HF_SHADOW_FIELDS_MAX, HF_JSON_MEMBERS_MAX);
    }
}

static void fail(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;

    switch (call->reason) {
    case HF_REASON_MESSAGE_TOO_BIG: fail_too_big(request); return;
    case HF_REASON_BAD_REQUEST:
        if (call->document.operation > 0)
            (void)hf_api_bad(request, "path",
                             "operation %u: path, or from, is no JSON Pointer, or names what is not there",
                             call->document.operation - 1);
        else
            (void)hf_api_bad(request, "body",
                             "a text has a zero character, a number is too large, or something else would be "
                             "left than the objects desired and tags");
        return;
    case HF_REASON_FORBIDDEN:
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_FORBIDDEN, .field = "body"},
                    "reported is what the device says; change desired and tags");
        return;
    case HF_REASON_NOT_FOUND:
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    call->document.change || call->topic.bytes == 0 ? "this device was never connected"
                                                                    : "it has no shadow of this name");
        return;
    default: hf_api_fail_call(request, call);
    }
}

static struct hf_slice stored_of(const struct hf_call *call)
{
    return (struct hf_slice){call->result, call->result_bytes};
}

/* ---- GET ---- */

static void on_read(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(call, storage);
    uint64_t has;

    if (call->reason != HF_REASON_NONE)
        fail(request);
    else if (request->if_none_match.at != NULL && hf_api_etag_parse(request->if_none_match, &has) &&
             has == call->document.version)
        hf_http_answer(request->exchange,
                       &(struct hf_http_answer){.status = 304, .headers = &etag, .header_count = 1});
    else
        hf_api_shadow_reply(request, call, stored_of(call));
}

void hf_api_shadow_get(struct hf_api_request *request)
{
    struct hf_call wish = {0};
    bool past = false;

    if (!hf_api_shadow_take(request, &wish) || !hf_api_shadow_past(request, &past) || past)
        return;
    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DOCUMENT, &wish), on_read);
}

/* ---- PATCH ---- */

static void on_patched(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    struct answer answer = {.call = call, .device = call->device, .name = call->topic};
    bool reached = (call->document.labels & 1 << call->document.label) != 0;

    if (call->reason == HF_REASON_NONE) {
        reply(request, &answer, stored_of(call), reached ? 200 : 202);
    } else if (call->reason == HF_REASON_VERSION_CONFLICT) {
        answer.conflict = true;
        request->api->http->stats.refused_reason[HF_REASON_VERSION_CONFLICT]++;
        reply(request, &answer, stored_of(call), 409);
    } else {
        fail(request);
    }
}

static bool take_rule(struct hf_api_request *request, struct hf_call_document *document)
{
    static const struct {
        const char *name;
        enum hf_merge merge;
    } rules[] = {{"version", HF_MERGE_VERSION},
                 {"fields", HF_MERGE_CONFLICT_FREE},
                 {"conflict_free", HF_MERGE_CONFLICT_FREE},
                 {"lww", HF_MERGE_LWW},
                 {"oplog", HF_MERGE_OPLOG}};
    char storage[16];
    struct hf_slice text;

    if (!hf_api_param(request, "merge", storage, sizeof(storage), &text))
        return false;
    for (size_t i = 0; text.at != NULL && i < HF_COUNT_OF(rules); i++)
        if (hf_slice_is(text, rules[i].name))
            document->merge = (uint8_t)rules[i].merge;
    return text.at == NULL || document->merge != HF_MERGE_KEEP ||
           hf_api_bad(request, "merge", "merge must be version, conflict_free (or fields), lww or oplog");
}

static bool take_label(struct hf_api_request *request, struct hf_call *wish)
{
    uint64_t wait_ms_max = request->api->limits.wait_ms_max;
    char storage[16];
    struct hf_slice text;

    wish->wait_ms = HF_MIN(WAIT_MS, wait_ms_max);
    if (!hf_api_param(request, "wait", storage, sizeof(storage), &text) ||
        !hf_api_param_u64(request, "timeout_ms", 0, wait_ms_max, &wish->wait_ms))
        return false;
    wish->document.label = (uint8_t)(text.at != NULL ? hf_shadow_label_by_name(text) : HF_LABEL_STORED);
    return wish->document.label < HF_LABELS ||
           hf_api_bad(request, "wait", "wait must be stored, delivered or applied");
}

static bool take_version(struct hf_api_request *request, const struct hf_json_field *member)
{
    uint64_t version = 0;

    return (hf_json_to_u64(member, &version) == HF_OK && version > 0) ||
           hf_api_bad(request, "version", "version must be a whole number, 1 or more");
}

static bool take_own_rule(struct hf_api_request *request, const struct hf_json_field *member)
{
    char storage[16];
    struct hf_slice text;

    return member->type == HF_JSON_NULL ||
           (hf_json_to_text(member, storage, sizeof(storage), &text) == HF_OK &&
            hf_merge_by_name(text) != HF_MERGES && hf_merge_by_name(text) != HF_MERGE_KEEP) ||
           hf_api_bad(request, "merge", "merge must be version, conflict_free, lww or oplog, or null");
}

static bool take_member(struct hf_api_request *request, const struct hf_json_field *member)
{
    char name[HF_JSON_NAME_BYTES_MAX + 1];

    if (hf_slice_is(member->name, "version"))
        return take_version(request, member);
    if (hf_slice_is(member->name, "merge"))
        return take_own_rule(request, member);
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        if (hf_slice_is(member->name, hf_shadow_section_name(i)))
            return member->type == HF_JSON_OBJECT || member->type == HF_JSON_NULL ||
                   hf_api_bad(request, hf_shadow_section_name(i),
                              "%s must be an object, or null, which empties it", hf_shadow_section_name(i));
    if (memchr(member->name.at, '\\', member->name.bytes) != NULL)
        return true; /* spelled with escapes: left to the home */
    (void)snprintf(name, sizeof(name), "%.*s", (int)member->name.bytes, member->name.at);
    return hf_api_bad(request, member->name.bytes < sizeof(name) ? name : "body",
                      "a shadow has no such member; change desired and tags");
}

/* Of a merge patch: what a shadow has not, or not so. The home refuses it as well, and cannot say what it was. */
static bool take_sections(struct hf_api_request *request, const struct hf_call_document *document)
{
    struct hf_slice rest = hf_slice_trim(request->body);
    struct hf_json_field member;

    if (document->kind != HF_PATCH_MERGE)
        return true;
    if (hf_json_type_of(rest) != HF_JSON_OBJECT)
        return hf_api_bad(request, "body",
                          "a change of a shadow is an object such as {\"desired\":{\"led\":\"on\"}}");
    while (hf_json_object_next(&rest, &member))
        if (!take_member(request, &member))
            return false;
    return true;
}

void hf_api_shadow_patch(struct hf_api_request *request)
{
    struct hf_call wish = {
        .payload = request->body,
        .document = {.change = true,
                     .sections = 1 << HF_SHADOW_DESIRED | 1 << HF_SHADOW_TAGS | HF_SHADOW_RULE},
    };
    char who[HF_API_WHO_BYTES_MAX];

    if (request->body.bytes > HF_SHADOW_CHANGE_BYTES_MAX) {
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG,
                                             .field = "body",
                                             .has_limit = true,
                                             .limit = HF_SHADOW_CHANGE_BYTES_MAX,
                                             .has_observed = true,
                                             .observed = request->body.bytes},
                    "a change of a shadow may have %d bytes", HF_SHADOW_CHANGE_BYTES_MAX);
        return;
    }
    if (!hf_api_shadow_take(request, &wish) || !hf_api_take_patch(request, &wish.document) ||
        !take_sections(request, &wish.document) || !hf_api_take_base(request, &wish.document) ||
        !take_rule(request, &wish.document) || !take_label(request, &wish) ||
        (request->if_match.at == NULL &&
         !hf_api_param_u64(request, "base_version", 1, UINT64_MAX, &wish.document.base_version)))
        return;
    wish.key = hf_api_who(request, who);
    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DOCUMENT, &wish), on_patched);
}

/* ---- DELETE ---- */

static void on_deleted(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    struct answer answer = {.conflict = true};

    if (call->reason == HF_REASON_NONE) {
        hf_http_answer(request->exchange, &(struct hf_http_answer){.status = 204});
    } else if (call->reason == HF_REASON_VERSION_CONFLICT) {
        request->api->http->stats.refused_reason[HF_REASON_VERSION_CONFLICT]++;
        reply(request, &answer, stored_of(call), 409);
    } else if (call->reason == HF_REASON_NOT_FOUND) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    "it has no shadow of this name");
    } else {
        fail(request);
    }
}

void hf_api_shadow_delete(struct hf_api_request *request)
{
    struct hf_call wish = {.document = {.change = true, .remove = true}};
    char who[HF_API_WHO_BYTES_MAX];

    if (!hf_api_shadow_take(request, &wish) || !hf_api_take_base(request, &wish.document))
        return;
    wish.key = hf_api_who(request, who);
    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DOCUMENT, &wish), on_deleted);
}
