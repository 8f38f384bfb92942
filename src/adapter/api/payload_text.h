/* adapter/api/payload_text.h - parts of JSON answers that events, messages and devices share. */
#ifndef HF_ADAPTER_API_PAYLOAD_TEXT_H
#define HF_ADAPTER_API_PAYLOAD_TEXT_H

#include "codec/json/out.h"
#include "core/event.h"

/* A payload as one member: <name> (JSON, as it stands), "text" (valid UTF-8) or <name>_base64; absent ones add nothing. `name` has at
 * most 16 bytes. */
void hf_payload_out(struct hf_json_out *out, const char *name, unsigned format, unsigned flags,
                    struct hf_slice payload);

/* "c_0000000000000007": a connection id, as the device was told it; 0 adds nothing. */
void hf_conn_out(struct hf_json_out *out, const char *key, uint64_t conn);

/* A time twice, for people and for programs: <name> in RFC 3339 and <name>_ms. 0 adds nothing. */
void hf_time_out(struct hf_json_out *out, const char *name, uint64_t utc_ms);

#endif
