#include "agent/source.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

void hf_source_free(struct hf_source *source)
{
    if (source != NULL)
        source->ops->free_it(source);
}

void hf_source_push(struct hf_source *source, struct hf_ring *ring, const struct hf_sample *sample)
{
    HF_ASSERT(sample->ts_ns >= source->last_ns && hf_sample_valid(sample));
    source->last_ns = sample->ts_ns;
    (void)hf_ring_push(ring, sample); /* what it refuses it counts */
    hf_source_count(&source->counters.captured);
}

void hf_source_complain(struct hf_source *source, const char *format, ...)
{
    char text[HF_SOURCE_TEXT_BYTES];
    va_list args;

    if (source->complain == NULL || source->complaints > HF_SOURCE_COMPLAINTS_MAX)
        return;
    if (source->complaints++ == HF_SOURCE_COMPLAINTS_MAX) {
        source->complain(source->context, "more of the same is counted, not told");
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    source->complain(source->context, text);
}

void hf_source_bad_line(struct hf_source *source, uint64_t line, enum hf_row_result result,
                        enum hf_row_field field)
{
    bool named = result == HF_ROW_NUMBER || result == HF_ROW_RANGE;

    hf_source_count(&source->counters.bad[result]);
    hf_source_complain(source, "line %llu: %s%s%s", (unsigned long long)line, hf_row_text(result),
                       named ? ": " : "", named ? hf_row_field_name(field) : "");
}
