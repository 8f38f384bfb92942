#include "app/config_check.h"

#include "app/config_read.h"
#include "app/config_value.h"
#include "base/assert.h"

/* Members that must be there, anywhere in the tree: TEXTs that may not be empty, lists and sets with a least count. */
static void check_present(const struct hf_config_shape *shape, const void *object, struct hf_sb *path,
                          struct hf_config_errors *errors)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        const void *member = hf_config_member(row, object);
        const struct hf_config_items *items = member;
        char storage[HF_CONFIG_STEP_BYTES_MAX];
        size_t path_bytes = path->bytes;

        hf_config_path_add(path, row->name);
        if (row->kind == HF_CONFIG_KIND_TEXT && row->min > 0 && *(char *const *)member == NULL)
            hf_config_error(errors, NULL, "%s is missing: %s", path->at, row->help);
        if (row->kind == HF_CONFIG_KIND_FLAGS && row->min > 0 && *(const unsigned *)member == 0)
            hf_config_error(errors, NULL, "%s is empty; its default is %s", path->at, row->default_text);
        if (row->kind == HF_CONFIG_KIND_SECTION)
            check_present(row->shape(), member, path, errors);
        for (size_t k = 0; row->kind == HF_CONFIG_KIND_LIST && k < items->count; k++) {
            size_t item_bytes = path->bytes;

            hf_config_path_add(path, hf_config_item_step(row, items, k, storage));
            check_present(row->shape(), hf_config_item(row, items, k), path, errors);
            hf_config_path_cut(path, item_bytes);
        }
        hf_config_path_cut(path, path_bytes);
    }
}

/* Reports when `small` is not below (or, with or_equal, above) `large`; values as people write them. */
struct order {
    enum hf_config_kind kind;
    const char *small_path, *large_path;
    uint64_t small, large;
    bool or_equal;
};

static void check_order(const struct order *order, struct hf_config_errors *errors)
{
    char storage[64];
    struct hf_sb sb;
    const char *large;

    if (order->small < order->large || (order->or_equal && order->small == order->large))
        return;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_config_number_print(order->kind, order->small, &sb);
    hf_sb_char(&sb, '\0');
    large = storage + sb.bytes;
    hf_config_number_print(order->kind, order->large, &sb);
    hf_config_error(errors, NULL, "%s (%s) must be %s %s (%s)", order->small_path, storage,
                    order->or_equal ? "at most" : "below", order->large_path, large);
}

static void check_orders(const struct hf_config *config, struct hf_config_errors *errors)
{
    const struct hf_config_websocket *websocket = &config->websocket;
    const struct hf_config_heartbeat *heartbeat = &config->heartbeat;
    const struct hf_config_delivery *delivery = &config->delivery;
    const struct order orders[] = {
        {HF_CONFIG_KIND_BYTES, "delivery.send_queue_low_bytes", "delivery.send_queue_high_bytes",
         delivery->send_queue_low_bytes, delivery->send_queue_high_bytes, false},
        {HF_CONFIG_KIND_MS, "delivery.ttl_default_ms", "delivery.ttl_max_ms", delivery->ttl_default_ms,
         delivery->ttl_max_ms, true},
        {HF_CONFIG_KIND_BYTES, "websocket.unauthenticated_message_bytes_max", "websocket.message_bytes_max",
         websocket->unauthenticated_message_bytes_max, websocket->message_bytes_max, true},
        {HF_CONFIG_KIND_MS, "heartbeat.idle_ms + heartbeat.repeat_ms", "heartbeat.dead_ms",
         heartbeat->idle_ms + heartbeat->repeat_ms, heartbeat->dead_ms, false},
        {HF_CONFIG_KIND_BYTES, "twice log.segment_bytes", "log.retention_bytes",
         2 * config->log.segment_bytes, config->log.retention_bytes, true},
        {HF_CONFIG_KIND_BYTES, "store.map_initial_bytes", "store.map_max_bytes",
         config->store.map_initial_bytes, config->store.map_max_bytes, true},
    };

    for (size_t i = 0; i < HF_COUNT_OF(orders); i++)
        check_order(&orders[i], errors);
}

static void check_policies(const struct hf_config *config, struct hf_config_errors *errors)
{
    if (config->delivery.telemetry == HF_CONFIG_POLICY_INHERIT ||
        config->delivery.message == HF_CONFIG_POLICY_INHERIT)
        hf_config_error(errors, NULL,
                        "delivery: inherit is for tenants; there is nothing above to inherit from");
    if (config->session.profile == HF_CONFIG_PROFILE_INHERIT)
        hf_config_error(errors, NULL,
                        "session.profile: inherit is for tenants; there is nothing above to inherit from");
    if (config->shadow.merge == HF_CONFIG_MERGE_INHERIT)
        hf_config_error(errors, NULL,
                        "shadow.merge: inherit is for tenants; there is nothing above to inherit from");
}

static void check_regions(const struct hf_config *config, struct hf_config_errors *errors)
{
    for (size_t i = 0; i < config->regions.count; i++) {
        const struct hf_config_region *region = &config->regions.at[i];

        if (strcmp(region->name, "other") == 0)
            hf_config_error(
                errors, NULL,
                "regions.other: the name is that of everybody who is in no region; take another one");
        if (region->prefixes.count == 0)
            hf_config_error(errors, NULL, "regions.%s.prefixes is empty; list addresses such as 10.0.0.0/8",
                            region->name);
        for (size_t p = 0; p < region->prefixes.count; p++)
            if (!hf_config_cidr_is_valid(region->prefixes.at[p]))
                hf_config_error(errors, NULL,
                                "regions.%s.prefixes: '%s' is no address range such as 10.0.0.0/8",
                                region->name, region->prefixes.at[p]);
    }
}

void hf_config_check(const struct hf_config *config, struct hf_config_errors *errors)
{
    char storage[HF_CONFIG_PATH_BYTES_MAX];
    size_t errors_before = errors->error_count;
    struct hf_sb path;

    hf_sb_init(&path, storage, sizeof(storage));
    check_present(hf_config_shape(), config, &path, errors);
    if (errors->error_count > errors_before)
        return; /* the checks below rely on what must be there */
    check_orders(config, errors);
    check_policies(config, errors);
    check_regions(config, errors);
    hf_config_check_listeners(config, errors);
    hf_config_check_tenants(config, errors);
    hf_config_check_gb(config, errors);
}

void hf_config_inherit(struct hf_config *config)
{
    for (size_t i = 0; i < config->tenants.count; i++) {
        struct hf_config_tenant *tenant = &config->tenants.at[i];

        if (tenant->device_uplink_per_s == 0)
            tenant->device_uplink_per_s = config->limits.device_uplink_per_s;
        if (tenant->device_uplink_capacity == 0)
            tenant->device_uplink_capacity = config->limits.device_uplink_capacity;
        if (tenant->telemetry == HF_CONFIG_POLICY_INHERIT)
            tenant->telemetry = config->delivery.telemetry;
        if (tenant->message == HF_CONFIG_POLICY_INHERIT)
            tenant->message = config->delivery.message;
        if (tenant->sample_every_ms == 0)
            tenant->sample_every_ms = config->delivery.sample_every_ms;
        if (tenant->session == HF_CONFIG_SWITCH_INHERIT)
            tenant->session = config->session.enabled ? HF_CONFIG_SWITCH_ON : HF_CONFIG_SWITCH_OFF;
        if (tenant->session_profile == HF_CONFIG_PROFILE_INHERIT)
            tenant->session_profile = config->session.profile;
        if (tenant->shadow_merge == HF_CONFIG_MERGE_INHERIT)
            tenant->shadow_merge = config->shadow.merge;
        if (tenant->session_misses == 0)
            tenant->session_misses = config->session.misses;
    }
}
