#include <stdio.h>

#include "adapter/api/request.h"
#include "base/uuid.h"

enum {
    NAME_BYTES_MAX = 64, /* of a parameter, in a refusal */
    TIME_CHARS_MAX = 40,
};

/* What routes of /v1 read of their query, `tenant` and `key` included. */
static const char *const names[] = {
    "at",     "base_version", "by",      "channel",    "class",     "contains", "crl",    "cursor", "device",
    "event",  "filter",       "follow",  "from",       "from_time", "group",    "key",    "kind",   "last",
    "limit",  "merge",        "name",    "parent",     "prefix",    "protocol", "reason", "since",  "state",
    "status", "step",         "tenant",  "timeout_ms", "to",        "topic",    "tree",   "ttl_ms", "type",
    "types",  "until",        "version", "wait",       "wait_ms",
};

bool hf_api_params_known(struct hf_api_request *request)
{
    struct hf_slice rest = request->query, key, value, plain;
    char storage[NAME_BYTES_MAX + 1], name[NAME_BYTES_MAX + 1];

    while (hf_uri_query_next(&rest, &key, &value)) {
        size_t i = 0;

        if (hf_uri_decode(key, HF_URI_QUERY, storage, NAME_BYTES_MAX, &plain) != HF_OK)
            plain = (struct hf_slice){NULL, 0};
        while (i < HF_COUNT_OF(names) && !hf_slice_is(plain, names[i]))
            i++;
        if (i < HF_COUNT_OF(names))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)HF_MIN(key.bytes, NAME_BYTES_MAX),
                       key.at); /* as spelled: ASCII */
        return hf_api_bad(request, name,
                          "no path has such a parameter; doc/openapi.yaml lists those of each");
    }
    return true;
}

bool hf_api_param(struct hf_api_request *request, const char *name, char *storage, size_t storage_bytes,
                  struct hf_slice *ret_value)
{
    hf_err err = hf_uri_query_get(request->query, name, storage, storage_bytes, ret_value);

    if (err == HF_OK)
        return true;
    *ret_value = (struct hf_slice){NULL, 0};
    if (err == HF_ERR_NOT_FOUND)
        return true;
    return err == HF_ERR_LIMIT ? hf_api_bad(request, name, "%s is too long", name)
                               : hf_api_bad(request, name, "%s is malformed, or there twice", name);
}

bool hf_api_param_u64(struct hf_api_request *request, const char *name, uint64_t min, uint64_t max,
                      uint64_t *value)
{
    char storage[32];
    struct hf_slice text;
    uint64_t number = 0;

    if (!hf_api_param(request, name, storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL)
        return true;
    if (!hf_slice_to_u64(text, &number) || number < min || number > max)
        return hf_api_bad(request, name, "%s must be %llu to %llu", name, (unsigned long long)min,
                          (unsigned long long)max);
    *value = number;
    return true;
}

bool hf_api_param_bool(struct hf_api_request *request, const char *name, bool *value)
{
    char storage[16];
    struct hf_slice text;

    if (!hf_api_param(request, name, storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL)
        return true;
    if (hf_slice_is(text, "true") || hf_slice_is(text, "1"))
        *value = true;
    else if (hf_slice_is(text, "false") || hf_slice_is(text, "0"))
        *value = false;
    else
        return hf_api_bad(request, name, "%s must be true or false", name);
    return true;
}

bool hf_api_id_argument(struct hf_api_request *request, size_t n, uint8_t ret_id[16])
{
    if (hf_uuid_parse(hf_api_argument(request, n), ret_id) == HF_OK)
        return true;
    return hf_api_bad(request, "id", "an id looks like 0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99");
}

bool hf_api_device_argument(struct hf_api_request *request, struct hf_slice *ret_device)
{
    *ret_device = hf_api_argument(request, 0);
    if (hf_id_valid(*ret_device, HF_DEVICE_BYTES_MAX))
        return true;
    return hf_api_bad(request, "device", "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -");
}

/* ---- RFC 3339 ---- */

static bool digits(const char *at, size_t count, unsigned *ret)
{
    *ret = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *ret = *ret * 10 + (unsigned)(at[i] - '0');
    }
    return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant's days_from_civil, years from 1970 on). */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return (uint64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool parse_rfc3339(struct hf_slice text, uint64_t *ret_utc_ms)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second, milli = 0;
    const char *at = text.at;

    if (text.bytes < 20 || !digits(at, 4, &year) || at[4] != '-' || !digits(at + 5, 2, &month) ||
        at[7] != '-' || !digits(at + 8, 2, &day) || (at[10] != 'T' && at[10] != 't') ||
        !digits(at + 11, 2, &hour) || at[13] != ':' || !digits(at + 14, 2, &minute) || at[16] != ':' ||
        !digits(at + 17, 2, &second))
        return false;
    size_t rest = 19;
    if (at[rest] == '.') {
        unsigned scale = 100;

        for (rest++; rest < text.bytes && at[rest] >= '0' && at[rest] <= '9'; rest++, scale /= 10)
            milli += scale * (unsigned)(at[rest] - '0');
        if (rest == 20)
            return false;
    }
    if (rest + 1 != text.bytes || (at[rest] != 'Z' && at[rest] != 'z'))
        return false; /* other zones would need a plus in a query, where it means a space */
    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > month_days[month - 1] + (unsigned)(month == 2 && is_leap(year)) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    *ret_utc_ms = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli;
    return true;
}

bool hf_api_time_parse(struct hf_slice text, uint64_t *ret_utc_ms)
{
    return hf_slice_to_u64(text, ret_utc_ms) || parse_rfc3339(text, ret_utc_ms);
}

bool hf_api_param_time(struct hf_api_request *request, const char *name, uint64_t min_ms,
                       uint64_t *ret_utc_ms)
{
    char storage[TIME_CHARS_MAX];
    struct hf_slice text;

    if (!hf_api_param(request, name, storage, sizeof(storage), &text))
        return false;
    return text.at == NULL || (hf_api_time_parse(text, ret_utc_ms) && *ret_utc_ms >= min_ms) ||
           hf_api_bad(request, name, "%s must be milliseconds since 1970 or RFC 3339 in UTC", name);
}
