/* Properties: whatever a peer calls a change, a shadow within its limits comes of it or none; it is one version newer or the same; what is stored of it decodes to the very same
 * bytes; what it lacks is an object; and what is taken once is taken again as no change. First byte: the kinds, by bit; then changes, with a line end between, from the third on
 * from an older version, by the rule oplog. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"
#include "core/document/shadow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { CHANGES_MAX = 4 };

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

static void take(struct hf_shadow *shadow, uint8_t kind, uint64_t base, struct hf_slice json)
{
    const struct hf_shadow_change change = {.kind = kind,
                                            .merge = base ? HF_MERGE_OPLOG : HF_MERGE_LWW,
                                            .sections = 15,
                                            .base_version = base,
                                            .named = true,
                                            .json = json};
    struct hf_shadow_outcome outcome;
    struct hf_shadow after;
    struct hf_slice refused, taken;

    enum hf_reason reason = hf_shadow_change(shadow, &change, &limits, 5, &outcome, &after);
    HF_ASSERT((outcome.refused != NULL) == (outcome.refused_count > 0) &&
              (outcome.refused == NULL || (base != 0 && base < shadow->version)));
    refused = hf_slice_of(outcome.refused);
    taken = hf_slice_of(outcome.taken);
    HF_ASSERT(outcome.refused == NULL || (hf_json_type_of(refused) == HF_JSON_ARRAY && taken.bytes > 0));
    hf_shadow_outcome_deinit(&outcome);
    if (reason != HF_REASON_NONE)
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
    const char *end = text + data_bytes - 1;
    for (unsigned n = 0; n < CHANGES_MAX && text < end; n++) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        const char *next = line != NULL ? line : end;

        take(&shadow, data[0] >> n & 1 ? HF_PATCH_JSON : HF_PATCH_MERGE, n >= 2 ? n - 1 : 0,
             (struct hf_slice){text, (size_t)(next - text)});
        text = next + 1;
    }
    hf_shadow_deinit(&shadow);
    if (hf_shadow_decode((struct hf_slice){(const char *)data + 1, data_bytes - 1}, &shadow) == HF_OK)
        hf_shadow_deinit(&shadow);
    return 0;
}
