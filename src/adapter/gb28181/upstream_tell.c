/* adapter/gb28181/upstream_tell.c - what we answer a platform ourselves: the catalogue, what and how we are, and that an id is not shown. */
#include "adapter/gb28181/upstream_parts.h"

#include <stdlib.h>

struct hf_gb_up_tree *hf_gb_up_tree_now(struct hf_gb_upstream *up, uint64_t max_age_ms)
{
    struct hf_gb_up_tree *made;

    if (up->options.kv == NULL)
        return NULL;
    if (up->tree != NULL && (hf_gb_up_now(up) - up->tree->made_ms <= max_age_ms ||
                             up->tree->offset == hf_kv_applied_offset(up->options.kv)))
        return up->tree;
    if (hf_gb_up_tree_make(up->options.kv, up->options.tenant, up->options.server_id, &up->options.shown,
                           hf_gb_up_now(up), &made) != HF_OK)
        return up->tree;
    hf_gb_up_tree_drop(up->tree);
    up->tree = made;
    return made;
}

const struct hf_gb_up_node *hf_gb_up_find(struct hf_gb_upstream *up, struct hf_slice shown)
{
    struct hf_gb_up_tree *tree = hf_gb_up_tree_now(up, HF_GB_UP_TREE_AGE_MS);
    const struct hf_gb_up_node *node = tree != NULL ? hf_gb_up_tree_find(tree, shown) : NULL;

    if (node == NULL && tree != NULL) { /* it may have come since */
        tree = hf_gb_up_tree_now(up, HF_GB_UP_TREE_YOUNG_MS);
        node = hf_gb_up_tree_find(tree, shown);
    }
    return node;
}

/* ---- the catalogue ---- */

/* Which nodes a query is about: all, a device and its channels, one channel, or none. */
static void choose(struct hf_gb_up_job *job, const struct hf_gb_upstream *up, struct hf_slice about)
{
    const struct hf_gb_up_tree *tree = job->tree;
    const struct hf_gb_up_node *node;

    job->at = 0;
    job->end = tree->node_count;
    if (hf_slice_eq(about, up->options.device_id))
        return;
    node = hf_gb_up_tree_find(tree, about);
    if (node == NULL) {
        job->end = 0;
    } else {
        job->at = (uint32_t)(node - tree->nodes);
        job->end = job->at + (node->own ? tree->devices[node->device].count : 1);
    }
}

bool hf_gb_up_answer_catalog(struct hf_gb_upstream *up, const struct hf_cdp_message *query)
{
    struct hf_gb_up_tree *tree = hf_gb_up_tree_now(up, HF_GB_UP_TREE_YOUNG_MS);
    struct hf_gb_up_job *job = tree != NULL ? hf_gb_up_job_new(up, HF_GB_UP_JOB_CATALOG, HF_CDP_CMD_CATALOG,
                                                               query->sn.value, query->device_id)
                                            : NULL;

    if (job == NULL)
        return false;
    job->tree = hf_gb_up_tree_share(tree);
    choose(job, up, query->device_id);
    for (uint32_t i = job->at; i < job->end; i++)
        job->sum += !tree->nodes[i].hidden;
    hf_gb_up_job_go(job);
    return true;
}

/* ---- ourselves ---- */

static void info_out(struct hf_gb_upstream *up, struct hf_json_out *out)
{
    const struct hf_gb_up_tree *tree = hf_gb_up_tree_now(up, HF_GB_UP_TREE_AGE_MS);

    hf_json_out_text(out, "device_name", up->options.user_agent);
    hf_json_out_cstr(out, "manufacturer", "Holdfast");
    hf_json_out_cstr(out, "model", "gateway");
    hf_json_out_cstr(out, "firmware", HF_VERSION);
    if (tree != NULL)
        hf_json_out_u64(out, "channel", tree->node_count - tree->device_count);
}

static void status_out(const struct hf_gb_upstream *up, struct hf_json_out *out)
{
    char time[HF_CDP_TIME_BYTES];

    hf_cdp_time_format(up->options.hub->utc_ms, up->options.zone_minutes, time);
    hf_json_out_cstr(out, "online", "ONLINE");
    hf_json_out_cstr(out, "status", "OK");
    hf_json_out_cstr(out, "device_time", time);
}

bool hf_gb_up_answer_own(struct hf_gb_upstream *up, const struct hf_cdp_message *query)
{
    struct hf_json_out out;
    struct hf_sb sb;

    if (query->command != HF_CDP_CMD_DEVICE_INFO && query->command != HF_CDP_CMD_DEVICE_STATUS)
        return hf_gb_up_answer_error(up, query->command, query->sn.value, query->device_id);
    struct hf_gb_up_job *job =
        hf_gb_up_job_new(up, HF_GB_UP_JOB_ONE, query->command, query->sn.value, query->device_id);
    if (job == NULL)
        return false;
    hf_sb_init(&sb, up->json, HF_GB_UP_JSON_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    if (query->command == HF_CDP_CMD_DEVICE_INFO)
        info_out(up, &out);
    else
        status_out(up, &out);
    hf_json_out_end(&out);
    job->result = HF_CDP_HEALTH_OK;
    job->json = strdup(hf_sb_done(&sb).at);
    hf_gb_up_job_go(job); /* without memory: nothing to say, which is counted */
    return true;
}

/* A list is empty; anything else has Result ERROR, and what the standard wants beside it. */
bool hf_gb_up_answer_error(struct hf_gb_upstream *up, enum hf_cdp_command command, int64_t sn,
                           struct hf_slice about)
{
    bool list = command == HF_CDP_CMD_CATALOG || command == HF_CDP_CMD_RECORD_INFO ||
                command == HF_CDP_CMD_PRESET_QUERY || command == HF_CDP_CMD_CRUISE_TRACK_LIST;
    struct hf_gb_up_job *job =
        hf_gb_up_job_new(up, list ? HF_GB_UP_JOB_LIST : HF_GB_UP_JOB_ONE, command, sn, about);

    if (job == NULL)
        return false;
    job->result = HF_CDP_HEALTH_ERROR;
    if (command == HF_CDP_CMD_DEVICE_STATUS)
        job->json = strdup("{\"online\":\"OFFLINE\",\"status\":\"ERROR\"}");
    hf_gb_up_job_go(job);
    return true;
}
