/* A world for an MQTT client: a broker that keeps the rules, has quotas or messages that it never takes, and what is under way between the two. */
#ifndef HF_CLIENT_MQTT_WORLD_TESTKIT_H
#define HF_CLIENT_MQTT_WORLD_TESTKIT_H

#include "client/mqtt/broker_testkit.h"

#include "base/rng.h"

enum { LOG = 2000, ITEMS = 400, WAITS = 64, PENDING = 70, WIRE = 1 << 20 };

struct item {           /* a message down */
    uint8_t uuid[16];   /* all zero = none */
    uint16_t packet_id; /* 0 = not sent, in this session */
    bool dup, finished;
    unsigned effects;
};

struct world {
    struct hf_rng rng;
    struct hf_client_engine *engine;
    struct hf_store *store;
    struct hf_client_ops ops;
    struct hf_client_config config;
    struct hf_client_mqtt_config mqtt;
    struct hf_client_time now;
    bool connecting, connected, sick, refuses, mild; /* refuses: quotas; mild: no more of them */
    uint8_t *up, *down;
    size_t up_bytes, down_bytes;
    /* broker */
    bool greeted, subscribed, session;
    enum hf_mqtt_version version;
    unsigned window;
    uint16_t unacked[PENDING]; /* PUBLISH that came on this connection, no PUBACK yet */
    unsigned unacked_count;
    uint64_t highest_seq;
    bool any, poison, kill, trials; /* poison: there is some; kill: some came; trials: others may go first */
    bool at_broker[LOG];
    uint32_t last; /* of the messages that were new */
    struct item items[ITEMS];
    unsigned item_count;
    uint16_t packet_id;
    /* application */
    uint32_t published;
    bool accepted[LOG], refused[LOG], failed[LOG];
    uint64_t ids[LOG];
    struct {
        uint64_t handle;
        unsigned item;
    } waits[WAITS];
    unsigned wait_count;
};

static bool chance(struct world *world, unsigned percent)
{
    return hf_rng_below(&world->rng, 100) < percent;
}

/* ---- the broker ---- */

static void say(struct world *world, const struct hf_mqtt_packet *packet)
{
    size_t bytes = hf_mqtt_encoded_bytes(world->version, packet);

    assert_true(bytes > 0 && world->down_bytes + bytes <= WIRE);
    (void)hf_mqtt_encode(world->version, packet, world->down + world->down_bytes);
    world->down_bytes += bytes;
}

static void on_connect(struct world *world, const struct hf_mqtt_packet *packet)
{
    struct hf_mqtt_packet answer = {.type = HF_MQTT_CONNACK};

    world->version = (enum hf_mqtt_version)packet->as.connect.version;
    assert_false(packet->as.connect.clean_start);
    answer.as.connack.session_present = world->session;
    if (!world->session)
        for (unsigned i = 0; i < world->item_count; i++)
            world->items[i].packet_id = 0; /* told again, as new ones */
    for (unsigned i = 0; i < world->item_count; i++)
        world->items[i].dup = world->items[i].packet_id != 0;
    world->session = world->greeted = true;
    world->subscribed = false;
    world->window = 1 + (unsigned)hf_rng_below(&world->rng, 20);
    answer.properties.has = HF_MQTT_HAS(RECEIVE_MAXIMUM);
    answer.properties.receive_maximum = world->window;
    say(world, &answer);
}

static uint64_t seq_of(const struct hf_mqtt_packet *packet, enum hf_mqtt_version version)
{
    struct hf_slice rest = packet->properties.repeated;
    struct hf_mqtt_repeated one;
    uint64_t seq = 0;

    while (hf_mqtt_repeated_next(&rest, &one))
        if (hf_slice_is(one.name, "seq"))
            assert_true(hf_slice_to_u64(one.value, &seq));
    assert_int_equal(seq == 0, version == HF_MQTT_V311);
    return seq;
}

/* A message that the broker never takes: it just ends the connection. */
static bool is_poison(const struct world *world, uint64_t number)
{
    return world->poison && number % 37 == 5;
}

static void on_up(struct world *world, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;
    uint64_t seq = seq_of(packet, world->version), number;

    assert_true(world->greeted && publish->qos == 1);
    assert_true(world->unacked_count < world->window); /* [MQTT-3.3.4-7] */
    for (unsigned i = 0; i < world->unacked_count; i++)
        assert_int_not_equal(world->unacked[i], publish->packet_id);
    assert_true(seq == 0 || publish->packet_id == 1 + seq % 65534); /* the same, whenever it comes */
    if (world->refuses && chance(world, 3) && !world->mild) {
        const struct hf_mqtt_packet no = {
            .type = HF_MQTT_PUBACK,
            .as.ack = {.packet_id = publish->packet_id, .reason = HF_MQTT_REASON_QUOTA}};

        say(world, &no);
        return;
    }
    world->unacked[world->unacked_count++] = publish->packet_id;
    assert_true(hf_slice_to_u64((struct hf_slice){publish->payload.at, 8}, &number) && number < LOG);
    if (is_poison(world, number)) {
        world->kill = true;
        return;
    }
    if (world->at_broker[number])
        return; /* came before */
    world->at_broker[number] = true;
    if (world->refuses || world->trials)
        return;
    assert_true((seq == 0 || seq > world->highest_seq) && (number > world->last || !world->any));
    world->any = true;
    world->highest_seq = seq;
    world->last = (uint32_t)number;
}

static void on_down_acked(struct world *world, uint16_t packet_id)
{
    for (unsigned i = 0; i < world->item_count; i++)
        if (!world->items[i].finished && world->items[i].packet_id == packet_id) {
            assert_true(world->items[i].effects > 0); /* not before its effect is durable */
            world->items[i].finished = true;
            return;
        }
}

static void on_subscribe(struct world *world, const struct hf_mqtt_packet *packet)
{
    static const char granted = 1;
    const struct hf_mqtt_packet answer = {
        .type = HF_MQTT_SUBACK,
        .as.suback = {.packet_id = packet->as.subscribe.packet_id, .codes = {&granted, 1}}};

    world->subscribed = true;
    say(world, &answer);
}

static void broker_take(struct world *world, size_t bytes)
{
    size_t at = 0, taken = 0;

    for (; at < bytes && !world->kill; at += taken) {
        const struct hf_mqtt_packet pong = {.type = HF_MQTT_PINGRESP};
        struct hf_mqtt_packet packet;
        hf_err err = hf_mqtt_decode(world->up + at, bytes - at, world->version, 1 << 20, &taken, &packet);

        if (err == HF_ERR_AGAIN)
            break;
        assert_int_equal(err, HF_OK);
        switch (packet.type) {
        case HF_MQTT_CONNECT: on_connect(world, &packet); break;
        case HF_MQTT_PUBLISH: on_up(world, &packet); break;
        case HF_MQTT_PUBACK: on_down_acked(world, packet.as.ack.packet_id); break;
        case HF_MQTT_SUBSCRIBE: on_subscribe(world, &packet); break;
        case HF_MQTT_PINGREQ: say(world, &pong); break;
        case HF_MQTT_DISCONNECT: break;
        default: fail_msg("%s", hf_mqtt_type_name(packet.type));
        }
    }
    memmove(world->up, world->up + at, world->up_bytes - at);
    world->up_bytes -= at;
}

static void broker_acks(struct world *world)
{
    unsigned count = (unsigned)hf_rng_below(&world->rng, world->unacked_count + 1);

    for (unsigned i = 0; i < count; i++) {
        const struct hf_mqtt_packet yes = {.type = HF_MQTT_PUBACK, .as.ack.packet_id = world->unacked[i]};

        say(world, &yes);
    }
    world->unacked_count -= count;
    memmove(world->unacked, world->unacked + count, world->unacked_count * sizeof(world->unacked[0]));
}

/* What waits for the device, as far as its receive maximum allows. */
static void broker_sends(struct world *world)
{
    unsigned out = 0;

    for (unsigned i = 0; i < world->item_count && world->subscribed; i++) {
        struct item *item = &world->items[i];
        char text[HF_UUID_TEXT_BYTES + 1], storage[128], payload[12];
        struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH,
                                        .as.publish = {.qos = 1, .topic = HF_SLICE("d/down/x")}};
        struct hf_sb sb;

        if (item->finished)
            continue;
        if (out++ == world->config.window_messages)
            return;
        if (item->packet_id != 0 && !item->dup)
            continue; /* is on its way */
        if (item->packet_id == 0)
            item->packet_id = ++world->packet_id;
        hf_sb_init(&sb, storage, sizeof(storage));
        hf_uuid_text(item->uuid, text);
        if (!hf_store_uuid_is_none(item->uuid))
            hf_mqtt_put_user(&sb, HF_SLICE("id"), hf_slice_of(text));
        packet.properties.repeated = hf_sb_done(&sb);
        packet.as.publish.dup = item->dup;
        packet.as.publish.packet_id = item->packet_id;
        (void)snprintf(payload, sizeof(payload), "%04u", i);
        packet.as.publish.payload = (struct hf_slice){payload, 4};
        item->dup = false;
        say(world, &packet);
    }
}

static void broker_drop(struct world *world)
{
    world->kill = world->greeted = world->subscribed = false;
    world->unacked_count = 0;
    world->up_bytes = world->down_bytes = 0;
}

#endif
