/* app/gb_accounts.h - who may register as a camera, and with which password: from the section gb28181 and the files and variables it
 * names. Immutable once made, so all workers read one; a reload makes another. Secrets are wiped when it is freed. */
#ifndef HF_APP_GB_ACCOUNTS_H
#define HF_APP_GB_ACCOUNTS_H

#include "adapter/gb28181/site.h"
#include "app/config.h"

enum { HF_GB_PASSWORD_BYTES_MAX = 256 };

struct hf_gb_accounts; /* opaque */

/* A password is the text of its file or variable without white space at its ends. Borrows config, which lives longer. env as
 * hf_config_load(). HF_ERR_IO, HF_ERR_NOT_FOUND, HF_ERR_INVALID (empty, or longer than the maximum), HF_ERR_NOMEM; `error` names the option
 * and the fix. */
hf_err hf_gb_accounts_new(const struct hf_config *config, char *const *env,
                          struct hf_gb_accounts **ret_accounts, char *error, size_t error_bytes);
void hf_gb_accounts_free(struct hf_gb_accounts *accounts); /* NULL is harmless */

/* Our password at the upper platform of that name, or NULL; lives as long as the accounts. accounts may be NULL. */
const char *hf_gb_accounts_upstream(const struct hf_gb_accounts *accounts, const char *name);

/* As hf_gb_site_ops.account; slices live as long as the accounts. */
hf_err hf_gb_accounts_find(const struct hf_gb_accounts *accounts, struct hf_slice device,
                           struct hf_gb_account *ret_account);

/* Adds what the first fitting profile of gb28181.quirks says, where the account found says nothing itself. user_agent may be absent. Gives the profile's name, NULL when
 * none fits. */
const char *hf_gb_accounts_quirk(const struct hf_gb_accounts *accounts, struct hf_slice device,
                                 struct hf_slice user_agent, struct hf_gb_account *account);
/* "NVR*", "*-x", "*": anything at its ends, in letters of either case. */
bool hf_gb_quirk_fits(const char *pattern, struct hf_slice text);

#endif
