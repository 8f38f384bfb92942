/* adapter/gb28181/upstream_job.c - answers to a platform on their way, in parts that the way takes: the next goes when the one before was taken (a platform that gets
 * all at once loses some). A part that is not taken is sent again; then the answer is given up. */
#include "adapter/gb28181/upstream_sub.h"

#include <stdlib.h>

#include "codec/json/array.h"

static void next(struct hf_gb_upstream *up);

static void job_free(struct hf_gb_up_job *job)
{
    struct hf_gb_upstream *up = job->up;

    if (job->sub != NULL)
        job->sub->job = NULL;
    hf_gb_up_ask_drop(job->ask);
    hf_list_remove(&job->node);
    hf_gb_up_tree_drop(job->tree);
    hf_gb_up_tree_drop(job->before);
    free(job->changes);
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

void hf_gb_up_job_drop(struct hf_gb_up_job *job)
{
    struct hf_gb_upstream *up = job->up;

    job_free(job);
    next(up);
}

void hf_gb_up_jobs_drop(struct hf_gb_upstream *up)
{
    while (!hf_list_empty(&up->jobs))
        job_free(HF_CONTAINER_OF(up->jobs.next, struct hf_gb_up_job, node));
}

/* ---- one after the other ---- */

static void ended(struct hf_gb_up_job *job, bool whole, unsigned status)
{
    struct hf_gb_upstream *up = job->up;

    if (job->sub != NULL)
        hf_gb_up_sub_told(job->sub, whole, status); /* it lets the job go */

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
    if (job->kind == HF_GB_UP_JOB_CHANGES) {
        job->at += job->count;
        return job->at < job->end;
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
    struct hf_slice body, text;

    if (hf_gb_up_job_build(job, &body) != HF_OK ||
        (job->kind != HF_GB_UP_JOB_ONE && job->sum > 0 && job->count == 0)) {
        ended(job, false, 0);
        return;
    }
    if (job->sub == NULL)
        job->ask = hf_gb_up_say_body(job->up, body, HF_GB_UP_AS_WORK, on_part, job);
    else if (hf_gb_up_sub_write(job->sub, body, &text))
        job->ask = hf_gb_up_ask(job->up, text, HF_GB_UP_AS_WORK, on_part, job);
    if (job->ask == NULL)
        ended(job, false, 0);
}

static void on_part(struct hf_gb_upstream *up, struct hf_gb_up_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_gb_up_job *job = ask->owner;

    (void)up;
    job->ask = NULL;
    if (msg == NULL || msg->status >= 300) {
        unsigned status = msg != NULL ? msg->status : 0;

        if (++job->tries >= HF_GB_UP_TRIES_MAX || (job->sub != NULL && status == 481))
            ended(job, false, status);
        else
            send(job);
        return;
    }
    job->tries = 0;
    if (advance(job))
        send(job);
    else
        ended(job, true, 0);
}

/* Lists and changes go one after the other; what is one message does not wait for them. */
static void next(struct hf_gb_upstream *up)
{
    for (struct hf_list_node *node = up->jobs.next; node != &up->jobs; node = node->next) {
        struct hf_gb_up_job *job = HF_CONTAINER_OF(node, struct hf_gb_up_job, node);

        if (job->kind == HF_GB_UP_JOB_ONE)
            continue;
        if (job->ask == NULL)
            send(job);
        return;
    }
}

void hf_gb_up_job_go(struct hf_gb_up_job *job)
{
    if (job->kind == HF_GB_UP_JOB_ONE)
        send(job);
    else
        next(job->up);
}
