#include "agent/queue_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"

enum { PATH_BYTES = 4096 };

static hf_err name(char out[PATH_BYTES], const char *path, const char *end)
{
    return snprintf(out, PATH_BYTES, "%s%s", path, end) < PATH_BYTES ? HF_OK : HF_ERR_INVALID;
}

hf_err hf_agent_queue_aside(const char *path)
{
    /* The log first: SQLite would take one that is left alone for the new file's. Its index is made anew. */
    static const char *const moves[][2] = {{"-wal", ".damaged-wal"}, {"", ".damaged"}};
    char from[PATH_BYTES], to[PATH_BYTES];
    hf_err err = name(from, path, "-shm");

    if (err != HF_OK)
        return err;
    (void)unlink(from);
    for (size_t i = 0; i < HF_COUNT_OF(moves); i++) {
        if (name(from, path, moves[i][0]) != HF_OK || name(to, path, moves[i][1]) != HF_OK)
            return HF_ERR_INVALID;
        if (unlink(to) != 0 && errno != ENOENT)
            return HF_ERR_IO;
        if (rename(from, to) != 0 && !(errno == ENOENT && i == 0))
            return HF_ERR_IO;
    }
    return HF_OK;
}
