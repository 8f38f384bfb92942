/* app/tenants.h - from the configuration to what core and the adapters use: tenants with their rules, and the keys of their tokens. A
 * reload makes a new set and exchanges it; sets that were in force before stay in memory until the process ends, because
 * any worker may still be looking at one (a few KiB per reload). */
#ifndef HF_APP_TENANTS_H
#define HF_APP_TENANTS_H

#include "adapter/auth.h"
#include "app/config.h"

enum { HF_TENANTS_ERROR_BYTES = 512 };

struct hf_tenants; /* opaque */

struct hf_tenants *hf_tenants_new(void);          /* NULL on no memory */
void hf_tenants_free(struct hf_tenants *tenants); /* when no worker runs any more; NULL is harmless */
/* Builds everything anew from config, then puts it in force: rules at once for all workers, the set for those that ask for it. On
 * failure nothing has changed and `error` names the tenant, the file and the fix. env as hf_config_load(). */
hf_err hf_tenants_load(struct hf_tenants *tenants, const struct hf_config *config, char *const *env,
                       char *error, size_t error_bytes);
const struct hf_auth_set *hf_tenants_set(const struct hf_tenants *tenants); /* in force; any thread */
struct hf_tenant *hf_tenants_find(const struct hf_tenants *tenants,
                                  struct hf_slice name); /* also one that left; any thread */
struct hf_access_rules;
/* The access rules of one tenant of a configuration, the caller's to free; NULL: it has none. HF_ERR_INVALID, HF_ERR_LIMIT with an error; HF_ERR_NOMEM. */
hf_err hf_tenants_access(const struct hf_config_tenant *tenant, struct hf_access_rules **ret_rules,
                         char *error, size_t error_bytes);

#endif
