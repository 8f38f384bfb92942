/* bench/gb/job.c - answers of a camera: one MESSAGE, or the parts of a list, each with the SN that was asked and the grand total. Parts go one after the other, the next one when
 * SIP has taken the one before, or several at once and in any order where the profile says so. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

#include "base/assert.h"

enum { PART_ITEMS_UDP = 2, PART_ITEMS_TCP = 50, ARENA_BYTES = 8192 };

static struct hf_cam_job **find(struct hf_cam *cam, uint32_t number)
{
    struct hf_cam_job **link = &cam->jobs;

    while (*link != NULL && (*link)->number != number)
        link = &(*link)->next;
    return link;
}

static uint32_t part_items(const struct hf_cam *cam)
{
    return hf_cam_or(cam->world->profile->part_items,
                     hf_cam_is_stream(cam) ? PART_ITEMS_TCP : PART_ITEMS_UDP);
}

static void copy_text(char *to, size_t to_bytes, struct hf_slice text)
{
    size_t bytes = HF_MIN(text.bytes, to_bytes - 1);

    if (bytes > 0)
        memcpy(to, text.at, bytes);
    to[bytes] = '\0';
}

static void take_arguments(struct hf_cam_job *job, const struct hf_cdp_message *query)
{
    job->command = query->command;
    job->sn = query->sn.value;
    copy_text(job->device_id, sizeof(job->device_id),
              query->command == HF_CDP_CMD_BROADCAST ? query->as.broadcast.target_id : query->device_id);
    if (query->root != HF_CDP_ROOT_QUERY)
        return;
    if (query->command == HF_CDP_CMD_CONFIG_DOWNLOAD)
        copy_text(job->argument, sizeof(job->argument), query->as.config_query.config_type);
    if (query->command == HF_CDP_CMD_CRUISE_TRACK)
        job->argument_number = (uint32_t)query->as.cruise_track_query.number.value;
    if (query->command != HF_CDP_CMD_RECORD_INFO)
        return;
    if (hf_cdp_time_parse(query->as.record_query.start_time, 480, &job->from_ms) != HF_OK ||
        hf_cdp_time_parse(query->as.record_query.end_time, 480, &job->to_ms) != HF_OK)
        job->from_ms = job->to_ms = 0; /* no such time: nothing was recorded in it */
}

static void shuffle(struct hf_cam *cam, struct hf_cam_job *job)
{
    for (uint32_t i = 0; i < job->parts; i++)
        job->order[i] = (uint16_t)i;
    for (uint32_t left = job->parts; cam->world->profile->parts_shuffled && left > 1; left--) {
        uint32_t at = (uint32_t)hf_rng_below(&cam->world->rng, left);
        uint16_t last = job->order[left - 1];

        job->order[left - 1] = job->order[at];
        job->order[at] = last;
    }
}

/* Sends the part. False: it cannot be written, or there is no room. */
static bool send_part(struct hf_cam *cam, struct hf_cam_job *job, uint32_t part)
{
    size_t item_bytes;
    bool is_list;
    uint32_t each = part_items(cam), first = part * each;

    (void)hf_cam_items(cam, job, &is_list, &item_bytes);
    uint32_t count = is_list ? HF_MIN(each, job->items - first) : 0;
    struct hf_cam_arena arena = {.bytes_max = ARENA_BYTES + count * (item_bytes + HF_CAM_ARENA_ITEM_BYTES)};
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_RESPONSE,
                                     .command = job->command,
                                     .sn = HF_CDP_INT(job->sn),
                                     .device_id = hf_slice_of(job->device_id)};

    arena.at = malloc(arena.bytes_max);
    if (arena.at == NULL)
        return false;
    hf_cam_fill(cam, job, first, count, &arena, &message);
    cam->world->stats.parts++;
    bool is_sent = hf_cam_message(cam, &message, HF_CAM_FOR_PART, job->number);

    free(arena.at);
    return is_sent;
}

static void end(struct hf_cam *cam, struct hf_cam_job **link)
{
    struct hf_cam_job *job = *link;
    struct hf_cam_event event = {.tell = job->failed ? HF_CAM_TELL_UNANSWERED : HF_CAM_TELL_ANSWERED,
                                 .status = job->status,
                                 .us = cam->world->now_us - job->begun_us,
                                 .number = job->parts,
                                 .text = hf_slice_of(hf_cdp_command_name(job->command))};

    *(job->failed ? &cam->world->stats.unanswered : &cam->world->stats.answered) += 1;
    *link = job->next;
    free(job);
    hf_cam_tell(cam, &event);
}

/* Sends what may be sent now; ends it when nothing is under way any more. */
static void go_on(struct hf_cam *cam, struct hf_cam_job **link)
{
    struct hf_cam_job *job = *link;
    uint32_t ahead = hf_cam_or(cam->world->profile->parts_ahead, 1);

    while (!job->failed && job->sent < job->parts && job->sent - job->taken < ahead) {
        if (send_part(cam, job, job->order[job->sent]))
            job->sent++;
        else
            job->failed = true;
    }
    if (job->taken == (job->failed ? job->sent : job->parts))
        end(cam, link);
}

bool hf_cam_job_begin(struct hf_cam *cam, const struct hf_cdp_message *query)
{
    struct hf_cam_job asked = {.begun_us = cam->world->now_us}, *job, **last = &cam->jobs;
    unsigned count = 0;
    size_t item_bytes;
    bool is_list;

    take_arguments(&asked, query);
    asked.items = hf_cam_items(cam, &asked, &is_list, &item_bytes);
    asked.parts = is_list && asked.items > 0 ? (asked.items + part_items(cam) - 1) / part_items(cam) : 1;
    for (; *last != NULL; last = &(*last)->next, count++)
        ;
    job = count < HF_CAM_JOBS_MAX ? malloc(sizeof(*job) + asked.parts * sizeof(job->order[0])) : NULL;
    if (job == NULL)
        return false;
    *job = asked;
    job->number = hf_cam_next_sn(cam);
    job->due_ms = hf_cam_now_ms(cam) + cam->world->profile->slow_ms;
    shuffle(cam, job);
    *last = job;
    return true;
}

/* The first part goes from the timer, behind the SIP answer to the query. */
void hf_cam_jobs_time(struct hf_cam *cam)
{
    for (struct hf_cam_job **link = &cam->jobs; *link != NULL;) {
        struct hf_cam_job *job = *link;

        if (job->due_ms != 0 && job->due_ms <= hf_cam_now_ms(cam)) {
            job->due_ms = 0;
            go_on(cam, link);
        }
        if (*link == job)
            link = &job->next;
    }
}

void hf_cam_part_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_cam_job **link = find(cam, ask->number);

    if (*link == NULL)
        return;
    (*link)->taken++;
    if (msg == NULL || msg->status >= 300) {
        if (!(*link)->failed)
            (*link)->status = msg != NULL ? msg->status : 0;
        (*link)->failed = true;
    } else if (!(*link)->failed) {
        (*link)->status = msg->status;
    }
    go_on(cam, link);
}

uint64_t hf_cam_jobs_due_ms(const struct hf_cam *cam)
{
    uint64_t due_ms = UINT64_MAX;

    for (const struct hf_cam_job *job = cam->jobs; job != NULL; job = job->next)
        if (job->due_ms != 0)
            due_ms = HF_MIN(due_ms, job->due_ms);
    return due_ms;
}

void hf_cam_jobs_drop(struct hf_cam *cam)
{
    for (struct hf_cam_job *job; (job = cam->jobs) != NULL;) {
        cam->jobs = job->next;
        free(job);
    }
}
