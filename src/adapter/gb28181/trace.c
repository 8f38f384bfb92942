/* adapter/gb28181/trace.c - the last SIP messages of every device (GB-22): whose a message is, what of it says nothing new, and how they are shown. Devices that never got in are
 * what one most wants to see, so strangers that speak like a device have a trace, too; they are few at a time, and few messages a second of all of them are kept, so that a
 * flood of strangers does not push out what others said. */
#include "adapter/gb28181/call.h"

#include <stdlib.h>

#include "base/sb.h"

struct knock { /* somebody who is not registered, nor was lately */
    struct hf_map_node node;
    struct hf_list_node used; /* site->knocks.used */
    struct hf_sip_trace trace;
    bool heard; /* what it said last was kept, so is what it is answered */
    uint8_t id_bytes;
    char id[HF_GBID_DIGITS];
};

static const struct hf_rate_limit knock_limit = {HF_GB_KNOCKS_PER_SECOND, HF_GB_KNOCKS_BURST};

static struct hf_slice knock_id(const struct knock *knock)
{
    return (struct hf_slice){knock->id, knock->id_bytes};
}

static bool knock_eq(const struct hf_map_node *node, const void *key)
{
    return hf_slice_eq(knock_id(HF_CONTAINER_OF(node, struct knock, node)), *(const struct hf_slice *)key);
}

hf_err hf_gb_traces_init(struct hf_gb_site *site)
{
    hf_map_init(&site->knocks, knock_eq);
    hf_list_init(&site->knocks_used);
    site->knock_slab = hf_slab_new("gb_knocks", sizeof(struct knock), HF_GB_KNOCKS_MAX);
    site->traces = hf_sip_trace_ring_new(site->options.trace_bytes);
    return site->knock_slab != NULL && site->traces != NULL ? HF_OK : HF_ERR_NOMEM;
}

static struct knock *knock_find(const struct hf_gb_site *site, struct hf_slice id)
{
    struct hf_map_node *node = hf_map_find(&site->knocks, hf_hash(site->hash_key, id.at, id.bytes), &id);

    return node ? HF_CONTAINER_OF(node, struct knock, node) : NULL;
}

static void knock_free(struct hf_gb_site *site, struct knock *knock)
{
    hf_map_remove(&site->knocks, &knock->node);
    hf_list_remove(&knock->used);
    hf_slab_give(site->knock_slab, knock);
}

void hf_gb_traces_deinit(struct hf_gb_site *site)
{
    while (site->knocks_used.next != NULL && !hf_list_empty(&site->knocks_used))
        knock_free(site, HF_CONTAINER_OF(site->knocks_used.next, struct knock, used));
    hf_map_deinit(&site->knocks);
    hf_slab_free(site->knock_slab);
    hf_sip_trace_ring_free(site->traces);
}

static struct knock *knock_take(struct hf_gb_site *site, struct hf_slice id)
{
    struct knock *knock = hf_slab_take(site->knock_slab);

    if (knock == NULL && !hf_list_empty(&site->knocks_used)) {
        knock_free(site, HF_CONTAINER_OF(site->knocks_used.next, struct knock, used));
        knock = hf_slab_take(site->knock_slab);
    }
    if (knock == NULL)
        return NULL;
    knock->trace.device = ++site->next_trace;
    memcpy(knock->id, id.at, id.bytes);
    knock->id_bytes = (uint8_t)id.bytes;
    hf_list_init(&knock->used);
    hf_list_push_back(&site->knocks_used, &knock->used);
    if (hf_map_insert(&site->knocks, &knock->node, hf_hash(site->hash_key, id.at, id.bytes)) == HF_OK)
        return knock;
    hf_list_remove(&knock->used);
    hf_slab_give(site->knock_slab, knock);
    return NULL;
}

static void trace_stranger(struct hf_gb_site *site, struct hf_slice id, const struct hf_sip_flow *flow,
                           bool sent, struct hf_slice bytes)
{
    struct knock *knock = knock_find(site, id);

    if (!hf_gbid_valid(id, HF_GBID_RULE_DEVICE) || (sent && (knock == NULL || !knock->heard)))
        return;
    if (!sent) {
        bool keep = hf_rate_take(&site->knock_rate, &knock_limit, 1, hf_gb_now(site));

        if (knock == NULL && keep)
            knock = knock_take(site, id);
        if (knock != NULL)
            knock->heard = keep;
        if (knock == NULL || !keep)
            return;
        hf_list_remove(&knock->used);
        hf_list_push_back(&site->knocks_used, &knock->used);
    }
    (void)hf_sip_trace_add(site->traces, &knock->trace, flow, sent, false, bytes, site->options.hub->utc_ms);
}

void hf_gb_trace_inherit(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct knock *knock = knock_find(site, hf_gb_device_id(device));

    device->trace = (struct hf_sip_trace){.device = ++site->next_trace};
    if (knock == NULL)
        return;
    device->trace = knock->trace;
    knock_free(site, knock);
}

static bool begins(struct hf_slice bytes, const char *text)
{
    return bytes.bytes >= strlen(text) && memcmp(bytes.at, text, strlen(text)) == 0;
}

/* A keepalive that says that all is well. */
static bool is_routine(struct hf_slice bytes)
{
    const char *end = begins(bytes, "MESSAGE ") ? memmem(bytes.at, bytes.bytes, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return false;
    struct hf_slice body = {end + 4, bytes.bytes - (size_t)(end + 4 - bytes.at)};
    return hf_gb_is_keepalive(body) && memmem(body.at, body.bytes, ">OK<", 4) != NULL;
}

void hf_gb_trace(struct hf_gb_site *site, const struct hf_sip_flow *flow, bool sent, struct hf_slice bytes)
{
    struct hf_slice id = hf_gb_traced(bytes, sent);
    struct hf_gb_device *device = id.bytes > 0 ? hf_gb_device_find(site, id) : NULL;

    if (device == NULL && id.bytes > 0 && hf_gb_is_source(id))
        device = hf_gb_call_source_of(site, id);
    if (device == NULL) {
        if (id.bytes > 0)
            trace_stranger(site, id, flow, sent, bytes);
        return;
    }
    if (!sent)
        device->routine = is_routine(bytes);
    /* Answers go out before anything else comes in. Without memory there is no trace. */
    (void)hf_sip_trace_add(site->traces, &device->trace, flow, sent,
                           device->routine && (!sent || begins(bytes, "SIP/2.0 200")), bytes,
                           site->options.hub->utc_ms);
}

hf_err hf_gb_site_trace(const struct hf_gb_site *site, struct hf_slice id, hf_gb_trace_fn *visit,
                        void *context)
{
    const struct hf_gb_device *device = hf_gb_device_find(site, id);
    const struct knock *knock = device == NULL ? knock_find(site, id) : NULL;
    struct hf_sip_trace_entry entry;

    if (device == NULL && knock == NULL)
        return HF_ERR_NOT_FOUND;
    struct hf_sip_trace_walk walk =
        hf_sip_trace_walk(site->traces, device != NULL ? &device->trace : &knock->trace);
    while (hf_sip_trace_next(&walk, &entry) && visit(context, &entry))
        ;
    return HF_OK;
}

struct hf_sip_trace_stats hf_gb_site_trace_stats(const struct hf_gb_site *site)
{
    return hf_sip_trace_ring_stats(site->traces);
}

/* ---- as an application asks ---- */

struct list {
    struct hf_gb_site *site;
    struct hf_json_out out;
    uint64_t left;
};

/* Where a text was cut, perhaps in the middle of a character, what may be its beginning is left out, or it would make the rest look like another charset. */
static struct hf_slice whole_characters(const struct hf_sip_trace_entry *entry)
{
    struct hf_slice text = entry->text;

    if (!entry->cut)
        return text;
    for (unsigned i = 0; i < 3 && text.bytes > 0 && (text.at[text.bytes - 1] & 0xc0) == 0x80; i++)
        text.bytes--;
    text.bytes -= text.bytes > 0 && (text.at[text.bytes - 1] & 0xc0) == 0xc0;
    return text;
}

static void peer_out(struct hf_json_out *out, const struct hf_sip_flow *flow)
{
    static const char *const transports[] = {
        [HF_SIP_UDP] = "udp", [HF_SIP_TCP] = "tcp", [HF_SIP_TLS] = "tls"};
    char host[HF_SIP_FLOW_HOST_MAX], text[HF_SIP_FLOW_HOST_MAX + 16];
    struct hf_sb sb;

    if (flow->family == 0)
        return;
    if (flow->transport < HF_COUNT_OF(transports))
        hf_json_out_cstr(out, "transport", transports[flow->transport]);
    hf_sb_init(&sb, text, sizeof(text));
    hf_gb_peer_text(&sb, flow, host);
    hf_json_out_text(out, "peer", hf_sb_done(&sb));
}

static bool entry_out(void *context, const struct hf_sip_trace_entry *entry)
{
    struct list *list = context;
    struct hf_slice raw = whole_characters(entry);
    char utf8[3 * HF_SIP_TRACE_TEXT_BYTES_MAX];
    unsigned marks = 0;

    if (list->left-- == 0)
        return false;
    struct hf_slice text = {utf8, hf_text_decode(list->site->options.conv, hf_text_detect(raw, NULL), raw,
                                                 utf8, sizeof(utf8), &marks)};
    const char *end = memchr(text.at, '\n', text.bytes);
    struct hf_slice first = {text.at, end != NULL ? (size_t)(end - text.at) : text.bytes};
    first.bytes -= first.bytes > 0 && first.at[first.bytes - 1] == '\r';

    hf_json_out_object(&list->out, NULL);
    hf_json_out_time(&list->out, "time", entry->first_ms);
    hf_json_out_u64(&list->out, "time_ms", entry->first_ms);
    hf_json_out_cstr(&list->out, "direction", entry->sent ? "out" : "in");
    peer_out(&list->out, &entry->flow);
    hf_json_out_text(&list->out, "first_line", first);
    hf_json_out_u64(&list->out, "bytes", entry->bytes);
    if (entry->count > 1) {
        hf_json_out_u64(&list->out, "count", entry->count);
        hf_json_out_time(&list->out, "last_time", entry->last_ms);
    }
    if (entry->cut)
        hf_json_out_bool(&list->out, "cut", true);
    hf_json_out_text(&list->out, "text", text);
    hf_json_out_end(&list->out);
    return true;
}

void hf_gb_site_call(struct hf_gb_site *site, struct hf_call *call)
{
    struct list list = {.site = site, .left = call->targets};
    struct hf_sb sb;

    HF_ASSERT(call->type == HF_CALL_SIP);
    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(&list.out, &sb);
    hf_json_out_array(&list.out, NULL);
    if (hf_gb_site_trace(site, call->device, entry_out, &list) != HF_OK) {
        call->reason = HF_REASON_NOT_FOUND;
        return;
    }
    hf_json_out_end(&list.out);
    HF_ASSERT(hf_json_out_complete(&list.out)); /* 64 texts of 2 KiB, each byte as six characters */
    call->result = malloc(sb.bytes);
    call->result_bytes = sb.bytes;
    call->result_format = HF_FORMAT_JSON;
    call->reason = HF_REASON_NONE;
    if (call->result == NULL) {
        call->result_bytes = 0;
        call->reason = HF_REASON_MEMORY_LIMIT;
        return;
    }
    memcpy(call->result, site->json, sb.bytes);
}
