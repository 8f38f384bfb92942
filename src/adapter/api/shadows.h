/* adapter/api/shadows.h - private to shadows.c, shadows_history.c and presence.c. */
#ifndef HF_ADAPTER_API_SHADOWS_H
#define HF_ADAPTER_API_SHADOWS_H

#include <stdlib.h>

#include "adapter/api/request.h"
#include "core/document/shadow.h"

/* The path's device and the shadow's name, if any, into wish. False: answered 400. */
bool hf_api_shadow_take(struct hf_api_request *request, struct hf_call *wish);
/* 200 with the shadow as it was stored; absent: an empty one. */
void hf_api_shadow_reply(struct hf_api_request *request, const struct hf_call *wish, struct hf_slice stored);
/* Is a version or a time of the past asked for? Then *ret_past is true and it is answered, or will be. False: answered 400. */
bool hf_api_shadow_past(struct hf_api_request *request, bool *ret_past);

#endif
