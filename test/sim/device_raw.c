/* test/sim/device_raw.c - what a device says and hears in raw mode (doc/devices.md). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"
#include "sim/device.h"
#include "sim/sim.h"

enum { OUT_BYTES_MAX = 16384, ANSWER_US_MAX = 2000000, PAD_MAX = 4096 };

/* ---- up ---- */

static void send_data(struct sim_device *device, uint32_t number)
{
    struct sim_said *said = sim_device_said(device);
    char text[PAD_MAX + 256], payload[PAD_MAX + 64];

    sim_message_text(device, number, payload, sizeof(payload));
    int bytes =
        snprintf(text, sizeof(text), "{\"type\":\"data\",\"id\":%" PRIu32 ",\"topic\":\"%s\",\"payload\":%s}",
                 number, sim_message_topic(device, number), payload);
    HF_ASSERT(bytes > 0 && (size_t)bytes < sizeof(text));
    if (said->count == said->room) {
        said->room = said->room ? 2 * said->room : 16;
        said->numbers = realloc(said->numbers, said->room * sizeof(*said->numbers));
        HF_ASSERT(said->numbers != NULL);
    }
    said->numbers[said->count++] = number;
    sim_device_write_frame(device, HF_WS_OP_TEXT, text, (size_t)bytes);
}

const char *sim_message_topic(const struct sim_device *device, uint32_t number)
{
    return device->publishing && number % 3 == 0 ? "news" : "t";
}

/* The same text for the same number, always: so a message can be compared wherever it turns up. */
void sim_message_text(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes)
{
    uint64_t size = (number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % device->sim->plan.payload_bytes_max;
    int bytes = snprintf(out, out_bytes, "{\"d\":%u,\"n\":%" PRIu32 ",\"pad\":\"", device->index, number);

    for (uint64_t i = 0; i < size; i++)
        out[bytes++] = (char)('a' + (number + i) % 26);
    memcpy(out + bytes, "\"}", 3);
    HF_ASSERT((size_t)bytes + 3 <= out_bytes);
}

void sim_raw_pump(struct sim_device *device)
{
    if (device->state != SIM_DEV_OPEN)
        return;
    while (device->next_send < device->made && device->out_bytes < OUT_BYTES_MAX) {
        uint32_t number = ++device->next_send;

        if (!device->acked[number - 1])
            send_data(device, number);
    }
}

void sim_raw_hello(struct sim_device *device)
{
    static const char subscribe[] = "{\"type\":\"subscribe\",\"topic\":\"news\"}";

    if (device->index % 2 == 0)
        sim_device_write_frame(device, HF_WS_OP_TEXT, subscribe, sizeof(subscribe) - 1);
    sim_raw_pump(device);
}

void sim_raw_publish(struct sim_device *device)
{
    if (device->made == SIM_DEVICE_MESSAGES_MAX ||
        sim_device_unacked(device) >= device->sim->plan.unacked_max)
        return; /* its memory is full: it waits */
    device->made++;
    sim_raw_pump(device);
}

/* ---- down ---- */

enum { TYPE, ID, OFFSET, PAYLOAD, M, D, N, REASON, FIELDS };

static void on_ack(struct sim_device *device, const struct hf_json_field *fields)
{
    uint64_t number = 0, offset = 0;

    if (hf_json_to_u64(&fields[ID], &number) != HF_OK || hf_json_to_u64(&fields[OFFSET], &offset) != HF_OK ||
        number == 0 || number > device->made) {
        sim_fail(device->sim, "%s got an ack of a message that it has not sent", device->name);
        return;
    }
    sim_oracle_acked(device->sim, device, (uint32_t)number, offset);
    device->acked[number - 1] = true;
    device->acked_offset[number - 1] = offset;
    sim_raw_pump(device);
}

static void answer(struct sim_device *device, const char *id, uint32_t number)
{
    char text[256];
    int bytes =
        snprintf(text, sizeof(text),
                 "{\"type\":\"result\",\"id\":\"%s\",\"status\":\"%s\",\"payload\":{\"r\":%" PRIu32 "}}", id,
                 sim_command_fails(number) ? "error" : "ok", number);

    sim_device_write_frame(device, HF_WS_OP_TEXT, text, (size_t)bytes);
}

void sim_raw_answer(struct sim_device *device)
{
    struct sim_events *events = &device->sim->events;
    uint64_t next_us = UINT64_MAX;

    for (unsigned i = 0; i < device->answer_count;) {
        if (device->answers[i].due_us > events->now_us) {
            next_us = HF_MIN(next_us, device->answers[i].due_us);
            i++;
            continue;
        }
        answer(device, device->answers[i].id, device->answers[i].number);
        device->answers[i] = device->answers[--device->answer_count];
    }
    if (next_us != UINT64_MAX)
        sim_at(events, &device->answer, next_us);
}

static bool has_executed(const struct sim_device *device, uint32_t number)
{
    for (uint32_t i = 0; i < device->executed_count; i++)
        if (device->executed[i] == number)
            return true;
    return false;
}

static void on_command(struct sim_device *device, const struct hf_json_field *fields)
{
    struct hf_json_field inner[] = {HF_JSON_FIELD("m")};
    struct sim *sim = device->sim;
    struct hf_slice id = {"", 0};
    char text[sizeof(device->answers[0].id)];
    uint64_t number = 0;

    if (hf_json_to_text(&fields[ID], NULL, 0, &id) != HF_OK || id.bytes >= sizeof(device->answers[0].id) ||
        hf_json_scan(fields[PAYLOAD].raw.at, fields[PAYLOAD].raw.bytes, inner, 1, 0) != HF_OK ||
        hf_json_to_u64(&inner[0], &number) != HF_OK) {
        sim_fail(sim, "%s got a command that is none", device->name);
        return;
    }
    sim_oracle_heard(sim, device, (uint32_t)number, true);
    if (!has_executed(device->memory, (uint32_t)number)) {
        struct sim_device *memory = device->memory;

        HF_ASSERT(memory->executed_count < SIM_DEVICE_COMMANDS_MAX);
        memory->executed[memory->executed_count++] = (uint32_t)number;
        sim_oracle_executed(sim, device, (uint32_t)number);
    }
    if (!sim->calm && hf_rng_below(&device->rng, 1000) < sim->plan.lazy_permille) {
        device->forgot = true; /* on the next connection it comes again */
        return;
    }
    if (device->answer_count == HF_COUNT_OF(device->answers)) {
        memcpy(text, id.at, id.bytes);
        text[id.bytes] = '\0';
        answer(device, text, (uint32_t)number);
        return;
    }
    unsigned slot = device->answer_count++;
    memcpy(device->answers[slot].id, id.at, id.bytes);
    device->answers[slot].id[id.bytes] = '\0';
    device->answers[slot].number = (uint32_t)number;
    device->answers[slot].due_us =
        sim->events.now_us + (sim_percent(&device->rng, 30) ? hf_rng_below(&device->rng, ANSWER_US_MAX) : 0);
    sim_raw_answer(device);
}

static void on_error(struct sim_device *device, const struct hf_json_field *fields)
{
    /* A result that nobody waits for any more is no mistake; everything else is. */
    if (!hf_json_is(&fields[REASON], "not_found"))
        sim_fail(device->sim, "%s is told of an error: %.*s", device->name, (int)fields[REASON].raw.bytes,
                 fields[REASON].raw.at);
}

static void on_publication(struct sim_device *device, const struct hf_json_field *fields)
{
    struct hf_json_field inner[] = {HF_JSON_FIELD("d"), HF_JSON_FIELD("n")};
    uint64_t from = 0, number = 0;

    if (hf_json_scan(fields[PAYLOAD].raw.at, fields[PAYLOAD].raw.bytes, inner, 2, 0) != HF_OK ||
        hf_json_to_u64(&inner[0], &from) != HF_OK || hf_json_to_u64(&inner[1], &number) != HF_OK)
        sim_fail(device->sim, "%s got a publication that is none", device->name);
    else
        sim_oracle_publication(device->sim, device, (uint32_t)from, (uint32_t)number);
}

void sim_raw_message(struct sim_device *device, struct hf_slice text, bool is_text)
{
    struct hf_json_field fields[FIELDS] = {
        [TYPE] = HF_JSON_FIELD("type"),     [ID] = HF_JSON_FIELD("id"),
        [OFFSET] = HF_JSON_FIELD("offset"), [PAYLOAD] = HF_JSON_FIELD("payload"),
        [M] = HF_JSON_FIELD("m"),           [D] = HF_JSON_FIELD("d"),
        [N] = HF_JSON_FIELD("n"),           [REASON] = HF_JSON_FIELD("reason")};
    uint64_t number = 0;

    if (!is_text || hf_json_scan(text.at, text.bytes, fields, FIELDS, 0) != HF_OK)
        sim_fail(device->sim, "%s got a message that nobody sent", device->name);
    else if (hf_json_is(&fields[TYPE], "ack"))
        on_ack(device, fields);
    else if (hf_json_is(&fields[TYPE], "command"))
        on_command(device, fields);
    else if (hf_json_is(&fields[TYPE], "message"))
        on_publication(device, fields);
    else if (hf_json_is(&fields[TYPE], "error"))
        on_error(device, fields);
    else if (fields[M].found && hf_json_to_u64(&fields[M], &number) == HF_OK)
        sim_oracle_heard(device->sim, device, (uint32_t)number, false);
    else
        sim_fail(device->sim, "%s got a message that nobody sent: %.*s", device->name,
                 (int)HF_MIN(text.bytes, (size_t)100), text.at);
}
