/* adapter/api/scope.h - what an API key may do. The fine names are the API's; read, write and command are the short ones of the
 * configuration and stand for several. */
#ifndef HF_ADAPTER_API_SCOPE_H
#define HF_ADAPTER_API_SCOPE_H

#include "base/err.h"
#include "base/sb.h"

#define HF_SCOPE_MAP(X)                                                \
    X(HF_SCOPE_DEVICES_READ, 0, "devices:read")                        \
    X(HF_SCOPE_DEVICES_WRITE, 1, "devices:write") /* disconnect */     \
    X(HF_SCOPE_MESSAGES_WRITE, 2, "messages:write")                    \
    X(HF_SCOPE_COMMANDS_WRITE, 3, "commands:write")                    \
    X(HF_SCOPE_EVENTS_READ, 4, "events:read")                          \
    X(HF_SCOPE_KEYS_ADMIN, 5, "keys:admin") /* keys and revocations */ \
    X(HF_SCOPE_METRICS_READ, 6, "metrics:read")                        \
    X(HF_SCOPE_ADMIN, 7, "admin") /* everything */
#define HF_SCOPE_ENUM(id, bit, name) id = 1 << (bit),
enum hf_scope { HF_SCOPE_MAP(HF_SCOPE_ENUM) HF_SCOPES_ALL = 0xff };
#undef HF_SCOPE_ENUM

/* One name, fine or short: read = devices:read events:read; write = devices:write messages:write; command = commands:write;
 * messages:write allows commands, too. 0 when unknown. */
uint32_t hf_scope_by_name(struct hf_slice name);
/* A list separated by spaces or commas. HF_ERR_INVALID: *ret_bad is the unknown name; an empty list is invalid. */
hf_err hf_scopes_parse(struct hf_slice list, uint32_t *ret_mask, struct hf_slice *ret_bad);
void hf_scopes_text(uint32_t mask, struct hf_sb *sb); /* fine names, separated by spaces */
static inline bool hf_scope_allows(uint32_t mask, uint32_t any_of)
{
    return (mask & (any_of | (uint32_t)HF_SCOPE_ADMIN)) != 0;
}

#endif
