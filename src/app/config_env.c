/* The environment layer: HOLDFAST_ADMISSION_CONNECTIONS_MAX is admission.connections_max. A name may hold
 * underscores itself, so names are found by walking the table, not by cutting. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/config_read.h"
#include "app/suggest.h"
#include "base/assert.h"

#define PREFIX "HOLDFAST_"

enum { NAME_BYTES_MAX = 256 };

/* Taken by the commands or by secret_env, no options. */
static const char *const other_uses[] = {"CONFIG", "URL", "TOKEN", "KEY", "TENANT", "DEVICE", "LOG"};

/* Bytes of `name` at the start of `rest`, in capitals and followed by '_' or the end; 0 for none. */
static size_t match_name(struct hf_slice rest, const char *name)
{
    size_t bytes = strlen(name);

    if (rest.bytes < bytes || (rest.bytes > bytes && rest.at[bytes] != '_'))
        return 0;
    for (size_t i = 0; i < bytes; i++)
        if (rest.at[i] != toupper((unsigned char)name[i]))
            return 0;
    return bytes;
}

static struct hf_slice behind(struct hf_slice text, size_t bytes) /* and behind the '_' that follows */
{
    bytes = HF_MIN(bytes + 1, text.bytes);
    return (struct hf_slice){text.at + bytes, text.bytes - bytes};
}

/* Translates a name to a path; false when the table has no such option. */
static bool find_path(const struct hf_config_shape *shape, struct hf_slice rest, struct hf_sb *path)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        size_t path_bytes = path->bytes, bytes = match_name(rest, row->name), digits = 0;
        struct hf_slice inner = behind(rest, bytes);

        if (bytes == 0)
            continue;
        hf_config_path_add(path, row->name);
        if (bytes == rest.bytes && row->kind != HF_CONFIG_KIND_SECTION && row->kind != HF_CONFIG_KIND_LIST)
            return true;
        if (row->kind == HF_CONFIG_KIND_LIST) {
            while (digits < inner.bytes && isdigit((unsigned char)inner.at[digits]))
                digits++;
            hf_sb_printf(path, ".%.*s", (int)HF_MIN(digits, (size_t)10), inner.at);
            if (digits > 0 && digits <= 10 && find_path(row->shape(), behind(inner, digits), path))
                return true;
        } else if (row->kind == HF_CONFIG_KIND_SECTION && find_path(row->shape(), inner, path)) {
            return true;
        }
        hf_config_path_cut(path, path_bytes);
    }
    return false;
}

struct nearest {
    struct hf_suggest suggest;
    char best[NAME_BYTES_MAX];
};

/* Offers the name of every option, items of lists as number 0. */
static void offer_names(const struct hf_config_shape *shape, struct hf_sb *name, struct nearest *nearest)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        size_t bytes = name->bytes;

        for (const char *c = row->name; *c != '\0'; c++)
            hf_sb_char(name, (char)toupper((unsigned char)*c));
        if (row->kind == HF_CONFIG_KIND_SECTION || row->kind == HF_CONFIG_KIND_LIST) {
            hf_sb_text(name, row->kind == HF_CONFIG_KIND_LIST ? "_0_" : "_");
            offer_names(row->shape(), name, nearest);
        } else {
            hf_suggest_offer(&nearest->suggest, name->at);
            if (nearest->suggest.best == name->at) {
                memcpy(nearest->best, name->at, name->bytes + 1);
                nearest->suggest.best = nearest->best;
            }
        }
        hf_config_path_cut(name, bytes);
    }
}

static bool begins_with_section(struct hf_slice rest)
{
    const struct hf_config_shape *root = hf_config_shape();

    for (size_t i = 0; i < root->row_count; i++)
        if (match_name(rest, root->rows[i].name) > 0)
            return true;
    return false;
}

/* Kubernetes puts HOLDFAST_..._SERVICE_HOST and HOLDFAST_..._PORT=tcp://... beside every service of our name. */
static bool is_foreign(struct hf_slice rest, const char *value)
{
    if (memmem(rest.at, rest.bytes, "SERVICE_HOST", 12) != NULL ||
        memmem(rest.at, rest.bytes, "SERVICE_PORT", 12) != NULL || strncmp(value, "tcp://", 6) == 0 ||
        memmem(rest.at, rest.bytes, "_TCP", 4) != NULL || memmem(rest.at, rest.bytes, "_UDP", 4) != NULL)
        return true;
    for (size_t i = 0; i < HF_COUNT_OF(other_uses); i++)
        if (hf_slice_is(rest, other_uses[i]))
            return true;
    return rest.bytes > 7 && memcmp(rest.at, "SECRET_", 7) == 0;
}

static hf_err report_unknown(const char *variable, struct hf_slice rest, struct hf_config_errors *errors)
{
    struct hf_config_origin origin = {.name = "environment"};
    struct nearest nearest;
    char storage[NAME_BYTES_MAX], hint[NAME_BYTES_MAX + 64] = "";
    struct hf_sb name;

    hf_sb_init(&name, storage, sizeof(storage));
    hf_suggest_init(&nearest.suggest, rest);
    offer_names(hf_config_shape(), &name, &nearest);
    if (nearest.suggest.best != NULL)
        (void)snprintf(hint, sizeof(hint), "; did you mean " PREFIX "%s?", nearest.best);
    if (!begins_with_section(rest)) {
        hf_config_warn(errors, &origin, "%.*s is no option and is ignored%s",
                       (int)HF_MIN(rest.bytes + 9, (size_t)100), variable, hint);
        return HF_OK;
    }
    hf_config_error(errors, &origin, "%.*s is no option%s", (int)HF_MIN(rest.bytes + 9, (size_t)100),
                    variable, hint);
    return HF_ERR_INVALID;
}

static hf_err read_variable(struct hf_config *config, const char *variable, struct hf_config_errors *errors)
{
    const char *equals = strchr(variable, '=');
    char path_storage[HF_CONFIG_PATH_BYTES_MAX], name[NAME_BYTES_MAX];
    struct hf_config_origin origin = {.name = name};
    struct hf_slice rest;
    struct hf_sb path;

    if (equals == NULL)
        return HF_OK;
    rest.at = variable + strlen(PREFIX);
    rest.bytes = (size_t)(equals - rest.at);
    hf_sb_init(&path, path_storage, sizeof(path_storage));
    (void)snprintf(name, sizeof(name), "%.*s", (int)HF_MIN(equals - variable, NAME_BYTES_MAX - 1), variable);
    if (find_path(hf_config_shape(), rest, &path))
        return hf_config_set(config, hf_sb_done(&path), hf_slice_of(equals + 1), &origin, errors);
    return is_foreign(rest, equals + 1) ? HF_OK : report_unknown(variable, rest, errors);
}

/* By name and number, so that item 0 of a list comes before item 1, whatever order the environment has. */
static int compare_variables(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

hf_err hf_config_read_env(struct hf_config *config, char *const *env, struct hf_config_errors *errors)
{
    size_t count = 0, taken = 0;
    const char **ours;
    hf_err ret = HF_OK;

    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        count += strncmp(env[i], PREFIX, strlen(PREFIX)) == 0;
    if (count == 0)
        return HF_OK;
    ours = calloc(count, sizeof(*ours));
    if (ours == NULL)
        return HF_ERR_NOMEM;
    for (size_t i = 0; env[i] != NULL; i++)
        if (strncmp(env[i], PREFIX, strlen(PREFIX)) == 0)
            ours[taken++] = env[i];
    qsort(ours, count, sizeof(*ours), compare_variables);
    for (size_t i = 0; i < count && ret != HF_ERR_NOMEM; i++) {
        hf_err err = read_variable(config, ours[i], errors);

        if (err != HF_OK)
            ret = err;
    }
    free(ours);
    return ret;
}
