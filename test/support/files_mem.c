/* test/support/files_mem.c - see files_mem.h. One lock over all, so that threads may share a disk. */
#include "support/files_mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/files_mem_state.h"

static struct inode *inode_of(struct files_mem *mem, int file)
{
    return file >= 0 && (size_t)file < mem->handle_count ? mem->handles[file].inode : NULL;
}

/* Takes the lock; *ret_err is the fault that is due, or HF_OK. */
static hf_err enter(struct files_mem *mem, enum files_mem_op op)
{
    struct fault *fault = &mem->faults[op];

    pthread_mutex_lock(&mem->lock);
    mem->calls[op]++;
    mem->dead = mem->dead || mem->dying;
    mem->dying = !mem->dead && mem->off_in > 0 && --mem->off_in == 0;
    if (mem->dead || mem->dying)
        return HF_ERR_IO;
    if (fault->skip > 0) {
        fault->skip--;
        return HF_OK;
    }
    if (fault->count == 0)
        return HF_OK;
    fault->count--;
    return fault->err;
}

static hf_err leave(struct files_mem *mem, hf_err err)
{
    pthread_mutex_unlock(&mem->lock);
    return err;
}

static hf_err mem_open(void *context, const char *path, unsigned flags, int *ret_file)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_OPEN);
    struct name *name = files_mem_name_find(&mem->seen, path);
    struct inode *inode = name ? name->inode : NULL;

    if (err == HF_OK && mem->read_only && flags & HF_FILE_WRITE)
        err = HF_ERR_DENIED;
    if (err == HF_OK && name == NULL && !(flags & HF_FILE_CREATE))
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK && name != NULL && flags & HF_FILE_EXCLUSIVE)
        err = HF_ERR_EXISTS;
    if (err == HF_OK && inode && flags & HF_FILE_LOCK && inode->locked)
        err = HF_ERR_BUSY;
    if (err != HF_OK)
        return leave(mem, err);
    if (inode == NULL) {
        inode = files_mem_must_zero(sizeof(*inode));
        files_mem_change_add(mem, path, NULL, inode);
    }
    if (mem->handle_count == mem->handle_max) {
        mem->handle_max = mem->handle_max ? mem->handle_max * 2 : 64;
        mem->handles = files_mem_must_realloc(mem->handles, mem->handle_max * sizeof(*mem->handles));
    }
    inode->refs++;
    inode->locked = inode->locked || flags & HF_FILE_LOCK;
    *ret_file = (int)mem->handle_count;
    mem->handles[mem->handle_count++] =
        (struct handle){inode, (flags & HF_FILE_WRITE) != 0, (flags & HF_FILE_LOCK) != 0};
    return leave(mem, HF_OK);
}

static void handle_close(struct files_mem *mem, int file)
{
    struct inode *inode = inode_of(mem, file);

    if (inode == NULL)
        return;
    if (mem->handles[file].lock)
        inode->locked = false;
    mem->handles[file].inode = NULL;
    files_mem_inode_drop(inode);
}

static void mem_close(void *context, int file)
{
    struct files_mem *mem = context;

    pthread_mutex_lock(&mem->lock);
    handle_close(mem, file);
    pthread_mutex_unlock(&mem->lock);
}

static hf_err mem_size(void *context, int file, uint64_t *ret_bytes)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_SIZE);
    struct inode *inode = inode_of(mem, file);

    if (inode == NULL)
        return leave(mem, HF_ERR_IO);
    *ret_bytes = inode->seen.bytes;
    return leave(mem, err);
}

static hf_err mem_pread(void *context, int file, void *buffer, size_t bytes, uint64_t position,
                        size_t *ret_bytes)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_PREAD);
    struct inode *inode = inode_of(mem, file);

    if (inode == NULL || err != HF_OK)
        return leave(mem, err != HF_OK ? err : HF_ERR_IO);
    if (position > inode->seen.bytes)
        position = inode->seen.bytes;
    *ret_bytes = bytes < inode->seen.bytes - position ? bytes : inode->seen.bytes - position;
    if (*ret_bytes > 0)
        memcpy(buffer, inode->seen.at + position, *ret_bytes);
    return leave(mem, HF_OK);
}

/* Grows to `bytes` as far as the budget goes. */
static hf_err grow(struct files_mem *mem, struct inode *inode, uint64_t bytes)
{
    uint64_t more = bytes > inode->seen.bytes ? bytes - inode->seen.bytes : 0;
    hf_err err = HF_OK;

    if (more > mem->budget) {
        more = mem->budget;
        err = HF_ERR_FULL;
    }
    if (mem->budget != BUDGET_NONE)
        mem->budget -= more;
    if (more > 0) {
        uint64_t from = inode->seen.bytes;

        files_mem_face_size(&inode->seen, from + more);
        files_mem_inode_mark(inode, from, from + more);
        inode->size_dirty = true;
    }
    return err;
}

static struct inode *writable(struct files_mem *mem, int file)
{
    struct inode *inode = inode_of(mem, file);

    return inode && mem->handles[file].write && !mem->read_only ? inode : NULL;
}

static hf_err mem_pwritev(void *context, int file, const struct iovec *parts, int part_count,
                          uint64_t position)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_PWRITEV);
    struct inode *inode = writable(mem, file);
    uint64_t bytes = 0, done = 0;

    if (inode == NULL)
        return leave(mem, mem->read_only ? HF_ERR_DENIED : HF_ERR_IO);
    for (int i = 0; i < part_count; i++)
        bytes += parts[i].iov_len;
    if (mem->dead)
        return leave(mem, HF_ERR_IO);
    if (err != HF_OK)
        bytes = files_mem_random(mem) % (bytes + 1);
    hf_err grown = grow(mem, inode, position + bytes);

    if (grown != HF_OK) {
        err = grown;
        bytes = inode->seen.bytes > position ? inode->seen.bytes - position : 0;
    }
    for (int i = 0; i < part_count && done < bytes; i++) {
        uint64_t n = parts[i].iov_len < bytes - done ? parts[i].iov_len : bytes - done;

        memcpy(inode->seen.at + position + done, parts[i].iov_base, n);
        done += n;
    }
    if (done > 0)
        files_mem_inode_mark(inode, position, position + done);
    return leave(mem, err);
}

static hf_err mem_fdatasync(void *context, int file)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_FDATASYNC);
    struct inode *inode = inode_of(mem, file);

    if (inode == NULL)
        return leave(mem, HF_ERR_IO);
    if (mem->dead || mem->dying)
        return leave(mem, HF_ERR_IO);
    for (uint64_t i = 0; i < inode->dirty_max; i++) {
        if (inode->dirty[i] && err == HF_OK && i * SECTOR < inode->seen.bytes) {
            if ((i + 1) * SECTOR > inode->disk.bytes)
                files_mem_face_size(&inode->disk, (i + 1) * SECTOR);
            memcpy(inode->disk.at + i * SECTOR, inode->seen.at + i * SECTOR, SECTOR);
        }
        inode->dirty[i] = false;
    }
    if (err == HF_OK)
        files_mem_face_size(&inode->disk, inode->seen.bytes);
    inode->size_dirty = inode->size_dirty && err != HF_OK;
    return leave(mem, err);
}

static hf_err mem_fallocate(void *context, int file, uint64_t position, uint64_t bytes)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_FALLOCATE);
    struct inode *inode = writable(mem, file);

    if (mem->no_fallocate)
        return leave(mem, HF_ERR_UNSUPPORTED);
    if (inode == NULL)
        return leave(mem, mem->read_only ? HF_ERR_DENIED : HF_ERR_IO);
    if (err == HF_OK && position + bytes > inode->seen.bytes &&
        position + bytes - inode->seen.bytes > mem->budget)
        err = HF_ERR_FULL;
    return leave(mem, err == HF_OK ? grow(mem, inode, position + bytes) : err);
}

static hf_err mem_ftruncate(void *context, int file, uint64_t bytes)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_FTRUNCATE);
    struct inode *inode = writable(mem, file);

    if (inode == NULL)
        return leave(mem, mem->read_only ? HF_ERR_DENIED : HF_ERR_IO);
    if (err != HF_OK)
        return leave(mem, err);
    if (mem->budget != BUDGET_NONE && bytes < inode->seen.bytes)
        mem->budget += inode->seen.bytes - bytes;
    if (bytes < inode->seen.bytes)
        files_mem_inode_mark(inode, bytes, inode->seen.bytes);
    files_mem_face_size(&inode->seen, bytes);
    inode->size_dirty = true;
    return leave(mem, HF_OK);
}

static hf_err mem_rename(void *context, const char *from, const char *to)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_RENAME);
    struct name *name = files_mem_name_find(&mem->seen, from);

    if (err == HF_OK && mem->read_only)
        err = HF_ERR_DENIED;
    if (err == HF_OK && name == NULL)
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK)
        files_mem_change_add(mem, to, from, name->inode);
    return leave(mem, err);
}

static hf_err mem_unlink(void *context, const char *path)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_UNLINK);
    struct name *name = files_mem_name_find(&mem->seen, path);

    if (err == HF_OK && mem->read_only)
        err = HF_ERR_DENIED;
    if (err == HF_OK && name == NULL)
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK) {
        if (mem->budget != BUDGET_NONE)
            mem->budget += name->inode->seen.bytes;
        files_mem_change_add(mem, path, NULL, NULL);
    }
    return leave(mem, err);
}

static hf_err mem_mkdir(void *context, const char *path)
{
    struct files_mem *mem = context;

    (void)path; /* directories are only the front of names */
    return leave(mem, enter(mem, FILES_MEM_MKDIR));
}

static hf_err mem_list(void *context, const char *dir, hf_files_list_fn *visit, void *visit_context)
{
    struct files_mem *mem = context;
    size_t dir_bytes = strlen(dir);
    hf_err err = enter(mem, FILES_MEM_LIST);

    for (size_t i = 0; i < mem->seen.count && err == HF_OK; i++) {
        const char *path = mem->seen.at[i].path;

        if (strncmp(path, dir, dir_bytes) == 0 && path[dir_bytes] == '/' &&
            strchr(path + dir_bytes + 1, '/') == NULL && !visit(visit_context, path + dir_bytes + 1))
            break;
    }
    return leave(mem, err);
}

static hf_err mem_sync_dir(void *context, const char *dir)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_SYNC_DIR);

    if (err == HF_OK)
        files_mem_changes_sync(mem, dir);
    return leave(mem, err);
}

static hf_err mem_statvfs(void *context, const char *dir, struct hf_file_space *ret_space)
{
    struct files_mem *mem = context;
    hf_err err = enter(mem, FILES_MEM_STATVFS);

    (void)dir;
    ret_space->free_bytes = mem->budget != BUDGET_NONE ? mem->budget : 1ull << 40;
    ret_space->total_bytes = 1ull << 40;
    return leave(mem, err);
}

struct files_mem *files_mem_new(uint64_t seed)
{
    struct files_mem *mem = files_mem_must_zero(sizeof(*mem));

    mem->random = seed;
    mem->budget = BUDGET_NONE;
    pthread_mutex_init(&mem->lock, NULL);
    mem->files = (struct hf_files){mem,         mem_open,      mem_close,     mem_size,      mem_pread,
                                   mem_pwritev, mem_fdatasync, mem_fallocate, mem_ftruncate, mem_rename,
                                   mem_unlink,  mem_mkdir,     mem_list,      mem_sync_dir,  mem_statvfs};
    return mem;
}

static void handles_die(struct files_mem *mem)
{
    for (size_t i = 0; i < mem->handle_count; i++)
        handle_close(mem, (int)i);
}

void files_mem_free(struct files_mem *mem)
{
    if (mem == NULL)
        return;
    handles_die(mem);
    files_mem_changes_settle(mem, 0);
    files_mem_names_free(&mem->seen);
    files_mem_names_free(&mem->disk);
    free(mem->changes);
    free(mem->handles);
    pthread_mutex_destroy(&mem->lock);
    free(mem);
}

const struct hf_files *files_mem_files(struct files_mem *mem)
{
    return &mem->files;
}

void files_mem_power_cut(struct files_mem *mem)
{
    pthread_mutex_lock(&mem->lock);
    handles_die(mem);
    mem->off_in = 0;
    mem->dying = mem->dead = false;
    files_mem_changes_settle(mem, files_mem_random(mem) % (mem->change_count + 1));
    files_mem_names_free(&mem->seen);
    mem->seen = (struct names){0};
    for (size_t i = 0; i < mem->disk.count; i++) {
        files_mem_inode_power_cut(mem, mem->disk.at[i].inode);
        files_mem_name_set(&mem->seen, mem->disk.at[i].path, mem->disk.at[i].inode);
    }
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_crash(struct files_mem *mem)
{
    pthread_mutex_lock(&mem->lock);
    handles_die(mem);
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_power_off_in(struct files_mem *mem, uint64_t calls)
{
    pthread_mutex_lock(&mem->lock);
    mem->off_in = calls;
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_fail(struct files_mem *mem, enum files_mem_op op, uint64_t nth, uint64_t count, hf_err err)
{
    pthread_mutex_lock(&mem->lock);
    mem->faults[op] = (struct fault){nth - 1, count, err};
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_heal(struct files_mem *mem)
{
    pthread_mutex_lock(&mem->lock);
    memset(mem->faults, 0, sizeof(mem->faults));
    mem->budget = BUDGET_NONE;
    mem->read_only = false;
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_budget(struct files_mem *mem, uint64_t bytes)
{
    pthread_mutex_lock(&mem->lock);
    mem->budget = bytes;
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_read_only(struct files_mem *mem, bool on)
{
    pthread_mutex_lock(&mem->lock);
    mem->read_only = on;
    pthread_mutex_unlock(&mem->lock);
}

void files_mem_no_fallocate(struct files_mem *mem, bool on)
{
    mem->no_fallocate = on;
}

uint64_t files_mem_calls(const struct files_mem *mem, enum files_mem_op op)
{
    return mem->calls[op];
}

char *files_mem_bytes(struct files_mem *mem, const char *path, uint64_t *ret_bytes)
{
    struct name *name = files_mem_name_find(&mem->seen, path);

    if (name == NULL)
        return NULL;
    *ret_bytes = name->inode->seen.bytes;
    return name->inode->seen.at;
}

bool files_mem_put(struct files_mem *mem, const char *path, const void *data, uint64_t bytes)
{
    struct inode *inode = files_mem_must_zero(sizeof(*inode));

    files_mem_face_size(&inode->seen, bytes);
    files_mem_face_size(&inode->disk, bytes);
    if (bytes > 0) {
        memcpy(inode->seen.at, data, bytes);
        memcpy(inode->disk.at, data, bytes);
    }
    pthread_mutex_lock(&mem->lock);
    inode->refs = 1;
    files_mem_name_set(&mem->seen, path, inode);
    files_mem_name_set(&mem->disk, path, inode);
    files_mem_inode_drop(inode);
    pthread_mutex_unlock(&mem->lock);
    return true;
}

bool files_mem_exists(struct files_mem *mem, const char *path)
{
    return files_mem_name_find(&mem->seen, path) != NULL;
}
