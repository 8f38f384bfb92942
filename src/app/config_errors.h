/* app/config_errors.h - collecting what is wrong with a configuration. Inside app/config*.c only. */
#ifndef HF_APP_CONFIG_ERRORS_H
#define HF_APP_CONFIG_ERRORS_H

#include "app/config.h"
#include "base/assert.h"

/* Where a value came from. */
struct hf_config_origin {
    const char *name; /* the file's name, the variable, the setting */
    size_t line;      /* 1.. in a file, else 0 */
};

/* Adds "name:line: text", without the prefix when `origin` is NULL. Control characters of the input are shown as '?'.
 * NULL `errors`: nobody wants to know. */
void hf_config_error(struct hf_config_errors *errors, const struct hf_config_origin *origin,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
void hf_config_warn(struct hf_config_errors *errors, const struct hf_config_origin *origin,
                    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For "%.*s": a borrowed text of the input, cut to what a message can bear. */
#define HF_CONFIG_SHOWN(slice) (int)HF_MIN((slice).bytes, (size_t)80), (slice).at

#endif
