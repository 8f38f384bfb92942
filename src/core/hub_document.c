/* core/hub_document.c - documents of devices and groups at their home worker (RC-12). One change at a time: it is applied to a copy, recorded, and only when that is durable
 * the copy takes its place, the maker is answered and the others are told; calls that come meanwhile wait in line. A document in memory is a cache: its record is
 * the truth, and one that the tables have caught up with may go.
 * A document with a time to live ends when nobody who shares it was connected for so long; that is looked at when it is asked for, and recorded as any change. For a
 * device its session says how long it was away. For a group nothing is written when its members come and go: while one is there the topic has a listener, and each
 * says so when it leaves. What is not known (after a restart, of a document that was forgotten) makes it live longer, never shorter. */
#include <stdlib.h>

#include "core/document_rows.h"
#include "core/hub_document.h"
#include "core/kvkey.h"
#include "core/topic.h"

struct waiting_call {
    struct hf_list_node node;
    struct hf_call *call;
};

struct document_key {
    struct hf_slice tenant, name;
    bool shadow;
    struct hf_slice shadow_name;
};

static bool document_eq(const struct hf_map_node *node, const void *key)
{
    const struct kept_document *kept = HF_CONTAINER_OF(node, struct kept_document, node);
    const struct document_key *wanted = key;

    return hf_slice_eq(hf_kept_name(kept), wanted->name) && hf_slice_eq(kept->tenant->name, wanted->tenant) &&
           (kept->shadow != NULL) == wanted->shadow &&
           (!wanted->shadow || hf_slice_eq(hf_kept_shadow_name(kept), wanted->shadow_name));
}

static bool of_group(const struct kept_document *kept)
{
    return hf_topic_is_group(hf_kept_name(kept), NULL);
}

static uint64_t key_hash(const struct hf_hub *hub, const struct document_key *key)
{
    uint64_t hash = hf_hash(hub->options.hash_key, key->name.at, key->name.bytes) ^
                    hf_hash_mix(hf_hash(hub->options.hash_key, key->tenant.at, key->tenant.bytes));

    return key->shadow ? hf_hash_mix(hash + hf_hash(hub->options.hash_key, key->shadow_name.at,
                                                    key->shadow_name.bytes))
                       : hash;
}

void hf_documents_init(struct hf_hub *hub)
{
    hf_map_init(&hub->documents, document_eq);
    hf_list_init(&hub->documents_used);
}

static bool is_idle(const struct kept_document *kept)
{
    return kept->call == NULL && !kept->ending && !kept->held;
}

/* ---- the cache ---- */

static void forget(struct kept_document *kept)
{
    struct hf_hub *hub = kept->hub;

    if (kept->now.ttl_ms != 0)
        hub->documents_seen_ms = HF_MAX(hub->documents_seen_ms, kept->seen_ms);
    hf_map_remove(&hub->documents, &kept->node);
    hf_list_remove(&kept->used);
    hf_document_deinit(&kept->now);
    hf_document_deinit(&kept->next);
    if (kept->shadow != NULL)
        hf_shadow_forget(kept);
    hub->stats.document_bytes -= kept->bytes;
    hub->stats.documents--;
    free(kept);
}

static void trim(struct hf_hub *hub)
{
    struct hf_list_node *next;
    uint64_t applied = hf_kv_applied_offset(hub->options.kv);

    for (struct hf_list_node *at = hub->documents_used.next;
         at != &hub->documents_used && (hub->stats.documents > HF_HUB_DOCUMENTS_MAX ||
                                        hub->stats.document_bytes > HF_HUB_DOCUMENT_BYTES_MAX);
         at = next) {
        struct kept_document *kept = HF_CONTAINER_OF(at, struct kept_document, used);

        next = at->next;
        if (is_idle(kept) && kept->waiting == 0 && kept->last_offset <= applied &&
            (kept->shadow == NULL || hf_shadow_is_idle(kept)))
            forget(kept);
    }
}

/* HF_OK also when there is none yet: version 0. */
static hf_err read_row(struct kept_document *kept)
{
    struct hf_kv_txn *txn = NULL;
    hf_err err = hf_kv_read(kept->hub->options.kv, &txn);

    if (err == HF_OK)
        err = hf_document_rows_read(txn, kept->tenant->name, hf_kept_name(kept), &kept->now, &kept->bytes);
    hf_kv_end(txn);
    return err == HF_ERR_LIMIT ? HF_ERR_BUSY : err;
}

static hf_err load(struct hf_hub *hub, struct hf_tenant *tenant, const struct hf_call *call,
                   struct kept_document **ret_kept)
{
    struct hf_slice name = call->device;
    struct document_key key = {tenant->name, name, call->document.shadow, call->topic};
    uint64_t hash = key_hash(hub, &key);
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
    hf_err err = key.shadow ? hf_shadow_load(kept, key.shadow_name) : read_row(kept);
    if (err == HF_OK)
        err = hf_map_insert(&hub->documents, &kept->node, hash);
    if (err != HF_OK) {
        hf_document_deinit(&kept->now);
        if (kept->shadow != NULL)
            hf_shadow_forget(kept);
        free(kept);
        return err;
    }
    kept->seen_ms = HF_MAX(hub->options.previous_end_ms, hub->documents_seen_ms);
    hub->stats.documents++;
    hub->stats.document_bytes += kept->bytes;
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
    call->document.merge = document->merge;
    call->document.ttl_ms = document->ttl_ms;
    call->document.updated_ms = document->updated_ms;
    memcpy(call->document.snapshot_id, document->snapshot_id, 16);
    if (reason != HF_REASON_NONE && call->document.change)
        kept->hub->stats.documents_refused[reason]++;
    hf_call_answer(kept->hub, call, reason);
}

/* The connection of the device whose document this is, if it speaks a protocol that knows documents. */
static struct hf_devconn *owner_of(const struct kept_document *kept)
{
    struct hf_device *device = hf_hub_find(kept->hub, kept->tenant->name, hf_kept_name(kept));
    struct hf_devconn *devconn = device != NULL ? device->devconn : NULL;

    return devconn != NULL && devconn->ops->takes_document != NULL &&
                   devconn->ops->takes_document(devconn, hf_kept_name(kept))
               ? devconn
               : NULL;
}

/* Whoever has the version before it is brought to the new one: the members of a group wherever they are, or the device itself; but not the connection that made
 * it, which has its answer. */
static void tell(struct kept_document *kept, uint64_t from_version, uint64_t maker)
{
    struct hf_hub *hub = kept->hub;
    struct hf_devconn *owner = of_group(kept) ? NULL : owner_of(kept);
    enum hf_patch_kind kind;
    char *json = NULL;

    if (of_group(kept) ? !hub->options.ops->listened(hub->options.context, kept->tenant, hf_kept_name(kept))
                       : owner == NULL || owner->conn_id == maker)
        return;
    if (hf_document_delta(&kept->now, from_version, &kind, &json) != HF_OK)
        return; /* no memory: they find out by the version at their next change or resume */
    struct hf_outgoing outgoing = {
        .kind = HF_OUT_DOCUMENT,
        .class = HF_CLASS_TELEMETRY,
        .format = (uint8_t)kind,
        .id = kept->now.snapshot_id,
        .topic = hf_kept_name(kept),
        .payload = {json, strlen(json)},
        .seq = kept->now.version,
        .from_version = from_version,
        .except = maker,
    };
    if (owner == NULL)
        hub->options.ops->publish(hub->options.context, kept->tenant, &outgoing);
    else
        (void)hf_hub_tell(hub, owner, &outgoing);
    free(json);
}

/* It was loaded for a look. */
static void leave_device(struct kept_document *kept, struct hf_device *device)
{
    if (device->devconn == NULL && device->outbox == NULL)
        hf_device_rest(kept->hub, device);
}

/* ---- one call at a time ---- */

static void proceed(struct kept_document *kept);

static void on_changed(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct kept_document *kept = HF_CONTAINER_OF(waiter, struct kept_document, waiter);
    struct hf_call *call = kept->call;
    uint64_t before = kept->now.version;

    (void)time_ms;
    if (call == NULL)
        return;                           /* the end of the process: its maker was answered already */
    uint64_t maker = call->document.conn; /* the call goes with its answer */
    kept->call = NULL;
    kept->last_offset = offset;
    call->offset = offset;
    kept->held = true;
    if (kept->shadow != NULL) {
        hf_shadow_changed(kept, call);
    } else {
        hf_document_deinit(&kept->now);
        kept->now = kept->next;
        kept->next = (struct hf_document){0};
        kept->hub->stats.documents_changed++;
        answer(kept, call, HF_REASON_NONE);
        tell(kept, before, maker);
    }
    kept->held = false;
    proceed(kept);
}

/* Until when somebody who shares it was connected, as far as can be known; now when somebody is. */
static uint64_t seen_ms(struct kept_document *kept, const struct hf_call *call)
{
    struct hf_hub *hub = kept->hub;
    struct hf_device *device = NULL;

    if (call->document.leave)
        return hub->utc_ms;
    if (of_group(kept))
        return !call->document.first &&
                       hub->options.ops->listened(hub->options.context, kept->tenant, hf_kept_name(kept))
                   ? hub->utc_ms
                   : 0;
    if (hf_hub_load(hub, kept->tenant, hf_kept_name(kept), &device) != HF_OK ||
        (device->devconn != NULL && !call->document.first))
        return hub->utc_ms;
    uint64_t seen_ms = device->session != NULL ? device->session->seen_ms : 0;
    if (device->devconn == NULL) /* perhaps it has spoken raw mode since */
        seen_ms = HF_MAX(seen_ms, device->since_ms);
    leave_device(kept, device);
    return seen_ms;
}

static bool is_over(struct kept_document *kept, const struct hf_call *call)
{
    const struct hf_hub *hub = kept->hub;

    if (kept->now.ttl_ms == 0)
        return false;
    kept->seen_ms = HF_MAX(HF_MAX(kept->seen_ms, kept->now.updated_ms), seen_ms(kept, call));
    bool over = hub->utc_ms > kept->seen_ms && hub->utc_ms - kept->seen_ms > kept->now.ttl_ms;
    if (call->document.conn != 0 && !over)
        kept->seen_ms = HF_MAX(kept->seen_ms, hub->utc_ms);
    return over;
}

hf_err hf_kept_append(struct kept_document *kept, const struct hf_event *event)
{
    if (kept->shadow != NULL)
        kept->waiter.on_durable = on_changed;
    hf_err err = hf_journal_append(kept->hub->options.journal, event, &kept->waiter);
    if (err != HF_OK)
        return err;
    kept->hub->stats.document_bytes += event->payload.bytes - kept->bytes;
    kept->bytes = event->payload.bytes;
    return HF_OK;
}

/* stored: as it is from now on; absent = it is over. call: whose change it is; NULL = time's. */
static hf_err append(struct kept_document *kept, struct hf_slice stored, uint64_t version,
                     const uint8_t snapshot_id[16], const struct hf_call *call,
                     void (*on_durable)(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms))
{
    struct hf_event event = {
        .type = HF_EVENT_DOCUMENT,
        .format = HF_FORMAT_JSON,
        .flags = (uint8_t)(HF_EVENT_FLAG_TEXT | (call != NULL ? hf_call_mark(call) : 0)),
        .reason = stored.bytes > 0 ? HF_REASON_NONE : HF_REASON_EXPIRED,
        .seq = version,
        .tenant = kept->tenant->name,
        .payload = stored,
    };

    if (call != NULL) {
        event.key = call->key;
        event.by = call->by;
    }
    if (of_group(kept))
        event.topic = hf_kept_name(kept);
    else
        event.device = hf_kept_name(kept);
    memcpy(event.id, snapshot_id, 16);
    kept->waiter.on_durable = on_durable;
    return hf_kept_append(kept, &event);
}

static hf_err record(struct kept_document *kept, const struct hf_call *call)
{
    size_t bytes = 0;
    char *stored = hf_document_encode(&kept->next, &bytes);

    if (stored == NULL)
        return HF_ERR_NOMEM;
    hf_err err = append(kept, (struct hf_slice){stored, bytes}, kept->next.version, kept->next.snapshot_id,
                        call, on_changed);
    free(stored);
    return err;
}

static void on_ended(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct kept_document *kept = HF_CONTAINER_OF(waiter, struct kept_document, waiter);

    (void)time_ms;
    kept->ending = false;
    kept->last_offset = offset;
    proceed(kept);
}

/* In line, as the last one or again as the first. */
static bool wait_in_line(struct kept_document *kept, struct hf_call *call, bool first)
{
    struct waiting_call *waiting = malloc(sizeof(*waiting));

    if (waiting == NULL)
        return false;
    waiting->call = call;
    hf_list_init(&waiting->node);
    if (first)
        hf_list_push_front(&kept->line, &waiting->node);
    else
        hf_list_push_back(&kept->line, &waiting->node);
    kept->waiting++;
    return true;
}

/* The call waits until the document's end is durable, or is answered. */
static void end_document(struct kept_document *kept, struct hf_call *call)
{
    struct hf_slice none = {NULL, 0};

    if (!wait_in_line(kept, call, true)) {
        answer(kept, call, HF_REASON_MEMORY_LIMIT);
        return;
    }
    if (append(kept, none, kept->now.version, kept->now.snapshot_id, NULL, on_ended) == HF_OK) {
        uint64_t ended = kept->now.version + 1; /* its end takes a version, too (core/document_rows.h) */

        kept->ending = true;
        hf_document_deinit(&kept->now);
        kept->now.forgotten = ended;
        kept->hub->stats.documents_expired++;
        return;
    }
    struct waiting_call *first = HF_CONTAINER_OF(hf_list_pop_front(&kept->line), struct waiting_call, node);
    kept->waiting--;
    free(first);
    answer(kept, call, HF_REASON_STORAGE_FULL);
}

enum hf_reason hf_kept_owner(struct kept_document *kept)
{
    struct hf_device *device = NULL;

    hf_err err = hf_hub_load(kept->hub, kept->tenant, hf_kept_name(kept), &device);
    if (err != HF_OK)
        return hf_load_reason(err);
    leave_device(kept, device);
    return device->epoch > 0 ? HF_REASON_NONE : HF_REASON_NOT_FOUND;
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

    if (kept->shadow != NULL) {
        hf_shadow_take(kept, call);
        return;
    }
    if (is_over(kept, call)) {
        end_document(kept, call);
        return;
    }
    if (call->document.leave) {
        hf_call_answer(kept->hub, call, HF_REASON_NONE);
        return;
    }
    if (!call->document.change) {
        answer(kept, call, HF_REASON_NONE);
        return;
    }
    enum hf_reason reason = kept->now.version > 0 || of_group(kept) ? HF_REASON_NONE : hf_kept_owner(kept);
    if (reason == HF_REASON_NONE && hf_document_copy(&kept->now, &kept->next) != HF_OK)
        reason = HF_REASON_MEMORY_LIMIT;
    if (reason != HF_REASON_NONE) {
        answer(kept, call, reason);
        return;
    }
    reason = hf_document_change(&kept->next, &change, call->id, kept->hub->utc_ms);
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
    while (is_idle(kept) && !hf_list_empty(&kept->line)) {
        struct waiting_call *first =
            HF_CONTAINER_OF(hf_list_pop_front(&kept->line), struct waiting_call, node);
        struct hf_call *call = first->call;

        kept->waiting--;
        free(first);
        kept->held = true;
        take(kept, call);
        kept->held = false;
    }
}

void hf_hub_document(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct kept_document *kept = NULL;
    hf_err err = load(hub, tenant, call, &kept);

    if (err != HF_OK) {
        hf_call_answer(hub, call, hf_load_reason(err));
        return;
    }
    hf_list_remove(&kept->used);
    hf_list_push_back(&hub->documents_used, &kept->used);
    if (is_idle(kept))
        take(kept, call);
    else if (kept->waiting >= HF_HUB_DOCUMENT_CALLS_MAX || !wait_in_line(kept, call, false))
        hf_call_answer(hub, call, HF_REASON_BUSY);
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
    if (kept->shadow != NULL)
        hf_shadow_answer_waits(kept);
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
    if (kept->shadow != NULL)
        hf_shadow_discard_waits(kept);
    forget(kept);
    return true;
}

void hf_documents_discard(struct hf_hub *hub)
{
    hf_map_each(&hub->documents, discard_one, hub);
    hf_map_deinit(&hub->documents);
}
