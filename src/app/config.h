/* app/config.h - the configuration as structs. The members are the rows of app/config_options.h, under the same
 * names: config->admission.connections_max, config->listeners.at[i].tls.cert_file. There stand type, unit, default,
 * range and help of each.
 *
 * What the kinds become:
 *   U64 MS US BYTES  uint64_t, in the unit of the name     BOOL  bool
 *   TEXT             char *, owned; NULL when absent       TEXTS struct hf_config_texts
 *   ENUM             enum hf_config_<arg>                  FLAGS unsigned, bit 1u << enum hf_config_<arg>
 *   SECTION          struct hf_config_<arg>                LIST  struct hf_config_<arg>_list {at, count}
 *
 * Layers, each over the one before: defaults, the YAML file, HOLDFAST_* variables (HOLDFAST_ADMISSION_CONNECTIONS_MAX,
 * HOLDFAST_LISTENERS_0_PORT), settings (admission.connections_max=5000, listeners.0.port=9000, listeners.public.port=9000).
 * A loaded configuration is checked as a whole: ranges, references between options, addresses, uniqueness; values
 * that say "inherit" or "0: that one" are filled in. It is immutable and may be read by all threads. */
#ifndef HF_APP_CONFIG_H
#define HF_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/config_options.h"
#include "base/err.h"
#include "base/slice.h"

#define HF_CONFIG_CHOICE_ENUM(constant, name, help) constant,
#define HF_CONFIG_CHOICE_SET(set) \
    enum hf_config_##set{HF_CONFIG_CHOICES_##set(HF_CONFIG_CHOICE_ENUM) HF_CONFIG_COUNT_##set};
HF_CONFIG_CHOICE_SETS(HF_CONFIG_CHOICE_SET)
#undef HF_CONFIG_CHOICE_SET
#undef HF_CONFIG_CHOICE_ENUM

struct hf_config_texts {
    char **at;
    size_t count;
};

#define HF_CONFIG_MEMBER_U64(arg, name)                                     uint64_t name;
#define HF_CONFIG_MEMBER_MS(arg, name)                                      uint64_t name;
#define HF_CONFIG_MEMBER_US(arg, name)                                      uint64_t name;
#define HF_CONFIG_MEMBER_BYTES(arg, name)                                   uint64_t name;
#define HF_CONFIG_MEMBER_BOOL(arg, name)                                    bool name;
#define HF_CONFIG_MEMBER_TEXT(arg, name)                                    char *name;
#define HF_CONFIG_MEMBER_TEXTS(arg, name)                                   struct hf_config_texts name;
#define HF_CONFIG_MEMBER_ENUM(arg, name)                                    enum hf_config_##arg name;
#define HF_CONFIG_MEMBER_FLAGS(arg, name)                                   unsigned name;
#define HF_CONFIG_MEMBER_SECTION(arg, name)                                 struct hf_config_##arg name;
#define HF_CONFIG_MEMBER_LIST(arg, name)                                    struct hf_config_##arg##_list name;
#define HF_CONFIG_MEMBER(kind, arg, name, default_, min, max, change, help) HF_CONFIG_MEMBER_##kind(arg, name)
#define HF_CONFIG_STRUCT(name)                  \
    struct hf_config_##name {                   \
        HF_CONFIG_ROWS_##name(HF_CONFIG_MEMBER) \
    };                                          \
    struct hf_config_##name##_list {            \
        struct hf_config_##name *at;            \
        size_t count;                           \
    };
#define hf_config_root hf_config /* the outermost struct is struct hf_config itself */
HF_CONFIG_STRUCTS(HF_CONFIG_STRUCT)
#undef hf_config_root
#undef HF_CONFIG_STRUCT

static inline bool hf_config_listener_has(const struct hf_config_listener *listener, enum hf_config_role role)
{
    return (listener->roles >> role & 1u) != 0;
}

static inline bool hf_config_listener_is_tls(const struct hf_config_listener *listener)
{
    return listener->tls.cert_file != NULL;
}

/* What was wrong, for people: "holdfast.yaml:12: ...". At most HF_CONFIG_ERRORS_MAX are kept, the rest counted. */
enum { HF_CONFIG_ERRORS_MAX = 32, HF_CONFIG_ERROR_BYTES_MAX = 512 };

struct hf_config_errors {
    char text[HF_CONFIG_ERRORS_MAX][HF_CONFIG_ERROR_BYTES_MAX];
    bool warning[HF_CONFIG_ERRORS_MAX]; /* true: a remark that stops nothing */
    size_t count, error_count,
        not_kept_count; /* count: texts kept; error_count: without warnings, kept or not */
};

struct hf_config_settings { /* "section.key=value", as after --set; borrowed */
    const char *const *at;
    size_t count;
};

/* Reads, merges and checks. `path` NULL: no file, defaults only. `env` is environ or NULL for none; only names
 * that begin with HOLDFAST_ are looked at. Gives *ret_config, to be freed with hf_config_free(). Returns HF_OK
 * (perhaps with warnings), HF_ERR_IO when the file cannot be read, HF_ERR_INVALID when anything is wrong, HF_ERR_NOMEM;
 * on failure `errors` says all that was found and *ret_config is untouched. */
hf_err hf_config_load(const char *path, struct hf_config_settings settings, char *const *env,
                      struct hf_config **ret_config, struct hf_config_errors *errors);

/* The same from text in memory; `name` stands for the file in messages. Pure: touches no file. */
hf_err hf_config_parse(const char *name, struct hf_slice yaml, struct hf_config_settings settings,
                       char *const *env, struct hf_config **ret_config, struct hf_config_errors *errors);

void hf_config_free(struct hf_config *config); /* NULL is harmless */

/* The tenant of that name, borrowed, or NULL. */
const struct hf_config_tenant *hf_config_tenant_find(const struct hf_config *config, struct hf_slice name);

const char *hf_config_scope_name(enum hf_config_scope scope); /* "devices:read", as in YAML */

/* Whether the text is a numeric loopback address (127.0.0.0/8, ::1). */
bool hf_config_address_is_loopback(const char *address);

/* Whether the address (4 or 16 bytes, network order) lies in a checked range such as 10.0.0.0/8 or ::1. */
bool hf_config_cidr_holds(const char *cidr, const uint8_t *address, size_t address_bytes);
/* The same in two steps, for those who ask often. */
struct hf_config_range {
    uint8_t address[16], address_bytes, bits;
};
bool hf_config_range_parse(const char *cidr, struct hf_config_range *ret_range); /* false: it is none */
bool hf_config_range_holds(const struct hf_config_range *range, const uint8_t *address, size_t address_bytes);

/* Whether two upstreams are set alike. */
bool hf_config_gb_upstream_same(const struct hf_config_gb_upstream *a, const struct hf_config_gb_upstream *b);

/* One difference between two configurations: its path ("log.segment_bytes", "tenants.acme.connections_max") and whether a
 * running gateway takes it over. */
struct hf_config_change {
    char path[128];
    bool restart; /* true: needs a restart; a reload leaves the running value and says so */
};
enum { HF_CONFIG_CHANGES_MAX = 64 };
struct hf_config_diff {
    struct hf_config_change at[HF_CONFIG_CHANGES_MAX];
    size_t count, not_kept_count;
    size_t restart_count; /* of all, kept or not */
};
void hf_config_reload_diff(const struct hf_config *before, const struct hf_config *after,
                           struct hf_config_diff *ret_diff);

#endif
