/* app/metrics_page.h - a page of /metrics as it grows: the text format of Prometheus. Names get "holdfast_" in front. */
#ifndef HF_APP_METRICS_PAGE_H
#define HF_APP_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/reason.h"

struct hf_page { /* all zero: empty */
    char *at;    /* malloc'ed */
    size_t bytes, room;
    bool failed; /* no memory: what was added since is lost */
};

void hf_page_add(struct hf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A name from the configuration (at most 64 bytes) as the value of a label: quotes, backslashes and ends of lines escaped. */
enum { HF_PAGE_LABEL_BYTES = 2 * 64 + 1 };
void hf_page_label(char out[HF_PAGE_LABEL_BYTES], const char *name);
/* The lines HELP and TYPE ("counter", "gauge", "histogram"). */
void hf_page_head(struct hf_page *page, const char *name, const char *type, const char *help);
/* With its one value. */
void hf_page_one(struct hf_page *page, const char *name, const char *type, const char *help, double value);
/* The like, of uint64_t members of what `base` points to. */
struct hf_page_row {
    const char *name, *type, *help;
    size_t offset;
};
void hf_page_rows(struct hf_page *page, const struct hf_page_row *rows, size_t count, const void *base);
/* A counter with a row for each reason that has been counted. */
void hf_page_by_reason(struct hf_page *page, const char *name, const char *help,
                       const uint64_t counts[HF_REASONS_MAX]);
/* In seconds, of microseconds. */
void hf_page_histogram(struct hf_page *page, const char *name, const char *help, const struct hf_hist *us);

#endif
