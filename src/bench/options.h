/* bench/options.h - command lines of the generators: a table of options becomes the fields of a struct. */
#ifndef HF_BENCH_OPTIONS_H
#define HF_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/schedule.h"

enum { HF_BENCH_ERROR_BYTES = 256 };

enum hf_bench_kind {
    HF_BENCH_FLAG, /* bool; false unless given */
    HF_BENCH_U64,
    HF_BENCH_REAL,
    HF_BENCH_NS,   /* a time with its unit */
    HF_BENCH_TEXT, /* borrowed from argv; "none" as default = NULL */
    HF_BENCH_RAMP, /* none, step, linear */
};

#define HF_BENCH_FIELD_FLAG bool
#define HF_BENCH_FIELD_U64  uint64_t
#define HF_BENCH_FIELD_REAL double
#define HF_BENCH_FIELD_NS   uint64_t
#define HF_BENCH_FIELD_TEXT const char *
#define HF_BENCH_FIELD_RAMP enum hf_bench_ramp

struct hf_bench_option {
    enum hf_bench_kind kind;
    size_t offset;            /* of its field */
    const char *name, *value; /* its default, as text */
    double min, max;          /* of times in seconds */
};

struct hf_bench_options {
    const struct hf_bench_option *at; /* borrows */
    size_t count;
    const char *where; /* what the one argument that is no option is, for people: "URL" */
};

/* Asserts that every default is good. */
void hf_bench_options_default(const struct hf_bench_options *options, void *config);

/* Reads [--option value | --option=value | WHERE]... HF_ERR_INVALID: `error` names the argument and what is wrong with it. *ret_where stays NULL when it is not there. */
hf_err hf_bench_options_read(const struct hf_bench_options *options, void *config, int argc, char **argv,
                             const char **ret_where, char error[HF_BENCH_ERROR_BYTES]);

/* "1.5s" -> nanoseconds. HF_ERR_INVALID without a known unit (ns, us, ms, s, m, h) or out of range. */
hf_err hf_bench_duration_parse(const char *text, uint64_t *ret_ns);

/* Calls visit(user, option, value as text) for every option that has a value. */
void hf_bench_options_each(const struct hf_bench_options *options, const void *config,
                           void (*visit)(void *user, const char *option, const char *value), void *user);

#endif
