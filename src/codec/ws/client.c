/* codec/ws/client.c - the client's side of the opening handshake (RFC 6455 4.1). */
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "codec/http1/head.h"
#include "codec/ws/handshake.h"
#include "codec/ws/token.h"

void hf_ws_client_init(struct hf_ws_client *client, const uint8_t nonce[HF_WS_NONCE_BYTES],
                       struct hf_slice protocols, const struct hf_ws_deflate *deflate)
{
    size_t chars;
    hf_err err;

    *client = (struct hf_ws_client){.protocols = protocols};
    if (deflate != NULL)
        client->deflate_offered = *deflate;
    err = hf_base64_encode(nonce, HF_WS_NONCE_BYTES, client->key, HF_WS_KEY_CHARS, &chars);
    HF_ASSERT(err == HF_OK && chars == HF_WS_KEY_CHARS);
    client->key[chars] = '\0';
}

/* One word of a request line or a host: nothing that could end it. */
static bool is_word(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
            return false;
    return text.bytes > 0;
}

static bool protocols_valid(struct hf_slice protocols)
{
    struct hf_slice item;

    while (hf_http1_list_next(&protocols, &item))
        if (!hf_ws_is_token(item))
            return false;
    return true;
}

static bool extra_headers_valid(struct hf_slice extra)
{
    return extra.bytes == 0 || (extra.bytes > 2 && memcmp(extra.at + extra.bytes - 2, "\r\n", 2) == 0);
}

static void write_field(struct hf_sb *out, const char *name, struct hf_slice value)
{
    hf_sb_text(out, name);
    hf_sb_text(out, ": ");
    hf_sb_slice(out, value);
    hf_sb_text(out, "\r\n");
}

hf_err hf_ws_client_write_request(const struct hf_ws_client *client, struct hf_slice target,
                                  struct hf_slice host, struct hf_slice extra_headers, struct hf_sb *out)
{
    if (!is_word(target) || target.at[0] != '/' || !is_word(host) || !protocols_valid(client->protocols) ||
        !extra_headers_valid(extra_headers))
        return HF_ERR_INVALID;
    hf_sb_text(out, "GET ");
    hf_sb_slice(out, target);
    hf_sb_text(out, " HTTP/1.1\r\n");
    write_field(out, "Host", host);
    hf_sb_text(out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    write_field(out, "Sec-WebSocket-Key", hf_slice_of(client->key));
    if (client->protocols.bytes > 0)
        write_field(out, "Sec-WebSocket-Protocol", client->protocols);
    if (client->deflate_offered.on) {
        hf_sb_text(out, "Sec-WebSocket-Extensions: ");
        hf_ws_deflate_write_offer(&client->deflate_offered, out);
        hf_sb_text(out, "\r\n");
    }
    hf_sb_slice(out, extra_headers);
    hf_sb_text(out, "\r\n");
    return out->overflow ? HF_ERR_LIMIT : HF_OK;
}

static void on_upgrade(struct hf_ws_client *client, struct hf_slice value)
{
    client->upgrade |= hf_ws_list_holds(value, "websocket");
}

static void on_connection(struct hf_ws_client *client, struct hf_slice value)
{
    client->connection |= hf_ws_list_holds(value, "upgrade");
}

static void on_accept(struct hf_ws_client *client, struct hf_slice value)
{
    char accept[HF_WS_ACCEPT_CHARS + 1];

    if (client->accepts < UINT8_MAX)
        client->accepts++;
    client->accept_ok =
        hf_ws_accept_value(hf_slice_of(client->key), accept) == HF_OK && hf_slice_is(value, accept);
}

static void on_protocol(struct hf_ws_client *client, struct hf_slice value)
{
    struct hf_slice offered = client->protocols, item;
    bool found = false;

    while (!found && hf_http1_list_next(&offered, &item))
        found = hf_slice_eq(item, value);
    if (!found || client->protocol.at != NULL) /* one line, one name */
        client->protocol_bad = true;
    else
        client->protocol = item;
}

static void on_extensions(struct hf_ws_client *client, struct hf_slice value)
{
    if (hf_ws_deflate_check_answer(value, &client->deflate_offered, &client->deflate) != HF_OK)
        client->extension_bad = true;
}

static const struct field {
    const char *name;
    void (*on)(struct hf_ws_client *client, struct hf_slice value);
} fields[] = {
    {"upgrade", on_upgrade},
    {"connection", on_connection},
    {"sec-websocket-accept", on_accept},
    {"sec-websocket-protocol", on_protocol},
    {"sec-websocket-extensions", on_extensions},
};

void hf_ws_client_field(struct hf_ws_client *client, struct hf_slice name, struct hf_slice value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (hf_slice_eq_nocase(name, hf_slice_of(fields[i].name))) {
            fields[i].on(client, value);
            return;
        }
    }
}

enum hf_ws_refusal hf_ws_client_check(const struct hf_ws_client *client, unsigned status)
{
    if (status != 101)
        return HF_WS_REFUSAL_ANSWER_STATUS;
    if (!client->upgrade)
        return HF_WS_REFUSAL_ANSWER_UPGRADE;
    if (!client->connection)
        return HF_WS_REFUSAL_ANSWER_CONNECTION;
    if (client->accepts != 1 || !client->accept_ok)
        return HF_WS_REFUSAL_ANSWER_ACCEPT;
    if (client->protocol_bad)
        return HF_WS_REFUSAL_ANSWER_PROTOCOL;
    return client->extension_bad ? HF_WS_REFUSAL_ANSWER_EXTENSION : HF_WS_REFUSAL_NONE;
}
