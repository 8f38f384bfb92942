/* agent/row.h - one line of a driver or a recording into a sample. Pure.
 *
 *   CSV    cadence_rpm,power_w,lean_deg     a head names the columns, in any order; others are passed over. An empty value is "no value"
 *   JSON   {"cadence_rpm":90.5,"power_w":-12,"lean_deg":-45.5}     null or absent is "no value"
 *   time   ts_ns (CLOCK_MONOTONIC_RAW, whole) or time_s (seconds, may have a fraction); in either form, may be absent
 *
 * Empty lines and lines that begin with '#' are no rows. */
#ifndef HF_AGENT_ROW_H
#define HF_AGENT_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "codec/samples/samples.h"

enum { HF_ROW_LINE_BYTES_MAX = 1024, HF_ROW_COLUMNS_MAX = 32 };

/* Columns: identifier, text. Names of counters: append. */
#define HF_ROW_MAP(X)                                               \
    X(HF_ROW_OK, "ok")                                              \
    X(HF_ROW_NONE, "no row")                                        \
    X(HF_ROW_COLUMNS, "another number of columns")                  \
    X(HF_ROW_NUMBER, "not a number")                                \
    X(HF_ROW_RANGE, "out of range")                                 \
    X(HF_ROW_JSON, "not a JSON object")                             \
    X(HF_ROW_EMPTY, "no value at all")                              \
    X(HF_ROW_TIME, "its time is missing, goes back, or is to come") \
    X(HF_ROW_LONG, "longer than 1,024 bytes")

enum hf_row_result {
#define HF_ROW_ENUM(id, text) id,
    HF_ROW_MAP(HF_ROW_ENUM) HF_ROW_RESULTS
#undef HF_ROW_ENUM
};

const char *hf_row_text(enum hf_row_result result);

enum hf_row_field { HF_ROW_CADENCE, HF_ROW_POWER, HF_ROW_LEAN, HF_ROW_TS_NS, HF_ROW_TIME_S, HF_ROW_FIELDS };

const char *hf_row_field_name(enum hf_row_field field); /* "cadence_rpm" ... */

struct hf_row_columns {
    int8_t field[HF_ROW_COLUMNS_MAX]; /* of each column; -1 = passed over */
    unsigned count;
};

/* cadence_rpm,power_w,lean_deg and, if there is a fourth, ts_ns: what a driver writes without a head. */
extern const struct hf_row_columns hf_row_columns_driver;

/* The head of a CSV. False: it names none of cadence_rpm, power_w, lean_deg, one twice, both times, or more than HF_ROW_COLUMNS_MAX columns. */
bool hf_row_head(struct hf_slice line, struct hf_row_columns *ret_columns);

struct hf_row {
    struct hf_sample sample; /* ts_ns is the caller's to set */
    int64_t time_ns;
    bool has_time;
};

/* The first line of a file without the byte order mark of UTF-8 that some programs begin it with: it would be part of the first column's name. */
struct hf_slice hf_row_first(struct hf_slice line);

/* A line without its line break. *ret_field: at fault with NUMBER and RANGE. */
enum hf_row_result hf_row_read(struct hf_slice line, const struct hf_row_columns *columns,
                               struct hf_row *ret_row, enum hf_row_field *ret_field);

/* Values in RPM, W and degrees into a sample; NAN = no value. False: out of range, *ret_field says which. */
bool hf_row_values(double cadence_rpm, double power_w, double lean_deg, struct hf_sample *ret_sample,
                   enum hf_row_field *ret_field);

#endif
