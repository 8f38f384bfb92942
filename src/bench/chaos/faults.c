#include "bench/chaos/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "bench/config.h"

enum { US_PER_NS_DIVISOR = 1000, NAME_BYTES_MAX = 64 };
#define TIME_US_MAX UINT64_C(86400000000) /* a day */
#define SIZE_MAX_OF (UINT64_C(1) << 50)   /* of BYTES and RATE */
#define REAL_MAX    1e6

static const struct row {
    enum hf_chaos_kind kind;
    size_t offset; /* in the lane's or the connection's struct */
    const char *name, *preset;
    unsigned transports;
    bool lane;
} rows[] = {
#define LANE_ROW(kind, field, name, value, preset, transports, help) \
    {HF_CHAOS_##kind,                                                \
     offsetof(struct hf_chaos_lane_faults, field),                   \
     name,                                                           \
     preset,                                                         \
     HF_CHAOS_##transports,                                          \
     true},
    HF_CHAOS_LANE_MAP(LANE_ROW)
#undef LANE_ROW
#define CONN_ROW(kind, field, name, value, preset, transports, help) \
    {HF_CHAOS_##kind, offsetof(struct hf_chaos_faults, field), name, preset, HF_CHAOS_##transports, false},
        HF_CHAOS_CONN_MAP(CONN_ROW)
#undef CONN_ROW
};

static const char *const ends[] = {
    [HF_CHAOS_END_RST] = "rst", [HF_CHAOS_END_FIN] = "fin", [HF_CHAOS_END_SILENT] = "silent"};

/* ---- values ---- */

static bool copy_text(struct hf_slice text, char out[HF_CHAOS_VALUE_BYTES])
{
    if (text.bytes == 0 || text.bytes >= HF_CHAOS_VALUE_BYTES || memchr(text.at, '\0', text.bytes) != NULL)
        return false;
    memcpy(out, text.at, text.bytes);
    out[text.bytes] = '\0';
    return true;
}

bool hf_chaos_time_parse(struct hf_slice text, uint64_t *ret_us)
{
    char copy[HF_CHAOS_VALUE_BYTES];
    uint64_t ns;

    if (hf_slice_is(text, "0")) {
        *ret_us = 0;
        return true;
    }
    if (!copy_text(text, copy) || hf_bench_duration_parse(copy, &ns) != HF_OK ||
        ns / US_PER_NS_DIVISOR > TIME_US_MAX)
        return false;
    *ret_us = ns / US_PER_NS_DIVISOR;
    return true;
}

/* A number and what stands behind it; plain decimal digits only, so that "nan", "inf" and "0x" are words. */
static bool take_number(const char *text, double *ret_number, const char **ret_rest)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || text[1] == 'x' || text[1] == 'X')
        return false;
    errno = 0;
    *ret_number = strtod(text, &end);
    *ret_rest = end;
    return errno == 0 && isfinite(*ret_number);
}

bool hf_chaos_share_parse(struct hf_slice text, double *ret_share)
{
    char copy[HF_CHAOS_VALUE_BYTES];
    const char *rest;
    double number;

    if (!copy_text(text, copy) || !take_number(copy, &number, &rest))
        return false;
    if (strcmp(rest, "%") == 0)
        number /= 100;
    else if (*rest != '\0')
        return false;
    if (number > 1)
        return false;
    *ret_share = number;
    return true;
}

static bool size_parse(struct hf_slice text, bool per_second, uint64_t *ret_value)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {
        {"B", 1},      {"kB", 1e3},     {"MB", 1e6},     {"KiB", 1024},   {"MiB", 1048576},
        {"bit", .125}, {"kbit", 125.0}, {"Mbit", 125e3}, {"Gbit", 125e6}, {"GiB", 1073741824.0},
    };
    char copy[HF_CHAOS_VALUE_BYTES];
    const char *rest;
    double number;

    if (!copy_text(text, copy) || !take_number(copy, &number, &rest))
        return false;
    size_t rest_bytes = strlen(rest);

    if (per_second && number > 0) { /* a rate says of what time it is */
        if (rest_bytes < 3 || strcmp(rest + rest_bytes - 2, "/s") != 0)
            return false;
        rest_bytes -= 2;
    }
    double factor = rest_bytes == 0 && !per_second ? 1 : 0;

    for (size_t i = 0; i < HF_COUNT_OF(units); i++)
        if (strlen(units[i].unit) == rest_bytes && memcmp(units[i].unit, rest, rest_bytes) == 0)
            factor = units[i].factor;
    if (number > 0 && (factor == 0 || number * factor < 1 || number * factor > (double)SIZE_MAX_OF))
        return false;
    *ret_value = (uint64_t)(number * factor);
    return true;
}

bool hf_chaos_bytes_parse(struct hf_slice text, uint64_t *ret_bytes)
{
    return size_parse(text, false, ret_bytes);
}

static bool real_parse(struct hf_slice text, double *ret_value)
{
    char copy[HF_CHAOS_VALUE_BYTES];
    const char *rest;
    double number;

    if (!copy_text(text, copy) || !take_number(copy, &number, &rest) || *rest != '\0' || number < 1 ||
        number > REAL_MAX)
        return false;
    *ret_value = number;
    return true;
}

static bool end_parse(struct hf_slice text, bool silent_too, enum hf_chaos_end_kind *ret_end)
{
    for (unsigned i = 0; i < HF_COUNT_OF(ends); i++)
        if (hf_slice_is(text, ends[i]) && (silent_too || i != HF_CHAOS_END_SILENT)) {
            *ret_end = (enum hf_chaos_end_kind)i;
            return true;
        }
    return false;
}

static bool flag_parse(struct hf_slice text, bool *ret_on)
{
    if (!hf_slice_is(text, "on") && !hf_slice_is(text, "off"))
        return false;
    *ret_on = hf_slice_is(text, "on");
    return true;
}

static bool value_set(enum hf_chaos_kind kind, void *field, struct hf_slice text)
{
    switch (kind) {
    case HF_CHAOS_US: return hf_chaos_time_parse(text, field);
    case HF_CHAOS_SHARE: return hf_chaos_share_parse(text, field);
    case HF_CHAOS_REAL: return real_parse(text, field);
    case HF_CHAOS_RATE: return size_parse(text, true, field);
    case HF_CHAOS_BYTES: return size_parse(text, false, field);
    case HF_CHAOS_END: return end_parse(text, false, field);
    case HF_CHAOS_IDLE: return end_parse(text, true, field);
    case HF_CHAOS_FLAG: return flag_parse(text, field);
    }
    HF_UNREACHABLE();
}

static const char *how_to_write(enum hf_chaos_kind kind)
{
    switch (kind) {
    case HF_CHAOS_US: return "write a time with its unit, up to a day: 20ms, 5s, 1m; or 0";
    case HF_CHAOS_SHARE: return "write a share, 5% or 0.05, at most 100%";
    case HF_CHAOS_REAL: return "write a number of 1 or more";
    case HF_CHAOS_RATE: return "write a rate: 100B/s, 20KiB/s, 1MB/s, 2Mbit/s; or 0";
    case HF_CHAOS_BYTES: return "write a number of bytes: 1000, 64KiB; or 0";
    case HF_CHAOS_END: return "write rst or fin";
    case HF_CHAOS_IDLE: return "write silent, rst or fin";
    case HF_CHAOS_FLAG: return "write on or off";
    }
    HF_UNREACHABLE();
}

static void value_print(enum hf_chaos_kind kind, const void *field, char out[HF_CHAOS_VALUE_BYTES])
{
    switch (kind) {
    case HF_CHAOS_US:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%gms", (double)*(const uint64_t *)field / 1e3);
        return;
    case HF_CHAOS_SHARE:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%g%%", *(const double *)field * 100);
        return;
    case HF_CHAOS_REAL: (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%g", *(const double *)field); return;
    case HF_CHAOS_RATE:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%" PRIu64 "B/s", *(const uint64_t *)field);
        return;
    case HF_CHAOS_BYTES:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%" PRIu64, *(const uint64_t *)field);
        return;
    case HF_CHAOS_END:
    case HF_CHAOS_IDLE:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%s", ends[*(const enum hf_chaos_end_kind *)field]);
        return;
    case HF_CHAOS_FLAG:
        (void)snprintf(out, HF_CHAOS_VALUE_BYTES, "%s", *(const bool *)field ? "on" : "off");
        return;
    }
    HF_UNREACHABLE();
}

/* ---- settings ---- */

static void *field_of(struct hf_chaos_faults *faults, const struct row *row, unsigned direction)
{
    return (row->lane ? (char *)&faults->lane[direction] : (char *)faults) + row->offset;
}

static const void *field_in(const struct hf_chaos_faults *faults, const struct row *row, unsigned direction)
{
    return (row->lane ? (const char *)&faults->lane[direction] : (const char *)faults) + row->offset;
}

void hf_chaos_faults_init(struct hf_chaos_faults *faults)
{
    memset(faults, 0, sizeof(*faults));
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (unsigned d = 0; d < (rows[i].lane ? 2u : 1u); d++)
            HF_ASSERT(value_set(rows[i].kind, field_of(faults, &rows[i], d), hf_slice_of(rows[i].preset)));
}

/* "loss-up" is the row "loss" with ret_mask 1 << HF_CHAOS_UP. */
static const struct row *find(struct hf_slice name, unsigned *ret_mask)
{
    static const struct {
        const char *suffix;
        unsigned mask;
    } sides[] = {{"", 1u << HF_CHAOS_UP | 1u << HF_CHAOS_DOWN},
                 {"-up", 1u << HF_CHAOS_UP},
                 {"-down", 1u << HF_CHAOS_DOWN}};

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t s = 0; s < (rows[i].lane ? HF_COUNT_OF(sides) : 1); s++) {
            size_t row_bytes = strlen(rows[i].name), suffix_bytes = strlen(sides[s].suffix);

            if (name.bytes == row_bytes + suffix_bytes && memcmp(name.at, rows[i].name, row_bytes) == 0 &&
                memcmp(name.at + row_bytes, sides[s].suffix, suffix_bytes) == 0) {
                *ret_mask = rows[i].lane ? sides[s].mask : 1;
                return &rows[i];
            }
        }
    return NULL;
}

static hf_err wrong_value(struct hf_slice name, struct hf_slice value, enum hf_chaos_kind kind, char *error)
{
    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%.*s is '%.*s'; %s",
                   (int)HF_MIN(name.bytes, (size_t)NAME_BYTES_MAX), name.at,
                   (int)HF_MIN(value.bytes, (size_t)NAME_BYTES_MAX), value.at, how_to_write(kind));
    return HF_ERR_INVALID;
}

hf_err hf_chaos_faults_set(struct hf_chaos_faults *faults, struct hf_slice name, struct hf_slice value,
                           char error[HF_CHAOS_ERROR_BYTES])
{
    union {
        uint64_t u64;
        double real;
        enum hf_chaos_end_kind end;
        bool flag;
    } scratch;
    unsigned mask;

    if (hf_slice_is(name, "rtt")) {
        uint64_t rtt_us;

        if (!hf_chaos_time_parse(value, &rtt_us))
            return wrong_value(name, value, HF_CHAOS_US, error);
        faults->lane[HF_CHAOS_UP].latency_us = rtt_us / 2;
        faults->lane[HF_CHAOS_DOWN].latency_us = rtt_us - rtt_us / 2;
        return HF_OK;
    }
    const struct row *row = find(name, &mask);

    if (row == NULL) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "there is no setting '%.*s'; `help` names them",
                       (int)HF_MIN(name.bytes, (size_t)NAME_BYTES_MAX), name.at);
        return HF_ERR_NOT_FOUND;
    }
    if (!value_set(row->kind, &scratch, value))
        return wrong_value(name, value, row->kind, error);
    for (unsigned d = 0; d < 2; d++)
        if (mask & 1u << d)
            HF_ASSERT(value_set(row->kind, field_of(faults, row, d), value));
    return HF_OK;
}

hf_err hf_chaos_faults_set_all(struct hf_chaos_faults *faults, struct hf_slice words,
                               char error[HF_CHAOS_ERROR_BYTES])
{
    struct hf_chaos_faults copy = *faults;
    const char *at = words.at, *end = words.at + words.bytes;

    while (at < end) {
        const char *word = at;

        while (at < end && *at != ' ')
            at++;
        if (at > word) {
            const char *equals = memchr(word, '=', (size_t)(at - word));

            if (equals == NULL) {
                (void)snprintf(error, HF_CHAOS_ERROR_BYTES,
                               "'%.*s' is no setting; write NAME=VALUE, as loss=5%%",
                               (int)HF_MIN(at - word, (ptrdiff_t)NAME_BYTES_MAX), word);
                return HF_ERR_INVALID;
            }
            hf_err err = hf_chaos_faults_set(&copy, (struct hf_slice){word, (size_t)(equals - word)},
                                             (struct hf_slice){equals + 1, (size_t)(at - equals - 1)}, error);

            if (err != HF_OK)
                return err;
        }
        while (at < end && *at == ' ')
            at++;
    }
    *faults = copy;
    return HF_OK;
}

static bool is_preset(const struct hf_chaos_faults *faults, const struct row *row, unsigned direction)
{
    struct hf_chaos_faults plain;
    char now[HF_CHAOS_VALUE_BYTES], preset[HF_CHAOS_VALUE_BYTES];

    hf_chaos_faults_init(&plain);
    value_print(row->kind, field_in(faults, row, direction), now);
    value_print(row->kind, field_in(&plain, row, direction), preset);
    return strcmp(now, preset) == 0;
}

/* The chain must be possible: on average so many units in the bad state, so many in one stay there. */
static hf_err check_bursts(const struct hf_chaos_lane_faults *lane, char *error)
{
    if (lane->burst_loss == 0)
        return HF_OK;
    if (lane->burst_loss > lane->burst_drop) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES,
                       "burst-loss %g%% is above burst-drop %g%%: no burst can lose so many",
                       lane->burst_loss * 100, lane->burst_drop * 100);
        return HF_ERR_INVALID;
    }
    double bad = lane->burst_loss / lane->burst_drop,
           least = bad / (1 - bad) * (1 - 1e-9); /* 9, not 9.000000001 */

    if (bad < 1 && least > lane->burst_length) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "burst-loss %g%% needs burst-length %g or more",
                       lane->burst_loss * 100, ceil(least));
        return HF_ERR_INVALID;
    }
    return HF_OK;
}

hf_err hf_chaos_faults_check(const struct hf_chaos_faults *faults, unsigned transport,
                             char error[HF_CHAOS_ERROR_BYTES])
{
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (unsigned d = 0; d < (rows[i].lane ? 2u : 1u); d++)
            if (!(rows[i].transports & transport) && !is_preset(faults, &rows[i], d)) {
                (void)snprintf(error, HF_CHAOS_ERROR_BYTES,
                               "%s means nothing on %s; leave it out or %s --udp", rows[i].name,
                               transport == HF_CHAOS_TCP ? "TCP" : "UDP",
                               transport == HF_CHAOS_TCP ? "add" : "leave out");
                return HF_ERR_INVALID;
            }
    for (unsigned d = 0; d < 2; d++) {
        hf_err err = check_bursts(&faults->lane[d], error);

        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

bool hf_chaos_faults_per_unit(const struct hf_chaos_lane_faults *faults)
{
    return faults->jitter_us > 0 || faults->loss > 0 || faults->burst_loss > 0 || faults->rate > 0 ||
           faults->duplicate > 0 || faults->flip > 0 || faults->truncate > 0;
}

void hf_chaos_faults_json(const struct hf_chaos_faults *faults, struct hf_json_out *out)
{
    char name[NAME_BYTES_MAX], value[HF_CHAOS_VALUE_BYTES];

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (unsigned d = 0; d < (rows[i].lane ? 2u : 1u); d++) {
            if (is_preset(faults, &rows[i], d))
                continue;
            (void)snprintf(name, sizeof(name), "%s%s", rows[i].name,
                           !rows[i].lane      ? ""
                           : d == HF_CHAOS_UP ? "-up"
                                              : "-down");
            value_print(rows[i].kind, field_in(faults, &rows[i], d), value);
            hf_json_out_cstr(out, name, value);
        }
}

const char *hf_chaos_fault_name(unsigned index, bool *ret_per_direction)
{
    if (index >= HF_COUNT_OF(rows))
        return NULL;
    *ret_per_direction = rows[index].lane;
    return rows[index].name;
}
