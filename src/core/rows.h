/* core/rows.h - the values of the keyed tables. They follow from events alone (core/projection.h) and are read by the API.
 * Wire: u8 version (1), u8 count of numbers, u8 count of texts, numbers as big-endian u64, each text as u32 length and bytes. A
 * reader takes fewer numbers or texts than it knows as zero and skips those that it does not know, so rows can grow. */
#ifndef HF_CORE_ROWS_H
#define HF_CORE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/event.h"
#include "core/session/refusals.h"

/* DEVICES: key tenant 0 device. */
#define HF_DEVICE_ROW_MAP(NUMBER, TEXT)                                                                    \
    NUMBER(epoch)     /* of the last connection; only grows */                                             \
    NUMBER(presence)  /* enum hf_presence as last recorded */                                              \
    NUMBER(boot)      /* the start of the node that recorded it: another one means "unknown" */            \
    NUMBER(since_ms)  /* UTC, of the presence */                                                           \
    NUMBER(reason)    /* of the last change */                                                             \
    NUMBER(code)      /* WebSocket close code of the last disconnect, 0 = none */                          \
    NUMBER(first_ms)  /* UTC, first seen */                                                                \
    NUMBER(online_ms) /* UTC, last connect */                                                              \
    NUMBER(offset)    /* of the last presence event */                                                     \
    NUMBER(conn)      /* id of the last connection */                                                      \
    NUMBER(connects)  /* how often it was let in */                                                        \
    NUMBER(seq)       /* last downlink sequence given */                                                   \
    NUMBER(base)      /* session: the downlink sequence before its first */                                \
    NUMBER(top)       /* session: the last one given before it was made */                                 \
    NUMBER(delivered) /* session: the highest that the device has durably */                               \
    NUMBER(queue)     /* id of the device's uplink queue, 0 = none */                                      \
    NUMBER(uplink)    /* highest sequence of that queue that is in the log */                              \
    NUMBER(seen_ms)   /* UTC, last sign of life as of the end of the last connection */                    \
    NUMBER(ended)     /* no named shadow that was deleted had a version above this one */                  \
    TEXT(protocol)                                                                                         \
    TEXT(session)   /* 16 bytes, or absent */                                                              \
    TEXT(uplink_id) /* 16 bytes: id of the message with the number `uplink`; absent = it has none */       \
    TEXT(binding)   /* a registered camera: payload of its last camera.bound; absent once it is offline */ \
    TEXT(refused)   /* of that queue, that the device may not know of: core/session/refusals.h */

/* MESSAGES: key 16-byte id. The fate of a message or command. */
#define HF_MESSAGE_ROW_MAP(NUMBER, TEXT)               \
    NUMBER(command) /* 1 = command */                  \
    NUMBER(fate)    /* enum hf_fate */                 \
    NUMBER(reason)                                     \
    NUMBER(created_ms)                                 \
    NUMBER(updated_ms)                                 \
    NUMBER(expires_ms)                                 \
    NUMBER(offset) /* of the record that queued it */  \
    NUMBER(seq)    /* in the device's downlink */      \
    NUMBER(format) /* of the result */                 \
    NUMBER(flags)                                      \
    NUMBER(targets) /* broadcasts: devices meant */    \
    NUMBER(written) /* broadcasts: given to sockets */ \
    TEXT(tenant)                                       \
    TEXT(device) /* absent = broadcast */              \
    TEXT(topic)  /* or the command's name */           \
    TEXT(result) /* at most HF_RESULT_BYTES_MAX, longer ones are only in the event */

/* KEYS: key = key id. API keys made at run time; those of the configuration are not here. */
#define HF_KEY_ROW_MAP(NUMBER, TEXT)                   \
    NUMBER(created_ms)                                 \
    NUMBER(revoked_ms) /* 0 = valid */                 \
    NUMBER(expires_ms) /* 0 = never */                 \
    TEXT(tenant)                                       \
    TEXT(sha256) /* 32 bytes, of the whole key text */ \
    TEXT(scopes) /* space separated */                 \
    TEXT(name)

/* IDEMPOTENCY: key tenant 0 device 0 key. */
#define HF_IDEMPOTENCY_ROW_MAP(NUMBER, TEXT)        \
    NUMBER(created_ms)                              \
    TEXT(id)   /* 16 bytes, of the first message */ \
    TEXT(hash) /* 8 bytes, of the SHA-256 of the first body */

/* CATALOGS: key tenant 0 device; besides one row for all of them together (core/projection_channels.c). */
#define HF_CATALOG_ROW_MAP(NUMBER, TEXT)                                                         \
    NUMBER(offset)       /* of the last camera.channels event that is in it */                   \
    NUMBER(generation)   /* of CHANNELS: the rows that count */                                  \
    NUMBER(count)        /* of them */                                                           \
    NUMBER(complete_ms)  /* UTC, when a complete list was last heard; 0 = never */               \
    NUMBER(changed_ms)   /* UTC */                                                               \
    NUMBER(left_out)     /* channels that a bound kept out */                                    \
    NUMBER(staging)      /* generation of a list whose commit is still to come; 0 = none */      \
    NUMBER(staging_list) /* seq of its parts */                                                  \
    NUMBER(staged)       /* its rows */                                                          \
    TEXT(digest)         /* of the complete list, in hex; absent: something has changed since */ \
    TEXT(settings)       /* payload of the last camera.settings */

/* CHANNELS: key tenant 0 device 0 generation, channel id. */
#define HF_CHANNEL_ROW_MAP(NUMBER, TEXT)                     \
    NUMBER(status)     /* enum hf_channel_status, as said */ \
    NUMBER(changed_ms) /* UTC, since when */                 \
    TEXT(name)                                               \
    TEXT(parent) /* ParentID as said, several with / */      \
    TEXT(more)   /* everything else, packed: core/channels.h */

/* PUSHES, key tenant 0 'p' id: core/fleet/push_rows.h. members = stored + unchanged + refused. */
#define HF_PUSH_ROW_MAP(NUMBER, TEXT)                                                            \
    NUMBER(created_ms)                                                                           \
    NUMBER(updated_ms)                                                                           \
    NUMBER(offset)     /* of its record */                                                       \
    NUMBER(done)       /* 1: each member was looked at */                                        \
    NUMBER(members)    /* so far */                                                              \
    NUMBER(stored)     /* their shadow was changed */                                            \
    NUMBER(unchanged)  /* it wanted so already */                                                \
    NUMBER(refused)    /* it could not be changed */                                             \
    NUMBER(delivered)  /* of the stored: the device knows the version */                         \
    NUMBER(applied)    /* of the stored: the device reports what is wanted */                    \
    NUMBER(superseded) /* of the stored: later changes have replaced it before it was applied */ \
    NUMBER(console)    /* 1: beside `by`, it was asked for in the web console */                 \
    TEXT(group)                                                                                  \
    TEXT(by) /* id of the API key that asked for it; absent = nobody's */                        \
    TEXT(who)                                                                                    \
    TEXT(reasons) /* of refusals: u16 reason, u32 count each */

enum { HF_RESULT_BYTES_MAX = 64 * 1024, HF_DEVICE_ROW_BYTES_MAX = 1024 + HF_REFUSALS_BYTES_MAX };

#define HF_ROW_NUMBER(name) uint64_t name;
#define HF_ROW_TEXT(name)   struct hf_slice name;
#define HF_ROW_DECLARE(row, MAP)                                                                    \
    struct hf_##row##_row {                                                                         \
        MAP(HF_ROW_NUMBER, HF_ROW_TEXT)                                                             \
    };                                                                                              \
    /* Bytes written, or 0 when out is too small. */                                                \
    size_t hf_##row##_row_encode(const struct hf_##row##_row *row, uint8_t *out, size_t out_bytes); \
    /* Texts borrow from the value. HF_ERR_CORRUPT when it is not a row. */                         \
    hf_err hf_##row##_row_decode(struct hf_slice value, struct hf_##row##_row *ret_row);

HF_ROW_DECLARE(device, HF_DEVICE_ROW_MAP)
HF_ROW_DECLARE(message, HF_MESSAGE_ROW_MAP)
HF_ROW_DECLARE(key, HF_KEY_ROW_MAP)
HF_ROW_DECLARE(idempotency, HF_IDEMPOTENCY_ROW_MAP)
HF_ROW_DECLARE(catalog, HF_CATALOG_ROW_MAP)
HF_ROW_DECLARE(channel, HF_CHANNEL_ROW_MAP)
HF_ROW_DECLARE(push, HF_PUSH_ROW_MAP)

/* CALLS (key tenant 0 device 0 id: camera.call of a media session that stands), OUTBOX (key tenant 0 device 0 seq: what waits for the device) and EXPLAIN (key tenant 0 device 0 offset: why things were as
 * they were, 24 h, at most 256 a device) hold events as they were logged: u64 offset, u64 time_ms, body. */
size_t hf_event_row_encode(const struct hf_event *event, uint8_t *out, size_t out_bytes);
hf_err hf_event_row_decode(struct hf_slice value, struct hf_event *ret_event);

#endif
