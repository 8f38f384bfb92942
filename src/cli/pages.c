#include "cli/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/http_client.h"

enum { VALUE_BYTES = 1024 };

bool hf_cli_pages_add(struct hf_sb *path, const char *name, const char *value)
{
    char encoded[VALUE_BYTES] = "";

    if (value == NULL)
        return true;
    if (!hf_cli_http_encode(encoded, sizeof(encoded), value))
        return false;
    hf_sb_printf(path, "&%s=%s", name, encoded);
    return !path->overflow;
}

/* Gives the cursor of the next page, NULL at the end. The caller frees it. */
static char *print_page(const struct hf_cli_pages *pages, const cJSON *page, uint64_t *shown)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(page, pages->array), *item;
    const char *cursor = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "next_cursor"));

    cJSON_ArrayForEach(item, items)
    {
        if (pages->json) {
            char *json = cJSON_PrintUnformatted(item);

            (void)printf("%s\n", json != NULL ? json : "null");
            free(json);
        } else {
            if (*shown == 0)
                pages->head();
            pages->row(item);
        }
        (*shown)++;
    }
    return cursor != NULL ? strdup(cursor) : NULL;
}

int hf_cli_pages_print(const struct hf_cli_pages *pages, struct hf_cli_remote *remote, const char *argv0,
                       struct hf_slice path)
{
    struct hf_cli_http *http;
    char *cursor = NULL, text[HF_CLI_PAGES_PATH_BYTES];
    uint64_t shown = 0;
    int status = hf_cli_remote_load(remote, argv0, true);

    if (status != HF_CLI_OK)
        return status;
    http = hf_cli_http_new(remote);
    if (http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    do {
        cJSON *page = NULL;
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_slice(&sb, path);
        if (!hf_cli_pages_add(&sb, "cursor", cursor)) {
            status = hf_cli_usage_error(argv0, "a filter is too long");
            break;
        }
        free(cursor);
        cursor = NULL;
        page = hf_cli_http_get(http, argv0, text);
        if (page == NULL)
            status = HF_CLI_FAILED;
        else
            cursor = print_page(pages, page, &shown);
        cJSON_Delete(page);
    } while (status == HF_CLI_OK && cursor != NULL && pages->all);
    if (status == HF_CLI_OK && shown == 0)
        (void)fprintf(stderr, "%s\n", pages->none);
    if (cursor != NULL)
        (void)fprintf(stderr, "there are more; --all shows them\n");
    free(cursor);
    hf_cli_http_free(http);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}
