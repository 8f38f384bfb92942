/* A SQLite VFS on the disk in memory that loses power to order (test/support/files_mem.h). Without locks and shared memory: one connection. */
#ifndef HF_CLIENT_STORE_VFS_TESTKIT_H
#define HF_CLIENT_STORE_VFS_TESTKIT_H

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "support/files_mem.h"

struct vfs_file {
    sqlite3_file base;
    const struct hf_files *files;
    int file;
    bool sync_dir, unlink_it; /* created: its name is synced with its first sync */
    char path[64];
};

static struct files_mem *vfs_disk; /* of the one VFS; set before each use */

static int vfs_code(hf_err err, int io)
{
    return err == HF_OK          ? SQLITE_OK
           : err == HF_ERR_FULL  ? SQLITE_FULL
           : err == HF_ERR_NOMEM ? SQLITE_IOERR_NOMEM
                                 : io;
}

static int vfs_close(sqlite3_file *base)
{
    struct vfs_file *file = (struct vfs_file *)base;

    file->files->close(file->files->context, file->file);
    if (file->unlink_it)
        (void)file->files->unlink(file->files->context, file->path);
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *base, void *out, int bytes, sqlite3_int64 at)
{
    struct vfs_file *file = (struct vfs_file *)base;
    size_t got = 0;
    hf_err err = file->files->pread(file->files->context, file->file, out, (size_t)bytes, (uint64_t)at, &got);

    if (err != HF_OK)
        return vfs_code(err, SQLITE_IOERR_READ);
    if (got == (size_t)bytes)
        return SQLITE_OK;
    memset((char *)out + got, 0, (size_t)bytes - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *data, int bytes, sqlite3_int64 at)
{
    struct vfs_file *file = (struct vfs_file *)base;
    struct iovec part = {(void *)(uintptr_t)data, (size_t)bytes};

    return vfs_code(file->files->pwritev(file->files->context, file->file, &part, 1, (uint64_t)at),
                    SQLITE_IOERR_WRITE);
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct vfs_file *file = (struct vfs_file *)base;

    return vfs_code(file->files->ftruncate(file->files->context, file->file, (uint64_t)bytes),
                    SQLITE_IOERR_TRUNCATE);
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    hf_err err = file->files->fdatasync(file->files->context, file->file);

    (void)flags;
    if (err == HF_OK && file->sync_dir)
        err = file->files->sync_dir(file->files->context, "/");
    file->sync_dir = file->sync_dir && err != HF_OK;
    return vfs_code(err, SQLITE_IOERR_FSYNC);
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *ret_bytes)
{
    struct vfs_file *file = (struct vfs_file *)base;
    uint64_t bytes = 0;
    hf_err err = file->files->size(file->files->context, file->file, &bytes);

    *ret_bytes = (sqlite3_int64)bytes;
    return vfs_code(err, SQLITE_IOERR_FSTAT);
}

static int vfs_lock(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int vfs_reserved(sqlite3_file *base, int *ret_held)
{
    (void)base;
    *ret_held = 0;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int op, void *argument)
{
    (void)base;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *base)
{
    (void)base;
    return FILES_MEM_SECTOR_BYTES;
}

static int vfs_character(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as the system's VFS says */
}

static const sqlite3_io_methods vfs_methods = {.iVersion = 1,
                                               .xClose = vfs_close,
                                               .xRead = vfs_read,
                                               .xWrite = vfs_write,
                                               .xTruncate = vfs_truncate,
                                               .xSync = vfs_sync,
                                               .xFileSize = vfs_size,
                                               .xLock = vfs_lock,
                                               .xUnlock = vfs_lock,
                                               .xCheckReservedLock = vfs_reserved,
                                               .xFileControl = vfs_control,
                                               .xSectorSize = vfs_sector,
                                               .xDeviceCharacteristics = vfs_character};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    static unsigned temporary;
    unsigned how = (flags & SQLITE_OPEN_READWRITE) != 0 ? HF_FILE_WRITE : HF_FILE_READ;
    bool there;
    hf_err err;

    (void)vfs;
    *file = (struct vfs_file){.files = files_mem_files(vfs_disk)};
    if (name == NULL)
        (void)snprintf(file->path, sizeof(file->path), "/temporary-%u", temporary++);
    else
        (void)snprintf(file->path, sizeof(file->path), "%s", name);
    file->unlink_it = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    there = files_mem_exists(vfs_disk, file->path);
    if ((flags & SQLITE_OPEN_CREATE) != 0)
        how |= HF_FILE_CREATE;
    err = file->files->open(file->files->context, file->path, how, &file->file);
    if (err != HF_OK)
        return vfs_code(err, SQLITE_CANTOPEN);
    file->sync_dir =
        !there && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0; /* as the system's */
    file->base.pMethods = &vfs_methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    const struct hf_files *files = files_mem_files(vfs_disk);
    hf_err err = files->unlink(files->context, name);

    (void)vfs;
    if (err == HF_ERR_NOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    if (err == HF_OK && sync_dir)
        err = files->sync_dir(files->context, "/");
    return vfs_code(err, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_yes)
{
    (void)vfs;
    (void)flags;
    *ret_yes = files_mem_exists(vfs_disk, name);
    return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int out_bytes, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)out_bytes, "%s", name) < out_bytes ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int bytes, char *out)
{
    static unsigned char next;

    (void)vfs;
    for (int i = 0; i < bytes; i++)
        out[i] = (char)(next = (unsigned char)(next * 5 + 3));
    return bytes;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    *ret_days = 2460000.5;
    return SQLITE_OK;
}

static void vfs_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 1,
                              .szOsFile = sizeof(struct vfs_file),
                              .mxPathname = 63,
                              .zName = "files_mem",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time};

    assert_int_equal(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
}

#endif
