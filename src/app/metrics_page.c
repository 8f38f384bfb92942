#include "app/metrics_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void hf_page_add(struct hf_page *page, const char *format, ...)
{
    va_list args;

    for (;;) {
        va_start(args, format);
        int need =
            vsnprintf(page->at ? page->at + page->bytes : NULL, page->room - page->bytes, format, args);
        va_end(args);
        if (page->failed || need < 0)
            return;
        if (page->bytes + (size_t)need < page->room) {
            page->bytes += (size_t)need;
            return;
        }
        size_t room = page->room ? page->room * 2 : 32768;
        char *at = realloc(page->at, room);
        if (at == NULL) {
            page->failed = true;
            return;
        }
        page->at = at;
        page->room = room;
    }
}

void hf_page_label(char out[HF_PAGE_LABEL_BYTES], const char *name)
{
    char *at = out;

    for (; *name != '\0' && at < out + HF_PAGE_LABEL_BYTES - 2; name++) {
        if (*name == '"' || *name == '\\' || *name == '\n')
            *at++ = '\\';
        *at++ = *name == '\n' ? 'n' : *name;
    }
    *at = '\0';
}

void hf_page_head(struct hf_page *page, const char *name, const char *type, const char *help)
{
    hf_page_add(page, "# HELP holdfast_%s %s\n# TYPE holdfast_%s %s\n", name, help, name, type);
}

void hf_page_one(struct hf_page *page, const char *name, const char *type, const char *help, double value)
{
    hf_page_head(page, name, type, help);
    hf_page_add(page, "holdfast_%s %.15g\n", name, value);
}

void hf_page_rows(struct hf_page *page, const struct hf_page_row *rows, size_t count, const void *base)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;

        memcpy(&value, (const char *)base + rows[i].offset, sizeof(value));
        hf_page_one(page, rows[i].name, rows[i].type, rows[i].help, (double)value);
    }
}

void hf_page_by_reason(struct hf_page *page, const char *name, const char *help,
                       const uint64_t counts[HF_REASONS_MAX])
{
    size_t rows;
    const struct hf_reason_info *table = hf_reason_table(&rows);

    hf_page_head(page, name, "counter", help);
    for (size_t i = 0; i < rows; i++)
        if (counts[table[i].reason] > 0)
            hf_page_add(page, "holdfast_%s{reason=\"%s\"} %llu\n", name, table[i].name,
                        (unsigned long long)counts[table[i].reason]);
}

void hf_page_histogram(struct hf_page *page, const char *name, const char *help, const struct hf_hist *us)
{
    static const uint64_t bounds_us[] = {100,   250,   500,    1000,   2500,   5000,    10000,
                                         25000, 50000, 100000, 250000, 500000, 1000000, 5000000};
    uint64_t counts[HF_COUNT_OF(bounds_us)];

    hf_page_head(page, name, "histogram", help);
    hf_hist_cumulative(us, bounds_us, HF_COUNT_OF(bounds_us), counts);
    for (size_t i = 0; i < HF_COUNT_OF(bounds_us); i++)
        hf_page_add(page, "holdfast_%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds_us[i] / 1e6,
                    (unsigned long long)counts[i]);
    hf_page_add(page, "holdfast_%s_bucket{le=\"+Inf\"} %llu\nholdfast_%s_sum %.9g\nholdfast_%s_count %llu\n",
                name, (unsigned long long)hf_hist_count(us), name, hf_hist_sum(us) / 1e6, name,
                (unsigned long long)hf_hist_count(us));
}
