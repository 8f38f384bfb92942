#include "app/gb_accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/env.h"
#include "base/assert.h"

struct row {
    const struct hf_config_gb_device *config; /* borrows */
    char *password;                           /* owns; NULL = none of its own */
};

struct hf_gb_accounts {
    const struct hf_config_gb28181 *config; /* borrows */
    char *password;                         /* owns; of the domain, NULL = none */
    struct row *rows;                       /* owns; by id */
    size_t count;
    char **upstreams; /* owns; passwords in the order of the configuration, NULL = none */
};

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static hf_err read_file(const char *file, char text[HF_GB_PASSWORD_BYTES_MAX + 2], char *error,
                        size_t error_bytes)
{
    FILE *stream = fopen(file, "rbe");

    if (stream == NULL) {
        (void)snprintf(error, error_bytes, "cannot read %s: %s", file, strerror(errno));
        return HF_ERR_IO;
    }
    (void)setvbuf(stream, NULL, _IONBF, 0); /* no second copy of a secret */
    size_t bytes = fread(text, 1, HF_GB_PASSWORD_BYTES_MAX + 1, stream);
    bool failed = ferror(stream) != 0;
    (void)fclose(stream);
    text[bytes] = '\0';
    if (failed || memchr(text, '\0', bytes) != NULL) {
        (void)snprintf(error, error_bytes, "%s %s", failed ? "cannot read" : "there is a NUL in", file);
        return failed ? HF_ERR_IO : HF_ERR_INVALID;
    }
    return HF_OK;
}

/* Gives *ret_password, NULL when neither is named. */
static hf_err read_password(const char *file, const char *variable, char *const *env, char **ret_password,
                            char *error, size_t error_bytes)
{
    char text[HF_GB_PASSWORD_BYTES_MAX + 2] = "";
    const char *begin = text;
    hf_err err = HF_OK;

    *ret_password = NULL;
    if (file == NULL && variable == NULL)
        return HF_OK;
    if (file != NULL) {
        err = read_file(file, text, error, error_bytes);
    } else {
        begin = hf_env_value(env, variable);
        if (begin == NULL) {
            (void)snprintf(error, error_bytes, "the environment variable %s is not set", variable);
            return HF_ERR_NOT_FOUND;
        }
    }
    begin += strspn(begin, " \t\r\n");
    size_t bytes = strlen(begin);
    while (bytes > 0 && strchr(" \t\r\n", begin[bytes - 1]) != NULL)
        bytes--;
    if (err == HF_OK && (bytes == 0 || bytes > HF_GB_PASSWORD_BYTES_MAX)) {
        (void)snprintf(error, error_bytes, "%s holds %s", file != NULL ? file : variable,
                       bytes == 0 ? "no password" : "more than the 256 bytes that a password may have");
        err = HF_ERR_INVALID;
    }
    if (err == HF_OK) {
        *ret_password = strndup(begin, bytes);
        err = *ret_password != NULL ? HF_OK : HF_ERR_NOMEM;
    }
    explicit_bzero(text, sizeof(text));
    return err;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->config->id, ((const struct row *)b)->config->id);
}

hf_err hf_gb_accounts_new(const struct hf_config *config, char *const *env,
                          struct hf_gb_accounts **ret_accounts, char *error, size_t error_bytes)
{
    const struct hf_config_gb28181 *gb = &config->gb28181;
    struct hf_gb_accounts *accounts = calloc(1, sizeof(*accounts));
    char why[512] = "";

    if (accounts != NULL)
        accounts->rows = calloc(gb->devices.count + 1, sizeof(struct row));
    if (accounts != NULL)
        accounts->upstreams = calloc(gb->upstreams.count + 1, sizeof(char *));
    if (accounts == NULL || accounts->rows == NULL || accounts->upstreams == NULL) {
        if (accounts != NULL)
            free(accounts->rows);
        free(accounts);
        return HF_ERR_NOMEM;
    }
    accounts->config = gb;
    hf_err err =
        read_password(gb->password_file, gb->password_env, env, &accounts->password, why, sizeof(why));
    if (err != HF_OK)
        (void)snprintf(error, error_bytes, "gb28181: %s", why[0] != '\0' ? why : hf_err_text(err));
    for (size_t i = 0; err == HF_OK && i < gb->devices.count; i++) {
        const struct hf_config_gb_device *device = &gb->devices.at[i];
        struct row *row = &accounts->rows[accounts->count++];

        row->config = device;
        err =
            read_password(device->password_file, device->password_env, env, &row->password, why, sizeof(why));
        if (err != HF_OK)
            (void)snprintf(error, error_bytes, "gb28181.devices.%s: %s", device->id,
                           why[0] != '\0' ? why : hf_err_text(err));
    }
    for (size_t i = 0; err == HF_OK && i < gb->upstreams.count; i++) {
        const struct hf_config_gb_upstream *upstream = &gb->upstreams.at[i];

        err = read_password(upstream->password_file, upstream->password_env, env, &accounts->upstreams[i],
                            why, sizeof(why));
        if (err != HF_OK)
            (void)snprintf(error, error_bytes, "gb28181.upstreams.%s: %s", upstream->name,
                           why[0] != '\0' ? why : hf_err_text(err));
    }
    if (err != HF_OK) {
        hf_gb_accounts_free(accounts);
        return err;
    }
    qsort(accounts->rows, accounts->count, sizeof(struct row), compare);
    *ret_accounts = accounts;
    return HF_OK;
}

void hf_gb_accounts_free(struct hf_gb_accounts *accounts)
{
    if (accounts == NULL)
        return;
    wipe(accounts->password);
    for (size_t i = 0; i < accounts->count; i++)
        wipe(accounts->rows[i].password);
    for (size_t i = 0; i < accounts->config->upstreams.count; i++)
        wipe(accounts->upstreams[i]);
    free(accounts->upstreams);
    free(accounts->rows);
    free(accounts);
}

const char *hf_gb_accounts_upstream(const struct hf_gb_accounts *accounts, const char *name)
{
    for (size_t i = 0; accounts != NULL && i < accounts->config->upstreams.count; i++)
        if (strcmp(accounts->config->upstreams.at[i].name, name) == 0)
            return accounts->upstreams[i];
    return NULL;
}

static const struct row *find(const struct hf_gb_accounts *accounts, struct hf_slice device)
{
    size_t low = 0, high = accounts->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct row *row = &accounts->rows[middle];
        struct hf_slice id = hf_slice_of(row->config->id);
        int order = memcmp(id.at, device.at, HF_MIN(id.bytes, device.bytes));

        if (order == 0 && id.bytes == device.bytes)
            return row;
        if (order < 0 || (order == 0 && id.bytes < device.bytes))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static uint8_t alg_of(enum hf_config_gb_alg alg)
{
    switch (alg) {
    case HF_CONFIG_GB_ALG_SHA256: return HF_SIP_SHA256;
    case HF_CONFIG_GB_ALG_SM3: return HF_SIP_SM3;
    default: return HF_SIP_MD5;
    }
}

static const uint8_t charsets[] = {[HF_CONFIG_GB_CHARSET_AUTO] = HF_TEXT_AUTO,
                                   [HF_CONFIG_GB_CHARSET_UTF8] = HF_TEXT_UTF8,
                                   [HF_CONFIG_GB_CHARSET_GB18030] = HF_TEXT_GB18030};
static const uint16_t versions[] = {
    [HF_CONFIG_GB_EDITION_AUTO] = 0, [HF_CONFIG_GB_EDITION_2016] = 20, [HF_CONFIG_GB_EDITION_2022] = 30};

static void settings_of(const struct hf_config_gb_device *device, struct hf_gb_account *account)
{
    if (device->alg != HF_CONFIG_GB_ALG_INHERIT)
        account->alg = alg_of(device->alg);
    account->open = device->open;
    account->no_qop = device->no_qop;
    account->no_date = !device->date;
    account->charset = charsets[device->charset];
    account->version = versions[device->edition];
    account->keepalive_ms = (uint32_t)device->keepalive_ms;
    account->keepalive_count = (uint32_t)device->keepalive_count;
}

hf_err hf_gb_accounts_find(const struct hf_gb_accounts *accounts, struct hf_slice device,
                           struct hf_gb_account *ret_account)
{
    const struct row *row = find(accounts, device);

    *ret_account = (struct hf_gb_account){.alg = alg_of(accounts->config->alg)};
    if (row == NULL && accounts->password == NULL)
        return HF_ERR_NOT_FOUND;
    if (row != NULL && !row->config->allow)
        return HF_ERR_DENIED;
    if (row != NULL)
        settings_of(row->config, ret_account);
    if (row != NULL && row->config->ha1 != NULL)
        ret_account->ha1 = hf_slice_of(row->config->ha1);
    else if (row != NULL && row->password != NULL)
        ret_account->password = hf_slice_of(row->password);
    else if (!ret_account->open)
        ret_account->password = hf_slice_of(accounts->password);
    return HF_OK;
}

bool hf_gb_quirk_fits(const char *pattern, struct hf_slice text)
{
    size_t bytes = strlen(pattern);
    bool open_begin = bytes > 0 && pattern[0] == '*',
         open_end = bytes > open_begin && pattern[bytes - 1] == '*';
    struct hf_slice wanted = {pattern + open_begin, bytes - open_begin - open_end};

    if (wanted.bytes == 0)
        return open_begin || text.bytes == 0;
    if (wanted.bytes > text.bytes)
        return false;
    size_t last = text.bytes - wanted.bytes;
    for (size_t at = 0; at <= (open_begin ? last : 0); at++)
        if (hf_slice_eq_nocase((struct hf_slice){text.at + at, wanted.bytes}, wanted) &&
            (open_end || at == last))
            return true;
    return false;
}

const char *hf_gb_accounts_quirk(const struct hf_gb_accounts *accounts, struct hf_slice device,
                                 struct hf_slice user_agent, struct hf_gb_account *account)
{
    const struct hf_config_gb28181 *gb = accounts->config;

    for (size_t i = 0; i < gb->quirks.count; i++) {
        const struct hf_config_gb_quirk *quirk = &gb->quirks.at[i];

        if (!hf_gb_quirk_fits(quirk->user_agent, user_agent) || !hf_gb_quirk_fits(quirk->devices, device))
            continue;
        account->no_qop |= quirk->no_qop;
        account->no_date |= !quirk->date;
        if (account->charset == HF_TEXT_AUTO)
            account->charset = charsets[quirk->charset];
        if (account->version == 0)
            account->version = versions[quirk->edition];
        if (account->keepalive_ms == 0)
            account->keepalive_ms = (uint32_t)quirk->keepalive_ms;
        if (account->keepalive_count == 0)
            account->keepalive_count = (uint32_t)quirk->keepalive_count;
        return quirk->name;
    }
    return NULL;
}
