/* test/sim/device_ws.h - a raw device's program: its connection (device_ws.c) and its words (device_raw.c, doc/devices.md). */
#ifndef HF_SIM_DEVICE_WS_H
#define HF_SIM_DEVICE_WS_H

#include "codec/ws/assembly.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"
#include "sim/device.h"

enum { SIM_RAW_ANSWERS_MAX = 64 };

struct sim_raw {
    enum { SIM_RAW_DOWN, SIM_RAW_WAITING, SIM_RAW_CONNECTING, SIM_RAW_HANDSHAKE, SIM_RAW_OPEN } state;
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
    struct sim_event retry, patience, answer;
    struct sim_device *device;
    struct {
        char id[40];
        uint32_t number;
        uint64_t due_us;
    } answers[SIM_RAW_ANSWERS_MAX]; /* results that take their time */
    unsigned answer_count;
    bool forgot;          /* has left a command unanswered */
    unsigned bad_batches; /* sent, and not said to be so yet */
};

void sim_raw_hello(struct sim_device *device); /* it is open: sends what waits */
void sim_raw_message(struct sim_device *device, struct hf_slice text, bool is_text);
void sim_raw_answer(struct sim_device *device); /* answers that are due */
void sim_raw_pump(struct sim_device *device);   /* sends on what waits */
void sim_raw_write(struct sim_device *device, enum hf_ws_opcode opcode, const void *payload, size_t bytes);

#endif
