/* adapter/api/patch.h - what contexts and shadows have in common over HTTP: versions as ETags, patches by their content type. */
#ifndef HF_ADAPTER_API_PATCH_H
#define HF_ADAPTER_API_PATCH_H

#include "adapter/api/request.h"

enum { HF_API_ETAG_BYTES = 24, HF_API_WHO_BYTES_MAX = sizeof("key/") + HF_API_KEY_ID_BYTES_MAX };

bool hf_api_etag_parse(struct hf_slice text, uint64_t *ret_version); /* "7" */
/* The header, of the version in the call's answer. */
struct hf_http1_header hf_api_etag(const struct hf_call *call, char storage[HF_API_ETAG_BYTES]);
/* If-Match into base_version; absent leaves it. False: answered 400. */
bool hf_api_take_base(struct hf_api_request *request, struct hf_call_document *document);
/* Content-Type into kind; the body must be a patch of that. False: answered 415 or 400. */
bool hf_api_take_patch(struct hf_api_request *request, struct hf_call_document *document);
/* Who makes the change, for its record: no device is called so. */
struct hf_slice hf_api_who(const struct hf_api_request *request, char storage[HF_API_WHO_BYTES_MAX]);

#endif
