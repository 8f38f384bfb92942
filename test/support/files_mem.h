/* test/support/files_mem.h - log/files.h in memory, on a disk that misbehaves to order: power cuts that lose
 * or keep each unsynced 512-byte sector by chance, a budget of bytes, calls that fail, bits that rot.
 * Each file has two faces: what the process sees and what the disk holds. Names (create, rename, unlink)
 * become durable with sync_dir of the directory they lie in. Equal seeds give equal faults. */
#ifndef HF_TEST_FILES_MEM_H
#define HF_TEST_FILES_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "log/files.h"

#define FILES_MEM_OP_MAP(X) \
    X(FILES_MEM_OPEN)       \
    X(FILES_MEM_PREAD)      \
    X(FILES_MEM_PWRITEV)    \
    X(FILES_MEM_FDATASYNC)  \
    X(FILES_MEM_FALLOCATE)  \
    X(FILES_MEM_FTRUNCATE)  \
    X(FILES_MEM_RENAME)     \
    X(FILES_MEM_UNLINK)     \
    X(FILES_MEM_MKDIR)      \
    X(FILES_MEM_LIST)       \
    X(FILES_MEM_SYNC_DIR)   \
    X(FILES_MEM_STATVFS)    \
    X(FILES_MEM_SIZE)
#define FILES_MEM_OP_ENUM(id) id,
enum files_mem_op { FILES_MEM_OP_MAP(FILES_MEM_OP_ENUM) FILES_MEM_OPS };
#undef FILES_MEM_OP_ENUM

enum { FILES_MEM_SECTOR_BYTES = 512 };

struct files_mem; /* opaque */

struct files_mem *files_mem_new(uint64_t seed);
void files_mem_free(struct files_mem *mem);                    /* NULL is harmless */
const struct hf_files *files_mem_files(struct files_mem *mem); /* borrowed; lives as long as mem */

/* Power off and on: every open handle is dead, every unsynced sector is old or new by chance, every name
 * change since sync_dir has happened or not, in order. */
void files_mem_power_cut(struct files_mem *mem);
/* The power goes with the `calls`-th call from now on, in the middle of it: that call and all later ones fail, and
 * nothing changes any more until files_mem_power_cut. */
void files_mem_power_off_in(struct files_mem *mem, uint64_t calls);
/* kill -9: handles die, nothing else is lost. */
void files_mem_crash(struct files_mem *mem);
/* From now on the `nth` call (1 = the next) of this operation fails, and `count` from there on. A failed
 * pwritev leaves a part behind; a failed fdatasync makes nothing durable and, as on Linux, forgets what was dirty. */
void files_mem_fail(struct files_mem *mem, enum files_mem_op op, uint64_t nth, uint64_t count, hf_err err);
void files_mem_heal(struct files_mem *mem);                   /* no more failures, no budget */
void files_mem_budget(struct files_mem *mem, uint64_t bytes); /* space left on this disk from now on */
void files_mem_read_only(struct files_mem *mem, bool on);
void files_mem_no_fallocate(struct files_mem *mem, bool on); /* HF_ERR_UNSUPPORTED, as on some systems */
uint64_t files_mem_calls(const struct files_mem *mem, enum files_mem_op op);

/* Direct access, both faces; NULL or false when there is no such file. */
char *files_mem_bytes(struct files_mem *mem, const char *path,
                      uint64_t *ret_bytes); /* may be changed in place */
bool files_mem_put(struct files_mem *mem, const char *path, const void *data, uint64_t bytes);
bool files_mem_exists(struct files_mem *mem, const char *path);

#endif
