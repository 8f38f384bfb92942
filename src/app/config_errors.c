#include "app/config_errors.h"

#include <stdarg.h>
#include <stdio.h>

static void __attribute__((format(printf, 4, 0)))
add(struct hf_config_errors *errors, bool warning, const struct hf_config_origin *origin, const char *format,
    va_list args)
{
    char *text;
    size_t used = 0;

    if (errors == NULL)
        return;
    if (!warning)
        errors->error_count++;
    if (errors->count == HF_CONFIG_ERRORS_MAX) {
        errors->not_kept_count++;
        return;
    }
    text = errors->text[errors->count];
    errors->warning[errors->count++] = warning;
    if (origin != NULL && origin->line > 0)
        used = (size_t)snprintf(text, HF_CONFIG_ERROR_BYTES_MAX, "%.100s:%zu: ", origin->name, origin->line);
    else if (origin != NULL)
        used = (size_t)snprintf(text, HF_CONFIG_ERROR_BYTES_MAX, "%.100s: ", origin->name);
    (void)vsnprintf(text + used, HF_CONFIG_ERROR_BYTES_MAX - used, format, args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void hf_config_error(struct hf_config_errors *errors, const struct hf_config_origin *origin,
                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(errors, false, origin, format, args);
    va_end(args);
}

void hf_config_warn(struct hf_config_errors *errors, const struct hf_config_origin *origin,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(errors, true, origin, format, args);
    va_end(args);
}
