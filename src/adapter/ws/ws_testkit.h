/* adapter/ws/ws_testkit.h - for tests of this folder: a whole worker's worth of rules (hub, tables in memory, two tenants with
 * their keys) around connections over links that are no sockets. The journal records what is appended and makes it durable
 * when the test says so; time passes when the test says so. */
#ifndef HF_ADAPTER_WS_TESTKIT_H
#define HF_ADAPTER_WS_TESTKIT_H

#include "adapter/ws/conn.h"
#include "adapter/ws/ws_link_testkit.h"
#include "base/uuid.h"
#include "core/access.h"
#include "core/projection.h"
#include "core/topic_map.h"
#include "store/memory/kv_memory.h"

#define KIT_UTC 1700000000000ull

enum { KIT_EVENTS_MAX = 1024, KIT_LINKS_MAX = 64 };

/* ---- the worker around it ---- */

struct kit_event {
    struct hf_event event; /* points into body */
    uint8_t *body;
};

struct kit {
    struct hf_wheel wheel;
    struct hf_hub hub;
    struct hf_kv *kv;
    struct hf_auth *auth;
    struct hf_auth_set set;
    struct hf_auth_tenant tenants[2];
    struct hf_tenant tenant[2]; /* acme, umbrella */
    struct hf_tenant_rules rules;
    struct hf_ws_site site;
    struct hf_journal journal; /* of kit_append */
    struct kit_event events[KIT_EVENTS_MAX];
    struct hf_waiter *waiters[KIT_EVENTS_MAX];
    unsigned event_count, durable;
    hf_err journal_err;
    bool gate_closed;
    unsigned opens, closes;
    enum hf_reason closed_reason;
    uint16_t closed_code;
    /* what moved away: the admit and the unread bytes */
    struct hf_ws_admit *moved;
    uint8_t *moved_bytes;
    size_t moved_count;
    hf_err move_err;
    struct kit_link links[KIT_LINKS_MAX];
    unsigned link_count;
    uint64_t conn_ids;
};

KIT hf_err kit_append(struct hf_journal *journal, const struct hf_event *event, struct hf_waiter *waiter)
{
    struct kit *kit = HF_CONTAINER_OF(journal, struct kit, journal);
    size_t bytes = hf_event_bytes(event);
    struct kit_event *made = &kit->events[kit->event_count];

    if (kit->journal_err != HF_OK)
        return kit->journal_err;
    assert_true(kit->event_count < KIT_EVENTS_MAX);
    made->body = (malloc)(bytes);
    if (made->body == NULL)
        return HF_ERR_NOMEM;
    (void)hf_event_encode(event, made->body);
    assert_int_equal(hf_event_decode(made->body, bytes, &made->event), HF_OK);
    kit->waiters[kit->event_count++] = waiter;
    return HF_OK;
}

/* Everything appended so far becomes durable, and then reaches the tables. */
KIT void kit_durable(struct kit *kit)
{
    unsigned through = kit->event_count;
    struct hf_kv_txn *txn = NULL;

    assert_int_equal(hf_kv_write(kit->kv, &txn), HF_OK);
    for (unsigned i = kit->durable; i < through; i++) {
        kit->events[i].event.offset = i + 1;
        kit->events[i].event.time_ms = kit->hub.utc_ms;
        if (hf_projection_wants(&kit->events[i].event))
            assert_int_equal(hf_projection_apply(txn, &kit->events[i].event), HF_OK);
    }
    assert_int_equal(hf_kv_commit(txn, through), HF_OK);
    for (; kit->durable < through; kit->durable++) {
        struct hf_waiter *waiter = kit->waiters[kit->durable];

        if (waiter != NULL)
            waiter->on_durable(waiter, kit->durable + 1, kit->hub.utc_ms);
    }
}

KIT const struct hf_event *kit_last(const struct kit *kit, enum hf_event_type type)
{
    for (unsigned i = kit->event_count; i > 0; i--)
        if (kit->events[i - 1].event.type == type)
            return &kit->events[i - 1].event;
    return NULL;
}

KIT unsigned kit_count(const struct kit *kit, enum hf_event_type type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < kit->event_count; i++)
        count += kit->events[i].event.type == type;
    return count;
}

KIT void kit_answer(void *context, struct hf_call *call)
{
    (void)context;
    call->on_done(call);
}

KIT bool kit_listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    (void)context, (void)tenant, (void)topic;
    return true;
}

KIT void kit_publish(void *context, struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct kit *kit = context;

    (void)hf_hub_publish(&kit->hub, tenant, outgoing);
}

KIT void kit_interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    (void)context, (void)tenant, (void)topic_hash, (void)on;
}

KIT void kit_barrier(void *context, struct hf_barrier *barrier, uint64_t offset)
{
    (void)context, (void)offset;
    barrier->on_applied(barrier, HF_OK);
}

KIT void kit_barrier_cancel(void *context, struct hf_barrier *barrier)
{
    (void)context, (void)barrier;
}

static const struct hf_hub_ops kit_hub_ops = {.answer = kit_answer,
                                              .publish = kit_publish,
                                              .listened = kit_listened,
                                              .interest = kit_interest,
                                              .barrier = kit_barrier,
                                              .barrier_cancel = kit_barrier_cancel};

KIT hf_err kit_move(void *context, struct hf_link *link, struct hf_ws_admit *admit, const uint8_t *unread,
                    size_t bytes)
{
    struct kit *kit = context;

    if (kit->move_err != HF_OK)
        return kit->move_err;
    ((struct kit_link *)link)->moved = true;
    kit->moved = admit;
    kit->moved_bytes = malloc(bytes + 1);
    memcpy(kit->moved_bytes, unread, bytes);
    kit->moved_count = bytes;
    return HF_OK;
}

KIT bool kit_may_take(void *context)
{
    return !((struct kit *)context)->gate_closed;
}

KIT void kit_on_log(void *context, const struct hf_ws_conn *conn, const char *event, enum hf_reason reason,
                    uint16_t code, hf_err err)
{
    struct kit *kit = context;
    struct hf_ws_conn_info info;

    (void)err;
    hf_ws_conn_info(conn, &info);
    assert_true(info.conn_id != 0);
    if (strcmp(event, "OPEN") == 0) {
        kit->opens++;
        assert_true(info.device.bytes > 0);
        return;
    }
    kit->closes++;
    kit->closed_reason = reason;
    kit->closed_code = code;
}

static const struct hf_ws_site_ops kit_site_ops = {
    .move = kit_move, .may_take = kit_may_take, .on_log = kit_on_log};

static const struct hf_ws_limits kit_limits = {
    .auth_timeout_ms = 5000,
    .close_timeout_ms = 5000,
    .write_timeout_ms = 10000,
    .unauthenticated_message_bytes_max = 4096,
    .message_bytes_max = 65536,
    .fragments_max = 8,
    .deflate_bytes_min = 512,
    .deflate = {.on = true,
                .server_no_context_takeover = true,
                .client_no_context_takeover = true,
                .server_max_window_bits = 12,
                .client_max_window_bits = 12},
};

KIT void kit_time(struct kit *kit, uint64_t now_ms)
{
    hf_hub_time(&kit->hub, now_ms, KIT_UTC + now_ms);
}

/* Goes on to `now_ms` in steps of one tick, as a loop would. */
KIT void kit_run_to(struct kit *kit, uint64_t now_ms)
{
    while (kit->hub.now_ms < now_ms) {
        kit_time(kit, HF_MIN(kit->hub.now_ms + HF_WHEEL_TICK_MS, now_ms));
        (void)hf_wheel_run(&kit->wheel, kit->hub.now_ms);
    }
}

/* Names and secrets of the two tenants. */
#define KIT_SECRET_ACME     "0123456789abcdef0123456789abcdef"
#define KIT_SECRET_UMBRELLA "fedcba9876543210fedcba9876543210"

KIT void kit_new(struct kit *kit)
{
    char error[256];

    memset(kit, 0, sizeof(*kit));
    hf_wheel_init(&kit->wheel, 0);
    assert_int_equal(hf_kv_memory_open(&kit->kv), HF_OK);
    kit->journal.append = kit_append;
    kit->rules = (struct hf_tenant_rules){
        .heartbeat_interval_ms = 30000,
        .heartbeat_repeat_ms = 7500,
        .heartbeat_dead_ms = 60000,
        .queue_high_bytes = 65536,
        .queue_low_bytes = 16384,
        .policies = {HF_POLICY_MUST_DELIVER, HF_POLICY_DROP_OLDEST, HF_POLICY_MUST_DELIVER},
        .outbox_messages_max = 100,
        .outbox_bytes_max = 1 << 20,
        .ttl_default_ms = 3600000,
        .ttl_max_ms = 3600000,
        .uplink = {1000, 2000},
        .commands = {20, 40},
        .subscriptions_max = 4,
        .idempotency_ms = 3600000,
        .default_topic = HF_SLICE("default"),
        .shadow = {32 << 10, 8, 4, 10, 1 << 20, {100, 200}, 0},
    };
    kit->tenant[0].name = HF_SLICE("acme");
    kit->tenant[1].name = HF_SLICE("umbrella");
    kit->set.keys = hf_jwt_keys_new();
    assert_non_null(kit->set.keys);
    assert_int_equal(hf_jwt_keys_add_secret(kit->set.keys, HF_SLICE("k1"), HF_SLICE("acme"),
                                            HF_SLICE(KIT_SECRET_ACME), error, sizeof(error)),
                     HF_OK);
    assert_int_equal(hf_jwt_keys_add_secret(kit->set.keys, HF_SLICE("k2"), HF_SLICE("umbrella"),
                                            HF_SLICE(KIT_SECRET_UMBRELLA), error, sizeof(error)),
                     HF_OK);
    for (unsigned i = 0; i < 2; i++) {
        atomic_store(&kit->tenant[i].rules, &kit->rules);
        kit->tenants[i] =
            (struct hf_auth_tenant){.tenant = &kit->tenant[i], .policy = {.device_required = true}};
    }
    kit->set.tenants = kit->tenants;
    kit->set.tenant_count = 2;
    kit->set.generation = 1;
    kit->auth = hf_auth_new(kit->kv);
    assert_non_null(kit->auth);
    hf_auth_use(kit->auth, &kit->set);
    struct hf_hub_options options = {.journal = &kit->journal,
                                     .kv = kit->kv,
                                     .wheel = &kit->wheel,
                                     .ops = &kit_hub_ops,
                                     .context = kit,
                                     .seed = 1,
                                     .boot = 7,
                                     .workers = 1};
    hf_hub_init(&kit->hub, &options);
    kit_time(kit, 1);
    kit->site = (struct hf_ws_site){
        .hub = &kit->hub, .auth = kit->auth, .wheel = &kit->wheel, .ops = &kit_site_ops, .context = kit};
    assert_int_equal(hf_ws_site_init(&kit->site, &kit_limits, 64), HF_OK);
}

KIT void kit_free(struct kit *kit)
{
    kit->journal_err = HF_OK;
    kit_durable(kit);
    hf_ws_site_abort(&kit->site);
    kit_durable(kit);
    hf_ws_site_deinit(&kit->site);
    hf_hub_deinit(&kit->hub);
    hf_auth_free(kit->auth);
    hf_jwt_keys_free(kit->set.keys);
    hf_kv_close(kit->kv);
    for (unsigned i = 0; i < kit->event_count; i++)
        (free)(kit->events[i].body);
    for (unsigned i = 0; i < kit->link_count; i++)
        free(kit->links[i].out);
}

/* ---- connections ---- */

KIT struct kit_link *kit_link_new(struct kit *kit)
{
    assert_true(kit->link_count < KIT_LINKS_MAX);
    struct kit_link *link = &kit->links[kit->link_count++];

    link->link.ops = &kit_link_ops;
    return link;
}

KIT struct hf_ws_admit kit_admit(struct kit *kit, const char *device)
{
    struct hf_ws_admit admit = {.conn_id = ++kit->conn_ids, .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};

    if (device != NULL) {
        admit.identity.tenant = &kit->tenant[0];
        admit.identity.auth_tenant = &kit->tenants[0];
        admit.identity.device_bytes = (uint8_t)strlen(device);
        memcpy(admit.identity.device, device, strlen(device));
    }
    return admit;
}

KIT struct kit_link *kit_open_admit(struct kit *kit, const struct hf_ws_admit *admit)
{
    struct kit_link *link = kit_link_new(kit);
    enum hf_reason reason;

    assert_int_equal(hf_ws_open(&kit->site, &link->link, admit, &reason), HF_OK);
    if (!admit->upgraded) { /* the 101 is behind us */
        char *end = memmem(link->out, link->out_bytes, "\r\n\r\n", 4);
        assert_non_null(end);
        link->read_at = (size_t)(end - link->out) + 4;
    }
    return link;
}

KIT struct kit_link *kit_open(struct kit *kit, const char *device) /* NULL: to authenticate in-band */
{
    struct hf_ws_admit admit = kit_admit(kit, device);

    return kit_open_admit(kit, &admit);
}

KIT struct hf_ws_conn *kit_conn(const struct kit_link *link)
{
    return link->link.user;
}

/* ---- tokens ---- */

KIT const char *kit_token(struct kit *kit, const char *kid, const char *device, const char *jti,
                          uint64_t expires_ms)
{
    static char token[2048];
    struct hf_jwt_claims claims = {
        .device = hf_slice_of(device), .id = hf_slice_of(jti), .expires_s = expires_ms / 1000};
    size_t bytes = 0;

    assert_int_equal(hf_jwt_sign(kit->set.keys, hf_slice_of(kid), &claims, (struct hf_slice){NULL, 0}, token,
                                 sizeof(token), &bytes),
                     HF_OK);
    return token;
}

KIT void kit_auth(struct kit_link *link, const char *token)
{
    char text[4096];

    snprintf(text, sizeof(text), "{\"type\":\"auth\",\"token\":\"%s\"}", token);
    kit_text(link, text);
}

#endif
