/* cli/prom.h - numbers out of the Prometheus text format, for `holdfast top`. Looks samples up by name and labels; knows histograms. */
#ifndef HF_CLI_PROM_H
#define HF_CLI_PROM_H

#include <stdbool.h>
#include <stddef.h>

enum { HF_CLI_PROM_BUCKETS_MAX = 64 };

/* The sum of all samples called `name` whose labels hold `label` ("stream=\"uplink\""; NULL = any). 0 when there is none. */
double hf_cli_prom_sum(const char *text, const char *name, const char *label);
bool hf_cli_prom_has(const char *text, const char *name);

/* The q-quantile (0..1) of what histogram `name` gained from `before` to `after` (before may be NULL): the upper bound of its
 * bucket; the largest finite bound when it is above all. 0 when nothing was observed. */
double hf_cli_prom_quantile(const char *before, const char *after, const char *name, double q);

#endif
