#include "bench/chaos/stats.h"

#include <inttypes.h>

void hf_chaos_stats_json(const struct hf_chaos_stats *stats, struct hf_json_out *out)
{
#define STATS_JSON(field, text) hf_json_out_u64(out, #field, stats->field);
    HF_CHAOS_STATS_MAP(STATS_JSON)
#undef STATS_JSON
}

void hf_chaos_stats_print(const struct hf_chaos_stats *stats, FILE *out)
{
#define STATS_PRINT(field, text) \
    if (stats->field > 0)        \
        (void)fprintf(out, "  %12" PRIu64 "  %-20s %s\n", stats->field, #field, text);
    HF_CHAOS_STATS_MAP(STATS_PRINT)
#undef STATS_PRINT
}
