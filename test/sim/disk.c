#include "sim/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "log/format.h"
#include "sim/gateway.h"

#define LOG_DIR "data/log"

enum { GROUPS_BYTES_MIN = 16 << 10 }; /* so much is more than one group: half of it is not the last one */

/* What a process does to its disk is an effect: one that dies has no more of them. */
static bool effect(struct sim_disk *disk, enum files_mem_op op)
{
    struct sim_gateway *gateway = disk->gateway;

    if (gateway->die_nth > 0 && gateway->die_op == op && --gateway->die_nth == 0)
        gateway->steps_left = 1;
    return sim_gateway_effect(gateway);
}

#define FORWARD(disk) ((disk)->mem_files)
#define CONTEXT(disk) ((disk)->mem_files->context)

static hf_err disk_open(void *context, const char *path, unsigned flags, int *ret_file)
{
    struct sim_disk *disk = context;

    if (flags & HF_FILE_CREATE && !effect(disk, FILES_MEM_OPEN))
        return HF_ERR_IO;
    return FORWARD(disk)->open(CONTEXT(disk), path, flags, ret_file);
}

static void disk_close(void *context, int file)
{
    struct sim_disk *disk = context;

    FORWARD(disk)->close(CONTEXT(disk), file);
}

static hf_err disk_size(void *context, int file, uint64_t *ret_bytes)
{
    struct sim_disk *disk = context;

    return FORWARD(disk)->size(CONTEXT(disk), file, ret_bytes);
}

static hf_err disk_pread(void *context, int file, void *buffer, size_t bytes, uint64_t position,
                         size_t *ret_bytes)
{
    struct sim_disk *disk = context;

    return FORWARD(disk)->pread(CONTEXT(disk), file, buffer, bytes, position, ret_bytes);
}

/* A process that is killed in the middle of a write leaves a part of it in the page cache. */
static hf_err torn_write(struct sim_disk *disk, int file, const struct iovec *parts, int part_count,
                         uint64_t position)
{
    struct iovec *part = malloc((size_t)part_count * sizeof(*part));
    int whole = (int)hf_rng_below(&disk->rng, (uint64_t)part_count);

    HF_ASSERT(part != NULL);
    memcpy(part, parts, ((size_t)whole + 1) * sizeof(*part));
    part[whole].iov_len = hf_rng_below(&disk->rng, part[whole].iov_len + 1);
    (void)FORWARD(disk)->pwritev(CONTEXT(disk), file, part, whole + 1, position);
    free(part);
    return HF_ERR_IO;
}

static hf_err disk_pwritev(void *context, int file, const struct iovec *parts, int part_count,
                           uint64_t position)
{
    struct sim_disk *disk = context;
    bool was_dying = disk->gateway->dying;

    if (effect(disk, FILES_MEM_PWRITEV))
        return FORWARD(disk)->pwritev(CONTEXT(disk), file, parts, part_count, position);
    return was_dying ? HF_ERR_IO : torn_write(disk, file, parts, part_count, position);
}

static hf_err disk_fdatasync(void *context, int file)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_FDATASYNC) ? FORWARD(disk)->fdatasync(CONTEXT(disk), file) : HF_ERR_IO;
}

static hf_err disk_fallocate(void *context, int file, uint64_t position, uint64_t bytes)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_FALLOCATE) ? FORWARD(disk)->fallocate(CONTEXT(disk), file, position, bytes)
                                             : HF_ERR_IO;
}

static hf_err disk_ftruncate(void *context, int file, uint64_t bytes)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_FTRUNCATE) ? FORWARD(disk)->ftruncate(CONTEXT(disk), file, bytes)
                                             : HF_ERR_IO;
}

static hf_err disk_rename(void *context, const char *from, const char *to)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_RENAME) ? FORWARD(disk)->rename(CONTEXT(disk), from, to) : HF_ERR_IO;
}

static hf_err disk_unlink(void *context, const char *path)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_UNLINK) ? FORWARD(disk)->unlink(CONTEXT(disk), path) : HF_ERR_IO;
}

static hf_err disk_mkdir(void *context, const char *path)
{
    struct sim_disk *disk = context;

    return FORWARD(disk)->mkdir(CONTEXT(disk), path);
}

static hf_err disk_list(void *context, const char *dir, hf_files_list_fn *visit, void *visit_context)
{
    struct sim_disk *disk = context;

    return FORWARD(disk)->list(CONTEXT(disk), dir, visit, visit_context);
}

static hf_err disk_sync_dir(void *context, const char *dir)
{
    struct sim_disk *disk = context;

    return effect(disk, FILES_MEM_SYNC_DIR) ? FORWARD(disk)->sync_dir(CONTEXT(disk), dir) : HF_ERR_IO;
}

static hf_err disk_statvfs(void *context, const char *dir, struct hf_file_space *ret_space)
{
    struct sim_disk *disk = context;

    return FORWARD(disk)->statvfs(CONTEXT(disk), dir, ret_space);
}

void sim_disk_init(struct sim_disk *disk, struct sim_gateway *gateway, uint64_t seed)
{
    *disk = (struct sim_disk){.gateway = gateway, .sync_us_min = 200, .sync_us_max = 3000};
    disk->mem = files_mem_new(seed);
    disk->mem_files = files_mem_files(disk->mem);
    hf_rng_seed(&disk->rng, seed + 1);
    disk->files =
        (struct hf_files){disk,         disk_open,      disk_close,     disk_size,      disk_pread,
                          disk_pwritev, disk_fdatasync, disk_fallocate, disk_ftruncate, disk_rename,
                          disk_unlink,  disk_mkdir,     disk_list,      disk_sync_dir,  disk_statvfs};
}

void sim_disk_deinit(struct sim_disk *disk)
{
    files_mem_free(disk->mem);
}

uint64_t sim_disk_sync_us(struct sim_disk *disk)
{
    return disk->sync_us_min + hf_rng_below(&disk->rng, disk->sync_us_max - disk->sync_us_min + 1u);
}

void sim_disk_heal(struct sim_disk *disk)
{
    files_mem_heal(disk->mem);
}

struct pick {
    char path[512];
    unsigned skip;
    unsigned count;
};

static bool count_segment(void *context, const char *name)
{
    struct pick *pick = context;

    if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".log") == 0) {
        if (pick->count == pick->skip)
            snprintf(pick->path, sizeof(pick->path), LOG_DIR "/%s", name);
        pick->count++;
    }
    return true;
}

bool sim_disk_rot(struct sim_disk *disk, unsigned part)
{
    struct pick pick = {.skip = UINT32_MAX};
    uint64_t bytes = 0;

    (void)disk->mem_files->list(disk->mem_files->context, LOG_DIR, count_segment, &pick);
    if (pick.count == 0)
        return false;
    pick = (struct pick){.skip = (unsigned)hf_rng_below(&disk->rng, pick.count)};
    (void)disk->mem_files->list(disk->mem_files->context, LOG_DIR, count_segment, &pick);
    char *at = files_mem_bytes(disk->mem, pick.path, &bytes);
    while (bytes > HF_LOG_SEGMENT_HEAD_BYTES && at[bytes - 1] == 0)
        bytes--; /* what is reserved only */
    if (bytes < HF_LOG_SEGMENT_HEAD_BYTES + GROUPS_BYTES_MIN)
        return false;
    uint64_t where = HF_LOG_SEGMENT_HEAD_BYTES + (bytes - HF_LOG_SEGMENT_HEAD_BYTES) * part / 1000;
    at[where] = (char)(at[where] ^ 1 << hf_rng_below(&disk->rng, 8));
    return true;
}
