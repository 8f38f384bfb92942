/* app/config_read.h - the layers of a configuration, each written over what is there. Inside app/config*.c only.
 * All return HF_OK; HF_ERR_INVALID when something was reported (as much as possible was applied all the same, so
 * that several mistakes are reported at once); HF_ERR_NOMEM. */
#ifndef HF_APP_CONFIG_READ_H
#define HF_APP_CONFIG_READ_H

#include "app/config_errors.h"
#include "app/config_table.h"
#include "base/sb.h"

enum { HF_CONFIG_PATH_BYTES_MAX = 512 };

hf_err hf_config_read_yaml(struct hf_config *config, const char *name, struct hf_slice yaml,
                           struct hf_config_errors *errors);
hf_err hf_config_read_settings(struct hf_config *config, struct hf_config_settings settings,
                               struct hf_config_errors *errors);
hf_err hf_config_read_env(struct hf_config *config, char *const *env, struct hf_config_errors *errors);

/* One setting: path "admission.connections_max", "listeners.0.port" or "listeners.public.port". */
hf_err hf_config_set(struct hf_config *config, struct hf_slice path, struct hf_slice value,
                     const struct hf_config_origin *origin, struct hf_config_errors *errors);

/* One more item with defaults at the end of a list. HF_ERR_INVALID when it is full. */
hf_err hf_config_append(const struct hf_config_row *list, struct hf_config_items *items, const char *path,
                        const struct hf_config_origin *origin, struct hf_config_errors *errors);

/* Reports an unknown name below `path` ("" for the root) with what it may have meant. */
void hf_config_unknown(const struct hf_config_shape *shape, const char *path, struct hf_slice name,
                       const struct hf_config_origin *origin, struct hf_config_errors *errors);

/* "admission" + "port" = "admission.port": adds a step to a path; hf_config_path_cut() takes it back. */
void hf_config_path_add(struct hf_sb *path, const char *step);
void hf_config_path_cut(struct hf_sb *path, size_t bytes);

#endif
