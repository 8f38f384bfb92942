/* adapter/gb28181/upstream_forward.c - questions and orders of a platform that are a camera's: each becomes a command of the device, sent and recorded like one of an application;
 * what the camera says goes up under the platform's number and id. */
#include "adapter/gb28181/upstream_parts.h"

#include <stdlib.h>

#include "base/uuid.h"
#include "codec/json/array.h"

enum {
    WAIT_MS = 16000, /* above the 5 s for SIP and the 10 s for the camera's own answer */
    LIST_WAIT_MS = 150000,
    TTL_MS = 10000, /* what a camera was told from above must not happen much later */
};

bool hf_gb_up_copy_members(struct hf_json_out *out, struct hf_slice object, const char *const *without)
{
    struct hf_json_field member;

    while (hf_json_object_next(&object, &member)) {
        bool skip = false;

        for (size_t i = 0; without[i] != NULL; i++)
            skip = skip || hf_slice_is(member.name, without[i]);
        if (skip)
            continue;
        hf_json_out_key(out, member.name);
        hf_json_out_raw(out, NULL, member.raw);
    }
    return !out->sb->overflow;
}

static const char *const head_members[] = {"command", "root",  "sn",        "device_id",
                                           "result",  "extra", "confirmed", NULL};

/* ---- the answer ---- */

static void forward_free(struct hf_gb_up_forward *forward)
{
    hf_list_remove(&forward->node);
    hf_slab_give(forward->up->forward_slab, forward);
}

static uint64_t count_items(struct hf_slice array)
{
    struct hf_json_field item;
    uint64_t count = 0;

    while (hf_json_array_next(&array, &item))
        count++;
    return count;
}

/* A list of several messages, merged: {"items":[...], ...}. */
static void answer_list(struct hf_gb_up_job *job, struct hf_slice items)
{
    job->json = strndup(items.at, items.bytes);
    if (job->json == NULL)
        return;
    job->left = hf_slice_of(job->json);
    job->sum = count_items(job->left);
}

static void answer_one(struct hf_gb_up_job *job, struct hf_slice result)
{
    struct hf_gb_upstream *up = job->up;
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, up->json, HF_GB_UP_JSON_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    (void)hf_gb_up_copy_members(&out, result, head_members);
    hf_json_out_end(&out);
    if (hf_json_out_complete(&out))
        job->json = strdup(hf_sb_done(&sb).at);
}

static bool answered(const struct hf_call *call, const struct hf_json_field *confirmed)
{
    bool yes = true;

    return (call->fate == HF_FATE_DONE || call->fate == HF_FATE_FAILED) && call->result_bytes > 0 &&
           call->result_format == HF_FORMAT_JSON &&
           (!confirmed->found || (hf_json_to_bool(confirmed, &yes) == HF_OK && yes));
}

static void answer(struct hf_gb_up_forward *forward, const struct hf_call *call)
{
    struct hf_gb_upstream *up = forward->up;
    struct hf_json_field fields[] = {HF_JSON_FIELD("confirmed"), HF_JSON_FIELD("items"),
                                     HF_JSON_FIELD("result")};
    struct hf_slice about = {forward->about, forward->about_bytes};
    enum hf_cdp_command command = (enum hf_cdp_command)forward->command;
    bool read = call->result_bytes > 0 &&
                hf_json_scan(call->result, call->result_bytes, fields, HF_COUNT_OF(fields), 0) == HF_OK;

    if (!read || !answered(call, &fields[0])) {
        up->stats.forwards_failed++;
        (void)hf_gb_up_answer_error(up, command, forward->sn, about);
        return;
    }
    bool list = fields[1].found;
    struct hf_gb_up_job *job =
        hf_gb_up_job_new(up, list ? HF_GB_UP_JOB_LIST : HF_GB_UP_JOB_ONE, command, forward->sn, about);
    if (job == NULL) {
        up->stats.answers_failed++;
        return;
    }
    job->result = fields[2].found && hf_json_is(&fields[2], "ERROR") ? HF_CDP_HEALTH_ERROR : HF_CDP_HEALTH_OK;
    if (list)
        answer_list(job, fields[1].raw);
    else
        answer_one(job, (struct hf_slice){call->result, call->result_bytes});
    hf_gb_up_job_go(job);
}

static void on_done(struct hf_call *call)
{
    struct hf_gb_up_forward *forward = call->maker;

    if (!call->abandoned && forward != NULL) {
        if (forward->answers)
            answer(forward, call);
        forward_free(forward);
    }
    hf_call_free(call);
}

void hf_gb_up_forwards_drop(struct hf_gb_upstream *up)
{
    while (!hf_list_empty(&up->forwards)) {
        struct hf_gb_up_forward *forward = HF_CONTAINER_OF(up->forwards.next, struct hf_gb_up_forward, node);

        forward->call->abandoned = true;
        forward_free(forward);
    }
}

/* ---- the way down ---- */

struct hf_call *hf_gb_up_command(struct hf_gb_upstream *up, struct hf_slice device, const char *verb,
                                 struct hf_slice json, uint64_t ttl_ms)
{
    struct hf_call *call = hf_call_new(HF_CALL_SEND, device.bytes + json.bytes);
    uint8_t random[HF_UUID_RANDOM_BYTES];
    char *storage;

    if (call == NULL)
        return NULL;
    storage = call->storage;
    memcpy(storage, device.at, device.bytes);
    memcpy(storage + device.bytes, json.at, json.bytes);
    call->tenant = up->options.tenant;
    call->device = (struct hf_slice){storage, device.bytes};
    call->payload = (struct hf_slice){storage + device.bytes, json.bytes};
    call->topic = hf_slice_of(verb);
    call->class = HF_CLASS_COMMAND;
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    call->ttl_ms = ttl_ms;
    up->options.ops->random(up->options.context, random, sizeof(random));
    hf_uuid7(call->id, up->options.hub->utc_ms, random);
    return call;
}

/* Its members, with the channel's own id. */
static struct hf_call *call_new(struct hf_gb_upstream *up, const struct hf_cdp_message *message,
                                struct hf_slice device, struct hf_slice channel)
{
    struct hf_json_out out;
    struct hf_slice members;
    struct hf_call *call;
    struct hf_sb sb;

    hf_sb_init(&sb, up->json, HF_GB_UP_JSON_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(message, up->item_scratch, HF_CDP_SCRATCH_BYTES, &out);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out))
        return NULL;
    members = hf_sb_done(&sb);
    hf_sb_init(&sb, up->memory, HF_GB_MEMORY_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "device_id", channel);
    (void)hf_gb_up_copy_members(&out, members, head_members);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out))
        return NULL;
    call = hf_gb_up_command(up, device, hf_cdp_command_name(message->command), hf_sb_done(&sb), TTL_MS);
    if (call == NULL)
        return NULL;
    call->wait = hf_cdp_answer_of(message) != HF_CDP_ANSWER_NONE;
    call->wait_ms = message->command == HF_CDP_CMD_RECORD_INFO ? LIST_WAIT_MS : WAIT_MS;
    call->on_done = on_done;
    return call;
}

bool hf_gb_up_online(struct hf_gb_upstream *up, struct hf_slice device)
{
    struct hf_kv_txn *txn = NULL;

    if (hf_kv_read(up->options.kv, &txn) != HF_OK)
        return false;
    bool yes = hf_gb_up_device_online(txn, up->options.tenant, device);
    hf_kv_end(txn);
    return yes;
}

bool hf_gb_up_forward(struct hf_gb_upstream *up, const struct hf_cdp_message *message,
                      const struct hf_gb_up_node *node)
{
    const struct hf_gb_up_tree_device *owner = &up->tree->devices[node->device];
    struct hf_slice device = {owner->id, owner->bytes}, channel = hf_gb_up_node_channel(node);
    bool answers = hf_cdp_answer_of(message) != HF_CDP_ANSWER_NONE;

    if (!hf_gb_up_online(up, device)) {
        up->stats.forwards_failed++;
        return !answers || hf_gb_up_answer_error(up, message->command, message->sn.value, message->device_id);
    }
    struct hf_gb_up_forward *forward = hf_slab_take(up->forward_slab);
    struct hf_call *call = forward != NULL ? call_new(up, message, device, channel) : NULL;
    if (call == NULL) {
        hf_slab_give(up->forward_slab, forward);
        return false;
    }
    *forward = (struct hf_gb_up_forward){.up = up,
                                         .call = call,
                                         .command = (uint8_t)message->command,
                                         .answers = answers,
                                         .sn = message->sn.value,
                                         .about_bytes = (uint8_t)message->device_id.bytes};
    memcpy(forward->about, message->device_id.at,
           message->device_id.bytes); /* it is shown: 20 digits at most */
    hf_list_init(&forward->node);
    hf_list_push_back(&up->forwards, &forward->node);
    call->maker = forward;
    if (up->options.ops->call(up->options.context, call) != HF_OK) {
        forward_free(forward);
        hf_call_free(call);
        return false;
    }
    up->stats.forwarded++;
    return true;
}
