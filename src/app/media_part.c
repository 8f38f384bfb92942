/* app/media_part.c - connections whose leg is over. A camera hears BYE by another way than its media goes, perhaps at the second try: to one whose connection is closed under it before, that is an error, which it logs, or mends
 * by another connection. So a connection outlives its leg: what still comes is thrown away, until the camera ends it, as it does on BYE, or HF_MEDIA_PART_MS have passed. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"

struct parting {
    struct hf_list_node node; /* on media->partings, the oldest first */
    struct hf_media *media;
    struct hf_stream *stream;
    uint64_t begun_ms;
};

static void forget(struct parting *parting)
{
    hf_list_remove(&parting->node);
    parting->media->parting_count--;
    free(parting);
}

static void close_now(struct parting *parting)
{
    parting->stream->link.ops->abort(&parting->stream->link);
    forget(parting);
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    (void)link, (void)data, (void)bytes;
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)end, (void)sys_errno;
    forget(link->user);
}

static const struct hf_link_handler handler = {.on_data = on_data,
                                               .on_drained = hf_media_link_ignore,
                                               .on_blocked = hf_media_link_ignore,
                                               .on_end = on_end};

void hf_media_part(struct hf_media *media, struct hf_stream *stream)
{
    struct hf_link *link = &stream->link;
    struct parting *parting = NULL;

    if (!hf_stream_ready(stream)) { /* our connect is not through: there is nobody to be surprised */
        link->ops->abort(link);
        return;
    }
    if (media->parting_count < media->options.legs_max)
        parting = malloc(sizeof(*parting));
    if (parting == NULL) {
        media->stats.connections_cut++;
        link->ops->abort(link);
        return;
    }
    *parting = (struct parting){.media = media, .stream = stream, .begun_ms = media->loop->now_ms};
    hf_list_init(&parting->node);
    hf_list_push_back(&media->partings, &parting->node);
    media->parting_count++;
    link->handler = &handler;
    link->user = parting;
}

static struct parting *oldest(const struct hf_media *media)
{
    return HF_CONTAINER_OF(media->partings.next, struct parting, node);
}

void hf_media_parts_sweep(struct hf_media *media, uint64_t now_ms)
{
    while (!hf_list_empty(&media->partings) && now_ms - oldest(media)->begun_ms >= media->options.part_ms)
        close_now(oldest(media));
}

void hf_media_parts_end(struct hf_media *media)
{
    while (!hf_list_empty(&media->partings))
        close_now(oldest(media));
}
