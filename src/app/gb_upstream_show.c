/* app/gb_upstream_show.c - upstreams as other threads see them: rows that their workers write when something changes, and once a second. */
#include <string.h>

#include "adapter/api/payload_text.h"
#include "app/gb_config.h"
#include "app/metrics_page.h"
#include "app/worker.h"
#include "codec/json/out.h"

void hf_gateway_upstreams_init(struct hf_gateway *gateway)
{
    pthread_mutex_init(&gateway->upstreams.mutex, NULL);
}

/* Locked. The row of that name, or a free one, or NULL. */
static struct hf_gbw_upstream_row *row_of(struct hf_gateway_upstreams *all, const char *name, bool make)
{
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        if (all->rows[i].used && strcmp(all->rows[i].name, name) == 0)
            return &all->rows[i];
    for (unsigned i = 0; make && i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        if (!all->rows[i].used)
            return &all->rows[i];
    return NULL;
}

static void copy_text(char *to, size_t bytes, struct hf_slice text)
{
    size_t count = HF_MIN(text.bytes, bytes - 1);

    if (count > 0)
        memcpy(to, text.at, count);
    to[count] = '\0';
}

void hf_gbw_upstream_publish(const struct hf_gbw_upstream *upstream)
{
    struct hf_worker *worker = upstream->gb->worker;
    struct hf_gateway_upstreams *all = &worker->gateway->upstreams;
    struct hf_gbw_upstream_row row = {.used = true,
                                      .tcp = upstream->config->transport == HF_CONFIG_GB_UP_TCP};
    int64_t utc_from_now = (int64_t)worker->hub.utc_ms - (int64_t)worker->hub.now_ms;

    hf_gb_upstream_view(upstream->upstream, &row.view);
    copy_text(row.name, sizeof(row.name), hf_slice_of(upstream->config->name));
    copy_text(row.server_id, sizeof(row.server_id), hf_slice_of(upstream->config->server_id));
    copy_text(row.device_id, sizeof(row.device_id),
              hf_gb_upstream_device_id(worker->rules->config, upstream->config));
    hf_address_text(&upstream->peer, row.address);
    row.since_ms = (uint64_t)((int64_t)row.view.since_ms + utc_from_now);
    row.due_ms = row.view.due_ms == UINT64_MAX ? 0 : (uint64_t)((int64_t)row.view.due_ms + utc_from_now);
    pthread_mutex_lock(&all->mutex);
    struct hf_gbw_upstream_row *place = row_of(all, row.name, true);
    if (place != NULL)
        *place = row;
    pthread_mutex_unlock(&all->mutex);
}

void hf_gbw_upstream_unpublish(const struct hf_gbw_upstream *upstream)
{
    struct hf_gateway_upstreams *all = &upstream->gb->worker->gateway->upstreams;

    pthread_mutex_lock(&all->mutex);
    struct hf_gbw_upstream_row *row = row_of(all, upstream->config->name, false);
    if (row != NULL)
        row->used = false;
    pthread_mutex_unlock(&all->mutex);
}

/* ---- the page and the document ---- */

static void row_json(const struct hf_gbw_upstream_row *row, struct hf_json_out *out)
{
    const struct hf_gb_upstream_view *view = &row->view;
    bool there = view->state == HF_GB_UP_REGISTERED || view->state == HF_GB_UP_REFRESHING;

    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "name", row->name);
    hf_json_out_cstr(out, "state", hf_gb_up_state_name(view->state));
    hf_json_out_bool(out, "registered", there);
    hf_time_out(out, "since", row->since_ms);
    if (row->due_ms != 0)
        hf_time_out(out,
                    there                             ? "refresh"
                    : view->state == HF_GB_UP_WAITING ? "next_attempt"
                                                      : "deadline",
                    row->due_ms);
    if (view->reason[0] != '\0')
        hf_json_out_cstr(out, "reason", view->reason);
    if (view->status != 0)
        hf_json_out_u64(out, "status", view->status);
    hf_json_out_u64(out, "failures", view->failures);
    if (there)
        hf_json_out_u64(out, "expires_s", view->expires_s);
    hf_json_out_cstr(out, "address", row->address);
    hf_json_out_cstr(out, "transport", row->tcp ? "tcp" : "udp");
    hf_json_out_cstr(out, "server_id", row->server_id);
    hf_json_out_cstr(out, "device_id", row->device_id);
    hf_json_out_cstr(out, "breaker", hf_breaker_state_name(view->breaker));
    hf_json_out_u64(out, "shown", view->shown);
    if (view->hidden > 0)
        hf_json_out_u64(out, "ambiguous", view->hidden);
    if (view->left_out > 0)
        hf_json_out_u64(out, "left_out", view->left_out);
    hf_json_out_object(out, "counters");
#define SHOW(member, text) hf_json_out_u64(out, #member, view->stats.member);
    HF_GB_UPSTREAM_STATS_MAP(SHOW)
#undef SHOW
    hf_json_out_end(out);
    hf_json_out_end(out);
}

void hf_gateway_upstreams_json(struct hf_gateway *gateway, struct hf_json_out *out)
{
    struct hf_gateway_upstreams *all = &gateway->upstreams;

    pthread_mutex_lock(&all->mutex);
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        if (all->rows[i].used)
            row_json(&all->rows[i], out);
    pthread_mutex_unlock(&all->mutex);
}

static void page_state(struct hf_page *page, const struct hf_gateway_upstreams *all)
{
    hf_page_head(page, "gb_upstream_state", "gauge", "1 for the state of our registration at the platform");
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        for (unsigned state = 0; all->rows[i].used && state < HF_GB_UP_STATES; state++)
            hf_page_add(page, "holdfast_gb_upstream_state{upstream=\"%s\",state=\"%s\"} %d\n",
                        all->rows[i].name, hf_gb_up_state_name(state), all->rows[i].view.state == state);
    hf_page_head(page, "gb_upstream_breaker", "gauge", "0 closed, 1 open, 2 half open");
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        if (all->rows[i].used)
            hf_page_add(page, "holdfast_gb_upstream_breaker{upstream=\"%s\"} %u\n", all->rows[i].name,
                        all->rows[i].view.breaker);
    hf_page_head(page, "gb_upstream_failures", "gauge", "failed attempts in a row");
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)
        if (all->rows[i].used)
            hf_page_add(page, "holdfast_gb_upstream_failures{upstream=\"%s\"} %u\n", all->rows[i].name,
                        all->rows[i].view.failures);
}

void hf_gateway_upstreams_metrics(struct hf_page *page, struct hf_gateway *gateway)
{
    struct hf_gateway_upstreams *all = &gateway->upstreams;

    if (gateway->gb.door_count == 0)
        return;
    pthread_mutex_lock(&all->mutex);
    page_state(page, all);
#define SHOW(member, text)                                                                      \
    hf_page_head(page, "gb_upstream_" #member "_total", "counter", text);                       \
    for (unsigned i = 0; i < HF_GBW_UPSTREAM_ROWS_MAX; i++)                                     \
        if (all->rows[i].used)                                                                  \
            hf_page_add(page, "holdfast_gb_upstream_" #member "_total{upstream=\"%s\"} %llu\n", \
                        all->rows[i].name, (unsigned long long)all->rows[i].view.stats.member);
    HF_GB_UPSTREAM_STATS_MAP(SHOW)
#undef SHOW
    pthread_mutex_unlock(&all->mutex);
}
