/* core/gb/subscription.h - when a subscription at a device is made, renewed, made anew, and given up. The adapter says what happened and does what is asked of it. Pure.
 * Sources: RFC 6665 4.1; GB/T 28181-2022 9.11; requirements GB-9, GB-10, GB-20.
 *
 *   NONE --due--> PENDING --accepted, notified--> ACTIVE --due--> (renewal)
 *    ^              |  ^--due----- FAILED <--refused, silent, lost--+
 *    |              +--refused, silent, lost--^
 *    +-- unwanted, gone: any */
#ifndef HF_CORE_GB_SUBSCRIPTION_H
#define HF_CORE_GB_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

/* Name in the API, what it is called in Event, CmdType of its bodies, Expires when nothing is said. */
#define HF_GB_TOPIC_MAP(X)                    \
    X(CATALOG, "catalog", "Catalog", 600)     \
    X(ALARM, "alarm", "presence", 3600)       \
    X(POSITION, "position", "presence", 3600) \
    X(PTZ_POSITION, "ptz_position", "presence", 3600) /* edition 2022 */
#define HF_GB_TOPIC_ID(id, name, event, expires_s) HF_GB_TOPIC_##id,
enum hf_gb_topic { HF_GB_TOPIC_MAP(HF_GB_TOPIC_ID) HF_GB_TOPICS };
#undef HF_GB_TOPIC_ID
const char *hf_gb_topic_name(unsigned topic);  /* "catalog" */
const char *hf_gb_topic_event(unsigned topic); /* "Catalog" */
uint32_t hf_gb_topic_expires_s(unsigned topic);

enum hf_gb_sub_state {
    HF_GB_SUB_NONE,
    HF_GB_SUB_PENDING,
    HF_GB_SUB_ACTIVE,
    HF_GB_SUB_FAILED,
    HF_GB_SUB_STATES
};
const char *hf_gb_sub_name(unsigned state); /* "active" */

enum hf_gb_sub_event {
    HF_GB_SUB_DUE,      /* the time that was armed */
    HF_GB_SUB_ACCEPTED, /* 2xx */
    HF_GB_SUB_NOTIFIED, /* a NOTIFY that does not end it, also before the 2xx */
    HF_GB_SUB_REFUSED,  /* 300 to 699, 481 and 489 among them */
    HF_GB_SUB_SILENT,   /* no answer */
    HF_GB_SUB_LOST,     /* a NOTIFY that ends it, or the way to the device failed */
    HF_GB_SUB_UNWANTED, /* by whoever wanted it */
    HF_GB_SUB_GONE,     /* the device: its subscriptions are forgotten */
    HF_GB_SUB_EVENTS
};

enum hf_gb_sub_act {
    HF_GB_SUB_NOTHING,
    HF_GB_SUB_ASK,    /* SUBSCRIBE without a dialog */
    HF_GB_SUB_RENEW,  /* SUBSCRIBE in its dialog */
    HF_GB_SUB_KEEP,   /* arm hf_gb_sub_renew_ms() */
    HF_GB_SUB_WAIT,   /* forget the dialog, arm hf_gb_sub_retry_ms() */
    HF_GB_SUB_CANCEL, /* SUBSCRIBE with Expires 0 in its dialog, if there is one, and forget */
    HF_GB_SUB_FORGET,
};

struct hf_gb_sub_rule {
    uint8_t state;      /* enum hf_gb_sub_state */
    uint8_t failures;   /* since it last held for HF_GB_SUB_HELD_MS */
    uint64_t active_ms; /* monotonic, since when */
};

enum {
    HF_GB_SUB_EXPIRES_S_MIN = 30,
    HF_GB_SUB_EXPIRES_S_MAX = 86400,
    HF_GB_SUB_RETRY_MS = 2000, /* after the first failure; doubled with each */
    HF_GB_SUB_RETRY_MS_MAX = 1800000,
    HF_GB_SUB_HELD_MS = 60000,
    HF_GB_SUB_RENEW_MS_MIN = 5000,
};

/* A cell that the table does not have changes nothing. */
enum hf_gb_sub_act hf_gb_sub_step(struct hf_gb_sub_rule *rule, enum hf_gb_sub_event event, uint64_t now_ms);

/* From the answer on: 80 to 90 % of what was granted, by random, so that a fleet does not renew in step. */
uint64_t hf_gb_sub_renew_ms(uint32_t expires_s, uint32_t random);
uint64_t hf_gb_sub_retry_ms(unsigned failures, uint32_t random);

#endif
