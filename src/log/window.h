/* log/window.h - a sliding view of one file, and the records in it. Recovery, readers, the index and repair
 * all look at segments through this. One thread. */
#ifndef HF_LOG_WINDOW_H
#define HF_LOG_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "log/files.h"
#include "log/format.h"

struct hf_log_window {
    const struct hf_files *files; /* borrowed */
    int file;                     /* borrowed; -1 = none */
    uint64_t log_id;
    bool tolerant;   /* what cannot be read counts as zeros, so that it is found damaged and stepped over */
    uint8_t *buffer; /* owned */
    size_t bytes_max, bytes;
    uint64_t position; /* of buffer[0] in the file */
    uint64_t end;      /* what lies behind it counts as not there; UINT64_MAX = the file's own end */
    bool ends;         /* the file ends with the buffer */
};

/* HF_ERR_NOMEM. bytes_max grows by itself up to HF_LOG_RECORD_BYTES_MAX where a record needs it. */
hf_err hf_log_window_init(struct hf_log_window *window, const struct hf_files *files, uint64_t log_id,
                          size_t bytes_max);
void hf_log_window_deinit(struct hf_log_window *window); /* does not close the file */
/* Looks at this file from now on; also forgets what was read. */
void hf_log_window_file(struct hf_log_window *window, int file);
/* Reads nothing from `end` on, until the next hf_log_window_file. A live segment is reserved far beyond its records; to look there
 * costs the kernel a page of zeros for each page it reads ahead, for some milliseconds at a time. */
void hf_log_window_end(struct hf_log_window *window, uint64_t end);

/* The record at `position`, head only: its body is neither read nor checked. HF_ERR_NOT_FOUND: the file ends
 * here, or nothing but zeros stand in place of the head. HF_ERR_CORRUPT: something else. HF_ERR_IO. */
hf_err hf_log_window_head(struct hf_log_window *window, uint64_t position, struct hf_log_head *ret_head);
/* The same with the body, checked. *ret_body lives until the next call on the window. Also HF_ERR_NOMEM. */
hf_err hf_log_window_record(struct hf_log_window *window, uint64_t position, struct hf_log_head *ret_head,
                            const uint8_t **ret_body);
/* Looks byte by byte for the next intact record at or after `position` whose offset lies in
 * offset_min..offset_max. HF_ERR_NOT_FOUND when there is none up to the end of the file. */
hf_err hf_log_window_resync(struct hf_log_window *window, uint64_t position, uint64_t offset_min,
                            uint64_t offset_max, uint64_t *ret_position, struct hf_log_head *ret_head);
/* *ret_end gets the end of the last byte that is not zero at or after position; position when all are. */
hf_err hf_log_window_data_end(struct hf_log_window *window, uint64_t position, uint64_t *ret_end);

static inline uint64_t hf_log_record_end(uint64_t position, const struct hf_log_head *head)
{
    return position + HF_LOG_RECORD_HEAD_BYTES + head->body_bytes;
}

#endif
