/* adapter/gb28181/upstream_part.c - one message of an answer or of changes: as many items as the way takes well. */
#include "adapter/gb28181/upstream_sub.h"

#include "codec/json/array.h"

enum {
    ITEMS_A_PART = 32
}; /* at most; their structs fit HF_GB_MEMORY_BYTES mostly, otherwise fewer are taken */

static struct hf_slice about_of(const struct hf_gb_up_job *job)
{
    return (struct hf_slice){job->about, job->about_bytes};
}

static const char *list_member(unsigned command)
{
    switch (command) {
    case HF_CDP_CMD_CATALOG: return "devices";
    case HF_CDP_CMD_RECORD_INFO: return "records";
    case HF_CDP_CMD_PRESET_QUERY: return "presets";
    case HF_CDP_CMD_CRUISE_TRACK_LIST: return "tracks";
    default: return NULL;
    }
}

/* Items from the job's place on, as many as there is room for, each followed by a comma. */
static unsigned nodes_out(struct hf_gb_up_job *job, unsigned max, struct hf_sb *sb)
{
    struct hf_gb_upstream *up = job->up;
    struct hf_kv_txn *txn = NULL;
    unsigned count = 0;

    if (hf_kv_read(up->options.kv, &txn) != HF_OK)
        return 0;
    for (uint32_t i = job->at; i < job->end && count < max; i++) {
        const struct hf_gb_up_node *node = &job->tree->nodes[i];

        if (node->hidden)
            continue;
        if (!hf_gb_up_tree_item(job->tree, node, txn, up->options.tenant, up->options.device_id,
                                &up->options.shown, up->item_scratch, HF_CDP_SCRATCH_BYTES, sb))
            break;
        hf_sb_char(sb, ',');
        count++;
    }
    hf_kv_end(txn);
    return count;
}

/* ON and its kin, and DEL, say no more than that; ADD and UPDATE are the whole item. */
static bool change_out(struct hf_gb_up_job *job, const struct hf_gb_up_change *change, struct hf_kv_txn *txn,
                       struct hf_sb *sb)
{
    static const char *const words[] = {
        [HF_CDP_EVENT_ON] = "ON",         [HF_CDP_EVENT_OFF] = "OFF", [HF_CDP_EVENT_VLOST] = "VLOST",
        [HF_CDP_EVENT_DEFECT] = "DEFECT", [HF_CDP_EVENT_ADD] = "ADD", [HF_CDP_EVENT_DEL] = "DEL",
        [HF_CDP_EVENT_UPDATE] = "UPDATE"};
    struct hf_gb_upstream *up = job->up;
    const struct hf_gb_up_tree *tree = change->gone ? job->before : job->tree;
    const struct hf_gb_up_node *node = &tree->nodes[change->node];
    size_t before = sb->bytes;
    struct hf_json_out out;

    if (change->event == HF_CDP_EVENT_ADD || change->event == HF_CDP_EVENT_UPDATE) {
        if (!hf_gb_up_tree_item(tree, node, txn, up->options.tenant, up->options.device_id,
                                &up->options.shown, up->item_scratch, HF_CDP_SCRATCH_BYTES, sb))
            return false;
        sb->bytes--; /* its brace is opened again */
        hf_sb_printf(sb, ",\"event\":\"%s\"}", words[change->event]);
    } else {
        hf_json_out_init(&out, sb);
        hf_json_out_object(&out, NULL);
        hf_json_out_text(&out, "device_id", hf_gb_up_node_shown(node));
        hf_json_out_cstr(&out, "event", words[change->event]);
        hf_json_out_end(&out);
    }
    if (!sb->overflow)
        return true;
    sb->bytes = before;
    sb->overflow = false;
    return false;
}

static unsigned changes_out(struct hf_gb_up_job *job, unsigned max, struct hf_sb *sb)
{
    struct hf_kv_txn *txn = NULL;
    unsigned count = 0;

    if (hf_kv_read(job->up->options.kv, &txn) != HF_OK)
        return 0;
    for (uint32_t i = job->at; i < job->end && count < max && change_out(job, &job->changes[i], txn, sb);
         i++) {
        hf_sb_char(sb, ',');
        count++;
    }
    hf_kv_end(txn);
    return count;
}

static unsigned items_out(const struct hf_gb_up_job *job, unsigned max, struct hf_sb *sb)
{
    static const char *const without[] = {"extra", "device_id", NULL};
    struct hf_slice rest = job->left;
    struct hf_json_field item, field = HF_JSON_FIELD("device_id");
    unsigned count = 0;

    while (count < max && hf_json_array_next(&rest, &item)) {
        struct hf_json_out out;
        size_t before = sb->bytes;

        hf_json_out_init(&out, sb);
        hf_json_out_object(&out, NULL);
        if (hf_json_scan(item.raw.at, item.raw.bytes, &field, 1, 0) == HF_OK && field.found)
            hf_json_out_text(&out, "device_id", about_of(job));
        (void)hf_gb_up_copy_members(&out, item.raw, without);
        hf_json_out_end(&out);
        if (sb->overflow) {
            sb->bytes = before;
            sb->overflow = false;
            break;
        }
        hf_sb_char(sb, ',');
        count++;
    }
    return count;
}

/* up->message with at most max items. */
static hf_err fill(struct hf_gb_up_job *job, unsigned max)
{
    struct hf_gb_upstream *up = job->up;
    const char *list = list_member(job->command);
    struct hf_slice json = job->json != NULL && job->kind == HF_GB_UP_JOB_ONE ? hf_slice_of(job->json)
                                                                              : HF_SLICE("{}"),
                    member;
    struct hf_sb sb;

    if (list != NULL) {
        hf_sb_init(&sb, up->json, HF_GB_UP_JSON_BYTES - 8);
        hf_sb_printf(&sb, "{\"sum_num\":%llu,\"%s\":[", (unsigned long long)job->sum, list);
        unsigned count = job->kind == HF_GB_UP_JOB_CATALOG   ? nodes_out(job, max, &sb)
                         : job->kind == HF_GB_UP_JOB_CHANGES ? changes_out(job, max, &sb)
                                                             : items_out(job, max, &sb);
        if (count > 0)
            sb.bytes--; /* the last comma */
        else if (max > 0 && job->sum > 0)
            return HF_ERR_LIMIT; /* not even one */
        sb.bytes_max += 8;
        hf_sb_text(&sb, "]}");
        json = hf_sb_done(&sb);
    }
    hf_err err = hf_cdp_from_json(job->sub != NULL ? HF_CDP_ROOT_NOTIFY : HF_CDP_ROOT_RESPONSE,
                                  (enum hf_cdp_command)job->command, json, up->memory, HF_GB_MEMORY_BYTES,
                                  &up->message, &member, NULL);
    up->message.sn = HF_CDP_INT(job->sn);
    up->message.device_id = about_of(job);
    up->message.result = job->result;
    return err;
}

/* Into up->body; job->count items are in it. */
hf_err hf_gb_up_job_build(struct hf_gb_up_job *job, struct hf_slice *ret_body)
{
    struct hf_gb_upstream *up = job->up;
    struct hf_cdp_writer writer = hf_gb_up_writer(up);
    unsigned max = hf_sip_flow_reliable(&up->flow) ? ITEMS_A_PART : ITEMS_A_PART / 4;
    size_t count = 0;
    struct hf_sb sb;
    hf_err err;

    while ((err = fill(job, max)) == HF_ERR_LIMIT && max > 1)
        max /= 2;
    if (err != HF_OK)
        return err;
    hf_sb_init(&sb, up->body, HF_GB_BODY_BYTES_MAX + 1);
    if (job->kind == HF_GB_UP_JOB_ONE || job->sum == 0) {
        err = hf_cdp_build(&writer, &up->message, &sb, NULL);
    } else {
        err = hf_cdp_build_part(&writer, &up->message, hf_gb_up_body_room(up), &sb, &count, NULL);
        if (err == HF_ERR_LIMIT &&
            (err = fill(job, 1)) == HF_OK) /* larger than what the way takes well: it goes alone */
            err = hf_cdp_build_part(&writer, &up->message, HF_GB_BODY_BYTES_MAX, &sb, &count, NULL);
    }
    job->count = (uint32_t)count;
    *ret_body = hf_sb_done(&sb);
    return err;
}
