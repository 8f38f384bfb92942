/* adapter/api/console.h - the web console: files that are part of the program, at /console/, for console.c and for app/, which has them. Requirements CON-1, CON-3.
 *
 * The pages ask /v1 like anybody else, with the key of whoever looks: the console has no rights of its own, and nothing here knows who is logged in. */
#ifndef HF_ADAPTER_API_CONSOLE_H
#define HF_ADAPTER_API_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

struct hf_console_file {
    const char *name;         /* "app.js" */
    const char *content_type; /* "text/javascript; charset=utf-8" */
    const char *etag;         /* of both forms, without its quotes: 32 hexadecimal digits of a SHA-256 */
    const uint8_t *plain, *gzip;
    size_t plain_bytes, gzip_bytes;
};

/* Made by cmake/console/pack.c from console/dist; index.html is one of them. */
extern const struct hf_console_file hf_console_files[];
extern const size_t hf_console_file_count;

enum hf_console_mode {
    HF_CONSOLE_OFF,       /* as if there were none: 404 */
    HF_CONSOLE_READ_ONLY, /* the pages offer no changes, whatever the key may do */
    HF_CONSOLE_ON,        /* they offer what the key may do */
};

struct hf_console { /* of one worker; changeable at run time */
    enum hf_console_mode mode;
    const struct hf_console_file *files; /* borrowed */
    size_t file_count;
};

enum {
    HF_CONSOLE_CODE_BYTES = 16, /* of entropy in a login code */
    HF_CONSOLE_CODE_CHARS = 2 * HF_CONSOLE_CODE_BYTES,
};

#endif
