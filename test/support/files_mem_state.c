#include "support/files_mem_state.h"

#include <stdlib.h>
#include <string.h>

uint64_t files_mem_random(struct files_mem *mem) /* splitmix64 */
{
    uint64_t z = mem->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The disk itself never lacks memory: where an allocation is made to fail (support/alloc_fail.h), it asks again. */
void *files_mem_must_realloc(void *at, size_t bytes)
{
    void *memory = realloc(at, bytes);

    if (memory == NULL && (memory = realloc(at, bytes)) == NULL)
        abort();
    return memory;
}

void *files_mem_must_zero(size_t bytes)
{
    return memset(files_mem_must_realloc(NULL, bytes), 0, bytes);
}

char *files_mem_must_copy(const char *text)
{
    return strcpy(files_mem_must_realloc(NULL, strlen(text) + 1), text);
}

void files_mem_face_size(struct face *face, uint64_t bytes)
{
    if (bytes > face->bytes_max) {
        uint64_t bytes_max = face->bytes_max * 2 > bytes ? face->bytes_max * 2 : bytes;

        bytes_max = (bytes_max + SECTOR - 1) / SECTOR * SECTOR;
        face->at = files_mem_must_realloc(face->at, bytes_max);
        memset(face->at + face->bytes_max, 0, bytes_max - face->bytes_max);
        face->bytes_max = bytes_max;
    }
    if (bytes < face->bytes)
        memset(face->at + bytes, 0, face->bytes - bytes);
    face->bytes = bytes;
}

void files_mem_inode_drop(struct inode *inode)
{
    if (inode == NULL || --inode->refs > 0)
        return;
    free(inode->seen.at);
    free(inode->disk.at);
    free(inode->dirty);
    free(inode);
}

void files_mem_inode_mark(struct inode *inode, uint64_t from, uint64_t to)
{
    uint64_t sectors = inode->seen.bytes_max / SECTOR + 1;

    if (sectors > inode->dirty_max) {
        inode->dirty = files_mem_must_realloc(inode->dirty, sectors * sizeof(bool));
        memset(inode->dirty + inode->dirty_max, 0, (sectors - inode->dirty_max) * sizeof(bool));
        inode->dirty_max = sectors;
    }
    for (uint64_t i = from / SECTOR; i * SECTOR < to; i++)
        inode->dirty[i] = true;
}

struct name *files_mem_name_find(struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i].path, path) == 0)
            return &names->at[i];
    return NULL;
}

void files_mem_name_set(struct names *names, const char *path, struct inode *inode)
{
    struct name *name = files_mem_name_find(names, path);

    if (inode)
        inode->refs++;
    if (name) {
        files_mem_inode_drop(name->inode);
        name->inode = inode;
        if (inode == NULL) {
            free(name->path);
            *name = names->at[--names->count];
        }
    } else if (inode) {
        if (names->count == names->count_max) {
            names->count_max = names->count_max ? names->count_max * 2 : 16;
            names->at = files_mem_must_realloc(names->at, names->count_max * sizeof(*names->at));
        }
        names->at[names->count++] = (struct name){files_mem_must_copy(path), inode};
    }
}

static void change_apply(struct names *names, const struct change *change)
{
    files_mem_name_set(names, change->path, change->inode);
    if (change->gone)
        files_mem_name_set(names, change->gone, NULL);
}

void files_mem_change_add(struct files_mem *mem, const char *path, const char *gone, struct inode *inode)
{
    struct change change = {files_mem_must_copy(path), gone ? files_mem_must_copy(gone) : NULL, inode};

    if (inode)
        inode->refs++;
    if (mem->change_count == mem->change_max) {
        mem->change_max = mem->change_max ? mem->change_max * 2 : 16;
        mem->changes = files_mem_must_realloc(mem->changes, mem->change_max * sizeof(*mem->changes));
    }
    mem->changes[mem->change_count++] = change;
    change_apply(&mem->seen, &change);
}

static void change_free(struct change *change)
{
    free(change->path);
    free(change->gone);
    files_mem_inode_drop(change->inode);
}

void files_mem_changes_settle(struct files_mem *mem, size_t count)
{
    for (size_t i = 0; i < mem->change_count; i++) {
        if (i < count)
            change_apply(&mem->disk, &mem->changes[i]);
        change_free(&mem->changes[i]);
    }
    mem->change_count = 0;
}

static bool lies_in(const char *path, const char *dir)
{
    size_t bytes = strlen(dir);

    bytes -= bytes > 0 && dir[bytes - 1] == '/';
    return strncmp(path, dir, bytes) == 0 && path[bytes] == '/' && strchr(path + bytes + 1, '/') == NULL;
}

void files_mem_changes_sync(struct files_mem *mem, const char *dir)
{
    size_t kept = 0;

    for (size_t i = 0; i < mem->change_count; i++) {
        struct change *change = &mem->changes[i];

        if (lies_in(change->path, dir)) {
            change_apply(&mem->disk, change);
            change_free(change);
        } else {
            mem->changes[kept++] = *change;
        }
    }
    mem->change_count = kept;
}

/* Each sector that was not synced is old or new; so is the size. */
void files_mem_inode_power_cut(struct files_mem *mem, struct inode *inode)
{
    uint64_t bytes = inode->disk.bytes;

    if (inode->size_dirty && files_mem_random(mem) % 2)
        bytes = inode->seen.bytes;
    files_mem_face_size(&inode->disk, bytes);
    for (uint64_t i = 0; i < inode->dirty_max; i++) {
        if (inode->dirty[i] && files_mem_random(mem) % 2 && i * SECTOR < bytes &&
            i * SECTOR < inode->seen.bytes) {
            uint64_t n = bytes - i * SECTOR < SECTOR ? bytes - i * SECTOR : SECTOR;

            memcpy(inode->disk.at + i * SECTOR, inode->seen.at + i * SECTOR, n);
        }
        inode->dirty[i] = false;
    }
    inode->size_dirty = false;
    files_mem_face_size(&inode->seen, 0);
    files_mem_face_size(&inode->seen, bytes);
    if (bytes > 0)
        memcpy(inode->seen.at, inode->disk.at, bytes);
}

void files_mem_names_free(struct names *names)
{
    while (names->count > 0)
        files_mem_name_set(names, names->at[0].path, NULL);
    free(names->at);
}
