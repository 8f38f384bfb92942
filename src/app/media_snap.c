/* app/media_snap.c - the thread that makes pictures: decoding takes milliseconds, which packets must not wait for. Jobs go there and back by mailboxes that hold all of them. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"

enum { IDLE_MS = 1000 };

struct job {
    struct hf_view *view;
    enum hf_es_codec codec;
    size_t bytes;
    hf_err err;
    uint8_t *jpeg;
    size_t jpeg_bytes;
    uint8_t data[];
};

struct hf_media_snaps {
    struct hf_media *media;
    struct hf_inbox *inbox;
    struct hf_mailbox *to, *back;
    unsigned jobs; /* the media thread's */
    _Atomic bool stopping;
    struct hf_thread thread;
};

static void work(void *context, unsigned mailbox, void *message)
{
    struct hf_media_snaps *self = context;
    struct job *job = message;

    (void)mailbox;
    job->err = hf_media_jpeg(job->codec, job->data, job->bytes, &job->jpeg, &job->jpeg_bytes);
    hf_err err = hf_mailbox_post(self->back, job);
    HF_ASSERT(err == HF_OK);
}

static void run(void *context)
{
    struct hf_media_snaps *self = context;

    while (!atomic_load(&self->stopping)) {
        (void)hf_inbox_drain(self->inbox, work, self, HF_MEDIA_SNAPS_MAX);
        (void)hf_inbox_wait(self->inbox, IDLE_MS);
    }
}

hf_err hf_media_snaps_new(struct hf_media *media, struct hf_media_snaps **ret_snaps)
{
    struct hf_media_snaps *self = calloc(1, sizeof(*self));
    hf_err err;

    if (self == NULL)
        return HF_ERR_NOMEM;
    *ret_snaps = self;
    self->media = media;
    self->inbox = hf_inbox_new(1);
    err = self->inbox == NULL ? HF_ERR_NOMEM : hf_inbox_add(self->inbox, HF_MEDIA_SNAPS_MAX, &self->to);
    if (err == HF_OK)
        err = hf_inbox_add(media->inbox, HF_MEDIA_SNAPS_MAX, &self->back);
    return err;
}

/* Most gateways never make a picture: the thread begins with the first. */
hf_err hf_media_snap(struct hf_media_snaps *self, struct hf_view *view, const struct hf_media_unit *unit)
{
    struct job *job;

    if (self->jobs >= HF_MEDIA_SNAPS_MAX)
        return HF_ERR_LIMIT;
    job = malloc(sizeof(*job) + unit->bytes);
    if (job == NULL || (!self->thread.started &&
                        hf_thread_start(&self->thread, "hf-snap", HF_THREAD_ANY_CPU, run, self) != HF_OK)) {
        free(job);
        return HF_ERR_NOMEM;
    }
    *job = (struct job){.view = view, .codec = (enum hf_es_codec)unit->codec, .bytes = unit->bytes};
    memcpy(job->data, unit->data, unit->bytes);
    self->jobs++;
    hf_err err = hf_mailbox_post(self->to, job);
    HF_ASSERT(err == HF_OK);
    return HF_OK;
}

void hf_media_snap_arrived(void *message)
{
    struct job *job = message;

    job->view->media->snaps->jobs--;
    hf_media_snap_done(job->view, job->err, job->jpeg, job->jpeg_bytes);
    free(job);
}

void hf_media_snaps_stop(struct hf_media_snaps *self)
{
    atomic_store(&self->stopping, true);
    hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
}

static void give_up(void *context, unsigned mailbox, void *message)
{
    struct job *job = message;

    (void)context;
    (void)mailbox;
    hf_media_snap_done(job->view, HF_ERR_CLOSED, NULL, 0);
    free(job);
}

void hf_media_snaps_free(struct hf_media_snaps *self)
{
    if (self == NULL)
        return;
    if (self->inbox != NULL)
        while (hf_inbox_drain(self->inbox, give_up, self, HF_MEDIA_SNAPS_MAX) > 0)
            ;
    hf_inbox_free(self->inbox);
    free(self);
}
