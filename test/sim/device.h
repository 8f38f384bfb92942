/* test/sim/device.h - one device: a machine with clocks and a memory that survives its program, and a program that speaks raw WebSocket (device_ws.c,
 * device_raw.c) or holdfast.v1 through the shipped client core (device_core.c, device_core_app.c). It publishes numbered messages, does what commands say once
 * each, and remembers what it was told. */
#ifndef HF_SIM_DEVICE_H
#define HF_SIM_DEVICE_H

#include "base/reason.h"
#include "base/slice.h"
#include "sim/clock.h"
#include "sim/net.h"

struct sim;
struct sim_device;
struct sim_raw;
struct sim_core;
struct sim_shadow_device;

enum {
    SIM_SENT_MAX = 8192, /* messages and commands of all applications */
    SIM_DEVICES_MAX = 16,
    SIM_DEVICE_MESSAGES_MAX = 4096,
    SIM_DEVICE_CONNECTIONS_MAX = 512,
};

/* What became of a message, as its device knows it. */
enum sim_message_fate {
    SIM_MESSAGE_NONE,
    SIM_MESSAGE_MADE,   /* given to the queue, which has not said yet that it has it */
    SIM_MESSAGE_QUEUED, /* the device will not lose it: it must arrive */
    SIM_MESSAGE_ACKED,  /* durable at the gateway */
    SIM_MESSAGE_FAILED, /* the device was told that it will never arrive */
    SIM_MESSAGE_LOST,   /* its program died before the queue had it, or the queue died with it */
};

/* One connection as its device knows it; what was said on it stays known to the oracle. */
struct sim_said {
    struct sim_device *device; /* by the oracle, with conn_id */
    uint32_t *numbers;         /* owns; raw: of the messages, in the order of their sending */
    uint32_t count, room;
    uint32_t logged; /* of them, by the oracle */
    uint64_t heard_seq
        [2]; /* of the last tracked message heard on it; [1]: of those that take the place in line of an older value */
    uint64_t conn_id; /* by the oracle, from the log; 0 = not there (yet) */
    uint64_t online_offset, epoch;
    uint64_t base;        /* sessions: device sequence less session number */
    uint64_t over_us;     /* when the device let it go; 0 = it has it */
    uint16_t close_heard; /* the reason in the gateway's Close frame */
};

struct sim_device_ops {
    void (*begin)(struct sim_device *device); /* the program begins */
    void (*end)(struct sim_device *device, bool power);
    void (*publish)(struct sim_device *device, uint32_t number);
    bool (*is_open)(const struct sim_device *device);
    void (*drop)(struct sim_device *device); /* ends the connection of its own accord */
    void (*calm)(struct sim_device *device); /* answers what it had put off */
    void (*free)(struct sim_device *device);
};

struct sim_device {
    struct sim *sim;
    const struct sim_device_ops *ops;
    struct sim_raw *raw;               /* owns; or */
    struct sim_core *core;             /* owns */
    struct sim_shadow_device *shadows; /* owns */
    unsigned index;
    char name[8], who[8], token[512];
    struct sim_host host;
    struct sim_path path;
    struct sim_clock clock;
    struct hf_rng rng;
    struct sim_event publish, boot;
    /* Survives the program. */
    uint32_t made; /* messages; numbers 1..made */
    uint8_t fate[SIM_DEVICE_MESSAGES_MAX];
    bool executed[SIM_SENT_MAX]; /* commands done, by the application's number - 1 */
    struct sim_said said[SIM_DEVICE_CONNECTIONS_MAX];
    uint32_t connections; /* tried so far; the one in use is the last */
    /* The program. */
    struct sim_sock *sock;     /* owns; NULL while not connected */
    struct sim_device *memory; /* who has done which command: itself, or device 0 of a twin */
    bool running;
    bool publishing; /* also to the topic that others have subscribed */
    bool slow;       /* reads a few bytes a second */
    bool twin;       /* another machine with the identity of device 0 */
};

void sim_device_init(struct sim_device *device, struct sim *sim, unsigned index);
void sim_device_deinit(struct sim_device *device);
void sim_device_start(struct sim_device *device); /* its program begins */
void sim_device_stop(struct sim_device *device, bool power, uint64_t down_us);
void sim_device_slow(struct sim_device *device, bool on);
void sim_device_drop_link(struct sim_device *device);
void sim_device_calm(struct sim_device *device);                    /* faults are over */
uint32_t sim_device_open_messages(const struct sim_device *device); /* made or queued, no end yet */
/* Another connection is tried: its place in said, and its name in the gateway's log. */
bool sim_device_connects(struct sim_device *device, char target[64]);
void sim_device_lets_go(struct sim_device *device); /* of its connection: the socket is not ours any more */
static inline struct sim_said *sim_device_said(struct sim_device *device)
{
    return &device->said[device->connections - 1];
}

extern const struct sim_device_ops sim_raw_ops, sim_core_ops;
void sim_raw_init(struct sim_device *device);
void sim_core_init(struct sim_device *device);

/* What devices and applications say: the same text for the same number, always, so that it can be compared wherever it turns up. */
const char *sim_message_topic(const struct sim_device *device, uint32_t number);
void sim_message_text(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes);
/* Its payload, which is such a text or a batch of samples. Returns bytes. */
size_t sim_message_write(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes);
static inline bool sim_command_fails(uint32_t number) /* what a device says to this one */
{
    return number % 11 == 0;
}
/* The number in a JSON object; false when it is none. */
bool sim_number_in(struct hf_slice json, const char *name, uint32_t *ret_number);

#endif
