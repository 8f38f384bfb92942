/* MEM-5 for HTTP and API: whatever allocation fails, the request is answered or its connection ends, and nothing is left behind. */
#include "adapter/api/gateway_testkit.h"
#include "support/alloc_fail.h"

enum { ROUNDS_MAX = 400, OUT_ROOM = 1 << 20 };

#define AUTH "Host: h\r\nAuthorization: Bearer " ADMIN_KEY "\r\n"
#define CUT  "\x01" /* here the network cuts */

static const char *const scenarios[] = {
    "GET /v1/devices?prefix=d HTTP/1.1\r\n" AUTH "\r\n",
    "GET /v1/dev" CUT "ices/d1 HTTP/1.1\r\n" AUTH "\r\n" CUT "GET /v1/keys HTTP/1.1\r\n" AUTH "\r\n",
    "GET /v1/devices/d1/explain HTTP/1.1\r\n" AUTH "\r\nGET /v1/reasons HTTP/1.1\r\n" AUTH "\r\n",
    "POST /v1/devices/d1/messages HTTP/1.1\r\n" AUTH "Idempotency-Key: k\r\nContent-Length: 39\r\n\r\n"
    "{\"text\":\"abc" CUT "defghijklmnopqrstuvwxy" CUT "z\"  }",
    "POST /v1/devices/d1/commands HTTP/1.1\r\n" AUTH
    "Content-Length: 42\r\n\r\n{\"name\":\"x\",\"payload_base64\":\"AAECAwQF\"  }",
    "POST /v1/broadcast HTTP/1.1\r\n" AUTH
    "Content-Length: 53\r\n\r\n{\"target\":{\"devices\":[\"d1\",\"d2\"]},\"text\":\"\\u0041b\"  }",
    "POST /v1/keys HTTP/1.1\r\n" AUTH "Content-Length: 17\r\n\r\n{\"scopes\":\"read\"}",
    "POST /v1/revocations HTTP/1.1\r\n" AUTH "Content-Length: 15\r\n\r\n{\"device\":\"d1\"}",
    "GET /v1/cameras/d2/channels?tree=true HTTP/1.1\r\n" AUTH "\r\n" CUT "GET /v1/cameras HTTP/1.1\r\n" AUTH
    "\r\n",
    "POST /v1/cameras/d2/1/presets HTTP/1.1\r\n" AUTH
    "Content-Length: 28\r\n\r\n{\"action\":\"call\",\"preset\":3}",
    "GET /v1/ledger HTTP/1.1\r\n" AUTH "\r\nGET /readyz HTTP/1.1\r\n" AUTH
    "\r\nGET /startupz HTTP/1.1\r\n" AUTH "\r\n",
    "GET /v1/events?follow=1 HTTP/1.1\r\n" AUTH "\r\n",
    "GET /v1/events HTTP/1.1\r\n" AUTH
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
};

/* Without the kit's own allocations: those may not fail. */
static void feed(const char *text)
{
    static uint8_t piece[4096];

    while (*text != '\0' && !g.link.aborted) {
        size_t bytes = strcspn(text, CUT);

        memcpy(piece, text, bytes);
        g.link.link.handler->on_data(&g.link.link, piece, bytes);
        text += bytes + (text[bytes] != '\0');
    }
}

static void run(const char *scenario, uint64_t fail_at)
{
    gateway_setup(NULL);
    gateway_online("acme", "d1", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_apply(&(struct hf_event){.type = HF_EVENT_ONLINE,
                                     .epoch = 1,
                                     .tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("d2"),
                                     .topic = HF_SLICE("gb28181")});
    gateway_apply(&(struct hf_event){.type = HF_EVENT_CHANNELS,
                                     .tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("d2"),
                                     .key = HF_SLICE("change"),
                                     .payload = HF_SLICE("[{\"device_id\":\"1\"}]")});
    g.link.out = realloc(g.link.out, OUT_ROOM);
    g.link.out_room = OUT_ROOM;
    g.reason =
        HF_REASON_BUSY; /* what is recorded would allocate in the tables, which is not the matter here */
    hf_alloc_fail_at(fail_at);
    feed(scenario);
    gateway_answer();
    if (g.tail.open && g.tail.asked)
        gateway_chunk("x", false, HF_OK);
}

static void whatever_allocation_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(scenarios); i++) {
        bool hit = true;

        for (uint64_t n = 1; hit; n++) {
            int64_t before = hf_alloc_live();

            assert_true(n < ROUNDS_MAX);
            run(scenarios[i], n);
            hit = hf_alloc_fail_hit();
            hf_alloc_fail_at(0);
            if (!g.link.aborted && g.link.out_bytes == 0)
                fail_msg("scenario %zu, allocation %u: no answer and no end", i, (unsigned)n);
            gateway_teardown(NULL);
            if (hf_alloc_live() != before)
                fail_msg("scenario %zu, allocation %u: something is left", i, (unsigned)n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_allocation_fails)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
