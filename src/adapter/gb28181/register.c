/* adapter/gb28181/register.c - REGISTER. Whoever shows no credentials, or an old nonce, is challenged without leaving anything behind; the rest is a transaction, so that a repeat
 * gets the same answer although its nonce has served. */
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include "base/hash.h"

/* An answer without a transaction. */
static void answer_at_once(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                           const struct hf_sip_msg *msg, const struct hf_gb_answer *answer)
{
    struct hf_slice text = hf_gb_write_answer(site, flow, msg, answer);

    if (text.bytes > 0)
        (void)hf_sip_layer_send(site->layer, flow, text);
}

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

static uint64_t pair_of(const struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice id)
{
    uint8_t key[HF_GBID_DIGITS + 1 + sizeof(flow->peer)] = {0};

    memcpy(key, id.at, id.bytes);
    memcpy(key + HF_GBID_DIGITS + 1, flow->peer, sizeof(flow->peer));
    return hf_hash(site->hash_key, key, sizeof(key));
}

enum verdict { VERDICT_OK, VERDICT_NONE, VERDICT_STALE, VERDICT_WRONG };

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

static enum verdict judge_password(struct hf_gb_site *site, const struct hf_sip_credentials *credentials,
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
                   hf_slice_eq(credentials->realm, site->options.realm)
               ? VERDICT_OK
               : VERDICT_WRONG;
}

static bool shedding(struct hf_gb_site *site)
{
    const struct hf_sip_layer_stats *sip = hf_sip_layer_stats(site->layer);
    const struct hf_gb_site_ops *ops = site->options.ops;

    return site->draining || (ops->may_take != NULL && !ops->may_take(site->options.context)) ||
           sip->transactions >= sip->transactions_max - sip->transactions_max / 4;
}

static void challenge(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                      struct hf_slice id, struct hf_sip_tx *tx, bool stale)
{
    char nonce[HF_SIP_NONCE_TEXT_BYTES];
    struct hf_gb_account account;

    (void)account_of(site, msg, id, &account); /* of a stranger: the same as of anybody */
    make_challenge(site, flow, id, nonce);
    struct hf_gb_answer answer = {.status = 401,
                                  .account = &account,
                                  .nonce = {nonce, sizeof(nonce)},
                                  .stale = stale,
                                  .version = speaks_version(site, msg)};
    if (stale)
        site->stats.challenged_stale++;
    else
        site->stats.challenged++;
    if (tx == NULL) {
        answer_at_once(site, flow, msg, &answer);
        return;
    }
    struct hf_slice text = hf_gb_write_answer(site, flow, msg, &answer);
    (void)hf_sip_tx_answer(tx, answer.status, text, hf_gb_now(site));
}

void hf_gb_register_came(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                         const struct hf_sip_msg *msg, struct hf_slice id)
{
    struct hf_sip_credentials credentials;
    struct hf_sip_nonce nonce;
    struct hf_gb_account account;

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
    if (verdict != VERDICT_OK && (account_of(site, msg, id, &account) != HF_OK || !account.open)) {
        challenge(site, flow, msg, id, NULL, verdict == VERDICT_STALE);
        return;
    }
    if (hf_gb_locked(&site->locks, pair_of(site, flow, id), hf_gb_now(site))) { /* before it costs anything */
        site->stats.auth_locked++;
        (void)hf_gb_refuse(site, flow, msg, 403);
        return;
    }
    if (hf_sip_tx_receive(site->layer, flow, msg, HF_SIP_SHED_FIRST, hf_gb_now(site)) == HF_ERR_LIMIT)
        site->stats.register_shed++;
}

/* ---- with credentials ---- */

static void answer(struct hf_gb_site *site, const struct hf_sip_tx_event *event,
                   const struct hf_gb_answer *with)
{
    struct hf_slice text = hf_gb_write_answer(site, event->flow, event->msg, with);

    if (text.bytes > 0)
        (void)hf_sip_tx_answer(event->tx, with->status, text, hf_gb_now(site));
    else
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, 513, hf_gb_now(site));
}

static void refuse(struct hf_gb_site *site, const struct hf_sip_tx_event *event, unsigned status)
{
    struct hf_gb_answer with = {.status = status,
                                .version = speaks_version(site, event->msg),
                                .retry_after_s = status == 503 ? hf_gb_retry_after_s(site) : 0};

    answer(site, event, &with);
}

static void wrong(struct hf_gb_site *site, const struct hf_sip_tx_event *event, struct hf_slice id,
                  bool known)
{
    struct hf_gb_device *device = hf_gb_device_find(site, id);

    site->stats.auth_failed++;
    if (device != NULL)
        hf_gb_link_refused(device);
    if (hf_gb_lock_fail(&site->locks, pair_of(site, event->flow, id), hf_gb_now(site))) {
        site->stats.locks = site->locks.locked;
        if (known) /* once for each lock: a guesser must not fill the log */
            hf_hub_refused(site->options.hub, site->options.tenant->name, id, HF_REASON_CREDENTIALS_INVALID);
    }
    site->stats.locks_forgotten = site->locks.forgotten;
    hf_gb_log(site, "REFUSED", id, event->flow, HF_REASON_CREDENTIALS_INVALID);
    refuse(site, event, 403);
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

static void accept_device(struct hf_gb_site *site, const struct hf_sip_tx_event *event,
                          struct hf_gb_device *device, const struct hf_gb_account *account,
                          uint32_t expires_s)
{
    bool there = hf_gb_device_there(device);
    enum hf_reason reason = HF_REASON_NONE;

    take_settings(device, event->msg, account, expires_s);
    device->life.last_ms = hf_gb_now(site);
    if (!there && let_in(device, &reason) != HF_OK) {
        site->stats.register_refused++;
        hf_gb_log(site, "REFUSED", hf_gb_device_id(device), event->flow, reason);
        hf_gb_device_arm(device);
        refuse(site, event, 503);
        return;
    }
    if (there) {
        site->stats.refreshed++;
    } else {
        site->stats.registered++;
        device->registered_ms = hf_gb_now(site);
    }
    hf_gb_device_bind(device, event->flow);
    hf_gb_device_event(device, HF_GB_EV_REGISTER);
    hf_gb_bound(device, false);
    if (!there) {
        hf_gb_catalog_registered(device);
        hf_gb_subs_registered(device);
        hf_gb_log(site, "REGISTERED", hf_gb_device_id(device), event->flow, HF_REASON_CONNECTED);
    }
    if (hf_sip_flow_reliable(event->flow) && site->options.ops->proven != NULL)
        site->options.ops->proven(site->options.context, event->flow);
    answer(site, event,
           &(struct hf_gb_answer){.status = 200,
                                  .account = account,
                                  .expires_s = expires_s,
                                  .version = speaks_version(site, event->msg)});
}

static void leave(struct hf_gb_site *site, const struct hf_sip_tx_event *event, struct hf_gb_device *device,
                  const struct hf_gb_account *account)
{
    site->stats.unregistered++;
    if (hf_gb_device_there(device)) {
        device->life.last_ms = hf_gb_now(site);
        hf_gb_device_event(device, HF_GB_EV_BYE);
    }
    answer(site, event,
           &(struct hf_gb_answer){
               .status = 200, .account = account, .version = speaks_version(site, event->msg)});
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

void hf_gb_on_register(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    const struct hf_sip_msg *msg = event->msg;
    struct hf_slice id = msg->from.uri.user;
    struct hf_sip_credentials credentials;
    struct hf_sip_nonce nonce;
    struct hf_gb_account account;
    uint32_t expires_s = expires_of(site, msg);

    if (judge_contacts(msg, expires_s) != 0) {
        site->stats.register_bad++;
        refuse(site, event, 400);
        return;
    }
    enum verdict verdict = judge_nonce(site, event->flow, msg, id, &credentials, &nonce);
    hf_err known = account_of(site, msg, id, &account);
    bool open = known == HF_OK && account.open;
    struct hf_gb_device *device = hf_gb_device_find(site, id);
    if (!open && verdict == VERDICT_OK && device != NULL &&
        !hf_sip_replay_fresh(&device->replay, &nonce, credentials.nc_value))
        verdict = VERDICT_STALE;
    if (!open && verdict != VERDICT_OK) {
        challenge(site, event->flow, msg, id, event->tx, verdict == VERDICT_STALE);
        return;
    }
    if (!open && judge_password(site, &credentials, id, &account, known == HF_OK) != VERDICT_OK) {
        wrong(site, event, id, known == HF_OK);
        return;
    }
    hf_gb_lock_clear(&site->locks, pair_of(site, event->flow, id));
    if (device == NULL)
        device = hf_gb_device_take(site, id);
    if (device == NULL) {
        site->stats.devices_full++;
        refuse(site, event, 503);
        return;
    }
    if (!open)
        hf_sip_replay_take(&device->replay, &nonce, credentials.nc_value);
    if (expires_s == 0)
        leave(site, event, device, &account);
    else
        accept_device(site, event, device, &account, expires_s);
}
