/* adapter/gb28181/upstream_register.c - REGISTER at an upper platform, what its answers mean, and keepalives. RFC 3261 10.2, 22.2; GB/T 28181-2022 9.1, 9.6. */
#include "adapter/gb28181/upstream_parts.h"

#include <stdio.h>

enum { SIP_PORT = 5060 };

/* ---- sending ---- */

void hf_gb_up_register_begin(struct hf_gb_upstream *up)
{
    char token[HF_SIP_TAG_BYTES_MAX];

    (void)snprintf(up->call_id, sizeof(up->call_id), "%s@%s", hf_sip_layer_token(up->layer, token).at,
                   up->options.device_id.at);
    (void)hf_sip_layer_token(up->layer, up->from_tag);
    up->cseq = 0;
    up->asked_expires_s = up->options.expires_s;
}

static bool write_credentials(struct hf_gb_upstream *up, struct hf_sb *sb)
{
    const struct hf_sip_challenge *challenge = up->challenge;
    char server[2 * HF_GB_UP_TEXT_BYTES_MAX], cnonce[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_credentials_out out = {.username = up->options.username,
                                         .realm = challenge->realm,
                                         .nonce = challenge->nonce,
                                         .uri = hf_gb_up_server_uri(up, server),
                                         .opaque = challenge->opaque,
                                         .cnonce = {NULL, 0},
                                         .nc = 1,
                                         .alg = (enum hf_sip_alg)challenge->alg,
                                         .name_alg = challenge->algorithm.at != NULL};
    struct hf_sip_hash ha1;

    if (challenge->auth)
        out.cnonce = hf_sip_layer_token(up->layer, cnonce);
    return hf_sip_ha1(up->hasher, out.alg, out.username, out.realm, up->options.password, &ha1) == HF_OK &&
           hf_sip_write_credentials(sb, up->proxy ? HF_SIP_PROXY_AUTHORIZATION : HF_SIP_AUTHORIZATION,
                                    up->hasher, &out, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")) == HF_OK;
}

static hf_gb_up_told_fn on_registered;

bool hf_gb_up_register(struct hf_gb_upstream *up, bool again, bool leaving)
{
    struct hf_gb_up_head head = {.method = HF_SIP_REGISTER,
                                 .method_text = HF_SLICE("REGISTER"),
                                 .call_id = hf_slice_of(up->call_id),
                                 .from_tag = hf_slice_of(up->from_tag),
                                 .cseq = ++up->cseq};
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    if (!again)
        up->proven = up->stale_seen = false;
    hf_gb_up_write_head(up, &head, &sb);
    (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES, leaving ? 0 : up->asked_expires_s);
    if (up->options.edition == HF_CDP_2022)
        (void)hf_sip_write_id(&sb, HF_SIP_X_GB_VER, HF_SLICE("3.0"));
    if (up->challenge != NULL && !write_credentials(up, &sb))
        return false;
    (void)hf_sip_write_end(&sb, absent, absent);
    if (sb.overflow)
        return false;
    up->stats.registers++;
    up->registering = hf_gb_up_ask(up, hf_sb_done(&sb), HF_GB_UP_AS_REGISTER, on_registered, NULL);
    return up->registering != NULL;
}

/* ---- answers ---- */

/* The first challenge that can be answered: the strongest stands first (RFC 8760). */
static bool find_challenge(const struct hf_gb_upstream *up, const struct hf_sip_msg *msg,
                           struct hf_sip_challenge *ret)
{
    enum hf_sip_header_id header = msg->status == 407 ? HF_SIP_PROXY_AUTHENTICATE : HF_SIP_WWW_AUTHENTICATE;

    for (unsigned at = msg->first[header]; at != 0; at = msg->headers[at - 1].next)
        if (hf_sip_parse_challenge(msg->headers[at - 1].value, hf_sip_tolerances_default(), ret) == HF_OK &&
            ret->alg < HF_SIP_ALGS && hf_sip_hasher_has(up->hasher, (enum hf_sip_alg)ret->alg) &&
            (ret->auth || !ret->qop))
            return true;
    return false;
}

/* NULL: it can be answered. */
static const char *unanswerable(struct hf_gb_upstream *up, const struct hf_sip_msg *msg,
                                struct hf_sip_challenge *challenge)
{
    if (up->options.password.bytes == 0)
        return "it asks for a password, and none is configured";
    if (!find_challenge(up, msg, challenge))
        return "its challenge has no algorithm or qop that is known here";
    if (up->proven && !challenge->stale)
        return "the password or user is wrong (challenged again after credentials)";
    if (up->proven && up->stale_seen)
        return "it calls every nonce of its own stale";
    return NULL;
}

static void challenged(struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    struct hf_sip_challenge challenge;
    const char *why = unanswerable(up, msg, &challenge);

    up->stats.challenged++;
    if (why != NULL) {
        hf_gb_up_reason(up, "%s", why);
        hf_gb_up_event(up, HF_GB_UP_EV_REFUSED, (struct hf_gb_up_news){0});
        return;
    }
    up->stale_seen = up->proven;
    up->proven = true;
    up->proxy = msg->status == 407;
    /* cppcheck-suppress autoVariables ; for the length of the event, which answers it */
    up->challenge = &challenge;
    hf_gb_up_event(up, HF_GB_UP_EV_AGAIN, (struct hf_gb_up_news){0});
    up->challenge = NULL;
}

/* 423: as long as it wants, if that is longer than what we asked. */
static bool too_brief(struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    uint64_t min_s;

    if (msg->status != 423 || up->machine.state == HF_GB_UP_LEAVING ||
        !hf_slice_to_u64(hf_sip_value(msg, HF_SIP_MIN_EXPIRES), &min_s) || min_s <= up->asked_expires_s ||
        min_s > UINT32_MAX)
        return false;
    up->asked_expires_s = (uint32_t)min_s;
    up->proven = up->stale_seen = false;
    return true;
}

/* 302: to where its Contact says, once in an attempt (RFC 3261 21.3.3), so that two platforms cannot send us to and fro. When that is over the next attempt begins at the configured place. */
static bool redirected(struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_CONTACT);
    const struct hf_sip_uri *uri;
    struct hf_sip_contact contact;

    if (msg->status != 302 || up->redirected || up->options.ops->redirect == NULL ||
        up->machine.state != HF_GB_UP_REGISTERING ||
        hf_sip_contact_next(&values, hf_sip_tolerances_default(), &contact, NULL) != HF_OK)
        return false;
    uri = &contact.address.uri;
    if (uri->host.bytes == 0 ||
        !up->options.ops->redirect(up->options.context, uri->host, uri->has_port ? uri->port : SIP_PORT))
        return false;
    up->redirected = true;
    return true;
}

static void refused(struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    struct hf_slice reason = msg->reason;
    uint64_t after_s = 0;

    if (reason.bytes == 0)
        reason = hf_slice_of(hf_sip_status_text(msg->status));
    (void)hf_slice_to_u64(hf_sip_value(msg, HF_SIP_RETRY_AFTER), &after_s);
    hf_gb_up_reason(up, "it answered %u %.*s", msg->status, (int)HF_MIN(reason.bytes, (size_t)64), reason.at);
    hf_gb_up_event(up, HF_GB_UP_EV_REFUSED,
                   (struct hf_gb_up_news){
                       .retry_after_s = (uint32_t)HF_MIN(after_s, (uint64_t)HF_GB_UP_RETRY_AFTER_S_MAX)});
}

static void on_registered(struct hf_gb_upstream *up, struct hf_gb_up_ask *ask, const struct hf_sip_msg *msg)
{
    uint32_t granted_s;

    (void)ask;
    up->status = msg != NULL ? msg->status : 0;
    if (msg == NULL) {
        hf_gb_up_reason(up, "no answer to REGISTER");
        hf_gb_up_event(up, HF_GB_UP_EV_UNANSWERED, (struct hf_gb_up_news){0});
    } else if (msg->status < 300) {
        if (!hf_sip_expires(msg, &granted_s) || granted_s == 0)
            granted_s = up->asked_expires_s;
        up->granted_s = granted_s;
        hf_gb_up_event(up, HF_GB_UP_EV_ACCEPTED, (struct hf_gb_up_news){.expires_s = granted_s});
    } else if (msg->status == 401 || msg->status == 407) {
        challenged(up, msg);
    } else if (redirected(up, msg)) {
        hf_gb_up_event(up, HF_GB_UP_EV_REDIRECTED, (struct hf_gb_up_news){0});
    } else if (too_brief(up, msg)) {
        hf_gb_up_event(up, HF_GB_UP_EV_AGAIN, (struct hf_gb_up_news){0});
    } else {
        refused(up, msg);
    }
}

/* ---- keepalives ---- */

static void missed(struct hf_gb_upstream *up)
{
    up->stats.keepalives_missed++;
    if (!hf_gb_up_beat(&up->machine, false, up->options.keepalive_count))
        return;
    hf_gb_up_reason(up, "%u keepalives in a row were not answered", up->options.keepalive_count);
    hf_gb_up_event(up, HF_GB_UP_EV_SILENT, (struct hf_gb_up_news){0});
}

/* A platform that has restarted, or dropped us, says so in its answer (6.3 of the platform's rules). */
static bool is_forgotten(unsigned status)
{
    return status == 401 || status == 403 || status == 404 || status == 407 || status == 481;
}

static void on_beaten(struct hf_gb_upstream *up, struct hf_gb_up_ask *ask, const struct hf_sip_msg *msg)
{
    (void)ask;
    if (msg == NULL || (msg->status >= 300 && !is_forgotten(msg->status))) {
        missed(up);
        return;
    }
    if (msg->status < 300) {
        (void)hf_gb_up_beat(&up->machine, true, up->options.keepalive_count);
        return;
    }
    up->status = msg->status;
    hf_gb_up_reason(up, "it refused a keepalive: %u", msg->status);
    hf_gb_up_event(up, HF_GB_UP_EV_FORGOTTEN, (struct hf_gb_up_news){0});
}

static void beat(struct hf_gb_upstream *up)
{
    up->message = (struct hf_cdp_message){.root = HF_CDP_ROOT_NOTIFY,
                                          .command = HF_CDP_CMD_KEEPALIVE,
                                          .sn = HF_CDP_INT(++up->sn),
                                          .device_id = up->options.device_id};
    up->message.as.keepalive.status = HF_CDP_HEALTH_OK;
    up->stats.keepalives++;
    up->beating = hf_gb_up_say(up, HF_GB_UP_AS_BEAT, on_beaten, NULL);
    if (up->beating == NULL)
        missed(up); /* it could not be sent */
}

static void arm(struct hf_gb_upstream *up)
{
    hf_wheel_arm(up->options.wheel, &up->beat, hf_gb_up_now(up) + up->options.keepalive_ms);
}

void hf_gb_up_on_beat(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_upstream *up = HF_CONTAINER_OF(timer, struct hf_gb_upstream, beat);

    (void)now_ms;
    if (up->beating != NULL) { /* for a whole interval */
        hf_gb_up_ask_drop(up->beating);
        missed(up);
    }
    if (!hf_gb_up_there(&up->machine))
        return;
    arm(up);
    beat(up);
}

void hf_gb_up_keep(struct hf_gb_upstream *up)
{
    hf_breaker_init(&up->breaker, &hf_breaker_node, up->breaker_slots, &up->rng, hf_gb_up_now(up));
    if (hf_timer_armed(&up->beat))
        return; /* refreshed */
    arm(up);
    beat(up); /* platforms count us as there from the first one on */
}

void hf_gb_up_keep_end(struct hf_gb_upstream *up)
{
    hf_wheel_cancel(up->options.wheel, &up->beat);
    hf_gb_up_ask_drop(up->beating);
}
