/* client/line.h - from any thread to the client's own: publishes, acknowledgements, wishes. A locked list with a bound and an eventfd; order is kept per thread.
 *
 * The eventfd is written only for who may be asleep: not while a turn is under way, from hf_line_take() to hf_line_leave() or _rest(), which look once more. So what callbacks, and other
 * threads meanwhile, put in costs no system call. */
#ifndef HF_CLIENT_LINE_H
#define HF_CLIENT_LINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/ws/memory.h"
#include <holdfast/holdfast.h>

enum { HF_LINE_MESSAGES_MAX_DEFAULT = 1024, HF_LINE_BYTES_MAX_DEFAULT = 1 << 20 };

enum hf_line_kind {
    HF_LINE_PUBLISH,
    HF_LINE_ACKNOWLEDGE,
    HF_LINE_ANSWER,
    HF_LINE_SUBSCRIBE,
    HF_LINE_RENEW,
    HF_LINE_PATCH
};

struct hf_line_entry {
    struct hf_line_entry *next;
    enum hf_line_kind kind;
    size_t bytes; /* of the allocation; texts lie behind */
    const char *topic;
    const void *payload;
    size_t topic_bytes, payload_bytes;
    int class, format, status;
    bool text, urgent, on;
    uint64_t ttl_ms, handle;
    uint64_t base_version; /* of a PATCH, and what follows */
    uint32_t request;
    int document, patch, merge;
    void (*on_done)(void *user, void *cookie, uint64_t id, int err);
    void *cookie;
};

struct hf_line {
    pthread_mutex_t lock;
    struct hf_ws_memory memory; /* called with and without the lock, by every thread */
    struct hf_line_entry *first, **last;
    uint32_t messages, messages_max;
    size_t bytes, bytes_max;
    int event_fd;  /* readable while something waits and nobody attends */
    bool rung;     /* it is readable */
    bool attended; /* a turn is under way */
    bool closed, stop, network_told, network_up;
};

/* HF_ERR_LIMIT: no descriptor. */
hf_err hf_line_init(struct hf_line *line, const struct hf_ws_memory *memory, uint32_t messages_max,
                    uint32_t bytes_max);
void hf_line_deinit(struct hf_line *line); /* nothing waits any more */

/* Copies entry with its topic and payload. HF_ERR_LIMIT, HF_ERR_NOMEM, HF_ERR_CLOSED. */
hf_err hf_line_put(struct hf_line *line, const struct hf_line_entry *entry);
void hf_line_stop(struct hf_line *line);
void hf_line_network(struct hf_line *line, bool up);
void hf_line_close(struct hf_line *line); /* nothing is taken any more */

struct hf_line_taken {
    struct hf_line_entry *entries; /* all that waited; the caller gives each to hf_line_free() */
    bool stop, network_told, network_up;
};
struct hf_line_taken hf_line_take(struct hf_line *line); /* a turn begins, or goes on */
/* The turn ends. False: something has come meanwhile: take it, then rest. */
bool hf_line_leave(struct hf_line *line);
/* The turn ends in any case: what has come once more is for the next one, which the eventfd calls. */
void hf_line_rest(struct hf_line *line);
void hf_line_free(struct hf_line *line, struct hf_line_entry *entry);

#endif
