#include "cli/prom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

struct sample {
    struct hf_slice name, labels;
    double value;
};

/* One line; false for comments and what is no sample. */
static bool parse_line(const char *line, size_t bytes, struct sample *sample)
{
    size_t name = strcspn(line, "{ \n"), at = name;
    const char *end;

    if (line[0] == '#' || name == 0 || name >= bytes)
        return false;
    sample->name = (struct hf_slice){line, name};
    sample->labels = (struct hf_slice){"", 0};
    if (line[name] == '{') {
        end = memchr(line + name, '}', bytes - name); /* our own label values hold no brace */
        if (end == NULL)
            return false;
        sample->labels = (struct hf_slice){line + name + 1, (size_t)(end - line) - name - 1};
        at = (size_t)(end - line) + 1;
    }
    if (at >= bytes || line[at] != ' ')
        return false;
    sample->value = strtod(line + at + 1, NULL);
    return true;
}

static bool next(const char **text, struct sample *sample)
{
    while (**text != '\0') {
        const char *line = *text;
        size_t bytes = strcspn(line, "\n");

        *text = line + bytes + (line[bytes] == '\n');
        if (parse_line(line, bytes, sample))
            return true;
    }
    return false;
}

static bool labels_hold(struct hf_slice labels, const char *label)
{
    return label == NULL ||
           (labels.bytes > 0 && memmem(labels.at, labels.bytes, label, strlen(label)) != NULL);
}

double hf_cli_prom_sum(const char *text, const char *name, const char *label)
{
    struct sample sample;
    double sum = 0;

    while (next(&text, &sample))
        if (hf_slice_is(sample.name, name) && labels_hold(sample.labels, label))
            sum += sample.value;
    return sum;
}

bool hf_cli_prom_has(const char *text, const char *name)
{
    struct sample sample;

    while (next(&text, &sample))
        if (hf_slice_is(sample.name, name))
            return true;
    return false;
}

struct buckets {
    double bound[HF_CLI_PROM_BUCKETS_MAX], count[HF_CLI_PROM_BUCKETS_MAX];
    size_t n;
};

static void take_buckets(const char *text, const char *name, struct buckets *buckets)
{
    char bucket[128];
    struct sample sample;

    buckets->n = 0;
    (void)snprintf(bucket, sizeof(bucket), "%.100s_bucket", name);
    while (text != NULL && buckets->n < HF_CLI_PROM_BUCKETS_MAX && next(&text, &sample)) {
        const char *le;

        if (!hf_slice_is(sample.name, bucket))
            continue;
        le = memmem(sample.labels.at, sample.labels.bytes, "le=\"", 4);
        if (le == NULL)
            continue;
        buckets->bound[buckets->n] = le[4] == '+' ? INFINITY : strtod(le + 4, NULL);
        buckets->count[buckets->n++] = sample.value;
    }
}

double hf_cli_prom_quantile(const char *before, const char *after, const char *name, double q)
{
    struct buckets old, now;
    double total, last = 0;

    take_buckets(before, name, &old);
    take_buckets(after, name, &now);
    if (now.n == 0)
        return 0;
    for (size_t i = 0; i < now.n && old.n == now.n; i++)
        now.count[i] -= old.count[i];
    total = now.count[now.n - 1];
    if (total <= 0)
        return 0;
    for (size_t i = 0; i < now.n; i++) {
        if (now.count[i] >= q * total)
            return isinf(now.bound[i]) ? last : now.bound[i];
        last = now.bound[i];
    }
    return last;
}
