#include "codec/session/layout.h"

#include "base/assert.h"
#include "base/uuid.h"

#define NAMES(...)                                                    \
    {                                                                 \
        sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
        {                                                             \
            __VA_ARGS__                                               \
        }                                                             \
    }

const struct hf_layout_names hf_layout_documents = NAMES("none", "context", "group", "shadow", "certificate");
const char *const hf_layout_capabilities[HF_LAYOUT_CAPABILITIES] = {
    [0] = "heartbeat", [1] = "resume", [2] = "selective_ack", [4] = "crc",
    [5] = "documents", [6] = "shadow", [7] = "refusals",      [8] = "certificates",
};
static const struct hf_layout_names results = NAMES("new", "resumed", "rebuilt");
static const struct hf_layout_names statuses = NAMES("ok", "failed", "expired", "unsupported");
static const struct hf_layout_names profiles = NAMES("any", "default", "ha", "adaptive");
static const struct hf_layout_names durabilities = NAMES("none", "fsync", "replicated");
static const struct hf_layout_names kinds = NAMES("full", "merge", "json");
static const struct hf_layout_names merges = NAMES("keep", "lww", "version", "conflict_free", "oplog");

const char *hf_merge_name(unsigned merge)
{
    return merge < merges.count ? merges.names[merge] : "unknown";
}

enum hf_merge hf_merge_by_name(struct hf_slice name)
{
    unsigned merge = 0;

    while (merge < merges.count && !hf_slice_is(name, merges.names[merge]))
        merge++;
    return (enum hf_merge)merge;
}

#define ROW(kind_, member, name_, ...)                                                                    \
    {                                                                                                     \
        .kind = HF_KIND_##kind_, .at = offsetof(struct hf_frame, as.member), .name = (name_), __VA_ARGS__ \
    }
#define REQUIRED      .flags = HF_ROW_REQUIRED
#define JSON_ONLY     .flags = HF_ROW_JSON_ONLY
#define MAX(bytes)    .bytes_max = (bytes)
#define TAG(number)   .tag = (number)
#define COUNT(member) .count_at = offsetof(struct hf_frame, as.member)

static const struct hf_layout_row hello[] = {
    ROW(U8, hello.version_min, "version_min", REQUIRED),
    ROW(U8, hello.version_max, "version_max", REQUIRED),
    ROW(CAPABILITIES, hello.capabilities, "capabilities"),
    ROW(HEX, hello.session_id, "session_id"),
    ROW(U64, hello.downlink_position, "downlink_position"),
    ROW(HEX64, hello.queue_id, "queue_id", REQUIRED),
    ROW(U64, hello.uplink_first, "uplink_first", REQUIRED),
    ROW(U64, hello.uplink_next, "uplink_next", REQUIRED),
    ROW(U16, hello.window_messages, "window_messages", REQUIRED),
    ROW(U32, hello.window_bytes, "window_bytes", REQUIRED),
    ROW(HEX, hello.boot_id, "boot_id"),
    ROW(NAME, hello.profile, "profile", .names = &profiles),
    ROW(TEXT8, hello.device, "device", MAX(HF_FRAME_TEXT_BYTES_MAX)),
    ROW(EXT_TEXT, hello.software, "software", TAG(1), MAX(HF_FRAME_TEXT_BYTES_MAX)),
    ROW(EXT_TEXT, hello.trace, "trace", TAG(2), MAX(HF_FRAME_TRACE_BYTES_MAX), .flags = HF_ROW_TOKEN),
    ROW(EXT_DOCUMENT, hello.documents, "documents", TAG(3)),
    ROW(EXT_TEXTS, hello.groups, "groups", TAG(4), MAX(HF_FRAME_TEXT_BYTES_MAX), COUNT(hello.group_count)),
};

static const struct hf_layout_row welcome[] = {
    ROW(U8, welcome.version, "version", REQUIRED),
    ROW(NAME, welcome.result, "result", REQUIRED, .names = &results),
    ROW(REASON, welcome.reason, "reason"),
    ROW(CAPABILITIES, welcome.capabilities, "capabilities"),
    ROW(HEX, welcome.session_id, "session_id", REQUIRED),
    ROW(U64, welcome.epoch, "epoch", REQUIRED),
    ROW(HEX64, welcome.connection_id, "connection_id"),
    ROW(U64, welcome.uplink_received, "uplink_received", REQUIRED),
    ROW(U64, welcome.uplink_durable, "uplink_durable", REQUIRED),
    ROW(U64, welcome.downlink_next, "downlink_next", REQUIRED),
    ROW(U64, welcome.gap_from, "gap_from"),
    ROW(U64, welcome.gap_to, "gap_to"),
    ROW(U16, welcome.window_messages, "window_messages", REQUIRED),
    ROW(U32, welcome.window_bytes, "window_bytes", REQUIRED),
    ROW(U32, welcome.message_bytes_max, "message_bytes_max", REQUIRED),
    ROW(U32, welcome.rate, "rate"),
    ROW(NAME, welcome.durability, "durability", .names = &durabilities),
    ROW(NAME, welcome.profile, "profile", .names = &profiles),
    ROW(U8, welcome.k, "k"),
    ROW(U32, welcome.interval_ms, "interval_ms"),
    ROW(U32, welcome.resume_ms, "resume_ms"),
    ROW(U32, welcome.ticket_ms, "ticket_ms"),
    ROW(U64, welcome.time_ms, "time"),
    ROW(EXT_TEXT, welcome.node, "node", TAG(1), MAX(HF_FRAME_TEXT_BYTES_MAX)),
    ROW(EXT_TEXTS, welcome.alternates, "alternates", TAG(2), MAX(HF_FRAME_TEXT_BYTES_MAX),
        COUNT(welcome.alternate_count)),
    ROW(EXT_TEXT, welcome.durable_id, "durable_id", TAG(3), MAX(HF_UUID_TEXT_BYTES)),
};

static const struct hf_layout_row data[] = {
    ROW(FLAG, data.text, NULL, TAG(1)),
    ROW(FLAG, data.publish, "publish", TAG(2)),
    ROW(U32, data.seq, "seq"),
    ROW(UUID, data.id, "id"),
    ROW(U8, data.format, "format"),
    ROW(U64, data.time_ms, "time"),
    ROW(TEXT16, data.topic, "topic", MAX(HF_FRAME_TOPIC_BYTES_MAX)),
    ROW(PAYLOAD, data.payload, "payload"),
    ROW(BASE64, data.payload, "payload_base64", JSON_ONLY),
};

static const struct hf_layout_row ack[] = {
    ROW(FLAG, ack.nack, "nack", TAG(1)),
    ROW(FLAG, ack.ask, "ask", TAG(2)),
    ROW(U32, ack.received_through, "received_through", REQUIRED),
    ROW(U32, ack.durable_through, "durable_through", REQUIRED),
    ROW(U16, ack.window_messages, "window_messages", REQUIRED),
    ROW(U32, ack.window_bytes, "window_bytes", REQUIRED),
    ROW(RANGES, ack.ranges, "ranges"),
};

static const struct hf_layout_row gap[] = {
    ROW(U32, gap.from, "from", REQUIRED),
    ROW(U32, gap.to, "to", REQUIRED),
    ROW(REASON, gap.reason, "reason"),
    ROW(TEXT8, gap.detail, "detail", MAX(HF_FRAME_TEXT_BYTES_MAX)),
};

static const struct hf_layout_row command[] = {
    ROW(FLAG, command.text, NULL, TAG(1)),
    ROW(U32, command.seq, "seq", REQUIRED),
    ROW(UUID, command.id, "id", REQUIRED),
    ROW(U64, command.expires_ms, "expires"),
    ROW(U32, command.ttl_ms, "ttl_ms"),
    ROW(U8, command.format, "format"),
    ROW(TEXT8, command.key, "idempotency_key", MAX(HF_FRAME_TEXT_BYTES_MAX)),
    ROW(TEXT16, command.name, "name", REQUIRED, MAX(HF_FRAME_NAME_BYTES_MAX)),
    ROW(PAYLOAD, command.payload, "payload"),
    ROW(BASE64, command.payload, "payload_base64", JSON_ONLY),
};

static const struct hf_layout_row result[] = {
    ROW(FLAG, result.text, NULL, TAG(1)),
    ROW(U32, result.seq, "seq", REQUIRED),
    ROW(UUID, result.id, "id", REQUIRED),
    ROW(NAME, result.status, "status", REQUIRED, .names = &statuses),
    ROW(U8, result.format, "format"),
    ROW(PAYLOAD, result.payload, "payload"),
    ROW(BASE64, result.payload, "payload_base64", JSON_ONLY),
};

static const struct hf_layout_row patch[] = {
    ROW(U32, patch.request, "request", REQUIRED),
    ROW(NAME, patch.document, "document", REQUIRED, .names = &hf_layout_documents),
    ROW(NAME, patch.kind, "kind", REQUIRED, .names = &kinds),
    ROW(U64, patch.base_version, "base_version"),
    ROW(NAME, patch.merge, "merge", .names = &merges),
    ROW(U32, patch.ttl_ms, "ttl_ms"),
    ROW(JSON, patch.json, "change"),
};

static const struct hf_layout_row delta[] = {
    ROW(U32, delta.request, "request"),
    ROW(NAME, delta.document, "document", REQUIRED, .names = &hf_layout_documents),
    ROW(NAME, delta.kind, "kind", REQUIRED, .names = &kinds),
    ROW(REASON, delta.reason, "reason"),
    ROW(U64, delta.base_version, "base_version"),
    ROW(U64, delta.version, "version", REQUIRED),
    ROW(UUID, delta.snapshot_id, "snapshot_id"),
    ROW(JSON, delta.json, "change"),
};

static const struct hf_layout_row beat[] = {
    ROW(BEAT, beat.beat, NULL),
    ROW(U32, beat.beat.seq, "seq", .flags = HF_ROW_REQUIRED | HF_ROW_JSON_ONLY),
    ROW(U64, beat.beat.ts_ms, "ts", JSON_ONLY),
    ROW(U32, beat.interval_ms, "interval_ms"),
};

static const struct hf_layout_row bye[] = {
    ROW(REASON, bye.reason, "reason", REQUIRED),
    ROW(U32, bye.retry_ms, "retry_ms"),
    ROW(U32, bye.ticket_ms, "ticket_ms"),
    ROW(TEXTS8, bye.alternates, "alternates", MAX(HF_FRAME_TEXT_BYTES_MAX), COUNT(bye.alternate_count)),
    ROW(TEXT8, bye.detail, "detail", MAX(HF_FRAME_TEXT_BYTES_MAX)),
};

static const struct hf_layout_row auth[] = {
    ROW(FLAG, auth.answer, NULL, TAG(1)),
    ROW(U64, auth.expires_ms, "expires", .flags = HF_ROW_ANSWER),
    ROW(REST, auth.token, "token", .flags = HF_ROW_ASKING, MAX(HF_FRAME_TOKEN_BYTES_MAX)),
};

static const struct hf_layout_row subscribe[] = {
    ROW(FLAG, subscribe.unsubscribe, "unsubscribe", TAG(1)),
    ROW(REST, subscribe.topic, "topic", REQUIRED, MAX(HF_FRAME_TOPIC_BYTES_MAX)),
};

static const struct hf_layout_row refuse[] = {
    ROW(U32, refuse.seq, "seq"),
    ROW(REASON, refuse.reason, "reason", REQUIRED),
    ROW(U32, refuse.retry_ms, "retry_ms"),
    ROW(REST, refuse.detail, "detail", MAX(HF_FRAME_TEXT_BYTES_MAX)),
};

#define LAYOUT(rows_, member)                                                  \
    {                                                                          \
        (rows_), HF_COUNT_OF(rows_), sizeof(((struct hf_frame *)0)->as.member) \
    }
static const struct hf_layout layouts[HF_FRAME_TYPES] = {
    [HF_FRAME_HELLO] = LAYOUT(hello, hello),    [HF_FRAME_WELCOME] = LAYOUT(welcome, welcome),
    [HF_FRAME_DATA] = LAYOUT(data, data),       [HF_FRAME_ACK] = LAYOUT(ack, ack),
    [HF_FRAME_GAP] = LAYOUT(gap, gap),          [HF_FRAME_COMMAND] = LAYOUT(command, command),
    [HF_FRAME_RESULT] = LAYOUT(result, result), [HF_FRAME_PATCH] = LAYOUT(patch, patch),
    [HF_FRAME_DELTA] = LAYOUT(delta, delta),    [HF_FRAME_PING] = LAYOUT(beat, beat),
    [HF_FRAME_PONG] = LAYOUT(beat, beat),       [HF_FRAME_BYE] = LAYOUT(bye, bye),
    [HF_FRAME_AUTH] = LAYOUT(auth, auth),       [HF_FRAME_SUBSCRIBE] = LAYOUT(subscribe, subscribe),
    [HF_FRAME_REFUSE] = LAYOUT(refuse, refuse),
};

_Static_assert(HF_FRAME_GROUPS_MAX == HF_FRAME_ALTERNATES_MAX, "lists of texts have room for equally many");
_Static_assert(sizeof(struct hf_frame) <= UINT16_MAX, "offsets are 16 bits");
_Static_assert(HF_COUNT_OF(welcome) <= HF_LAYOUT_ROWS_MAX, "the frame with the most fields");

const struct hf_layout *hf_layout_of(unsigned type)
{
    return type < HF_FRAME_TYPES && layouts[type].rows != NULL ? &layouts[type] : NULL;
}

bool hf_layout_payload(const struct hf_frame *frame, struct hf_layout_payload *ret_payload)
{
    struct hf_frame *in = (struct hf_frame *)(uintptr_t)frame;

#define PARTS(member) \
    ((struct hf_layout_payload){&in->as.member.format, &in->as.member.text, &in->as.member.payload})
    switch (frame->type) {
    case HF_FRAME_DATA: *ret_payload = PARTS(data); return true;
    case HF_FRAME_COMMAND: *ret_payload = PARTS(command); return true;
    case HF_FRAME_RESULT: *ret_payload = PARTS(result); return true;
    default: return false;
    }
#undef PARTS
}

static bool is_token(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i], lower = (char)(c | 0x20);

        if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
            return false;
    }
    return text.bytes > 0;
}

bool hf_layout_text_valid(const struct hf_layout_row *row, struct hf_slice text)
{
    return text.bytes <= row->bytes_max && (!(row->flags & HF_ROW_TOKEN) || is_token(text));
}

void hf_layout_append(struct hf_frame *frame, const struct hf_layout_row *row, struct hf_slice text)
{
    unsigned *count = hf_layout_at(frame, row->count_at);

    if (*count < HF_LAYOUT_LIST_MAX)
        ((struct hf_slice *)hf_layout_at(frame, row->at))[(*count)++] = text;
}

void hf_layout_append_document(struct hf_frame_hello *into, uint8_t document, uint64_t version)
{
    if (into->document_count == HF_FRAME_DOCUMENTS_MAX)
        return;
    into->documents[into->document_count].document = document;
    into->documents[into->document_count].version = version;
    into->document_count++;
}
