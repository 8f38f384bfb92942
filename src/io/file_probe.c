#include "io/file_probe.h"

#include <sys/stat.h>
#include <unistd.h>

struct hf_file_probe hf_file_probe(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return (struct hf_file_probe){0};
    return (struct hf_file_probe){
        .exists = true,
        .regular = S_ISREG(status.st_mode),
        .readable = access(path, R_OK) == 0,
        .writable = access(path, S_ISDIR(status.st_mode) ? W_OK | X_OK : W_OK) == 0,
        .directory = S_ISDIR(status.st_mode),
        .open_to_others = (status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0,
    };
}
