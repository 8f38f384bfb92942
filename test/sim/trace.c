#include "sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/hash.h"

void sim_trace_init(struct sim_trace *trace, const struct sim_events *events, FILE *out, bool hashing)
{
    *trace = (struct sim_trace){.events = events, .out = out, .hashing = hashing};
}

void sim_trace(struct sim_trace *trace, const char *who, const char *format, ...)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "holdfast-sim";
    char line[512];
    va_list arguments;

    if (!trace->hashing && trace->out == NULL)
        return;
    int bytes = snprintf(line, sizeof(line), "%5" PRIu64 ".%06" PRIu64 " %-6s ",
                         trace->events->now_us / 1000000, trace->events->now_us % 1000000, who);
    va_start(arguments, format);
    (void)vsnprintf(line + bytes, sizeof(line) - (size_t)bytes, format, arguments);
    va_end(arguments);
    trace->lines++;
    if (trace->hashing)
        trace->hash = hf_hash_mix(trace->hash ^ hf_hash(key, line, strlen(line)));
    if (trace->out != NULL)
        fprintf(trace->out, "%s\n", line);
}
