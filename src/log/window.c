#include "log/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum { PAGE_BYTES = 4096 };

static const uint8_t ZEROS[PAGE_BYTES];

hf_err hf_log_window_init(struct hf_log_window *window, const struct hf_files *files, uint64_t log_id,
                          size_t bytes_max)
{
    HF_ASSERT(bytes_max >= PAGE_BYTES);
    *window = (struct hf_log_window){
        .files = files, .file = -1, .log_id = log_id, .bytes_max = bytes_max, .end = UINT64_MAX};
    window->buffer = malloc(bytes_max);
    return window->buffer ? HF_OK : HF_ERR_NOMEM;
}

void hf_log_window_deinit(struct hf_log_window *window)
{
    free(window->buffer);
    window->buffer = NULL;
}

void hf_log_window_file(struct hf_log_window *window, int file)
{
    window->file = file;
    window->bytes = 0;
    window->ends = false;
    window->end = UINT64_MAX;
}

void hf_log_window_end(struct hf_log_window *window, uint64_t end)
{
    window->end = end;
}

/* One page that cannot be read does not hide its neighbours. */
static hf_err read_by_page(struct hf_log_window *window, uint64_t position, size_t bytes)
{
    const struct hf_files *files = window->files;

    for (size_t n = 0; n < bytes;) {
        size_t want = HF_MIN(bytes - n, (size_t)(PAGE_BYTES - (position + n) % PAGE_BYTES));
        size_t got = 0;
        hf_err err = files->pread(files->context, window->file, window->buffer + n, want, position + n, &got);

        if (err == HF_ERR_IO) {
            memset(window->buffer + n, 0, want);
            got = want;
        } else if (err != HF_OK) {
            return err;
        }
        n += got;
        window->bytes = n;
        if (got < want) {
            window->ends = true;
            break;
        }
    }
    window->ends |= bytes < window->bytes_max;
    return HF_OK;
}

static hf_err fill(struct hf_log_window *window, uint64_t position)
{
    const struct hf_files *files = window->files;
    size_t bytes = (size_t)HF_MIN((uint64_t)window->bytes_max, window->end - HF_MIN(position, window->end));
    hf_err err = HF_OK;

    window->position = position;
    window->bytes = 0;
    window->ends = false;
    if (bytes > 0)
        err = files->pread(files->context, window->file, window->buffer, bytes, position, &window->bytes);
    if (err == HF_ERR_IO && window->tolerant)
        return read_by_page(window, position, bytes);
    if (err != HF_OK)
        window->bytes = 0;
    window->ends = err == HF_OK && window->bytes < window->bytes_max;
    return err;
}

/* *ret_have < want only where the file ends. */
static hf_err view(struct hf_log_window *window, uint64_t position, size_t want, const uint8_t **ret_at,
                   size_t *ret_have)
{
    HF_ASSERT(want <= HF_LOG_RECORD_BYTES_MAX);
    uint64_t end = window->position + window->bytes;
    bool inside = window->bytes > 0 && position >= window->position && position <= end;

    if (want > window->bytes_max) {
        uint8_t *larger = realloc(window->buffer, want);

        if (larger == NULL)
            return HF_ERR_NOMEM;
        window->buffer = larger;
        window->bytes_max = want;
    }
    if (!inside || (end - position < want && !window->ends)) {
        hf_err err = fill(window, position);

        if (err != HF_OK)
            return err;
    }
    *ret_at = window->buffer + (position - window->position);
    *ret_have = window->bytes - (size_t)(position - window->position);
    return HF_OK;
}

hf_err hf_log_window_head(struct hf_log_window *window, uint64_t position, struct hf_log_head *ret_head)
{
    const uint8_t *at;
    size_t have;
    hf_err err = view(window, position, HF_LOG_RECORD_HEAD_BYTES, &at, &have);

    if (err != HF_OK)
        return err;
    if (have >= HF_LOG_RECORD_HEAD_BYTES && hf_log_head_read(at, window->log_id, ret_head))
        return HF_OK;
    return memcmp(at, ZEROS, HF_MIN(have, HF_LOG_RECORD_HEAD_BYTES)) == 0 ? HF_ERR_NOT_FOUND : HF_ERR_CORRUPT;
}

hf_err hf_log_window_record(struct hf_log_window *window, uint64_t position, struct hf_log_head *ret_head,
                            const uint8_t **ret_body)
{
    const uint8_t *at;
    size_t have, want;
    hf_err err = hf_log_window_head(window, position, ret_head);

    if (err != HF_OK)
        return err;
    want = HF_LOG_RECORD_HEAD_BYTES + ret_head->body_bytes;
    err = view(window, position, want, &at, &have);
    if (err != HF_OK)
        return err;
    if (have < want || !hf_log_body_intact(ret_head, at + HF_LOG_RECORD_HEAD_BYTES))
        return HF_ERR_CORRUPT;
    *ret_body = at + HF_LOG_RECORD_HEAD_BYTES;
    return HF_OK;
}

hf_err hf_log_window_resync(struct hf_log_window *window, uint64_t position, uint64_t offset_min,
                            uint64_t offset_max, uint64_t *ret_position, struct hf_log_head *ret_head)
{
    for (;;) {
        const uint8_t *at, *body;
        size_t have, n;
        hf_err err = view(window, position, HF_LOG_RECORD_HEAD_BYTES, &at, &have);

        if (err != HF_OK)
            return err;
        if (have < HF_LOG_RECORD_HEAD_BYTES)
            return HF_ERR_NOT_FOUND;
        for (n = 0; n + HF_LOG_RECORD_HEAD_BYTES <= have; n++) {
            uint64_t offset = hf_get_u64(at + n + 16); /* rules out nearly every place at once */

            if (offset < offset_min || offset > offset_max ||
                !hf_log_head_read(at + n, window->log_id, ret_head))
                continue;
            err = hf_log_window_record(window, position + n, ret_head, &body);
            if (err == HF_OK) {
                *ret_position = position + n;
                return HF_OK;
            }
            if (err != HF_ERR_CORRUPT)
                return err;
            n++;
            break; /* the window may have moved */
        }
        position += n;
    }
}

hf_err hf_log_window_data_end(struct hf_log_window *window, uint64_t position, uint64_t *ret_end)
{
    *ret_end = position;
    for (;;) {
        const uint8_t *at;
        size_t have;
        hf_err err = view(window, position, 1, &at, &have);

        if (err != HF_OK)
            return err;
        if (have == 0)
            return HF_OK;
        for (size_t n = 0; n < have; n += HF_MIN(have - n, (size_t)PAGE_BYTES)) {
            size_t part = HF_MIN(have - n, (size_t)PAGE_BYTES);

            if (memcmp(at + n, ZEROS, part) == 0)
                continue;
            while (at[n + part - 1] == 0)
                part--;
            *ret_end = position + n + part;
        }
        position += have;
    }
}
