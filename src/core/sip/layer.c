#include <stdlib.h>

#include "core/sip/tx_internal.h"

static bool key_is(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_sip_tx, node)->check == *(const uint64_t *)key;
}

static bool call_is(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_sip_tx_big, call_node)->call_check == *(const uint64_t *)key;
}

static bool flow_is(const struct hf_map_node *node, const void *key)
{
    return hf_sip_flow_same_peer(&HF_CONTAINER_OF(node, struct hf_sip_tx_big, flow_node)->tx.flow, key);
}

static bool in_range(uint32_t value, uint32_t min, uint32_t max)
{
    return value >= min && value <= max;
}

static hf_err with_defaults(struct hf_sip_layer_config *config)
{
#define DEFAULT(field, value) \
    if (config->field == 0)   \
    config->field = (value)
    DEFAULT(t1_ms, HF_SIP_T1_MS);
    DEFAULT(t2_ms, HF_SIP_T2_MS);
    DEFAULT(t4_ms, HF_SIP_T4_MS);
    DEFAULT(timer_c_ms, HF_SIP_TIMER_C_MS);
    DEFAULT(kept_bytes_max, HF_SIP_TX_KEPT_BYTES_MAX);
    DEFAULT(transactions_max, HF_SIP_TX_MAX);
    DEFAULT(limits, &hf_sip_limits_default);
#undef DEFAULT
    if (config->ops == NULL || config->wheel == NULL || !in_range(config->t1_ms, 100, 10000) ||
        !in_range(config->t2_ms, config->t1_ms, 10000) || !in_range(config->t4_ms, config->t1_ms, 10000) ||
        !in_range(config->timer_c_ms, 1000, 3600000))
        return HF_ERR_INVALID;
    return HF_OK;
}

hf_err hf_sip_layer_new(const struct hf_sip_layer_config *config, struct hf_sip_layer **ret_layer)
{
    struct hf_sip_layer_config full = *config;
    struct hf_sip_layer *layer;

    if (with_defaults(&full) != HF_OK)
        return HF_ERR_INVALID;
    layer = calloc(1, sizeof(*layer));
    if (layer == NULL)
        return HF_ERR_NOMEM;
    layer->config = full;
    hf_sip_keys_init(layer);
    hf_map_init(&layer->by_key, key_is);
    hf_map_init(&layer->by_call, call_is);
    hf_map_init(&layer->by_flow, flow_is);
    hf_sip_layer_set_max(layer, full.transactions_max);
    layer->small = hf_slab_new("sip transactions", sizeof(struct hf_sip_tx), full.transactions_max);
    layer->big = hf_slab_new("sip client and INVITE transactions", sizeof(struct hf_sip_tx_big),
                             full.transactions_max);
    layer->scratch = malloc(HF_SIP_TX_MESSAGE_BYTES_MAX + 1);
    if (hf_sip_keep_init(&layer->keep, full.kept_bytes_max) != HF_OK || layer->small == NULL ||
        layer->big == NULL || layer->scratch == NULL) {
        hf_sip_layer_free(layer);
        return HF_ERR_NOMEM;
    }
    *ret_layer = layer;
    return HF_OK;
}

static bool end_node(struct hf_map_node *node, void *context)
{
    (void)context;
    hf_sip_tx_end(HF_CONTAINER_OF(node, struct hf_sip_tx, node));
    return true;
}

void hf_sip_layer_free(struct hf_sip_layer *layer)
{
    if (layer == NULL)
        return;
    hf_map_each(&layer->by_key, end_node, NULL);
    HF_ASSERT(layer->stats.transactions == 0 && layer->stats.orphans == 0);
    hf_map_deinit(&layer->by_key);
    hf_map_deinit(&layer->by_call);
    hf_map_deinit(&layer->by_flow);
    hf_sip_keep_deinit(&layer->keep);
    hf_slab_free(layer->small);
    hf_slab_free(layer->big);
    free(layer->scratch);
    free(layer);
}

void hf_sip_layer_set_max(struct hf_sip_layer *layer, uint32_t transactions_max)
{
    layer->transactions_max = HF_MIN(transactions_max, layer->config.transactions_max);
    layer->stats.transactions_max = layer->transactions_max;
}

hf_err hf_sip_layer_parse(const struct hf_sip_layer *layer, struct hf_slice bytes, struct hf_sip_msg *ret)
{
    return hf_sip_parse(bytes.at, bytes.bytes, true, layer->config.limits, ret);
}

hf_err hf_sip_layer_write_plain(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                                const struct hf_sip_msg *request, unsigned status, unsigned retry_after_s,
                                struct hf_slice *ret_bytes)
{
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(flow, status, !layer->config.rport_as_asked, host);
    struct hf_sb sb;
    hf_err err;

    reply.to_tag = hf_sip_layer_tag(layer, request, tag);
    hf_sb_init(&sb, layer->scratch, HF_SIP_TX_MESSAGE_BYTES_MAX + 1);
    err = hf_sip_write_reply(&sb, request, &reply);
    if (err == HF_OK && retry_after_s > 0)
        err = hf_sip_write_u64(&sb, HF_SIP_RETRY_AFTER, retry_after_s);
    if (err == HF_OK)
        err = hf_sip_write_end(&sb, (struct hf_slice){0}, (struct hf_slice){0});
    if (err == HF_OK && sb.overflow)
        err = HF_ERR_LIMIT;
    if (err == HF_OK)
        *ret_bytes = hf_sb_done(&sb);
    return err;
}

hf_err hf_sip_layer_reply(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                          const struct hf_sip_msg *request, unsigned status, unsigned retry_after_s)
{
    struct hf_slice bytes;
    hf_err err;

    if (!request->answerable)
        return HF_ERR_INVALID;
    err = hf_sip_layer_write_plain(layer, flow, request, status, retry_after_s, &bytes);
    return err == HF_OK ? hf_sip_layer_send(layer, flow, bytes) : err;
}

hf_err hf_sip_layer_send(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    hf_err err = layer->config.ops->send(layer->config.context, flow, bytes);

    layer->stats.send_errors += err != HF_OK;
    return err;
}

static void add_token(struct hf_sip_layer *layer, struct hf_sb *sb)
{
    uint64_t bits;

    layer->tokens++;
    bits = hf_hash(layer->keys[HF_SIP_KEY_TOKEN], &layer->tokens, sizeof(layer->tokens));
    hf_sb_hex(sb, &bits, sizeof(bits));
}

struct hf_slice hf_sip_layer_branch(struct hf_sip_layer *layer, char ret_text[HF_SIP_BRANCH_BYTES_MAX])
{
    struct hf_sb sb;

    hf_sb_init(&sb, ret_text, HF_SIP_BRANCH_BYTES_MAX);
    hf_sb_text(&sb, "z9hG4bK");
    add_token(layer, &sb);
    add_token(layer, &sb);
    HF_ASSERT(!sb.overflow);
    return hf_sb_done(&sb);
}

struct hf_slice hf_sip_layer_token(struct hf_sip_layer *layer, char ret_text[HF_SIP_TAG_BYTES_MAX])
{
    struct hf_sb sb;

    hf_sb_init(&sb, ret_text, HF_SIP_TAG_BYTES_MAX);
    add_token(layer, &sb);
    HF_ASSERT(!sb.overflow);
    return hf_sb_done(&sb);
}

struct hf_slice hf_sip_layer_tag(const struct hf_sip_layer *layer, const struct hf_sip_msg *request,
                                 char ret_text[HF_SIP_TAG_BYTES_MAX])
{
    const uint8_t *key = layer->keys[HF_SIP_KEY_TAG];
    uint64_t parts[4] = {hf_hash(key, request->call_id.at, request->call_id.bytes),
                         hf_hash(key, request->from.tag.at, request->from.tag.bytes),
                         hf_hash(key, request->from.uri.user.at, request->from.uri.user.bytes),
                         request->cseq.number};
    uint64_t bits = hf_hash(key, parts, sizeof(parts));
    struct hf_sb sb;

    hf_sb_init(&sb, ret_text, HF_SIP_TAG_BYTES_MAX);
    hf_sb_hex(&sb, &bits, sizeof(bits));
    return hf_sb_done(&sb);
}

const struct hf_sip_layer_stats *hf_sip_layer_stats(const struct hf_sip_layer *layer)
{
    return &layer->stats;
}

void hf_sip_tx_set_user(struct hf_sip_tx *tx, void *user)
{
    if (!tx->done)
        tx->user = user;
}

const struct hf_sip_flow *hf_sip_tx_flow(const struct hf_sip_tx *tx)
{
    return &tx->flow;
}

enum hf_sip_tx_kind hf_sip_tx_kind(const struct hf_sip_tx *tx)
{
    return (enum hf_sip_tx_kind)tx->kind;
}

enum hf_sip_tx_state hf_sip_tx_state(const struct hf_sip_tx *tx)
{
    return (enum hf_sip_tx_state)tx->state;
}

const char *hf_sip_timer_name(enum hf_sip_timer timer)
{
#define NAME(id, name, text) [id] = name,
    static const char *const names[HF_SIP_TIMERS] = {HF_SIP_TIMER_MAP(NAME)};
#undef NAME
    return names[timer];
}

const char *hf_sip_timer_text(enum hf_sip_timer timer)
{
#define TEXT(id, name, text) [id] = text,
    static const char *const texts[HF_SIP_TIMERS] = {HF_SIP_TIMER_MAP(TEXT)};
#undef TEXT
    return texts[timer];
}

const char *hf_sip_tx_state_name(enum hf_sip_tx_state state)
{
#define NAME(id, name) [id] = name,
    static const char *const names[HF_SIP_TX_STATES] = {HF_SIP_TX_STATE_MAP(NAME)};
#undef NAME
    return names[state];
}
