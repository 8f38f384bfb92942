/* test/sim/device_core.h - a device that speaks holdfast.v1: the shipped client core (client/session/core.h) over a simulated socket, with a queue that survives its
 * program (client/store/store_memory.h) and an application on top. device_core.c is the driver, device_core_app.c the application. */
#ifndef HF_SIM_DEVICE_CORE_H
#define HF_SIM_DEVICE_CORE_H

#include "client/session/core.h"
#include "client/store/store_memory.h"
#include "sim/device.h"
#include "sim/mangle.h"

enum { SIM_CORE_LATER_MAX = 512, SIM_CORE_AT_ONCE = 512, SIM_CORE_IDS_MAX = 16384 };

/* One queue of four has come far when its world begins: within its first 64 messages it crosses 2^32. Its id says so, to the oracle as well; those that the core
 * draws itself never do. */
#define SIM_FAR_MASK  UINT64_C(0xffffffff00000000)
#define SIM_FAR_QUEUE UINT64_C(0xfa2fa2fa00000000)

static inline uint64_t sim_queue_id(uint64_t drawn)
{
    return (drawn >> 61 & 3) == 3 ? SIM_FAR_QUEUE | (uint32_t)drawn : drawn;
}

static inline uint64_t sim_queue_first(uint64_t queue_id)
{
    return (queue_id & SIM_FAR_MASK) == SIM_FAR_QUEUE ? UINT32_MAX - (queue_id >> 8 & 63) : 1;
}

struct sim_later { /* delivered, and not acknowledged yet */
    uint64_t handle, due_us;
    uint32_t number;
    bool command, given; /* given: the acknowledgement is with the core */
};

struct sim_core {
    struct sim_device *device;
    struct hf_client_core *core; /* owns; NULL while the program is not there */
    struct hf_store *store;      /* owns; survives */
    struct sim_event due, stage, probe, network, answer;
    struct sim_mangle up, down; /* between the core and its socket, in worlds that have it */
    struct sim_event release;
    bool told_open, write_blocked;
    bool diskless; /* its queue lives as long as its program */
    bool no_clock; /* never synchronised */
    bool json;     /* speaks holdfast.v1.json */
    /* Of the queue. */
    uint32_t number_of[SIM_CORE_IDS_MAX]; /* by the queue's id; 0 = of a result */
    /* Of this program. */
    struct sim_later later[SIM_CORE_LATER_MAX];
    unsigned later_count;
    struct {
        uint64_t handle;
        uint32_t number;
    } at_once
        [SIM_CORE_AT_ONCE]; /* commands answered at once, the last ones: their result may not have fitted */
    unsigned at_once_next;
    bool heard[SIM_SENT_MAX];
    uint64_t heard_seq;     /* device sequence of the last numbered message */
    uint64_t expected_down; /* session number of the next one */
    /* Survives: what the application has acknowledged durably. */
    bool done[SIM_SENT_MAX];
    bool maybe[SIM_SENT_MAX]; /* acknowledged at once: it was not told when that was durable */
    uint32_t failed_count;    /* messages that it was told have failed */
    bool old_gap;             /* the next gap is of the session before */
};

struct hf_client_time sim_core_now(const struct sim_device *device);
void sim_core_arm(struct sim_device *device); /* after each call into the core */
extern const struct hf_client_ops sim_core_client_ops;

/* device_core_app.c */
enum hf_client_answer sim_core_message(void *user, const struct hf_client_message *message,
                                       struct hf_client_result *ret_result);
void sim_core_done(void *user, uint64_t handle, hf_err err);
void sim_core_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason);
void sim_core_published(void *user, void *cookie, uint64_t id, hf_err err);
void sim_core_sent(void *user, uint64_t id);
void sim_core_failed(void *user, uint64_t id, enum hf_reason reason);
void sim_core_opened(void *user, const struct hf_client_opened *opened);
void sim_core_document(void *user, const struct hf_client_document *document);
void sim_core_mangle(struct sim_device *device, unsigned permille);
void sim_core_answer(struct sim_device *device); /* acknowledges what is due */
void sim_core_died(struct sim_device *device);   /* its program, and with it what was not durable */

#endif
