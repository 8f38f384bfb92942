/* adapter/gb28181/register.c - REGISTER. No transaction is kept of it: whoever shows no credentials, or an old nonce, is challenged without leaving anything behind, and a device remembers of
 * its last one a hash and what it was answered, so that a repeat gets the same answer although its nonce has served. That is 24 bytes in place of half a KiB for 32 s, which all the
 * cameras that come back after an outage would need at once. */
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include "base/hash.h"

/* Of one REGISTER on its way to an answer. */
struct coming {
    struct hf_gb_site *site;
    const struct hf_sip_flow *flow;
    const struct hf_sip_msg *msg;
    struct hf_slice id;
    struct hf_gb_account account;
    bool known;       /* the account is there */
    uint64_t pair;    /* for core/gb/lock.h */
    uint64_t request; /* a hash of what a repeat has in common with it */
};

static bool speaks_version(const struct hf_gb_site *site, const struct hf_sip_msg *msg)
{
    return site->limits.version_always || hf_sip_has(msg, HF_SIP_X_GB_VER);
}

static struct hf_slice source(const struct hf_gb_site *site, const struct hf_sip_flow *flow)
{
    return site->limits.nonce_binds_address
               ? (struct hf_slice){(const char *)flow->peer, flow->family == 4 ? 4 : 16}
               : (struct hf_slice){NULL, 0};
}

static hf_err account_of(struct hf_gb_site *site, const struct hf_sip_msg *msg, struct hf_slice id,
                         struct hf_gb_account *ret)
{
    *ret = (struct hf_gb_account){0};
    hf_err err =
        site->options.ops->account(site->options.context, id, hf_sip_value(msg, HF_SIP_USER_AGENT), ret);
    if (err != HF_OK)
        *ret = (struct hf_gb_account){0};
    if (err == HF_OK && !ret->open && ret->password.bytes == 0 && ret->ha1.bytes == 0)
        err = HF_ERR_DENIED; /* an empty password would be everybody's */
    if (ret->alg >= HF_SIP_ALGS || !hf_sip_hasher_has(site->hasher, (enum hf_sip_alg)ret->alg))
        ret->alg = HF_SIP_MD5;
    return err;
}

static void make_challenge(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice id,
                           char nonce[HF_SIP_NONCE_TEXT_BYTES])
{
    uint8_t random[HF_SIP_NONCE_RANDOM_BYTES];

    site->options.ops->random(site->options.context, random, sizeof(random));
    hf_sip_nonce_make(site->hasher, site->options.secret, site->options.hub->utc_ms, random, id,
                      source(site, flow), nonce);
}

/* Several bindings, or a star that is no goodbye: 400; otherwise 0. */
static unsigned judge_contacts(const struct hf_sip_msg *msg, uint32_t expires_s)
{
    struct hf_sip_values contacts = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;
    uint32_t tolerated = 0;
    unsigned count = 0;

    for (;;) {
        hf_err err = hf_sip_contact_next(&contacts, hf_sip_tolerances_default(), &contact, &tolerated);
        if (err == HF_ERR_NOT_FOUND)
            return 0;
        if (err != HF_OK || ++count > 1)
            return 400;
        if (contact.address.star && !(msg->has_expires && expires_s == 0))
            return 400;
    }
}

/* "3.0" as 30; what cannot be read counts as 2016. */
static uint16_t version_of(const struct hf_sip_msg *msg)
{
    struct hf_slice text = hf_sip_value(msg, HF_SIP_X_GB_VER);

    if (text.bytes < 3 || text.at[0] < '1' || text.at[0] > '9' || text.at[1] != '.' || text.at[2] < '0' ||
        text.at[2] > '9')
        return HF_GB_VERSION_2016;
    return (uint16_t)(10 * (text.at[0] - '0') + (text.at[2] - '0'));
}

static struct hf_gb_answer answer_to(const struct coming *coming, unsigned status)
{
    struct hf_gb_answer answer = {
        .status = status, .account = &coming->account, .version = speaks_version(coming->site, coming->msg)};

    if (status == 503)
        answer.retry_after_s = hf_gb_retry_after_s(coming->site);
    return answer;
}

static void send(const struct coming *coming, const struct hf_gb_answer *answer)
{
    struct hf_gb_site *site = coming->site;
    struct hf_slice text = hf_gb_write_answer(site, coming->flow, coming->msg, answer);

    if (text.bytes > 0)
        (void)hf_sip_layer_send(site->layer, coming->flow, text);
    else
        (void)hf_sip_layer_reply(site->layer, coming->flow, coming->msg, 513, 0);
}

static void refuse(const struct coming *coming, unsigned status)
{
    struct hf_gb_answer answer = answer_to(coming, status);

    send(coming, &answer);
}

static uint64_t pair_of(const struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice id)
{
    uint8_t key[HF_GBID_DIGITS + 1 + sizeof(flow->peer)] = {0};

    memcpy(key, id.at, id.bytes);
    memcpy(key + HF_GBID_DIGITS + 1, flow->peer, sizeof(flow->peer));
    return hf_hash(site->hash_key, key, sizeof(key));
}

static uint64_t request_of(const struct hf_gb_site *site, const struct hf_sip_msg *msg)
{
    struct hf_slice credentials = hf_sip_value(msg, HF_SIP_AUTHORIZATION), branch = msg->via.branch;
    const uint64_t parts[] = {hf_hash(site->hash_key, credentials.at, credentials.bytes),
                              hf_hash(site->hash_key, msg->call_id.at, msg->call_id.bytes),
                              hf_hash(site->hash_key, branch.at, branch.bytes), msg->cseq.number};

    return hf_hash(site->hash_key, parts, sizeof(parts));
}

enum verdict { VERDICT_OK, VERDICT_NONE, VERDICT_STALE };

/* The username may be the id or id@domain. */
static bool is_named(struct hf_slice username, struct hf_slice id)
{
    return username.bytes >= id.bytes && memcmp(username.at, id.at, id.bytes) == 0 &&
           (username.bytes == id.bytes || username.at[id.bytes] == '@');
}

/* Everything about the credentials but the password. */
static enum verdict judge_nonce(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                                const struct hf_sip_msg *msg, struct hf_slice id,
                                struct hf_sip_credentials *credentials, struct hf_sip_nonce *nonce)
{
    hf_err err = hf_sip_credentials(msg, credentials);

    if (err != HF_OK) /* none, or broken: told again what is wanted */
        return VERDICT_NONE;
    err =
        hf_sip_nonce_check(site->hasher, site->options.secret, site->options.hub->utc_ms,
                           site->limits.nonce_lifetime_ms, id, source(site, flow), credentials->nonce, nonce);
    return err == HF_OK ? VERDICT_OK : VERDICT_STALE;
}

static bool has_password(struct hf_gb_site *site, const struct hf_sip_credentials *credentials,
                         struct hf_slice id, const struct hf_gb_account *account, bool known)
{
    struct hf_sip_hash ha1 = {.bytes = 32};
    struct hf_slice text;

    if (account->ha1.bytes > 0) {
        text = account->ha1;
    } else {
        (void)hf_sip_ha1(site->hasher, (enum hf_sip_alg)account->alg, credentials->username,
                         site->options.realm, account->password, &ha1);
        text = hf_sip_hash_text(&ha1);
    }
    bool right = hf_sip_verify(site->hasher, credentials, text, HF_SLICE("REGISTER")) == HF_OK;
    return right && known && credentials->alg == account->alg && is_named(credentials->username, id) &&
           hf_slice_eq(credentials->realm, site->options.realm);
}

static bool shedding(struct hf_gb_site *site)
{
    const struct hf_sip_layer_stats *sip = hf_sip_layer_stats(site->layer);
    const struct hf_gb_site_ops *ops = site->options.ops;

    return site->draining || (ops->may_take != NULL && !ops->may_take(site->options.context)) ||
           sip->transactions >= sip->transactions_max - sip->transactions_max / 4;
}

static void challenge(const struct coming *coming, bool stale) /* of a stranger: the same as of anybody */
{
    struct hf_gb_site *site = coming->site;
    char nonce[HF_SIP_NONCE_TEXT_BYTES];
    struct hf_gb_answer answer = answer_to(coming, 401);

    make_challenge(site, coming->flow, coming->id, nonce);
    answer.nonce = (struct hf_slice){nonce, sizeof(nonce)};
    answer.stale = stale;
    if (stale)
        site->stats.challenged_stale++;
    else
        site->stats.challenged++;
    send(coming, &answer);
}

static void wrong(const struct coming *coming)
{
    struct hf_gb_site *site = coming->site;
    struct hf_gb_device *device = hf_gb_device_find(site, coming->id);

    if (hf_gb_lock_repeated(&site->locks, coming->pair, coming->request)) { /* one guess, heard twice */
        site->stats.register_repeated++;
        refuse(coming, 403);
        return;
    }
    site->stats.auth_failed++;
    if (device != NULL)
        hf_gb_link_refused(device);
    if (hf_gb_lock_fail(&site->locks, coming->pair, coming->request, hf_gb_now(site))) {
        site->stats.locks = site->locks.locked;
        if (coming->known) /* once for each lock: a guesser must not fill the log */
            hf_hub_refused(site->options.hub, site->options.tenant->name, coming->id,
                           HF_REASON_CREDENTIALS_INVALID);
    }
    site->stats.locks_forgotten = site->locks.forgotten;
    hf_gb_log(site, "REFUSED", coming->id, coming->flow, HF_REASON_CREDENTIALS_INVALID);
    refuse(coming, 403);
}

static void take_settings(struct hf_gb_device *device, const struct hf_sip_msg *msg,
                          const struct hf_gb_account *account, uint32_t expires_s)
{
    const struct hf_gb_limits *limits = &device->site->limits;
    uint64_t now_ms = hf_gb_now(device->site);

    device->version = account->version ? account->version : version_of(msg);
    device->charset = account->charset;
    device->life.interval_ms =
        hf_gb_keepalive_ms(account->keepalive_ms ? account->keepalive_ms : limits->keepalive_ms);
    device->life.count =
        hf_gb_keepalive_count(account->keepalive_count ? account->keepalive_count : limits->keepalive_count);
    device->life.grace_ms = limits->keepalive_grace_ms;
    device->life.expires_ms = now_ms + 1000ull * expires_s + limits->keepalive_grace_ms;
    device->expires_s = expires_s;
}

/* Into the hub. */
static hf_err let_in(struct hf_gb_device *device, enum hf_reason *ret_reason)
{
    struct hf_gb_site *site = device->site;
    struct hf_hub_connect connect = {
        .tenant = site->options.tenant, .device = hf_gb_device_id(device), .protocol = HF_SLICE("gb28181")};

    device->dev.ops = &hf_gb_devconn_ops;
    device->dev.variant = 0;
    device->dev.conn_id = site->options.ops->conn_id(site->options.context);
    device->bound_hash = 0; /* a new registration has a record of its own */
    return hf_hub_connect(site->options.hub, &device->dev, &connect, ret_reason);
}

/* Answers, and remembers what for as long as the device may ask again (timer J of a transaction). */
static void settle(const struct coming *coming, struct hf_gb_device *device, unsigned status,
                   uint32_t expires_s)
{
    struct hf_gb_answer answer = answer_to(coming, status);

    device->answered = (struct hf_gb_answered){.request = coming->request,
                                               .until_ms = hf_gb_now(coming->site) + HF_GB_ANSWERED_MS,
                                               .expires_s = expires_s,
                                               .status = (uint16_t)status};
    answer.expires_s = expires_s;
    send(coming, &answer);
}

static bool repeated(const struct coming *coming, const struct hf_gb_device *device)
{
    struct hf_gb_site *site = coming->site;

    if (device == NULL || device->answered.request != coming->request ||
        device->answered.until_ms <= hf_gb_now(site))
        return false;
    struct hf_gb_answer answer = answer_to(coming, device->answered.status);
    answer.expires_s = device->answered.expires_s;
    site->stats.register_repeated++;
    send(coming, &answer);
    return true;
}

static void accept_device(const struct coming *coming, struct hf_gb_device *device, uint32_t expires_s)
{
    struct hf_gb_site *site = coming->site;
    bool there = hf_gb_device_there(device);
    uint64_t register_id = hf_hash(site->hash_key, coming->msg->call_id.at, coming->msg->call_id.bytes) | 1;
    enum hf_reason reason = HF_REASON_NONE;

    take_settings(device, coming->msg, &coming->account, expires_s);
    device->life.last_ms = hf_gb_now(site);
    if (!there && let_in(device, &reason) != HF_OK) {
        site->stats.register_refused++;
        hf_gb_log(site, "REFUSED", coming->id, coming->flow, reason);
        hf_gb_device_arm(device);
        settle(coming, device, 503, 0);
        return;
    }
    if (there) {
        site->stats.refreshed++;
    } else {
        site->stats.registered++;
        device->registered_ms = hf_gb_now(site);
    }
    hf_gb_device_bind(device, coming->flow);
    hf_gb_device_event(device, HF_GB_EV_REGISTER);
    hf_gb_bound(device, false);
    if (!there) {
        hf_gb_catalog_registered(device);
        hf_gb_subs_registered(device);
        hf_gb_log(site, "REGISTERED", coming->id, coming->flow, HF_REASON_CONNECTED);
    }
    if (hf_sip_flow_reliable(coming->flow) && site->options.ops->proven != NULL)
        site->options.ops->proven(site->options.context, coming->flow);
    settle(coming, device, 200, expires_s);
    hf_gb_calls_return(device);
    if (there && device->register_id != 0 && device->register_id != register_id)
        hf_gb_calls_keep_soon(device);
    device->register_id = register_id;
}

static void leave(const struct coming *coming, struct hf_gb_device *device)
{
    struct hf_gb_site *site = coming->site;

    site->stats.unregistered++;
    if (hf_gb_device_there(device)) {
        device->life.last_ms = hf_gb_now(site);
        hf_gb_device_event(device, HF_GB_EV_BYE);
    }
    settle(coming, device, 200, 0);
}

static uint32_t expires_of(struct hf_gb_site *site, const struct hf_sip_msg *msg)
{
    uint32_t expires_s;

    if (!hf_sip_expires(msg, &expires_s))
        return site->limits.expires_default_s;
    if (expires_s <= site->limits.expires_max_s)
        return expires_s;
    site->stats.expires_clamped++;
    return site->limits.expires_max_s;
}

/* To another node, for want of load here (GB-15): who is not there yet, and knows what 302 means. Who comes back soon was not let in there, or found nobody. */
static bool redirected(const struct coming *coming, struct hf_gb_device *device)
{
    struct hf_gb_site *site = coming->site;
    uint16_t version = coming->account.version ? coming->account.version : version_of(coming->msg);
    uint64_t now_ms = hf_gb_now(site);

    if (site->limits.redirect_host[0] == '\0' || hf_gb_device_there(device) || version < HF_GB_VERSION_2022 ||
        site->stats.devices < site->limits.redirect_above)
        return false;
    if (device->redirected_ms != 0 && now_ms - device->redirected_ms < HF_GB_REDIRECT_AGAIN_MS) {
        site->stats.redirects_returned++;
        return false;
    }
    device->redirected_ms = now_ms;
    site->stats.redirected++;
    return true;
}

/* Its nonce is good, or none is needed. */
static void take(const struct coming *coming, struct hf_gb_device *device,
                 const struct hf_sip_credentials *credentials, const struct hf_sip_nonce *nonce)
{
    struct hf_gb_site *site = coming->site;
    bool open = coming->known && coming->account.open;
    uint32_t expires_s = expires_of(site, coming->msg);

    if (judge_contacts(coming->msg, expires_s) != 0) {
        site->stats.register_bad++;
        refuse(coming, 400);
        return;
    }
    if (!open && device != NULL && !hf_sip_replay_fresh(&device->replay, nonce, credentials->nc_value)) {
        challenge(coming, true);
        return;
    }
    if (!open && !has_password(site, credentials, coming->id, &coming->account, coming->known)) {
        wrong(coming);
        return;
    }
    hf_gb_lock_clear(&site->locks, coming->pair);
    if (device == NULL)
        device = hf_gb_device_take(site, coming->id);
    if (device == NULL) {
        site->stats.devices_full++;
        refuse(coming, 503);
        return;
    }
    if (!open)
        hf_sip_replay_take(&device->replay, nonce, credentials->nc_value);
    if (expires_s == 0) {
        leave(coming, device);
    } else if (redirected(coming, device)) {
        settle(coming, device, 302, expires_s);
        hf_gb_device_arm(device);
    } else
        accept_device(coming, device, expires_s);
}

void hf_gb_on_register(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                       struct hf_slice id)
{
    struct coming coming = {.site = site, .flow = flow, .msg = msg, .id = id};
    struct hf_sip_credentials credentials = {0};
    struct hf_sip_nonce nonce = {0};

    if (!hf_gbid_valid(id, site->limits.strict_ids ? HF_GBID_RULE_STRICT : HF_GBID_RULE_DEVICE)) {
        site->stats.register_bad++;
        (void)hf_gb_refuse(site, flow, msg, 400);
        return;
    }
    if (shedding(site)) {
        site->stats.register_shed++;
        (void)hf_sip_layer_reply(site->layer, flow, msg, 503, hf_gb_retry_after_s(site));
        return;
    }
    enum verdict verdict = judge_nonce(site, flow, msg, id, &credentials, &nonce);
    coming.known = account_of(site, msg, id, &coming.account) == HF_OK;
    if (verdict != VERDICT_OK && !(coming.known && coming.account.open)) {
        challenge(&coming, verdict == VERDICT_STALE);
        return;
    }
    coming.pair = pair_of(site, flow, id);
    if (hf_gb_locked(&site->locks, coming.pair, hf_gb_now(site))) { /* before it costs anything */
        site->stats.auth_locked++;
        (void)hf_gb_refuse(site, flow, msg, 403);
        return;
    }
    struct hf_gb_device *device = hf_gb_device_find(site, id);
    coming.request = request_of(site, msg);
    if (!repeated(&coming, device))
        take(&coming, device, &credentials, &nonce);
}
