#include "agent/row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"

enum { NUMBER_BYTES_MAX = 40 };
#define TIME_S_MAX 9e9 /* year 2255; in ns it fits */

static const char *const field_names[HF_ROW_FIELDS] = {"cadence_rpm", "power_w", "lean_deg", "ts_ns",
                                                       "time_s"};

const struct hf_row_columns hf_row_columns_driver = {
    {HF_ROW_CADENCE, HF_ROW_POWER, HF_ROW_LEAN, HF_ROW_TS_NS}, 3};

const char *hf_row_text(enum hf_row_result result)
{
    static const char *const texts[] = {
#define HF_ROW_TEXT(id, text) text,
        HF_ROW_MAP(HF_ROW_TEXT)
#undef HF_ROW_TEXT
    };

    HF_ASSERT(result < HF_ROW_RESULTS);
    return texts[result];
}

const char *hf_row_field_name(enum hf_row_field field)
{
    return field < HF_ROW_FIELDS ? field_names[field] : "";
}

/* Takes the value in front of the next comma off. False when there is none. */
static bool next_cell(struct hf_slice *rest, struct hf_slice *ret_cell)
{
    const char *comma;

    if (rest->at == NULL)
        return false;
    comma = memchr(rest->at, ',', rest->bytes);
    *ret_cell = (struct hf_slice){rest->at, comma != NULL ? (size_t)(comma - rest->at) : rest->bytes};
    if (comma == NULL)
        *rest = (struct hf_slice){NULL, 0};
    else
        *rest = (struct hf_slice){comma + 1, rest->bytes - ret_cell->bytes - 1};
    *ret_cell = hf_slice_trim(*ret_cell);
    return true;
}

struct hf_slice hf_row_first(struct hf_slice line)
{
    bool marked = line.bytes >= 3 && memcmp(line.at, "\xef\xbb\xbf", 3) == 0;

    return marked ? (struct hf_slice){line.at + 3, line.bytes - 3} : line;
}

bool hf_row_head(struct hf_slice line, struct hf_row_columns *ret_columns)
{
    struct hf_slice cell;
    unsigned seen = 0;

    ret_columns->count = 0;
    while (next_cell(&line, &cell)) {
        int8_t *field;

        if (ret_columns->count == HF_ROW_COLUMNS_MAX)
            return false;
        field = &ret_columns->field[ret_columns->count++];
        *field = -1;
        if (cell.bytes >= 2 && cell.at[0] == '"' && cell.at[cell.bytes - 1] == '"')
            cell = (struct hf_slice){cell.at + 1, cell.bytes - 2};
        for (int f = 0; f < HF_ROW_FIELDS; f++)
            if (hf_slice_is(cell, field_names[f])) {
                if (seen & 1u << f)
                    return false;
                seen |= 1u << f;
                *field = (int8_t)f;
            }
    }
    return (seen & (1u << HF_ROW_CADENCE | 1u << HF_ROW_POWER | 1u << HF_ROW_LEAN)) != 0 &&
           !((seen & 1u << HF_ROW_TS_NS) && (seen & 1u << HF_ROW_TIME_S));
}

/* Decimal only: strtod would take "nan", "0x1" and what the locale says. */
static bool number(struct hf_slice text, double *ret_value)
{
    char copy[NUMBER_BYTES_MAX + 1], *end;

    if (text.bytes == 0 || text.bytes > NUMBER_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.bytes; i++)
        if (strchr("0123456789+-.eE", text.at[i]) == NULL || text.at[i] == '\0')
            return false;
    memcpy(copy, text.at, text.bytes);
    copy[text.bytes] = '\0';
    *ret_value = strtod(copy, &end);
    return *end == '\0' && isfinite(*ret_value);
}

bool hf_row_values(double cadence_rpm, double power_w, double lean_deg, struct hf_sample *ret_sample,
                   enum hf_row_field *ret_field)
{
    double cadence = round(cadence_rpm * 2), power = round(power_w), lean = round(lean_deg * 256);

    *ret_sample = (struct hf_sample){.cadence_half_rpm = HF_SAMPLE_CADENCE_INVALID,
                                     .power_w = HF_SAMPLE_VALUE_INVALID,
                                     .lean_q8_deg = HF_SAMPLE_VALUE_INVALID};
    *ret_field = !isnan(cadence) && !(cadence >= 0 && cadence <= HF_SAMPLE_CADENCE_MAX) ? HF_ROW_CADENCE
                 : !isnan(power) && !(power >= HF_SAMPLE_POWER_MIN && power <= HF_SAMPLE_POWER_MAX)
                     ? HF_ROW_POWER
                 : !isnan(lean) && !(fabs(lean) <= HF_SAMPLE_LEAN_MAX) ? HF_ROW_LEAN
                                                                       : HF_ROW_FIELDS;
    if (*ret_field != HF_ROW_FIELDS)
        return false;
    if (!isnan(cadence))
        ret_sample->cadence_half_rpm = (uint16_t)cadence;
    if (!isnan(power))
        ret_sample->power_w = (int16_t)power;
    if (!isnan(lean))
        ret_sample->lean_q8_deg = (int16_t)lean;
    return true;
}

static enum hf_row_result take_time(enum hf_row_field field, struct hf_slice text, struct hf_row *row)
{
    uint64_t whole;
    double seconds;

    row->has_time = true;
    if (field == HF_ROW_TS_NS) {
        if (!hf_slice_to_u64(text, &whole))
            return HF_ROW_NUMBER;
        row->time_ns = (int64_t)whole;
        return whole <= INT64_MAX ? HF_ROW_OK : HF_ROW_RANGE;
    }
    if (!number(text, &seconds))
        return HF_ROW_NUMBER;
    if (!(seconds >= 0 && seconds <= TIME_S_MAX))
        return HF_ROW_RANGE;
    row->time_ns = (int64_t)llround(seconds * 1e9);
    return HF_ROW_OK;
}

static enum hf_row_result take_value(enum hf_row_field field, struct hf_slice text, double values[3],
                                     struct hf_row *row)
{
    if (field == HF_ROW_TS_NS || field == HF_ROW_TIME_S)
        return take_time(field, text, row);
    return number(text, &values[field]) ? HF_ROW_OK : HF_ROW_NUMBER;
}

static enum hf_row_result read_csv(struct hf_slice line, const struct hf_row_columns *columns,
                                   double values[3], struct hf_row *row, enum hf_row_field *field)
{
    struct hf_slice cell;
    unsigned column = 0, most = columns->count;

    if (columns == &hf_row_columns_driver)
        most++; /* its time may follow */
    for (; next_cell(&line, &cell); column++) {
        if (column == most)
            return HF_ROW_COLUMNS;
        if (columns->field[column] < 0 || cell.bytes == 0)
            continue;
        *field = (enum hf_row_field)columns->field[column];
        enum hf_row_result result = take_value(*field, cell, values, row);
        if (result != HF_ROW_OK)
            return result;
    }
    return column >= columns->count ? HF_ROW_OK : HF_ROW_COLUMNS;
}

static enum hf_row_result read_json(struct hf_slice line, double values[3], struct hf_row *row,
                                    enum hf_row_field *field)
{
    struct hf_json_field fields[HF_ROW_FIELDS] = {HF_JSON_FIELD("cadence_rpm"), HF_JSON_FIELD("power_w"),
                                                  HF_JSON_FIELD("lean_deg"), HF_JSON_FIELD("ts_ns"),
                                                  HF_JSON_FIELD("time_s")};

    if (hf_json_scan(line.at, line.bytes, fields, HF_ROW_FIELDS, 0) != HF_OK)
        return HF_ROW_JSON;
    if (fields[HF_ROW_TS_NS].found && fields[HF_ROW_TIME_S].found)
        return HF_ROW_TIME;
    for (unsigned i = 0; i < HF_ROW_FIELDS; i++) {
        if (!fields[i].found || fields[i].type == HF_JSON_NULL)
            continue;
        *field = (enum hf_row_field)i;
        enum hf_row_result result = fields[i].type == HF_JSON_NUMBER
                                        ? take_value((enum hf_row_field)i, fields[i].raw, values, row)
                                        : HF_ROW_NUMBER;
        if (result != HF_ROW_OK)
            return result;
    }
    return HF_ROW_OK;
}

enum hf_row_result hf_row_read(struct hf_slice line, const struct hf_row_columns *columns,
                               struct hf_row *ret_row, enum hf_row_field *ret_field)
{
    double values[3] = {NAN, NAN, NAN};
    enum hf_row_result result;

    *ret_row = (struct hf_row){.has_time = false};
    *ret_field = HF_ROW_FIELDS;
    if (line.bytes > HF_ROW_LINE_BYTES_MAX)
        return HF_ROW_LONG;
    if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
        line.bytes--;
    line = hf_slice_trim(line);
    if (line.bytes == 0 || line.at[0] == '#')
        return HF_ROW_NONE;
    result = line.at[0] == '{' ? read_json(line, values, ret_row, ret_field)
                               : read_csv(line, columns, values, ret_row, ret_field);
    if (result != HF_ROW_OK)
        return result;
    if (!hf_row_values(values[0], values[1], values[2], &ret_row->sample, ret_field))
        return HF_ROW_RANGE;
    return isnan(values[0]) && isnan(values[1]) && isnan(values[2]) ? HF_ROW_EMPTY : HF_ROW_OK;
}
