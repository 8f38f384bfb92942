#include "app/tenants.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/jwt_files.h"
#include "base/list.h"
#include "core/access.h"
#include "core/topic_map.h"

struct entry { /* a tenant, for the life of the process */
    struct entry *next;
    struct hf_tenant tenant;
    char name[];
};

struct rules { /* with what they own */
    struct hf_tenant_rules rules;
    struct hf_access_rules *access;
    struct hf_topic_map *topics;
    char *texts; /* default topic, topic map, policy */
};

struct set {
    struct set *older;
    struct hf_auth_set auth;
    struct rules *rules; /* tenant_count of them */
    char *texts;
};

struct hf_tenants {
    struct entry *_Atomic entries; /* only ever grows, at the front */
    struct set *_Atomic current;
    uint64_t generation;
};

struct hf_tenants *hf_tenants_new(void)
{
    return calloc(1, sizeof(struct hf_tenants));
}

static void set_free(struct set *set)
{
    for (unsigned i = 0; set != NULL && i < set->auth.tenant_count; i++) {
        hf_access_free(set->rules[i].access);
        free(set->rules[i].topics);
        free(set->rules[i].texts);
    }
    if (set == NULL)
        return;
    hf_jwt_keys_free(set->auth.keys);
    free(set->auth.tenants);
    free(set->rules);
    free(set->texts);
    free(set);
}

void hf_tenants_free(struct hf_tenants *tenants)
{
    if (tenants == NULL)
        return;
    for (struct set *set = tenants->current, *older; set != NULL; set = older) {
        older = set->older;
        set_free(set);
    }
    for (struct entry *entry = tenants->entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        free(entry);
    }
    free(tenants);
}

static struct hf_tenant *find(const struct hf_tenants *tenants, struct hf_slice name)
{
    for (struct entry *entry = atomic_load(&tenants->entries); entry != NULL; entry = entry->next)
        if (hf_slice_eq(entry->tenant.name, name))
            return &entry->tenant;
    return NULL;
}

struct hf_tenant *hf_tenants_find(const struct hf_tenants *tenants, struct hf_slice name)
{
    struct hf_tenant *tenant = find(tenants, name);

    /* Without rules it comes from a load that failed half-way, and is none. */
    return tenant != NULL && atomic_load(&tenant->rules) != NULL ? tenant : NULL;
}

const struct hf_auth_set *hf_tenants_set(const struct hf_tenants *tenants)
{
    struct set *set = atomic_load(&tenants->current);

    return set ? &set->auth : NULL;
}

static struct hf_tenant *find_or_add(struct hf_tenants *tenants, const char *name)
{
    struct hf_tenant *known = find(tenants, hf_slice_of(name));
    size_t bytes = strlen(name);

    if (known != NULL)
        return known;
    struct entry *entry = calloc(1, sizeof(*entry) + bytes + 1);
    if (entry == NULL)
        return NULL;
    memcpy(entry->name, name, bytes + 1);
    entry->tenant.name = (struct hf_slice){entry->name, bytes};
    entry->next = tenants->entries;
    atomic_store(&tenants->entries, entry);
    return &entry->tenant;
}

static enum hf_policy policy_of(enum hf_config_policy policy)
{
    switch (policy) {
    case HF_CONFIG_POLICY_LATEST: return HF_POLICY_LATEST;
    case HF_CONFIG_POLICY_DROP_OLDEST: return HF_POLICY_DROP_OLDEST;
    case HF_CONFIG_POLICY_DROP_NEWEST: return HF_POLICY_DROP_NEWEST;
    case HF_CONFIG_POLICY_DISCONNECT: return HF_POLICY_DISCONNECT;
    case HF_CONFIG_POLICY_SAMPLE: return HF_POLICY_SAMPLE;
    default: return HF_POLICY_MUST_DELIVER;
    }
}

hf_err hf_tenants_access(const struct hf_config_tenant *tenant, struct hf_access_rules **ret_rules,
                         char *error, size_t error_bytes)
{
    struct hf_access_rule rules[HF_ACCESS_RULES_MAX];
    unsigned bad = 0;
    size_t count = tenant->access.count;

    *ret_rules = NULL;
    if (count == 0)
        return HF_OK;
    if (count > HF_ACCESS_RULES_MAX) {
        snprintf(error, error_bytes, "tenants.%s.access has %zu rules; at most %d are taken", tenant->name,
                 count, HF_ACCESS_RULES_MAX);
        return HF_ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        const struct hf_config_access_rule *rule = &tenant->access.at[i];

        rules[i] = (struct hf_access_rule){
            .device = hf_slice_of(rule->devices),
            .topic = hf_slice_of(rule->topics),
            .direction = rule->direction == HF_CONFIG_DIRECTION_UP     ? HF_ACCESS_UP
                         : rule->direction == HF_CONFIG_DIRECTION_DOWN ? HF_ACCESS_DOWN
                                                                       : HF_ACCESS_BOTH,
            .allow = rule->allow,
        };
    }
    hf_err err = hf_access_new(rules, (unsigned)count, &bad, ret_rules);
    if (err == HF_ERR_INVALID)
        snprintf(error, error_bytes,
                 "tenants.%s.access.%u: devices must be an id, a prefix that ends in * or *; topics a filter "
                 "with + and #",
                 tenant->name, bad);
    return err;
}

static char *append_text(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *start = *at;

    memcpy(start, text, bytes);
    *at += bytes;
    return start;
}

static hf_err build_topics(const struct hf_config_tenant *tenant, struct rules *made)
{
    size_t count = tenant->topics.count, bytes = strlen(tenant->default_topic) + 1;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(tenant->topics.at[i].type) + strlen(tenant->topics.at[i].topic) + 2;
    made->texts = malloc(bytes);
    made->topics = malloc(sizeof(*made->topics) + count * sizeof(made->topics->rows[0]));
    if (made->texts == NULL || made->topics == NULL)
        return HF_ERR_NOMEM;
    char *at = made->texts;
    made->rules.default_topic = hf_slice_of(append_text(&at, tenant->default_topic));
    made->topics->count = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        made->topics->rows[i].type = hf_slice_of(append_text(&at, tenant->topics.at[i].type));
        made->topics->rows[i].topic = hf_slice_of(append_text(&at, tenant->topics.at[i].topic));
    }
    return HF_OK;
}

static uint32_t own_or(uint64_t own, uint64_t common)
{
    return (uint32_t)(own != 0 ? own : common);
}

static struct hf_shadow_rules shadow_rules(const struct hf_config *config,
                                           const struct hf_config_tenant *tenant)
{
    static const uint8_t merges[HF_CONFIG_COUNT_merge] = {
        [HF_CONFIG_MERGE_INHERIT] = HF_MERGE_VERSION,
        [HF_CONFIG_MERGE_LWW] = HF_MERGE_LWW,
        [HF_CONFIG_MERGE_VERSION] = HF_MERGE_VERSION,
        [HF_CONFIG_MERGE_CONFLICT_FREE] = HF_MERGE_CONFLICT_FREE,
        [HF_CONFIG_MERGE_OPLOG] = HF_MERGE_OPLOG,
    };

    return (struct hf_shadow_rules){
        .section_bytes_max = own_or(tenant->shadow_section_bytes, config->shadow.section_bytes),
        .depth_max = own_or(tenant->shadow_depth, config->shadow.depth),
        .names_max = (uint32_t)config->shadow.names_max,
        .versions_max = (uint32_t)config->shadow.history_versions,
        .history_bytes = config->shadow.history_bytes,
        .changes = {.per_second = own_or(tenant->shadow_changes_per_s, config->shadow.changes_per_s),
                    .capacity = own_or(tenant->shadow_changes_capacity, config->shadow.changes_capacity)},
        .merge = merges[tenant->shadow_merge],
    };
}

static struct hf_session_rules session_rules(const struct hf_config *config,
                                             const struct hf_config_tenant *tenant)
{
    static const uint8_t profiles[HF_CONFIG_COUNT_profile] = {
        [HF_CONFIG_PROFILE_INHERIT] = HF_PROFILE_DEFAULT,
        [HF_CONFIG_PROFILE_DEFAULT] = HF_PROFILE_DEFAULT,
        [HF_CONFIG_PROFILE_HA] = HF_PROFILE_HA,
        [HF_CONFIG_PROFILE_ADAPTIVE] = HF_PROFILE_ADAPTIVE,
    };
    struct hf_session_rules rules = {
        .enabled = tenant->session == HF_CONFIG_SWITCH_ON,
        .profile = profiles[tenant->session_profile],
        .window_messages = (uint32_t)config->session.window_messages,
        .window_bytes = (uint32_t)config->session.window_bytes,
        .resume_ms = config->session.resume_ms,
    };

    for (unsigned i = HF_PROFILE_DEFAULT; i < HF_PROFILES; i++)
        rules.beats[i] = (struct hf_beat_rules){
            .profile = (uint8_t)i,
            .k = (uint8_t)tenant->session_misses,
            .idle_ms = (uint32_t)config->heartbeat.idle_ms,
            .repeat_ms = (uint32_t)config->heartbeat.repeat_ms,
            .dead_ms = (uint32_t)config->heartbeat.dead_ms,
        };
    return rules;
}

static hf_err build_rules(const struct hf_config *config, const struct hf_config_tenant *tenant,
                          struct rules *made, char *error, size_t error_bytes)
{
    enum hf_config_policy telemetry =
        tenant->telemetry == HF_CONFIG_POLICY_INHERIT ? config->delivery.telemetry : tenant->telemetry;
    enum hf_config_policy message =
        tenant->message == HF_CONFIG_POLICY_INHERIT ? config->delivery.message : tenant->message;

    made->rules = (struct hf_tenant_rules){
        .heartbeat_interval_ms = (uint32_t)config->heartbeat.idle_ms,
        .heartbeat_repeat_ms = (uint32_t)config->heartbeat.repeat_ms,
        .heartbeat_dead_ms = (uint32_t)config->heartbeat.dead_ms,
        .queue_high_bytes = (uint32_t)config->delivery.send_queue_high_bytes,
        .queue_low_bytes = (uint32_t)config->delivery.send_queue_low_bytes,
        .policies = {[HF_CLASS_MESSAGE] = (uint8_t)policy_of(message),
                     [HF_CLASS_TELEMETRY] = (uint8_t)policy_of(telemetry),
                     [HF_CLASS_COMMAND] = HF_POLICY_MUST_DELIVER},
        .sample_every_ms = (uint32_t)tenant->sample_every_ms,
        .outbox_messages_max = (uint32_t)config->delivery.outbox_messages_max,
        .outbox_bytes_max = (uint32_t)config->delivery.outbox_bytes_max,
        .ttl_default_ms = config->delivery.ttl_default_ms,
        .ttl_max_ms = config->delivery.ttl_max_ms,
        .uplink = {.per_second = (uint32_t)(tenant->device_uplink_per_s ? tenant->device_uplink_per_s
                                                                        : config->limits.device_uplink_per_s),
                   .capacity =
                       (uint32_t)(tenant->device_uplink_capacity ? tenant->device_uplink_capacity
                                                                 : config->limits.device_uplink_capacity)},
        .commands = {.per_second = (uint32_t)config->limits.command_per_s,
                     .capacity = (uint32_t)config->limits.command_capacity},
        .connections_max = (uint32_t)tenant->connections_max,
        .subscriptions_max = (uint32_t)config->limits.subscriptions_max,
        .idempotency_ms = config->delivery.idempotency_ms,
        .session = session_rules(config, tenant),
        .shadow = shadow_rules(config, tenant),
    };
    hf_err err = build_topics(tenant, made);
    if (err == HF_OK)
        err = hf_tenants_access(tenant, &made->access, error, error_bytes);
    made->rules.topics = made->topics;
    made->rules.access = made->access;
    return err;
}

static struct set *set_new(const struct hf_config *config)
{
    size_t count = config->tenants.count, bytes = 1;
    struct set *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(config->tenants.at[i].issuer ? config->tenants.at[i].issuer : "") +
                 strlen(config->tenants.at[i].audience ? config->tenants.at[i].audience : "") + 2;
    /* Without tenants too they are not NULL. */
    set->rules = calloc(count + 1, sizeof(*set->rules));
    set->auth.tenants = calloc(count + 1, sizeof(*set->auth.tenants));
    set->texts = malloc(bytes);
    if (set->rules != NULL && set->auth.tenants != NULL && set->texts != NULL) {
        set->auth.tenant_count = (unsigned)count;
        return set;
    }
    set_free(set);
    return NULL;
}

static struct hf_slice policy_text(char **at, const char *text)
{
    if (text == NULL || *text == '\0')
        return (struct hf_slice){NULL, 0};
    return hf_slice_of(append_text(at, text));
}

hf_err hf_tenants_load(struct hf_tenants *tenants, const struct hf_config *config, char *const *env,
                       char *error, size_t error_bytes)
{
    struct set *set = set_new(config);
    hf_err err = set ? HF_OK : HF_ERR_NOMEM;

    snprintf(error, error_bytes, "out of memory");
    if (err == HF_OK)
        err = hf_jwt_files_load(config, env, &set->auth.keys, error, error_bytes);
    char *at = set ? set->texts : NULL;
    for (size_t i = 0; err == HF_OK && i < config->tenants.count; i++) {
        const struct hf_config_tenant *tenant = &config->tenants.at[i];
        struct hf_auth_tenant *made = &set->auth.tenants[i];

        err = build_rules(config, tenant, &set->rules[i], error, error_bytes);
        if (err == HF_OK) {
            made->tenant = find_or_add(tenants, tenant->name);
            err = made->tenant ? HF_OK : HF_ERR_NOMEM;
        }
        made->policy = (struct hf_jwt_policy){
            .issuer = policy_text(&at, tenant->issuer),
            .audience = policy_text(&at, tenant->audience),
            .leeway_s = (uint32_t)(tenant->token_leeway_ms / 1000),
            .life_s_max = (uint32_t)(tenant->token_life_max_ms / 1000),
            .device_required = true,
        };
    }
    if (err != HF_OK) {
        set_free(set);
        return err;
    }
    for (unsigned i = 0; i < set->auth.tenant_count; i++)
        atomic_store(&set->auth.tenants[i].tenant->rules, &set->rules[i].rules);
    set->auth.generation = ++tenants->generation;
    set->older = tenants->current;
    atomic_store(&tenants->current, set);
    return HF_OK;
}
