/* test/sim/accept.c - from a socket to the adapter and to the worker that is its device's home, as app/accept.c does it; and app/stale.c. */
#include <stdlib.h>

#include "base/hash.h"
#include "codec/http1/problem.h"
#include "codec/ws/close.h"
#include "core/rows.h"
#include "sim/gateway.h"
#include "sim/sim.h"

enum { ROWS_PER_STEP = 500 };

uint64_t sim_worker_conn_id(struct sim_worker *worker)
{
    uint64_t id =
        hf_hash_mix(worker->gateway->conn_seed + worker->index * UINT64_C(1000003) + ++worker->conn_count);

    return id ? id : 1;
}

void sim_worker_on_accept(struct sim_worker *worker, struct sim_sock *sock)
{
    static const uint8_t address[4] = {192, 0, 2, 1};
    struct hf_http_options options = {.roles = HF_HTTP_DEVICES | HF_HTTP_API,
                                      .conn_id = sim_worker_conn_id(worker)};

    if (!worker->gateway->running && worker->gateway->power) {
        sim_vanish(sock);
        return;
    }
    if (!worker->gateway->running ||
        hf_admission_decide(&worker->admission, address, 4, false, worker->links_now, worker->now_ms) !=
            HF_REASON_NONE) {
        sim_reset(sock);
        return;
    }
    struct sim_link *link = sim_link_open(worker, sock, options.conn_id);
    hf_err err = hf_http_open(&worker->http, &link->link, &options);
    HF_ASSERT(err == HF_OK); /* admission holds a lower bound */
}

/* ---- devices ---- */

static void move_link(struct sim_worker *worker, struct hf_link *link, const struct hf_ws_admit *admit,
                      unsigned home, const uint8_t *unread, size_t bytes)
{
    struct sim_move *move = malloc(sizeof(*move));

    HF_ASSERT(move != NULL);
    move->admit = *admit;
    move->link = (struct sim_link *)link;
    sim_link_detach(move->link, unread, bytes);
    sim_worker_post(&worker->gateway->workers[home], SIM_POST_LINK, move);
}

static void refuse_link(struct hf_link *link, enum hf_reason reason)
{
    char answer[HF_HTTP1_PROBLEM_BYTES_MAX];
    struct hf_http1_problem_doc doc = {.reason = reason, .close = true};
    struct hf_sb sb;

    hf_sb_init(&sb, answer, sizeof(answer));
    (void)hf_http1_problem(&sb, &doc);
    (void)link->ops->write(link, sb.at, sb.bytes);
    link->ops->flush(link);
    link->ops->abort(link);
}

void sim_worker_on_move(struct sim_worker *worker, struct sim_move *move)
{
    struct hf_identity *identity = &move->admit.identity;
    enum hf_reason reason = HF_REASON_NONE;

    if (!worker->gateway->running) {
        sim_link_destroy(move->link, worker->gateway->power);
        free(move);
        return;
    }
    sim_link_attach(move->link, worker);
    if (hf_ws_open(&worker->ws, &move->link->link, &move->admit, &reason) != HF_OK) {
        hf_hub_refused(&worker->hub, identity->tenant->name,
                       (struct hf_slice){identity->device, identity->device_bytes}, reason);
        refuse_link(&move->link->link, reason);
    }
    free(move);
}

static bool http_connect(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
                         const uint8_t *unread, size_t unread_bytes, enum hf_reason *ret_reason)
{
    struct sim_worker *worker = context;
    const struct hf_identity *identity = &admit->identity;
    struct hf_slice device = {identity->device, identity->device_bytes};

    if (sim_worker_storage_refuses(worker)) {
        *ret_reason = HF_REASON_STORAGE_FULL;
        return false;
    }
    unsigned home = identity->tenant
                        ? hf_hub_home(identity->tenant->name, device, worker->gateway->worker_count)
                        : worker->index;
    if (home != worker->index) {
        move_link(worker, link, admit, home, unread, unread_bytes);
        return true;
    }
    if (hf_ws_open(&worker->ws, link, admit, ret_reason) != HF_OK) {
        if (identity->tenant != NULL)
            hf_hub_refused(&worker->hub, identity->tenant->name, device, *ret_reason);
        return false;
    }
    if (unread_bytes > 0)
        link->handler->on_data(link, (uint8_t *)(uintptr_t)unread, unread_bytes);
    return true;
}

static hf_err ws_move(void *context, struct hf_link *link, struct hf_ws_admit *admit, const uint8_t *unread,
                      size_t bytes)
{
    struct sim_worker *worker = context;
    struct hf_slice device = {admit->identity.device, admit->identity.device_bytes};

    move_link(worker, link, admit,
              hf_hub_home(admit->identity.tenant->name, device, worker->gateway->worker_count), unread,
              bytes);
    free(admit);
    return HF_OK;
}

static bool ws_may_take(void *context)
{
    const struct sim_worker *worker = context;

    return !worker->gate_closed && hf_app_journal_open(&worker->journal);
}

static void random_bytes(void *context, void *out, size_t bytes)
{
    struct sim_worker *worker = context;

    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)hf_rng_u64(&worker->gateway->rng);
}

static void ws_log(void *context, const struct hf_ws_conn *conn, const char *event, enum hf_reason reason,
                   uint16_t code, enum hf_err err)
{
    struct sim_worker *worker = context;
    struct hf_ws_conn_info info;

    (void)err;
    hf_ws_conn_info(conn, &info);
    if (info.device.bytes > 0)
        sim_oracle_connection(worker->gateway->sim, info.device, info.conn_id, event[0] == 'O', reason, code);
}

static void http_refused(void *context, struct hf_slice tenant, struct hf_slice device, enum hf_reason reason)
{
    struct sim_worker *worker = context;

    hf_hub_refused(&worker->hub, tenant, device, reason);
}

static hf_err ws_call(void *context, struct hf_call *call)
{
    sim_worker_call(context, call);
    return HF_OK;
}

const struct hf_http_ops sim_http_ops = {.connect = http_connect, .refused = http_refused};
const struct hf_ws_site_ops sim_ws_ops = {
    .move = ws_move, .may_take = ws_may_take, .on_log = ws_log, .random = random_bytes, .call = ws_call};

/* ---- devices that were online before the start ---- */

static void look(struct sim_worker *worker, struct hf_slice key, struct hf_slice value)
{
    struct hf_slice tenant, device, rest;
    struct hf_device_row row;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK || hf_device_row_decode(value, &row) != HF_OK)
        return;
    if (row.presence == HF_OFFLINE || row.boot == worker->gateway->boot ||
        hf_hub_home(tenant, device, worker->gateway->worker_count) != worker->index ||
        hf_hub_find(&worker->hub, tenant, device) != NULL)
        return;
    struct hf_event event = {
        .type = HF_EVENT_OFFLINE,
        .reason = HF_REASON_NODE_RESTART,
        .epoch = row.epoch,
        .conn = row.conn,
        .to = worker->gateway->boot,
        .tenant = tenant,
        .device = device,
    };
    (void)hf_journal_append(&worker->journal.base, &event, NULL);
}

void sim_worker_stale(struct sim_worker *worker)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    unsigned rows = 0;

    if (worker->stale_done || worker->hub.utc_ms < worker->gateway->unknown_until_ms ||
        hf_kv_read(worker->gateway->kv, &txn) != HF_OK)
        return;
    hf_err err = hf_kv_scan(txn, HF_KV_DEVICES, none, hf_kvkey_slice(&worker->stale_from), false, &cursor);
    while (err == HF_OK && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        if (++rows > ROWS_PER_STEP) {
            memcpy(worker->stale_from.at, key.at, key.bytes);
            worker->stale_from.bytes = (uint16_t)key.bytes;
            break;
        }
        look(worker, key, value);
    }
    hf_kv_end(txn);
    worker->stale_done = err == HF_ERR_NOT_FOUND;
}
