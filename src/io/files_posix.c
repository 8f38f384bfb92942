#include "io/files_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"

enum { PARTS_MAX = 256 };

static hf_err from_errno(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT: return HF_ERR_FULL;
    case EROFS:
    case EACCES:
    case EPERM: return HF_ERR_DENIED;
    case ENOENT:
    case ENOTDIR: return HF_ERR_NOT_FOUND;
    case EEXIST: return HF_ERR_EXISTS;
    case EMFILE:
    case ENFILE: return HF_ERR_LIMIT;
    case ENOMEM: return HF_ERR_NOMEM;
    case EWOULDBLOCK: return HF_ERR_BUSY;
    case EOPNOTSUPP:
    case ENOSYS: return HF_ERR_UNSUPPORTED;
    default: return HF_ERR_IO;
    }
}

static hf_err posix_open(void *context, const char *path, unsigned flags, int *ret_file)
{
    int mode = O_CLOEXEC | (flags & HF_FILE_WRITE ? O_RDWR : O_RDONLY) |
               (flags & HF_FILE_CREATE ? O_CREAT : 0) | (flags & HF_FILE_EXCLUSIVE ? O_EXCL : 0);
    int file;

    (void)context;
    do
        file = open(path, mode, 0640);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        return from_errno();
    if (flags & HF_FILE_LOCK && flock(file, LOCK_EX | LOCK_NB) != 0) {
        hf_err err = from_errno();

        (void)close(file);
        return err;
    }
    *ret_file = file;
    return HF_OK;
}

static void posix_close(void *context, int file)
{
    (void)context;
    (void)close(file); /* what matters was synced before */
}

static hf_err posix_size(void *context, int file, uint64_t *ret_bytes)
{
    struct stat status;

    (void)context;
    if (fstat(file, &status) != 0)
        return from_errno();
    *ret_bytes = (uint64_t)status.st_size;
    return HF_OK;
}

static hf_err posix_pread(void *context, int file, void *buffer, size_t bytes, uint64_t position,
                          size_t *ret_bytes)
{
    size_t done = 0;

    (void)context;
    while (done < bytes) {
        ssize_t n = pread(file, (char *)buffer + done, bytes - done, (off_t)(position + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return from_errno();
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_bytes = done;
    return HF_OK;
}

/* Moves the parts on by n bytes; returns how many of them are done. */
static int advance(struct iovec *parts, int count, size_t n)
{
    int done = 0;

    while (done < count && n >= parts[done].iov_len)
        n -= parts[done++].iov_len;
    if (done < count) {
        parts[done].iov_base = (char *)parts[done].iov_base + n;
        parts[done].iov_len -= n;
    }
    return done;
}

static hf_err posix_pwritev(void *context, int file, const struct iovec *parts, int part_count,
                            uint64_t position)
{
    (void)context;
    for (int first = 0; first < part_count; first += PARTS_MAX) {
        struct iovec left[PARTS_MAX];
        int count = HF_MIN(part_count - first, PARTS_MAX), done = 0;

        memcpy(left, parts + first, (size_t)count * sizeof(*left));
        done = advance(left, count, 0);
        while (done < count) {
            ssize_t n = pwritev(file, left + done, count - done, (off_t)position);

            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return from_errno();
            if (n == 0)
                return HF_ERR_IO;
            position += (uint64_t)n;
            done += advance(left + done, count - done, (size_t)n);
        }
    }
    return HF_OK;
}

static hf_err posix_fdatasync(void *context, int file)
{
    (void)context;
    return fdatasync(file) == 0 ? HF_OK : from_errno();
}

static hf_err posix_reserve(void *context, int file, uint64_t position, uint64_t bytes)
{
    int result;

    (void)context;
    do
        result = fallocate(file, 0, (off_t)position, (off_t)bytes); /* not posix_fallocate: that one writes */
    while (result != 0 && errno == EINTR);
    return result == 0 ? HF_OK : from_errno();
}

static hf_err posix_ftruncate(void *context, int file, uint64_t bytes)
{
    int result;

    (void)context;
    do
        result = ftruncate(file, (off_t)bytes);
    while (result != 0 && errno == EINTR);
    return result == 0 ? HF_OK : from_errno();
}

static hf_err posix_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? HF_OK : from_errno();
}

static hf_err posix_unlink(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 ? HF_OK : from_errno();
}

static hf_err posix_mkdir(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0750) == 0 || errno == EEXIST ? HF_OK : from_errno();
}

static hf_err posix_list(void *context, const char *path, hf_files_list_fn *visit, void *visit_context)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    hf_err err = HF_OK;

    (void)context;
    if (dir == NULL)
        return from_errno();
    while (errno = 0, (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !visit(visit_context, entry->d_name))
            break;
    if (entry == NULL && errno != 0)
        err = from_errno();
    (void)closedir(dir);
    return err;
}

static hf_err posix_sync_dir(void *context, const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hf_err err;

    (void)context;
    if (dir < 0)
        return from_errno();
    /* EINVAL: this file system does not sync directories on their own. */
    err = fsync(dir) == 0 || errno == EINVAL ? HF_OK : from_errno();
    (void)close(dir);
    return err;
}

static hf_err posix_statvfs(void *context, const char *path, struct hf_file_space *ret_space)
{
    struct statvfs status;

    (void)context;
    if (statvfs(path, &status) != 0)
        return from_errno();
    *ret_space = (struct hf_file_space){(uint64_t)status.f_bavail * status.f_frsize,
                                        (uint64_t)status.f_blocks * status.f_frsize};
    return HF_OK;
}

static const struct hf_files posix_files = {.context = NULL,
                                            .open = posix_open,
                                            .close = posix_close,
                                            .size = posix_size,
                                            .pread = posix_pread,
                                            .pwritev = posix_pwritev,
                                            .fdatasync = posix_fdatasync,
                                            .fallocate = posix_reserve,
                                            .ftruncate = posix_ftruncate,
                                            .rename = posix_rename,
                                            .unlink = posix_unlink,
                                            .mkdir = posix_mkdir,
                                            .list = posix_list,
                                            .sync_dir = posix_sync_dir,
                                            .statvfs = posix_statvfs};

const struct hf_files *hf_files_posix(void)
{
    return &posix_files;
}
