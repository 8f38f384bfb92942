/* test/sim/oracle.h - what must be true whatever happens. It sees every record the moment its sync has returned, everything that devices and applications are
 * told, and what the disk holds after each start; it knows who said what, so every promise is compared with the truth, not with the gateway's own counts.
 *
 *   acknowledged = durable, in the log exactly once per connection, in the order it was said         DLV-10, promise 1 and 2
 *   a record that was durable is there after every crash, byte for byte                              ST-4
 *   one request, one record; one end per message; a command's end is what its device said            DLV-11, DLV-15, promise 4
 *   nothing is delivered before it is durable, out of order, twice on a connection, after its end    DLV-5
 *   epochs grow by one, presence events follow one another, one reason per close                     TWIN-6, TWIN-7, API-4
 *   a reader sees every record or the exact gap                                                      ST-5
 *   queues and books stay within their bounds                                                        promise 6
 *   once faults are over everything that is open comes to its end within a bound                     DEP-8 */
#ifndef HF_SIM_ORACLE_H
#define HF_SIM_ORACLE_H

#include "base/reason.h"
#include "core/presence.h"
#include "log/reader.h"
#include "sim/app.h"
#include "sim/device.h"
#include "sim/samples.h"
#include "sim/shadow.h"

struct sim_worker;
struct sim_push;

struct sim_record { /* one that was durable */
    uint64_t hash, conn;
    uint32_t number; /* of a device's or application's message */
    uint8_t type, device;
    bool lost;  /* to bit rot, and readers were told so */
    bool audit; /* the audit keeps it */
};

struct sim_closed { /* a connection that the gateway has closed, and why */
    uint64_t conn;
    uint16_t reason;
    bool recorded;
};

enum { SIM_QUEUES_MAX = 128 };

struct sim_queue { /* uplink of a session device */
    uint64_t id, next;
    uint32_t last_number;
};

struct sim_seen { /* one device, as the log and the gateway show it */
    uint64_t epoch, conn, open_conn;
    uint8_t presence;
    bool ended; /* the end of `conn` was recorded */
    uint64_t conn_boot;
    uint64_t turned_away_ms;       /* its older connection was replaced and no newer one let in; 0 = no */
    uint64_t seq;                  /* of the last tracked message */
    uint32_t by_seq[SIM_SENT_MAX]; /* number, by seq - 1 */
    bool logged[SIM_DEVICE_MESSAGES_MAX];
    struct sim_closed closed[SIM_DEVICE_CONNECTIONS_MAX];
    uint32_t closed_count;
    struct sim_queue queues[SIM_QUEUES_MAX];
    unsigned queue_count;
    uint64_t up_gaps; /* uplink numbers that hold no message */
    uint64_t corrupt_gaps,
        corrupt_told; /* batches that were refused: numbers in the log; and their device knows */
    struct sim_sample_sums samples, live; /* in the log; since the start */
};

struct sim_oracle {
    struct sim_record *records; /* owns; records[offset - 1] */
    uint64_t count, room;
    struct hf_log_reader *reader;
    struct sim_seen *seen; /* owns; by device */
    struct sim_sent *sent; /* owns; by number - 1 */
    uint32_t sent_count;
    uint64_t boot;   /* of the last start in the log */
    uint64_t rotten; /* bits that have rotted so far */
    uint64_t messages, commands_done;
    struct sim_shadow shadows[SIM_DEVICES_MAX * SIM_SHADOWS];
    struct sim_change *changes; /* owns; by number - 1; NULL before the first */
    uint32_t change_count;
    uint64_t shadow_changes; /* in the log */
    uint64_t shadows_deleted;
    uint64_t refused_alone;  /* changes of which the operations' log has refused some */
    struct sim_push *pushes; /* owns; NULL before the first */
    unsigned push_count;
    uint64_t audited;              /* records of which an application is the reason */
    uint64_t pushed, push_refused; /* pushes in the log; members that were counted as refused */
    uint64_t samples;              /* batches of them */
    bool failed;
    char message[512];
};

void sim_oracle_init(struct sim *sim);
void sim_oracle_deinit(struct sim *sim);

/* The gateway. */
void sim_oracle_durable(struct sim *sim); /* a sync has returned */
void sim_oracle_started(struct sim *sim); /* the log was recovered */
void sim_oracle_stopped(struct sim *sim);
void sim_oracle_turn(struct sim *sim, const struct sim_worker *worker);
void sim_oracle_connection(struct sim *sim, struct hf_slice device, uint64_t conn, bool open,
                           enum hf_reason reason, uint16_t code);
/* Devices. */
void sim_oracle_acked(struct sim *sim, struct sim_device *device, uint32_t number, uint64_t offset);
void sim_oracle_heard(struct sim *sim, struct sim_device *device, uint32_t number, bool command);
void sim_oracle_executed(struct sim *sim, struct sim_device *device, uint32_t number);
void sim_oracle_publication(struct sim *sim, struct sim_device *device, uint32_t from, uint32_t number);
void sim_oracle_close_heard(struct sim *sim, struct sim_device *device, uint16_t code,
                            struct hf_slice reason);
/* Applications. */
void sim_oracle_accepted(struct sim *sim, struct sim_sent *sent, const struct hf_call *call);
void sim_oracle_read(struct sim *sim, const struct sim_app *app, const struct hf_log_record *record);
void sim_oracle_gap(struct sim *sim, const struct sim_app *app, struct hf_log_gap gap);
/* Has everything come to its end? Otherwise *why says what has not. */
bool sim_oracle_done(struct sim *sim, char *why, size_t why_bytes);

/* oracle_session.c: devices that speak holdfast.v1 */
struct hf_client_opened;
void sim_oracle_opened(struct sim *sim, struct sim_device *device, const struct hf_client_opened *opened);
/* False: it was a batch that the log has a gap for, and the REFUSE was lost with its connection. */
bool sim_oracle_sent(struct sim *sim, struct sim_device *device, uint32_t number);
void sim_oracle_failed(struct sim *sim, struct sim_device *device, uint32_t number, enum hf_reason reason);
void sim_oracle_told(struct sim *sim, struct sim_device *device, uint32_t number, bool command);
void sim_oracle_answered(struct sim *sim, struct sim_device *device, uint32_t number);
void sim_oracle_down_gap(struct sim *sim, struct sim_device *device, uint64_t from, uint64_t to,
                         enum hf_reason reason);
void sim_oracle_books(struct sim *sim); /* at the end of the world */
void sim_oracle_session_message(struct sim *sim, const struct hf_event *event, struct sim_record *record,
                                struct sim_seen *seen);
void sim_oracle_session_gap(struct sim *sim, const struct hf_event *event, struct sim_seen *seen);
void sim_oracle_session_online(struct sim *sim, const struct hf_event *event, struct sim_said *said,
                               struct sim_seen *seen);
/* Uplink numbers from..to of a queue have come into the log. False: they were not next, and the world has failed. */
bool sim_oracle_uplink(struct sim *sim, const struct hf_event *event, struct sim_seen *seen,
                       uint64_t queue_id, uint64_t from, uint64_t to);

/* oracle_audit.c: who asks, of a call that an application makes; who is a name that stays. Each record that comes of it must say so. */
void sim_audit(struct hf_call *call, const char *who, uint32_t number);
void sim_oracle_audit(struct sim *sim, const struct hf_event *event, struct sim_record *record);
/* Once all is quiet: the audit has each of them that was not lost, once, and nothing else. */
void sim_oracle_audit_quiet(struct sim *sim);

uint64_t sim_record_hash(const struct hf_log_record *record);

/* oracle_events.c: one record that has become durable. */
void sim_oracle_event(struct sim *sim, const struct hf_event *event, struct sim_record *record);
struct sim_said *sim_oracle_said(struct sim *sim, unsigned device, uint64_t conn); /* or NULL */

#endif
