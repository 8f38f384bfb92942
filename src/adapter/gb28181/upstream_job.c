/* adapter/gb28181/upstream_job.c - answers to a platform on their way, in parts that the way takes: the next goes when the one before was taken (a platform that gets
 * all at once loses some). A part that is not taken is sent again; then the answer is given up. */
#include "adapter/gb28181/upstream_parts.h"

#include <stdlib.h>

#include "codec/json/array.h"

enum {
    ITEMS_A_PART = 32
}; /* at most; their structs fit HF_GB_MEMORY_BYTES mostly, otherwise fewer are taken */

static struct hf_slice about_of(const struct hf_gb_up_job *job)
{
    return (struct hf_slice){job->about, job->about_bytes};
}

static void job_free(struct hf_gb_up_job *job)
{
    struct hf_gb_upstream *up = job->up;

    hf_gb_up_ask_drop(job->ask);
    hf_list_remove(&job->node);
    hf_gb_up_tree_drop(job->tree);
    up->job_count--;
    free(job->json);
    free(job);
}

struct hf_gb_up_job *hf_gb_up_job_new(struct hf_gb_upstream *up, unsigned kind, enum hf_cdp_command command,
                                      int64_t sn, struct hf_slice about)
{
    struct hf_gb_up_job *job = up->job_count < HF_GB_UP_JOBS_MAX && about.bytes < HF_GB_UP_TEXT_BYTES_MAX
                                   ? calloc(1, sizeof(*job))
                                   : NULL;

    if (job == NULL)
        return NULL;
    job->up = up;
    job->kind = (uint8_t)kind;
    job->command = (uint8_t)command;
    job->sn = sn;
    job->about_bytes = (uint8_t)about.bytes;
    if (about.bytes > 0)
        memcpy(job->about, about.at, about.bytes);
    hf_list_init(&job->node);
    hf_list_push_back(&up->jobs, &job->node);
    up->job_count++;
    return job;
}

bool hf_gb_up_busy(const struct hf_gb_upstream *up)
{
    struct hf_slab_stats forwards;

    hf_slab_stats(up->forward_slab, &forwards);
    return up->job_count >= HF_GB_UP_JOBS_MAX || forwards.used >= HF_GB_UP_FORWARDS_MAX;
}

void hf_gb_up_jobs_drop(struct hf_gb_upstream *up)
{
    while (!hf_list_empty(&up->jobs))
        job_free(HF_CONTAINER_OF(up->jobs.next, struct hf_gb_up_job, node));
}

/* ---- a part ---- */

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
        unsigned count =
            job->kind == HF_GB_UP_JOB_CATALOG ? nodes_out(job, max, &sb) : items_out(job, max, &sb);
        if (count > 0)
            sb.bytes--; /* the last comma */
        else if (max > 0 && job->sum > 0)
            return HF_ERR_LIMIT; /* not even one */
        sb.bytes_max += 8;
        hf_sb_text(&sb, "]}");
        json = hf_sb_done(&sb);
    }
    hf_err err = hf_cdp_from_json(HF_CDP_ROOT_RESPONSE, (enum hf_cdp_command)job->command, json, up->memory,
                                  HF_GB_MEMORY_BYTES, &up->message, &member);
    up->message.sn = HF_CDP_INT(job->sn);
    up->message.device_id = about_of(job);
    up->message.result = job->result;
    return err;
}

/* Into up->body; job->count items are in it. */
static hf_err build(struct hf_gb_up_job *job, struct hf_slice *ret_body)
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

/* ---- one after the other ---- */

static void next(struct hf_gb_upstream *up);

static void ended(struct hf_gb_up_job *job, bool whole)
{
    struct hf_gb_upstream *up = job->up;

    up->stats.answers += whole;
    up->stats.answers_failed += !whole;
    job_free(job);
    next(up);
}

/* The part was taken. False: it was the last. */
static bool advance(struct hf_gb_up_job *job)
{
    struct hf_json_field item;

    if (job->kind == HF_GB_UP_JOB_ONE || job->sum == 0)
        return false;
    if (job->kind == HF_GB_UP_JOB_LIST) {
        struct hf_slice rest;

        for (uint32_t i = 0; i < job->count; i++)
            (void)hf_json_array_next(&job->left, &item);
        rest = job->left;
        return hf_json_array_next(&rest, &item);
    }
    for (uint32_t i = 0; i < job->count; job->at++)
        i += !job->tree->nodes[job->at].hidden;
    while (job->at < job->end && job->tree->nodes[job->at].hidden)
        job->at++;
    return job->at < job->end;
}

static hf_gb_up_told_fn on_part;

static void send(struct hf_gb_up_job *job)
{
    struct hf_slice body;

    if (build(job, &body) != HF_OK || (job->kind != HF_GB_UP_JOB_ONE && job->sum > 0 && job->count == 0)) {
        ended(job, false);
        return;
    }
    job->ask = hf_gb_up_say_body(job->up, body, on_part, job);
    if (job->ask == NULL)
        ended(job, false);
}

static void on_part(struct hf_gb_upstream *up, struct hf_gb_up_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_gb_up_job *job = ask->owner;

    (void)up;
    job->ask = NULL;
    if (msg == NULL || msg->status >= 300) {
        if (++job->tries >= HF_GB_UP_TRIES_MAX)
            ended(job, false);
        else
            send(job);
        return;
    }
    job->tries = 0;
    if (advance(job))
        send(job);
    else
        ended(job, true);
}

static void next(struct hf_gb_upstream *up)
{
    if (hf_list_empty(&up->jobs))
        return;
    struct hf_gb_up_job *job = HF_CONTAINER_OF(up->jobs.next, struct hf_gb_up_job, node);
    if (job->ask == NULL)
        send(job);
}

void hf_gb_up_job_go(struct hf_gb_up_job *job)
{
    next(job->up);
}
