/* codec/mqtt/mqtt_vectors_test.c - packets byte by byte as the standards lay them out, read and written: the figures of MQTT 5.0 and 3.1.1 filled in. */
#include "codec/mqtt/mqtt_testkit.h"

#define V4 HF_MQTT_V311
#define V5 HF_MQTT_V5

/* `longer`: the same packet in a form that is allowed, and not the shortest or not in our order: it is read, and written in another form. */
static const struct vector {
    enum hf_mqtt_version version;
    bool longer;
    const char *in, *want;
} vectors[] = {
    /* 3.1.1, 3.1 to 3.14: with the lengths written out */
    {V4, false, "10 0d 0004 'MQTT' 04 02 000a 0001 'd'", "CONNECT v4 keep=10 clean id=d"},
    {V4, false, "10 0c 0004 'MQTT' 04 02 0000 0000", "CONNECT v4 keep=0 clean id="},
    {V4, false, "10 [ <MQTT> 04 ce 000a <d> <will> <off> <user> <key> ]",
     "CONNECT v4 keep=10 clean id=d user_name=user password=key will(qos1 topic=will payload=off)"},
    {V4, false, "10 [ <MQTT> 04 00 ffff <d> ]", "CONNECT v4 keep=65535 id=d"},
    {V4, false, "20 02 01 00", "CONNACK present reason=0"},
    {V4, false, "20 02 00 01", "CONNACK reason=132"},
    {V4, false, "20 02 00 02", "CONNACK reason=133"},
    {V4, false, "20 02 00 03", "CONNACK reason=136"},
    {V4, false, "20 02 00 04", "CONNACK reason=134"},
    {V4, false, "20 02 00 05", "CONNACK reason=135"},
    {V4, false, "30 07 0003 'a/b' 'hi'", "PUBLISH qos0 topic=a/b payload=hi"},
    {V4, false, "3b 09 0003 'a/b' 000a 'hi'", "PUBLISH qos1 dup retain #10 topic=a/b payload=hi"},
    {V4, false, "34 07 0003 'a/b' ffff", "PUBLISH qos2 #65535 topic=a/b payload="},
    {V4, false, "40 02 1234", "PUBACK #4660 reason=0"},
    {V4, false, "50 02 0001", "PUBREC #1 reason=0"},
    {V4, false, "62 02 0001", "PUBREL #1 reason=0"},
    {V4, false, "70 02 0001", "PUBCOMP #1 reason=0"},
    {V4, false, "82 0e 000a 0003 'a/b' 01 0003 'c/d' 02", "SUBSCRIBE #10 a/b:1--0 c/d:2--0"},
    {V4, false, "82 [ 0001 <$share/x> 00 ]",
     "SUBSCRIBE #1 $share/x:0--0"}, /* a filter like others before 5.0 */
    {V4, false, "90 06 000a 00 01 02 80", "SUBACK #10 codes=00010280"},
    {V4, false, "a2 0c 000a 0003 'a/b' 0003 'c/d'", "UNSUBSCRIBE #10 a/b c/d"},
    {V4, false, "b0 02 000a", "UNSUBACK #10 codes="},
    {V4, false, "c0 00", "PINGREQ"},
    {V4, false, "d0 00", "PINGRESP"},
    {V4, false, "e0 00", "DISCONNECT reason=0"},
    /* 5.0: CONNECT (3.1) */
    {V5, false, "10 [ <MQTT> 05 02 000a [ 11 0000000a ] <d> ]",
     "CONNECT v5 keep=10 clean id=d session_expiry_s=10"},
    {V5, false, "10 [ <MQTT> 05 40 003c [] <> <jwt> ]", "CONNECT v5 keep=60 id= password=jwt"},
    {V5, false, "10 [ <MQTT> 05 80 003c [] <> <u> ]", "CONNECT v5 keep=60 id= user_name=u"},
    {V5, false, "10 [ <MQTT> 05 c0 003c [] <> <> <> ]", "CONNECT v5 keep=60 id= user_name= password="},
    {V5, false,
     "10 [ <MQTT> 05 36 003c [] <d> [ 01 01 02 0000003c 03 <c> 08 <r> 09 <xy> 18 00000005 26 <k> <v> ] "
     "<will> <off> ]",
     "CONNECT v5 keep=60 clean id=d will(qos2 retain topic=will payload=off payload_format=1 "
     "message_expiry_s=60 "
     "content_type=c response_topic=r correlation_data=xy will_delay_s=5 user{k:v})"},
    {V5, false,
     "10 [ <MQTT> 05 00 0000 [ 11 ffffffff 15 <SCRAM> 16 <data> 17 00 19 01 21 0014 22 000a 27 00010000 "
     "26 <k> <v> 26 <k> <w> ] <d> ]",
     "CONNECT v5 keep=0 id=d session_expiry_s=4294967295 auth_method=SCRAM auth_data=data request_problem=0 "
     "request_response=1 "
     "receive_maximum=20 topic_alias_maximum=10 maximum_packet_bytes=65536 user{k:v} user{k:w}"},
    {V5, true, "10 [ <MQTT> 05 00 0000 [ 26 <k> <v> 27 00010000 26 <k> <w> 21 0014 ] <d> ]",
     "CONNECT v5 keep=0 id=d receive_maximum=20 maximum_packet_bytes=65536 user{k:v} user{k:w}"},
    /* CONNACK (3.2) */
    {V5, false, "20 03 00 00 00", "CONNACK reason=0"},
    {V5, false, "20 03 01 00 00", "CONNACK present reason=0"},
    {V5, false, "20 [ 00 87 [ 1f <no> ] ]", "CONNACK reason=135 reason_string=no"},
    {V5, false,
     "20 [ 00 00 [ 11 00000e10 12 <auto> 13 001e 15 <M> 16 <D> 1a <info> 1c <other> 1f <why> 21 000a 22 0005 "
     "24 01 25 00 27 00001000 28 00 29 "
     "00 2a 00 26 <k> <v> ] ]",
     "CONNACK reason=0 session_expiry_s=3600 assigned_client_id=auto server_keep_alive_s=30 auth_method=M "
     "auth_data=D "
     "response_information=info server_reference=other reason_string=why receive_maximum=10 "
     "topic_alias_maximum=5 maximum_qos=1 "
     "retain_available=0 maximum_packet_bytes=4096 wildcards_available=0 subscription_ids_available=0 "
     "shared_available=0 user{k:v}"},
    /* PUBLISH (3.3) and what answers it (3.4 to 3.7) */
    {V5, false, "32 0a 0003 'a/b' 000a 00 'hi'", "PUBLISH qos1 #10 topic=a/b payload=hi"},
    {V5, false, "30 [ <> [ 23 0001 ] 'hi' ]", "PUBLISH qos0 topic= payload=hi topic_alias=1"},
    {V5, false,
     "31 [ <a/b> [ 01 01 02 0000000a 03 <c> 08 <r> 09 <xy> 23 0007 0b 01 0b ffffff7f 26 <k> <> ] 'hi' ]",
     "PUBLISH qos0 retain topic=a/b payload=hi payload_format=1 message_expiry_s=10 content_type=c "
     "response_topic=r correlation_data=xy "
     "topic_alias=7 subscription=1 subscription=268435455 user{k:}"},
    {V5, false, "40 02 000a", "PUBACK #10 reason=0"},
    {V5, true, "40 03 000a 00", "PUBACK #10 reason=0"},
    {V5, true, "40 04 000a 00 00", "PUBACK #10 reason=0"},
    {V5, false, "40 03 000a 10", "PUBACK #10 reason=16"},
    {V5, true, "40 04 000a 10 00", "PUBACK #10 reason=16"},
    {V5, false, "40 [ 000a 97 [ 1f <full> 26 <k> <v> ] ]",
     "PUBACK #10 reason=151 reason_string=full user{k:v}"},
    {V5, false, "40 [ 000a 00 [ 1f <ok> ] ]", "PUBACK #10 reason=0 reason_string=ok"},
    {V5, false, "50 03 000a 91", "PUBREC #10 reason=145"},
    {V5, false, "62 03 000a 92", "PUBREL #10 reason=146"},
    {V5, false, "70 [ 000a 92 [ 1f <gone> ] ]", "PUBCOMP #10 reason=146 reason_string=gone"},
    /* SUBSCRIBE to UNSUBACK (3.8 to 3.11); figure 3-21 has these two filters */
    {V5, false, "82 0f 000a 00 0003 'a/b' 01 0003 'c/d' 02", "SUBSCRIBE #10 a/b:1--0 c/d:2--0"},
    {V5, false, "82 [ 000a [ 0b 8001 26 <k> <v> ] <#> 2e <$share/g/+/x> 18 ]",
     "SUBSCRIBE #10 #:2np2 $share/g/+/x:0-p1 subscription=128 user{k:v}"},
    {V5, false, "90 [ 000a [ 1f <r> ] 00 01 02 87 ]", "SUBACK #10 codes=00010287 reason_string=r"},
    {V5, false, "a2 [ 000a [ 26 <k> <v> ] <a/b> <$share/g/c> ]", "UNSUBSCRIBE #10 a/b $share/g/c user{k:v}"},
    {V5, false, "b0 05 000a 00 00 11", "UNSUBACK #10 codes=0011"},
    /* PINGREQ to AUTH (3.12 to 3.15) */
    {V5, false, "c0 00", "PINGREQ"},
    {V5, false, "d0 00", "PINGRESP"},
    {V5, false, "e0 00", "DISCONNECT reason=0"},
    {V5, true, "e0 01 00", "DISCONNECT reason=0"},
    {V5, true, "e0 02 00 00", "DISCONNECT reason=0"},
    {V5, false, "e0 01 8e", "DISCONNECT reason=142"},
    {V5, false, "e0 [ 9d [ 11 00000000 1c <b> 1f <bye> 26 <k> <v> ] ]",
     "DISCONNECT reason=157 session_expiry_s=0 server_reference=b reason_string=bye user{k:v}"},
    {V5, false, "f0 00", "AUTH reason=0"},
    {V5, false, "f0 [ 18 [ 15 <M> 16 <D> 1f <r> 26 <k> <v> ] ]",
     "AUTH reason=24 auth_method=M auth_data=D reason_string=r user{k:v}"},
};

static void encodes_to(const struct vector *row, const struct hf_mqtt_packet *packet, const uint8_t *in,
                       size_t bytes)
{
    uint8_t out[KIT_BYTES_MAX];
    size_t out_bytes = hf_mqtt_encoded_bytes(row->version, packet), taken;
    struct hf_mqtt_packet again;

    assert_in_range(out_bytes, 2, sizeof(out));
    assert_int_equal(hf_mqtt_encode(row->version, packet, out), out_bytes);
    if (!row->longer) {
        assert_int_equal(out_bytes, bytes);
        assert_memory_equal(out, in, bytes);
        return;
    }
    assert_true(out_bytes <= bytes);
    assert_int_equal(kit_decode(out, out_bytes, row->version, sizeof(out), &taken, &again), HF_OK);
    assert_string_equal(kit_describe(&again), row->want);
}

static void packets_are_read_and_written_as_the_standards_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(vectors); i++) {
        uint8_t in[KIT_BYTES_MAX];
        size_t bytes = kit_bytes(vectors[i].in, in), taken = 0;
        struct hf_mqtt_packet packet;

        if (kit_decode(in, bytes, vectors[i].version, bytes, &taken, &packet) != HF_OK)
            fail_msg("%s: %s", vectors[i].in, hf_mqtt_rule_info(packet.rule)->name);
        assert_int_equal(taken, bytes);
        assert_string_equal(kit_describe(&packet), vectors[i].want);
        encodes_to(&vectors[i], &packet, in, bytes);
    }
}

static void a_packet_is_whole_or_not_and_says_how_long_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(vectors); i++) {
        uint8_t in[KIT_BYTES_MAX];
        size_t bytes = kit_bytes(vectors[i].in, in), taken;
        struct hf_mqtt_packet packet;

        for (size_t have = 0; have < bytes; have++) {
            assert_int_equal(kit_decode(in, have, vectors[i].version, bytes, &taken, &packet), HF_ERR_AGAIN);
            assert_int_equal(taken, have < 2 ? 0 : bytes);
        }
        in[bytes] = 0xff; /* what comes behind it is none of its business */
        assert_int_equal(kit_decode(in, bytes + 1, vectors[i].version, bytes, &taken, &packet), HF_OK);
        assert_int_equal(taken, bytes);
        assert_string_equal(kit_describe(&packet), vectors[i].want);
        assert_int_equal(kit_decode(in, bytes, vectors[i].version, bytes - 1, &taken, &packet), HF_ERR_LIMIT);
        assert_int_equal(packet.rule, HF_MQTT_RULE_PACKET_BYTES);
    }
}

/* Without the payload, which is counted and not looked at. */
static void the_head_of_a_publish_goes_before_its_payload(void **state)
{
    static const char want[] = "32 87 ad 4b 0003 'a/b' 000a 00"; /* 7 + 0x87 + 0x2d * 128 + 0x4b * 16384 */
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH,
                                    .as.publish = {.qos = 1, .packet_id = 10, .topic = HF_SLICE("a/b")}};
    uint8_t out[32], bytes[KIT_BYTES_MAX];

    (void)state;
    packet.as.publish.payload = (struct hf_slice){NULL, 0x4b * 16384 + 0x2d * 128 + 0x07 - 8};
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V5, &packet), packet.as.publish.payload.bytes + 12);
    assert_int_equal(hf_mqtt_encode_publish_head(HF_MQTT_V5, &packet, out), 12);
    assert_int_equal(kit_bytes(want, bytes), 12);
    assert_memory_equal(out, bytes, 12);
}

/* 1.5.5, table 1-1: the ends of each length. */
static void lengths_take_as_many_bytes_as_they_need(void **state)
{
    static const struct {
        uint32_t value;
        unsigned bytes;
        const char *wire;
    } rows[] = {
        {0, 1, "00"},         {127, 1, "7f"},         {128, 2, "8001"},         {16383, 2, "ff7f"},
        {16384, 3, "808001"}, {2097151, 3, "ffff7f"}, {2097152, 4, "80808001"}, {268435455, 4, "ffffff7f"},
    };
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH, .as.publish.topic = HF_SLICE("a")}, back;
    uint8_t out[16], wire[KIT_BYTES_MAX];
    size_t taken;

    (void)state;
    for (size_t i = 1; i < HF_COUNT_OF(rows); i++) { /* a PUBLISH is never empty */
        size_t bytes = rows[i].value - 3;

        packet.as.publish.payload = (struct hf_slice){NULL, bytes};
        assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V311, &packet), 1 + rows[i].bytes + rows[i].value);
        assert_int_equal(hf_mqtt_encode_publish_head(HF_MQTT_V311, &packet, out), 1 + rows[i].bytes + 3);
        assert_int_equal(kit_bytes(rows[i].wire, wire), rows[i].bytes);
        assert_memory_equal(out + 1, wire, rows[i].bytes);
        assert_int_equal(kit_decode(out, 1 + rows[i].bytes, HF_MQTT_V311, SIZE_MAX, &taken, &back),
                         HF_ERR_AGAIN);
        assert_int_equal(taken, 1 + rows[i].bytes + rows[i].value);
    }
    packet.as.publish.payload.bytes = HF_MQTT_VARINT_MAX - 3 + 1;
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V311, &packet), 0);
}

static void texts_end_at_65535_bytes(void **state)
{
    static char text[HF_MQTT_TEXT_BYTES_MAX + 1], storage[3 * sizeof(text)];
    struct hf_slice most = {text, HF_MQTT_TEXT_BYTES_MAX}, beyond = {text, sizeof(text)};
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH, .as.publish.topic = most};
    struct hf_sb sb;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V5, &packet), 1 + 3 + 2 + most.bytes + 1);
    packet.as.publish.topic = beyond;
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V5, &packet), 0);
    packet = (struct hf_mqtt_packet){
        .type = HF_MQTT_CONNACK, .properties = {.has = HF_MQTT_HAS(REASON_STRING), .reason_string = beyond}};
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V5, &packet), 0);
    assert_int_equal(hf_mqtt_encoded_bytes(HF_MQTT_V311, &packet), 4); /* properties do not go out there */

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_user(&sb, most, most);
    assert_false(sb.overflow);
    hf_mqtt_put_user(&sb, beyond, most);
    assert_true(sb.overflow);
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_user(&sb, most, beyond);
    assert_true(sb.overflow);
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_filter(&sb, HF_MQTT_SUBSCRIBE, &(struct hf_mqtt_filter){.filter = most});
    assert_false(sb.overflow);
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_filter(&sb, HF_MQTT_SUBSCRIBE, &(struct hf_mqtt_filter){.filter = beyond});
    assert_true(sb.overflow);
}

/* A client and a server fill structs by hand: what they do not say in 3.1.1 does not go out. */
static void the_same_struct_serves_both_versions(void **state)
{
    static const struct {
        struct hf_mqtt_packet packet;
        const char *v4, *v5;
    } rows[] = {
        {{.type = HF_MQTT_CONNACK, .as.connack.reason = HF_MQTT_REASON_BANNED},
         "20 02 00 05",
         "20 03 00 8a 00"},
        {{.type = HF_MQTT_CONNACK, .as.connack.reason = HF_MQTT_REASON_QUOTA},
         "20 02 00 03",
         "20 03 00 97 00"},
        {{.type = HF_MQTT_PUBACK, .as.ack = {7, HF_MQTT_REASON_NO_SUBSCRIBERS}},
         "40 02 0007",
         "40 03 0007 10"},
        {{.type = HF_MQTT_SUBACK, .as.suback = {7, HF_SLICE("\x01\x87")}},
         "90 04 0007 01 80",
         "90 05 0007 00 01 87"},
        {{.type = HF_MQTT_UNSUBACK, .as.suback = {7, HF_SLICE("\x11")}}, "b0 02 0007", "b0 04 0007 00 11"},
        {{.type = HF_MQTT_DISCONNECT, .as.end.reason = HF_MQTT_REASON_DISCONNECT_WITH_WILL},
         "e0 00",
         "e0 01 04"},
        {{.type = HF_MQTT_PUBLISH,
          .properties = {.has = HF_MQTT_HAS(MESSAGE_EXPIRY), .message_expiry_s = 1},
          .as.publish.topic = HF_SLICE("a")},
         "30 03 0001 'a'",
         "30 09 0001 'a' 05 02 00000001"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint8_t out[64], want[KIT_BYTES_MAX];

        assert_int_equal(hf_mqtt_encode(HF_MQTT_V311, &rows[i].packet, out), kit_bytes(rows[i].v4, want));
        assert_memory_equal(out, want, kit_bytes(rows[i].v4, want));
        assert_int_equal(hf_mqtt_encode(HF_MQTT_V5, &rows[i].packet, out), kit_bytes(rows[i].v5, want));
        assert_memory_equal(out, want, kit_bytes(rows[i].v5, want));
    }
}

static void who_may_send_what(void **state)
{
    static const char want[] = "-ud*****ududud**";

    (void)state;
    for (unsigned type = 0; type < HF_MQTT_TYPES; type++) {
        bool up = hf_mqtt_may_go_up(type), down = hf_mqtt_may_go_down(type);

        assert_int_equal(up && down ? '*' : up ? 'u' : down ? 'd' : '-', want[type]);
    }
    assert_false(hf_mqtt_may_go_up(HF_MQTT_TYPES));
    assert_false(hf_mqtt_may_go_down(HF_MQTT_TYPES));
    assert_string_equal(hf_mqtt_type_name(HF_MQTT_UNSUBACK), "UNSUBACK");
    assert_string_equal(hf_mqtt_type_name(HF_MQTT_NONE), "unknown");
    assert_string_equal(hf_mqtt_type_name(HF_MQTT_TYPES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read_and_written_as_the_standards_say),
        cmocka_unit_test(a_packet_is_whole_or_not_and_says_how_long_it_is),
        cmocka_unit_test(the_head_of_a_publish_goes_before_its_payload),
        cmocka_unit_test(lengths_take_as_many_bytes_as_they_need),
        cmocka_unit_test(texts_end_at_65535_bytes),
        cmocka_unit_test(the_same_struct_serves_both_versions),
        cmocka_unit_test(who_may_send_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
