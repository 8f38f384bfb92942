/* codec/ws/deflate_fuzz.c - properties of permessage-deflate. Byte 0 mod 3 chooses one:
 * 0. a negotiation value: what is agreed on can be written and read back, and fits the other role's rules;
 * 1. inflating does not depend on how the input is cut and how much comes out at once;
 * 2. what is compressed inflates to itself, in both takeover modes, message after message. */
#include "codec/ws/deflate.h"
#include "codec/ws/ws_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { INFLATED_BYTES_MAX = 20000 };

static void negotiation(const uint8_t *data, size_t bytes, uint8_t choice)
{
    struct hf_ws_deflate wanted = {.on = true,
                                   .server_no_context_takeover = (choice & 1) != 0,
                                   .client_no_context_takeover = (choice & 2) != 0,
                                   .server_max_window_bits = (uint8_t)(8 + (choice >> 2) % 8),
                                   .client_max_window_bits = (uint8_t)(8 + (choice >> 5) % 8)};
    struct hf_ws_deflate agreed = {.on = false}, as_client = {.on = false};
    struct hf_ws_deflate offered = HF_WS_DEFLATE_DEFAULT;
    char text[256];
    struct hf_sb sb;
    char *copy = malloc(bytes + 1); /* exact, so that a read behind it is seen */
    struct hf_slice value;

    HF_ASSERT(copy != NULL);
    memcpy(copy, data, bytes);
    copy[bytes] = '"'; /* must not be seen */
    value = (struct hf_slice){copy, bytes};
    (void)hf_ws_deflate_check_answer(value, &offered, &as_client);
    if (as_client.on)
        HF_ASSERT(as_client.server_no_context_takeover && as_client.client_max_window_bits == 15);
    if (hf_ws_deflate_answer(value, &wanted, &agreed) == HF_OK && agreed.on) {
        struct hf_ws_deflate again = {.on = false};

        HF_ASSERT(agreed.server_max_window_bits <= wanted.server_max_window_bits);
        HF_ASSERT(agreed.server_max_window_bits >= 8 && agreed.client_max_window_bits >= 8);
        hf_sb_init(&sb, text, sizeof text);
        hf_ws_deflate_write_answer(&agreed, &sb);
        HF_ASSERT(!sb.overflow);
        HF_ASSERT(hf_ws_deflate_answer(hf_sb_done(&sb), &agreed, &again) == HF_OK && again.on);
        HF_ASSERT(again.server_max_window_bits == agreed.server_max_window_bits);
        HF_ASSERT(again.client_max_window_bits == agreed.client_max_window_bits);
        HF_ASSERT(again.server_no_context_takeover == agreed.server_no_context_takeover);
        HF_ASSERT(again.client_no_context_takeover == agreed.client_no_context_takeover);
    }
    free(copy);
}

struct inflated {
    uint8_t at[INFLATED_BYTES_MAX];
    size_t bytes;
    enum hf_ws_rule rule;
};

static void inflate_all(struct hf_ws_inflater *inflater, bool takeover, bool text, const uint8_t *data,
                        size_t bytes, size_t in_chunk, size_t out_chunk, struct inflated *ret)
{
    uint8_t *out = malloc(out_chunk);
    bool done = false;
    hf_err err = HF_OK;

    HF_ASSERT(out != NULL);
    ret->bytes = 0;
    ret->rule = HF_WS_RULE_NONE;
    hf_ws_inflater_begin(inflater, takeover, text, INFLATED_BYTES_MAX);
    for (size_t at = 0; !done && err == HF_OK;) {
        size_t n = bytes - at < in_chunk ? bytes - at : in_chunk, out_bytes;
        struct hf_slice in = {(const char *)data + at, n};

        at += n;
        do {
            err = hf_ws_inflater_feed(inflater, &in, at == bytes, out, out_chunk, &out_bytes, &done,
                                      &ret->rule);
            HF_ASSERT(out_bytes <= out_chunk && ret->bytes + out_bytes <= INFLATED_BYTES_MAX);
            memcpy(ret->at + ret->bytes, out, out_bytes);
            ret->bytes += out_bytes;
        } while (err == HF_OK && !done && (in.bytes > 0 || out_bytes == out_chunk));
        HF_ASSERT(done || err != HF_OK || at < bytes);
    }
    HF_ASSERT((err == HF_OK) == (ret->rule == HF_WS_RULE_NONE));
    free(out);
}

static void inflating(struct hf_ws_inflater *inflater, const uint8_t *data, size_t bytes, uint8_t choice)
{
    static struct inflated whole, cut;
    bool text = (choice & 1) != 0;

    inflate_all(inflater, false, text, data, bytes, bytes + 1, 2 * INFLATED_BYTES_MAX, &whole);
    inflate_all(inflater, false, text, data, bytes, 1 + (choice >> 4), 1 + (choice & 15) * 37, &cut);
    HF_ASSERT(whole.rule == cut.rule);
    if (whole.rule == HF_WS_RULE_NONE)
        HF_ASSERT(whole.bytes == cut.bytes && memcmp(whole.at, cut.at, cut.bytes) == 0);
}

static void identity(struct hf_ws_deflater *deflater, struct hf_ws_inflater *inflater, const uint8_t *data,
                     size_t bytes, uint8_t choice)
{
    static struct inflated got;
    static uint8_t payload[2 * INFLATED_BYTES_MAX];
    bool takeover = (choice & 1) != 0;

    if (bytes > INFLATED_BYTES_MAX)
        bytes = INFLATED_BYTES_MAX;
    for (size_t at = 0, part = 1 + bytes / (1 + (choice >> 6)); at <= bytes; at += part) {
        size_t n = bytes - at < part ? bytes - at : part, payload_bytes;

        HF_ASSERT(hf_ws_deflater_message(deflater, takeover && at > 0,
                                         (struct hf_slice){(const char *)data + at, n}, payload,
                                         sizeof payload, &payload_bytes) == HF_OK);
        inflate_all(inflater, takeover && at > 0, false, payload, payload_bytes, 1 + choice, 1 + choice * 5,
                    &got);
        HF_ASSERT(got.rule == HF_WS_RULE_NONE && got.bytes == n && memcmp(got.at, data + at, n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct ws_heap heap = {.calls = 0};
    struct hf_ws_memory memory = ws_heap_memory(&heap);
    struct hf_ws_deflater *deflater = NULL;
    struct hf_ws_inflater *inflater = NULL;
    uint8_t choice;

    if (data_bytes < 2)
        return 0;
    choice = data[1];
    if (data[0] % 3 == 0) {
        negotiation(data + 2, data_bytes - 2, choice);
        return 0;
    }
    HF_ASSERT(hf_ws_inflater_new(&memory, 15, &inflater) == HF_OK);
    if (data[0] % 3 == 1) {
        inflating(inflater, data + 2, data_bytes - 2, choice);
    } else {
        HF_ASSERT(hf_ws_deflater_new(&memory, 9 + choice % 7, 1 + choice % 9, 1 + choice % 9, &deflater) ==
                  HF_OK);
        identity(deflater, inflater, data + 2, data_bytes - 2, choice);
    }
    hf_ws_deflater_free(deflater);
    hf_ws_inflater_free(inflater);
    HF_ASSERT(heap.live_blocks == 0);
    return 0;
}
