/* adapter/api/live.c - GET /v1/devices/{}/live: what a device's samples say now (core/twin/live.h). */
#include "core/twin/live.h"
#include "adapter/api/request.h"
#include "core/rows.h"
#include "core/twin/latency.h"

enum { LIVE_JSON_BYTES = 2048 };

static void value_out(struct hf_json_out *out, enum hf_series_channel channel, bool known, double value)
{
    if (known)
        hf_json_out_double(out, hf_series_units[channel].member, value / hf_series_units[channel].divisor);
    else
        hf_json_out_null(out, hf_series_units[channel].member);
}

static uint64_t utc_ms(const struct hf_twin *twin, uint64_t ns)
{
    int64_t utc_ns = (int64_t)ns + twin->utc_offset_ns;

    return utc_ns > 0 ? (uint64_t)utc_ns / 1000000 : 0;
}

static void latest_out(struct hf_json_out *out, const struct hf_twin *twin)
{
    const int32_t values[HF_SERIES_CHANNELS] = {twin->last.cadence_half_rpm, twin->last.power_w,
                                                twin->last.lean_q8_deg};

    hf_json_out_object(out, "latest");
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        value_out(out, (enum hf_series_channel)i, twin->last_ns[i] != 0, values[i]);
    hf_json_out_end(out);
    hf_json_out_object(out, "latest_ms"); /* a sensor that is away keeps its last value: since when */
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        if (twin->last_ns[i] != 0)
            hf_json_out_u64(out, hf_series_units[i].channel, utc_ms(twin, twin->last_ns[i]));
    hf_json_out_end(out);
}

static void window_out(struct hf_json_out *out, const char *name, const struct hf_twin *twin, unsigned window)
{
    hf_json_out_object(out, name);
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        struct hf_series_stat stat = hf_twin_window(twin, window, (enum hf_series_channel)i);
        double divisor = hf_series_units[i].divisor;

        if (stat.count == 0) {
            hf_json_out_null(out, hf_series_units[i].member);
            continue;
        }
        hf_json_out_object(out, hf_series_units[i].member);
        hf_json_out_double(out, "min", stat.min / divisor);
        hf_json_out_double(out, "mean", (double)stat.sum / stat.count / divisor);
        hf_json_out_double(out, "max", stat.max / divisor);
        hf_json_out_u64(out, "count", stat.count);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

/* What no batch has told: a state that was read from the time series. */
static void unheard_out(struct hf_json_out *out)
{
    hf_json_out_null(out, "boot_id");
    hf_json_out_object(out, "clock");
    hf_json_out_bool(out, "synchronised", false);
    hf_json_out_null(out, "uncertainty_ms");
    hf_json_out_end(out);
}

/* What our two clocks make of each other: the device's own word, and what the fastest batch showed. */
static void clock_out(struct hf_json_out *out, const struct hf_twin *twin, uint32_t rtt_ms)
{
    int64_t ahead_us = 0;
    uint64_t within_us = 0;

    hf_json_out_object(out, "clock");
    hf_json_out_bool(out, "synchronised", hf_latency_synchronised(twin->uncertainty_us));
    hf_json_out_double(out, "uncertainty_ms", twin->uncertainty_us / 1e3);
    if (hf_twin_clock(twin, rtt_ms * 1000, &ahead_us, &within_us)) {
        hf_json_out_double(out, "ahead_ms", (double)ahead_us / 1e3);
        hf_json_out_double(out, "within_ms", (double)within_us / 1e3);
    }
    if (rtt_ms > 0)
        hf_json_out_u64(out, "rtt_ms", rtt_ms);
    hf_json_out_end(out);
}

static void samples_out(struct hf_json_out *out, const struct hf_twin *twin, const struct hf_api *api,
                        uint32_t rtt_ms)
{
    bool restored = hf_twin_is_restored(twin);
    uint64_t now_ms = api->http->utc_ms, t_ms = utc_ms(twin, twin->newest_ns);
    uint64_t since_ms = restored ? t_ms : twin->arrived_us / 1000;

    hf_json_out_object(out, "samples");
    hf_json_out_bool(out, "restored", restored);
    hf_json_out_u64(out, "t_ms", t_ms);
    hf_json_out_u64(out, "age_ms", now_ms > since_ms ? now_ms - since_ms : 0);
    if (!restored) {
        hf_json_out_u64(out, "arrived_ms", since_ms);
        hf_json_out_double(out, "delay_ms", (double)twin->delay_us / 1e3);
    }
    latest_out(out, twin);
    window_out(out, "window_1s", twin, 0);
    window_out(out, "window_60s", twin, 1);
    hf_json_out_cstr(out, "riding", hf_riding_name(twin->riding.now));
    if (restored && twin->riding.since_ms == 0)
        hf_json_out_null(out, "riding_since_ms");
    else
        hf_json_out_u64(out, "riding_since_ms", utc_ms(twin, twin->riding.since_ms * 1000000));
    hf_json_out_u64(out, "samples", twin->samples);
    hf_json_out_u64(out, "batches", twin->batches);
    hf_json_out_u64(out, "lost", twin->lost);
    hf_json_out_u64(out, "boots", twin->boots);
    if (restored) {
        unheard_out(out);
    } else {
        hf_json_out_hex(out, "boot_id", twin->boot_id, sizeof(twin->boot_id));
        clock_out(out, twin, rtt_ms);
    }
    hf_json_out_end(out);
}

void hf_api_live_write(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_api_one *one = context;
    struct hf_api_state state = hf_api_device_state(request->api, one->row, one->live);

    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", one->device);
    hf_json_out_cstr(out, "presence", hf_presence_name(state.presence));
    hf_json_out_u64(out, "time_ms", request->api->http->utc_ms);
    if (one->twin != NULL)
        samples_out(out, one->twin, request->api, one->live ? one->live->rtt_ms : 0);
    else
        hf_json_out_null(out, "samples");
    hf_json_out_end(out);
}

static void reply(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_device_row row = {0};
    struct hf_kv_txn *txn = NULL;
    struct hf_api_one one = {.device = call->device,
                             .row = &row,
                             .live = call->live.epoch != 0 ? &call->live : NULL,
                             .twin = call->result};

    hf_err err = hf_api_device_row(request->api, request->tenant, call->device, &txn, &row);
    if (err == HF_ERR_NOT_FOUND && one.live != NULL)
        err = HF_OK; /* its first record is not in the tables yet */
    if (err == HF_OK)
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = LIVE_JSON_BYTES},
                          hf_api_live_write, &one);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

static void on_restored(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;

    if (call->reason == HF_REASON_NONE || call->reason == HF_REASON_NOT_IMPLEMENTED) /* no series are kept */
        reply(request);
    else
        hf_api_fail_call(request, call);
}

struct hf_call *hf_api_live_series(const struct hf_api_request *request, const struct hf_call *known)
{
    struct hf_call *call =
        hf_call_new(HF_CALL_SERIES, sizeof(*call->series) + request->tenant.bytes + known->device.bytes);

    if (call == NULL)
        return NULL;
    char *texts = (char *)call->storage + sizeof(*call->series);
    call->series = call->storage;
    *call->series = (struct hf_call_series){.last = true};
    call->tenant = hf_api_copy(&texts, request->tenant);
    call->device = hf_api_copy(&texts, known->device);
    call->live = known->live;
    return call;
}

/* No batch came since the gateway started, or not for long: the time series have the last ones. */
static void restore(struct hf_api_request *request, const struct hf_call *known)
{
    struct hf_call *call = hf_api_live_series(request, known);

    if (call == NULL)
        hf_api_fail_err(request, HF_ERR_NOMEM);
    else
        hf_api_call_raw(request, call, on_restored);
}

static void on_twin(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND)
        hf_api_fail_call(request, call);
    else if (call->result == NULL)
        restore(request, call);
    else
        reply(request);
}

void hf_api_device_live(struct hf_api_request *request)
{
    struct hf_call wish = {0};

    if (hf_api_device_argument(request, &wish.device))
        hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_TWIN, &wish), on_twin);
}
