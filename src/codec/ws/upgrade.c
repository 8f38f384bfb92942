/* codec/ws/upgrade.c - the server's side of the opening handshake (RFC 6455 4.2). */
#include "base/assert.h"
#include "codec/http1/head.h"
#include "codec/ws/handshake.h"
#include "codec/ws/token.h"

void hf_ws_upgrade_init(struct hf_ws_upgrade *upgrade, const char *const *protocols, size_t protocols_count,
                        const struct hf_ws_deflate *deflate)
{
    *upgrade = (struct hf_ws_upgrade){
        .protocols = protocols, .protocols_count = protocols_count, .deflate_wanted = deflate};
}

static void count_line(uint8_t *lines)
{
    if (*lines < UINT8_MAX)
        ++*lines;
}

static void on_host(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    (void)value;
    count_line(&upgrade->hosts);
}

static void on_upgrade(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    upgrade->wanted |= hf_ws_list_holds(value, "websocket");
}

static void on_connection(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    upgrade->connection |= hf_ws_list_holds(value, "upgrade");
}

static void on_key(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    upgrade->key = value;
    count_line(&upgrade->keys);
}

static void on_version(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    upgrade->version = value;
    count_line(&upgrade->versions);
}

static void on_protocol(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    struct hf_slice item;

    upgrade->protocol_offered = true;
    while (hf_http1_list_next(&value, &item)) {
        if (!hf_ws_is_token(item))
            upgrade->protocol_malformed = true;
        for (size_t i = 0; i < upgrade->protocols_count && upgrade->protocol == NULL; i++)
            if (hf_slice_is(item, upgrade->protocols[i])) /* with case: 11.5, registered names */
                upgrade->protocol = upgrade->protocols[i];
    }
}

static void on_extensions(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    static const struct hf_ws_deflate off = {.on = false};
    const struct hf_ws_deflate *wanted = upgrade->deflate_wanted != NULL ? upgrade->deflate_wanted : &off;

    if (hf_ws_deflate_answer(value, wanted, &upgrade->deflate) != HF_OK)
        upgrade->extensions_malformed = true;
}

/* A body would be read as frames by us and as a body by a proxy in between. */
static void on_content_length(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    upgrade->body |= !hf_slice_is(value, "0");
}

static void on_transfer_encoding(struct hf_ws_upgrade *upgrade, struct hf_slice value)
{
    (void)value;
    upgrade->body = true;
}

static const struct field {
    const char *name;
    void (*on)(struct hf_ws_upgrade *upgrade, struct hf_slice value);
} fields[] = {
    {"host", on_host},
    {"upgrade", on_upgrade},
    {"connection", on_connection},
    {"sec-websocket-key", on_key},
    {"sec-websocket-version", on_version},
    {"sec-websocket-protocol", on_protocol},
    {"sec-websocket-extensions", on_extensions},
    {"content-length", on_content_length},
    {"transfer-encoding", on_transfer_encoding},
};

void hf_ws_upgrade_field(struct hf_ws_upgrade *upgrade, struct hf_slice name, struct hf_slice value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (hf_slice_eq_nocase(name, hf_slice_of(fields[i].name))) {
            fields[i].on(upgrade, value);
            return;
        }
    }
}

enum hf_ws_refusal hf_ws_upgrade_check(const struct hf_ws_upgrade *upgrade, struct hf_slice method,
                                       bool http_1_1)
{
    if (!hf_slice_is(method, "GET"))
        return HF_WS_REFUSAL_METHOD;
    if (!http_1_1)
        return HF_WS_REFUSAL_HTTP_VERSION;
    if (upgrade->hosts != 1)
        return HF_WS_REFUSAL_HOST;
    if (upgrade->body)
        return HF_WS_REFUSAL_BODY;
    if (!upgrade->wanted)
        return HF_WS_REFUSAL_UPGRADE;
    if (!upgrade->connection)
        return HF_WS_REFUSAL_CONNECTION;
    if (upgrade->versions != 1 || !hf_slice_is(upgrade->version, "13"))
        return HF_WS_REFUSAL_VERSION;
    if (upgrade->keys != 1 || !hf_ws_key_valid(upgrade->key))
        return HF_WS_REFUSAL_KEY;
    if (upgrade->protocol_malformed)
        return HF_WS_REFUSAL_PROTOCOL;
    return upgrade->extensions_malformed ? HF_WS_REFUSAL_EXTENSIONS : HF_WS_REFUSAL_NONE;
}

hf_err hf_ws_upgrade_write_accept(const struct hf_ws_upgrade *upgrade, struct hf_slice extra_headers,
                                  struct hf_sb *out)
{
    char accept[HF_WS_ACCEPT_CHARS + 1];
    hf_err err = hf_ws_accept_value(upgrade->key, accept);

    if (err != HF_OK)
        return err;
    hf_sb_text(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: ");
    hf_sb_text(out, accept);
    if (upgrade->protocol != NULL) {
        hf_sb_text(out, "\r\nSec-WebSocket-Protocol: ");
        hf_sb_text(out, upgrade->protocol);
    }
    if (upgrade->deflate.on) {
        hf_sb_text(out, "\r\nSec-WebSocket-Extensions: ");
        hf_ws_deflate_write_answer(&upgrade->deflate, out);
    }
    hf_sb_text(out, "\r\n");
    hf_sb_slice(out, extra_headers);
    hf_sb_text(out, "\r\n");
    return out->overflow ? HF_ERR_LIMIT : HF_OK;
}
