#include "app/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/config_check.h"
#include "app/config_read.h"
#include "app/config_value.h"
#include "base/assert.h"

enum { FILE_BYTES_MAX = 32 << 20 };

void hf_config_free(struct hf_config *config)
{
    if (config == NULL)
        return;
    hf_config_clear(hf_config_shape(), config);
    free(config);
}

const struct hf_config_tenant *hf_config_tenant_find(const struct hf_config *config, struct hf_slice name)
{
    for (size_t i = 0; i < config->tenants.count; i++)
        if (hf_slice_is(name, config->tenants.at[i].name))
            return &config->tenants.at[i];
    return NULL;
}

const char *hf_config_scope_name(enum hf_config_scope scope)
{
#define SCOPE_NAME(constant, name, help) [constant] = name,
    static const char *const names[] = {HF_CONFIG_CHOICES_scope(SCOPE_NAME)};
#undef SCOPE_NAME

    HF_ASSERT(scope < HF_COUNT_OF(names));
    return names[scope];
}

/* Without any listener there is one with all defaults, on loopback. */
static hf_err add_default_listener(struct hf_config *config)
{
    const struct hf_config_origin origin = {.name = "default"};

    if (config->listeners.count > 0)
        return HF_OK;
    return hf_config_set(config, HF_SLICE("listeners.0.name"), HF_SLICE("http"), &origin, NULL);
}

static hf_err read_layers(struct hf_config *config, const char *name, struct hf_slice yaml,
                          struct hf_config_settings settings, char *const *env,
                          struct hf_config_errors *errors)
{
    hf_err err = hf_config_read_yaml(config, name, yaml, errors);

    if (err != HF_ERR_NOMEM)
        err = hf_config_read_env(config, env, errors);
    if (err != HF_ERR_NOMEM)
        err = hf_config_read_settings(config, settings, errors);
    if (err != HF_ERR_NOMEM)
        err = add_default_listener(config);
    return err == HF_ERR_NOMEM ? err : HF_OK; /* mistakes are in `errors` */
}

hf_err hf_config_parse(const char *name, struct hf_slice yaml, struct hf_config_settings settings,
                       char *const *env, struct hf_config **ret_config, struct hf_config_errors *errors)
{
    struct hf_config *config = malloc(sizeof(*config));
    hf_err err;

    *errors = (struct hf_config_errors){0};
    if (config == NULL)
        return HF_ERR_NOMEM;
    err = hf_config_defaults(hf_config_shape(), config);
    if (err != HF_OK) {
        free(config);
        return err;
    }
    err = read_layers(config, name, yaml, settings, env, errors);
    if (err == HF_OK && errors->error_count == 0)
        hf_config_check(
            config, errors); /* not before each value is right by itself: no errors that follow from others */
    if (err == HF_OK && errors->error_count > 0)
        err = HF_ERR_INVALID;
    if (err != HF_OK) {
        hf_config_free(config);
        return err;
    }
    hf_config_inherit(config);
    *ret_config = config;
    return HF_OK;
}

/* Gives *ret_text, to be freed. */
static hf_err read_file(const char *path, char **ret_text, size_t *ret_bytes, struct hf_config_errors *errors)
{
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    size_t bytes;
    hf_err err = HF_ERR_IO;

    if (file == NULL) {
        hf_config_error(errors, NULL, "cannot read %s: %s; `holdfast default-config > %s` makes one", path,
                        strerror(errno), path);
        return HF_ERR_IO;
    }
    text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL) {
        err = HF_ERR_NOMEM;
        goto out;
    }
    bytes = fread(text, 1, FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        hf_config_error(errors, NULL, "cannot read %s: %s", path, strerror(errno));
        goto out;
    }
    if (bytes > FILE_BYTES_MAX) {
        hf_config_error(errors, NULL, "%s is larger than %d bytes; is it the right file?", path,
                        FILE_BYTES_MAX);
        err = HF_ERR_INVALID;
        goto out;
    }
    *ret_text = text;
    *ret_bytes = bytes;
    text = NULL;
    err = HF_OK;
out:
    free(text);
    (void)fclose(file);
    return err;
}

hf_err hf_config_load(const char *path, struct hf_config_settings settings, char *const *env,
                      struct hf_config **ret_config, struct hf_config_errors *errors)
{
    struct hf_config *config;
    char *text = NULL;
    size_t bytes = 0;
    hf_err err = HF_OK;

    *errors = (struct hf_config_errors){0};
    if (path != NULL)
        err = read_file(path, &text, &bytes, errors);
    if (err == HF_OK)
        err = hf_config_parse(path != NULL ? path : "defaults", (struct hf_slice){text, bytes}, settings, env,
                              &config, errors);
    free(text);
    if (err != HF_OK)
        return err;
    hf_config_check_files(config, env, errors);
    if (errors->error_count > 0) {
        hf_config_free(config);
        return HF_ERR_INVALID;
    }
    *ret_config = config;
    return HF_OK;
}
