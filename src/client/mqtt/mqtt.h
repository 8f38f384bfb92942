/* client/mqtt/mqtt.h - MQTT as an engine (engine.h): the queue goes up to any broker, what the broker has for the device comes down. No I/O, no clock; the codec is codec/mqtt.
 *
 *     idle --start--> connecting --open--> greeting --CONNACK--> open --stop--> closing --> stopped
 *                     transport's stages   CONNECT                    \--DISCONNECT, loss, refusal--> waiting --> connecting ...
 *
 * Version. 5.0 first; a broker that refuses the version is spoken to in 3.1.1 from then on. One that ends the connection instead of a CONNACK (RabbitMQ 3.10), HF_CLIENT_MQTT_UNANSWERED_MAX times in a row,
 * is asked in 3.1.1. As that may have been a passing trouble, the next connection begins with 5.0 again, until the guess was right HF_CLIENT_MQTT_GUESSES_MAX times.
 *
 * Uplink. PUBLISH with QoS 1 to {prefix}/{device}/up/{topic}, in the order of the queue's numbers. A PUBACK means durable: the broker's promise stands in for the gateway's log. The packet identifier
 * comes from the number, so that a message keeps it over reconnects and restarts (5.0, 4.4); what may have been sent before says DUP. Gaps of the queue are passed over.
 *
 * A message that the broker never takes and has no word for (3.1.1 has none): mqtt_suspect.c.
 *
 * Downlink. With `listens` the client keeps a session at the broker and subscribes to {prefix}/{device}/down/#. PUBACKs go out in the order in which messages came (4.6.0-2), each when the application is
 * done, and what is remembered of it (its id, CQ-8) is durable. A message without an id may come twice.
 *
 * Source: MQTT 5.0 (OASIS 2019-03-07), MQTT 3.1.1 (OASIS 2014-10-29); requirements AGT-1, BR-2, BR-3, RC-1 to RC-4, CQ-4, CQ-7, CQ-8. */
#ifndef HF_CLIENT_MQTT_H
#define HF_CLIENT_MQTT_H

#include "client/engine.h"

enum {
    HF_CLIENT_MQTT_CONNECT_MS = 5000, /* CONNECT to CONNACK, and SUBSCRIBE to SUBACK (RC-2) */
    HF_CLIENT_MQTT_KEEP_ALIVE_S = 30, /* as we ask; the broker may have a shorter one of its own */
    HF_CLIENT_MQTT_KEEP_ALIVE_HA_S = 4,
    HF_CLIENT_MQTT_STALL_MS = 60000, /* PUBACKs that do not come while the broker lives */
    HF_CLIENT_MQTT_SESSION_EXPIRY_S =
        86400,                  /* of the session at the broker, with `listens`; 3.1.1 has no such thing */
    HF_CLIENT_MQTT_WINDOW = 64, /* PUBLISH without PUBACK; the broker's receive maximum when that is less */
    HF_CLIENT_MQTT_PUT_OFF_MIN_MS = 1000,  /* after a PUBACK that says "not now" ... */
    HF_CLIENT_MQTT_PUT_OFF_MAX_MS = 30000, /* ... twice as long each time, up to this */
    HF_CLIENT_MQTT_PUT_OFF_MAX =
        16, /* of one message by errors that name no cause; then it is failed. A quota is waited for, however long */
    HF_CLIENT_MQTT_IN_BYTES =
        1024, /* a packet in pieces is put together here; a larger one takes memory while it comes */
    HF_CLIENT_MQTT_PACKET_SPARE =
        16 << 10, /* a packet may exceed the largest message by so much: topic and properties */
    HF_CLIENT_MQTT_LOSSES_TRIAL =
        4, /* connections that ended with the same message first out; then another goes first */
    HF_CLIENT_MQTT_LOSSES_MAX =
        8, /* ... and that ended though the other was taken: together so many, and it is failed */
    HF_CLIENT_MQTT_UNANSWERED_MAX = 3,
    HF_CLIENT_MQTT_GUESSES_MAX =
        2, /* connections in 3.1.1 after a silent no to 5.0; then 3.1.1 is remembered */
    HF_CLIENT_MQTT_PREFIX_BYTES_MAX = 255,
    HF_CLIENT_MQTT_USER_BYTES_MAX = 255,
};

struct hf_client_mqtt_config {
    struct hf_slice
        prefix;           /* of topics, without a slash at either end; may be empty. This and below: copied */
    struct hf_slice user; /* user name; empty = the device, when there is a token */
    bool listens;         /* the application takes messages */
};

/* As hf_client_core_engine_new(). HF_ERR_INVALID also without a device. Of `config`, groups, documents, shadow and crc are not looked at. */
hf_err hf_client_mqtt_new(const struct hf_client_config *config, const struct hf_client_mqtt_config *mqtt,
                          struct hf_store *store, const struct hf_client_ops *ops, void *user,
                          struct hf_client_engine **ret_engine);

#endif
