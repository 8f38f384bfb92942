/* log/files.h - every file operation of the log goes through this table, so that the same log runs on a
 * real disk (io/files_posix.c) and on one that loses power, fills up or rots (test/support/files_mem.c).
 *
 * A file is an int handle >= 0. Paths are absolute or relative to the process, NUL-terminated. Any call may
 * come from any thread; the context is shared. All calls are synchronous and complete: a short read or
 * write never comes back except at the end of a file.
 *
 * Errors: HF_ERR_FULL (ENOSPC, EDQUOT), HF_ERR_DENIED (EROFS, EACCES, EPERM), HF_ERR_NOT_FOUND,
 * HF_ERR_EXISTS, HF_ERR_LIMIT (no descriptor left), HF_ERR_NOMEM, HF_ERR_BUSY (lock held elsewhere),
 * HF_ERR_UNSUPPORTED (this file system cannot), HF_ERR_IO for the rest. */
#ifndef HF_LOG_FILES_H
#define HF_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

enum {
    HF_FILE_READ = 0,       /* read only */
    HF_FILE_WRITE = 1 << 0, /* read and write */
    HF_FILE_CREATE = 1 << 1,
    HF_FILE_EXCLUSIVE = 1 << 2, /* with CREATE: HF_ERR_EXISTS when it is there */
    HF_FILE_LOCK = 1 << 3 /* hold an exclusive lock until closed; HF_ERR_BUSY when another process does */
};

struct hf_file_space {
    uint64_t free_bytes, total_bytes; /* free: what an unprivileged writer may still take */
};

/* Return false to stop. name has no directory part and is borrowed for the call. */
typedef bool hf_files_list_fn(void *context, const char *name);

struct hf_files {
    void *context; /* handed to every call */
    hf_err (*open)(void *context, const char *path, unsigned flags, int *ret_file);
    void (*close)(void *context, int file);
    hf_err (*size)(void *context, int file, uint64_t *ret_bytes);
    /* Fewer than `bytes` only at the end of the file; *ret_bytes 0 = at or behind the end. */
    hf_err (*pread)(void *context, int file, void *buffer, size_t bytes, uint64_t position,
                    size_t *ret_bytes);
    /* All or an error; after an error any part may have been written. The iovec is not changed. */
    hf_err (*pwritev)(void *context, int file, const struct iovec *parts, int part_count, uint64_t position);
    hf_err (*fdatasync)(void *context, int file);
    /* Reserves [position, position + bytes) and grows the file; new bytes read as zero. */
    hf_err (*fallocate)(void *context, int file, uint64_t position, uint64_t bytes);
    hf_err (*ftruncate)(void *context, int file, uint64_t bytes);
    hf_err (*rename)(void *context, const char *from, const char *to); /* replaces `to` */
    hf_err (*unlink)(void *context, const char *path);                 /* open handles stay valid */
    hf_err (*mkdir)(void *context, const char *path);                  /* HF_OK when it is there already */
    hf_err (*list)(void *context, const char *dir, hf_files_list_fn *visit, void *visit_context);
    hf_err (*sync_dir)(void *context, const char *dir);
    hf_err (*statvfs)(void *context, const char *dir, struct hf_file_space *ret_space);
};

#endif
