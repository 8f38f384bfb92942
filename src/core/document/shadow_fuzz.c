/* Properties: whatever a peer calls a change, a shadow within its limits comes of it or none; it is one version newer or the same; what is stored of it decodes to the very same
 * bytes; what it lacks is an object; and what is taken once is taken again as no change. First byte: the kind; then two changes, with a line end between. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"
#include "core/document/shadow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static const struct hf_shadow_limits limits = {4096, 6};

static void check(const struct hf_shadow *shadow)
{
    struct hf_shadow again;
    char *delta = NULL;
    size_t bytes = 0, twice = 0;

    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        HF_ASSERT(shadow->bytes[i] <= limits.section_bytes_max &&
                  (shadow->text[i] == NULL ||
                   hf_json_scan(shadow->text[i], shadow->bytes[i], NULL, 0, limits.depth_max) == HF_OK));
    HF_ASSERT(hf_shadow_delta(shadow, &delta) == HF_OK &&
              hf_json_type_of(hf_slice_of(delta)) == HF_JSON_OBJECT);
    free(delta);
    char *text = hf_shadow_encode(shadow, (struct hf_slice){NULL, 0}, &bytes);
    HF_ASSERT(hf_shadow_decode((struct hf_slice){text, bytes}, &again) == HF_OK);
    char *same = hf_shadow_encode(&again, (struct hf_slice){NULL, 0}, &twice);
    HF_ASSERT(bytes == twice && memcmp(text, same, bytes) == 0);
    free(text);
    free(same);
    hf_shadow_deinit(&again);
}

static void take(struct hf_shadow *shadow, uint8_t kind, struct hf_slice json)
{
    const struct hf_shadow_change change = {
        .kind = kind, .merge = HF_MERGE_LWW, .sections = 7, .named = true, .json = json};
    struct hf_shadow after;

    if (hf_shadow_change(shadow, &change, &limits, 5, &after) != HF_REASON_NONE)
        return;
    HF_ASSERT(after.version == shadow->version || after.version == shadow->version + 1);
    hf_shadow_deinit(shadow);
    *shadow = after;
    if (shadow->version > 0)
        check(shadow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_shadow shadow = {0};

    if (data_bytes < 2)
        return 0;
    const char *text = (const char *)data + 1;
    const char *end = memchr(text, '\n', data_bytes - 1);
    size_t first = end != NULL ? (size_t)(end - text) : data_bytes - 1;
    take(&shadow, data[0] & 1 ? HF_PATCH_JSON : HF_PATCH_MERGE, (struct hf_slice){text, first});
    if (end != NULL)
        take(&shadow, data[0] & 2 ? HF_PATCH_JSON : HF_PATCH_MERGE,
             (struct hf_slice){end + 1, data_bytes - 2 - first});
    hf_shadow_deinit(&shadow);
    if (hf_shadow_decode((struct hf_slice){text, data_bytes - 1}, &shadow) == HF_OK)
        hf_shadow_deinit(&shadow);
    return 0;
}
