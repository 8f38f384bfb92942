#include "adapter/gb28181/catalog.h"

#include <stdio.h>

#include "adapter/gb28181/gb.h"
#include "base/sb.h"
#include "core/channels.h"

/* Of a device whose list is to be asked for; in memory only until that is done. */
struct hf_gb_catalog_job {
    struct hf_timer timer;
    struct hf_gb_device *device;
    uint8_t failed;
};

size_t hf_gb_catalog_job_bytes(void)
{
    return sizeof(struct hf_gb_catalog_job);
}

/* ---- to the log ---- */

struct list {
    const char *step;
    uint64_t seq, from, to;
};

static bool append(struct hf_gb_device *device, const struct list *list, struct hf_slice payload)
{
    struct hf_gb_site *site = device->site;
    struct hf_event event = {.type = HF_EVENT_CHANNELS,
                             .format = HF_FORMAT_JSON,
                             .flags = HF_EVENT_FLAG_TEXT,
                             .seq = list->seq,
                             .from = list->from,
                             .to = list->to,
                             .tenant = site->options.tenant->name,
                             .device = hf_gb_device_id(device),
                             .key = hf_slice_of(list->step),
                             .payload = payload};

    return hf_journal_append(site->options.hub->options.journal, &event, NULL) == HF_OK;
}

static bool may_take(const struct hf_gb_site *site)
{
    return site->options.ops->may_take == NULL || site->options.ops->may_take(site->options.context);
}

/* Takes items off the front of a merge's text, whose items end in ",\n": as many as a record wants, at least one. */
static struct hf_slice take_items(struct hf_slice *text, uint64_t *ret_count)
{
    struct hf_slice taken = *text;

    if (text->bytes > HF_CHANNELS_PART_BYTES) {
        const char *end = memrchr(text->at, '\n', HF_CHANNELS_PART_BYTES);

        if (end == NULL)
            end = memchr(text->at, '\n', text->bytes);
        if (end != NULL)
            taken.bytes = (size_t)(end - text->at) + 1;
    }
    text->at += taken.bytes;
    text->bytes -= taken.bytes;
    if (taken.at[taken.bytes - 1] == '\n')
        taken.bytes -= 2;
    *ret_count = 1;
    for (size_t i = 0; i < taken.bytes; i++)
        *ret_count += taken.at[i] == '\n';
    return taken;
}

/* [items] in site->json. */
static struct hf_slice as_array(struct hf_gb_site *site, struct hf_slice items)
{
    struct hf_sb sb;

    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_sb_char(&sb, '[');
    hf_sb_slice(&sb, items);
    hf_sb_char(&sb, ']');
    HF_ASSERT(!sb.overflow); /* an item is at most HF_GB_JSON_BYTES_MAX */
    return hf_sb_done(&sb);
}

static bool append_items(struct hf_gb_device *device, struct list *list, struct hf_slice text)
{
    uint64_t count;

    while (text.bytes > 0) {
        struct hf_slice items = take_items(&text, &count);

        if (!append(device, list, as_array(device->site, items)))
            return false;
        list->from += count;
    }
    return true;
}

static uint64_t digest_of(struct hf_slice text)
{
    uint64_t digest = 0;

    while (text.bytes > 0) {
        const char *end = memchr(text.at, '\n', text.bytes);
        size_t bytes = end ? (size_t)(end - text.at) + 1 : text.bytes;

        digest += hf_channels_digest((struct hf_slice){text.at, end ? bytes - 2 : bytes});
        text.at += bytes;
        text.bytes -= bytes;
    }
    return digest;
}

/* HF_OK, HF_ERR_NOT_FOUND, or what the tables say. *ret_row without its texts; digest (may be NULL): does it say so? */
static hf_err known(const struct hf_gb_device *device, struct hf_catalog_row *ret_row, const char *digest,
                    bool *ret_same)
{
    const struct hf_gb_site *site = device->site;
    struct hf_kv_txn *txn;
    hf_err err = hf_kv_read(site->options.hub->options.kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_catalog_get(txn, site->options.tenant->name, hf_gb_device_id(device), ret_row);
    if (err == HF_OK && digest != NULL)
        *ret_same = hf_slice_is(ret_row->digest, digest);
    hf_kv_end(txn);
    return err;
}

/* A list that changes nothing is one small record: cameras tell the same one for years. */
static bool append_whole(struct hf_gb_device *device, const struct hf_gb_merged *merged)
{
    struct hf_gb_site *site = device->site;
    struct hf_catalog_row row;
    char digest[17], json[64];
    bool same = false;

    hf_gb_shadow_channels(device, merged->items);
    (void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)digest_of(merged->text));
    (void)snprintf(json, sizeof(json), "{\"digest\":\"%s\"}", digest);
    /* A change that is on its way to the tables would be taken for settled. */
    if (!device->catalog_moved && known(device, &row, digest, &same) == HF_OK && same &&
        row.complete_ms != 0 && row.count == merged->items) {
        site->stats.catalogs_same++;
        return append(device, &(struct list){.step = "same"}, hf_slice_of(json));
    }
    struct list list = {.step = "part", .seq = site->options.hub->utc_ms << 8 | ++site->catalog_lists};
    if (!append_items(device, &list, merged->text))
        return false;
    list = (struct list){.step = "commit", .seq = list.seq, .to = merged->items};
    if (!append(device, &list, hf_slice_of(json)))
        return false;
    device->catalog_moved = false;
    return true;
}

static bool append_changes(struct hf_gb_device *device, struct hf_slice text)
{
    if (text.bytes == 0)
        return true;
    device->catalog_moved = true;
    return append_items(device, &(struct list){.step = "change"}, text);
}

/* ---- the gateway's own question ---- */

static void job_free(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_catalog_job *job = device->catalog_job;

    if (job == NULL)
        return;
    device->catalog_job = NULL;
    hf_wheel_cancel(site->options.wheel, &job->timer);
    hf_slab_give(site->catalog_slab, job);
    site->stats.catalogs_waiting--;
}

static void job_again(struct hf_gb_catalog_job *job, uint64_t wait_ms)
{
    struct hf_gb_site *site = job->device->site;

    hf_wheel_arm(site->options.wheel, &job->timer,
                 hf_gb_now(site) + wait_ms + hf_rng_below(&site->rng, 1 + wait_ms / 4));
}

/* As long as all that wait need at the bound, so that a fleet that comes at once is spread evenly. */
static uint64_t spread_ms(const struct hf_gb_site *site)
{
    return 1000 * site->stats.catalogs_waiting / site->limits.catalog_per_second;
}

static bool fresh(const struct hf_gb_device *device, bool *ret_unknown)
{
    const struct hf_gb_site *site = device->site;
    struct hf_catalog_row row;
    hf_err err = known(device, &row, NULL, NULL);

    *ret_unknown = err != HF_OK && err != HF_ERR_NOT_FOUND;
    return err == HF_OK && row.complete_ms != 0 &&
           row.complete_ms + 1000ull * site->limits.catalog_max_age_s > site->options.hub->utc_ms;
}

static bool ask(struct hf_gb_device *device)
{
    static const uint8_t none[16];
    struct hf_gb_site *site = device->site;
    struct hf_gb_request *request = hf_gb_request_new(device, none);
    struct hf_cdp_message *query = &site->message;
    struct hf_cdp_writer writer = hf_gb_writer(device);
    struct hf_sb sb;

    if (request == NULL)
        return false;
    memset(query, 0, sizeof(*query));
    query->root = HF_CDP_ROOT_QUERY;
    query->command = HF_CDP_CMD_CATALOG;
    query->sn = HF_CDP_INT(request->sn);
    query->device_id = hf_gb_device_id(device);
    request->own = request->catalog = true;
    request->command = HF_CDP_CMD_CATALOG;
    request->answer = HF_CDP_ANSWER_MANY;
    hf_sb_init(&sb, site->body, HF_GB_BODY_BYTES_MAX + 1);
    hf_err err = hf_cdp_build(&writer, query, &sb, NULL);
    HF_ASSERT(err == HF_OK);
    if (hf_gb_request_send(request, hf_sb_done(&sb)) != HF_OK)
        return false;
    site->stats.catalogs_asked++;
    return true;
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_catalog_job *job = HF_CONTAINER_OF(timer, struct hf_gb_catalog_job, timer);
    struct hf_gb_device *device = job->device;
    struct hf_gb_site *site = device->site;
    struct hf_rate_limit rate = {.per_second = site->limits.catalog_per_second,
                                 .capacity = site->limits.catalog_per_second};
    bool unknown;

    if (site->limits.catalog_per_second == HF_GB_CATALOGS_OFF) { /* switched off meanwhile */
        job_free(device);
    } else if (fresh(device, &unknown)) {
        hf_gb_catalog_step(&device->catalog, HF_GB_CATALOG_WHOLE);
        job_free(device);
    } else if (unknown || hf_gb_device_deaf(device) || !may_take(site) ||
               !hf_rate_take(&site->catalog_rate, &rate, 1, now_ms)) {
        job_again(job, HF_GB_CATALOG_DELAY_MS + spread_ms(site));
    } else if (!ask(device)) {
        job_again(job, HF_GB_CATALOG_DELAY_MS + spread_ms(site));
    }
}

void hf_gb_catalog_registered(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;

    if (site->limits.catalog_per_second == HF_GB_CATALOGS_OFF || device->catalog_job != NULL)
        return;
    struct hf_gb_catalog_job *job = hf_slab_take(site->catalog_slab);
    if (job == NULL)
        return; /* an application can ask */
    *job = (struct hf_gb_catalog_job){.device = device};
    hf_timer_init(&job->timer, on_timer);
    device->catalog_job = job;
    site->stats.catalogs_waiting++;
    hf_wheel_arm(site->options.wheel, &job->timer,
                 hf_gb_now(site) + HF_GB_CATALOG_DELAY_MS + hf_rng_below(&site->rng, 1 + spread_ms(site)));
}

void hf_gb_catalog_gone(struct hf_gb_device *device)
{
    hf_gb_catalog_step(&device->catalog, HF_GB_CATALOG_GONE);
    job_free(device);
}

/* ---- what came of a question ---- */

/* The own question was not answered as it should be: once more, later. */
static void failed(struct hf_gb_request *request)
{
    struct hf_gb_catalog_job *job = request->device->catalog_job;

    if (!request->own || job == NULL)
        return;
    if (++job->failed >= HF_GB_CATALOG_TRIES) {
        request->device->site->stats.catalogs_given_up++;
        job_free(request->device);
    } else {
        job_again(job, hf_gb_catalog_retry_ms(job->failed));
    }
}

void hf_gb_catalog_asked(struct hf_gb_request *request)
{
    if (request->catalog)
        hf_gb_catalog_step(&request->device->catalog, HF_GB_CATALOG_ASKED);
}

void hf_gb_catalog_list(struct hf_gb_request *request, const struct hf_gb_merged *merged, bool whole)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    bool all = request->catalog && whole; /* of a part of the tree nothing can be concluded about the rest */

    if (all ? !append_whole(device, merged) : !append_changes(device, merged->text)) {
        site->stats.catalogs_lost++;
        all = false;
    }
    site->stats.catalogs_whole += all;
    site->stats.catalogs_partial += request->catalog && !all;
    if (!request->catalog)
        return;
    hf_gb_catalog_step(&device->catalog, all ? HF_GB_CATALOG_WHOLE : HF_GB_CATALOG_PART);
    if (all)
        job_free(device);
    else
        failed(request);
}

void hf_gb_catalog_unanswered(struct hf_gb_request *request)
{
    if (!request->catalog)
        return;
    request->device->site->stats.catalogs_unanswered++;
    hf_gb_catalog_step(&request->device->catalog, HF_GB_CATALOG_UNANSWERED);
    failed(request);
}

/* ---- single channels ---- */

bool hf_gb_catalog_notified(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = device->site;
    struct hf_cdp_catalog_item channel;
    struct hf_cdp_iter iter;
    struct hf_json_out out;
    struct hf_sb sb;

    if (!may_take(site))
        return false;
    hf_sb_init(&sb, site->json, HF_GB_JSON_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_array(&out, NULL);
    hf_cdp_list_begin(&iter, message, &message->as.catalog.devices, site->item_scratch, HF_CDP_SCRATCH_BYTES);
    while (hf_cdp_list_next(&iter, &channel, sizeof(channel)) == HF_OK) {
        hf_json_out_object(&out, NULL);
        hf_cdp_json_item(&iter, &channel, &out);
        hf_json_out_end(&out);
        site->stats.catalog_changes++;
    }
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out)) {
        site->stats.messages_large++;
        return true; /* said again it would not be smaller */
    }
    if (iter.count == 0)
        return true;
    device->catalog_moved = true;
    return append(device, &(struct list){.step = "change"}, hf_sb_done(&sb));
}
