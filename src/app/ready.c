/* app/ready.c - what /readyz says: may a load balancer send devices here, and if not, why. */
#include "app/gateway.h"
#include "codec/json/out.h"

static bool check(struct hf_json_out *out, const char *name, bool ok, const char *reason)
{
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "name", name);
    hf_json_out_bool(out, "ok", ok);
    if (!ok)
        hf_json_out_cstr(out, "reason", reason);
    hf_json_out_end(out);
    return ok;
}

bool hf_gateway_ready(struct hf_gateway *gateway, struct hf_sb *ret_json)
{
    enum { LAG_RECORDS_MAX = 1000000 };
    uint64_t applied = atomic_load(&gateway->store_thread.applied), /* first, and each once: both move */
        durable = hf_log_durable_through(gateway->log);
    char body[1024];
    struct hf_json_out out;
    struct hf_sb sb;
    bool ready = true;

    hf_sb_init(&sb, body, sizeof(body));
    hf_json_out_init(&out, &sb);
    hf_json_out_array(&out, NULL);
    ready &= check(&out, "started", atomic_load(&gateway->started), "starting");
    ready &= check(&out, "draining", !atomic_load(&gateway->draining), "drain: this node is shutting down");
    ready &= check(&out, "log", atomic_load(&gateway->log_thread.failing_since_ms) == 0,
                   atomic_load(&gateway->log_thread.failure) == HF_ERR_FULL
                       ? "storage_full: the event log has no space left"
                       : "storage_failed: the event log cannot be written");
    ready &= check(&out, "store", durable <= applied || durable - applied <= LAG_RECORDS_MAX,
                   "the tables are far behind the log");
    hf_json_out_end(&out);
    struct hf_json_out whole;
    hf_json_out_init(&whole, ret_json);
    hf_json_out_object(&whole, NULL);
    hf_json_out_bool(&whole, "ready", ready);
    hf_json_out_raw(&whole, "checks", hf_sb_done(&sb));
    hf_json_out_end(&whole);
    return ready;
}
