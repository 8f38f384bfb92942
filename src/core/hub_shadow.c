/* core/hub_shadow.c - shadows at the home worker of their device (TWIN-1 to TWIN-5). Loading, the line of calls and the record are those of all documents
 * (core/hub_document.c); here is what a change does and who is told, in core/hub_shadow_labels.c who waits for which label.
 * The device is told the whole delta, not what has changed of it: whoever missed one has it all with the next. */
#include <stdlib.h>

#include "core/fleet/push_rows.h"
#include "core/hub_document.h"
#include "core/shadow_rows.h"

/* ---- memory ---- */

hf_err hf_shadow_load(struct kept_document *kept, struct hf_slice name)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_event record;

    if (name.bytes > HF_SHADOW_NAME_BYTES_MAX)
        return HF_ERR_INVALID;
    kept->shadow = calloc(1, sizeof(*kept->shadow));
    if (kept->shadow == NULL)
        return HF_ERR_NOMEM;
    kept->hub->stats.shadows++;
    hf_list_init(&kept->shadow->waits);
    kept->shadow->name_bytes = (uint8_t)name.bytes;
    if (name.bytes > 0)
        memcpy(kept->shadow->name, name.at, name.bytes);
    hf_err err = hf_kv_read(kept->hub->options.kv, &txn);
    if (err == HF_OK)
        err = hf_shadow_rows_read(txn, kept->tenant->name, hf_kept_name(kept), name, 0, 0, &record);
    if (err == HF_OK) {
        kept->bytes = record.payload.bytes;
        err = hf_shadow_decode(record.payload, &kept->shadow->now);
    }
    if (err == HF_ERR_NOT_FOUND && name.bytes > 0)
        err = hf_shadow_rows_ended(txn, kept->tenant->name, hf_kept_name(kept), &kept->shadow->now.forgotten);
    if (err == HF_OK && name.bytes == 0)
        err = hf_push_rows_unseen(txn, kept->tenant->name, hf_kept_name(kept), &kept->shadow->pushed_first,
                                  &kept->shadow->pushed_last);
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err == HF_ERR_LIMIT ? HF_ERR_BUSY : err;
}

void hf_shadow_forget(struct kept_document *kept)
{
    hf_shadow_deinit(&kept->shadow->now);
    hf_shadow_deinit(&kept->shadow->next);
    free(kept->shadow);
    kept->shadow = NULL;
    kept->hub->stats.shadows--;
}

/* ---- answers ---- */

/* What a device is told: {"name":"led","version":7,"delta":{...}}, without a name of the unnamed one; and what of its change was refused alone. */
static hf_err device_text(const struct kept_document *kept, const char *refused, char **ret_json,
                          size_t *ret_bytes)
{
    struct hf_json_out out;
    struct hf_sb sb;
    char *delta = NULL;
    hf_err err = hf_shadow_delta(&kept->shadow->now, &delta);
    size_t room = 80 + HF_SHADOW_NAME_BYTES_MAX + (delta != NULL ? strlen(delta) : 0) +
                  (refused != NULL ? strlen(refused) : 0);

    if (err != HF_OK)
        return err;
    *ret_json = malloc(room);
    if (*ret_json != NULL) {
        hf_sb_init(&sb, *ret_json, room);
        hf_json_out_init(&out, &sb);
        hf_json_out_object(&out, NULL);
        if (kept->shadow->name_bytes > 0)
            hf_json_out_text(&out, "name", hf_kept_shadow_name(kept));
        hf_json_out_u64(&out, "version", kept->shadow->now.version);
        hf_json_out_raw(&out, "delta", hf_slice_of(delta));
        if (refused != NULL)
            hf_json_out_raw(&out, "refused", hf_slice_of(refused));
        hf_json_out_end(&out);
        HF_ASSERT(hf_json_out_complete(&out));
        *ret_bytes = sb.bytes;
    }
    free(delta);
    return *ret_json ? HF_OK : HF_ERR_NOMEM;
}

void hf_shadow_answer(struct kept_document *kept, struct hf_call *call, enum hf_reason reason)
{
    struct hf_shadow *now = &kept->shadow->now;
    bool shown = reason == HF_REASON_NONE || reason == HF_REASON_VERSION_CONFLICT;
    char *json = NULL;
    size_t bytes = 0;
    hf_err err = HF_OK;

    if (shown && call->document.conn == 0 && now->version > 0) {
        json = hf_shadow_encode(now, (struct hf_slice){NULL, 0}, &bytes);
        err = json ? HF_OK : HF_ERR_NOMEM;
    } else if (shown && call->document.conn != 0 && now->version > 0 &&
               (now->version != call->document.base_version || reason != HF_REASON_NONE)) {
        err = device_text(kept, call->document.refused, &json, &bytes);
    }
    if (err != HF_OK)
        reason = HF_REASON_MEMORY_LIMIT; /* a change was made all the same: reading tells */
    call->result = json;
    call->result_bytes = bytes;
    call->result_format = HF_FORMAT_JSON;
    call->document.kind = HF_PATCH_FULL;
    call->document.version = now->version;
    call->document.updated_ms = now->updated_ms;
    if (reason != HF_REASON_NONE && call->document.change)
        kept->hub->stats.shadows_refused[reason]++;
    hf_call_answer(kept->hub, call, reason);
}

/* ---- the device ---- */

static void tell(struct kept_document *kept, uint64_t maker)
{
    struct hf_device *device = hf_hub_find(kept->hub, kept->tenant->name, hf_kept_name(kept));
    struct hf_devconn *devconn = device != NULL ? device->devconn : NULL;
    struct hf_slice name = hf_kept_shadow_name(kept);
    char *json = NULL;
    size_t bytes = 0;

    if (devconn == NULL || devconn->conn_id == maker)
        return;
    if (devconn->ops->takes_shadow == NULL || !devconn->ops->takes_shadow(devconn, name)) {
        hf_hub_shadow_told(kept->hub, devconn, name); /* it wants it no more, or will ask itself */
        return;
    }
    bool told = device_text(kept, NULL, &json, &bytes) == HF_OK;
    if (told) {
        struct hf_outgoing outgoing = {
            .kind = HF_OUT_SHADOW,
            .class = HF_CLASS_MESSAGE,
            .format = HF_PATCH_FULL,
            .topic = name,
            .flags = HF_EVENT_FLAG_TEXT,
            .payload = {json, bytes},
            .seq = kept->shadow->now.version,
        };

        told = hf_hub_tell_now(kept->hub, devconn, &outgoing);
    }
    free(json);
    if (told)
        hf_hub_shadow_told(kept->hub, devconn, name);
    else
        hf_hub_shadow_untold(kept->hub, devconn, name);
}

/* Its end takes a version, too (core/shadow_rows.h). Whoever waits for a label has those that were reached, and no other will be. */
static void removed(struct kept_document *kept, struct hf_call *call)
{
    uint64_t maker = call->document.conn, ended = kept->shadow->now.version + 1;

    hf_shadow_answer_waits(kept);
    hf_shadow_deinit(&kept->shadow->now);
    kept->shadow->now.forgotten = ended;
    kept->shadow->seen_version = 0; /* it has not been told of the end */
    kept->hub->stats.shadows_removed++;
    hf_shadow_answer(kept, call, HF_REASON_NONE);
    tell(kept, maker);
}

void hf_shadow_changed(struct kept_document *kept, struct hf_call *call)
{
    struct kept_shadow *shadow = kept->shadow;
    uint64_t maker = call->document.conn, version = shadow->next.version;

    if (call->document.remove) {
        removed(kept, call);
        return;
    }
    hf_shadow_deinit(&shadow->now);
    shadow->now = shadow->next;
    shadow->next = (struct hf_shadow){0};
    kept->hub->stats.shadows_changed++;
    if (call->document.push && shadow->name_bytes == 0) {
        shadow->pushed_first = shadow->pushed_first == 0 ? version : shadow->pushed_first;
        shadow->pushed_last = version;
    }
    hf_shadow_answer_stored(kept, call, version);
    tell(kept, maker);
    hf_shadow_look_at_waits(kept);
}

/* ---- changes ---- */

/* A connection that a newer one has replaced does not speak for the device any more. */
static bool is_fenced(struct kept_document *kept, const struct hf_call *call)
{
    struct hf_device *device = hf_hub_find(kept->hub, kept->tenant->name, hf_kept_name(kept));

    return call->document.conn != 0 && device != NULL && call->document.epoch < device->epoch;
}

/* Names are counted as the tables know them: a burst may pass by as many as are on their way into the log. */
static enum hf_reason count_names(struct kept_document *kept, struct hf_call *call)
{
    uint32_t names = 0, names_max = hf_rules(kept->tenant)->shadow.names_max;
    struct hf_slice name = {NULL, 0};
    struct hf_kv_txn *txn = NULL;

    if (kept->shadow->name_bytes == 0)
        return HF_REASON_NONE;
    hf_err err = hf_kv_read(kept->hub->options.kv, &txn);
    while (err == HF_OK && names < names_max) {
        err = hf_shadow_rows_next_name(txn, kept->tenant->name, hf_kept_name(kept), name, &name);
        names += err == HF_OK && name.bytes > 0;
    }
    hf_kv_end(txn);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return hf_load_reason(err == HF_ERR_LIMIT ? HF_ERR_BUSY : err);
    if (names < names_max)
        return HF_REASON_NONE;
    call->limit = names_max;
    call->observed = names + 1;
    return HF_REASON_TENANT_LIMIT;
}

static enum hf_reason may_change(struct kept_document *kept, struct hf_call *call)
{
    const struct hf_shadow_rules *rules = &hf_rules(kept->tenant)->shadow;
    struct kept_shadow *shadow = kept->shadow;
    enum hf_reason reason = is_fenced(kept, call)      ? HF_REASON_REPLACED
                            : shadow->now.version == 0 ? hf_kept_owner(kept)
                                                       : HF_REASON_NONE;

    if (reason == HF_REASON_NONE && shadow->now.version == 0)
        reason = count_names(kept, call);
    if (reason == HF_REASON_NONE && !hf_rate_take(&shadow->rate, &rules->changes, 1, kept->hub->now_ms)) {
        call->limit = rules->changes.per_second;
        call->retry_ms = hf_rate_wait_ms(&shadow->rate, &rules->changes, 1, kept->hub->now_ms);
        reason = HF_REASON_RATE_LIMIT;
    }
    return reason;
}

/* The oldest version that is kept besides the next one, whose record has so many bytes. */
static uint64_t oldest_kept(const struct hf_shadow_rules *rules, uint64_t version, size_t bytes)
{
    uint64_t versions = HF_MAX(HF_MIN(rules->versions_max, rules->history_bytes / bytes), 1);

    return version > versions ? version - versions + 1 : 1;
}

static hf_err record(struct kept_document *kept, const struct hf_call *call, struct hf_slice taken)
{
    struct hf_shadow *next = &kept->shadow->next;
    size_t bytes = 0;
    char *stored = hf_shadow_encode(next, taken, &bytes);

    if (stored == NULL)
        return HF_ERR_NOMEM;
    struct hf_event event = {
        .type = HF_EVENT_SHADOW,
        .format = HF_FORMAT_JSON,
        .flags = HF_EVENT_FLAG_TEXT | hf_call_mark(call),
        .epoch = call->document.epoch,
        .conn = call->document.conn,
        .seq = next->version,
        .from = oldest_kept(&hf_rules(kept->tenant)->shadow, next->version, bytes),
        .to = next->updated_ms,
        .tenant = kept->tenant->name,
        .device = hf_kept_name(kept),
        .topic = kept->shadow->name_bytes > 0 ? hf_kept_shadow_name(kept) : (struct hf_slice){NULL, 0},
        .key = call->key,
        .payload = {stored, bytes},
        .by = call->by,
    };
    if (call->document.push)
        memcpy(event.id, call->id, sizeof(event.id));
    hf_err err = hf_kept_append(kept, &event);
    free(stored);
    return err;
}

/* The rule of a change: its own, else the shadow's, else the tenant's. */
static uint8_t rule_of(const struct kept_shadow *shadow, const struct hf_shadow_rules *rules,
                       const struct hf_call *call)
{
    return call->document.merge != HF_MERGE_KEEP ? call->document.merge
           : shadow->now.merge != HF_MERGE_KEEP  ? shadow->now.merge
                                                 : rules->merge;
}

static enum hf_reason reason_of_append(hf_err err)
{
    return err == HF_OK          ? HF_REASON_NONE
           : err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT
                                 : HF_REASON_STORAGE_FULL;
}

/* A record of no content, with the number of the last version. */
static enum hf_reason record_removal(struct kept_document *kept, struct hf_call *call)
{
    const struct hf_shadow *now = &kept->shadow->now;
    struct hf_event event = {
        .type = HF_EVENT_SHADOW,
        .flags = hf_call_mark(call),
        .seq = now->version,
        .to = kept->hub->utc_ms,
        .tenant = kept->tenant->name,
        .device = hf_kept_name(kept),
        .topic = hf_kept_shadow_name(kept),
        .key = call->key,
        .by = call->by,
    };

    if (call->document.base_version != 0 && call->document.base_version != now->version)
        return HF_REASON_VERSION_CONFLICT;
    hf_err err = hf_kept_append(kept, &event);
    if (err == HF_OK)
        kept->call = call;
    return reason_of_append(err);
}

/* A push counts members that want what they wanted already, too. The call is answered when that is durable: the end of the push, in the journal of another worker, must not come before. */
static enum hf_reason record_same(struct kept_document *kept, struct hf_call *call)
{
    struct hf_event event = {
        .type = HF_EVENT_PUSH_MEMBER, .tenant = kept->tenant->name, .device = hf_kept_name(kept)};

    memcpy(event.id, call->id, sizeof(event.id));
    return reason_of_append(hf_hub_record(kept->hub, &event, NULL, call));
}

static void say_over(struct hf_call *call, const struct hf_shadow_outcome *outcome,
                     const struct hf_shadow_rules *rules)
{
    call->document.over = outcome->over;
    call->document.over_section = outcome->over_section;
    call->observed = outcome->over_bytes;
    if (outcome->over != HF_SHADOW_OVER_OTHER)
        call->limit = outcome->over == HF_SHADOW_OVER_BYTES ? rules->section_bytes_max : rules->depth_max;
}

static enum hf_reason change(struct kept_document *kept, struct hf_call *call)
{
    const struct hf_shadow_rules *rules = &hf_rules(kept->tenant)->shadow;
    struct kept_shadow *shadow = kept->shadow;
    struct hf_shadow_outcome outcome;
    const struct hf_shadow_change wanted = {
        .kind = call->document.kind,
        .merge = rule_of(shadow, rules, call),
        .sections = call->document.sections,
        .base_version = call->document.base_version,
        .epoch = call->document.epoch,
        .named = call->document.conn != 0,
        .json = call->payload,
    };
    enum hf_reason reason =
        hf_shadow_change(&shadow->now, &wanted,
                         &(struct hf_shadow_limits){.section_bytes_max = rules->section_bytes_max,
                                                    .depth_max = rules->depth_max},
                         kept->hub->utc_ms, &outcome, &shadow->next);

    call->document.refused = outcome.refused;
    call->document.operation = outcome.operation;
    if (reason == HF_REASON_MESSAGE_TOO_BIG)
        say_over(call, &outcome, rules);
    kept->hub->stats.shadow_operations_refused += outcome.refused_count;
    if (reason != HF_REASON_NONE || shadow->next.version == shadow->now.version) {
        free(outcome.taken);
        return reason;
    }
    hf_err err = record(kept, call, outcome.taken != NULL ? hf_slice_of(outcome.taken) : call->payload);
    free(outcome.taken);
    if (err == HF_OK)
        kept->call = call;
    return reason_of_append(err);
}

void hf_shadow_take(struct kept_document *kept, struct hf_call *call)
{
    struct kept_shadow *shadow = kept->shadow;
    enum hf_reason reason = HF_REASON_NONE;

    if (call->document.tell) {
        tell(kept, 0);
        hf_call_answer(kept->hub, call, HF_REASON_NONE);
        return;
    }
    if (!call->document.change) {
        /* Each device that was here has the unnamed one, if only an empty one. */
        if (shadow->now.version == 0)
            reason = shadow->name_bytes > 0 || call->document.conn != 0 ? HF_REASON_NOT_FOUND
                                                                        : hf_kept_owner(kept);
        if (reason == HF_REASON_NONE && !is_fenced(kept, call))
            hf_shadow_seen(kept, call);
        hf_shadow_answer(kept, call, reason);
        return;
    }
    if (call->document.remove && shadow->now.version == 0)
        reason = HF_REASON_NOT_FOUND;
    else
        reason = may_change(kept, call);
    if (reason == HF_REASON_NONE) {
        hf_shadow_seen(kept, call);
        reason = call->document.remove ? record_removal(kept, call) : change(kept, call);
    }
    if (kept->call == call)
        return;
    hf_shadow_deinit(&shadow->next);
    if (reason == HF_REASON_NONE && call->document.push) {
        reason = record_same(kept, call);
        if (reason == HF_REASON_NONE)
            return;
    }
    if (reason == HF_REASON_NONE) /* it is so already */
        hf_shadow_answer_stored(kept, call, 0);
    else
        hf_shadow_answer(kept, call, reason);
}

void hf_hub_report(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice device, struct hf_slice json)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, device.bytes + json.bytes);
    char *at = call != NULL ? call->storage : NULL;

    if (call == NULL)
        return;
    call->own = true;
    call->tenant = tenant->name;
    call->device = (struct hf_slice){memcpy(at, device.at, device.bytes), device.bytes};
    call->payload = (struct hf_slice){memcpy(at + device.bytes, json.at, json.bytes), json.bytes};
    call->key = HF_SLICE("gateway");
    call->document = (struct hf_call_document){
        .shadow = true, .change = true, .kind = HF_PATCH_MERGE, .sections = 1 << HF_SHADOW_REPORTED};
    hf_hub_document(hub, tenant, call);
}
