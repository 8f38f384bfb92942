/* adapter/api/event_text.h - an event as applications read it: which ones a reader asked for, and their text in each of the three
 * forms of GET /v1/events. Pure, so that it may run on whatever thread reads the log.
 *
 *   HF_TAIL_JSONL  one JSON object and LF
 *   HF_TAIL_SSE    "id: <offset>" LF "data: <JSON object>" LF LF; no event name, so that EventSource.onmessage sees all
 *   HF_TAIL_WS     one unmasked WebSocket text frame that holds the JSON object
 *
 * {"offset":7,"time":"2026-03-01T12:00:00.123Z","time_ms":1772366400123,"type":"message","tenant":"acme","device":"d1",...}: the
 * members behind `type` are those that core/event.h names for the type; absent ones are left out. A payload stands there as
 * "payload" when it is JSON (line breaks between its tokens become spaces), "text" when it is text, else "payload_base64". */
#ifndef HF_ADAPTER_API_EVENT_TEXT_H
#define HF_ADAPTER_API_EVENT_TEXT_H

#include "adapter/backend.h"
#include "codec/json/out.h"

enum {
    /* What the text of an event needs beyond its payload: names escaped at worst six-fold. The payload itself grows at most
     * six-fold (text), so that out_bytes = HEAD + 6 * payload always fits. */
    HF_EVENT_TEXT_HEAD_BYTES_MAX =
        1024 + 6 * (HF_TENANT_BYTES_MAX + HF_DEVICE_BYTES_MAX + HF_TOPIC_BYTES_MAX + HF_KEY_BYTES_MAX),
    HF_GAP_TEXT_BYTES_MAX = 384, /* holds any gap */
};

/* Tenant, device, types and topic filter; not offsets, times and counts, which belong to whoever walks the log. Absent filters
 * let everything through. A topic filter matches what has a topic (message, message.queued, broadcast) and nothing else. */
bool hf_event_matches(const struct hf_tail_request *request, const struct hf_event *event);

/* Bytes written (not NUL-terminated), or 0 when it did not fit. */
size_t hf_event_text(const struct hf_event *event, enum hf_tail_form form, char *out, size_t out_bytes);

/* The members alone, into an object that is open. */
void hf_event_members_out(struct hf_json_out *out, const struct hf_event *event);

/* {"type":"gap","from":..,"to":..,"reason":"retention","text":".."}: offsets from..to are not there any more. Its SSE id is `to`, so that a reader
 * that resumes goes on behind the gap. As hf_event_text. */
size_t hf_gap_text(uint64_t from, uint64_t to, enum hf_reason reason, enum hf_tail_form form, char *out,
                   size_t out_bytes);

#endif
