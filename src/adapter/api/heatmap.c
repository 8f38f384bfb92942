/* adapter/api/heatmap.c - GET /v1/heatmap: how long things take from one place to the next, since the start; /history: when. Of the whole node, not of a tenant. */
#include "adapter/api/request.h"

enum { HEATMAP_BYTES = 4096, SLOTS_MAX = 1000, SLOT_JSON_BYTES = 640, RANGE_MS_DEFAULT = 3600000 };

void hf_api_heatmap_write(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct hf_backend *backend = request->api->backend;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_time_out(out, "time", request->api->http->utc_ms);
    if (backend->ops->heatmap != NULL)
        backend->ops->heatmap(backend, out);
    hf_json_out_end(out);
}

void hf_api_heatmap(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = HEATMAP_BYTES},
                      hf_api_heatmap_write, NULL);
}

static void write_history(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_heatmap_wish *wish = context;
    struct hf_backend *backend = request->api->backend;

    hf_json_out_object(out, NULL);
    hf_time_out(out, "time", request->api->http->utc_ms);
    hf_json_out_u64(out, "step_ms", hf_latency_tiers[wish->tier].step_ms);
    if (backend->ops->heatmap_history != NULL)
        backend->ops->heatmap_history(backend, wish, out);
    hf_json_out_end(out);
}

static bool take_step(struct hf_api_request *request, enum hf_latency_tier *ret_tier)
{
    uint64_t step_ms = hf_latency_tiers[*ret_tier].step_ms;

    if (!hf_api_param_u64(request, "step", 0, UINT64_MAX, &step_ms))
        return false;
    for (unsigned tier = 0; tier < HF_LATENCY_TIERS; tier++)
        if (step_ms == hf_latency_tiers[tier].step_ms) {
            *ret_tier = (enum hf_latency_tier)tier;
            return true;
        }
    return hf_api_bad(request, "step",
                      "step must be %u (kept for a day) or %u (a week): quantiles of others cannot be told",
                      hf_latency_tiers[HF_LATENCY_FINE].step_ms, hf_latency_tiers[HF_LATENCY_COARSE].step_ms);
}

void hf_api_heatmap_history(struct hf_api_request *request)
{
    struct hf_heatmap_wish wish = {.tier = HF_LATENCY_FINE, .to_ms = request->api->http->utc_ms};
    uint64_t now_ms = wish.to_ms, slots = SLOTS_MAX;

    if (!take_step(request, &wish.tier) || !hf_api_param_time(request, "to", 0, &wish.to_ms) ||
        !hf_api_param_u64(request, "limit", 1, SLOTS_MAX, &slots))
        return;
    wish.to_ms = HF_MIN(wish.to_ms, now_ms);
    wish.from_ms = wish.to_ms > RANGE_MS_DEFAULT ? wish.to_ms - RANGE_MS_DEFAULT : 0;
    if (!hf_api_param_time(request, "from", 0, &wish.from_ms))
        return;
    if (wish.from_ms >= wish.to_ms) {
        (void)hf_api_bad(request, "from", "from must be before to, and before now");
        return;
    }
    wish.slots_max = (uint32_t)slots;
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = slots * SLOT_JSON_BYTES},
                      write_history, &wish);
}
