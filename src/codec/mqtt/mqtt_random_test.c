/* codec/mqtt/mqtt_random_test.c - packets drawn at random, every field and every property that each may have: what goes in comes out, whole or cut. A failure prints its seed. */
#include <stdio.h>

#include "base/rng.h"
#include "codec/mqtt/mqtt_testkit.h"

enum { PACKETS = 20000, STORE_BYTES = 4096, TEXT_BYTES_MAX = 20, LIST_MAX = 4 };

struct draw {
    struct hf_rng rng;
    enum hf_mqtt_version version;
    char store[STORE_BYTES]; /* of texts */
    size_t used;
};

static unsigned below(struct draw *draw, unsigned n)
{
    return (unsigned)hf_rng_below(&draw->rng, n);
}

static bool coin(struct draw *draw)
{
    return below(draw, 2) != 0;
}

static uint32_t number(struct draw *draw, uint32_t least, uint32_t most)
{
    switch (below(draw, 4)) { /* the ends more often than between them */
    case 0: return least;
    case 1: return most;
    default: return least + (uint32_t)hf_rng_below(&draw->rng, (uint64_t)most - least + 1);
    }
}

static struct hf_slice text_of(struct draw *draw, const char *letters, size_t least)
{
    size_t bytes = least + below(draw, TEXT_BYTES_MAX), count = strlen(letters);
    char *at = draw->store + draw->used;

    HF_ASSERT(draw->used + bytes <= sizeof(draw->store));
    for (size_t i = 0; i < bytes; i++)
        at[i] = letters[below(draw, (unsigned)count)];
    draw->used += bytes;
    return (struct hf_slice){at, bytes};
}

static struct hf_slice text(struct draw *draw)
{
    return text_of(draw, "ab/+#$%\x01\x7f ", 0);
}

static struct hf_slice binary(struct draw *draw)
{
    struct hf_slice data = text_of(draw, "ab", 0);

    for (size_t i = 0; i < data.bytes; i++)
        draw->store[draw->used - 1 - i] = (char)below(draw, 256);
    return data;
}

static struct hf_slice topic(struct draw *draw)
{
    return text_of(draw, "abc/$", 1);
}

static uint8_t reason(struct draw *draw, unsigned type)
{
    uint8_t code;

    do {
        code = (uint8_t)below(draw, 256);
    } while (!hf_mqtt_reason_may(code, type));
    return code;
}

/* Storage of its own for what repeats. */
static struct hf_slice repeated(struct draw *draw, bool user, unsigned ids)
{
    struct hf_sb sb;

    hf_sb_init(&sb, draw->store + draw->used, sizeof(draw->store) - draw->used - 1024);
    for (unsigned i = user ? below(draw, LIST_MAX) : 0; i > 0; i--)
        hf_mqtt_put_user(&sb, HF_SLICE("k\xc3\xa4"), HF_SLICE("v"));
    for (unsigned i = ids > 0 ? below(draw, ids + 1) : 0; i > 0; i--)
        hf_mqtt_put_subscription_id(&sb, number(draw, 1, HF_MQTT_VARINT_MAX));
    HF_ASSERT(!sb.overflow);
    draw->used += sb.bytes;
    return hf_sb_done(&sb);
}

#define PUBLISH    (1 << HF_MQTT_PUBLISH)
#define CONNECT    (1 << HF_MQTT_CONNECT)
#define CONNACK    (1 << HF_MQTT_CONNACK)
#define SUBSCRIBE  (1 << HF_MQTT_SUBSCRIBE)
#define SUBACK     (1 << HF_MQTT_SUBACK)
#define UNSUBACK   (1 << HF_MQTT_UNSUBACK)
#define DISCONNECT (1 << HF_MQTT_DISCONNECT)
#define AUTH       (1 << HF_MQTT_AUTH)
#define WILL       (1 << HF_MQTT_NONE)
#define ACKS       (1 << HF_MQTT_PUBACK | 1 << HF_MQTT_PUBREC | 1 << HF_MQTT_PUBREL | 1 << HF_MQTT_PUBCOMP)
#define EVERY      0xffff

static void draw_number(struct draw *draw, uint32_t least, uint32_t most, uint32_t *ret)
{
    *ret = number(draw, least, most);
}

static void draw_properties(struct draw *draw, unsigned where, struct hf_mqtt_properties *into)
{
    bool ping = where == HF_MQTT_PINGREQ || where == HF_MQTT_PINGRESP;
    unsigned ids = where == HF_MQTT_PUBLISH ? LIST_MAX : where == HF_MQTT_SUBSCRIBE;

    if (draw->version < HF_MQTT_V5 || ping || below(draw, 4) == 0)
        return;
#define U8_(member, least, most)     draw_number(draw, least, most, &into->member)
#define U16_(member, least, most)    U8_(member, least, most)
#define U32_(member, least, most)    U8_(member, least, most)
#define TEXT_(member, least, most)   into->member = topic(draw)
#define BINARY_(member, least, most) into->member = binary(draw)
#define EACH(id, number_, kind, member, packets, least, most, absent)               \
    if ((packets) >> where & 1 && HF_MQTT_PROPERTY_##id != HF_MQTT_PROPERTY_USER && \
        HF_MQTT_PROPERTY_##id != HF_MQTT_PROPERTY_SUBSCRIPTION_ID && coin(draw)) {  \
        into->has |= HF_MQTT_HAS(id);                                               \
        kind##_(member, least, most);                                               \
    }
#define VARINT_(member, least, most) (void)0
#define PAIR_(member, least, most)   (void)0
    HF_MQTT_PROPERTY_MAP(EACH)
#undef EACH
    into->repeated = repeated(draw, true, ids);
    if (hf_mqtt_has(into, HF_MQTT_PROPERTY_TOPIC_ALIAS) && into->topic_alias == 0)
        into->topic_alias = 1;
}

static void draw_connect(struct draw *draw, struct hf_mqtt_packet *into)
{
    struct hf_mqtt_connect *connect = &into->as.connect;

    connect->version = (uint8_t)draw->version;
    connect->clean_start = coin(draw);
    connect->keep_alive_s = (uint16_t)number(draw, 0, UINT16_MAX);
    connect->client_id = text_of(draw, "abc", 1);
    connect->has_will = coin(draw);
    if (connect->has_will) {
        connect->will.qos = (uint8_t)below(draw, 3);
        connect->will.retain = coin(draw);
        connect->will.topic = topic(draw);
        draw_properties(draw, HF_MQTT_NONE, &connect->will.properties);
        connect->will.payload =
            hf_mqtt_property_number(&connect->will.properties, HF_MQTT_PROPERTY_PAYLOAD_FORMAT)
                ? text(draw)
                : binary(draw);
    }
    if (coin(draw))
        connect->user_name = text(draw);
    if (coin(draw) && (connect->user_name.at != NULL || draw->version >= HF_MQTT_V5))
        connect->password = binary(draw);
    if (hf_mqtt_has(&into->properties, HF_MQTT_PROPERTY_AUTH_DATA)) {
        into->properties.has |= HF_MQTT_HAS(AUTH_METHOD);
        into->properties.auth_method = text(draw);
    }
}

static void draw_publish(struct draw *draw, struct hf_mqtt_packet *into)
{
    struct hf_mqtt_publish *publish = &into->as.publish;

    publish->qos = (uint8_t)below(draw, 3);
    publish->dup = publish->qos > 0 && coin(draw);
    publish->retain = coin(draw);
    publish->packet_id = publish->qos > 0 ? (uint16_t)number(draw, 1, UINT16_MAX) : 0;
    publish->topic = hf_mqtt_has(&into->properties, HF_MQTT_PROPERTY_TOPIC_ALIAS) && coin(draw) ? HF_SLICE("")
                                                                                                : topic(draw);
    publish->payload = hf_mqtt_property_number(&into->properties, HF_MQTT_PROPERTY_PAYLOAD_FORMAT)
                           ? text(draw)
                           : binary(draw);
}

static void draw_filters(struct draw *draw, struct hf_mqtt_packet *into)
{
    static const char *const filters[] = {"#", "+", "a/+/b", "a", "/", "$share/g/a/#", "$SYS/#"};
    struct hf_mqtt_subscribe *subscribe = &into->as.subscribe;
    bool v5 = draw->version >= HF_MQTT_V5;
    struct hf_sb sb;

    hf_sb_init(&sb, draw->store + draw->used, sizeof(draw->store) - draw->used);
    subscribe->packet_id = (uint16_t)number(draw, 1, UINT16_MAX);
    for (subscribe->filter_count = 0; subscribe->filter_count == 0 || coin(draw); subscribe->filter_count++) {
        struct hf_mqtt_filter filter = {.filter = hf_slice_of(filters[below(draw, HF_COUNT_OF(filters))]),
                                        .qos = (uint8_t)below(draw, 3),
                                        .retain_handling = v5 ? (uint8_t)below(draw, 3) : 0,
                                        .retain_as_published = v5 && coin(draw)};

        filter.no_local = v5 && filter.filter.at[1] != 's' && coin(draw);
        hf_mqtt_put_filter(&sb, (enum hf_mqtt_type)into->type, &filter);
    }
    HF_ASSERT(!sb.overflow);
    subscribe->filters = hf_sb_done(&sb);
}

static void draw_suback(struct draw *draw, struct hf_mqtt_packet *into)
{
    static const char codes[] = "\x00\x01\x02\x80";
    char *at = draw->store + draw->used;
    size_t count = 1 + below(draw, LIST_MAX);

    into->as.suback.packet_id = (uint16_t)number(draw, 1, UINT16_MAX);
    if (into->type == HF_MQTT_UNSUBACK && draw->version < HF_MQTT_V5)
        return;
    for (size_t i = 0; i < count; i++)
        at[i] = draw->version < HF_MQTT_V5 ? codes[below(draw, 4)] : (char)reason(draw, into->type);
    draw->used += count;
    into->as.suback.codes = (struct hf_slice){at, count};
}

static void draw_packet(struct draw *draw, struct hf_mqtt_packet *into)
{
    bool v5 = draw->version >= HF_MQTT_V5;

    *into =
        (struct hf_mqtt_packet){.type = (uint8_t)(1 + below(draw, v5 ? HF_MQTT_AUTH : HF_MQTT_DISCONNECT))};
    draw->used = 0;
    draw_properties(draw, into->type, &into->properties);
    switch (into->type) {
    case HF_MQTT_CONNECT: draw_connect(draw, into); break;
    case HF_MQTT_CONNACK:
        into->as.connack.reason = reason(draw, into->type);
        if (!v5)
            hf_mqtt_reason_of_return_code(below(draw, 6), &into->as.connack.reason);
        into->as.connack.session_present = into->as.connack.reason == 0 && coin(draw);
        break;
    case HF_MQTT_PUBLISH: draw_publish(draw, into); break;
    case HF_MQTT_PUBACK:
    case HF_MQTT_PUBREC:
    case HF_MQTT_PUBREL:
    case HF_MQTT_PUBCOMP:
        into->as.ack.packet_id = (uint16_t)number(draw, 1, UINT16_MAX);
        into->as.ack.reason = v5 ? reason(draw, into->type) : 0;
        break;
    case HF_MQTT_SUBSCRIBE:
    case HF_MQTT_UNSUBSCRIBE: draw_filters(draw, into); break;
    case HF_MQTT_SUBACK:
    case HF_MQTT_UNSUBACK: draw_suback(draw, into); break;
    case HF_MQTT_AUTH:
        if (!hf_mqtt_has(&into->properties, HF_MQTT_PROPERTY_AUTH_METHOD)) {
            into->properties.has |= HF_MQTT_HAS(AUTH_METHOD);
            into->properties.auth_method = text(draw);
        }
        into->as.end.reason = reason(draw, into->type);
        break;
    case HF_MQTT_DISCONNECT: into->as.end.reason = v5 ? reason(draw, into->type) : 0; break;
    default: break;
    }
}

static void what_goes_in_comes_out(void **state)
{
    static struct draw draw;
    static uint8_t out[2 * STORE_BYTES];
    unsigned types[HF_MQTT_TYPES] = {0};
    char *want;

    (void)state;
    for (uint64_t seed = 0; seed < PACKETS; seed++) {
        struct hf_mqtt_packet packet, back;
        size_t bytes, taken;
        hf_err err;

        hf_rng_seed(&draw.rng, seed);
        draw.version = seed % 3 == 0 ? HF_MQTT_V311 : HF_MQTT_V5;
        draw_packet(&draw, &packet);
        types[packet.type]++;
        bytes = hf_mqtt_encoded_bytes(draw.version, &packet);
        assert_in_range(bytes, 2, sizeof(out));
        assert_int_equal(hf_mqtt_encode(draw.version, &packet, out), bytes);
        want = strdup(kit_describe(&packet));
        for (size_t have = below(&draw, 3); have < bytes; have += 1 + below(&draw, 40))
            assert_int_equal(kit_decode(out, have, draw.version, bytes, &taken, &back), HF_ERR_AGAIN);
        err = kit_decode(out, bytes, draw.version, bytes, &taken, &back);
        if (err != HF_OK || strcmp(want, kit_describe(&back)) != 0)
            fail_msg("seed %u: %s\nput in: %s\ncame out: %s", (unsigned)seed,
                     hf_mqtt_rule_info(back.rule)->name, want, kit_describe(&back));
        assert_int_equal(taken, bytes);
        free(want);
    }
    for (unsigned type = HF_MQTT_CONNECT; type < HF_MQTT_TYPES; type++)
        assert_true(types[type] > PACKETS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
