/* app/config_value.h - one value of one option: from text to struct and back. Inside app/config*.c only. */
#ifndef HF_APP_CONFIG_VALUE_H
#define HF_APP_CONFIG_VALUE_H

#include "app/config_errors.h"
#include "app/config_table.h"
#include "base/sb.h"

/* Digits, or digits and a unit: MS takes ms s m h d, US also us, BYTES takes B KiB MiB GiB TiB. False for anything else
 * and when the value does not fit 64 bits. */
bool hf_config_number(enum hf_config_kind kind, struct hf_slice text, uint64_t *ret_value);

/* Sets the member of `object` that `row` describes; U64 MS US BYTES BOOL TEXT ENUM, and TEXTS and FLAGS from
 * "[a, b]" or "a, b". `path` is the option's name for messages. Returns HF_OK; HF_ERR_INVALID after reporting, with the
 * member as it was (TEXTS and FLAGS may have lost elements); HF_ERR_NOMEM. */
hf_err hf_config_value_set(const struct hf_config_row *row, void *object, struct hf_slice text,
                           const char *path, const struct hf_config_origin *origin,
                           struct hf_config_errors *errors);

/* One more element of TEXTS or FLAGS. Same errors. */
hf_err hf_config_value_add(const struct hf_config_row *row, void *object, struct hf_slice text,
                           const char *path, const struct hf_config_origin *origin,
                           struct hf_config_errors *errors);

void hf_config_set_empty(const struct hf_config_row *row, void *object); /* TEXTS or FLAGS without elements */

/* Sets all members to their defaults; `object` is zeroed first. Only HF_ERR_NOMEM, the object is then cleared. */
hf_err hf_config_defaults(const struct hf_config_shape *shape, void *object);

/* The value as YAML, in one line, in the largest unit that divides it: 30s, 64KiB, "text", [a, b]. */
void hf_config_value_print(const struct hf_config_row *row, const void *object, struct hf_sb *sb);
void hf_config_number_print(enum hf_config_kind kind, uint64_t value, struct hf_sb *sb);
void hf_config_text_print(const char *text, struct hf_sb *sb); /* a double-quoted YAML scalar */

#endif
