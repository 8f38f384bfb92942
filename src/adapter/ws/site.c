#include "adapter/ws/session.h"

#include <stdlib.h>

#include "base/base64.h"

enum { FRAME_OVERHEAD_BYTES = HF_FRAME_HEAD_BYTES + HF_FRAME_OVERHEAD_BYTES_MAX };

static bool credential_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_ws_extra, credential)->credential_hash == *(const uint64_t *)key;
}

static void *memory_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static struct hf_ws_config config_of(uint32_t message_bytes_max, uint16_t fragments_max)
{
    return (struct hf_ws_config){
        .role = HF_WS_SERVER,
        .message_bytes_max = message_bytes_max,
        .fragments_max = fragments_max,
        .memory = {.resize = memory_resize},
    };
}

static void scratch_free(struct hf_ws_scratch *scratch)
{
    free(scratch->at);
    *scratch = (struct hf_ws_scratch){NULL, 0};
}

void hf_ws_site_set_limits(struct hf_ws_site *site, const struct hf_ws_limits *limits)
{
    uint8_t bits = site->limits.deflate.server_max_window_bits;

    site->limits = *limits;
    if (bits != 0) /* connections have agreed to it and share the compressor: it stays until a restart */
        site->limits.deflate.server_max_window_bits = bits;
    site->open_config = config_of(limits->message_bytes_max, limits->fragments_max);
    /* The limit is the payload's: a frame is larger by what stands around it, and in JSON its bytes may be in base64. */
    site->session_config = config_of(limits->message_bytes_max + FRAME_OVERHEAD_BYTES, limits->fragments_max);
    site->session_json_config = config_of(
        HF_BASE64_BYTES(limits->message_bytes_max) + 2 * FRAME_OVERHEAD_BYTES, limits->fragments_max);
    site->auth_config = config_of(
        HF_MIN(limits->unauthenticated_message_bytes_max, limits->message_bytes_max), limits->fragments_max);
    scratch_free(&site->inflated); /* made anew at the size that is right now */
    scratch_free(&site->deflated);
    scratch_free(&site->unescaped);
}

hf_err hf_ws_site_init(struct hf_ws_site *site, const struct hf_ws_limits *limits, uint64_t connections_max)
{
    site->conns = hf_slab_new("ws_connections", sizeof(struct hf_ws_conn), connections_max);
    site->acks = hf_slab_new("ws_acks", sizeof(struct hf_ws_ack), HF_WS_ACKS_MAX);
    site->sessions = hf_slab_new("ws_sessions", sizeof(struct hf_ws_session), connections_max);
    hf_map_init(&site->credentials, credential_eq);
    hf_list_init(&site->held);
    hf_list_init(&site->lingering);
    hf_list_init(&site->acks_open);
    hf_list_init(&site->renewals);
    hf_ws_site_set_limits(site, limits);
    if (site->conns != NULL && site->acks != NULL && site->sessions != NULL)
        return HF_OK;
    hf_ws_site_deinit(site);
    return HF_ERR_NOMEM;
}

/* What the log has not said by now it never will: its thread has ended, perhaps over a full disk. */
static void forget_acks(struct hf_ws_site *site)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&site->acks_open)) != NULL) {
        struct hf_ws_ack *ack = HF_CONTAINER_OF(node, struct hf_ws_ack, node);
        struct hf_ws_conn *conn = ack->conn;

        hf_slab_give(site->acks, ack);
        conn->acks_open--;
        hf_ws_release(conn);
    }
}

void hf_ws_site_deinit(struct hf_ws_site *site)
{
    forget_acks(site);
    hf_ws_deflater_free(site->deflater);
    hf_ws_inflater_free(site->inflater);
    scratch_free(&site->inflated);
    scratch_free(&site->deflated);
    scratch_free(&site->unescaped);
    hf_map_deinit(&site->credentials);
    free(site->renewal_rates);
    site->renewal_rates = NULL;
    hf_slab_free(site->conns);
    hf_slab_free(site->acks);
    hf_slab_free(site->sessions);
    site->conns = site->acks = site->sessions = NULL;
}

hf_err hf_ws_scratch(struct hf_ws_site *site, struct hf_ws_scratch *scratch)
{
    size_t bytes = site->session_json_config.message_bytes_max + (size_t)HF_WS_DEFLATE_ROOM_BYTES;

    if (scratch->at != NULL)
        return HF_OK;
    scratch->at = malloc(bytes);
    scratch->bytes = scratch->at ? bytes : 0;
    return scratch->at ? HF_OK : HF_ERR_NOMEM;
}

/* The hub has the devices of every protocol: NULL is a camera. */
static struct hf_ws_conn *conn_of(const struct hf_list_node *online)
{
    struct hf_devconn *devconn = HF_CONTAINER_OF(online, struct hf_device, peers)->devconn;

    return devconn->ops == &hf_ws_devconn_ops || devconn->ops == &hf_ws_session_ops ? hf_ws_conn_of(devconn)
                                                                                    : NULL;
}

/* The first one behind `at`, on the list of those that the hub does not have, that it does not have yet. NULL = none. */
static struct hf_ws_conn *stranger_after(const struct hf_ws_site *site, const struct hf_list_node *at)
{
    while ((at = at->next) != &site->lingering) {
        struct hf_ws_conn *conn = HF_CONTAINER_OF(at, struct hf_ws_conn, dev.unsettled);

        if (conn->state == HF_WS_STATE_AUTH)
            return conn;
    }
    return NULL;
}

/* A stranger whose credentials are known already leaves a record: of a session they are shown before HELLO. */
static void close_revoked(struct hf_ws_conn *conn)
{
    if (conn->state == HF_WS_STATE_AUTH)
        hf_ws_refused(conn->site, &conn->admit->identity, HF_REASON_REVOKED);
    hf_ws_close(conn, HF_REASON_REVOKED, 0, (struct hf_slice){NULL, 0});
}

unsigned hf_ws_site_revoke(struct hf_ws_site *site, uint64_t credential_hash)
{
    unsigned closed = 0;
    struct hf_map_node *node;
    struct hf_ws_conn *next;

    if (credential_hash == 0)
        return 0;
    /* Several connections may share a credential; each leaves the map when it is closed. */
    while ((node = hf_map_find(&site->credentials, credential_hash, &credential_hash)) != NULL) {
        close_revoked(HF_CONTAINER_OF(node, struct hf_ws_extra, credential)->conn);
        closed++;
    }
    for (struct hf_ws_conn *conn = stranger_after(site, &site->lingering); conn != NULL; conn = next) {
        next = stranger_after(site, &conn->dev.unsettled);
        if (conn->admit->identity.credential_hash != credential_hash)
            continue;
        close_revoked(conn);
        closed++;
    }
    return closed;
}

static unsigned recheck(struct hf_ws_conn *conn, bool (*good)(struct hf_link *link))
{
    if (conn == NULL || !conn->tls || good(conn->link))
        return 0;
    close_revoked(conn);
    return 1;
}

unsigned hf_ws_site_recheck(struct hf_ws_site *site, bool (*good)(struct hf_link *link))
{
    unsigned closed = 0;
    struct hf_list_node *behind;
    struct hf_ws_conn *next;

    for (struct hf_list_node *at = site->hub->online.next; at != &site->hub->online; at = behind) {
        behind = at->next;
        closed += recheck(conn_of(at), good);
    }
    for (struct hf_ws_conn *conn = stranger_after(site, &site->lingering); conn != NULL; conn = next) {
        next = stranger_after(site, &conn->dev.unsettled);
        closed += recheck(conn, good);
    }
    return closed;
}

void hf_ws_site_close_strangers(struct hf_ws_site *site, enum hf_reason reason)
{
    struct hf_ws_conn *conn;

    while ((conn = stranger_after(site, &site->lingering)) != NULL)
        hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
}

void hf_ws_site_abort(struct hf_ws_site *site)
{
    struct hf_list_node *node, *next;

    hf_ws_site_close_strangers(site, HF_REASON_DRAIN);
    for (struct hf_list_node *at = site->hub->online.next; at != &site->hub->online; at = next) {
        struct hf_ws_conn *conn = conn_of(at);

        next = at->next;
        if (conn != NULL)
            hf_ws_close(conn, HF_REASON_DRAIN, 0, (struct hf_slice){NULL, 0});
    }
    while ((node = site->lingering.next) != &site->lingering) {
        struct hf_ws_conn *conn = HF_CONTAINER_OF(node, struct hf_ws_conn, dev.unsettled);

        hf_list_remove(node);
        if (conn->link != NULL) /* else it only waits for its acknowledgements */
            hf_ws_abort(conn);
    }
}
