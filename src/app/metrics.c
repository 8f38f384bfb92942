/* app/metrics.c - what /metrics says. Base units, _total for counters only, a `reason` label, never a device (OBS-1). Values
 * are copies that each worker makes once a second, so reading them disturbs nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/fleet_index.h"
#include "app/heap.h"
#include "app/heatmap.h"
#include "app/metrics_page.h"
#include "app/tls_metrics.h"
#include "app/worker.h"
#include "io/clock.h"

/* ---- the sums ---- */

#define SUM_U64(into, from, type)                                                         \
    do {                                                                                  \
        _Static_assert(sizeof(type) % sizeof(uint64_t) == 0, "all members are counters"); \
        uint64_t *sum_ = (uint64_t *)(into);                                              \
        const uint64_t *add_ = (const uint64_t *)(from);                                  \
        for (size_t i_ = 0; i_ < sizeof(type) / sizeof(uint64_t); i_++)                   \
            sum_[i_] += add_[i_];                                                         \
    } while (0)

void hf_gateway_sum(struct hf_gateway *gateway, struct hf_worker_stats *sum, struct hf_worker_stats *scratch)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        hf_worker_stats(gateway->workers[i], scratch);
        SUM_U64(&sum->hub, &scratch->hub, struct hf_hub_stats);
        SUM_U64(&sum->ws, &scratch->ws, struct hf_ws_stats);
        SUM_U64(&sum->pushes, &scratch->pushes, struct hf_pusher_stats);
        SUM_U64(&sum->http, &scratch->http, struct hf_http_stats);
        SUM_U64(&sum->api, &scratch->api, struct hf_api_stats);
        SUM_U64(&sum->admission, &scratch->admission, struct hf_admission_stats);
        SUM_U64(&sum->echo, &scratch->echo, struct hf_echo_stats);
        hf_gbw_stats_add(&sum->gb, &scratch->gb);
        hf_ledger_add(&sum->ledger, &scratch->ledger);
        hf_held_add(&sum->held, &scratch->held);
        hf_hist_merge(&sum->loop.stall_us, &scratch->loop.stall_us);
        hf_hist_merge(&sum->stages.accept, &scratch->stages.accept);
        hf_hist_merge(&sum->stages.tls, &scratch->stages.tls);
        hf_hist_merge(&sum->stages.upgrade, &scratch->stages.upgrade);
        hf_hist_merge(&sum->stages.auth, &scratch->stages.auth);
        sum->loop.turns += scratch->loop.turns;
        sum->loop.rests += scratch->loop.rests;
        sum->loop.streams_now += scratch->loop.streams_now;
        sum->loop.received_bytes += scratch->loop.received_bytes;
        sum->loop.sent_bytes += scratch->loop.sent_bytes;
        sum->loop.sends += scratch->loop.sends;
        sum->loop.send_batches += scratch->loop.send_batches;
        sum->loop.blocked += scratch->loop.blocked;
        sum->loop.queue_bytes_now += scratch->loop.queue_bytes_now;
        sum->loop.handshakes_done += scratch->loop.handshakes_done;
        sum->loop.handshakes_failed += scratch->loop.handshakes_failed;
        sum->loop.handshakes_put_off += scratch->loop.handshakes_put_off;
        sum->loop.handshakes_waiting += scratch->loop.handshakes_waiting;
        sum->journal_records += scratch->journal_records;
        sum->journal_refused += scratch->journal_refused;
        sum->journal_in_flight_bytes += scratch->journal_in_flight_bytes;
        sum->backlog += scratch->backlog;
        sum->moved_in += scratch->moved_in;
        sum->refused_no_descriptor += scratch->refused_no_descriptor;
        sum->accepted += scratch->accepted;
        sum->accept_pauses += scratch->accept_pauses;
    }
}

uint64_t hf_gateway_resident_bytes(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers */
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- the parts of the page ---- */

/* A counter of the sums, each of which is an uint64_t. */
#define ROW(name, type, help, member)                                                     \
    {                                                                                     \
        name, type, help,                                                                 \
            offsetof(struct hf_worker_stats, member) +                                    \
                0 * sizeof(_Generic(((struct hf_worker_stats *)0)->member, uint64_t : 0)) \
    }

static void process(struct hf_page *text, struct hf_gateway *gateway, const struct hf_worker_stats *sum)
{
    struct rusage usage;
    struct rlimit files;

    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    hf_page_one(text, "process_cpu_seconds_total", "counter", "CPU time of the process, user and system",
                (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    hf_page_one(text, "process_resident_memory_bytes", "gauge", "resident memory",
                (double)hf_gateway_resident_bytes());
    if (hf_heap_bytes != NULL) {
        struct hf_heap_bytes heap = hf_heap_bytes();

        hf_page_one(text, "heap_allocated_bytes_total", "counter",
                    "bytes that malloc gave out, in the whole process", (double)heap.allocated);
        hf_page_one(text, "heap_freed_bytes_total", "counter", "bytes that it got back", (double)heap.freed);
    }
    hf_page_one(text, "process_descriptors", "gauge",
                "open files: those before the first connection, sockets of connections and of media",
                (double)hf_pools_descriptors(gateway, sum->loop.streams_now));
    hf_page_one(text, "process_descriptors_max", "gauge", "open-file limit of the process",
                (double)files.rlim_cur);
    hf_page_one(text, "start_time_seconds", "gauge", "start of the process, UTC",
                (double)gateway->started_utc_ms / 1000);
    hf_page_head(text, "build_info", "gauge", "version of this gateway");
    hf_page_add(text, "holdfast_build_info{version=\"%s\"} 1\n", HF_VERSION);
}

static void log_lines(struct hf_page *text, const struct hf_log_sink_file *sink)
{
    hf_page_head(text, "log_lines_dropped_total", "counter",
                 "log lines that nobody took, or that could not be written");
    for (unsigned i = 0; i < HF_LOG_TOS; i++)
        if (sink->to[i] != NULL)
            hf_page_add(text, "holdfast_log_lines_dropped_total{to=\"%s\"} %llu\n", hf_log_to_name(i),
                        (unsigned long long)hf_log_writer_dropped(sink->to[i]));
}

static const struct hf_page_row connection_rows[] = {
    ROW("connections_opened_total", "counter", "device connections let in", hub.connects),
    ROW("connections_accepted_total", "counter", "sockets accepted", accepted),
    ROW("accept_pauses_total", "counter",
        "times that a listener took nobody for 0.1 s: no descriptor or memory, or an error of the system",
        accept_pauses),
    ROW("connections_admitted_total", "counter", "sockets that admission let in", admission.admitted),
};

static const struct hf_page_row handshake_rows[] = {
    ROW("connections_moved_total", "counter", "connections that moved to their home worker", moved_in),
    ROW("tls_handshakes_total", "counter", "TLS handshakes completed", loop.handshakes_done),
    ROW("tls_handshakes_failed_total", "counter", "TLS handshakes failed", loop.handshakes_failed),
    ROW("tls_handshakes_timed_out_total", "counter", "TLS handshakes that were not complete in time",
        http.tls_timeouts),
    ROW("tls_handshakes_put_off_total", "counter", "turns in which the handshake budget was used up",
        loop.handshakes_put_off),
};

static void connections(struct hf_page *text, const struct hf_worker_stats *sum)
{
    hf_page_head(text, "connections", "gauge", "open connections by state");
    hf_page_add(text, "holdfast_connections{state=\"device\"} %llu\n",
                (unsigned long long)sum->hub.connections);
    hf_page_add(
        text, "holdfast_connections{state=\"other\"} %llu\n",
        (unsigned long long)(sum->loop.streams_now - HF_MIN(sum->loop.streams_now, sum->hub.connections)));
    hf_page_head(text, "devices", "gauge", "devices in memory by presence");
    for (unsigned i = 0; i < HF_PRESENCES; i++)
        hf_page_add(text, "holdfast_devices{presence=\"%s\"} %llu\n", hf_presence_name(i),
                    (unsigned long long)sum->hub.presence[i]);
    hf_page_rows(text, connection_rows, HF_COUNT_OF(connection_rows), sum);
    hf_page_by_reason(text, "connections_refused_total", "sockets refused at accept, before TLS",
                      sum->admission.refused);
    hf_page_one(text, "connections_refused_descriptors_total", "counter",
                "refused for want of file descriptors", (double)sum->refused_no_descriptor);
    hf_page_by_reason(text, "upgrades_refused_total", "device connections refused at the upgrade",
                      sum->http.upgrades_refused);
    hf_page_by_reason(text, "disconnects_total", "device connections ended, each with one reason",
                      sum->hub.disconnects);
    hf_page_rows(text, handshake_rows, HF_COUNT_OF(handshake_rows), sum);
    hf_page_one(text, "tls_handshakes_waiting", "gauge", "handshakes that wait for CPU",
                (double)sum->loop.handshakes_waiting);
    hf_page_histogram(text, "accept_seconds",
                      "from a connection that the kernel has completed to one that is ours, by its ticks",
                      &sum->stages.accept);
    hf_page_histogram(text, "tls_handshake_seconds", "accept to the client's Finished", &sum->stages.tls);
    hf_page_histogram(text, "upgrade_seconds",
                      "from there, or from the accept without TLS, to a device's 101; its credentials aside",
                      &sum->stages.upgrade);
    hf_page_histogram(text, "auth_seconds", "check of a device's credentials, at the upgrade or in-band",
                      &sum->stages.auth);
}

static void close_codes(struct hf_page *text, const struct hf_worker_stats *sum)
{
    size_t rows;
    const struct hf_reason_info *table = hf_reason_table(&rows);

    hf_page_head(text, "closes_total", "counter",
                 "device connections ended, by WebSocket close code and reason");
    for (size_t i = 0; i < rows; i++)
        if (sum->ws.closes[table[i].reason] > 0)
            hf_page_add(text, "holdfast_closes_total{code=\"%u\",reason=\"%s\"} %llu\n",
                        table[i].ws_code ? table[i].ws_code : 1006u, table[i].name,
                        (unsigned long long)sum->ws.closes[table[i].reason]);
}

static const struct hf_page_row message_rows[] = {
    ROW("messages_received_total", "counter", "messages from devices", hub.messages_in),
    ROW("messages_received_bytes_total", "counter", "their payload", hub.messages_in_bytes),
    ROW("messages_sent_total", "counter", "messages given to device sockets", hub.messages_out),
    ROW("messages_sent_bytes_total", "counter", "their payload", hub.messages_out_bytes),
    ROW("messages_pending", "gauge", "messages and commands that wait for devices", hub.pending),
    ROW("acks_sent_total", "counter", "acknowledgements of durable messages", ws.acks_out),
    ROW("rate_limited_total", "counter", "times a device was above its rate and was not read",
        hub.rate_limited),
    ROW("input_held_total", "counter", "times input of a device had to wait", ws.held),
    ROW("input_held_bytes", "gauge", "input of devices that waits", ws.held_bytes_now),
    ROW("auth_graced_total", "counter", "times that a first message got more time because it lay unread here",
        ws.auth_graced),
    ROW("compression_windows", "gauge", "connections with context takeover", ws.windows_now),
    ROW("compression_windows_refused_total", "counter", "connections that had to do without it",
        ws.windows_refused),
    ROW("results_unmatched_total", "counter", "results of commands that nobody waits for",
        hub.results_unmatched),
    ROW("pings_sent_total", "counter", "WebSocket Pings sent", ws.pings_out),
    ROW("pongs_received_total", "counter", "WebSocket Pongs received", ws.pongs_in),
    ROW("unknown_types_total", "counter", "raw messages of unknown type, stored under a default topic",
        ws.unknown_type),
    ROW("not_json_total", "counter", "raw text that is not JSON, stored as it is", ws.not_json),
    ROW("subscriptions", "gauge", "topic subscriptions of devices", hub.subscriptions),
    ROW("echo_messages_total", "counter", "messages of the echo listener", echo.messages),
};

static void frames(struct hf_page *text, const char *direction, const uint64_t counts[16])
{
    for (unsigned type = HF_FRAME_NONE; type < HF_FRAME_TYPES; type++)
        if (counts[type] > 0)
            hf_page_add(text, "holdfast_session_frames_total{type=\"%s\",direction=\"%s\"} %llu\n",
                        hf_frame_type_name(type), direction, (unsigned long long)counts[type]);
}

/* Connections of holdfast.v1. */
static const struct hf_page_row session_rows[] = {
    ROW("session_resent_total", "counter", "numbered frames sent again to devices", hub.resent),
    ROW("session_delivered_total", "counter", "messages and commands that devices have durably",
        hub.delivered),
    ROW("session_refused_total", "counter", "frames of devices answered with REFUSE", ws.session.refused),
    ROW("session_refused_again_total", "counter", "of them behind WELCOME: the device may have missed it",
        ws.session.refused_again),
    ROW("session_refusals_full_total", "counter",
        "connections closed because more messages were refused than their device could be told again",
        hub.refusals_full),
    ROW("session_window_full_total", "counter",
        "times that messages waited because a device's window was full", ws.session.window_full),
    ROW("session_stalled_total", "counter", "connections ended because nothing was acknowledged",
        ws.session.stalled),
    ROW("session_degraded_total", "counter", "connections that became DEGRADED", ws.session.degraded),
    ROW("session_restored_total", "counter", "and healthy again", ws.session.restored),
    ROW("session_clocks_skewed_total", "counter", "times that a device's clock was found more than 2 s off",
        ws.session.clocks_skewed),
    ROW("session_crc_wrong_total", "counter", "frames with a wrong checksum", ws.session.crc_wrong),
    ROW("session_invalid_heartbeats_total", "counter", "heartbeats that were malformed or old",
        ws.session.invalid_heartbeats),
    ROW("session_evidence_total", "counter",
        "silences prolonged because the peer's kernel acknowledged bytes", ws.session.granted),
    ROW("session_events_refused_total", "counter", "events that a connection's state has no cell for",
        ws.session.events_refused),
};

static void sessions(struct hf_page *text, const struct hf_worker_stats *sum)
{
    static const char *const results[] = {
        [HF_SESSION_NEW] = "new", [HF_SESSION_RESUMED] = "resumed", [HF_SESSION_REBUILT] = "rebuilt"};
    const struct hf_ws_session_stats *ws = &sum->ws.session;

    hf_page_head(text, "sessions_opened_total", "counter",
                 "sessions opened, by what became of the one before");
    for (size_t i = 0; i < HF_COUNT_OF(results); i++)
        hf_page_add(text, "holdfast_sessions_opened_total{result=\"%s\"} %llu\n", results[i],
                    (unsigned long long)sum->hub.sessions[i]);
    hf_page_by_reason(text, "sessions_rebuilt_total", "sessions that could not be resumed", sum->hub.rebuilt);
    hf_page_head(text, "session_frames_total", "counter", "frames of holdfast.v1; up is from devices");
    frames(text, "up", ws->frames_in);
    frames(text, "down", ws->frames_out);
    hf_page_one(text, "session_duplicates_total", "counter", "numbered frames that were there already",
                (double)sum->hub.uplink_duplicates);
    hf_page_one(text, "session_early_total", "counter", "numbered frames that came before their turn",
                (double)sum->hub.uplink_early);
    hf_page_head(text, "session_gaps_total", "counter", "numbers without a message, declared by the sender");
    hf_page_add(text, "holdfast_session_gaps_total{direction=\"up\"} %llu\n",
                (unsigned long long)sum->hub.uplink_gaps);
    hf_page_add(text, "holdfast_session_gaps_total{direction=\"down\"} %llu\n",
                (unsigned long long)sum->hub.downlink_gaps);
    hf_page_head(text, "session_nacks_total", "counter", "acknowledgements that ask for what is missing");
    hf_page_add(text, "holdfast_session_nacks_total{direction=\"up\"} %llu\n",
                (unsigned long long)ws->nacks_in);
    hf_page_add(text, "holdfast_session_nacks_total{direction=\"down\"} %llu\n",
                (unsigned long long)ws->nacks_out);
    hf_page_head(text, "session_asks_total", "counter", "questions for an acknowledgement");
    hf_page_add(text, "holdfast_session_asks_total{direction=\"up\"} %llu\n",
                (unsigned long long)ws->asks_in);
    hf_page_add(text, "holdfast_session_asks_total{direction=\"down\"} %llu\n",
                (unsigned long long)ws->asks_out);
    hf_page_rows(text, session_rows, HF_COUNT_OF(session_rows), sum);
}

static const struct hf_page_row push_rows[] = {
    ROW("pushes_done_total", "counter", "pushes to groups whose members were all looked at", pushes.done),
    ROW("push_changes_total", "counter", "changes of members' shadows that pushes asked for", pushes.asked),
    ROW("push_put_off_total", "counter",
        "members that could not be changed at once and were left for another round", pushes.put_off),
    ROW("push_refused_total", "counter", "members whose shadow could not be changed", pushes.refused),
};

static const struct hf_page_row shadow_rows[] = {
    ROW("shadows", "gauge", "shadows of devices in memory, which count as documents, too", hub.shadows),
    ROW("shadows_changed_total", "counter", "changes of shadows", hub.shadows_changed),
    ROW("shadows_removed_total", "counter", "named shadows that were deleted", hub.shadows_removed),
    ROW("shadow_deltas_put_off_total", "counter",
        "deltas of shadows that a full link, or a lack of memory, kept from their device until there is room",
        hub.shadows_put_off),
    ROW("shadow_deltas_untold", "gauge", "of them, those that wait now", hub.shadows_untold),
    ROW("shadow_operations_refused_total", "counter",
        "operations of changes of shadows that were refused alone: their path had been changed since",
        hub.shadow_operations_refused),
    ROW("shadow_waits", "gauge", "changes of shadows that wait for a label", hub.shadow_waits),
    ROW("shadow_labels_missed_total", "counter",
        "changes of shadows answered without the label that was waited for", hub.shadow_labels_missed),
};

static void shadows(struct hf_page *text, const struct hf_worker_stats *sum)
{
    hf_page_by_reason(text, "shadows_refused_total", "changes of shadows that were not taken",
                      sum->hub.shadows_refused);
    hf_page_rows(text, shadow_rows, HF_COUNT_OF(shadow_rows), sum);
}

static const struct hf_page_row document_rows[] = {
    ROW("documents", "gauge", "documents of devices and groups in memory", hub.documents),
    ROW("document_bytes", "gauge", "their bytes, as they are stored", hub.document_bytes),
    ROW("documents_changed_total", "counter", "changes of documents", hub.documents_changed),
    ROW("documents_expired_total", "counter", "documents whose time to live was over", hub.documents_expired),
};

static void documents(struct hf_page *text, const struct hf_worker_stats *sum)
{
    hf_page_rows(text, document_rows, HF_COUNT_OF(document_rows), sum);
    hf_page_by_reason(text, "documents_refused_total", "changes of documents that were not taken",
                      sum->hub.documents_refused);
    hf_page_one(text, "document_patch_bytes", "gauge", "changes of documents from devices that are under way",
                (double)sum->ws.document_bytes_now);
    hf_page_one(text, "document_patches_busy_total", "counter",
                "changes from devices refused because too many were under way",
                (double)sum->ws.document_calls_refused);
    hf_page_one(text, "document_answers_put_off_total", "counter",
                "answers to changes and questions from devices that had to wait for room on their link",
                (double)sum->ws.document_answers_put_off);
}

static void renewals(struct hf_page *text, const struct hf_worker_stats *sum)
{
    hf_page_head(text, "certificate_renewals_total", "counter",
                 "requests of devices for their next certificate, by what became of them");
    for (unsigned i = 0; i < HF_RENEWALS; i++)
        hf_page_add(text, "holdfast_certificate_renewals_total{result=\"%s\"} %llu\n", hf_renewal_name(i),
                    (unsigned long long)sum->ws.renewals[i]);
}

static void book(struct hf_page *text, const char *name, const struct hf_ledger_counts *counts)
{
    size_t rows;
    const struct hf_reason_info *table = hf_reason_table(&rows);

    hf_page_add(text,
                "holdfast_ledger_messages_total{stream=\"%s\",fate=\"accepted\",reason=\"none\"} %llu\n",
                name, (unsigned long long)counts->accepted);
    hf_page_add(text,
                "holdfast_ledger_messages_total{stream=\"%s\",fate=\"delivered\",reason=\"none\"} %llu\n",
                name, (unsigned long long)counts->delivered);
    for (size_t i = 0; i < rows; i++)
        if (counts->dropped[table[i].reason] > 0)
            hf_page_add(text,
                        "holdfast_ledger_messages_total{stream=\"%s\",fate=\"dropped\",reason=\"%s\"} %llu\n",
                        name, table[i].name, (unsigned long long)counts->dropped[table[i].reason]);
}

static void ledger(struct hf_page *text, const struct hf_worker_stats *sum)
{
    const struct hf_ledger_snapshot *books = &sum->ledger;

    hf_page_head(text, "ledger_messages_total", "counter",
                 "accepted = delivered + pending + dropped, to the message");
    book(text, "uplink", &books->uplink);
    book(text, "downlink", &books->downlink);
    book(text, "broadcast", &books->broadcast);
    hf_page_head(text, "ledger_pending", "gauge", "accepted and not yet delivered or dropped");
    hf_page_add(text, "holdfast_ledger_pending{stream=\"uplink\"} %llu\n",
                (unsigned long long)books->uplink.pending);
    hf_page_add(text, "holdfast_ledger_pending{stream=\"downlink\"} %llu\n",
                (unsigned long long)books->downlink.pending);
    hf_page_add(text, "holdfast_ledger_pending{stream=\"broadcast\"} %llu\n",
                (unsigned long long)books->broadcast.pending);
    hf_page_one(text, "ledger_difference", "gauge",
                "what the books do not explain; anything but 0 is a defect",
                (double)(hf_ledger_difference(&books->uplink) + hf_ledger_difference(&books->downlink) +
                         hf_ledger_difference(&books->broadcast)));
}

static void by_table(struct hf_page *text, const char *name, const char *type, const char *help,
                     const uint64_t values[HF_KV_TABLES])
{
    hf_page_head(text, name, type, help);
    for (int i = 0; i < HF_KV_TABLES; i++)
        hf_page_add(text, "holdfast_%s{table=\"%s\"} %llu\n", name, hf_kv_table_name((enum hf_kv_table)i),
                    (unsigned long long)values[i]);
}

/* How long histories are, and what ended them. */
static void store_tables(struct hf_page *text, struct hf_gateway *gateway, const struct hf_kv_stats *kv)
{
    uint64_t rows[HF_KV_TABLES], bytes[HF_KV_TABLES], swept[HF_KV_TABLES], trimmed[HF_KV_TABLES];

    for (int i = 0; i < HF_KV_TABLES; i++) {
        rows[i] = kv->tables[i].rows;
        bytes[i] = kv->tables[i].bytes;
        swept[i] = atomic_load(&gateway->store_thread.swept_of[i]);
        trimmed[i] = atomic_load(&gateway->store_thread.trimmed_of[i]);
    }
    by_table(text, "store_rows", "gauge", "rows of a table; of twins: versions of shadows", rows);
    by_table(text, "store_table_bytes", "gauge", "bytes of a table's pages", bytes);
    by_table(text, "store_swept_total", "counter",
             "rows that a sweep removed: too old, or beyond the room of their device or tenant", swept);
    by_table(text, "store_trimmed_total", "counter",
             "rows that newer ones of the same shadow, device or tenant took the place of", trimmed);
}

static void storage(struct hf_page *text, struct hf_gateway *gateway, const struct hf_worker_stats *sum)
{
    static struct hf_log_thread_stats commits; /* large; under this page's lock */
    struct hf_log_stats log;
    struct hf_kv_stats kv;
    uint64_t durable = hf_log_durable_through(gateway->log),
             applied = atomic_load(&gateway->store_thread.applied);

    hf_log_thread_stats(&gateway->log_thread, &commits);
    hf_log_stats(gateway->log, &log);
    hf_kv_stats(gateway->kv, &kv);
    hf_page_one(text, "log_durable_offset", "gauge", "last offset that is durable", (double)durable);
    hf_page_one(text, "log_oldest_offset", "gauge", "first offset that is kept",
                (double)hf_log_oldest_offset(gateway->log));
    hf_page_one(text, "log_bytes", "gauge", "bytes of all segments", (double)log.bytes);
    hf_page_one(text, "log_segments", "gauge", "segment files", (double)log.segments);
    hf_page_one(text, "log_segments_deleted_total", "counter", "segments that went by retention",
                (double)log.segments_deleted_total);
    hf_page_one(text, "log_groups_total", "counter", "group commits", (double)commits.groups);
    hf_page_one(text, "log_records_total", "counter", "records made durable", (double)commits.records);
    hf_page_one(text, "log_record_bytes_total", "counter", "bytes made durable", (double)commits.bytes);
    hf_page_one(text, "log_failures_total", "counter", "groups that could not be written",
                (double)commits.failures);
    hf_page_one(text, "log_writable", "gauge", "1 while the event log takes data",
                atomic_load(&gateway->log_thread.failing_since_ms) == 0);
    hf_page_one(text, "log_gaps_damaged_total", "counter",
                "damaged ranges that readers met, and holes that a repair left",
                (double)log.gaps_damaged_total);
    hf_page_one(text, "log_readers", "gauge", "open readers", (double)log.readers);
    hf_page_one(text, "journal_in_flight_bytes", "gauge", "bytes on their way to the log",
                (double)sum->journal_in_flight_bytes);
    hf_page_one(text, "journal_refused_total", "counter", "records refused because the log takes nothing",
                (double)sum->journal_refused);
    hf_page_histogram(text, "log_sync_seconds", "write and fdatasync of one group", &commits.sync_us);
    hf_page_histogram(text, "log_commit_seconds", "from a worker's batch to durable", &commits.commit_us);
    hf_page_one(text, "store_applied_offset", "gauge", "the tables have everything up to this offset",
                (double)applied);
    hf_page_one(text, "store_lag_records", "gauge", "records that the tables have not applied yet",
                (double)(durable - HF_MIN(durable, applied)));
    hf_page_one(text, "store_commits_total", "counter", "transactions of the table store",
                (double)kv.commits_total);
    hf_page_one(text, "store_failures_total", "counter", "failed steps of the table store",
                (double)atomic_load(&gateway->store_thread.failures));
    hf_page_one(text, "store_bytes", "gauge", "bytes used by the table store", (double)kv.bytes_used);
    hf_page_one(text, "fleet_values_left_out", "gauge",
                "values of shadows that are not indexed: too long, or too many",
                (double)hf_fleet_index_left_out(gateway->kv));
    store_tables(text, gateway, &kv);
    hf_page_one(text, "event_readers", "gauge", "readers of GET /v1/events",
                (double)atomic_load(&gateway->tail_thread.readers));
    hf_page_one(text, "event_readers_max", "gauge", "and their bound",
                (double)gateway->tail_thread.readers_max);
    hf_page_one(text, "event_readers_refused_total", "counter", "readers above the bound",
                (double)atomic_load(&gateway->tail_thread.readers_refused));
    hf_page_one(text, "events_read_total", "counter", "events given to readers",
                (double)atomic_load(&gateway->tail_thread.events_sent));
}

static const struct hf_page_row output_rows[] = {
    ROW("send_queue_bytes", "gauge", "bytes that kernels have not taken", loop.queue_bytes_now),
    ROW("network_received_bytes_total", "counter", "bytes read from sockets", loop.received_bytes),
    ROW("network_sent_bytes_total", "counter", "bytes written to sockets", loop.sent_bytes),
    ROW("sends_total", "counter", "writes to sockets", loop.sends),
    ROW("send_batches_total", "counter", "system calls that wrote to many sockets", loop.send_batches),
    ROW("blocked_total", "counter", "times a socket did not take all", loop.blocked),
    ROW("worker_backlog", "gauge", "messages between workers that wait for a mailbox", backlog),
    ROW("http_requests_total", "counter", "HTTP requests", http.requests),
};

static const struct hf_page_row api_rows[] = {
    ROW("api_calls", "gauge", "API calls at work", api.calls_now),
    ROW("live_watches", "gauge", "devices that readers of /v1/live watch", api.watches_now),
    ROW("live_watches_refused_total", "counter", "watches above the bound", api.watches_refused),
    ROW("live_looks_total", "counter", "looks at devices that are watched", api.watch_looks),
    ROW("live_messages_total", "counter", "of them, what had changed and was said", api.watch_messages),
    ROW("live_looks_put_off_total", "counter", "looks put off: a slow reader, or a busy gateway",
        api.watch_skips),
    ROW("api_rate_limited_total", "counter", "API requests above the rate of their key", api.rate_limited),
    ROW("api_unauthorized_total", "counter", "API requests without a valid key", api.unauthorized),
};

static void mailboxes(struct hf_page *text, const struct hf_gateway *gateway)
{
    uint64_t workers = 0;

    for (unsigned i = 0; i < gateway->worker_count; i++)
        workers += hf_inbox_full_total(gateway->workers[i]->inbox);
    hf_page_head(
        text, "mailbox_full_total", "counter",
        "posts that found the mailbox of that thread full, each try: what waits, or is refused as busy");
    hf_page_add(text, "holdfast_mailbox_full_total{to=\"worker\"} %llu\n", (unsigned long long)workers);
    hf_page_add(text, "holdfast_mailbox_full_total{to=\"log\"} %llu\n",
                (unsigned long long)hf_inbox_full_total(gateway->log_thread.inbox));
}

static void loops(struct hf_page *text, const struct hf_worker_stats *sum)
{
    hf_page_one(text, "loop_turns_total", "counter", "turns of all event loops", (double)sum->loop.turns);
    hf_page_one(text, "loop_rests_total", "counter",
                "turns that a loop began later (node.idle_slack_ms, node.commit_slack_ms)",
                (double)sum->loop.rests);
    hf_page_histogram(text, "loop_stall_seconds", "time by which one turn delays a ready event",
                      &sum->loop.stall_us);
    hf_page_rows(text, output_rows, HF_COUNT_OF(output_rows), sum);
    hf_page_by_reason(text, "http_problems_total", "HTTP answers with a problem document",
                      sum->http.refused_reason);
    hf_page_rows(text, api_rows, HF_COUNT_OF(api_rows), sum);
}

size_t hf_gateway_metrics(struct hf_gateway *gateway, char **ret_text)
{
    static pthread_mutex_t one_page_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    static struct hf_worker_stats sum, scratch;
    struct hf_pool_use use[HF_POOLS];
    struct hf_page text = {0};

    pthread_mutex_lock(&one_page_at_a_time);
    hf_gateway_sum(gateway, &sum, &scratch);
    process(&text, gateway, &sum);
    log_lines(&text, &gateway->sink);
    connections(&text, &sum);
    hf_leaks_metrics(&text, gateway);
    hf_gateway_tls_metrics(&text, gateway);
    hf_jwks_metrics(&text, gateway->jwks, hf_clock_ms());
    close_codes(&text, &sum);
    hf_page_rows(&text, message_rows, HF_COUNT_OF(message_rows), &sum);
    sessions(&text, &sum);
    documents(&text, &sum);
    shadows(&text, &sum);
    renewals(&text, &sum);
    hf_page_rows(&text, push_rows, HF_COUNT_OF(push_rows), &sum);
    ledger(&text, &sum);
    storage(&text, gateway, &sum);
    hf_pools_measure(gateway, &scratch, use);
    hf_pools_metrics(&text, use);
    hf_held_metrics(&text, &sum.held);
    loops(&text, &sum);
    mailboxes(&text, gateway);
    hf_gateway_heatmap_metrics(&text, gateway);
    hf_gateway_series_metrics(&text, gateway);
    hf_gateway_media_metrics(&text, gateway);
    hf_gbw_metrics(&text, gateway, &sum.gb);
    hf_gateway_upstreams_metrics(&text, gateway);
    pthread_mutex_unlock(&one_page_at_a_time);
    if (text.failed) {
        free(text.at);
        return 0;
    }
    *ret_text = text.at;
    return text.bytes;
}
