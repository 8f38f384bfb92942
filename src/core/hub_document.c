/* core/hub_document.c - documents of devices and groups at their home worker (RC-12). One change at a time: it is applied to a copy, recorded, and only when that is durable
 * the copy takes its place, the maker is answered and the others are told; calls that come meanwhile wait in line. A document in memory is a cache: its record is
 * the truth, and one that the tables have caught up with may go. */
#include <stdlib.h>

#include "core/document/document.h"
#include "core/hub_parts.h"
#include "core/kvkey.h"

struct waiting_call {
    struct hf_list_node node;
    struct hf_call *call;
};

struct kept_document {
    struct hf_map_node node;  /* hub->documents */
    struct hf_list_node used; /* hub->documents_used */
    struct hf_list_node line; /* struct waiting_call */
    struct hf_waiter waiter;
    struct hf_hub *hub;
    struct hf_tenant *tenant;
    struct hf_document now, next; /* next: on its way into the log while `call` is set */
    struct hf_call *call;
    uint64_t last_offset;
    size_t bytes; /* of the last stored form */
    uint32_t waiting;
    uint8_t name_bytes;
    char name[];
};

struct document_key {
    struct hf_slice tenant, name;
};

static struct hf_slice name_of(const struct kept_document *kept)
{
    return (struct hf_slice){kept->name, kept->name_bytes};
}

static bool document_eq(const struct hf_map_node *node, const void *key)
{
    const struct kept_document *kept = HF_CONTAINER_OF(node, struct kept_document, node);
    const struct document_key *wanted = key;

    return hf_slice_eq(name_of(kept), wanted->name) && hf_slice_eq(kept->tenant->name, wanted->tenant);
}

static uint64_t key_hash(const struct hf_hub *hub, struct hf_slice tenant, struct hf_slice name)
{
    return hf_hash(hub->options.hash_key, name.at, name.bytes) ^
           hf_hash_mix(hf_hash(hub->options.hash_key, tenant.at, tenant.bytes));
}

void hf_documents_init(struct hf_hub *hub)
{
    hf_map_init(&hub->documents, document_eq);
    hf_list_init(&hub->documents_used);
}

/* ---- the cache ---- */

static void forget(struct kept_document *kept)
{
    struct hf_hub *hub = kept->hub;

    hf_map_remove(&hub->documents, &kept->node);
    hf_list_remove(&kept->used);
    hf_document_deinit(&kept->now);
    hf_document_deinit(&kept->next);
    hub->document_bytes -= kept->bytes;
    hub->stats.documents--;
    free(kept);
}

static void trim(struct hf_hub *hub)
{
    struct hf_list_node *next;
    uint64_t applied = hf_kv_applied_offset(hub->options.kv);

    for (struct hf_list_node *at = hub->documents_used.next;
         at != &hub->documents_used &&
         (hub->stats.documents > HF_HUB_DOCUMENTS_MAX || hub->document_bytes > HF_HUB_DOCUMENT_BYTES_MAX);
         at = next) {
        struct kept_document *kept = HF_CONTAINER_OF(at, struct kept_document, used);

        next = at->next;
        if (kept->call == NULL && kept->waiting == 0 && kept->last_offset <= applied)
            forget(kept);
    }
}

/* HF_OK also when there is none yet: version 0. */
static hf_err read_row(struct kept_document *kept)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_slice value;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, kept->tenant->name, name_of(kept));
    if (err == HF_OK)
        err = hf_kv_read(kept->hub->options.kv, &txn);
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_SHADOWS, hf_kvkey_slice(&key), &value);
    if (err == HF_OK) {
        kept->bytes = value.bytes;
        err = hf_document_decode(value, &kept->now);
    }
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err == HF_ERR_LIMIT ? HF_ERR_BUSY : err;
}

static hf_err load(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice name,
                   struct kept_document **ret_kept)
{
    struct document_key key = {tenant->name, name};
    uint64_t hash = key_hash(hub, tenant->name, name);
    struct hf_map_node *node = hf_map_find(&hub->documents, hash, &key);

    if (node != NULL) {
        *ret_kept = HF_CONTAINER_OF(node, struct kept_document, node);
        return HF_OK;
    }
    if (name.bytes == 0 || name.bytes > HF_KVKEY_DEVICE_BYTES_MAX)
        return HF_ERR_INVALID;
    trim(hub);
    if (hub->stats.documents > HF_HUB_DOCUMENTS_MAX)
        return HF_ERR_LIMIT;
    struct kept_document *kept = calloc(1, sizeof(*kept) + name.bytes);
    if (kept == NULL)
        return HF_ERR_NOMEM;
    kept->hub = hub;
    kept->tenant = tenant;
    kept->name_bytes = (uint8_t)name.bytes;
    memcpy(kept->name, name.at, name.bytes);
    hf_list_init(&kept->used);
    hf_list_init(&kept->line);
    hf_err err = read_row(kept);
    if (err == HF_OK)
        err = hf_map_insert(&hub->documents, &kept->node, hash);
    if (err != HF_OK) {
        hf_document_deinit(&kept->now);
        free(kept);
        return err;
    }
    hub->stats.documents++;
    hub->document_bytes += kept->bytes;
    *ret_kept = kept;
    return HF_OK;
}

/* ---- answers ---- */

/* The document as `call` lacks it, in its result. */
static void answer(struct kept_document *kept, struct hf_call *call, enum hf_reason reason)
{
    struct hf_document *document = &kept->now;
    enum hf_patch_kind kind = HF_PATCH_FULL;
    char *json = NULL;

    if (reason == HF_REASON_NONE || reason == HF_REASON_VERSION_CONFLICT) {
        uint64_t base = reason == HF_REASON_NONE ? call->document.base_version : 0;
        hf_err err = hf_document_delta(document, base, &kind, &json);

        if (err == HF_ERR_NOMEM)
            reason = HF_REASON_MEMORY_LIMIT;
        else if (err == HF_ERR_NOT_FOUND && !call->document.change && reason == HF_REASON_NONE)
            reason = HF_REASON_NOT_FOUND;
    }
    call->result = json;
    call->result_bytes = json ? strlen(json) : 0;
    call->result_format = HF_FORMAT_JSON;
    call->document.kind = (uint8_t)kind;
    call->document.version = document->version;
    memcpy(call->document.snapshot_id, document->snapshot_id, 16);
    if (reason != HF_REASON_NONE && call->document.change)
        kept->hub->stats.documents_refused++;
    hf_call_answer(kept->hub, call, reason);
}

/* Whoever has the version before it is brought to the new one: the members of a group wherever they are, or the device itself when it was not the maker. */
static void tell(struct kept_document *kept, uint64_t from_version, struct hf_slice maker)
{
    struct hf_hub *hub = kept->hub;
    enum hf_patch_kind kind;
    char *json = NULL;

    if (hf_document_delta(&kept->now, from_version, &kind, &json) != HF_OK)
        return; /* no memory: they find out by the version at their next change or resume */
    struct hf_outgoing outgoing = {
        .kind = HF_OUT_DOCUMENT,
        .class = HF_CLASS_TELEMETRY,
        .format = (uint8_t)kind,
        .id = kept->now.snapshot_id,
        .topic = name_of(kept),
        .payload = {json, strlen(json)},
        .seq = kept->now.version,
        .from_version = from_version,
    };
    struct hf_device *device = hf_hub_find(hub, kept->tenant->name, name_of(kept));
    if (hf_slice_is((struct hf_slice){kept->name, HF_MIN((size_t)6, (size_t)kept->name_bytes)}, "group/"))
        hub->options.ops->publish(hub->options.context, kept->tenant, &outgoing);
    else if (device != NULL && device->devconn != NULL && device->devconn->session != NULL &&
             !hf_slice_eq(maker, name_of(kept)))
        (void)device->devconn->ops->write(device->devconn, &outgoing);
    if (device != NULL && device->devconn != NULL)
        hf_hub_touch(hub, device->devconn);
    free(json);
}

/* ---- one call at a time ---- */

static void proceed(struct kept_document *kept);

static void on_changed(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct kept_document *kept = HF_CONTAINER_OF(waiter, struct kept_document, waiter);
    struct hf_call *call = kept->call;
    uint64_t before = kept->now.version;
    char maker[HF_KEY_BYTES_MAX];

    (void)time_ms;
    if (call == NULL)
        return; /* the end of the process: its maker was answered already */
    struct hf_slice name = {maker, HF_MIN(call->key.bytes, sizeof(maker))};
    memcpy(maker, call->key.at ? call->key.at : "", name.bytes); /* the call goes with its answer */
    kept->call = NULL;
    kept->last_offset = offset;
    hf_document_deinit(&kept->now);
    kept->now = kept->next;
    kept->next = (struct hf_document){0};
    kept->hub->stats.documents_changed++;
    call->offset = offset;
    answer(kept, call, HF_REASON_NONE);
    tell(kept, before, name);
    proceed(kept);
}

/* No device of this name, or of this group, has been here for the document's time to live. */
static bool is_over(const struct kept_document *kept)
{
    const struct hf_hub *hub = kept->hub;
    const struct hf_device *device =
        hf_hub_find(kept->hub, kept->tenant->name, name_of(kept)); /* of a group there is none */
    uint64_t seen_ms = kept->now.updated_ms;

    if (kept->now.ttl_ms == 0 || (device != NULL && device->devconn != NULL))
        return false;
    if (device != NULL && device->session != NULL)
        seen_ms = HF_MAX(seen_ms, device->session->seen_ms);
    return hub->utc_ms > seen_ms && hub->utc_ms - seen_ms > kept->now.ttl_ms;
}

static hf_err record(struct kept_document *kept, const struct hf_call *call)
{
    bool group =
        hf_slice_is((struct hf_slice){kept->name, HF_MIN((size_t)6, (size_t)kept->name_bytes)}, "group/");
    size_t bytes = 0;
    char *stored = hf_document_encode(&kept->next, &bytes);
    struct hf_event event = {
        .type = HF_EVENT_DOCUMENT,
        .format = HF_FORMAT_JSON,
        .flags = HF_EVENT_FLAG_TEXT,
        .seq = kept->next.version,
        .tenant = kept->tenant->name,
        .key = call->key,
        .payload = {stored, bytes},
    };

    if (stored == NULL)
        return HF_ERR_NOMEM;
    if (group)
        event.topic = name_of(kept);
    else
        event.device = name_of(kept);
    memcpy(event.id, kept->next.snapshot_id, 16);
    kept->waiter.on_durable = on_changed;
    hf_err err = hf_journal_append(kept->hub->options.journal, &event, &kept->waiter);
    free(stored);
    if (err != HF_OK)
        return err;
    kept->hub->document_bytes += bytes - kept->bytes;
    kept->bytes = bytes;
    return HF_OK;
}

/* Answers, or sets kept->call: then the rest waits for the log. */
static void take(struct kept_document *kept, struct hf_call *call)
{
    struct hf_document_change change = {
        .kind = call->document.kind,
        .merge = call->document.merge,
        .base_version = call->document.base_version,
        .ttl_ms = call->document.ttl_ms,
        .json = call->payload,
        .writer = call->key,
    };
    static const struct hf_document none;

    if (is_over(kept))
        hf_document_deinit(&kept->now);
    if (!call->document.change) {
        answer(kept, call, HF_REASON_NONE);
        return;
    }
    if (hf_document_copy(kept->now.version ? &kept->now : &none, &kept->next) != HF_OK) {
        answer(kept, call, HF_REASON_MEMORY_LIMIT);
        return;
    }
    enum hf_reason reason = hf_document_change(&kept->next, &change, call->id, kept->hub->utc_ms);
    if (reason == HF_REASON_NONE && kept->next.version != kept->now.version) {
        hf_err err = record(kept, call);

        if (err == HF_OK) {
            kept->call = call;
            return;
        }
        reason = err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT : HF_REASON_STORAGE_FULL;
    }
    hf_document_deinit(&kept->next);
    answer(kept, call, reason);
}

static void proceed(struct kept_document *kept)
{
    while (kept->call == NULL && !hf_list_empty(&kept->line)) {
        struct waiting_call *first =
            HF_CONTAINER_OF(hf_list_pop_front(&kept->line), struct waiting_call, node);
        struct hf_call *call = first->call;

        kept->waiting--;
        free(first);
        take(kept, call);
    }
}

void hf_hub_document(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct kept_document *kept = NULL;
    hf_err err = load(hub, tenant, call->device, &kept);

    if (err != HF_OK) {
        hf_call_answer(hub, call, hf_load_reason(err));
        return;
    }
    hf_list_remove(&kept->used);
    hf_list_push_back(&hub->documents_used, &kept->used);
    if (kept->call == NULL) {
        take(kept, call);
        return;
    }
    struct waiting_call *last = kept->waiting < HF_HUB_DOCUMENT_CALLS_MAX ? malloc(sizeof(*last)) : NULL;
    if (last == NULL) {
        hf_call_answer(hub, call, HF_REASON_BUSY);
        return;
    }
    last->call = call;
    hf_list_init(&last->node);
    hf_list_push_back(&kept->line, &last->node);
    kept->waiting++;
}

/* ---- at shutdown ---- */

static bool answer_one(struct hf_map_node *node, void *context)
{
    struct kept_document *kept = HF_CONTAINER_OF(node, struct kept_document, node);
    struct hf_hub *hub = context;
    struct hf_list_node *line;

    while ((line = hf_list_pop_front(&kept->line)) != NULL) {
        struct waiting_call *waiting = HF_CONTAINER_OF(line, struct waiting_call, node);

        hf_call_answer(hub, waiting->call, HF_REASON_DRAIN);
        free(waiting);
    }
    kept->waiting = 0;
    if (kept->call != NULL) {
        struct hf_call *call = kept->call;

        kept->call = NULL;
        hf_call_answer(hub, call, HF_REASON_DRAIN);
    }
    return true;
}

void hf_documents_answer(struct hf_hub *hub)
{
    hf_map_each(&hub->documents, answer_one, hub);
}

static bool discard_one(struct hf_map_node *node, void *context)
{
    struct kept_document *kept = HF_CONTAINER_OF(node, struct kept_document, node);
    struct hf_list_node *line;

    (void)context;
    while ((line = hf_list_pop_front(&kept->line)) != NULL) {
        struct waiting_call *waiting = HF_CONTAINER_OF(line, struct waiting_call, node);

        hf_call_free(waiting->call);
        free(waiting);
    }
    hf_call_free(kept->call);
    forget(kept);
    return true;
}

void hf_documents_discard(struct hf_hub *hub)
{
    hf_map_each(&hub->documents, discard_one, hub);
    hf_map_deinit(&hub->documents);
}
