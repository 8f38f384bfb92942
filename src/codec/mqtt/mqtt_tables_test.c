/* codec/mqtt/mqtt_tables_test.c - the tables of the standard, written down a second time and in its own form: 2.2.2.2 (which property where), 2.4 (which reason code
 * where), and what is meant when a property is absent. */
#include "codec/mqtt/mqtt_testkit.h"

/* One letter for each packet: c CONNECT, C CONNACK, p PUBLISH, w will, a PUBACK, r PUBREC, l PUBREL, o PUBCOMP, s SUBSCRIBE, S SUBACK, u UNSUBSCRIBE, U UNSUBACK,
 * D DISCONNECT, A AUTH. `head` and `tail` are what stands around its properties. */
static const struct place {
    char letter;
    enum hf_mqtt_type type;
    const char *head, *tail;
} places[] = {
    {'c', HF_MQTT_CONNECT, "10 [ <MQTT> 05 02 0000", "<d> ]"},
    {'C', HF_MQTT_CONNACK, "20 [ 00 00", "]"},
    {'p', HF_MQTT_PUBLISH, "30 [ <a>", "]"},
    {'w', HF_MQTT_NONE, "10 [ <MQTT> 05 06 0000 [] <d>", "<t> <> ]"},
    {'a', HF_MQTT_PUBACK, "40 [ 0001 00", "]"},
    {'r', HF_MQTT_PUBREC, "50 [ 0001 00", "]"},
    {'l', HF_MQTT_PUBREL, "62 [ 0001 00", "]"},
    {'o', HF_MQTT_PUBCOMP, "70 [ 0001 00", "]"},
    {'s', HF_MQTT_SUBSCRIBE, "82 [ 0001", "<a> 00 ]"},
    {'S', HF_MQTT_SUBACK, "90 [ 0001", "00 ]"},
    {'u', HF_MQTT_UNSUBSCRIBE, "a2 [ 0001", "<a> ]"},
    {'U', HF_MQTT_UNSUBACK, "b0 [ 0001", "00 ]"},
    {'D', HF_MQTT_DISCONNECT, "e0 [ 00", "]"},
    {'A', HF_MQTT_AUTH, "f0 [ 18", "]"},
};

/* Table 2-4. */
static const struct property {
    unsigned id;
    const char *where, *value, *text;
} properties[] = {
    {0x01, "pw", "01", "payload_format=1"},
    {0x02, "pw", "00000002", "message_expiry_s=2"},
    {0x03, "pw", "<x>", "content_type=x"},
    {0x08, "pw", "<x>", "response_topic=x"},
    {0x09, "pw", "<x>", "correlation_data=x"},
    {0x0b, "ps", "8101", "subscription=129"},
    {0x11, "cCD", "00000003", "session_expiry_s=3"},
    {0x12, "C", "<x>", "assigned_client_id=x"},
    {0x13, "C", "0004", "server_keep_alive_s=4"},
    {0x15, "cCA", "<x>", "auth_method=x"},
    {0x16, "cCA", "<x>", "auth_data=x"},
    {0x17, "c", "00", "request_problem=0"},
    {0x18, "w", "00000005", "will_delay_s=5"},
    {0x19, "c", "01", "request_response=1"},
    {0x1a, "C", "<x>", "response_information=x"},
    {0x1c, "CD", "<x>", "server_reference=x"},
    {0x1f, "CarloSUDA", "<x>", "reason_string=x"},
    {0x21, "cC", "0006", "receive_maximum=6"},
    {0x22, "cC", "0007", "topic_alias_maximum=7"},
    {0x23, "p", "0008", "topic_alias=8"},
    {0x24, "C", "01", "maximum_qos=1"},
    {0x25, "C", "00", "retain_available=0"},
    {0x26, "cCpwarlosSuUDA", "<k> <v>", "user{k:v}"},
    {0x27, "cC", "00000009", "maximum_packet_bytes=9"},
    {0x28, "C", "00", "wildcards_available=0"},
    {0x29, "C", "00", "subscription_ids_available=0"},
    {0x2a, "C", "00", "shared_available=0"},
};

static const char *value_of(unsigned id)
{
    for (size_t i = 0; i < HF_COUNT_OF(properties); i++)
        if (properties[i].id == id)
            return properties[i].value;
    return "00";
}

/* Reads `id` at `place`, beside what the packet cannot be without. */
static enum hf_mqtt_rule read_at(const struct place *place, unsigned id, struct hf_mqtt_packet *ret)
{
    bool method = place->letter == 'A' || (place->letter == 'c' && id == HF_MQTT_PROPERTY_AUTH_DATA);
    char text[256];
    uint8_t in[KIT_BYTES_MAX];
    size_t bytes, taken;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "%s [ %s ", place->head, method && id != HF_MQTT_PROPERTY_AUTH_METHOD ? "15 <M>" : "");
    if (id < 0x80)
        hf_sb_printf(&sb, "%02x %s ] %s", id, value_of(id), place->tail);
    else
        hf_sb_printf(&sb, "%02x %02x %s ] %s", 0x80 | (id & 0x7f), id >> 7, value_of(id), place->tail);
    assert_false(sb.overflow);
    bytes = kit_bytes(text, in);
    return kit_decode(in, bytes, HF_MQTT_V5, SIZE_MAX, &taken, ret) == HF_OK ? HF_MQTT_RULE_NONE
                                                                             : (enum hf_mqtt_rule)ret->rule;
}

static void every_property_stands_where_the_standard_lets_it(void **state)
{
    (void)state;
    for (unsigned id = 0; id < 300; id++) {
        const struct property *row = NULL;

        for (size_t i = 0; i < HF_COUNT_OF(properties); i++)
            row = properties[i].id == id ? &properties[i] : row;
        for (size_t i = 0; i < HF_COUNT_OF(places); i++) {
            bool may = row != NULL && strchr(row->where, places[i].letter) != NULL;
            struct hf_mqtt_packet packet;
            enum hf_mqtt_rule rule = read_at(&places[i], id, &packet);

            if (rule != (may ? HF_MQTT_RULE_NONE : HF_MQTT_RULE_PROPERTY))
                fail_msg("property %u in %c: %s", id, places[i].letter, hf_mqtt_rule_info(rule)->name);
            if (may && strstr(kit_describe(&packet), row->text) == NULL)
                fail_msg("property %u in %c: %s", id, places[i].letter, kit_describe(&packet));
        }
        assert_int_equal(row == NULL, strcmp(hf_mqtt_property_name(id), "unknown") == 0);
    }
}

/* Figures of 2.4: which packets may say it. */
static const struct {
    unsigned reason;
    const char *where;
} reasons[] = {
    {0x00, "CarloSUDA"}, {0x01, "S"},     {0x02, "S"},      {0x04, "D"},      {0x10, "ar"}, {0x11, "U"},
    {0x18, "A"},         {0x19, "A"},     {0x80, "CarSUD"}, {0x81, "CD"},     {0x82, "CD"}, {0x83, "CarSUD"},
    {0x84, "C"},         {0x85, "C"},     {0x86, "C"},      {0x87, "CarSUD"}, {0x88, "C"},  {0x89, "CD"},
    {0x8a, "C"},         {0x8b, "D"},     {0x8c, "CD"},     {0x8d, "D"},      {0x8e, "D"},  {0x8f, "SUD"},
    {0x90, "CarD"},      {0x91, "arSU"},  {0x92, "lo"},     {0x93, "D"},      {0x94, "D"},  {0x95, "CD"},
    {0x96, "D"},         {0x97, "CarSD"}, {0x98, "D"},      {0x99, "CarD"},   {0x9a, "CD"}, {0x9b, "CD"},
    {0x9c, "CD"},        {0x9d, "CD"},    {0x9e, "SD"},     {0x9f, "CD"},     {0xa0, "D"},  {0xa1, "SD"},
    {0xa2, "SD"},
};

static void every_reason_is_said_where_the_standard_lets_it(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason < 300; reason++) {
        const char *where = "";

        for (size_t i = 0; i < HF_COUNT_OF(reasons); i++)
            where = reasons[i].reason == reason ? reasons[i].where : where;
        for (size_t i = 0; i < HF_COUNT_OF(places); i++)
            if (hf_mqtt_reason_may(reason, places[i].type) != (strchr(where, places[i].letter) != NULL))
                fail_msg("reason %u in %c", reason, places[i].letter);
        assert_false(hf_mqtt_reason_may(reason, HF_MQTT_TYPES));
        assert_int_equal(where[0] == '\0', strcmp(hf_mqtt_reason_text(reason), "unknown reason") == 0);
    }
    assert_string_equal(hf_mqtt_reason_text(HF_MQTT_REASON_BAD_LOGIN), "bad user name or password");
}

static void return_codes_and_reasons_say_the_same(void **state)
{
    uint8_t reason = 0xff;

    (void)state;
    for (unsigned code = 0; code <= 5; code++) {
        assert_true(hf_mqtt_reason_of_return_code(code, &reason));
        assert_int_equal(hf_mqtt_return_code(reason), code);
    }
    assert_false(hf_mqtt_reason_of_return_code(6, &reason));
    assert_int_equal(hf_mqtt_return_code(HF_MQTT_REASON_AUTH_METHOD), 5);
    assert_int_equal(hf_mqtt_return_code(0xff), 3);
    assert_int_equal(hf_mqtt_return_code(1000), 3);
    for (unsigned code = HF_MQTT_REASON_FAILS; code < 0x100; code++) /* a failure never becomes a success */
        assert_true(hf_mqtt_return_code(code) != 0);
}

static void what_is_absent_means_what_the_standard_says(void **state)
{
    static const struct {
        enum hf_mqtt_property id;
        uint32_t absent;
    } rows[] = {
        {HF_MQTT_PROPERTY_PAYLOAD_FORMAT, 0},
        {HF_MQTT_PROPERTY_MESSAGE_EXPIRY, UINT32_MAX}, /* never */
        {HF_MQTT_PROPERTY_SESSION_EXPIRY, 0},
        {HF_MQTT_PROPERTY_REQUEST_PROBLEM, 1},
        {HF_MQTT_PROPERTY_REQUEST_RESPONSE, 0},
        {HF_MQTT_PROPERTY_WILL_DELAY, 0},
        {HF_MQTT_PROPERTY_RECEIVE_MAXIMUM, 65535},
        {HF_MQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM, 0},
        {HF_MQTT_PROPERTY_MAXIMUM_QOS, 2},
        {HF_MQTT_PROPERTY_RETAIN_AVAILABLE, 1},
        {HF_MQTT_PROPERTY_MAXIMUM_PACKET_BYTES, UINT32_MAX}, /* no limit */
        {HF_MQTT_PROPERTY_WILDCARDS_AVAILABLE, 1},
        {HF_MQTT_PROPERTY_SUBSCRIPTION_IDS_AVAILABLE, 1},
        {HF_MQTT_PROPERTY_SHARED_AVAILABLE, 1},
    };
    struct hf_mqtt_properties there = {
        .has = HF_MQTT_HAS(RECEIVE_MAXIMUM), .receive_maximum = 20, .maximum_qos = 1};
    static const struct hf_mqtt_properties none;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_mqtt_property_number(&none, rows[i].id), rows[i].absent);
    assert_int_equal(hf_mqtt_property_number(&there, HF_MQTT_PROPERTY_RECEIVE_MAXIMUM), 20);
    assert_int_equal(hf_mqtt_property_number(&there, HF_MQTT_PROPERTY_MAXIMUM_QOS), 2); /* `has` decides */
    assert_true(hf_mqtt_has(&there, HF_MQTT_PROPERTY_RECEIVE_MAXIMUM));
    assert_false(hf_mqtt_has(&there, HF_MQTT_PROPERTY_MAXIMUM_QOS));
}

static void what_repeats_is_made_and_read_in_its_order(void **state)
{
    static const char want[] = "30 [ <a> [ 26 <id> <1> 0b 7f 26 <id> <2> 26 <> <> ] ]";
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH, .as.publish.topic = HF_SLICE("a")};
    uint8_t out[64], bytes[KIT_BYTES_MAX];
    struct hf_mqtt_repeated repeated;
    struct hf_slice rest = {NULL, 0};
    char storage[64];
    struct hf_sb sb;

    (void)state;
    assert_false(hf_mqtt_repeated_next(&rest, &repeated));
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_user(&sb, HF_SLICE("id"), HF_SLICE("1"));
    hf_mqtt_put_subscription_id(&sb, 127);
    hf_mqtt_put_user(&sb, HF_SLICE("id"), HF_SLICE("2"));
    hf_mqtt_put_user(&sb, HF_SLICE(""), (struct hf_slice){NULL, 0});
    assert_false(sb.overflow);
    packet.properties.repeated = hf_sb_done(&sb);
    assert_int_equal(hf_mqtt_encode(HF_MQTT_V5, &packet, out), kit_bytes(want, bytes));
    assert_memory_equal(out, bytes, kit_bytes(want, bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_property_stands_where_the_standard_lets_it),
        cmocka_unit_test(every_reason_is_said_where_the_standard_lets_it),
        cmocka_unit_test(return_codes_and_reasons_say_the_same),
        cmocka_unit_test(what_is_absent_means_what_the_standard_says),
        cmocka_unit_test(what_repeats_is_made_and_read_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
