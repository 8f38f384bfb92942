/* codec/mqtt/reason.h - the reason codes of 5.0 (2.4), and 3.1.1's return codes (3.2.2.3) in their words. Numbers are the standard's. */
#ifndef HF_CODEC_MQTT_REASON_H
#define HF_CODEC_MQTT_REASON_H

#include <stdbool.h>
#include <stdint.h>

/* Columns: identifier, value, packets that may say it (ANSWERS: PUBACK and PUBREC), return code of a CONNACK of 3.1.1, text. */
#define HF_MQTT_REASON_MAP(X)                                                                         \
    X(SUCCESS, 0x00, CONNACK | ANSWERS | PUBREL | PUBCOMP | SUBACK | UNSUBACK | DISCONNECT | AUTH, 0, \
      "success")                                                                                      \
    X(GRANTED_QOS_1, 0x01, SUBACK, 0, "granted QoS 1")                                                \
    X(GRANTED_QOS_2, 0x02, SUBACK, 0, "granted QoS 2")                                                \
    X(DISCONNECT_WITH_WILL, 0x04, DISCONNECT, 0, "disconnect with will message")                      \
    X(NO_SUBSCRIBERS, 0x10, ANSWERS, 0, "no matching subscribers")                                    \
    X(NO_SUBSCRIPTION, 0x11, UNSUBACK, 0, "no subscription existed")                                  \
    X(CONTINUE, 0x18, AUTH, 0, "continue authentication")                                             \
    X(REAUTHENTICATE, 0x19, AUTH, 0, "re-authenticate")                                               \
    X(UNSPECIFIED, 0x80, CONNACK | ANSWERS | SUBACK | UNSUBACK | DISCONNECT, 3, "unspecified error")  \
    X(MALFORMED, 0x81, CONNACK | DISCONNECT, 3, "malformed packet")                                   \
    X(PROTOCOL, 0x82, CONNACK | DISCONNECT, 3, "protocol error")                                      \
    X(IMPLEMENTATION, 0x83, CONNACK | ANSWERS | SUBACK | UNSUBACK | DISCONNECT, 3,                    \
      "implementation specific error")                                                                \
    X(VERSION, 0x84, CONNACK, 1, "unsupported protocol version")                                      \
    X(CLIENT_ID, 0x85, CONNACK, 2, "client identifier not valid")                                     \
    X(BAD_LOGIN, 0x86, CONNACK, 4, "bad user name or password")                                       \
    X(NOT_AUTHORIZED, 0x87, CONNACK | ANSWERS | SUBACK | UNSUBACK | DISCONNECT, 5, "not authorized")  \
    X(UNAVAILABLE, 0x88, CONNACK, 3, "server unavailable")                                            \
    X(BUSY, 0x89, CONNACK | DISCONNECT, 3, "server busy")                                             \
    X(BANNED, 0x8a, CONNACK, 5, "banned")                                                             \
    X(SHUTTING_DOWN, 0x8b, DISCONNECT, 3, "server shutting down")                                     \
    X(AUTH_METHOD, 0x8c, CONNACK | DISCONNECT, 5, "bad authentication method")                        \
    X(KEEP_ALIVE, 0x8d, DISCONNECT, 3, "keep alive timeout")                                          \
    X(TAKEN_OVER, 0x8e, DISCONNECT, 3, "session taken over")                                          \
    X(FILTER, 0x8f, SUBACK | UNSUBACK | DISCONNECT, 3, "topic filter invalid")                        \
    X(TOPIC, 0x90, CONNACK | ANSWERS | DISCONNECT, 3, "topic name invalid")                           \
    X(PACKET_ID_IN_USE, 0x91, ANSWERS | SUBACK | UNSUBACK, 3, "packet identifier in use")             \
    X(PACKET_ID_NOT_FOUND, 0x92, PUBREL | PUBCOMP, 3, "packet identifier not found")                  \
    X(RECEIVE_MAXIMUM, 0x93, DISCONNECT, 3, "receive maximum exceeded")                               \
    X(TOPIC_ALIAS, 0x94, DISCONNECT, 3, "topic alias invalid")                                        \
    X(PACKET_BYTES, 0x95, CONNACK | DISCONNECT, 3, "packet too large")                                \
    X(RATE, 0x96, DISCONNECT, 3, "message rate too high")                                             \
    X(QUOTA, 0x97, CONNACK | ANSWERS | SUBACK | DISCONNECT, 3, "quota exceeded")                      \
    X(ADMINISTRATIVE, 0x98, DISCONNECT, 3, "administrative action")                                   \
    X(PAYLOAD_FORMAT, 0x99, CONNACK | ANSWERS | DISCONNECT, 3, "payload format invalid")              \
    X(RETAIN, 0x9a, CONNACK | DISCONNECT, 3, "retain not supported")                                  \
    X(QOS, 0x9b, CONNACK | DISCONNECT, 3, "QoS not supported")                                        \
    X(ANOTHER_SERVER, 0x9c, CONNACK | DISCONNECT, 3, "use another server")                            \
    X(MOVED, 0x9d, CONNACK | DISCONNECT, 3, "server moved")                                           \
    X(SHARED, 0x9e, SUBACK | DISCONNECT, 3, "shared subscriptions not supported")                     \
    X(CONNECTION_RATE, 0x9f, CONNACK | DISCONNECT, 3, "connection rate exceeded")                     \
    X(CONNECT_TIME, 0xa0, DISCONNECT, 3, "maximum connect time")                                      \
    X(SUBSCRIPTION_ID, 0xa1, SUBACK | DISCONNECT, 3, "subscription identifiers not supported")        \
    X(WILDCARD, 0xa2, SUBACK | DISCONNECT, 3, "wildcard subscriptions not supported")

#define HF_MQTT_REASON_ENUM(id, value, packets, return_code, text) HF_MQTT_REASON_##id = value,
enum hf_mqtt_reason { HF_MQTT_REASON_MAP(HF_MQTT_REASON_ENUM) };
#undef HF_MQTT_REASON_ENUM

enum { HF_MQTT_REASON_FAILS = 0x80 }; /* from here on a reason code says that something failed (2.4) */

const char *hf_mqtt_reason_text(
    unsigned reason); /* "not authorized"; "unknown reason" when not in the table */
bool hf_mqtt_reason_may(unsigned reason, unsigned type); /* may a packet of this type say it, by 5.0? */

/* The return code of a CONNACK of 3.1.1 that comes nearest; 3 for a reason that the table has not. */
uint8_t hf_mqtt_return_code(unsigned reason);
/* false for a return code that 3.1.1 reserves (3.2.2.3). */
bool hf_mqtt_reason_of_return_code(unsigned return_code, uint8_t *ret_reason);

#endif
