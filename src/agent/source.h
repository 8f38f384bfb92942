/* agent/source.h - where samples come from. A source belongs to the capture thread (agent/capture.h), which gives it turns and polls its descriptors; its counters may be read by any.
 * Five kinds: simulated bicycles, a recording played again, lines of drivers (a Unix socket, a FIFO, a descriptor), sensors of the kernel's IIO. */
#ifndef HF_AGENT_SOURCE_H
#define HF_AGENT_SOURCE_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ring.h"
#include "agent/row.h"

enum {
    HF_SOURCE_FDS_MAX = 10,
    HF_SOURCE_DRIVERS_MAX =
        8, /* connections to a socket at one time; one more is closed at once, and counted */
    HF_SOURCE_COMPLAINTS_MAX = 20, /* told in words; what follows is counted only */
    HF_SOURCE_RATE_MAX = 10240,    /* samples a second */
    HF_SOURCE_TEXT_BYTES = 256
};
#define HF_SOURCE_NEVER UINT64_MAX

struct hf_source_counters {
    _Atomic uint64_t captured;            /* went into a ring, or were refused by it */
    _Atomic uint64_t bad[HF_ROW_RESULTS]; /* lines, by what was wrong */
    _Atomic uint64_t drivers_refused;     /* connections */
    _Atomic uint64_t
        drivers_put_off;     /* times that no descriptor was left to accept one: asked again after a second */
    _Atomic uint64_t unread; /* values of sensors that could not be read */
    _Atomic uint64_t skipped; /* samples that nobody made: the process had stood still */
};

struct hf_source;

struct hf_source_ops {
    /* Does what is due. Returns when to come again (CLOCK_MONOTONIC_RAW); HF_SOURCE_NEVER: when a descriptor is ready. */
    uint64_t (*turn)(struct hf_source *source, uint64_t now_ns);
    unsigned (*fds)(struct hf_source *source,
                    struct pollfd ret_fds[HF_SOURCE_FDS_MAX]); /* may be NULL: none */
    void (*free_it)(struct hf_source *source);
};

struct hf_source {
    const struct hf_source_ops *ops;
    struct hf_source_counters counters;
    /* In words, from the capture thread: "line 7: out of range: power_w". May be NULL. */
    void (*complain)(void *context, const char *text);
    void *context;
    unsigned complaints;
    bool ended;       /* no more will come */
    bool broke;       /* ... because what it reads from failed */
    uint64_t last_ns; /* of the newest sample */
};

void hf_source_free(struct hf_source *source); /* NULL is harmless */

/* ---- kinds; on failure NULL, and `error` says what and why ---- */

/* rings[i] has the bicycle with the seed `seed` + i, `rate` samples a second. */
struct hf_source *hf_source_bicycles(struct hf_ring *const *rings, unsigned count, uint64_t seed,
                                     unsigned rate, char error[HF_SOURCE_TEXT_BYTES]);
/* A file of rows (agent/row.h), CSV with a head or JSON lines. Rows go out at their own distances divided by `speed`; without times, `rate` a second. Waits while the ring is full. */
struct hf_source *hf_source_replay(struct hf_ring *ring, const char *path, double speed, unsigned rate,
                                   char error[HF_SOURCE_TEXT_BYTES]);
/* Rows without a time are stamped when they are read. */
struct hf_source *hf_source_socket(struct hf_ring *ring, const char *path, char error[HF_SOURCE_TEXT_BYTES]);
struct hf_source *hf_source_fifo(struct hf_ring *ring, const char *path, char error[HF_SOURCE_TEXT_BYTES]);
struct hf_source *hf_source_fd(struct hf_ring *ring, int fd /* gives */, char error[HF_SOURCE_TEXT_BYTES]);
/* root: /sys/bus/iio/devices. */
struct hf_source *hf_source_iio(struct hf_ring *ring, const char *root, unsigned rate,
                                char error[HF_SOURCE_TEXT_BYTES]);

/* ---- for sources ---- */

static inline void hf_source_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Into the ring. The times of a source do not go back: asserted. */
void hf_source_push(struct hf_source *source, struct hf_ring *ring, const struct hf_sample *sample);
void hf_source_complain(struct hf_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts a line that is no row and says so. */
void hf_source_bad_line(struct hf_source *source, uint64_t line, enum hf_row_result result,
                        enum hf_row_field field);

#endif
