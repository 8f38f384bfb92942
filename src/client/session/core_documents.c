/* client/session/core_documents.c - documents (doc/protocol.md section 9): the application keeps them, the core knows their versions. It says them in HELLO, keeps from the application what cannot
 * be applied to what it has, and asks when something was lost on the way. */
#include "client/session/core_internal.h"

#include "codec/json/scan.h"

enum {
    ASK = 1u << 31,    /* requests of our own: above the application's, one for each document */
    NAMED = ASK | 256, /* and one for named shadows */
    NAMED_JSON_BYTES = 64 + HF_CLIENT_SHADOW_NAME_BYTES_MAX
};

static bool is_known(unsigned document)
{
    return document >= HF_DOCUMENT_CONTEXT && document <= HF_DOCUMENT_SHADOW;
}

static uint32_t capability_of(unsigned document)
{
    return document == HF_DOCUMENT_SHADOW        ? HF_CAP_SHADOW
           : document == HF_DOCUMENT_CERTIFICATE ? HF_CAP_CERTIFICATES
                                                 : HF_CAP_DOCUMENTS;
}

static bool takes_part(const struct hf_client_core *core, unsigned document)
{
    if (document == HF_DOCUMENT_CERTIFICATE)
        return core->certificates;
    return is_known(document) && (document == HF_DOCUMENT_SHADOW ? core->shadow : core->documents);
}

void hf_core_documents_hello(const struct hf_client_core *core, struct hf_frame_hello *hello)
{
    if (core->certificates)
        hello->capabilities |= HF_CAP_CERTIFICATES;
    for (unsigned document = HF_DOCUMENT_CONTEXT; document <= HF_DOCUMENT_SHADOW; document++) {
        if (!takes_part(core, document))
            continue;
        hello->capabilities |= capability_of(document);
        if (core->document_versions[document] != 0) {
            hello->documents[hello->document_count].document = (uint8_t)document;
            hello->documents[hello->document_count++].version = core->document_versions[document];
        }
    }
}

/* ---- out ---- */

static bool emit(struct hf_client_core *core, const struct hf_client_patch *patch)
{
    struct hf_client_link *link = &core->link;
    const struct hf_frame frame = {.type = HF_FRAME_PATCH,
                                   .as.patch = {.request = patch->request,
                                                .document = patch->document,
                                                .kind = patch->kind,
                                                .merge = patch->merge,
                                                .ttl_ms = patch->ttl_ms,
                                                .base_version = patch->base_version,
                                                .json = patch->json}};

    if (link->patch_count == HF_CLIENT_PATCHES_MAX || !hf_core_emit(core, &frame, false))
        return false;
    link->patches[link->patch_count].request = patch->request;
    link->patches[link->patch_count++].document = patch->document;
    return true;
}

hf_err hf_client_core_patch(struct hf_client_core *core, const struct hf_client_time *now,
                            const struct hf_client_patch *patch)
{
    hf_err err = HF_OK;

    if (patch->request == 0 || (patch->request & ASK) ||
        (!is_known(patch->document) && patch->document != HF_DOCUMENT_CERTIFICATE) ||
        patch->kind > HF_PATCH_JSON || patch->merge >= HF_MERGES || patch->json.bytes == 0)
        return HF_ERR_INVALID;
    if (patch->json.bytes > HF_CLIENT_CHANGE_BYTES_MAX)
        return HF_ERR_LIMIT;
    hf_core_enter(core, now);
    if (core->phase != HF_PHASE_OPEN)
        err = HF_ERR_CLOSED;
    else if (!(core->link.capabilities & capability_of(patch->document)))
        err = HF_ERR_UNSUPPORTED;
    else if (!emit(core, patch))
        err = HF_ERR_AGAIN;
    hf_core_leave(core);
    return err;
}

/* A question that says which version has come: {"name":"led","version":7} */
static bool emit_named(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;
    struct hf_slice name = {link->named[0].name, link->named[0].bytes};
    char storage[NAMED_JSON_BYTES];
    struct hf_sb json;

    hf_sb_init(&json, storage, sizeof(storage));
    hf_sb_text(&json, "{\"name\":\"");
    hf_sb_slice(&json, name);
    hf_sb_text(&json, "\",\"version\":");
    hf_sb_u64(&json, link->named[0].version);
    hf_sb_char(&json, '}');
    HF_ASSERT(!json.overflow);
    if (!emit(core, &(struct hf_client_patch){.request = NAMED,
                                              .document = HF_DOCUMENT_SHADOW,
                                              .kind = HF_PATCH_MERGE,
                                              .json = hf_sb_done(&json)}))
        return false;
    link->named_count--;
    memmove(&link->named[0], &link->named[1], link->named_count * sizeof(link->named[0]));
    return true;
}

void hf_core_documents_owed(struct hf_client_core *core)
{
    while (core->link.named_count > 0 && emit_named(core))
        continue;

    for (unsigned document = HF_DOCUMENT_CONTEXT; document <= HF_DOCUMENT_SHADOW; document++) {
        const struct hf_client_patch ask = {.request = ASK | document,
                                            .document = (uint8_t)document,
                                            .kind = HF_PATCH_MERGE,
                                            .base_version = core->document_versions[document]};

        if ((core->link.owed.asks & 1u << document) != 0 && emit(core, &ask))
            core->link.owed.asks &= (uint8_t) ~(1u << document);
    }
}

/* ---- in ---- */

static bool is_open(const struct hf_client_core *core, uint32_t request)
{
    for (unsigned i = 0; i < core->link.patch_count; i++)
        if (core->link.patches[i].request == request)
            return true;
    return false;
}

static bool answered(struct hf_client_core *core, uint32_t request)
{
    struct hf_client_link *link = &core->link;

    for (unsigned i = 0; i < link->patch_count; i++)
        if (link->patches[i].request == request) {
            link->patch_count--;
            memmove(&link->patches[i], &link->patches[i + 1],
                    (link->patch_count - i) * sizeof(link->patches[0]));
            return true;
        }
    return false;
}

/* Is what it brings for the version that the application has? What is older it has already; what begins behind it shows that something was lost. */
static bool applies(struct hf_client_core *core, const struct hf_frame_delta *delta)
{
    uint64_t own = core->document_versions[delta->document];
    bool full = delta->kind == HF_PATCH_FULL;

    if (delta->json.bytes == 0)
        return false;
    if (full && delta->base_version == 0)
        return true;
    if (delta->version <= own)
        return false;
    if (full || delta->base_version <= own)
        return true;
    if (!is_open(core, ASK | delta->document))
        core->link.owed.asks |= (uint8_t)(1u << delta->document);
    return false;
}

/* Of a named shadow the application itself knows the version. */
static bool is_named(const struct hf_frame_delta *delta, struct hf_json_field *ret_name)
{
    *ret_name = (struct hf_json_field)HF_JSON_FIELD("name");
    return delta->document == HF_DOCUMENT_SHADOW && delta->json.bytes > 0 &&
           hf_json_scan(delta->json.at, delta->json.bytes, ret_name, 1, 0) == HF_OK && ret_name->found;
}

/* The newest counts. A name of another form is none of the gateway's. */
static void owe_named(struct hf_client_core *core, const struct hf_json_field *name, uint64_t version)
{
    struct hf_client_link *link = &core->link;
    struct hf_slice text = {name->raw.at + 1, name->raw.bytes - 2};
    unsigned at = 0;

    if (version == 0 || name->type != HF_JSON_STRING || name->escaped || text.bytes == 0 ||
        text.bytes > HF_CLIENT_SHADOW_NAME_BYTES_MAX)
        return;
    while (at < link->named_count &&
           !hf_slice_eq(text, (struct hf_slice){link->named[at].name, link->named[at].bytes}))
        at++;
    if (at == HF_CLIENT_NAMED_OWED_MAX)
        return;
    link->named[at].bytes = (uint8_t)text.bytes;
    memcpy(link->named[at].name, text.at, text.bytes);
    link->named[at].version = version;
    link->named_count = HF_MAX(link->named_count, at + 1);
}

static void tell_named(struct hf_client_core *core, const struct hf_frame_delta *delta,
                       struct hf_client_document *told)
{
    told->json = delta->json;
    told->version = delta->version;
    core->ops->document(core->user, told);
}

void hf_core_delta(struct hf_client_core *core, const struct hf_frame_delta *delta)
{
    struct hf_client_document told = {.document = delta->document,
                                      .request = delta->request & ASK ? 0 : delta->request,
                                      .reason = (enum hf_reason)delta->reason,
                                      .full = delta->kind == HF_PATCH_FULL};
    struct hf_json_field name;

    if (!takes_part(core, delta->document) ||
        (delta->kind != HF_PATCH_FULL && delta->kind != HF_PATCH_JSON) ||
        (delta->request != 0 && !answered(core, delta->request))) {
        core->counts.unknown_frames++;
        return;
    }
    memcpy(told.snapshot_id, delta->snapshot_id, sizeof(told.snapshot_id));
    if (delta->document == HF_DOCUMENT_CERTIFICATE) { /* no document, and without versions */
        told.json = delta->json;
        core->ops->document(core->user, &told);
        return;
    }
    if (is_named(delta, &name)) {
        if (told.request == 0) /* says that it has come */
            owe_named(core, &name, delta->version);
        tell_named(core, delta, &told);
        return;
    }
    if (delta->request == NAMED)
        return; /* it was the newest */
    bool gone = told.request == 0 && delta->reason == HF_REASON_NOT_FOUND && delta->version == 0;
    if (applies(core, delta)) {
        told.json = delta->json;
        core->document_versions[delta->document] = delta->version;
        if (delta->document == HF_DOCUMENT_SHADOW && delta->request == 0) /* says that it has come */
            core->link.owed.asks |= 1U << HF_DOCUMENT_SHADOW;
    } else if (gone) {
        core->document_versions[delta->document] = 0;
    } else if (told.request == 0) {
        return; /* nothing that it has to know */
    }
    told.version = core->document_versions[delta->document];
    core->ops->document(core->user, &told);
}

uint64_t hf_client_core_document_version(const struct hf_client_core *core, unsigned document)
{
    return is_known(document) ? core->document_versions[document] : 0;
}

void hf_core_documents_close(struct hf_client_core *core)
{
    while (core->link.patch_count > 0) {
        struct hf_client_document told = {
            .document = core->link.patches[0].document,
            .request = core->link.patches[0].request,
            .reason = HF_REASON_CONNECTION_GONE,
            .version = hf_client_core_document_version(core, core->link.patches[0].document)};

        (void)answered(core, told.request);
        if (!(told.request & ASK))
            core->ops->document(core->user, &told);
    }
}
