/* test/support/files_mem_state.h - what the disk of files_mem.h consists of: files with two faces, names with two
 * faces, and what happens to both when the power goes. Only for files_mem*.c; the caller holds the lock. */
#ifndef HF_TEST_FILES_MEM_STATE_H
#define HF_TEST_FILES_MEM_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/files_mem.h"

enum { SECTOR = FILES_MEM_SECTOR_BYTES };
#define BUDGET_NONE UINT64_MAX

struct face {
    char *at;
    uint64_t bytes, bytes_max;
};

struct inode {
    unsigned refs; /* names on both faces, pending changes and handles */
    struct face seen, disk;
    bool *dirty; /* by sector of seen */
    uint64_t dirty_max;
    bool size_dirty, locked;
};

struct name {
    char *path;
    struct inode *inode;
};

struct names {
    struct name *at;
    size_t count, count_max;
};

struct change {        /* of the name space, not durable yet: path gets inode, or goes (NULL) */
    char *path, *gone; /* gone: the other end of a rename */
    struct inode *inode;
};

struct handle {
    struct inode *inode; /* NULL = closed or dead */
    bool write, lock;
};

struct fault {
    uint64_t skip, count;
    hf_err err;
};

struct files_mem {
    struct hf_files files;
    pthread_mutex_t lock;
    struct names seen, disk;
    struct change *changes;
    size_t change_count, change_max;
    struct handle *handles;
    size_t handle_count, handle_max;
    struct fault faults[FILES_MEM_OPS];
    uint64_t calls[FILES_MEM_OPS];
    uint64_t budget;
    uint64_t random;
    bool read_only, no_fallocate;
    uint64_t off_in;  /* calls until the power goes; 0 = it stays */
    bool dying, dead; /* in this call; before it */
};

uint64_t files_mem_random(struct files_mem *mem);
void *files_mem_must_realloc(void *at, size_t bytes);
void *files_mem_must_zero(size_t bytes);
char *files_mem_must_copy(const char *text);
void files_mem_face_size(struct face *face, uint64_t bytes);
void files_mem_inode_drop(struct inode *inode);
void files_mem_inode_mark(struct inode *inode, uint64_t from, uint64_t to);
struct name *files_mem_name_find(struct names *names, const char *path);
void files_mem_name_set(struct names *names, const char *path, struct inode *inode);
void files_mem_change_add(struct files_mem *mem, const char *path, const char *gone, struct inode *inode);
void files_mem_changes_settle(struct files_mem *mem,
                              size_t count); /* the first ones happen, the others never */
void files_mem_changes_sync(struct files_mem *mem, const char *dir); /* those of names right in dir */
void files_mem_inode_power_cut(struct files_mem *mem, struct inode *inode);
void files_mem_names_free(struct names *names);

#endif
