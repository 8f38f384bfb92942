#include "cli/agent_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "cli/args.h"
#include "codec/json/out.h"
#include "io/clock.h"

enum { LINE_BYTES = 2048 };

void hf_cli_agent_print_init(struct hf_cli_agent_print *print, bool json)
{
    print->json = json;
    (void)setvbuf(stdout, NULL, _IOLBF,
                  LINE_BYTES * 2); /* whoever reads through a pipe has each line at once */
}

static void print_object(const struct hf_sb *sb)
{
    (void)printf("%.*s\n", (int)sb->bytes, sb->at);
}

static void begin(struct hf_json_out *out, struct hf_sb *sb, char *storage, const char *type)
{
    hf_sb_init(sb, storage, LINE_BYTES);
    hf_json_out_init(out, sb);
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "type", type);
    hf_json_out_time(out, "time", hf_clock_utc_ms());
}

void hf_cli_agent_print_note(struct hf_cli_agent_print *print, const char *device, enum hf_agent_note note,
                             const char *text)
{
    static const char *const types[] = {"open", "close", "given_up", "trouble"};
    static const char *const words[] = {"", "closed: ", "closed for good: ", "trouble: "};
    char storage[LINE_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    if (!print->json) {
        flockfile(stderr); /* the capture thread has words, too */
        hf_cli_print_time(stderr, hf_clock_utc_ms());
        (void)fprintf(stderr, " %s%s%s", device != NULL ? device : "", device != NULL ? " " : "",
                      words[note]);
        hf_cli_print_text(stderr, hf_slice_of(text));
        (void)fputc('\n', stderr);
        funlockfile(stderr);
        return;
    }
    begin(&out, &sb, storage, types[note]);
    if (device != NULL)
        hf_json_out_cstr(&out, "device", device);
    hf_json_out_cstr(&out, "text", text);
    hf_json_out_end(&out);
    print_object(&sb);
}

void hf_cli_agent_print_line(struct hf_cli_agent_print *print, const char *text)
{
    char storage[LINE_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    if (!print->json) {
        (void)fprintf(stderr, "source: %s\n", text);
        return;
    }
    begin(&out, &sb, storage, "source");
    hf_json_out_cstr(&out, "text", text);
    hf_json_out_end(&out);
    print_object(&sb);
}

static uint64_t bad_lines(const struct hf_source_counters *counters)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < HF_ROW_RESULTS; i++)
        all += atomic_load_explicit(&counters->bad[i], memory_order_relaxed);
    return all;
}

static void print_words(const struct hf_cli_agent_print *print, const struct hf_agent_status *status,
                        const struct hf_source_counters *counters, bool last)
{
    char bytes[HF_CLI_SHORT_BYTES];

    flockfile(stderr);
    hf_cli_print_time(stderr, hf_clock_utc_ms());
    (void)fprintf(stderr,
                  "%s %u of %u connected, samples %" PRIu64 " captured, %" PRIu64 " accepted, %" PRIu64
                  " lost; batches %" PRIu64 " at the %s, %" PRIu64 " queued (%s)",
                  last ? " ended:" : "", status->connected, status->devices, status->samples_captured,
                  status->samples_accepted, status->samples_lost, status->batches_sent,
                  print->broker ? "broker" : "gateway", status->queued,
                  hf_cli_bytes_text((double)status->queued_bytes, bytes));
    if (status->paths_suspect > 0)
        (void)fprintf(stderr, "; %u paths suspect", status->paths_suspect);
    if (bad_lines(counters) > 0)
        (void)fprintf(stderr, "; %" PRIu64 " bad lines", bad_lines(counters));
    if (status->batches_failed + status->batches_dropped > 0)
        (void)fprintf(stderr, "; batches %" PRIu64 " failed, %" PRIu64 " dropped", status->batches_failed,
                      status->batches_dropped);
    (void)fputc('\n', stderr);
    funlockfile(stderr);
}

void hf_cli_agent_print_status(struct hf_cli_agent_print *print, const struct hf_agent_status *status,
                               const struct hf_source_counters *counters, bool last)
{
    char storage[LINE_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    if (!print->json) {
        print_words(print, status, counters, last);
        return;
    }
    begin(&out, &sb, storage, last ? "end" : "status");
    hf_json_out_u64(&out, "devices", status->devices);
    hf_json_out_u64(&out, "connected", status->connected);
    hf_json_out_u64(&out, "paths_suspect", status->paths_suspect);
    hf_json_out_u64(&out, "captured", status->samples_captured);
    hf_json_out_u64(&out, "accepted", status->samples_accepted);
    hf_json_out_u64(&out, "lost", status->samples_lost);
    hf_json_out_u64(&out, "batches_accepted", status->batches_accepted);
    hf_json_out_u64(&out, "batches_put_back", status->batches_put_back);
    hf_json_out_u64(&out, "batches_sent", status->batches_sent);
    hf_json_out_u64(&out, "batches_failed", status->batches_failed);
    hf_json_out_u64(&out, "batches_dropped", status->batches_dropped);
    hf_json_out_u64(&out, "batches_queued", status->queued);
    hf_json_out_u64(&out, "queued_bytes", status->queued_bytes);
    hf_json_out_u64(&out, "connections", status->connections);
    hf_json_out_u64(&out, "bytes_out", status->bytes_out);
    hf_json_out_time(&out, "newest", status->newest_utc_ms);
    hf_json_out_object(&out, "bad_lines");
    for (unsigned i = HF_ROW_NONE + 1; i < HF_ROW_RESULTS; i++) {
        uint64_t count = atomic_load_explicit(&counters->bad[i], memory_order_relaxed);

        if (count > 0)
            hf_json_out_u64(&out, hf_row_text((enum hf_row_result)i), count);
    }
    hf_json_out_end(&out);
    hf_json_out_u64(&out, "drivers_refused",
                    atomic_load_explicit(&counters->drivers_refused, memory_order_relaxed));
    hf_json_out_u64(&out, "drivers_put_off",
                    atomic_load_explicit(&counters->drivers_put_off, memory_order_relaxed));
    hf_json_out_u64(&out, "unread", atomic_load_explicit(&counters->unread, memory_order_relaxed));
    hf_json_out_u64(&out, "skipped", atomic_load_explicit(&counters->skipped, memory_order_relaxed));
    hf_json_out_end(&out);
    print_object(&sb);
}
