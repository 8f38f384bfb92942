/* codec/mqtt/mqtt_rules_test.c - what a strict peer refuses: each row breaks one rule, and the rule names its clause. Every rule of the table has a row. */
#include "codec/mqtt/mqtt_testkit.h"

#define V4 HF_MQTT_V311
#define V5 HF_MQTT_V5

static const struct row {
    enum hf_mqtt_version version;
    enum hf_mqtt_rule rule;
    const char *in;
} rows[] = {
    /* the head: 2.1 */
    {V5, HF_MQTT_RULE_TYPE, "00 00"},
    {V4, HF_MQTT_RULE_TYPE, "00 00"},
    {V4, HF_MQTT_RULE_TYPE, "f0 00"}, /* AUTH came with 5.0 */
    {V5, HF_MQTT_RULE_FLAGS, "11 [ <MQTT> 05 02 0000 [] <d> ]"},
    {V5, HF_MQTT_RULE_FLAGS, "21 03 00 00 00"},
    {V5, HF_MQTT_RULE_FLAGS, "42 02 0001"},
    {V5, HF_MQTT_RULE_FLAGS, "54 02 0001"},
    {V5, HF_MQTT_RULE_FLAGS, "60 02 0001"}, /* MQTT-3.6.1-1 */
    {V5, HF_MQTT_RULE_FLAGS, "63 02 0001"},
    {V5, HF_MQTT_RULE_FLAGS, "78 02 0001"},
    {V5, HF_MQTT_RULE_FLAGS, "80 [ 0001 [] <a> 00 ]"}, /* MQTT-3.8.1-1 */
    {V4, HF_MQTT_RULE_FLAGS, "80 [ 0001 <a> 00 ]"},
    {V5, HF_MQTT_RULE_FLAGS, "91 04 0001 00 00"},
    {V5, HF_MQTT_RULE_FLAGS, "a0 [ 0001 [] <a> ]"}, /* MQTT-3.10.1-1 */
    {V5, HF_MQTT_RULE_FLAGS, "b2 04 0001 00 00"},
    {V5, HF_MQTT_RULE_FLAGS, "c1 00"},
    {V4, HF_MQTT_RULE_FLAGS, "d8 00"},
    {V5, HF_MQTT_RULE_FLAGS, "e1 00"}, /* MQTT-3.14.1-1 */
    {V5, HF_MQTT_RULE_FLAGS, "f2 00"}, /* MQTT-3.15.1-1 */
    {V5, HF_MQTT_RULE_LENGTH, "30 80 80 80 80 01"},
    {V4, HF_MQTT_RULE_LENGTH, "30 ff ff ff ff"},
    {V5, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "c0 80 00"},
    {V4, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "c0 80 80 00"},
    {V5, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "30 84 00 0001 'a' 00"},
    {V5, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "30 [ <a> 80 00 ]"}, /* of the properties */
    {V5, HF_MQTT_RULE_LENGTH, "30 [ <a> 80 80 80 80 01 ]"},
    {V5, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "30 [ <a> [ 81 00 01 ] ]"}, /* of an identifier */
    {V5, HF_MQTT_RULE_LENGTH_NOT_SHORTEST, "30 [ <a> [ 0b 81 00 ] ]"}, /* of a subscription identifier */
    {V5, HF_MQTT_RULE_LENGTH, "30 [ <a> [ 0b 81 81 81 81 01 ] ]"},
    /* fields that do not fit their packet */
    {V5, HF_MQTT_RULE_CUT, "10 00"},
    {V5, HF_MQTT_RULE_CUT, "10 [ 0004 'MQT' ]"},
    {V5, HF_MQTT_RULE_CUT, "10 [ <MQTT> 05 02 00 ]"},
    {V5, HF_MQTT_RULE_CUT, "10 [ <MQTT> 05 02 0000 05 <d> ]"}, /* properties of more than there is */
    {V5, HF_MQTT_RULE_CUT, "10 [ <MQTT> 05 02 0000 [] ]"},     /* MQTT-3.1.3-3: no client identifier */
    {V5, HF_MQTT_RULE_CUT, "10 [ <MQTT> 05 82 0000 [] <d> ]"}, /* MQTT-3.1.2-17: no user name */
    {V5, HF_MQTT_RULE_CUT, "10 [ <MQTT> 05 42 0000 [] <d> ]"}, /* MQTT-3.1.2-19: no password */
    {V5, HF_MQTT_RULE_CUT,
     "10 [ <MQTT> 05 06 0000 [] <d> [] <w> ]"}, /* MQTT-3.1.2-9: no payload of the will */
    {V5, HF_MQTT_RULE_CUT, "20 01 00"},
    {V5, HF_MQTT_RULE_CUT, "20 02 00 00"}, /* 5.0 wants the length of the properties */
    {V5, HF_MQTT_RULE_CUT, "30 01 00"},
    {V5, HF_MQTT_RULE_CUT, "32 [ <a> 00 ]"},
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> ]"},
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 01 ] ]"},
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 02 000000 ] ]"},
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 23 00 ] ]"},
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 03 0002 'c' ] 'more' ]"}, /* the end of the properties is one */
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 26 <k> ] 00 01 'v' ]"},   /* MQTT-1.5.7-1 */
    {V5, HF_MQTT_RULE_CUT, "30 [ <a> [ 0b ] ]"},
    {V4, HF_MQTT_RULE_CUT, "40 00"},
    {V4, HF_MQTT_RULE_CUT, "40 01 00"},
    {V5, HF_MQTT_RULE_CUT, "40 05 0001 00 05 1f"},
    {V5, HF_MQTT_RULE_CUT, "82 [ 0001 [] <a> ]"}, /* no options */
    {V4, HF_MQTT_RULE_CUT, "82 [ 0001 <a> 01 <b> ]"},
    {V5, HF_MQTT_RULE_CUT, "a2 [ 0001 [] 0002 'a' ]"},
    {V5, HF_MQTT_RULE_CUT, "b0 02 0001"},
    {V4, HF_MQTT_RULE_REST, "10 [ <MQTT> 04 02 0000 <d> 00 ]"},
    {V5, HF_MQTT_RULE_REST,
     "10 [ <MQTT> 05 06 0000 [] <d> [ 01 01 ] <w> 0001 ff 00 ]"}, /* not as if only the will's text were wrong */
    {V4, HF_MQTT_RULE_REST, "20 03 00 00 00"},
    {V5, HF_MQTT_RULE_REST, "20 04 00 00 00 00"},
    {V4, HF_MQTT_RULE_REST, "40 03 0001 00"},
    {V5, HF_MQTT_RULE_REST, "40 05 0001 00 00 00"},
    {V4, HF_MQTT_RULE_REST, "b0 03 0001 00"},
    {V5, HF_MQTT_RULE_REST, "c0 01 00"},
    {V4, HF_MQTT_RULE_REST, "d0 01 00"},
    {V4, HF_MQTT_RULE_REST, "e0 01 00"},
    {V5, HF_MQTT_RULE_REST, "e0 03 00 00 00"},
    /* strings: 1.5.4 */
    {V5, HF_MQTT_RULE_UTF8, "30 [ 0003 eda080 [] ]"}, /* U+D800 */
    {V5, HF_MQTT_RULE_UTF8, "30 [ 0003 edbfbf [] ]"}, /* U+DFFF */
    {V4, HF_MQTT_RULE_UTF8, "30 [ 0002 c080 ]"},      /* NUL spelled long */
    {V5, HF_MQTT_RULE_UTF8, "30 [ 0001 ff [] ]"},
    {V5, HF_MQTT_RULE_UTF8, "30 [ 0004 f4908080 [] ]"},              /* U+110000 */
    {V5, HF_MQTT_RULE_UTF8, "10 [ <MQTT> 05 02 0000 [] 0001 c3 ]"},  /* MQTT-3.1.3-4 */
    {V4, HF_MQTT_RULE_UTF8, "10 [ <MQTT> 04 82 0000 <d> 0001 80 ]"}, /* MQTT-3.1.3-11 */
    {V5, HF_MQTT_RULE_UTF8, "40 [ 0001 00 [ 1f 0001 ff ] ]"},
    {V5, HF_MQTT_RULE_UTF8, "40 [ 0001 00 [ 26 <k> 0001 ff ] ]"},
    {V5, HF_MQTT_RULE_UTF8, "82 [ 0001 [] 0001 ff 00 ]"}, /* MQTT-3.8.3-1 */
    {V5, HF_MQTT_RULE_UTF8, "a2 [ 0001 [] 0001 ff ]"},    /* MQTT-3.10.3-1 */
    {V5, HF_MQTT_RULE_NUL, "30 [ 0003 'a' 00 'b' [] ]"},
    {V4, HF_MQTT_RULE_NUL, "10 [ <MQTT> 04 02 0000 0001 00 ]"},
    {V5, HF_MQTT_RULE_NUL, "30 [ <a> [ 26 0001 00 <v> ] ]"},
    /* packet identifiers: 2.2.1 */
    {V5, HF_MQTT_RULE_PACKET_ID, "32 [ <a> 0000 [] ]"},
    {V4, HF_MQTT_RULE_PACKET_ID, "34 [ <a> 0000 ]"},
    {V5, HF_MQTT_RULE_PACKET_ID, "40 02 0000"},
    {V5, HF_MQTT_RULE_PACKET_ID, "50 02 0000"},
    {V5, HF_MQTT_RULE_PACKET_ID, "62 02 0000"},
    {V4, HF_MQTT_RULE_PACKET_ID, "70 02 0000"},
    {V5, HF_MQTT_RULE_PACKET_ID, "82 [ 0000 [] <a> 00 ]"},
    {V4, HF_MQTT_RULE_PACKET_ID, "90 03 0000 00"},
    {V5, HF_MQTT_RULE_PACKET_ID, "a2 [ 0000 [] <a> ]"},
    {V5, HF_MQTT_RULE_PACKET_ID, "b0 04 0000 00 00"},
    /* reason codes: 2.4; all of them by packet: mqtt_tables_test.c */
    {V5, HF_MQTT_RULE_REASON, "20 03 00 01 00"},
    {V5, HF_MQTT_RULE_REASON, "20 03 00 05 00"}, /* a return code of 3.1.1 */
    {V4, HF_MQTT_RULE_REASON, "20 02 00 06"},
    {V4, HF_MQTT_RULE_REASON, "20 02 00 87"},
    {V5, HF_MQTT_RULE_REASON, "40 03 0001 92"},
    {V5, HF_MQTT_RULE_REASON, "62 03 0001 10"},
    {V5, HF_MQTT_RULE_REASON, "90 04 0001 00 03"},
    {V4, HF_MQTT_RULE_REASON, "90 03 0001 03"},
    {V4, HF_MQTT_RULE_REASON, "90 04 0001 00 87"}, /* one failure was known */
    {V5, HF_MQTT_RULE_REASON, "b0 04 0001 00 01"},
    {V5, HF_MQTT_RULE_REASON, "e0 01 01"},
    {V5, HF_MQTT_RULE_REASON, "f0 01 80"},
    /* properties: 2.2.2; all of them by packet: mqtt_tables_test.c */
    {V5, HF_MQTT_RULE_PROPERTY, "30 [ <a> [ 00 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY, "30 [ <a> [ 2b 00 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY, "30 [ <a> [ 8101 00 ] ]"}, /* 129 */
    {V5, HF_MQTT_RULE_PROPERTY, "30 [ <a> [ 11 00000001 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY, "10 [ <MQTT> 05 02 0000 [ 01 01 ] <d> ]"}, /* of the will, not of CONNECT */
    {V5, HF_MQTT_RULE_PROPERTY,
     "10 [ <MQTT> 05 06 0000 [] <d> [ 21 0001 ] <w> <> ]"}, /* and the other way about */
    {V5, HF_MQTT_RULE_PROPERTY_TWICE, "30 [ <a> [ 01 00 01 00 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_TWICE, "40 [ 0001 00 [ 1f <a> 26 <k> <v> 1f <a> ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_TWICE,
     "82 [ 0001 [ 0b 01 0b 02 ] <a> 00 ]"}, /* 3.8.2.1.2; PUBLISH repeats it */
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "30 [ <a> [ 01 02 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "30 [ <a> [ 0b 00 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "82 [ 0001 [ 0b 00 ] <a> 00 ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 21 0000 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 24 02 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 25 02 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 27 00000000 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 28 02 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 29 02 ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "20 [ 00 00 [ 2a ff ] ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "10 [ <MQTT> 05 02 0000 [ 17 02 ] <d> ]"},
    {V5, HF_MQTT_RULE_PROPERTY_VALUE, "10 [ <MQTT> 05 02 0000 [ 19 02 ] <d> ]"},
    {V5, HF_MQTT_RULE_AUTH_METHOD, "10 [ <MQTT> 05 02 0000 [ 16 <data> ] <d> ]"},
    {V5, HF_MQTT_RULE_AUTH_METHOD, "f0 [ 18 [ 16 <data> ] ]"}, /* 3.15.2.2.2 */
    {V5, HF_MQTT_RULE_AUTH_METHOD, "f0 02 18 00"},
    {V5, HF_MQTT_RULE_AUTH_METHOD, "f0 01 18"},
    {V5, HF_MQTT_RULE_AUTH_METHOD, "f0 01 00"},
    /* CONNECT: 3.1 */
    {V4, HF_MQTT_RULE_PROTOCOL_NAME, "10 [ <MQIsdp> 03 02 0000 <d> ]"}, /* 3.1 */
    {V5, HF_MQTT_RULE_PROTOCOL_NAME, "10 [ <mqtt> 05 02 0000 [] <d> ]"},
    {V5, HF_MQTT_RULE_PROTOCOL_NAME, "10 [ <MQTTx> 05 02 0000 [] <d> ]"},
    {V5, HF_MQTT_RULE_VERSION, "10 [ <MQTT> 03 02 0000 <d> ]"},
    {V5, HF_MQTT_RULE_VERSION, "10 [ <MQTT> 06 02 0000 [] <d> ]"},
    {V5, HF_MQTT_RULE_VERSION, "10 [ <MQTT> 84 02 0000 <d> ]"}, /* of a bridge */
    {V5, HF_MQTT_RULE_CONNECT_FLAGS, "10 [ <MQTT> 05 03 0000 [] <d> ]"},
    {V4, HF_MQTT_RULE_CONNECT_FLAGS, "10 [ <MQTT> 04 03 0000 <d> ]"},
    {V5, HF_MQTT_RULE_WILL_QOS, "10 [ <MQTT> 05 1e 0000 [] <d> [] <w> <> ]"},
    {V4, HF_MQTT_RULE_WILL_QOS, "10 [ <MQTT> 04 1e 0000 <d> <w> <> ]"},
    {V5, HF_MQTT_RULE_WILL_FLAGS, "10 [ <MQTT> 05 0a 0000 [] <d> ]"},
    {V5, HF_MQTT_RULE_WILL_FLAGS, "10 [ <MQTT> 05 22 0000 [] <d> ]"}, /* MQTT-3.1.2-13 */
    {V4, HF_MQTT_RULE_WILL_FLAGS, "10 [ <MQTT> 04 22 0000 <d> ]"},
    {V4, HF_MQTT_RULE_PASSWORD, "10 [ <MQTT> 04 42 0000 <d> <p> ]"},
    {V4, HF_MQTT_RULE_CLIENT_ID, "10 [ <MQTT> 04 00 0000 <> ]"},
    {V5, HF_MQTT_RULE_TOPIC_NAME, "10 [ <MQTT> 05 06 0000 [] <d> [] <w/+> <> ]"},
    {V5, HF_MQTT_RULE_TOPIC_NAME, "10 [ <MQTT> 05 06 0000 [] <d> [] <> <> ]"},
    {V5, HF_MQTT_RULE_RESPONSE_TOPIC, "10 [ <MQTT> 05 06 0000 [] <d> [ 08 <r/#> ] <w> <> ]"},
    {V5, HF_MQTT_RULE_PAYLOAD_FORMAT, "10 [ <MQTT> 05 06 0000 [] <d> [ 01 01 ] <w> 0001 ff ]"},
    /* CONNACK: 3.2 */
    {V5, HF_MQTT_RULE_CONNACK_FLAGS, "20 03 02 00 00"},
    {V4, HF_MQTT_RULE_CONNACK_FLAGS, "20 02 80 00"},
    {V5, HF_MQTT_RULE_SESSION_PRESENT, "20 03 01 80 00"},
    {V4, HF_MQTT_RULE_SESSION_PRESENT, "20 02 01 05"},
    /* PUBLISH: 3.3 */
    {V5, HF_MQTT_RULE_QOS, "36 [ <a> 0001 [] ]"},
    {V4, HF_MQTT_RULE_QOS, "3e [ <a> 0001 ]"},
    {V5, HF_MQTT_RULE_DUP, "38 [ <a> [] ]"},
    {V4, HF_MQTT_RULE_DUP, "39 [ <a> ]"},
    {V5, HF_MQTT_RULE_TOPIC_NAME, "30 [ <a/#> [] ]"},
    {V4, HF_MQTT_RULE_TOPIC_NAME, "30 [ <a/+/b> ]"},
    {V5, HF_MQTT_RULE_TOPIC_NAME, "30 [ <+> [ 23 0001 ] ]"},
    {V5, HF_MQTT_RULE_TOPIC_MISSING, "30 [ <> [] 'hi' ]"},
    {V4, HF_MQTT_RULE_TOPIC_MISSING, "30 [ <> 'hi' ]"}, /* MQTT-4.7.3-1 */
    {V5, HF_MQTT_RULE_TOPIC_ALIAS, "30 [ <a> [ 23 0000 ] ]"},
    {V5, HF_MQTT_RULE_RESPONSE_TOPIC, "30 [ <a> [ 08 <r/+> ] ]"},
    {V5, HF_MQTT_RULE_RESPONSE_TOPIC, "30 [ <a> [ 08 <> ] ]"},
    {V5, HF_MQTT_RULE_PAYLOAD_FORMAT, "30 [ <a> [ 01 01 ] c3 ]"},
    /* SUBSCRIBE to UNSUBACK: 3.8 to 3.11, 4.7, 4.8 */
    {V5, HF_MQTT_RULE_FILTER_MISSING, "82 03 0001 00"},
    {V4, HF_MQTT_RULE_FILTER_MISSING, "82 02 0001"},
    {V5, HF_MQTT_RULE_UNFILTER_MISSING, "a2 03 0001 00"},
    {V4, HF_MQTT_RULE_UNFILTER_MISSING, "a2 02 0001"},
    {V5, HF_MQTT_RULE_FILTER, "82 [ 0001 [] <> 00 ]"}, /* MQTT-4.7.3-1 */
    {V5, HF_MQTT_RULE_FILTER, "82 [ 0001 [] <a#> 00 ]"},
    {V4, HF_MQTT_RULE_FILTER, "82 [ 0001 <a/#/b> 00 ]"},
    {V5, HF_MQTT_RULE_FILTER, "82 [ 0001 [] <a> 00 <b+> 00 ]"}, /* MQTT-4.7.1-2 */
    {V5, HF_MQTT_RULE_FILTER, "a2 [ 0001 [] <#/a> ]"},
    {V5, HF_MQTT_RULE_SHARE, "82 [ 0001 [] <$share/g> 00 ]"},
    {V5, HF_MQTT_RULE_SHARE, "82 [ 0001 [] <$share//a> 00 ]"}, /* MQTT-4.8.2-1 */
    {V5, HF_MQTT_RULE_SHARE, "82 [ 0001 [] <$share/+/a> 00 ]"},
    {V5, HF_MQTT_RULE_SHARE, "82 [ 0001 [] <$share> 00 ]"},
    {V5, HF_MQTT_RULE_SHARE, "a2 [ 0001 [] <$share/g/> ]"},
    {V5, HF_MQTT_RULE_NO_LOCAL, "82 [ 0001 [] <$share/g/a> 05 ]"},
    {V5, HF_MQTT_RULE_OPTIONS, "82 [ 0001 [] <a> 03 ]"},
    {V4, HF_MQTT_RULE_OPTIONS, "82 [ 0001 <a> 03 ]"},
    {V5, HF_MQTT_RULE_OPTIONS, "82 [ 0001 [] <a> 30 ]"},
    {V5, HF_MQTT_RULE_OPTIONS, "82 [ 0001 [] <a> 40 ]"},
    {V5, HF_MQTT_RULE_OPTIONS, "82 [ 0001 [] <a> 80 ]"},
    {V4, HF_MQTT_RULE_OPTIONS, "82 [ 0001 <a> 04 ]"}, /* of 5.0 */
    {V4, HF_MQTT_RULE_OPTIONS, "82 [ 0001 <a> 10 ]"},
    {V5, HF_MQTT_RULE_CODE_MISSING, "90 03 0001 00"},
    {V4, HF_MQTT_RULE_CODE_MISSING, "90 02 0001"},
    {V5, HF_MQTT_RULE_CODE_MISSING, "b0 03 0001 00"},
};

static void each_row_breaks_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        const struct hf_mqtt_rule_info *info = hf_mqtt_rule_info(row->rule);
        const char *clause = row->version == V5 ? info->clause : info->clause_311;
        struct hf_mqtt_packet packet;
        uint8_t in[KIT_BYTES_MAX];
        size_t bytes = kit_bytes(row->in, in), taken;
        hf_err err = kit_decode(in, bytes, row->version, SIZE_MAX, &taken, &packet);

        if (err != HF_ERR_MALFORMED || packet.rule != row->rule)
            fail_msg("%s: %s, not %s", row->in, hf_mqtt_rule_info(packet.rule)->name, info->name);
        if (clause[0] == '\0')
            fail_msg("%s: %s has no clause in version %u", row->in, info->name, row->version);
    }
}

/* Cut anywhere it is not whole yet, or broken already, and then by the same rule. */
static void the_refusal_does_not_depend_on_where_the_bytes_were_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_mqtt_packet packet;
        uint8_t in[KIT_BYTES_MAX];
        size_t bytes = kit_bytes(rows[i].in, in), taken;

        for (size_t have = 0; have < bytes; have++)
            if (kit_decode(in, have, rows[i].version, SIZE_MAX, &taken, &packet) != HF_ERR_AGAIN)
                assert_int_equal(packet.rule, rows[i].rule);
    }
}

static void every_rule_has_a_row_and_an_answer(void **state)
{
    bool seen[HF_MQTT_RULES] = {[HF_MQTT_RULE_NONE] = true, [HF_MQTT_RULE_PACKET_BYTES] = true};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        seen[rows[i].rule] = true;
    for (unsigned rule = 0; rule < HF_MQTT_RULES; rule++) {
        const struct hf_mqtt_rule_info *info = hf_mqtt_rule_info(rule);

        if (!seen[rule])
            fail_msg("no row for %s", info->name);
        /* A refusal is answered with CONNACK or DISCONNECT, or with SUBACK when it is only the filter. */
        assert_true(rule == HF_MQTT_RULE_NONE || hf_mqtt_reason_may(info->reason, HF_MQTT_CONNACK) ||
                    hf_mqtt_reason_may(info->reason, HF_MQTT_DISCONNECT));
    }
}

/* 3.3.2.3.2: this one is between the applications. */
static void a_payload_of_the_wrong_format_leaves_the_packet_readable(void **state)
{
    struct hf_mqtt_packet packet;
    uint8_t in[KIT_BYTES_MAX];
    size_t bytes = kit_bytes("32 [ <a> 0007 [ 01 01 26 <k> <v> ] ff ]", in), taken;

    (void)state;
    assert_int_equal(kit_decode(in, bytes, HF_MQTT_V5, SIZE_MAX, &taken, &packet), HF_ERR_MALFORMED);
    assert_int_equal(packet.rule, HF_MQTT_RULE_PAYLOAD_FORMAT);
    assert_int_equal(taken, bytes);
    assert_string_equal(kit_describe(&packet),
                        "PUBLISH qos1 #7 topic=a payload=\\xff payload_format=1 user{k:v}");
}

static void the_limit_counts_the_whole_packet(void **state)
{
    uint8_t in[KIT_BYTES_MAX];
    size_t bytes = kit_bytes("30 05 0003 'a/b'", in), taken;
    struct hf_mqtt_packet packet;

    (void)state;
    assert_int_equal(bytes, 7);
    assert_int_equal(kit_decode(in, bytes, HF_MQTT_V311, 7, &taken, &packet), HF_OK);
    assert_int_equal(kit_decode(in, bytes, HF_MQTT_V311, 6, &taken, &packet), HF_ERR_LIMIT);
    assert_int_equal(kit_decode(in, 2, HF_MQTT_V311, 6, &taken, &packet),
                     HF_ERR_LIMIT); /* the body need not be there */
    assert_int_equal(kit_decode(in, 2, HF_MQTT_V311, 7, &taken, &packet), HF_ERR_AGAIN);
    assert_int_equal(taken, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_breaks_its_rule),
        cmocka_unit_test(the_refusal_does_not_depend_on_where_the_bytes_were_cut),
        cmocka_unit_test(every_rule_has_a_row_and_an_answer),
        cmocka_unit_test(a_payload_of_the_wrong_format_leaves_the_packet_readable),
        cmocka_unit_test(the_limit_counts_the_whole_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
