/* bench/gb/register.c - a camera's registration: REGISTER, the challenge, REGISTER with credentials, 200; again before it runs out; with Expires 0 at the end.
 * GB/T 28181-2022 9.1.2: after a failure a device waits 60 s at least. */
#include "bench/gb/camera_parts.h"

#include "base/assert.h"

enum { REFRESH_PERCENT = 80, JITTER_PART = 5 /* a fifth more, at random */, GAP_TO_AGAIN_MS = 1000 };

static const struct hf_cam_profile *profile_of(const struct hf_cam *cam)
{
    return cam->world->profile;
}

static void write_credentials(struct hf_cam *cam, const struct hf_sip_challenge *challenge, struct hf_sb *sb)
{
    struct hf_cam_world *world = cam->world;
    char cnonce[HF_CAM_TAG_BYTES], uri[128];
    struct hf_sip_hash ha1;
    struct hf_sb text;

    hf_sb_init(&text, uri, sizeof(uri));
    hf_sb_text(&text, "sip:");
    hf_sb_slice(&text, world->profile->server_id);
    hf_sb_char(&text, '@');
    hf_sb_slice(&text, world->profile->realm);
    struct hf_sip_credentials_out out = {.username = hf_cam_id(cam),
                                         .realm = challenge->realm,
                                         .nonce = challenge->nonce,
                                         .uri = hf_sb_done(&text),
                                         .opaque = challenge->opaque,
                                         .cnonce = {NULL, 0},
                                         .nc = 1,
                                         .alg = (enum hf_sip_alg)challenge->alg,
                                         .name_alg = challenge->algorithm.at != NULL};

    if (challenge->auth)
        out.cnonce = hf_cam_hex(hf_cam_fresh(cam), cnonce);
    bool wrong = challenge->auth && hf_cam_has(cam, HF_CAM_QUIRK(QOP));

    if (hf_sip_ha1(world->hasher, out.alg, out.username, out.realm,
                   wrong ? HF_SLICE("") : world->profile->password, &ha1) != HF_OK ||
        hf_sip_write_credentials(sb, HF_SIP_AUTHORIZATION, world->hasher, &out, hf_sip_hash_text(&ha1),
                                 HF_SLICE("REGISTER")) != HF_OK)
        sb->overflow = true;
}

void hf_cam_register(struct hf_cam *cam, const struct hf_sip_challenge *challenge, bool stale)
{
    const struct hf_cam_profile *profile = profile_of(cam);
    char call_id[HF_CAM_TAG_BYTES], tag[HF_CAM_TAG_BYTES];
    struct hf_cam_head head = {.method = HF_SIP_REGISTER,
                               .branch = hf_cam_fresh(cam),
                               .cseq = ++cam->cseq,
                               .from_tag = hf_cam_hex(~cam->call_id, tag),
                               .call_id = hf_cam_hex(cam->call_id, call_id)};
    struct hf_slice absent = {NULL, 0}, text;
    struct hf_cam_ask *ask;
    struct hf_sb sb;

    hf_cam_write_head(cam, &head, &sb);
    (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES,
                           cam->state == HF_CAM_LEAVING ? 0 : hf_cam_or(profile->expires_s, 3600));
    if (profile->edition == HF_CDP_2022 && !hf_cam_has(cam, HF_CAM_QUIRK(EDITION)))
        (void)hf_sip_write_id(&sb, HF_SIP_X_GB_VER, HF_SLICE("3.0"));
    if (challenge != NULL)
        write_credentials(cam, challenge, &sb);
    cam->world->stats.registers++;
    if (!hf_cam_write_end(&sb, absent, absent, &text) ||
        !hf_cam_ask(cam, HF_CAM_FOR_REGISTER, 0, HF_SIP_REGISTER, head.branch, text, &ask)) {
        cam->register_ms = hf_cam_now_ms(cam) + hf_cam_or(profile->retry_ms, HF_CAM_RETRY_MS);
        return;
    }
    ask->proven = challenge != NULL;
    ask->stale = stale;
}

/* The first challenge that can be answered: the strongest stands first (RFC 8760). */
static bool find_challenge(const struct hf_cam *cam, const struct hf_sip_msg *msg,
                           struct hf_sip_challenge *ret)
{
    for (unsigned at = msg->first[HF_SIP_WWW_AUTHENTICATE]; at != 0; at = msg->headers[at - 1].next)
        if (hf_sip_parse_challenge(msg->headers[at - 1].value, hf_sip_tolerances_default(), ret) == HF_OK &&
            ret->alg < HF_SIP_ALGS && hf_sip_hasher_has(cam->world->hasher, (enum hf_sip_alg)ret->alg) &&
            (ret->auth || !ret->qop))
            return true;
    return false;
}

static void taken(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    const struct hf_cam_profile *profile = profile_of(cam);
    uint32_t expires_s = hf_cam_or(profile->expires_s, 3600), granted_s;
    bool is_new = cam->state != HF_CAM_REGISTERED;
    uint64_t now_ms = hf_cam_now_ms(cam);

    if (hf_sip_expires(msg, &granted_s) && granted_s > 0)
        expires_s = granted_s;
    expires_s = expires_s > HF_CAM_EXPIRES_MIN_S ? expires_s : HF_CAM_EXPIRES_MIN_S;
    cam->state = HF_CAM_REGISTERED;
    cam->missed = 0;
    cam->took_date = hf_cam_has(cam, HF_CAM_QUIRK(DATE)) && hf_sip_has(msg, HF_SIP_DATE);
    /* Up to 80 %, less a random part, so that a fleet that came at once does not refresh at once. */
    uint64_t refresh_ms = (uint64_t)expires_s * 1000 * REFRESH_PERCENT / 100;

    cam->register_ms = now_ms + refresh_ms - hf_rng_below(&cam->world->rng, refresh_ms / JITTER_PART + 1);
    if (is_new)
        cam->keepalive_ms = now_ms + 1 + hf_rng_below(&cam->world->rng, cam->keepalive_every_ms);
    *(is_new ? &cam->world->stats.registered : &cam->world->stats.refreshed) += 1;
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = is_new ? HF_CAM_TELL_REGISTERED : HF_CAM_TELL_REFRESHED,
                                            .status = msg->status,
                                            .us = cam->world->now_us - cam->begun_us,
                                            .number = expires_s});
}

static void refused(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    uint64_t retry_ms = hf_cam_or(profile_of(cam)->retry_ms, HF_CAM_RETRY_MS), after_s;

    if (msg != NULL && hf_slice_to_u64(hf_sip_value(msg, HF_SIP_RETRY_AFTER), &after_s) && after_s < 86400)
        retry_ms = after_s * 1000;
    cam->world->stats.refused++;
    cam->state = HF_CAM_REGISTERING;
    cam->keepalive_ms = 0;
    cam->register_ms =
        hf_cam_now_ms(cam) + retry_ms + hf_rng_below(&cam->world->rng, retry_ms / JITTER_PART + 1);
    cam->call_id = hf_cam_fresh(cam);
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_REFUSED,
                                            .status = msg != NULL ? msg->status : 0,
                                            .us = cam->world->now_us - cam->begun_us,
                                            .text = msg != NULL ? msg->reason : HF_SLICE("no answer")});
}

static void left(struct hf_cam *cam, unsigned status)
{
    hf_cam_asks_drop(cam);
    hf_cam_jobs_drop(cam);
    hf_cam_subscriptions_drop(cam);
    cam->state = HF_CAM_OFFLINE;
    cam->register_ms = cam->keepalive_ms = cam->notify_ms = 0;
    cam->world->stats.left++;
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_LEFT, .status = status});
}

void hf_cam_register_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_sip_challenge challenge;
    bool challenged = msg != NULL && msg->status == 401;

    if (challenged)
        cam->world->stats.challenged++;
    /* A second challenge is answered when it says that only the nonce was wrong, and once. */
    if (challenged && profile_of(cam)->password.at != NULL && find_challenge(cam, msg, &challenge) &&
        (!ask->proven || (challenge.stale && !ask->stale))) {
        hf_cam_register(cam, &challenge, ask->proven);
        return;
    }
    if (cam->state == HF_CAM_LEAVING)
        left(cam, msg != NULL ? msg->status : 0);
    else if (msg != NULL && msg->status < 300)
        taken(cam, msg);
    else
        refused(cam, msg);
}

static void begin(struct hf_cam *cam)
{
    cam->begun_us = cam->world->now_us;
    cam->register_ms = 0;
    hf_cam_register(cam, NULL, false);
}

void hf_cam_start(struct hf_cam *cam)
{
    if (cam->state != HF_CAM_OFFLINE)
        return;
    cam->state = HF_CAM_REGISTERING;
    cam->call_id = hf_cam_fresh(cam);
    begin(cam);
    hf_cam_arm(cam);
}

bool hf_cam_refresh(struct hf_cam *cam)
{
    if (cam->state != HF_CAM_REGISTERED)
        return false;
    for (const struct hf_cam_ask *ask = cam->asks; ask != NULL; ask = ask->next)
        if (ask->purpose == HF_CAM_FOR_REGISTER)
            return false;
    begin(cam);
    hf_cam_arm(cam);
    return true;
}

void hf_cam_stop(struct hf_cam *cam)
{
    bool registered = cam->state == HF_CAM_REGISTERED;

    if (cam->state == HF_CAM_LEAVING)
        return;
    hf_cam_asks_drop(cam);
    hf_cam_jobs_drop(cam);
    hf_cam_hang_up(cam);
    cam->keepalive_ms = cam->notify_ms = 0;
    cam->state = HF_CAM_LEAVING;
    if (registered)
        begin(cam);
    else
        left(cam, 0);
    hf_cam_arm(cam);
}

void hf_cam_lost(struct hf_cam *cam, unsigned status)
{
    HF_ASSERT(cam->state == HF_CAM_REGISTERED);
    cam->world->stats.gone++;
    cam->state = HF_CAM_REGISTERING;
    cam->keepalive_ms = 0;
    cam->missed = 0;
    cam->call_id = hf_cam_fresh(cam);
    cam->register_ms = hf_cam_now_ms(cam) + hf_rng_below(&cam->world->rng, GAP_TO_AGAIN_MS);
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_GONE, .status = status});
}
