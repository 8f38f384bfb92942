/* adapter/ws/session_documents.c - documents of a device (PATCH and DELTA, [9]). This gateway keeps none: the capability is not accepted at HELLO, and who
 * sends a PATCH all the same is told so, request by request. */
#include "adapter/ws/session.h"

void hf_ws_session_patch(struct hf_ws_conn *conn, const struct hf_frame_patch *patch)
{
    struct hf_frame delta = {.type = HF_FRAME_DELTA};

    delta.as.delta = (struct hf_frame_delta){
        .request = patch->request,
        .document = patch->document,
        .kind = HF_PATCH_FULL,
        .reason = HF_REASON_NOT_IMPLEMENTED,
    };
    (void)hf_ws_session_send(conn, &delta);
}
