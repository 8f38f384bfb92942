/* adapter/api/operator.c - what a page for people asks first: who am I, how is this node, what is it set to. */
#include <stdlib.h>

#include "adapter/api/request.h"

/* ---- whose key this is ---- */

static void write_scopes(struct hf_json_out *out, uint32_t mask)
{
#define SCOPE_OUT(id, bit, name)                                    \
    if ((mask & (uint32_t)id) || (mask & (uint32_t)HF_SCOPE_ADMIN)) \
        hf_json_out_cstr(out, NULL, name);
    hf_json_out_array(out, "scopes");
    HF_SCOPE_MAP(SCOPE_OUT)
    hf_json_out_end(out);
#undef SCOPE_OUT
}

static void write_self(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_auth_set *set = request->api->auth != NULL ? hf_auth_set(request->api->auth) : NULL;

    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "key", request->key_id);
    hf_json_out_bool(out, "all_tenants", request->all_tenants);
    if (request->tenant.at != NULL)
        hf_json_out_text(out, "tenant", request->tenant);
    write_scopes(out, request->scopes);
    if (request->all_tenants && set != NULL) { /* a key of one tenant is told of no other */
        hf_json_out_array(out, "tenants");
        for (unsigned i = 0; i < set->tenant_count; i++)
            hf_json_out_text(out, NULL, set->tenants[i].tenant->name);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

void hf_api_self(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_self, NULL);
}

/* ---- the node ---- */

static void answer_text(struct hf_api_request *request, char *json, size_t bytes)
{
    if (bytes == 0)
        hf_api_fail_err(request, HF_ERR_NOMEM);
    else
        hf_http_answer(request->exchange, &(struct hf_http_answer){.status = 200,
                                                                   .content_type = "application/json",
                                                                   .body = {json, bytes}});
    free(json);
}

void hf_api_overview(struct hf_api_request *request)
{
    struct hf_backend *backend = request->api->backend;
    char *json = NULL;
    size_t bytes = backend->ops->overview(backend, &json);

    answer_text(request, json, bytes);
}

void hf_api_config(struct hf_api_request *request)
{
    struct hf_backend *backend = request->api->backend;
    char *json = NULL;
    size_t bytes = backend->ops->config(backend, &json);

    answer_text(request, json, bytes);
}
