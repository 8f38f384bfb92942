/* adapter/api/feed_testkit.h - a reader of GET /v1/live, for tests. */
#ifndef HF_ADAPTER_API_FEED_TESTKIT_H
#define HF_ADAPTER_API_FEED_TESTKIT_H

#include "adapter/api/gateway_testkit.h"
#include "codec/ws/frame.h"

#define UPGRADE                                                                  \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static inline void say_part(enum hf_ws_opcode opcode, unsigned flags, const char *text)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    uint8_t frame[512];
    size_t bytes = strlen(text), head = hf_ws_encode_head(frame, opcode, flags, bytes, key);

    for (size_t i = 0; i < bytes; i++)
        frame[head + i] = (uint8_t)text[i] ^ key[i % 4];
    fake_feed_bytes(&g.link, frame, head + bytes);
}

static inline void say(const char *text)
{
    fake_clear(&g.link);
    say_part(HF_WS_OP_TEXT, HF_WS_FIN, text);
}

static inline bool hears(const char *text)
{
    return memmem(g.link.out, g.link.out_bytes, text, strlen(text)) != NULL;
}

static inline void advance_ms(uint64_t ms)
{
    fake_clear(&g.link);
    advance(ms);
}

static inline void open_feed(const char *key)
{
    char headers[512];

    snprintf(headers, sizeof(headers), UPGRADE "Authorization: Bearer %s\r\n", key);
    assert_int_equal(request_with("GET", "/v1/live", headers, NULL), 101);
}

#endif
