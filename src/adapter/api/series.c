/* adapter/api/series.c - GET /v1/devices/{}/series: a range of a device's time series, as it is or in steps. */
#include "adapter/api/request.h"
#include "core/rows.h"
#include "core/twin/archive.h"

enum { POINT_JSON_BYTES = 48, RANGE_MS_DEFAULT = 300000 };

static bool take_time(struct hf_api_request *request, const char *name, uint64_t *utc_ms)
{
    char storage[64];
    struct hf_slice text;

    if (!hf_api_param(request, name, storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL || (hf_api_time_parse(text, utc_ms) && *utc_ms < HF_SERIES_US_MAX / 1000))
        return true;
    return hf_api_bad(request, name, "%s must be like 2026-03-01T12:00:00Z, or milliseconds since 1970",
                      name);
}

static bool take_channel(struct hf_api_request *request, uint8_t *ret_channel)
{
    char storage[32];
    struct hf_slice text;

    if (!hf_api_param(request, "channel", storage, sizeof(storage), &text))
        return false;
    for (uint8_t i = 0; text.at != NULL && i < HF_SERIES_CHANNELS; i++)
        if (hf_slice_is(text, hf_series_units[i].channel)) {
            *ret_channel = i;
            return true;
        }
    return hf_api_bad(request, "channel", "channel must be cadence, power or lean");
}

static bool take_wishes(struct hf_api_request *request, struct hf_call_series *series)
{
    uint64_t now_ms = request->api->http->utc_ms, from_ms, to_ms = now_ms, step_ms = 0,
             points = HF_ARCHIVE_POINTS_MAX, cursor_us = 0;

    if (!take_channel(request, &series->channel) || !take_time(request, "to", &to_ms))
        return false;
    from_ms = to_ms > RANGE_MS_DEFAULT ? to_ms - RANGE_MS_DEFAULT : 0;
    if (!take_time(request, "from", &from_ms) ||
        !hf_api_param_u64(request, "step", 0, UINT64_C(366) * 86400000, &step_ms) ||
        !hf_api_param_u64(request, "limit", 1, HF_ARCHIVE_POINTS_MAX, &points) ||
        !hf_api_param_u64(request, "cursor", 1, HF_SERIES_US_MAX, &cursor_us))
        return false;
    if (from_ms >= to_ms)
        return hf_api_bad(request, "from", "from must be before to");
    series->from_us = HF_MAX(from_ms * 1000, cursor_us);
    series->to_us = to_ms * 1000;
    series->step_us = step_ms * 1000;
    series->points_max = (uint32_t)points;
    return true;
}

static void point_out(struct hf_json_out *out, const struct hf_archive_point *point, bool raw, double divisor)
{
    const struct hf_series_stat *stat = &point->stat;

    hf_json_out_array(out, NULL);
    if (point->t_us % 1000 == 0)
        hf_json_out_u64(out, NULL, point->t_us / 1000);
    else
        hf_json_out_double(out, NULL, (double)point->t_us / 1e3);
    if (raw) {
        hf_json_out_double(out, NULL, stat->min / divisor);
    } else {
        hf_json_out_double(out, NULL, stat->min / divisor);
        hf_json_out_double(out, NULL, (double)stat->sum / stat->count / divisor);
        hf_json_out_double(out, NULL, stat->max / divisor);
        hf_json_out_u64(out, NULL, stat->count);
    }
    hf_json_out_end(out);
}

static void write_series(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = request->call;
    const struct hf_call_series *series = call->series;
    const struct hf_archive_point *points = call->result;
    const struct hf_series_unit *unit = &hf_series_units[series->channel];
    char cursor[24];
    struct hf_sb sb;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", call->device);
    hf_json_out_cstr(out, "channel", unit->channel);
    hf_json_out_cstr(out, "unit", unit->unit);
    hf_json_out_u64(out, "step_ms", series->step_us / 1000);
    hf_json_out_cstr(out, "made_of", series->tier == HF_SERIES_RAW ? "samples" : "seconds");
    hf_json_out_array(out, "points");
    for (uint32_t i = 0; i < series->count; i++)
        point_out(out, &points[i], series->step_us == 0, unit->divisor);
    hf_json_out_end(out);
    if (series->next_us != 0) {
        hf_sb_init(&sb, cursor, sizeof(cursor));
        hf_sb_u64(&sb, series->next_us);
        hf_json_out_text(out, "next_cursor", hf_sb_done(&sb));
    }
    if (series->behind != 0)
        hf_json_out_u64(out, "behind_records", series->behind);
    hf_json_out_end(out);
}

/* NULL: no memory; that was answered. */
static struct hf_call *call_with(struct hf_api_request *request, enum hf_call_type type,
                                 struct hf_slice device, const struct hf_call_series *series)
{
    struct hf_call *call = hf_call_new(type, sizeof(*series) + request->tenant.bytes + device.bytes);

    if (call == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return NULL;
    }
    char *texts = (char *)call->storage + sizeof(*series);
    call->series = call->storage;
    *call->series = *series;
    call->tenant = hf_api_copy(&texts, request->tenant);
    call->device = hf_api_copy(&texts, device);
    return call;
}

static void reply(struct hf_api_request *request)
{
    hf_api_reply_json(
        request,
        &(struct hf_api_reply){.status = 200,
                               .bytes_hint = 512 + (size_t)request->call->series->count * POINT_JSON_BYTES},
        write_series, NULL);
}

static void on_known(struct hf_api_request *request)
{
    struct hf_device_row row;
    struct hf_kv_txn *txn = NULL;
    hf_err err = hf_api_device_known(request, request->call->device, &txn, &row);

    hf_kv_end(txn);
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    else
        reply(request);
}

static void on_series(struct hf_api_request *request)
{
    struct hf_call *call = request->call;

    if (call->reason == HF_REASON_MESSAGE_TOO_BIG)
        hf_api_bad(request, "step",
                   call->series->step_us == 0
                       ? "more samples have one time than an answer takes; ask for steps"
                       : "not even one step can be made of so many blocks; ask for whole seconds, or for "
                         "shorter steps");
    else if (call->reason != HF_REASON_NONE)
        hf_api_fail_call(request, call);
    else if (call->series->count > 0) /* they may be older than what the tables remember of it */
        reply(request);
    else /* is there such a device? */
        hf_api_call_raw(request, call_with(request, HF_CALL_DEVICE, call->device, call->series), on_known);
}

void hf_api_device_series(struct hf_api_request *request)
{
    struct hf_call_series series = {0};
    struct hf_slice device;

    if (hf_api_device_argument(request, &device) && take_wishes(request, &series))
        hf_api_call_raw(request, call_with(request, HF_CALL_SERIES, device, &series), on_series);
}
