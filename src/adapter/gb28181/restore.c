/* adapter/gb28181/restore.c - registrations outlive the gateway (GB-7). Log first: a camera.bound record says where a device is and on what terms; the table of devices keeps
 * the last one. It is written when a device comes, and when that changes; not at a refresh, which changes nothing but the time that is left: a device that was not said to have ended had a
 * registration until the log ended, and none that began later. After a start what is bound is SUSPECT, until it is heard or was silent for too long.
 *
 *   {"peer":"192.0.2.10","port":5060,"transport":"udp","local":"198.51.100.5","local_port":5060,"endpoint":0,"expires_s":3600,"version":20,"charset":0,
 *    "keepalive_ms":60000,"keepalive_count":3} */
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/sb.h"
#include "core/kvkey.h"
#include "core/rows.h"

enum { ROWS_PER_STEP = 256 };

static const char *const transports[] = {[HF_SIP_UDP] = "udp", [HF_SIP_TCP] = "tcp", [HF_SIP_TLS] = "tls"};

/* ---- out ---- */

static struct hf_slice write_binding(const struct hf_gb_device *device, char storage[HF_BINDING_BYTES_MAX])
{
    const struct hf_sip_flow *flow = &device->flow;
    char host[HF_SIP_FLOW_HOST_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    HF_ASSERT(flow->transport < HF_COUNT_OF(transports));
    hf_sb_init(&sb, storage, HF_BINDING_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "peer", hf_sip_flow_peer_host(flow, host));
    hf_json_out_u64(&out, "port", flow->peer_port);
    if (!hf_sip_flow_reliable(flow) && flow->connection != 0)
        hf_json_out_u64(&out, "interface", flow->connection);
    hf_json_out_cstr(&out, "transport", transports[flow->transport]);
    hf_json_out_text(&out, "local", hf_sip_flow_local_host(flow, host));
    hf_json_out_u64(&out, "local_port", flow->local_port);
    hf_json_out_u64(&out, "endpoint", flow->endpoint);
    hf_json_out_u64(&out, "expires_s", device->expires_s);
    hf_json_out_u64(&out, "version", device->version);
    hf_json_out_u64(&out, "charset", device->charset);
    hf_json_out_u64(&out, "keepalive_ms", device->life.interval_ms);
    hf_json_out_u64(&out, "keepalive_count", device->life.count);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out)); /* two addresses and eight numbers */
    return hf_sb_done(&sb);
}

/* Of all that a binding says. Each refresh asks whether it says anything new, so it is not written for that. */
static uint64_t hash_binding(const struct hf_gb_device *device)
{
    struct {
        struct hf_sip_flow flow;
        uint32_t expires_s, interval_ms, count;
        uint16_t version, charset;
    } all = {.flow = device->flow,
             .expires_s = device->expires_s,
             .interval_ms = device->life.interval_ms,
             .count = device->life.count,
             .version = device->version,
             .charset = device->charset};

    _Static_assert(sizeof(all) == sizeof(struct hf_sip_flow) + 16, "no hole");
    if (hf_sip_flow_reliable(&device->flow))
        all.flow.connection = 0; /* it ends with the process, and with itself */
    return hf_hash(device->site->hash_key, &all, sizeof(all));
}

void hf_gb_bound(struct hf_gb_device *device, bool port_only)
{
    struct hf_gb_site *site = device->site;
    char storage[HF_BINDING_BYTES_MAX];
    uint64_t hash = hash_binding(device);

    if (hash == device->bound_hash)
        return;
    if (port_only && device->bound_hash != 0 && hf_gb_now(site) - device->bound_ms < HF_GB_BOUND_INTERVAL_MS)
        return; /* the next message from that address would say as much */
    if (hf_hub_bound(site->options.hub, &device->dev, write_binding(device, storage)) != HF_OK)
        return; /* with the next refresh */
    site->stats.bindings++;
    device->bound_hash = hash;
    device->bound_ms = hf_gb_now(site);
}

/* ---- in ---- */

static bool read_number(const cJSON *json, const char *name, uint64_t max, uint64_t *ret_value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= (double)max))
        return false;
    *ret_value = (uint64_t)item->valuedouble;
    return true;
}

static bool read_address(const cJSON *json, const char *name, uint8_t family, uint8_t out[16])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text != NULL && inet_pton(family == 6 ? AF_INET6 : AF_INET, text, out) == 1;
}

static bool read_flow(const cJSON *json, struct hf_sip_flow *ret_flow)
{
    const char *peer = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "peer"));
    const char *transport = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "transport"));
    uint64_t port, local_port, endpoint;

    *ret_flow = (struct hf_sip_flow){0}; /* no connection of a stream: it ended with the process */
    if (peer == NULL || transport == NULL || !read_number(json, "port", UINT16_MAX, &port) ||
        !read_number(json, "local_port", UINT16_MAX, &local_port) ||
        !read_number(json, "endpoint", UINT16_MAX, &endpoint))
        return false;
    ret_flow->transport = HF_COUNT_OF(transports);
    for (size_t i = 0; i < HF_COUNT_OF(transports); i++)
        if (strcmp(transport, transports[i]) == 0)
            ret_flow->transport = (uint8_t)i;
    if (!hf_sip_flow_reliable(ret_flow))
        (void)read_number(json, "interface", UINT32_MAX, &ret_flow->connection); /* most have none */
    ret_flow->family = strchr(peer, ':') != NULL ? 6 : 4;
    ret_flow->peer_port = (uint16_t)port;
    ret_flow->local_port = (uint16_t)local_port;
    ret_flow->endpoint = (uint16_t)endpoint; /* if there is none of that number any more, sending fails */
    return ret_flow->transport < HF_COUNT_OF(transports) &&
           read_address(json, "peer", ret_flow->family, ret_flow->peer) &&
           read_address(json, "local", ret_flow->family, ret_flow->local);
}

/* False: it is none, or its time was over when the log ended. */
static bool read_binding(struct hf_gb_device *device, struct hf_slice text)
{
    const struct hf_gb_site *site = device->site;
    const struct hf_hub *hub = site->options.hub;
    uint64_t ended_ms = hub->options.previous_end_ms, now_ms = hf_gb_now(site), expires_s, version, charset,
             interval_ms, count;
    uint64_t away_ms = ended_ms != 0 && ended_ms < hub->utc_ms ? hub->utc_ms - ended_ms : 0;
    cJSON *json = cJSON_ParseWithLength(text.at, text.bytes);
    bool good = json != NULL && read_flow(json, &device->flow) &&
                read_number(json, "expires_s", UINT32_MAX, &expires_s) &&
                read_number(json, "version", UINT16_MAX, &version) &&
                read_number(json, "charset", HF_TEXT_GB18030, &charset) &&
                read_number(json, "keepalive_ms", UINT32_MAX, &interval_ms) &&
                read_number(json, "keepalive_count", UINT32_MAX, &count) && 1000 * expires_s > away_ms;

    cJSON_Delete(json);
    if (!good)
        return false;
    device->expires_s = (uint32_t)expires_s;
    device->version = (uint16_t)version;
    device->charset = (uint8_t)charset;
    device->life.interval_ms = hf_gb_keepalive_ms((uint32_t)interval_ms);
    device->life.count = hf_gb_keepalive_count((uint32_t)count);
    device->life.grace_ms = site->limits.keepalive_grace_ms;
    device->life.expires_ms = now_ms + 1000 * expires_s - away_ms + site->limits.keepalive_grace_ms;
    device->life.last_ms = now_ms;           /* it has all the time that silence is given */
    if (hf_sip_flow_reliable(&device->flow)) /* and as long for a new connection */
        device->life.lost_ms = now_ms + (uint64_t)device->life.interval_ms * device->life.count;
    device->registered_ms = now_ms;
    device->bound_hash = hash_binding(device);
    device->bound_ms = now_ms;
    return true;
}

struct row { /* what is kept of one until the snapshot has ended: the hub reads the tables itself */
    uint64_t epoch;
    uint16_t binding_bytes;
    uint8_t id_bytes;
    char id[HF_GBID_DIGITS];
    char binding[HF_BINDING_BYTES_MAX];
};

static hf_err resume(struct hf_gb_site *site, const struct row *row)
{
    struct hf_slice id = {row->id, row->id_bytes};
    struct hf_hub_connect connect = {
        .tenant = site->options.tenant, .device = id, .protocol = HF_SLICE("gb28181")};
    struct hf_gb_account account = {0};

    if (site->options.ops->account(site->options.context, id, (struct hf_slice){NULL, 0}, &account) != HF_OK)
        return HF_ERR_DENIED; /* it may not come any more */
    struct hf_gb_device *device = hf_gb_device_take(site, id);
    if (device == NULL)
        return HF_ERR_LIMIT;
    device->dev.ops = &hf_gb_devconn_ops;
    device->dev.variant = 0;
    /* A nonce that was answered before serves no second time. */
    device->replay.issued_ms = site->options.hub->utc_ms;
    device->replay.mark = UINT32_MAX;
    device->replay.nc = UINT32_MAX;
    hf_err err =
        read_binding(device, (struct hf_slice){row->binding, row->binding_bytes}) ? HF_OK : HF_ERR_CORRUPT;
    if (err == HF_OK)
        err = hf_hub_resume(site->options.hub, &device->dev, &connect, row->epoch);
    if (err == HF_OK) {
        device->restored = true;
        hf_gb_device_event(device, HF_GB_EV_RESTORED);
        hf_gb_catalog_registered(device);
        hf_gb_subs_registered(device); /* those of before are the device's alone: made anew, once (GB-20) */
    } else {
        hf_gb_device_free(device);
    }
    return err;
}

struct rows {
    struct row at[ROWS_PER_STEP];
    unsigned count;
};

static void take_row(const struct hf_gb_site *site, struct hf_slice key, struct hf_slice value, void *context)
{
    const struct hf_hub *hub = site->options.hub;
    struct hf_slice tenant, device, rest;
    struct hf_device_row row;
    struct rows *rows = context;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK || hf_device_row_decode(value, &row) != HF_OK ||
        row.binding.bytes == 0 || row.binding.bytes > HF_BINDING_BYTES_MAX || row.presence == HF_OFFLINE ||
        !hf_gbid_valid(device, HF_GBID_RULE_DEVICE) ||
        hf_hub_home(tenant, device, hub->options.workers) != hub->options.worker)
        return;
    struct row *one = &rows->at[rows->count++];

    *one = (struct row){
        .epoch = row.epoch, .binding_bytes = (uint16_t)row.binding.bytes, .id_bytes = (uint8_t)device.bytes};
    memcpy(one->id, device.at, device.bytes);
    memcpy(one->binding, row.binding.at, row.binding.bytes);
}

hf_err hf_gb_scan(const struct hf_gb_site *site, enum hf_kv_table table, const struct hf_kvkey *prefix,
                  struct hf_kvkey *from, unsigned rows_max, hf_gb_row_fn *take, void *context)
{
    struct hf_slice key, value;
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    unsigned seen = 0;
    hf_err err = hf_kv_read(site->options.hub->options.kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_kv_scan(txn, table, hf_kvkey_slice(prefix), hf_kvkey_slice(from), false, &cursor);
    while (err == HF_OK && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        if (++seen > rows_max) {
            HF_ASSERT(key.bytes <= sizeof(from->at));
            memcpy(from->at, key.at, key.bytes);
            from->bytes = (uint16_t)key.bytes;
            break;
        }
        take(site, key, value, context);
    }
    hf_kv_end(txn);
    return err;
}

hf_err hf_gb_site_restore(struct hf_gb_site *site)
{
    struct rows *rows = malloc(sizeof(*rows));
    struct hf_kvkey prefix, from = {0};
    hf_err err = rows != NULL ? hf_kvkey_tenant(&prefix, site->options.tenant->name) : HF_ERR_NOMEM;

    while (err == HF_OK) {
        rows->count = 0;
        err = hf_gb_scan(site, HF_KV_DEVICES, &prefix, &from, ROWS_PER_STEP, take_row, rows);
        for (unsigned i = 0; i < rows->count; i++) {
            bool restored = resume(site, &rows->at[i]) == HF_OK;

            site->stats.restored += restored;
            site->stats.restore_refused += !restored;
        }
    }
    free(rows);
    site->calls_from = (struct hf_kvkey){0};
    hf_wheel_arm(site->options.wheel, &site->calls_restore, hf_gb_now(site)); /* when there are sockets */
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}
