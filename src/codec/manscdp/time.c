/* codec/manscdp/time.c - times of bodies: see manscdp.h. */
#include "codec/manscdp/manscdp.h"

enum {
    SECONDS_PER_DAY = 86400,
    ZONE_MINUTES_MAX = 14 * 60,
};
#define UTC_MS_MAX UINT64_C(253402300799999) /* the end of 9999 */

/* Days from 1970-01-01 of the civil date, and back (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + (int64_t)(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

static void date_of(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468;
    int64_t era = days / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;

    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (int)(year + era * 400) + (*ret_month <= 2);
}

static bool take_number(struct hf_slice *text, unsigned digits, unsigned min, unsigned max,
                        unsigned *ret_value)
{
    unsigned value = 0;

    if (text->bytes < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text->at[i] - '0');
    }
    text->at += digits;
    text->bytes -= digits;
    *ret_value = value;
    return value >= min && value <= max;
}

static bool take_char(struct hf_slice *text, const char *one_of)
{
    if (text->bytes == 0 || text->at[0] == '\0' || strchr(one_of, text->at[0]) == NULL)
        return false;
    text->at++;
    text->bytes--;
    return true;
}

/* .123, three digits of it. */
static bool take_fraction(struct hf_slice *text, unsigned *ret_ms)
{
    unsigned digit, scale = 100;

    *ret_ms = 0;
    if (!take_char(text, "."))
        return true;
    if (!take_number(text, 1, 0, 9, &digit))
        return false;
    do {
        *ret_ms += digit * scale;
        scale /= 10;
    } while (take_number(text, 1, 0, 9, &digit));
    return true;
}

/* Z, +08:00, +0800, +08 or nothing. */
static bool take_zone(struct hf_slice *text, int *zone_minutes)
{
    unsigned hours, minutes = 0;
    bool east = text->bytes > 0 && text->at[0] == '+';

    if (take_char(text, "Zz")) {
        *zone_minutes = 0;
        return true;
    }
    if (!take_char(text, "+-"))
        return true;
    if (!take_number(text, 2, 0, 14, &hours))
        return false;
    if (take_char(text, ":") ? !take_number(text, 2, 0, 59, &minutes)
                             : text->bytes > 0 && !take_number(text, 2, 0, 59, &minutes))
        return false;
    *zone_minutes = (int)(hours * 60 + minutes) * (east ? 1 : -1);
    return true;
}

hf_err hf_cdp_time_parse(struct hf_slice text, int zone_minutes, uint64_t *ret_utc_ms)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second, ms;

    text = hf_xml_trim(text);
    bool good = take_number(&text, 4, 1970, 9999, &year) && take_char(&text, "-") &&
                take_number(&text, 2, 1, 12, &month) && take_char(&text, "-") &&
                take_number(&text, 2, 1, 31, &day) && take_char(&text, "Tt ") &&
                take_number(&text, 2, 0, 23, &hour) && take_char(&text, ":") &&
                take_number(&text, 2, 0, 59, &minute) && take_char(&text, ":") &&
                take_number(&text, 2, 0, 60, &second) && take_fraction(&text, &ms) &&
                take_zone(&text, &zone_minutes) && text.bytes == 0;

    if (!good)
        return HF_ERR_INVALID;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (day > days[month - 1] + (unsigned)(month == 2 && leap))
        return HF_ERR_INVALID;
    int64_t seconds = days_of(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second -
                      (int64_t)zone_minutes * 60;

    if (seconds < 0)
        return HF_ERR_INVALID;
    *ret_utc_ms = (uint64_t)seconds * 1000 + ms;
    return HF_OK;
}

static char *put_two(char *at, unsigned value, char behind)
{
    at[0] = (char)('0' + value / 10 % 10);
    at[1] = (char)('0' + value % 10);
    at[2] = behind;
    return at + 3;
}

void hf_cdp_time_format(uint64_t utc_ms, int zone_minutes, char ret_text[HF_CDP_TIME_BYTES])
{
    int64_t seconds = (int64_t)(utc_ms / 1000) + (int64_t)zone_minutes * 60;
    unsigned month, day, of_day;
    int year;

    seconds = seconds < 0                              ? 0
              : seconds > (int64_t)(UTC_MS_MAX / 1000) ? (int64_t)(UTC_MS_MAX / 1000)
                                                       : seconds;
    of_day = (unsigned)(seconds % SECONDS_PER_DAY);
    date_of(seconds / SECONDS_PER_DAY, &year, &month, &day);
    char *at = put_two(ret_text, (unsigned)year / 100, '\0') -
               1; /* every answer to REGISTER has a date: no printf */
    at = put_two(at, (unsigned)year, '-');
    at = put_two(at, month, '-');
    at = put_two(at, day, 'T');
    at = put_two(at, of_day / 3600, ':');
    at = put_two(at, of_day / 60 % 60, ':');
    (void)put_two(at, of_day % 60, '\0');
}
