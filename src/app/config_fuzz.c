/* The input is a file; what begins with '=' is a setting and what begins with '$' a variable, over a small file.
 * Property: whatever is accepted, printing it and reading that again gives the same configuration; and a
 * configuration does not differ from itself. */
#include <stdio.h>
#include <stdlib.h>

#include "app/config_print.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct hf_config_errors errors;
    static const char base[] = "tenants: [{name: a, jwt_keys: [{public_key_file: k}]}]";
    struct hf_config_settings none = {0}, settings = {0};
    struct hf_slice yaml = {(const char *)data, data_bytes};
    char text[512], *env[] = {NULL, NULL};
    const char *setting = text + 1;
    struct hf_config *first, *second;
    struct hf_config_diff diff;
    char *printed = NULL;
    size_t printed_bytes = 0;
    FILE *out;
    hf_err err;

    if (data_bytes > 0 && data_bytes < sizeof(text) - 16 && (data[0] == '=' || data[0] == '$')) {
        (void)snprintf(text, sizeof(text), "%s%.*s", data[0] == '=' ? "=" : "HOLDFAST_", (int)data_bytes - 1,
                       (const char *)data + 1);
        if (data[0] == '=')
            settings = (struct hf_config_settings){&setting, 1};
        else
            env[0] = text;
        yaml = HF_SLICE(base);
    }
    err = hf_config_parse("fuzz", yaml, settings, env, &first, &errors);
    HF_ASSERT((err == HF_OK) == (errors.error_count == 0));
    if (err != HF_OK)
        return 0;
    out = open_memstream(&printed, &printed_bytes);
    HF_ASSERT(out != NULL && hf_config_print(first, out) == HF_OK);
    (void)fclose(out);
    err = hf_config_parse("printed", (struct hf_slice){printed, printed_bytes}, none, NULL, &second, &errors);
    HF_ASSERT(err == HF_OK);
    hf_config_reload_diff(first, second, &diff);
    HF_ASSERT(diff.count == 0);
    hf_config_free(first);
    hf_config_free(second);
    free(printed);
    return 0;
}
