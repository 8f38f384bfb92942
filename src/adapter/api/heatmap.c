/* adapter/api/heatmap.c - GET /v1/heatmap: how long things take from one place to the next. Of the whole node, not of a tenant. */
#include "adapter/api/request.h"

enum { HEATMAP_BYTES = 4096 };

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
