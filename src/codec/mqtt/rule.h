/* codec/mqtt/rule.h - what a peer can break in one packet, each with the reason code that answers it (5.0, 4.13) and the clauses that forbid
 * it. One table for code, name, clauses and text; names appear in logs. A clause without a number of its own is named by its section.
 * Source: MQTT 5.0 (OASIS 2019-03-07), MQTT 3.1.1 (OASIS 2014-10-29). */
#ifndef HF_CODEC_MQTT_RULE_H
#define HF_CODEC_MQTT_RULE_H

#include <stdint.h>

/* Columns: identifier, reason code, name, clause of 5.0, clause of 3.1.1 ("" where it has no such thing), text. */
#define HF_MQTT_RULE_MAP(X)                                                                                  \
    X(HF_MQTT_RULE_NONE, 0x00, "none", "", "", "no rule is broken")                                          \
    X(HF_MQTT_RULE_TYPE, 0x81, "type", "2.1.2", "2.2.1", "the packet type is reserved")                      \
    X(HF_MQTT_RULE_FLAGS, 0x81, "flags", "MQTT-2.1.3-1", "MQTT-2.2.2-2",                                     \
      "a reserved flag of the head has not its value")                                                       \
    X(HF_MQTT_RULE_LENGTH, 0x81, "length", "1.5.5", "2.2.3", "a length of more than four bytes")             \
    X(HF_MQTT_RULE_LENGTH_NOT_SHORTEST, 0x81, "length_not_shortest", "MQTT-1.5.5-1", "2.2.3",                \
      "a length is not in its shortest form")                                                                \
    X(HF_MQTT_RULE_PACKET_BYTES, 0x95, "packet_bytes", "MQTT-3.1.2-24", "",                                  \
      "the packet is above the size that was agreed")                                                        \
    X(HF_MQTT_RULE_CUT, 0x81, "cut", "1.2", "4.8", "the packet ends within a field")                         \
    X(HF_MQTT_RULE_REST, 0x81, "rest", "2.1.4", "2.2.3", "bytes behind the last field")                      \
    X(HF_MQTT_RULE_UTF8, 0x81, "utf8", "MQTT-1.5.4-1", "MQTT-1.5.3-1", "a string is not valid UTF-8")        \
    X(HF_MQTT_RULE_NUL, 0x81, "nul", "MQTT-1.5.4-2", "MQTT-1.5.3-2", "a string holds U+0000")                \
    X(HF_MQTT_RULE_PACKET_ID, 0x82, "packet_id", "MQTT-2.2.1-3", "MQTT-2.3.1-1",                             \
      "the packet identifier is 0")                                                                          \
    X(HF_MQTT_RULE_REASON, 0x82, "reason", "2.4", "MQTT-3.9.3-2", "a reason code that this packet has not")  \
    X(HF_MQTT_RULE_PROPERTY, 0x81, "property", "2.2.2.2", "",                                                \
      "a property that this packet has not, or an unknown one")                                              \
    X(HF_MQTT_RULE_PROPERTY_TWICE, 0x82, "property_twice", "2.2.2.2", "",                                    \
      "a property that may stand once stands twice")                                                         \
    X(HF_MQTT_RULE_PROPERTY_VALUE, 0x82, "property_value", "2.2.2.2", "",                                    \
      "the value of a property is out of its range")                                                         \
    X(HF_MQTT_RULE_AUTH_METHOD, 0x82, "auth_method", "3.1.2.11.10", "",                                      \
      "authentication data, or AUTH, without an authentication method")                                      \
    X(HF_MQTT_RULE_PROTOCOL_NAME, 0x84, "protocol_name", "MQTT-3.1.2-1", "MQTT-3.1.2-1",                     \
      "the protocol is not called MQTT")                                                                     \
    X(HF_MQTT_RULE_VERSION, 0x84, "version", "MQTT-3.1.2-2", "MQTT-3.1.2-2",                                 \
      "neither version 3.1.1 nor 5.0")                                                                       \
    X(HF_MQTT_RULE_CONNECT_FLAGS, 0x81, "connect_flags", "MQTT-3.1.2-3", "MQTT-3.1.2-3",                     \
      "the reserved flag of CONNECT is set")                                                                 \
    X(HF_MQTT_RULE_WILL_QOS, 0x81, "will_qos", "MQTT-3.1.2-12", "MQTT-3.1.2-14", "the QoS of the will is 3") \
    X(HF_MQTT_RULE_WILL_FLAGS, 0x81, "will_flags", "MQTT-3.1.2-11", "MQTT-3.1.2-13",                         \
      "QoS or retain of a will that is not there")                                                           \
    X(HF_MQTT_RULE_PASSWORD, 0x81, "password", "", "MQTT-3.1.2-22", "a password without a user name")        \
    X(HF_MQTT_RULE_CLIENT_ID, 0x85, "client_id", "", "MQTT-3.1.3-8",                                         \
      "no client identifier for a session that is to stay")                                                  \
    X(HF_MQTT_RULE_CONNACK_FLAGS, 0x81, "connack_flags", "MQTT-3.2.2-1", "3.2.2.1",                          \
      "a reserved flag of CONNACK is set")                                                                   \
    X(HF_MQTT_RULE_SESSION_PRESENT, 0x82, "session_present", "MQTT-3.2.2-6", "MQTT-3.2.2-4",                 \
      "a refusal that says there is a session")                                                              \
    X(HF_MQTT_RULE_QOS, 0x81, "qos", "MQTT-3.3.1-4", "MQTT-3.3.1-4", "the QoS of PUBLISH is 3")              \
    X(HF_MQTT_RULE_DUP, 0x82, "dup", "MQTT-3.3.1-2", "MQTT-3.3.1-2", "DUP with QoS 0")                       \
    X(HF_MQTT_RULE_TOPIC_NAME, 0x90, "topic_name", "MQTT-3.3.2-2", "MQTT-3.3.2-2",                           \
      "a topic name that is empty or holds a wildcard")                                                      \
    X(HF_MQTT_RULE_TOPIC_MISSING, 0x82, "topic_missing", "3.3.2.1", "MQTT-4.7.3-1",                          \
      "neither a topic name nor a topic alias")                                                              \
    X(HF_MQTT_RULE_TOPIC_ALIAS, 0x94, "topic_alias", "MQTT-3.3.2-8", "", "the topic alias is 0")             \
    X(HF_MQTT_RULE_RESPONSE_TOPIC, 0x82, "response_topic", "MQTT-3.3.2-14", "",                              \
      "a response topic that is empty or holds a wildcard")                                                  \
    X(HF_MQTT_RULE_PAYLOAD_FORMAT, 0x99, "payload_format", "3.3.2.3.2", "",                                  \
      "the payload is not the UTF-8 that it is said to be")                                                  \
    X(HF_MQTT_RULE_FILTER_MISSING, 0x82, "filter_missing", "MQTT-3.8.3-2", "MQTT-3.8.3-3",                   \
      "a subscription without a topic filter")                                                               \
    X(HF_MQTT_RULE_UNFILTER_MISSING, 0x82, "unfilter_missing", "MQTT-3.10.3-2", "MQTT-3.10.3-2",             \
      "an unsubscription without a topic filter")                                                            \
    X(HF_MQTT_RULE_FILTER, 0x8f, "filter", "MQTT-4.7.1-1", "MQTT-4.7.1-2",                                   \
      "an empty topic filter, or a wildcard that does not fill its level")                                   \
    X(HF_MQTT_RULE_SHARE, 0x8f, "share", "MQTT-4.8.2-2", "", "$share without a name or a topic filter")      \
    X(HF_MQTT_RULE_NO_LOCAL, 0x82, "no_local", "MQTT-3.8.3-4", "", "No Local on a shared subscription")      \
    X(HF_MQTT_RULE_OPTIONS, 0x81, "options", "MQTT-3.8.3-5", "MQTT-3-8.3-4",                                 \
      "a reserved bit or value in the options of a subscription")                                            \
    X(HF_MQTT_RULE_CODE_MISSING, 0x82, "code_missing", "MQTT-3.8.4-6", "MQTT-3.8.4-5",                       \
      "an answer to a subscription without a reason code")

#define HF_MQTT_RULE_ENUM(id, reason, name, clause, clause_311, text) id,
enum hf_mqtt_rule { HF_MQTT_RULE_MAP(HF_MQTT_RULE_ENUM) HF_MQTT_RULES };
#undef HF_MQTT_RULE_ENUM

struct hf_mqtt_rule_info {
    uint8_t reason; /* of CONNACK or DISCONNECT (HF_MQTT_REASON_*); 0 for HF_MQTT_RULE_NONE */
    const char *name, *clause, *clause_311, *text;
};

const struct hf_mqtt_rule_info *hf_mqtt_rule_info(unsigned rule); /* never NULL; asserts the range */

#endif
