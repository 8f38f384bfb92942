/* test/sim/oracle_camera.c - what must be true of cameras. It reads every message at the gateway's door, both ways, and every record of theirs.
 *
 *   who is heard within the rule is not ended, and every end has a reason that is true       GB-6
 *   who is not heard is not online after 1.5 intervals, and is offline after three           GB-6, TWIN-6
 *   nobody is let in by a nonce that is old, nor sent away by a goodbye that is said again   GB-3
 *   no camera goes on to show what nobody knows of                                           GB-17, GB-20
 *   a restart ends nobody whose registration was recorded                                    GB-7
 *   epochs grow by one, presence events follow one another                                   TWIN-7
 *   once nobody speaks any more, nothing is left: no transaction, request, call, SSRC, list  GB-13, MEM-6
 *
 * What the log says of channels, commands and calls is oracle_camera_log.c's. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bench/gb/camera_parts.h"
#include "core/gb/registration.h"
#include "sim/camera.h"
#include "sim/sim.h"

enum {
    INTERVAL_US = 1000 * SIM_SIP_KEEPALIVE_MS,
    SILENT_US = SIM_SIP_KEEPALIVE_COUNT * INTERVAL_US,
    QUIET_US = INTERVAL_US + INTERVAL_US / 2,
    GRACE_US = 1000 * HF_GB_KEEPALIVE_GRACE_MS,
    STREAM_GRACE_US = 1000 * HF_GB_STREAM_GRACE_MS,
    NONCE_SLACK_US = 2000000, /* a clock that runs otherwise, a process that stood still between */
    SLACK_US = 50000,         /* ticks of the wheel, and clocks that do not run alike */
    DOUBT_US = 1000000,
    RECORD_US = 3000000, /* until a record is durable */
};

static uint64_t since_us(const struct sim *sim, uint64_t us)
{
    return sim->events.now_us - us;
}

/* ---- at the door ---- */

static uint64_t hash_of(struct hf_slice text)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "marks";

    return hf_hash(key, text.at, text.bytes);
}

enum { MARKS = HF_COUNT_OF(((struct sim_camera_seen *)NULL)->nonces) };

static void mark(struct sim_camera_mark *marks, uint32_t *next, struct hf_slice text, uint64_t us)
{
    marks[(*next)++ % MARKS] = (struct sim_camera_mark){hash_of(text), us};
}

static const struct sim_camera_mark *marked(const struct sim_camera_mark *marks, struct hf_slice text)
{
    uint64_t hash = hash_of(text);

    for (unsigned i = 0; i < MARKS; i++)
        if (marks[i].hash == hash)
            return &marks[i];
    return NULL;
}

/* With which nonce it proves itself, and whether it says goodbye: once, whoever repeats it. */
static void note_register(struct sim *sim, struct sim_camera_seen *seen, const struct hf_sip_msg *msg)
{
    struct hf_slice branch = msg->via.branch;
    struct hf_sip_credentials credentials;
    const struct sim_camera_mark *nonce;

    if (hf_sip_credentials(msg, &credentials) != HF_OK)
        return;
    nonce = marked(seen->nonces, credentials.nonce);
    if (nonce != NULL && marked(seen->proofs, branch) == NULL)
        mark(seen->proofs, &seen->proof_next, branch, nonce->us);
    if (!msg->has_expires || msg->expires_s != 0 || marked(seen->goodbyes, branch) != NULL)
        return;
    mark(seen->goodbyes, &seen->goodbye_next, branch, sim->events.now_us);
    seen->goodbye = true;
}

static void note_challenge(struct sim *sim, struct sim_camera_seen *seen, const struct hf_sip_msg *msg)
{
    struct hf_sip_challenge challenge;

    if (hf_sip_parse_challenge(hf_sip_value(msg, HF_SIP_WWW_AUTHENTICATE), hf_sip_tolerances_default(),
                               &challenge) == HF_OK)
        mark(seen->nonces, &seen->nonce_next, challenge.nonce, sim->events.now_us);
}

static void check_nonce(struct sim *sim, const struct sim_camera *camera, const struct hf_sip_msg *msg)
{
    const struct sim_camera_mark *proof = marked(camera->seen.proofs, msg->via.branch);

    if (proof != NULL &&
        since_us(sim, proof->us) > UINT64_C(1000) * sim->plan.gb.nonce_lifetime_ms + NONCE_SLACK_US)
        sim_fail(sim, "%s is let in by a nonce that is %" PRIu64 " ms old", camera->who,
                 since_us(sim, proof->us) / 1000);
}

void sim_oracle_camera_came(struct sim *sim, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct sim_camera *camera = sim_camera_by_id(sim, hf_gb_home(bytes));
    struct hf_sip_msg msg;

    if (hf_sip_parse(bytes.at, bytes.bytes, hf_sip_flow_reliable(flow), NULL, &msg) != HF_OK) {
        sim_fail(sim, "a camera says what cannot be parsed");
        return;
    }
    if (camera == NULL || msg.kind == HF_SIP_KEEPALIVE)
        return;
    sim_trace(&sim->trace, camera->who, "-> %.*s %.*s %" PRIu32, (int)HF_MIN(msg.text.bytes, (size_t)12),
              msg.text.at, (int)msg.call_id.bytes, msg.call_id.at, msg.cseq.number);
    camera->seen.came_us = sim->events.now_us;
    if (msg.kind == HF_SIP_REQUEST && msg.method == HF_SIP_REGISTER)
        note_register(sim, &camera->seen, &msg);
}

/* The first answer to a message: its repeats say nothing new about the camera. */
static bool is_first(struct sim_camera_seen *seen, const struct hf_sip_msg *msg)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "answers";
    uint64_t hash = hf_hash(key, msg->via.branch.at, msg->via.branch.bytes);

    for (unsigned i = 0; i < HF_COUNT_OF(seen->answered); i++)
        if (seen->answered[i] == hash)
            return false;
    seen->answered[seen->answered_next++ % HF_COUNT_OF(seen->answered)] = hash;
    return true;
}

static void lives(struct sim *sim, struct sim_camera_seen *seen)
{
    seen->life_us = sim->events.now_us;
    seen->lives[seen->life_next++ % HF_COUNT_OF(seen->lives)] = sim->events.now_us;
}

void sim_oracle_camera_answered(struct sim *sim, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_sip_msg msg;

    if (hf_sip_parse(bytes.at, bytes.bytes, hf_sip_flow_reliable(flow), NULL, &msg) != HF_OK) {
        sim_fail(sim, "the gateway says what cannot be parsed: %.*s", (int)HF_MIN(bytes.bytes, (size_t)200),
                 bytes.at);
        return;
    }
    struct sim_camera *camera = sim_camera_by_id(sim, hf_gb_home(bytes));
    if (camera == NULL)
        return;
    sim_trace(&sim->trace, camera->who, "<- %.*s %.*s %" PRIu32, (int)HF_MIN(msg.text.bytes, (size_t)12),
              msg.text.at, (int)msg.call_id.bytes, msg.call_id.at, msg.cseq.number);
    if (msg.kind == HF_SIP_REQUEST && msg.method == HF_SIP_BYE)
        mark(camera->seen.byes, &camera->seen.bye_next, msg.call_id, sim->events.now_us);
    if (msg.kind == HF_SIP_RESPONSE && msg.status == 401)
        note_challenge(sim, &camera->seen, &msg);
    if (msg.kind != HF_SIP_RESPONSE || msg.status != 200 || !is_first(&camera->seen, &msg))
        return;
    if (msg.cseq.method == HF_SIP_REGISTER)
        check_nonce(sim, camera, &msg);
    struct sim_camera_seen *seen = &camera->seen;
    uint32_t expires_s;
    if (msg.cseq.method == HF_SIP_REGISTER && hf_sip_expires(&msg, &expires_s) && expires_s > 0) {
        seen->registered_us = sim->events.now_us;
        seen->goodbye = seen->moved = false;
        lives(sim, seen);
    }
    if (msg.cseq.method == HF_SIP_MESSAGE && !seen->moved)
        lives(sim, seen);
}

/* ---- ends, as the site decides them ---- */

static const char *wrong_end(struct sim *sim, const struct sim_camera *camera, enum hf_reason reason)
{
    const struct sim_camera_seen *seen = &camera->seen;

    switch (reason) {
    case HF_REASON_HEARTBEAT_TIMEOUT:
        return since_us(sim, seen->life_us) < SILENT_US - SLACK_US ? "it was heard" : NULL;
    case HF_REASON_CONNECTION_LOST:
        return camera->profile.transport == HF_SIP_UDP                     ? "it has none"
               : since_us(sim, seen->life_us) < STREAM_GRACE_US - SLACK_US ? "it was heard"
                                                                           : NULL;
    case HF_REASON_REGISTRATION_EXPIRED:
        return since_us(sim, seen->registered_us) < UINT64_C(1000000) * SIM_SIP_EXPIRES_S - SLACK_US
                   ? "it had time left"
                   : NULL;
    case HF_REASON_NORMAL: return seen->goodbye ? NULL : "it has not said goodbye";
    case HF_REASON_DRAIN: return sim->gateway.draining ? NULL : "nothing is drained";
    default: return "that is no reason";
    }
}

void sim_oracle_camera_log(struct sim *sim, const char *event, struct hf_slice device, enum hf_reason reason)
{
    struct sim_camera *camera = sim_camera_by_id(sim, device);

    if (camera == NULL || sim->gateway.dying)
        return;
    sim_trace(&sim->trace, camera->who, "%s by %s", event, hf_reason_name(reason));
    if (strcmp(event, "REFUSED") == 0)
        sim_fail(sim, "%s is refused by %s, and its password is right", camera->who, hf_reason_name(reason));
    if (strcmp(event, "ENDED") != 0)
        return;
    const char *wrong = wrong_end(sim, camera, reason);
    if (wrong != NULL)
        sim_fail(sim, "%s is ended by %s, %" PRIu64 " ms after a sign of life: %s", camera->who,
                 hf_reason_name(reason), since_us(sim, camera->seen.life_us) / 1000, wrong);
    camera->seen.ends_due++;
    if (reason == HF_REASON_NORMAL)
        camera->seen.goodbye = false;
}

/* ---- records ---- */

static void on_online(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    struct sim_camera_seen *seen = &camera->seen;

    if (event->conn == seen->conn) {
        if (seen->ended || event->epoch != seen->epoch)
            sim_fail(sim, "offset %" PRIu64 ": %s is online again by a registration that has ended",
                     event->offset, camera->who);
    } else {
        if (event->epoch != seen->epoch + 1)
            sim_fail(sim, "offset %" PRIu64 ": epoch %" PRIu64 " of %s follows %" PRIu64, event->offset,
                     event->epoch, camera->who, seen->epoch);
        if (seen->conn != 0 && !seen->ended && event->to == seen->conn_boot)
            sim_fail(sim, "offset %" PRIu64 ": %s is registered anew, and its registration had no end",
                     event->offset, camera->who);
        seen->bound = seen->ended = false;
    }
    seen->conn = event->conn;
    seen->epoch = event->epoch;
    seen->conn_boot = event->to;
    seen->presence = HF_ONLINE;
    seen->since_us = sim->events.now_us;
}

/* Doubt comes into the log a moment after it was had; what was heard in that moment does not count. */
static bool lived_lately(const struct sim *sim, const struct sim_camera_seen *seen)
{
    for (unsigned i = 0; i < HF_COUNT_OF(seen->lives); i++)
        if (seen->lives[i] != 0 && since_us(sim, seen->lives[i]) < QUIET_US - SLACK_US &&
            since_us(sim, seen->lives[i]) > DOUBT_US)
            return true;
    return false;
}

static void on_gone(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    struct sim_camera_seen *seen = &camera->seen;
    bool offline = event->type == HF_EVENT_OFFLINE;

    if (event->conn != seen->conn || event->epoch != seen->epoch) {
        sim_fail(sim, "offset %" PRIu64 ": epoch %" PRIu64 " of %s speaks, epoch %" PRIu64 " is in force",
                 event->offset, event->epoch, camera->who, seen->epoch);
        return;
    }
    if (seen->presence == HF_OFFLINE)
        sim_fail(sim, "offset %" PRIu64 ": %s is gone again, by %s", event->offset, camera->who,
                 hf_reason_name(event->reason));
    if (event->reason == HF_REASON_NODE_RESTART && seen->bound)
        sim_fail(sim, "offset %" PRIu64 ": the restart has ended %s, whose registration was recorded",
                 event->offset, camera->who);
    if (event->reason == HF_REASON_SILENCE && !offline && lived_lately(sim, seen))
        sim_fail(sim, "offset %" PRIu64 ": %s is in doubt for silence, and it was heard", event->offset,
                 camera->who);
    if (offline || event->reason == HF_REASON_DRAIN) {
        if (seen->ends_due == 0 && event->to == sim->gateway.boot && event->reason != HF_REASON_NODE_RESTART)
            sim_fail(sim, "offset %" PRIu64 ": the end of %s, by %s, that has not ended", event->offset,
                     camera->who, hf_reason_name(event->reason));
        seen->ends_due -= seen->ends_due > 0;
        seen->ended = offline; /* who was drained goes on after the start */
    }
    seen->presence = offline ? HF_OFFLINE : HF_UNKNOWN;
}

bool sim_oracle_camera_event(struct sim *sim, const struct hf_event *event)
{
    struct sim_camera *camera = sim_camera_by_id(sim, event->device);

    if (camera == NULL)
        return false;
    switch (event->type) {
    case HF_EVENT_ONLINE: on_online(sim, camera, event); break;
    case HF_EVENT_OFFLINE:
    case HF_EVENT_UNKNOWN: on_gone(sim, camera, event); break;
    case HF_EVENT_DISCONNECTED:
        sim_fail(sim, "offset %" PRIu64 ": a registration of %s is replaced", event->offset, camera->who);
        break;
    case HF_EVENT_CAMERA_BOUND:
        camera->seen.bound = camera->seen.bound || event->conn == camera->seen.conn;
        break;
    default: sim_oracle_camera_record(sim, camera, event); break;
    }
    return true;
}

void sim_oracle_camera_started(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim->cameras[i].seen.ends_due = 0;
}

/* ---- silence ---- */

void sim_oracle_camera_turn(struct sim *sim)
{
    uint64_t awake_us = sim->gateway.awake_us, now_us = sim->events.now_us;

    if (sim->gateway.draining)
        return; /* the next start goes on with them */
    sim_oracle_camera_late(sim);
    for (unsigned i = 0; i < sim->plan.cameras; i++) {
        const struct sim_camera *camera = &sim->cameras[i];
        const struct sim_camera_seen *seen = &camera->seen;
        uint64_t last_us = HF_MAX(seen->came_us, awake_us);
        uint64_t silent_us = now_us > last_us ? now_us - last_us : 0;

        if (seen->presence == HF_ONLINE && seen->conn_boot == sim->gateway.boot &&
            silent_us > QUIET_US + RECORD_US)
            sim_fail(sim, "%s is online, %" PRIu64 " ms after its last word", camera->who, silent_us / 1000);
        if (seen->conn != 0 && !seen->ended && silent_us > SILENT_US + GRACE_US + RECORD_US)
            sim_fail(sim, "%s is there, %" PRIu64 " ms after its last word", camera->who, silent_us / 1000);
    }
}

/* ---- the end ---- */

static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return false;
}

/* A session that stood for less than the log takes to write is left to the camera: nobody knows of it any more (doc/gb28181.md). */
void sim_oracle_camera_killed(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.cameras; i++) {
        struct sim_camera *camera = &sim->cameras[i];

        for (const struct hf_cam_call *call = camera->cam.calls; call != NULL; call = call->next)
            if (!sim_oracle_camera_call_known(sim, call->call_id))
                mark(camera->seen.byes, &camera->seen.bye_next, call->call_id, sim->events.now_us);
    }
}

/* Sessions that it shows something in, less those that it was told to end: it may have been away for as long as SIP repeats that. */
static unsigned shown_by(const struct sim_camera *camera)
{
    unsigned count = 0;

    for (const struct hf_cam_call *call = camera->cam.calls; call != NULL; call = call->next)
        count += marked(camera->seen.byes, call->call_id) == NULL;
    return count;
}

bool sim_oracle_cameras_done(struct sim *sim, char *why, size_t why_bytes)
{
    uint64_t devices = 0, shown = 0, known = 0;

    for (unsigned i = 0; i < sim->plan.cameras; i++) {
        const struct sim_camera *camera = &sim->cameras[i];

        if (!sim_camera_registered(camera))
            return not_yet(why, why_bytes, "%s is not registered", camera->who);
        if (camera->seen.presence != HF_ONLINE || camera->seen.conn_boot != sim->gateway.boot)
            return not_yet(why, why_bytes, "%s is registered and not online", camera->who);
        shown += shown_by(camera);
    }
    for (unsigned i = 0; sim->plan.cameras > 0 && i < sim->gateway.worker_count; i++) {
        const struct hf_gb_stats *stats = hf_gb_site_stats(sim->gateway.workers[i].gb.site);

        devices += stats->devices;
        known += stats->calls_now;
    }
    if (devices != sim->plan.cameras)
        return not_yet(why, why_bytes, "%" PRIu64 " cameras are counted", devices);
    if (shown > known)
        return not_yet(why, why_bytes,
                       "cameras show %" PRIu64
                       " sessions that nobody has ended, and the gateway knows of %" PRIu64,
                       shown, known);
    return sim_oracle_camera_log_done(sim, why, why_bytes);
}

void sim_oracle_cameras_rest(struct sim *sim)
{
    sim_oracle_camera_calls_over(sim);
    for (unsigned i = 0; i < sim->gateway.worker_count; i++) {
        const struct hf_gb_site *site = sim->gateway.workers[i].gb.site;
        const struct hf_gb_stats *stats = hf_gb_site_stats(site);
        const struct hf_sip_layer_stats *sip = hf_gb_site_sip_stats(site);
        const struct {
            const char *what;
            uint64_t count;
        } left[] = {
            {"devices", stats->devices},
            {"suspects", stats->suspects_now},
            {"requests", stats->requests_now},
            {"calls", stats->calls_now},
            {"SSRCs", stats->ssrc_used_now + stats->ssrc_resting_now},
            {"media points", stats->points_now},
            {"bytes of lists", stats->merge_bytes_now},
            {"movers", stats->movers_now},
            {"catalogues wanted", stats->catalogs_waiting},
            {"active subscriptions", stats->subscriptions_active},
            {"transactions", sip->transactions},
            {"bytes of messages", sip->kept_bytes},
            {"sessions without owner", stats->owned_orphaned + stats->owned_reclaimed},
            {"misrouted messages", stats->misrouted},
        };

        for (unsigned k = 0; k < HF_COUNT_OF(left); k++)
            if (left[k].count > 0)
                sim_fail(sim, "nobody has spoken for long, and worker %u still has %" PRIu64 " %s", i,
                         left[k].count, left[k].what);
    }
}
