/* test/sim/device.h - one device: a machine with a clock, a memory that survives its program, and a program that speaks raw WebSocket. It publishes messages with
 * ids and keeps them until they are acknowledged, sends them again on a new connection, does what commands say once each and answers them as often as
 * they come. */
#ifndef HF_SIM_DEVICE_H
#define HF_SIM_DEVICE_H

#include "codec/ws/assembly.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"
#include "sim/clock.h"
#include "sim/net.h"

struct sim;

enum {
    SIM_DEVICES_MAX = 16,
    SIM_DEVICE_MESSAGES_MAX = 4096,
    SIM_DEVICE_CONNECTIONS_MAX = 512,
    SIM_DEVICE_COMMANDS_MAX = 1024,
    SIM_DEVICE_OUT_MAX = 1 << 17,
};

/* One connection as its device knows it; what was said on it stays known to the oracle. */
struct sim_device;

struct sim_said {
    struct sim_device *device; /* by the oracle, with conn_id */
    uint32_t *numbers;         /* owns: of the messages, in the order of their sending */
    uint32_t count, room;
    uint32_t logged;    /* of them, by the oracle */
    uint64_t heard_seq; /* of the last tracked message heard on it */
    uint64_t conn_id;   /* by the oracle, from the log; 0 = not there (yet) */
    uint64_t online_offset;
    uint16_t close_heard; /* the reason in the gateway's Close frame */
};

struct sim_device {
    struct sim *sim;
    unsigned index;
    char name[8], who[8], token[512];
    struct sim_host host;
    struct sim_path path;
    struct hf_rng rng;

    /* Survives the program. */
    uint32_t made; /* messages; numbers 1..made */
    bool acked[SIM_DEVICE_MESSAGES_MAX];
    uint64_t acked_offset[SIM_DEVICE_MESSAGES_MAX];
    uint32_t executed[SIM_DEVICE_COMMANDS_MAX]; /* commands done, by the application's number */
    uint32_t executed_count;
    struct sim_said said[SIM_DEVICE_CONNECTIONS_MAX];
    uint32_t connections; /* tried so far; the one in use is the last */

    /* The program. */
    struct sim_sock *sock; /* owns; NULL while not connected */
    enum { SIM_DEV_DOWN, SIM_DEV_WAITING, SIM_DEV_CONNECTING, SIM_DEV_HANDSHAKE, SIM_DEV_OPEN } state;
    struct hf_ws_client client;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *assembly;
    uint8_t *out; /* owns: not yet taken by the kernel */
    size_t out_bytes, out_room;
    char head[2048];
    size_t head_bytes;
    uint32_t next_send; /* the number to be sent next on this connection */
    uint32_t attempts;
    uint64_t opened_us, heard_us;
    struct sim_event publish, retry, patience, answer, boot;
    struct {
        char id[40];
        uint32_t number;
        uint64_t due_us;
    } answers[64]; /* results that take their time */
    unsigned answer_count;
    bool publishing;           /* to the topic that others have subscribed */
    bool slow;                 /* reads a few bytes a second */
    bool twin;                 /* another machine with the identity of device 0 */
    bool forgot;               /* has left a command unanswered */
    struct sim_device *memory; /* who has done which command: itself, or device 0 of a twin */
};

void sim_device_init(struct sim_device *device, struct sim *sim, unsigned index);
void sim_device_deinit(struct sim_device *device);
void sim_device_start(struct sim_device *device); /* its program begins */
void sim_device_stop(struct sim_device *device, bool power, uint64_t down_us);
void sim_device_slow(struct sim_device *device, bool on);
void sim_device_drop_link(
    struct sim_device *device); /* its program closes the connection, with or without a goodbye */
void sim_device_calm(
    struct sim_device *device); /* faults are over: it is there, and answers what it had forgotten */
uint32_t sim_device_unacked(const struct sim_device *device);
static inline struct sim_said *sim_device_said(struct sim_device *device)
{
    return &device->said[device->connections - 1];
}

/* device_raw.c: what it says and hears */
void sim_raw_hello(struct sim_device *device);   /* it is open: sends what waits */
void sim_raw_publish(struct sim_device *device); /* makes one more message */
void sim_raw_message(struct sim_device *device, struct hf_slice text, bool is_text);
void sim_raw_answer(struct sim_device *device); /* answers that are due */
void sim_raw_pump(struct sim_device *device);   /* sends on what waits */
const char *sim_message_topic(const struct sim_device *device, uint32_t number);
void sim_message_text(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes);
static inline bool sim_command_fails(uint32_t number) /* what the device says to this one */
{
    return number % 11 == 0;
}
void sim_device_write_frame(struct sim_device *device, enum hf_ws_opcode opcode, const void *payload,
                            size_t bytes);

#endif
