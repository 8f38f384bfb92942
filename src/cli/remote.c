#include "cli/remote.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { FILE_BYTES_MAX = 65536 };

bool hf_cli_remote_option(struct hf_cli_remote *remote, int option, const char *value)
{
    switch (option) {
    case 'u': remote->url_option = value; return true;
    case 'k': remote->key_option = value; return true;
    case 'K': remote->key_file = value; return true;
    case 'C': remote->ca_option = value; return true;
    case 'D': remote->dev_file = value; return true;
    case 'I': remote->insecure = true; return true;
    default: return false;
    }
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t bytes = 0;

    if (file == NULL)
        return NULL;
    text = malloc(FILE_BYTES_MAX + 1);
    if (text != NULL)
        bytes = fread(text, 1, FILE_BYTES_MAX + 1, file);
    if (text != NULL && (ferror(file) || bytes > FILE_BYTES_MAX)) {
        int saved = ferror(file) ? errno : EFBIG;

        free(text);
        text = NULL;
        errno = saved;
    }
    if (text != NULL)
        text[bytes] = '\0';
    (void)fclose(file);
    return text;
}

char *hf_cli_read_secret(const char *path)
{
    char *text = read_file(path);
    size_t bytes = text != NULL ? strlen(text) : 0;

    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]) != NULL)
        text[--bytes] = '\0';
    return text;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool keep(char **where, const char *text)
{
    if (text == NULL)
        return true;
    *where = strdup(text);
    return *where != NULL;
}

static const char *member(const cJSON *json, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Everything that the options and the environment left open. */
static int load_dev_file(struct hf_cli_remote *remote, const char *argv0)
{
    const char *path = remote->dev_file != NULL ? remote->dev_file : HF_CLI_DEV_FILE;
    char *text = read_file(path);
    cJSON *json = NULL;
    int status = HF_CLI_OK;

    if (text == NULL && errno == ENOENT && remote->dev_file == NULL)
        return hf_cli_usage_error(
            argv0, "which gateway? Give --url and --key, set HOLDFAST_URL and "
                   "HOLDFAST_API_KEY, or start `holdfast dev` here: there is no " HF_CLI_DEV_FILE);
    if (text == NULL)
        return hf_cli_failed(argv0, "cannot read '%s': %s", path, strerror(errno));
    json = cJSON_Parse(text);
    if (!cJSON_IsObject(json) || member(json, "url") == NULL)
        status = hf_cli_failed(argv0, "'%s' is not what `holdfast dev` writes: %s", path,
                               cJSON_IsObject(json) ? "its \"url\" is missing" : "it is not a JSON object");
    else if (!keep(&remote->url, member(json, "url")) ||
             (remote->key == NULL && !keep(&remote->key, member(json, "api_key"))) ||
             (remote->ca == NULL && !keep(&remote->ca, member(json, "ca"))) ||
             !keep(&remote->device_token, member(json, "device_token")) ||
             !keep(&remote->device, member(json, "device")))
        status = hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    cJSON_Delete(json);
    free(text);
    return status;
}

static bool begins(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0 && text[strlen(start)] != '\0';
}

/* Whoever connects takes it apart; here is only what one writes by mistake. */
static int check_url(struct hf_cli_remote *remote, const char *argv0)
{
    size_t bytes = strlen(remote->url);

    while (bytes > 0 && remote->url[bytes - 1] == '/')
        remote->url[--bytes] = '\0';
    if (begins(remote->url, "http://") || begins(remote->url, "https://"))
        return HF_CLI_OK;
    return hf_cli_usage_error(argv0,
                              strstr(remote->url, "://") != NULL
                                  ? "the gateway's URL begins with http:// or https://, not '%s'"
                                  : "'%s' is not a URL; write http://host:port or https://host:port",
                              remote->url);
}

static int load_key(struct hf_cli_remote *remote, const char *argv0)
{
    if (remote->key_option != NULL && remote->key_file != NULL)
        return hf_cli_usage_error(argv0, "--key and --key-file are two answers to one question");
    if (remote->key_file != NULL) {
        remote->key = hf_cli_read_secret(remote->key_file);
        if (remote->key == NULL)
            return hf_cli_failed(argv0, "cannot read '%s': %s", remote->key_file, strerror(errno));
        return HF_CLI_OK;
    }
    return keep(&remote->key,
                remote->key_option != NULL ? remote->key_option : environment("HOLDFAST_API_KEY"))
               ? HF_CLI_OK
               : hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
}

int hf_cli_remote_load(struct hf_cli_remote *remote, const char *argv0, bool need_key)
{
    const char *url = remote->url_option != NULL ? remote->url_option
                      : remote->dev_file == NULL ? environment("HOLDFAST_URL")
                                                 : NULL;
    int status = load_key(remote, argv0);

    if (status == HF_CLI_OK &&
        (!keep(&remote->url, url) ||
         !keep(&remote->ca, remote->ca_option != NULL ? remote->ca_option : environment("HOLDFAST_CA"))))
        status = hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    if (status == HF_CLI_OK && url == NULL)
        status = load_dev_file(remote, argv0);
    if (status == HF_CLI_OK)
        status = check_url(remote, argv0);
    if (status == HF_CLI_OK && need_key && remote->key == NULL)
        status = hf_cli_usage_error(argv0, "an API key is needed: --key, --key-file or HOLDFAST_API_KEY");
    return status;
}

/* Secrets do not stay behind in freed memory. */
static void forget(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void hf_cli_remote_deinit(struct hf_cli_remote *remote)
{
    free(remote->url);
    free(remote->ca);
    free(remote->device);
    remote->url = remote->ca = remote->device = NULL;
    forget(&remote->key);
    forget(&remote->device_token);
}
