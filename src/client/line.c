#include "client/line.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

hf_err hf_line_init(struct hf_line *line, const struct hf_ws_memory *memory, uint32_t messages_max,
                    uint32_t bytes_max)
{
    *line = (struct hf_line){.memory = *memory,
                             .messages_max = messages_max != 0 ? messages_max : HF_LINE_MESSAGES_MAX_DEFAULT,
                             .bytes_max = bytes_max != 0 ? bytes_max : HF_LINE_BYTES_MAX_DEFAULT,
                             .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    line->last = &line->first;
    if (line->event_fd < 0)
        return HF_ERR_LIMIT;
    if (pthread_mutex_init(&line->lock, NULL) == 0)
        return HF_OK;
    (void)close(line->event_fd);
    return HF_ERR_NOMEM;
}

void hf_line_deinit(struct hf_line *line)
{
    HF_ASSERT(line->first == NULL);
    (void)pthread_mutex_destroy(&line->lock);
    (void)close(line->event_fd);
}

/* Under the lock, so that `rung` is what the descriptor is. Nobody has to be woken who will look anyway. */
static void ring(struct hf_line *line)
{
    const uint64_t one = 1;

    if (line->attended || line->rung)
        return;
    line->rung = true;
    ssize_t written = write(line->event_fd, &one, sizeof(one)); /* it cannot be full */

    (void)written;
}

static struct hf_line_entry *copy_of(struct hf_line *line, const struct hf_line_entry *entry)
{
    size_t bytes = sizeof(*entry) + entry->topic_bytes + entry->payload_bytes;
    struct hf_line_entry *copy = hf_ws_memory_take(&line->memory, bytes);

    if (copy == NULL)
        return NULL;
    char *texts = (char *)(copy + 1);
    *copy = *entry;
    copy->bytes = bytes;
    copy->next = NULL;
    copy->topic = texts;
    copy->payload = texts + entry->topic_bytes;
    if (entry->topic_bytes > 0)
        memcpy(texts, entry->topic, entry->topic_bytes);
    if (entry->payload_bytes > 0)
        memcpy(texts + entry->topic_bytes, entry->payload, entry->payload_bytes);
    return copy;
}

/* A lone message may be larger than the line. */
static bool has_room(const struct hf_line *line, size_t bytes)
{
    return line->messages == 0 || (line->messages < line->messages_max && line->bytes <= line->bytes_max &&
                                   bytes <= line->bytes_max - line->bytes);
}

hf_err hf_line_put(struct hf_line *line, const struct hf_line_entry *entry)
{
    struct hf_line_entry *copy = copy_of(line, entry); /* outside of the lock: it may be large */
    hf_err err = HF_OK;

    if (copy == NULL)
        return HF_ERR_NOMEM;
    (void)pthread_mutex_lock(&line->lock);
    if (line->closed) {
        err = HF_ERR_CLOSED;
    } else if (!has_room(line, copy->bytes)) {
        err = HF_ERR_LIMIT;
    } else {
        *line->last = copy;
        line->last = &copy->next;
        line->messages++;
        line->bytes += copy->bytes;
        ring(line);
    }
    (void)pthread_mutex_unlock(&line->lock);
    if (err != HF_OK)
        hf_line_free(line, copy);
    return err;
}

void hf_line_stop(struct hf_line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->stop = true;
    ring(line);
    (void)pthread_mutex_unlock(&line->lock);
}

void hf_line_network(struct hf_line *line, bool up)
{
    (void)pthread_mutex_lock(&line->lock);
    line->network_told = true;
    line->network_up = up;
    ring(line);
    (void)pthread_mutex_unlock(&line->lock);
}

void hf_line_close(struct hf_line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->closed = true;
    (void)pthread_mutex_unlock(&line->lock);
}

struct hf_line_taken hf_line_take(struct hf_line *line)
{
    struct hf_line_taken taken;

    (void)pthread_mutex_lock(&line->lock);
    if (line->rung) {
        uint64_t events;
        ssize_t got = read(line->event_fd, &events, sizeof(events));

        (void)got;
    }
    line->rung = false;
    line->attended = true;
    taken = (struct hf_line_taken){line->first, line->stop, line->network_told, line->network_up};
    line->first = NULL;
    line->last = &line->first;
    line->messages = 0;
    line->bytes = 0;
    line->stop = line->network_told = false;
    (void)pthread_mutex_unlock(&line->lock);
    return taken;
}

void hf_line_free(struct hf_line *line, struct hf_line_entry *entry)
{
    hf_ws_memory_give(&line->memory, entry, entry->bytes);
}

static bool waits(const struct hf_line *line)
{
    return line->first != NULL || line->stop || line->network_told;
}

bool hf_line_leave(struct hf_line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    bool more = waits(line);
    line->attended = more;
    (void)pthread_mutex_unlock(&line->lock);
    return !more;
}

void hf_line_rest(struct hf_line *line)
{
    (void)pthread_mutex_lock(&line->lock);
    line->attended = false;
    if (waits(line))
        ring(line);
    (void)pthread_mutex_unlock(&line->lock);
}
