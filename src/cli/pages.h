/* cli/pages.h - lists of the API in pages, printed as they come: what `holdfast devices` and `holdfast groups` share. */
#ifndef HF_CLI_PAGES_H
#define HF_CLI_PAGES_H

#include <cjson/cJSON.h>

#include "base/sb.h"
#include "cli/remote.h"

enum { HF_CLI_PAGES_PATH_BYTES = 4096 };

struct hf_cli_pages {
    const char *array;              /* of the answer: "devices" */
    const char *none;               /* said when there is nothing: "no device fits" */
    void (*head)(void);             /* printed once, before the first row */
    void (*row)(const cJSON *item); /* a line of it */
    bool all;                       /* not the first page only */
    bool json;                      /* one object a line in place of rows */
};

/* Adds &name=value to a path; value NULL: nothing. False: it is too long. */
bool hf_cli_pages_add(struct hf_sb *path, const char *name, const char *value);
/* path: with at least one parameter, in a buffer of HF_CLI_PAGES_PATH_BYTES. Prints; gives an exit status. */
int hf_cli_pages_print(const struct hf_cli_pages *pages, struct hf_cli_remote *remote, const char *argv0,
                       struct hf_slice path);

#endif
