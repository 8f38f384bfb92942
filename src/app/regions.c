#include "app/regions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static const double quantiles[] = {0.5, 0.99, 0.999};
static const char *const quantile_names[] = {"0.5", "0.99", "0.999"};
enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

struct label {
    char name[65];
    struct hf_hist us;                /* of the window that runs */
    uint64_t count, us_at[QUANTILES]; /* of the one before */
};

struct prefix {
    struct hf_config_range range;
    unsigned label;
};

struct table {
    size_t prefix_count;
    unsigned label_count;
    struct prefix *prefixes; /* owns; the longest first */
    struct label labels[];   /* "other" is the last */
};

struct hf_regions {
    pthread_mutex_t mutex;
    struct table *table;
    uint64_t window; /* its number */
};

static void table_free(struct table *table)
{
    if (table != NULL)
        free(table->prefixes);
    free(table);
}

static int longer_first(const void *a, const void *b)
{
    return ((const struct prefix *)b)->range.bits - ((const struct prefix *)a)->range.bits;
}

/* config NULL: no regions. */
static struct table *table_new(const struct hf_config *config)
{
    size_t count = config != NULL ? config->regions.count : 0, prefixes = 0;
    struct table *table = calloc(1, sizeof(*table) + (count + 1) * sizeof(table->labels[0]));

    for (size_t i = 0; i < count; i++)
        prefixes += config->regions.at[i].prefixes.count;
    if (table != NULL)
        table->prefixes = calloc(prefixes + 1, sizeof(*table->prefixes));
    if (table == NULL || table->prefixes == NULL) {
        table_free(table);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct hf_config_region *region = &config->regions.at[i];

        (void)snprintf(table->labels[i].name, sizeof(table->labels[i].name), "%s", region->name);
        for (size_t p = 0; p < region->prefixes.count; p++) {
            struct prefix *prefix = &table->prefixes[table->prefix_count++];

            prefix->label = (unsigned)i;
            HF_ASSERT(hf_config_range_parse(region->prefixes.at[p], &prefix->range)); /* it was checked */
        }
    }
    qsort(table->prefixes, table->prefix_count, sizeof(*table->prefixes), longer_first);
    (void)snprintf(table->labels[count].name, sizeof(table->labels[count].name), "other");
    table->label_count = (unsigned)count + 1;
    return table;
}

struct hf_regions *hf_regions_new(void)
{
    struct hf_regions *regions = calloc(1, sizeof(*regions));

    if (regions == NULL)
        return NULL;
    pthread_mutex_init(&regions->mutex, NULL);
    regions->table = table_new(NULL);
    if (regions->table != NULL)
        return regions;
    hf_regions_free(regions);
    return NULL;
}

void hf_regions_free(struct hf_regions *regions)
{
    if (regions == NULL)
        return;
    table_free(regions->table);
    pthread_mutex_destroy(&regions->mutex);
    free(regions);
}

hf_err hf_regions_use(struct hf_regions *regions, const struct hf_config *config)
{
    struct table *table = table_new(config), *before;

    if (table == NULL)
        return HF_ERR_NOMEM;
    pthread_mutex_lock(&regions->mutex);
    before = regions->table;
    regions->table = table;
    pthread_mutex_unlock(&regions->mutex);
    table_free(before);
    return HF_OK;
}

/* A window that ended gives its quantiles; of one that ended longer ago nothing is left to say. */
static void roll(struct hf_regions *regions, uint64_t now_ms)
{
    uint64_t window = now_ms / HF_REGION_WINDOW_MS;

    for (unsigned i = 0; window != regions->window && i < regions->table->label_count; i++) {
        struct label *label = &regions->table->labels[i];
        bool just_before = window == regions->window + 1;

        label->count = just_before ? hf_hist_count(&label->us) : 0;
        for (unsigned q = 0; q < QUANTILES; q++)
            label->us_at[q] = hf_hist_quantile(&label->us, quantiles[q]);
        hf_hist_reset(&label->us);
    }
    regions->window = window;
}

static struct label *label_of(struct table *table, const union hf_address *peer)
{
    const uint8_t *bytes = (const uint8_t *)&peer->v4.sin_addr;
    size_t count = 4;

    if (peer->any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr); /* of a listener on :: */

        bytes = (const uint8_t *)&peer->v6.sin6_addr + (mapped ? 12 : 0);
        count = mapped ? 4 : 16;
    }
    for (size_t i = 0; peer->any.sa_family != AF_UNSPEC && i < table->prefix_count; i++)
        if (hf_config_range_holds(&table->prefixes[i].range, bytes, count))
            return &table->labels[table->prefixes[i].label];
    return &table->labels[table->label_count - 1];
}

void hf_regions_record(struct hf_regions *regions, const union hf_address *peer, uint64_t us, uint64_t now_ms)
{
    pthread_mutex_lock(&regions->mutex);
    roll(regions, now_ms);
    hf_hist_record(&label_of(regions->table, peer)->us, us);
    pthread_mutex_unlock(&regions->mutex);
}

void hf_regions_metrics(struct hf_page *page, struct hf_regions *regions, uint64_t now_ms)
{
    char name[HF_PAGE_LABEL_BYTES];

    pthread_mutex_lock(&regions->mutex);
    roll(regions, now_ms);
    const struct table *table = regions->table;
    hf_page_head(page, "tls_handshake_window_handshakes", "gauge",
                 "TLS handshakes that were completed within the last whole 10 s, by region of the peer");
    for (unsigned i = 0; i < table->label_count; i++) {
        hf_page_label(name, table->labels[i].name);
        hf_page_add(page, "holdfast_tls_handshake_window_handshakes{region=\"%s\"} %llu\n", name,
                    (unsigned long long)table->labels[i].count);
    }
    hf_page_head(page, "tls_handshake_window_seconds", "gauge",
                 "quantiles of their time, accept to the client's Finished");
    for (unsigned i = 0; i < table->label_count; i++) {
        hf_page_label(name, table->labels[i].name);
        for (unsigned q = 0; table->labels[i].count > 0 && q < QUANTILES; q++)
            hf_page_add(page, "holdfast_tls_handshake_window_seconds{region=\"%s\",quantile=\"%s\"} %.6f\n",
                        name, quantile_names[q], (double)table->labels[i].us_at[q] / 1e6);
    }
    pthread_mutex_unlock(&regions->mutex);
}
