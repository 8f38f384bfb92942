/* test/sim/device_raw.c - what a device says and hears in raw mode (doc/devices.md). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"
#include "sim/device_ws.h"
#include "sim/sim.h"

enum { OUT_BYTES_MAX = 16384, ANSWER_US_MAX = 2000000, PAD_MAX = 4096 };

/* ---- up ---- */

/* Nobody tells what becomes of it, but that its CRC is wrong. */
static bool send_batch(struct sim_device *device, uint32_t number)
{
    uint8_t batch[HF_SAMPLES_BYTES_MAX];

    sim_raw_write(device, HF_WS_OP_BINARY, batch, sim_batch_write(device, number, batch));
    device->fate[number - 1] = SIM_MESSAGE_LOST;
    device->raw->bad_batches += sim_batch_is_bad(number);
    return !sim_batch_is_bad(number);
}

static void send_data(struct sim_device *device, uint32_t number)
{
    struct sim_said *said = sim_device_said(device);
    char text[PAD_MAX + 256], payload[PAD_MAX + 64];
    bool batch = sim_is_batch(device, number);

    if (batch && !send_batch(device, number))
        return; /* it has nothing to do in the log */
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
    if (!batch)
        sim_raw_write(device, HF_WS_OP_TEXT, text, (size_t)bytes);
}

void sim_raw_pump(struct sim_device *device)
{
    if (device->raw->state != SIM_RAW_OPEN)
        return;
    while (device->raw->next_send < device->made && device->raw->out_bytes < OUT_BYTES_MAX) {
        uint32_t number = ++device->raw->next_send;

        if (device->fate[number - 1] == SIM_MESSAGE_QUEUED)
            send_data(device, number);
    }
}

void sim_raw_hello(struct sim_device *device)
{
    static const char subscribe[] = "{\"type\":\"subscribe\",\"topic\":\"news\"}";

    if (device->index % 2 == 0)
        sim_raw_write(device, HF_WS_OP_TEXT, subscribe, sizeof(subscribe) - 1);
    sim_shadow_device_opened(device);
    sim_raw_pump(device);
}

/* ---- down ---- */

enum { TYPE, TOPIC, ID, OFFSET, VERSION, PAYLOAD, M, D, N, REASON, FIELDS };

/* An answer of a shadow has a text for an id. */
static bool on_shadow(struct sim_device *device, const struct hf_json_field *fields, enum hf_reason reason)
{
    struct hf_slice id = {"", 0};
    uint64_t version = 0;

    if (hf_json_to_text(&fields[ID], NULL, 0, &id) != HF_OK || id.bytes < 2 ||
        (id.at[0] != 's' && id.at[0] != 'q'))
        return false;
    (void)hf_json_to_u64(&fields[VERSION], &version);
    sim_shadow_device_answer(device, id, version, reason);
    return true;
}

static void on_ack(struct sim_device *device, const struct hf_json_field *fields)
{
    uint64_t number = 0, offset = 0;

    if (on_shadow(device, fields, HF_REASON_NONE))
        return;

    if (hf_json_to_u64(&fields[ID], &number) != HF_OK || hf_json_to_u64(&fields[OFFSET], &offset) != HF_OK ||
        number == 0 || number > device->made) {
        sim_fail(device->sim, "%s got an ack of a message that it has not sent", device->name);
        return;
    }
    sim_oracle_acked(device->sim, device, (uint32_t)number, offset);
    device->fate[number - 1] = SIM_MESSAGE_ACKED;
    sim_raw_pump(device);
}

static void answer(struct sim_device *device, const char *id, uint32_t number)
{
    char text[256];
    int bytes =
        snprintf(text, sizeof(text),
                 "{\"type\":\"result\",\"id\":\"%s\",\"status\":\"%s\",\"payload\":{\"r\":%" PRIu32 "}}", id,
                 sim_command_fails(number) ? "error" : "ok", number);

    sim_raw_write(device, HF_WS_OP_TEXT, text, (size_t)bytes);
}

void sim_raw_answer(struct sim_device *device)
{
    struct sim_events *events = &device->sim->events;
    uint64_t next_us = UINT64_MAX;

    for (unsigned i = 0; i < device->raw->answer_count;) {
        if (device->raw->answers[i].due_us > events->now_us) {
            next_us = HF_MIN(next_us, device->raw->answers[i].due_us);
            i++;
            continue;
        }
        answer(device, device->raw->answers[i].id, device->raw->answers[i].number);
        device->raw->answers[i] = device->raw->answers[--device->raw->answer_count];
    }
    if (next_us != UINT64_MAX)
        sim_at(events, &device->raw->answer, next_us);
}

static void on_command(struct sim_device *device, const struct hf_json_field *fields)
{
    struct hf_json_field inner[] = {HF_JSON_FIELD("m")};
    struct sim *sim = device->sim;
    struct hf_slice id = {"", 0};
    char text[sizeof(device->raw->answers[0].id)];
    uint64_t number = 0;

    if (hf_json_to_text(&fields[ID], NULL, 0, &id) != HF_OK ||
        id.bytes >= sizeof(device->raw->answers[0].id) ||
        hf_json_scan(fields[PAYLOAD].raw.at, fields[PAYLOAD].raw.bytes, inner, 1, 0) != HF_OK ||
        hf_json_to_u64(&inner[0], &number) != HF_OK) {
        sim_fail(sim, "%s got a command that is none", device->name);
        return;
    }
    sim_oracle_heard(sim, device, (uint32_t)number, true);
    if (sim->oracle.failed)
        return;
    if (!device->memory->executed[number - 1]) {
        device->memory->executed[number - 1] = true;
        sim_oracle_executed(sim, device, (uint32_t)number);
    }
    if (!sim->calm && hf_rng_below(&device->rng, 1000) < sim->plan.lazy_permille) {
        device->raw->forgot = true; /* on the next connection it comes again */
        return;
    }
    if (device->raw->answer_count == HF_COUNT_OF(device->raw->answers)) {
        memcpy(text, id.at, id.bytes);
        text[id.bytes] = '\0';
        answer(device, text, (uint32_t)number);
        return;
    }
    unsigned slot = device->raw->answer_count++;
    memcpy(device->raw->answers[slot].id, id.at, id.bytes);
    device->raw->answers[slot].id[id.bytes] = '\0';
    device->raw->answers[slot].number = (uint32_t)number;
    device->raw->answers[slot].due_us =
        sim->events.now_us + (sim_percent(&device->rng, 30) ? hf_rng_below(&device->rng, ANSWER_US_MAX) : 0);
    sim_raw_answer(device);
}

static void on_error(struct sim_device *device, const struct hf_json_field *fields)
{
    struct hf_slice reason = {"", 0};

    (void)hf_json_to_text(&fields[REASON], NULL, 0, &reason);
    if (on_shadow(device, fields, hf_reason_by_name(reason)))
        return;
    if (hf_slice_is(reason, "busy") && !fields[ID].found) { /* no room for what it is told as it subscribes */
        sim_shadow_device_missed(device);
        return;
    }
    if (hf_slice_is(reason, "corrupt") && device->raw->bad_batches > 0) {
        device->raw->bad_batches--;
        return;
    }
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
        [TOPIC] = HF_JSON_FIELD("topic"),   [VERSION] = HF_JSON_FIELD("version"),
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
    else if (hf_json_is(&fields[TYPE], "message") && hf_json_is(&fields[TOPIC], "$shadow/delta"))
        sim_shadow_device_delta(device, fields[PAYLOAD].raw);
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
