/* adapter/api/upstreams.c - the platforms above, and how our registrations there stand. */
#include "adapter/api/request.h"

enum { UPSTREAMS_BYTES = 16 << 10 };

static void write_upstreams(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct hf_backend *backend = request->api->backend;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_array(out, "upstreams");
    if (backend->ops->upstreams != NULL)
        backend->ops->upstreams(backend, request->tenant, out);
    hf_json_out_end(out);
    hf_json_out_end(out);
}

void hf_api_upstreams(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200, .bytes_hint = UPSTREAMS_BYTES},
                      write_upstreams, NULL);
}
