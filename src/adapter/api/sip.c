/* adapter/api/sip.c - the last SIP messages of a camera, as its home worker has them. */
#include "adapter/api/request.h"

enum { SIP_MESSAGES_MAX = 64, MESSAGE_JSON_BYTES = 1024 };

static void write_messages(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = context;

    (void)request;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", call->device);
    hf_json_out_raw(out, "messages", (struct hf_slice){call->result, call->result_bytes});
    hf_json_out_end(out);
}

static void on_messages(struct hf_api_request *request)
{
    hf_api_reply_json(
        request,
        &(struct hf_api_reply){.status = 200, .bytes_hint = request->call->result_bytes + MESSAGE_JSON_BYTES},
        write_messages, request->call);
}

void hf_api_device_sip(struct hf_api_request *request)
{
    struct hf_call wish = {.targets = SIP_MESSAGES_MAX};

    if (hf_api_device_argument(request, &wish.device) &&
        hf_api_param_u64(request, "limit", 1, SIP_MESSAGES_MAX, &wish.targets))
        hf_api_call(request, hf_api_call_new(request, HF_CALL_SIP, &wish), on_messages);
}
