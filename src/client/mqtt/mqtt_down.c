/* client/mqtt/mqtt_down.c - the downlink: delivery, the application's word, PUBACKs in order (CQ-8).
 *
 *     PUBLISH -> hand (in the application's hands) --done--> with an id: given to the store --commit--> settled
 *                                                 \          without: settled           \--the commit failed--> again
 *             -> owed (a PUBACK, in the order of this connection), which goes when its hand is settled
 *
 * A connection that ends takes the owed ones along; hands stay, and what comes again finds its own by its id, or within the broker's session by its packet identifier. */
#include "base/sb.h"
#include "base/uuid.h"
#include "client/mqtt/mqtt_internal.h"

/* ---- hands ---- */

static bool grow(struct hf_mc *mc)
{
    unsigned room = mc->hand_room > 0 ? 2 * mc->hand_room : 8;
    void *grown;

    if (mc->hand_count < mc->hand_room)
        return true;
    if (mc->hand_room == HF_MC_HANDS_MAX)
        return false;
    grown = mc->memory.resize(mc->memory.user, mc->hands, mc->hand_room * sizeof(mc->hands[0]),
                              room * sizeof(mc->hands[0]));
    if (grown == NULL)
        return false;
    mc->hands = grown;
    mc->hand_room = room;
    return true;
}

static struct hf_mc_hand *by_handle(struct hf_mc *mc, uint64_t handle)
{
    for (unsigned i = 0; i < mc->hand_count; i++)
        if (mc->hands[i].handle == handle)
            return &mc->hands[i];
    return NULL;
}

static void remove_hand(struct hf_mc *mc, struct hf_mc_hand *hand)
{
    unsigned at = (unsigned)(hand - mc->hands);

    mc->hand_count--;
    memmove(hand, hand + 1, (mc->hand_count - at) * sizeof(*hand));
}

/* The same message, in hand already. */
static struct hf_mc_hand *find(struct hf_mc *mc, const struct hf_mqtt_publish *publish,
                               const uint8_t uuid[16])
{
    bool named = !hf_store_uuid_is_none(uuid);

    for (unsigned i = 0; i < mc->hand_count; i++) {
        struct hf_mc_hand *hand = &mc->hands[i];

        if (named
                ? memcmp(hand->uuid, uuid, sizeof(hand->uuid)) == 0
                : publish->dup && hand->packet_id == publish->packet_id && hf_store_uuid_is_none(hand->uuid))
            return hand;
    }
    return NULL;
}

/* ---- acknowledging ---- */

/* The application is done with it. */
static hf_err settle(struct hf_mc *mc, struct hf_mc_hand *hand)
{
    uint64_t handle = hand->handle, ticket = 0;
    bool tell = hand->later;
    hf_err err;

    if (hf_store_uuid_is_none(hand->uuid)) { /* nothing by which it could be known again */
        remove_hand(mc, hand);
        if (tell)
            mc->ops->done(mc->user, handle, HF_OK);
        return HF_OK;
    }
    err = mc->store->ops->done(mc->store, mc->queue.facts.position, hand->uuid, NULL, &ticket);
    hf_client_queue_look(&mc->queue);
    mc->queue.busy = true;
    if (err != HF_OK) {
        hf_client_queue_trouble(&mc->queue, err);
        return err;
    }
    hand->ticket = ticket;
    hand->again = false;
    return HF_OK;
}

hf_err hf_mc_done(struct hf_mc *mc, uint64_t handle)
{
    struct hf_mc_hand *hand = by_handle(mc, handle);

    if (hand == NULL || hand->ticket != 0 || !hand->later)
        return HF_ERR_NOT_FOUND;
    mc->queue.busy = true;
    return settle(mc, hand);
}

void hf_mc_down_again(struct hf_mc *mc)
{
    if (!hf_client_queue_well(&mc->queue))
        return;
    for (unsigned i = 0; i < mc->hand_count; i++)
        if (mc->hands[i].again && settle(mc, &mc->hands[i]) != HF_OK)
            return;
}

static struct hf_mc_hand *ended(struct hf_mc *mc, uint64_t through)
{
    for (unsigned i = 0; i < mc->hand_count; i++)
        if (mc->hands[i].ticket != 0 && mc->hands[i].ticket <= through)
            return &mc->hands[i];
    return NULL;
}

static void hands_stored(struct hf_mc *mc, uint64_t through, hf_err err)
{
    struct hf_mc_hand *hand;

    while ((hand = ended(mc, through)) != NULL) {
        uint64_t handle = hand->handle;
        bool tell = hand->later;

        hand->ticket = 0;
        if (err == HF_OK)
            remove_hand(mc, hand);
        else
            hand->again = !hand->later; /* else the application is told, and says it again */
        if (tell)
            mc->ops->done(mc->user, handle, err); /* the table may change within */
        mc->queue.busy = true;                    /* a PUBACK may go */
    }
}

void hf_mc_down_stored(struct hf_client_queue *queue, uint64_t through, hf_err err)
{
    struct hf_mc *mc = HF_CONTAINER_OF(queue, struct hf_mc, queue);

    hf_mc_up_stored(mc, through, err);
    hands_stored(mc, through, err);
}

/* ---- what is owed ---- */

static void owe_puback(struct hf_mc *mc, uint16_t packet_id, uint64_t handle)
{
    mc->owed[(mc->owed_at + mc->owed_count++) % mc->window_messages] =
        (struct hf_mc_owed){.handle = handle, .packet_id = packet_id};
    mc->queue.busy = true;
}

static void emit_pubacks(struct hf_mc *mc)
{
    while (mc->owed_count > 0) {
        const struct hf_mc_owed *owed = &mc->owed[mc->owed_at];
        const struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBACK, .as.ack.packet_id = owed->packet_id};

        if ((owed->handle != 0 && by_handle(mc, owed->handle) != NULL) || !hf_mc_emit(mc, &packet, true))
            return;
        mc->owed_at = (mc->owed_at + 1) % mc->window_messages;
        mc->owed_count--;
    }
}

static bool emit_subscribe(struct hf_mc *mc)
{
    char topic[HF_MC_TOPIC_BYTES], storage[HF_MC_TOPIC_BYTES + 8];
    struct hf_mqtt_filter filter = {.filter = hf_mc_filter_down(mc, topic), .qos = 1};
    struct hf_mqtt_packet packet = {.type = HF_MQTT_SUBSCRIBE, .as.subscribe.packet_id = HF_MC_SUBSCRIBE_ID};
    struct hf_sb sb;

    if (mc->version == HF_MQTT_V5)
        filter.retain_handling = 1; /* what is retained came when the subscription was new */
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_mqtt_put_filter(&sb, HF_MQTT_SUBSCRIBE, &filter);
    HF_ASSERT(!sb.overflow);
    packet.as.subscribe.filters = hf_sb_done(&sb);
    return hf_mc_emit(mc, &packet, false);
}

void hf_mc_down_owed(struct hf_mc *mc)
{
    const struct hf_mqtt_packet ping = {.type = HF_MQTT_PINGREQ};
    struct hf_mc_link *link = &mc->link;

    emit_pubacks(mc);
    if (link->subscribe_owed && emit_subscribe(mc)) {
        link->subscribe_owed = false;
        link->suback_due_ms = mc->now.now_ms + HF_CLIENT_MQTT_CONNECT_MS;
    }
    if (link->ping_owed && hf_mc_emit(mc, &ping, true)) {
        link->ping_owed = false;
        link->ping_ms = mc->now.now_ms;
    }
}

/* ---- the subscription ---- */

void hf_mc_down_open(struct hf_mc *mc)
{
    mc->link.subscribe_owed = mc->listens;
    if (mc->link.session_present)
        return;
    for (unsigned i = 0; i < mc->hand_count; i++)
        mc->hands[i].packet_id = 0; /* of a session that is gone */
}

void hf_mc_on_suback(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_suback *suback = &packet->as.suback;
    uint8_t code;

    if (mc->link.suback_due_ms == 0 || suback->packet_id != HF_MC_SUBSCRIBE_ID || suback->codes.bytes != 1) {
        hf_mc_text(mc, HF_SLICE("the broker answered a SUBSCRIBE that was not sent"));
        hf_mc_close(mc, HF_MQTT_REASON_PROTOCOL, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    mc->link.suback_due_ms = 0;
    code = (uint8_t)suback->codes.at[0];
    if (code >= HF_MQTT_REASON_FAILS)
        mc->ops->error(mc->user, HF_ERR_DENIED,
                       code == HF_MQTT_REASON_NOT_AUTHORIZED ? HF_REASON_FORBIDDEN
                                                             : hf_mc_reason_of(code).reason,
                       HF_SLICE("the broker refuses the subscription to down/#: no message will come"));
    else if (code == 0)
        mc->ops->error(mc->user, HF_ERR_UNSUPPORTED, HF_REASON_NOT_IMPLEMENTED,
                       HF_SLICE("the broker grants down/# with QoS 0 only: messages may be lost"));
}

/* ---- delivering ---- */

static void uuid_of(const struct hf_mqtt_packet *packet, uint8_t out[16])
{
    struct hf_slice rest = packet->properties.repeated;
    struct hf_mqtt_repeated one;

    memset(out, 0, 16);
    while (hf_mqtt_repeated_next(&rest, &one))
        if (one.id == HF_MQTT_PROPERTY_USER && hf_slice_is(one.name, "id") &&
            hf_uuid_parse(one.value, out) == HF_OK)
            return;
    memset(out, 0, 16);
}

static enum hf_client_answer give(struct hf_mc *mc, const struct hf_mqtt_packet *packet,
                                  const uint8_t uuid[16], uint64_t handle)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;
    struct hf_client_result unused = {0};
    char topic[HF_MC_TOPIC_BYTES];
    struct hf_client_message message = {.handle = handle,
                                        .text = packet->properties.payload_format == 1,
                                        .format = (uint8_t)hf_mc_format(packet->properties.content_type),
                                        .topic = hf_mc_topic_down(mc, publish->topic, topic),
                                        .payload = publish->payload};

    if (!hf_frame_payload_holds(message.format, message.text, message.payload))
        message.format = 0, message.text = false; /* it is not what it says it is: then it is just bytes */
    memcpy(message.id, uuid, sizeof(message.id));
    mc->counts.received++;
    return mc->ops->message(mc->user, &message, &unused);
}

static void deliver(struct hf_mc *mc, const struct hf_mqtt_packet *packet, const uint8_t uuid[16])
{
    struct hf_mc_hand *hand = &mc->hands[mc->hand_count++];
    uint64_t handle = ++mc->handle_last;

    *hand = (struct hf_mc_hand){.handle = handle, .packet_id = packet->as.publish.packet_id, .later = true};
    memcpy(hand->uuid, uuid, sizeof(hand->uuid));
    owe_puback(mc, packet->as.publish.packet_id, handle);
    if (give(mc, packet, uuid, handle) == HF_CLIENT_LATER)
        return;
    hand = by_handle(mc, handle); /* the table may have changed within */
    if (hand == NULL || hand->ticket != 0)
        return;
    hand->later = false;
    if (settle(mc, hand) != HF_OK)
        by_handle(mc, handle)->again = true;
}

static void overrun(struct hf_mc *mc, const char *text)
{
    mc->counts.overruns++;
    hf_mc_text(mc, hf_slice_of(text));
    hf_mc_close(mc, HF_MQTT_REASON_RECEIVE_MAXIMUM, HF_REASON_MEMORY_LIMIT, HF_LINK_EV_LOCAL_CLOSE);
}

/* False: the connection has ended. */
static bool may_owe(struct hf_mc *mc)
{
    if (mc->owed_count == mc->window_messages) { /* much in one read: what is done may go now */
        hf_client_queue_commit(&mc->queue, true);
        emit_pubacks(mc);
    }
    if (mc->owed_count < mc->window_messages)
        return true;
    overrun(mc, "the broker sent more messages than it was told that we take");
    return false;
}

/* A broker of 3.1.1 cannot be told the limit, and would bring it again for ever, before all others. */
void hf_mc_down_passed(struct hf_mc *mc, uint16_t packet_id)
{
    mc->counts.overruns++;
    if (packet_id != 0 && may_owe(mc))
        owe_puback(mc, packet_id, 0);
    mc->ops->error(mc->user, HF_ERR_LIMIT, HF_REASON_MESSAGE_TOO_BIG,
                   HF_SLICE("a message above message_bytes_max was passed over"));
}

void hf_mc_on_publish(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;
    struct hf_store_seen seen;
    struct hf_mc_hand *known;
    uint8_t uuid[16];
    hf_err err;

    if (!mc->listens || publish->qos > 1 || publish->topic.bytes == 0) { /* an alias, where none is allowed */
        hf_mc_text(mc, HF_SLICE("the broker sent a message that was not asked for"));
        hf_mc_close(mc, HF_MQTT_REASON_PROTOCOL, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    uuid_of(packet, uuid);
    if (publish->qos == 0) {
        (void)give(mc, packet, uuid, 0);
        return;
    }
    if (!may_owe(mc))
        return;
    known = find(mc, publish, uuid);
    if (known != NULL) {
        mc->counts.duplicates++;
        known->packet_id = publish->packet_id;
        owe_puback(mc, publish->packet_id, known->handle);
        return;
    }
    err = hf_store_uuid_is_none(uuid) ? HF_ERR_NOT_FOUND : mc->store->ops->seen(mc->store, uuid, &seen);
    if (err == HF_OK) {
        mc->counts.duplicates++;
        owe_puback(mc, publish->packet_id, 0);
        return;
    }
    if (err != HF_ERR_NOT_FOUND) { /* it cannot be told whether it was acknowledged: ask for it again later */
        hf_client_queue_trouble(&mc->queue, err);
        hf_mc_close(mc, HF_MQTT_REASON_UNSPECIFIED, HF_REASON_STORAGE_FAILED, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    if (!grow(mc)) { /* the application acknowledges nothing, over several connections */
        overrun(mc, "more messages are in the application's hands than there is room for");
        return;
    }
    deliver(mc, packet, uuid);
}
