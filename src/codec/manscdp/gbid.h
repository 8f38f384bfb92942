/* codec/manscdp/gbid.h - the 20-digit ids of GB/T 28181: 8 digits centre, 2 industry, 3 type, 1 network, 6 serial. They are text and
 * stay text. Types classify, they never admit: recorders register as cameras and as platforms. Pure.
 * Source: GB/T 28181-2022 annex E (2016: annex D). */
#ifndef HF_CODEC_MANSCDP_GBID_H
#define HF_CODEC_MANSCDP_GBID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    HF_GBID_DIGITS = 20,
    HF_GBID_DIGITS_MIN = 18, /* of a device: older coding rules had 18 */
    HF_GBID_DOMAIN_DIGITS = 10,
};

enum hf_gbid_rule {
    HF_GBID_RULE_ITEM,   /* 2 to 20 digits: whatever a catalogue holds */
    HF_GBID_RULE_DEVICE, /* 18 to 20 digits: what may register */
    HF_GBID_RULE_STRICT, /* 20 digits */
    HF_GBID_RULE_LOOSE,  /* 2 to 20 digits or letters: provisioned one by one */
};

/* id, name in APIs */
#define HF_GBID_KIND_MAP(X)                                                       \
    X(UNKNOWN, "unknown")                   /* no id of this standard */          \
    X(REGION, "region")                     /* 2, 4, 6 or 8 digits */             \
    X(ALARM_CENTRE, "alarm_centre")         /* 10 digits */                       \
    X(DEVICE, "device")                     /* types 111-130 */                   \
    X(CHANNEL, "channel")                   /* 131-199: what hangs on a device */ \
    X(PLATFORM, "platform")                 /* 200-299 but the two below */       \
    X(GROUP, "business_group")              /* 215 */                             \
    X(ORGANISATION, "virtual_organisation") /* 216 */                             \
    X(USER, "user")                         /* 300-343, 400-443 */                \
    X(SERVER, "server")                     /* 500-599 */                         \
    X(OTHER, "other")                       /* the rest of 20 digits */
#define HF_GBID_KIND_ID(id, name) HF_GBID_##id,
enum hf_gbid_kind { HF_GBID_KIND_MAP(HF_GBID_KIND_ID) HF_GBID_KINDS };
#undef HF_GBID_KIND_ID

bool hf_gbid_valid(struct hf_slice id, enum hf_gbid_rule rule);

unsigned hf_gbid_type(struct hf_slice id);    /* digits 11-13; 0 unless 20 digits */
const char *hf_gbid_type_name(unsigned type); /* "ipc"; NULL when the standard names none */
enum hf_gbid_kind hf_gbid_kind(struct hf_slice id);
const char *hf_gbid_kind_name(enum hf_gbid_kind kind); /* "channel"; NULL when out of range */

/* The first 10 digits; absent when there are fewer, or other characters among them. */
struct hf_slice hf_gbid_domain(struct hf_slice id);

/* The id in a catalogue's ParentID: its last part behind / or, in some, \ ; the whole when there is one part. */
struct hf_slice hf_gbid_nearest_parent(struct hf_slice parent_id);

#endif
