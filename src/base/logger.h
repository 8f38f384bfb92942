/* base/logger.h - one line per event, for machines first: a stable event name and typed key=value fields.
 *
 *     hf_log(logger, HF_LOG_LISTENING, HF_F_STR("addr", addr), HF_F_U64("port", port), HF_F_END);
 *
 *     time=2026-03-01T12:00:00.123Z level=info event=listening text="accepting connections" addr=:: port=8080
 *     {"time":"2026-03-01T12:00:00.123Z","level":"info","event":"listening", ... ,"addr":"::","port":8080}
 *
 * Values are escaped (JSON rules in both formats, RFC 8259), so no peer can forge a line or drive a terminal;
 * keys are literals of ours. A line never exceeds HF_LOG_LINE_BYTES_MAX: a value that does not fit is cut,
 * fields after it are left out, and the line ends in cut=true. Base makes no system call: clock and output are
 * the sink's. A logger may be used from any number of threads at once: each line is built on the caller's
 * stack and handed over in one write() of the sink, which keeps concurrent lines apart. Never log a secret
 * (SEC-6); fields of connections follow OBS-5. */
#ifndef HF_BASE_LOGGER_H
#define HF_BASE_LOGGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log_events.h"
#include "base/slice.h"

enum { HF_LOG_LINE_BYTES_MAX = 2048 }; /* with its newline */

#define HF_LOG_LEVEL_MAP(X)  \
    X(HF_LOG_DEBUG, "debug") \
    X(HF_LOG_INFO, "info")   \
    X(HF_LOG_WARN, "warn")   \
    X(HF_LOG_ERROR, "error")
#define HF_LOG_LEVEL_ENUM(id, name) id,
enum hf_log_level { HF_LOG_LEVEL_MAP(HF_LOG_LEVEL_ENUM) HF_LOG_LEVELS };
#undef HF_LOG_LEVEL_ENUM

enum hf_log_format { HF_LOG_LOGFMT, HF_LOG_JSON };

struct hf_log_sink {
    void (*write)(void *context, const char *line, size_t bytes); /* one whole line with its newline */
    uint64_t (*utc_ms)(void *context);
    void *context;
};

struct hf_logger {
    struct hf_log_sink sink;
    enum hf_log_format format;
    _Atomic int level; /* lines below it are dropped; may change at any time */
    _Atomic uint_fast64_t lines_total, cut_total;
};

enum hf_field_type { HF_FIELD_END, HF_FIELD_TEXT, HF_FIELD_U64, HF_FIELD_I64, HF_FIELD_BOOL, HF_FIELD_CONN };

struct hf_field { /* key and text are borrowed for the call */
    const char *key;
    enum hf_field_type type;
    union {
        struct hf_slice text;
        uint64_t u64;
        int64_t i64;
    };
};

/* A NULL string and an absent slice leave the field out. */
#define HF_F_STR(k, s)                                            \
    {                                                             \
        .key = (k), .type = HF_FIELD_TEXT, .text = hf_slice_of(s) \
    }
#define HF_F_SLICE(k, s)                               \
    {                                                  \
        .key = (k), .type = HF_FIELD_TEXT, .text = (s) \
    }
#define HF_F_U64(k, v)                               \
    {                                                \
        .key = (k), .type = HF_FIELD_U64, .u64 = (v) \
    }
#define HF_F_I64(k, v)                               \
    {                                                \
        .key = (k), .type = HF_FIELD_I64, .i64 = (v) \
    }
#define HF_F_BOOL(k, v)                                       \
    {                                                         \
        .key = (k), .type = HF_FIELD_BOOL, .u64 = (v) ? 1 : 0 \
    }
#define HF_F_END                          \
    {                                     \
        .key = NULL, .type = HF_FIELD_END \
    }

/* The schema of OBS-5: the same thing has the same key in every event. */
#define HF_F_CONN(conn_id)                                     \
    {                                                          \
        .key = "conn", .type = HF_FIELD_CONN, .u64 = (conn_id) \
    } /* c_ and 16 digits */
#define HF_F_DEVICE(slice)        HF_F_SLICE("device", slice)
#define HF_F_TENANT(slice)        HF_F_SLICE("tenant", slice)
#define HF_F_PREV_STATE(s)        HF_F_STR("prev_state", s)
#define HF_F_PAYLOAD_BYTES(bytes) HF_F_U64("payload_bytes", bytes)
#define HF_F_CLOSE_CODE(code)     HF_F_U64("close_code", code)
#define HF_F_ERR(hf_err_value)    HF_F_STR("error", hf_err_name(hf_err_value))
#define HF_F_ERROR(s)             HF_F_STR("error", s)
#define HF_F_REASON(hf_reason)    HF_F_STR("reason", hf_reason_name(hf_reason)) /* base/reason.h */

void hf_logger_init(struct hf_logger *logger, const struct hf_log_sink *sink, enum hf_log_format format,
                    enum hf_log_level level);
void hf_logger_set_level(struct hf_logger *logger, enum hf_log_level level); /* from any thread */

/* True when the event's level passes; for callers whose fields are costly to make. NULL logger: false. */
bool hf_log_enabled(struct hf_logger *logger, enum hf_log_event event);

/* A NULL logger drops the event. The field list must end in HF_F_END. */
#define hf_log(logger, event, ...) hf_log_fields(logger, event, (const struct hf_field[]){__VA_ARGS__})
void hf_log_fields(struct hf_logger *logger, enum hf_log_event event, const struct hf_field *fields);

/* Only the line, without filter and sink; returns its bytes, newline included. For tests and for sinks that
 * keep lines. line holds HF_LOG_LINE_BYTES_MAX + 1 bytes (a NUL follows). *ret_cut says whether it was cut. */
size_t hf_log_line(char *line, enum hf_log_format format, uint64_t utc_ms, enum hf_log_event event,
                   const struct hf_field *fields, bool *ret_cut);

const char *hf_log_event_name(enum hf_log_event event);
enum hf_log_level hf_log_event_level(enum hf_log_event event);
const char *hf_log_level_name(enum hf_log_level level);
bool hf_log_level_by_name(struct hf_slice name, enum hf_log_level *ret_level);

#endif
