/* Properties: no body makes a reader run off; what decodes encodes to the very same bytes. So do rows of every table. */
#include <stdlib.h>

#include "base/assert.h"
#include "core/event.h"
#include "core/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void event(const uint8_t *data, size_t data_bytes)
{
    struct hf_event event;

    if (hf_event_decode(data, data_bytes, &event) != HF_OK)
        return;
    HF_ASSERT(hf_event_bytes(&event) == data_bytes);
    uint8_t *out = malloc(data_bytes);
    HF_ASSERT(hf_event_encode(&event, out) == data_bytes && memcmp(out, data, data_bytes) == 0);
    free(out);
}

#define ROW(row)                                                                                          \
    static void row(struct hf_slice value)                                                                \
    {                                                                                                     \
        struct hf_##row##_row first, again;                                                               \
        size_t room = value.bytes + 512;                                                                  \
                                                                                                          \
        if (hf_##row##_row_decode(value, &first) != HF_OK)                                                \
            return;                                                                                       \
        uint8_t *out = malloc(room), *twice = malloc(room);                                               \
        size_t bytes = hf_##row##_row_encode(&first, out, room);                                          \
        HF_ASSERT(bytes > 0);                                                                             \
        HF_ASSERT(hf_##row##_row_decode((struct hf_slice){(const char *)out, bytes}, &again) == HF_OK);   \
        HF_ASSERT(hf_##row##_row_encode(&again, twice, room) == bytes && memcmp(out, twice, bytes) == 0); \
        free(out);                                                                                        \
        free(twice);                                                                                      \
    }

ROW(device)
ROW(message)
ROW(key)
ROW(idempotency)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_slice value = {(const char *)data, data_bytes};
    struct hf_event logged;

    event(data, data_bytes);
    (void)hf_event_row_decode(value, &logged);
    device(value);
    message(value);
    key(value);
    idempotency(value);
    return 0;
}
