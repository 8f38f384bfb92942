/* client/mqtt/mqtt_suspect.c - a message that the broker never takes, and says so by ending the connection: all that 3.1.1 lets it do with one that is too large, or on a topic that is not ours.
 * It must not stand before all others for ever, and none that was merely unlucky may be lost: brokers restart, links break.
 *
 *     a connection ends with X first out    X is the suspect; a second time: what was out goes one at a time, so that one alone is to blame
 *     ... LOSSES_TRIAL times in a row       trials: another message, of those behind, goes first. Taken: then X, alone.
 *                                                                                            Not taken: nothing is known; the next trial is with another one
 *     ... LOSSES_MAX times together         X is failed, ENDS_CONNECTION
 *
 * So a message is given up only where the broker took another one on the same connection and ended it over this one, four times, after four more. A broker that takes nothing, whether it is down, full, over its
 * quota or ends everybody's connections, is waited for. So is one to which this is the only message: it holds nobody up. Only ends by the other side count, and PUBACKs that do not come while the broker lives
 * (STALL_MS); silence and output without progress are the network's. A PUBACK of X ends the suspicion.
 *
 * The one that goes first breaks [MQTT-4.6.0-1], order of what is sent again, in a case that the standard does not provide for. It is not sent again in its turn. */
#include "client/mqtt/mqtt_internal.h"

static struct hf_mc_flight *first_out(struct hf_mc *mc)
{
    struct hf_mc_flight *first = &mc->link.flight[mc->link.flight_at];

    return mc->link.flight_count > 0 && first->state == HF_MC_SENT ? first : NULL;
}

void hf_mc_suspect_open(struct hf_mc *mc)
{
    mc->link.trial = mc->suspect.seq != 0 && mc->suspect.losses >= HF_CLIENT_MQTT_LOSSES_TRIAL;
}

unsigned hf_mc_suspect_window(const struct hf_mc *mc)
{
    return mc->link.next <= mc->suspect.alone_to ? 1 : mc->link.window;
}

/* ---- trials ---- */

bool hf_mc_suspect_has(const struct hf_mc *mc, uint64_t seq)
{
    for (unsigned i = 0; i < HF_COUNT_OF(mc->suspect.taken); i++)
        if (mc->suspect.taken[i] == seq)
            return true;
    return false;
}

/* Of those behind the suspect another one each time, as this one may be no better. 0: there is none. */
static uint64_t control_of(struct hf_mc *mc)
{
    uint64_t first = 0, seq = mc->suspect.seq + 1;
    struct hf_store_item item;

    for (unsigned turn = 0; seq < mc->queue.durable_next; seq = item.seq_to + 1) {
        if (hf_client_queue_read(&mc->queue, seq, &item) != HF_OK)
            return 0;
        if (item.gap || hf_mc_suspect_has(mc, seq))
            continue;
        if (turn++ == mc->suspect.turn)
            return seq;
        first = first != 0 ? first : seq;
    }
    mc->suspect.turn = 0;
    return first;
}

uint64_t hf_mc_suspect_pick(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    if (!link->trial || link->next != mc->suspect.seq)
        return link->next;
    link->control = control_of(mc);
    if (link->control == 0 && mc->queue.durable_next < mc->queue.facts.next)
        return 0; /* those behind have numbers, and will be durable at once */
    link->trial = false;
    return link->control != 0 ? link->control : link->next;
}

bool hf_mc_suspect_repick(struct hf_mc *mc)
{
    bool picked = mc->link.control != 0;

    mc->link.trial |= picked;
    mc->link.control = 0;
    return picked;
}

bool hf_mc_suspect_answered(struct hf_mc *mc, uint64_t seq, bool taken)
{
    struct hf_mc_link *link = &mc->link;

    if (seq == mc->suspect.seq)
        mc->suspect.seq = 0;
    if (seq != link->control)
        return false;
    HF_ASSERT(link->flight_count == 1);
    if (taken)
        mc->suspect.taken[mc->suspect.taken_at++ % HF_COUNT_OF(mc->suspect.taken)] = seq;
    link->control = 0;
    link->control_taken = true;
    link->flight_count = 0;
    return true;
}

/* ---- verdicts ---- */

void hf_mc_suspect_ended(struct hf_mc *mc)
{
    struct hf_mc_suspect *suspect = &mc->suspect;
    const struct hf_mc_flight *first = first_out(mc);

    if (first == NULL)
        return;
    if (first->seq == mc->link.control) {
        suspect->turn++;
        return;
    }
    if (first->seq != suspect->seq) {
        suspect->seq = first->seq;
        suspect->losses = suspect->turn = 0;
    }
    if (suspect->losses >= HF_CLIENT_MQTT_LOSSES_TRIAL && !mc->link.control_taken)
        return;
    mc->counts.blamed++;
    suspect->losses++;
    if (suspect->losses > 1)
        suspect->alone_to = HF_MAX(suspect->alone_to, mc->link.next - 1);
    if (suspect->losses == HF_CLIENT_MQTT_LOSSES_TRIAL)
        mc->ops->error(
            mc->user, HF_ERR_BUSY, HF_REASON_ENDS_CONNECTION,
            HF_SLICE("the broker ends each connection with the same message first out: others go first, "
                     "to see if it takes them"));
    if (suspect->losses < HF_CLIENT_MQTT_LOSSES_MAX)
        return;
    /* A store that fails has it as before: then it is suspected from the beginning. */
    (void)hf_client_queue_reject(&mc->queue, suspect->seq, HF_REASON_ENDS_CONNECTION, NULL);
    suspect->seq = 0;
}
