/* core/sip/tx_key.c - what messages are matched by. The parts of a key are laid end to end, each with its length, and hashed with two keys: peers choose every part, and
 * nobody can choose many that meet in one bucket, nor two that are taken for one. A long part is first hashed to 16 bytes. */
#include "core/sip/tx_internal.h"

enum { PART_BYTES_MAX = 120, PARTS_MAX = 7, KEYER_BYTES = PARTS_MAX * (PART_BYTES_MAX + 1) + 2 };

struct keyer {
    const struct hf_sip_layer *layer;
    size_t bytes;
    uint8_t at[KEYER_BYTES];
};

static void derive(const uint8_t *secret, uint8_t label, uint8_t *ret_key)
{
    for (uint8_t half = 0; half < 2; half++) {
        uint8_t text[2] = {label, half};
        uint64_t bits = hf_hash(secret, text, sizeof(text));

        memcpy(ret_key + half * sizeof(bits), &bits, sizeof(bits));
    }
}

void hf_sip_keys_init(struct hf_sip_layer *layer)
{
    static const uint8_t seed_label[] = "jitter";

    for (unsigned i = 0; i < HF_SIP_KEYS; i++)
        derive(layer->config.secret, (uint8_t)i, layer->keys[i]);
    hf_rng_seed(&layer->rng, hf_hash(layer->config.secret, seed_label, sizeof(seed_label)));
}

static void begin(struct keyer *keyer, const struct hf_sip_layer *layer, char what)
{
    keyer->layer = layer;
    keyer->at[0] = (uint8_t)what;
    keyer->bytes = 1;
}

static struct hf_sip_key hash(const struct hf_sip_layer *layer, const void *data, size_t bytes)
{
    return (struct hf_sip_key){.hash = hf_hash(layer->keys[HF_SIP_KEY_HASH], data, bytes),
                               .check = hf_hash(layer->keys[HF_SIP_KEY_CHECK], data, bytes)};
}

static void add(struct keyer *keyer, struct hf_slice part)
{
    HF_ASSERT(keyer->bytes + PART_BYTES_MAX + 1 <= KEYER_BYTES);
    if (part.bytes > PART_BYTES_MAX) {
        struct hf_sip_key digest = hash(keyer->layer, part.at, part.bytes);

        keyer->at[keyer->bytes++] = UINT8_MAX; /* no length */
        memcpy(keyer->at + keyer->bytes, &digest, sizeof(digest));
        keyer->bytes += sizeof(digest);
        return;
    }
    keyer->at[keyer->bytes++] = (uint8_t)part.bytes;
    if (part.bytes > 0)
        memcpy(keyer->at + keyer->bytes, part.at, part.bytes);
    keyer->bytes += part.bytes;
}

static void add_number(struct keyer *keyer, uint32_t number)
{
    add(keyer, (struct hf_slice){(const char *)&number, sizeof(number)});
}

/* Host names are compared without case (RFC 3261 17.2.3 with 18.1.1); one longer than a name can be goes as it is. */
static void add_host(struct keyer *keyer, struct hf_slice host)
{
    size_t at = keyer->bytes + 1;

    add(keyer, host);
    if (host.bytes > PART_BYTES_MAX)
        return;
    for (; at < keyer->bytes; at++)
        if (keyer->at[at] >= 'A' && keyer->at[at] <= 'Z')
            keyer->at[at] = (uint8_t)(keyer->at[at] - 'A' + 'a');
}

static struct hf_sip_key end(const struct keyer *keyer)
{
    return hash(keyer->layer, keyer->at, keyer->bytes);
}

/* RFC 2543: Request-URI, From tag, Call-ID, CSeq, top Via. The To tag is left out, because that of an ACK is the one of our answer, which the user chose; with all the
 * others equal it cannot tell two requests apart. */
static void add_rfc2543(struct keyer *keyer, const struct hf_sip_msg *request)
{
    add(keyer, request->uri.text);
    add(keyer, request->from.tag);
    add(keyer, request->call_id);
    add_number(keyer, request->cseq.number);
    add(keyer, request->via.text);
}

struct hf_sip_key hf_sip_key_server(const struct hf_sip_layer *layer, const struct hf_sip_msg *request,
                                    struct hf_slice method)
{
    struct keyer keyer;

    begin(&keyer, layer, request->via.has_cookie ? 's' : 'o');
    add(&keyer, method);
    if (!request->via.has_cookie) {
        add_rfc2543(&keyer, request);
        return end(&keyer);
    }
    add(&keyer, request->via.branch);
    add_host(&keyer, request->via.host);
    add_number(&keyer, request->via.port);
    add(&keyer, request->call_id);
    add_number(&keyer, request->cseq.number);
    add(&keyer, request->from.uri.user);
    return end(&keyer);
}

struct hf_sip_key hf_sip_key_client(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg)
{
    struct keyer keyer;

    begin(&keyer, layer, 'c');
    add(&keyer, msg->via.branch);
    add(&keyer, msg->cseq.method_text);
    return end(&keyer);
}

struct hf_sip_key hf_sip_key_client_call(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg)
{
    struct keyer keyer;

    begin(&keyer, layer, 'C');
    add(&keyer, msg->call_id);
    add_number(&keyer, msg->cseq.number);
    add(&keyer, msg->cseq.method_text);
    return end(&keyer);
}

struct hf_sip_key hf_sip_key_server_call(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg)
{
    struct keyer keyer;

    begin(&keyer, layer, 'S');
    add(&keyer, msg->call_id);
    add_number(&keyer, msg->cseq.number);
    add(&keyer, msg->from.tag);
    add(&keyer, msg->from.uri.user);
    return end(&keyer);
}

uint64_t hf_sip_key_flow(const struct hf_sip_layer *layer, const struct hf_sip_flow *flow)
{
    struct hf_sip_flow peer = {.connection = flow->connection}; /* what hf_sip_flow_same_peer looks at */

    if (!hf_sip_flow_reliable(flow)) {
        memcpy(peer.peer, flow->peer, sizeof(peer.peer));
        peer.peer_port = flow->peer_port;
        peer.family = flow->family;
    }
    return hf_hash(layer->keys[HF_SIP_KEY_HASH], &peer, sizeof(peer));
}

struct hf_sip_tx *hf_sip_find_key(struct hf_sip_layer *layer, struct hf_sip_key key)
{
    struct hf_map_node *node = hf_map_find(&layer->by_key, key.hash, &key.check);

    return node != NULL ? HF_CONTAINER_OF(node, struct hf_sip_tx, node) : NULL;
}

struct hf_sip_tx *hf_sip_find_call(struct hf_sip_layer *layer, struct hf_sip_key key)
{
    struct hf_map_node *node = hf_map_find(&layer->by_call, key.hash, &key.check);

    return node != NULL ? &HF_CONTAINER_OF(node, struct hf_sip_tx_big, call_node)->tx : NULL;
}

struct hf_sip_tx *hf_sip_find_flow(struct hf_sip_layer *layer, const struct hf_sip_flow *flow)
{
    struct hf_map_node *node = hf_map_find(&layer->by_flow, hf_sip_key_flow(layer, flow), flow);

    return node != NULL ? &HF_CONTAINER_OF(node, struct hf_sip_tx_big, flow_node)->tx : NULL;
}
