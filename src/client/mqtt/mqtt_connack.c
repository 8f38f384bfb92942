/* client/mqtt/mqtt_connack.c - how a connection begins, CONNECT and CONNACK, and how the broker ends it. */
#include "base/sb.h"
#include "client/mqtt/mqtt_internal.h"

/* ---- CONNECT ---- */

static void fill_properties(const struct hf_mc *mc, struct hf_mqtt_properties *properties, struct hf_sb *user)
{
    properties->has = HF_MQTT_HAS(MAXIMUM_PACKET_BYTES) | HF_MQTT_HAS(RECEIVE_MAXIMUM);
    properties->maximum_packet_bytes = mc->message_bytes_max + HF_CLIENT_MQTT_PACKET_SPARE;
    properties->receive_maximum = mc->window_messages;
    if (mc->listens) {
        properties->has |= HF_MQTT_HAS(SESSION_EXPIRY);
        properties->session_expiry_s = HF_CLIENT_MQTT_SESSION_EXPIRY_S;
    }
    if (mc->software.bytes > 0)
        hf_mqtt_put_user(user, HF_SLICE("software"), mc->software);
    if (mc->trace.bytes > 0)
        hf_mqtt_put_user(user, HF_SLICE("trace"), mc->trace);
    properties->repeated = hf_sb_done(user);
}

/* A session at the broker is for what comes down: without that it would be kept there for nothing. */
void hf_mc_connect(struct hf_mc *mc, struct hf_slice token)
{
    struct hf_mqtt_packet packet = {.type = HF_MQTT_CONNECT,
                                    .as.connect = {.clean_start = !mc->listens,
                                                   .keep_alive_s = (uint16_t)mc->keep_alive_s,
                                                   .client_id = mc->device}};
    struct hf_mqtt_connect *connect = &packet.as.connect;
    char storage[HF_MC_USER_BYTES];
    struct hf_sb user;

    hf_sb_init(&user, storage, sizeof(storage));
    fill_properties(mc, &packet.properties, &user);
    if (mc->user_name.bytes > 0)
        connect->user_name = mc->user_name;
    else if (token.bytes > 0)
        connect->user_name = mc->device;
    if (token.bytes > 0)
        connect->password = token;
    HF_ASSERT(mc->out_bytes == 0 && !user.overflow);
    if (!hf_mc_emit(mc, &packet, true))
        HF_UNREACHABLE(); /* the buffer is empty, and the texts are bounded */
    mc->link.keep_ms = mc->keep_alive_s * 1000;
    mc->phase = HF_MC_GREETING;
    mc->phase_due_ms = mc->now.now_ms + HF_CLIENT_MQTT_CONNECT_MS;
}

/* ---- what the broker says of an end ---- */

/* "the broker says: not authorized (ACL of bike-7)" */
static void say(struct hf_mc *mc, uint8_t mqtt_reason, struct hf_slice said, const char *advice)
{
    char storage[HF_MC_TEXT_BYTES];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_sb_printf(&sb, "the broker says: %s", hf_mqtt_reason_text(mqtt_reason));
    if (said.bytes > 0)
        hf_sb_printf(&sb, " (%.*s)", (int)HF_MIN(said.bytes, 80), said.at);
    hf_sb_text(&sb, advice);
    hf_mc_text(mc, hf_sb_done(&sb));
}

/* Server reference: addresses, spaces between them (5.0, 4.11). */
static void take_alternates(struct hf_mc *mc, struct hf_slice text)
{
    if (text.bytes == 0)
        return;
    mc->alternate_count = 0;
    while (text.bytes > 0 && mc->alternate_count < HF_CLIENT_BOUNDS_ALTERNATES) {
        const char *space = memchr(text.at, ' ', text.bytes);
        size_t bytes = space != NULL ? (size_t)(space - text.at) : text.bytes;
        size_t step = HF_MIN(bytes + 1, text.bytes);

        if (bytes > 0 && bytes <= sizeof(mc->alternates[0])) {
            memcpy(mc->alternates[mc->alternate_count], text.at, bytes);
            mc->alternate_bytes[mc->alternate_count++] = (uint8_t)bytes;
        }
        text = (struct hf_slice){text.at + step, text.bytes - step};
    }
    if (mc->attempt % (mc->alternate_count + 1) == 0)
        mc->attempt++; /* the next one goes there, not to the one that sends us away */
}

static void end_by_peer(struct hf_mc *mc, uint8_t mqtt_reason, const struct hf_mqtt_properties *properties)
{
    struct hf_mc_reason reason = hf_mc_reason_of(mqtt_reason);
    struct hf_mc_ending *ending = &mc->link.ending;

    ending->by_peer = true;
    ending->code = mqtt_reason;
    ending->pace = reason.pace;
    ending->reason = reason.reason;
    take_alternates(mc, properties->server_reference);
}

/* ---- CONNACK ---- */

static bool is_login(uint8_t mqtt_reason)
{
    return mqtt_reason == HF_MQTT_REASON_BAD_LOGIN || mqtt_reason == HF_MQTT_REASON_NOT_AUTHORIZED ||
           mqtt_reason == HF_MQTT_REASON_AUTH_METHOD;
}

static void refused(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    uint8_t mqtt_reason = packet->as.connack.reason;
    struct hf_mc_ending *ending = &mc->link.ending;
    const char *advice = is_login(mqtt_reason) ? "; the user or the token is not taken"
                         : mqtt_reason == HF_MQTT_REASON_CLIENT_ID
                             ? "; the device's name is the client identifier"
                             : "";

    end_by_peer(mc, mqtt_reason, &packet->properties);
    ending->failure = is_login(mqtt_reason) || mqtt_reason == HF_MQTT_REASON_BANNED
                          ? HF_CLIENT_FAILED_AUTH
                          : HF_CLIENT_FAILED_PROTOCOL;
    mc->fresh_credentials |= is_login(mqtt_reason);
    if (mqtt_reason == HF_MQTT_REASON_VERSION && mc->version == HF_MQTT_V5) {
        mc->version = HF_MQTT_V311; /* a step of the handshake: no reason to wait */
        ending->at_once = true;
        hf_mc_text(mc, HF_SLICE("the broker does not speak MQTT 5.0: on with 3.1.1"));
    } else if (mqtt_reason == HF_MQTT_REASON_VERSION) {
        mc->version = HF_MQTT_V5;
        hf_mc_text(mc, HF_SLICE("the broker speaks neither MQTT 5.0 nor 3.1.1"));
    } else {
        say(mc, mqtt_reason, packet->properties.reason_string, advice);
    }
    hf_mc_finish(mc, false, HF_LINK_EV_HS_FAIL);
}

/* 3.1.1 wants a CONNACK for a version that is not known, too, but not all who speak it send one. */
void hf_mc_unanswered(struct hf_mc *mc)
{
    bool guess = mc->version == HF_MQTT_V5 && ++mc->unanswered >= HF_CLIENT_MQTT_UNANSWERED_MAX;

    hf_mc_text(mc, guess
                       ? HF_SLICE("the broker ended the connection before it answered CONNECT: on with 3.1.1")
                       : HF_SLICE("the broker ended the connection before it answered CONNECT"));
    if (!guess)
        return;
    mc->version = HF_MQTT_V311;
    mc->unanswered = 0;
    mc->guess = mc->link.ending.at_once = true;
}

static uint32_t number(const struct hf_mqtt_packet *packet, enum hf_mqtt_property id)
{
    return hf_mqtt_property_number(&packet->properties, id);
}

static void take_limits(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    struct hf_mc_link *link = &mc->link;

    link->window = HF_MIN(number(packet, HF_MQTT_PROPERTY_RECEIVE_MAXIMUM), (uint32_t)HF_MC_WINDOW);
    link->packet_bytes_max =
        HF_MIN(number(packet, HF_MQTT_PROPERTY_MAXIMUM_PACKET_BYTES), (uint32_t)HF_MQTT_PACKET_BYTES_MAX);
    /* Its own keep alive counts when it is shorter. To ask more often than it wants is allowed (3.1.2.10), and a broker that is content with hours, or with 0, is watched by us all the same. */
    if (hf_mqtt_has(&packet->properties, HF_MQTT_PROPERTY_SERVER_KEEP_ALIVE) &&
        packet->properties.server_keep_alive_s != 0)
        link->keep_ms = HF_MIN(link->keep_ms, packet->properties.server_keep_alive_s * 1000);
}

void hf_mc_on_connack(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    struct hf_mc_link *link = &mc->link;
    struct hf_client_opened opened = {.node = mc->version == HF_MQTT_V5 ? HF_SLICE("MQTT 5.0")
                                                                        : HF_SLICE("MQTT 3.1.1")};

    mc->unanswered = 0;
    if (packet->as.connack.reason != HF_MQTT_REASON_SUCCESS) {
        refused(mc, packet);
        return;
    }
    if (number(packet, HF_MQTT_PROPERTY_MAXIMUM_QOS) == 0) {
        hf_mc_text(mc, HF_SLICE("the broker offers QoS 0 alone: nothing it takes would be sure to arrive"));
        hf_mc_close(mc, HF_MQTT_REASON_QOS, HF_REASON_NOT_IMPLEMENTED, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    if (!mc->listens && packet->as.connack.session_present) {
        hf_mc_close(mc, HF_MQTT_REASON_PROTOCOL, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
        return; /* [MQTT-3.2.2-4]: clean start */
    }
    take_limits(mc, packet);
    link->session_present = packet->as.connack.session_present;
    link->opened_ms = mc->now.now_ms;
    mc->phase = HF_MC_OPEN;
    mc->phase_due_ms = UINT64_MAX;
    mc->attempt = 0;
    mc->guesses += link->guess;
    mc->fresh_credentials = false;
    opened.epoch = ++mc->counts.opened;
    if (link->session_present)
        opened.result = HF_SESSION_RESUMED;
    else if (mc->listens && mc->counts.opened > 1)
        opened.result = HF_SESSION_REBUILT;
    if (opened.result == HF_SESSION_REBUILT)
        opened.reason = HF_REASON_UNKNOWN_SESSION;
    mc->counts.resumed += opened.result == HF_SESSION_RESUMED;
    mc->counts.rebuilt += opened.result == HF_SESSION_REBUILT;
    hf_mc_up_open(mc);
    hf_mc_down_open(mc);
    hf_mc_link_event(mc, HF_LINK_EV_HS_OK);
    mc->ops->opened(mc->user, &opened);
}

/* ---- DISCONNECT ---- */

/* The others name a cause that is no message's: the time, the rate, another client ... */
static bool is_of_a_message(uint8_t mqtt_reason)
{
    static const uint8_t reasons[] = {HF_MQTT_REASON_UNSPECIFIED,    HF_MQTT_REASON_MALFORMED,
                                      HF_MQTT_REASON_PROTOCOL,       HF_MQTT_REASON_IMPLEMENTATION,
                                      HF_MQTT_REASON_NOT_AUTHORIZED, HF_MQTT_REASON_TOPIC,
                                      HF_MQTT_REASON_PAYLOAD_FORMAT};

    return memchr(reasons, mqtt_reason, sizeof(reasons)) != NULL;
}

void hf_mc_on_disconnect(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    uint8_t mqtt_reason = packet->as.end.reason;
    enum hf_link_event event = mc->phase == HF_MC_OPEN ? HF_LINK_EV_PEER_CLOSE : HF_LINK_EV_HS_FAIL;

    if (mc->version != HF_MQTT_V5) {
        hf_mc_text(mc, HF_SLICE("the broker sent a DISCONNECT, which 3.1.1 has not"));
        hf_mc_close(mc, HF_MQTT_REASON_PROTOCOL, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    end_by_peer(mc, mqtt_reason, &packet->properties);
    if (event == HF_LINK_EV_HS_FAIL)
        mc->link.ending.failure = HF_CLIENT_FAILED_PROTOCOL;
    say(mc, mqtt_reason, packet->properties.reason_string,
        mqtt_reason == HF_MQTT_REASON_TAKEN_OVER ? "; another connection has this device's name" : "");
    mc->fresh_credentials |= is_login(mqtt_reason);
    if (mqtt_reason == HF_MQTT_REASON_PACKET_BYTES && mc->phase == HF_MC_OPEN)
        hf_mc_up_too_big(mc);
    mc->link.ending.by_message = is_of_a_message(mqtt_reason);
    if (mc->phase == HF_MC_OPEN)
        hf_mc_link_event(mc, event);
    hf_mc_finish(mc, false, mc->phase == HF_MC_OPEN ? HF_LINK_EV_CLOSED : event);
}
