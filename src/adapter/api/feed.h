/* adapter/api/feed.h - what the files of GET /v1/live share: feed.c (the connection, what is said to it, counters), feed_events.c and feed_watch.c (devices). */
#ifndef HF_ADAPTER_API_FEED_H
#define HF_ADAPTER_API_FEED_H

#include "adapter/api/stream.h"

struct hf_feed;

struct hf_feed_subscription {
    struct hf_feed *feed;
    struct hf_tail *tail; /* NULL: this place is free */
    uint64_t number;      /* the reader's name for it */
    bool asked;           /* a chunk is on its way */
};

/* A device that is watched. Its home worker is asked by a call, as GET /v1/devices/{} and /live ask it, and what has changed since it was last said is said. One call at a time
 * for a connection, none when nothing is watched. Nothing waits for a reader that has not taken what there is: it is not asked for, and said later, as it is then. */
struct hf_feed_watch {
    bool used, state, samples;   /* what is wanted */
    bool state_due, samples_due; /* in this turn */
    bool state_late;             /* put off to the next turn; samples are due in each */
    bool looked;                 /* since the last tick, and the reader knows what was seen */
    bool series;                 /* the time series were asked: no batch came since the start */
    bool state_said, samples_said;
    uint8_t device_bytes;
    uint64_t number;
    uint64_t state_hash;   /* of the text that was said */
    uint64_t last_seen_ms; /* in it */
    struct hf_feed_seen {  /* of the samples that were said */
        uint64_t arrived_us, newest_ns, batches;
        uint8_t presence;
        bool any;
    } seen;
    char device[HF_DEVICE_BYTES_MAX];
};

struct hf_feed_watches {
    struct hf_timer timer; /* armed while something is watched: HF_API_WATCH_MS */
    struct hf_feed_watch at[HF_API_FEED_WATCHES_MAX];
    unsigned count;
    unsigned turn;    /* each HF_API_WATCH_STATE_TURNS-th is the state's */
    unsigned at_once; /* watches since the last turn that did not wait for one */
    /* The look under way. */
    struct hf_feed_watch *looking; /* NULL: none, or that watch is over: the answer is nobody's */
    bool with_state, with_samples;
};

struct hf_feed {
    struct hf_api_stream stream; /* first */
    struct hf_feed_subscription subscriptions[HF_API_FEED_SUBSCRIPTIONS_MAX];
    struct hf_feed_watches watches;
    bool overview, heatmap;
    bool heatmap_next; /* each second one of them */
    size_t text_bytes; /* of a message that is coming in */
    char text[HF_API_SOCKET_MESSAGE_BYTES_MAX];
};

/* What a message is about: "subscription" or "watch", and the reader's number of it. */
struct hf_feed_of {
    const char *name;
    uint64_t number;
};
struct hf_feed_refusal {
    enum hf_reason reason;
    const char *field; /* NULL: none */
    const char *text;  /* NULL: the reason's own */
};
#define HF_FEED_DEVICE_RULE "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -"
typedef void hf_feed_members(struct hf_json_out *out, const void *context);

/* A message of a few members; of and more may be NULL. Not flushed. False, here and below: the stream is gone. */
bool hf_feed_say(struct hf_feed *feed, const char *type, const struct hf_feed_of *of, hf_feed_members *more,
                 const void *context);
bool hf_feed_flush(struct hf_feed *feed);
bool hf_feed_refuse(struct hf_feed *feed, const struct hf_feed_of *of, struct hf_feed_refusal refusal);

/* Members of what the reader says. */
enum {
    HF_FEED_SUBSCRIBE,
    HF_FEED_UNSUBSCRIBE,
    HF_FEED_WATCH,
    HF_FEED_UNWATCH,
    HF_FEED_OVERVIEW,
    HF_FEED_HEATMAP,
    HF_FEED_WISHES, /* what a message is is seen by one of the above; the others are members of it */
    HF_FEED_TYPE = HF_FEED_WISHES,
    HF_FEED_DEVICE,
    HF_FEED_TOPIC,
    HF_FEED_BY,
    HF_FEED_FROM,
    HF_FEED_STATE,
    HF_FEED_SAMPLES,
    HF_FEED_FIELDS
};
typedef void hf_feed_wish(struct hf_feed *feed, uint64_t number,
                          const struct hf_json_field fields[HF_FEED_FIELDS]);
/* Absent when it is not there; false for what is no text, or a longer one. */
bool hf_feed_take_text(const struct hf_json_field *field, char *storage, size_t bytes,
                       struct hf_slice *ret_text);

/* feed_events.c */
hf_feed_wish hf_feed_subscribe, hf_feed_unsubscribe;
void hf_feed_next(struct hf_api_stream *stream);
void hf_feed_subscriptions_drop(struct hf_feed *feed);

/* feed_watch.c. A watch that has this number is replaced. The stream may be gone behind it. */
void hf_feed_watch(struct hf_feed *feed, uint64_t number, struct hf_slice device, bool state, bool samples);
void hf_feed_unwatch(struct hf_feed *feed, uint64_t number);
void hf_feed_watches_drop(struct hf_feed *feed);
/* The tick's member: whose last word still holds, all that was looked at since the tick before. */
void hf_feed_watches_tick(struct hf_feed *feed, struct hf_json_out *out);

#endif
