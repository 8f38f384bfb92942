/* io/files_posix.h - log/files.h on POSIX. Without state; shared by all threads. */
#ifndef HF_IO_FILES_POSIX_H
#define HF_IO_FILES_POSIX_H

#include "log/files.h"

const struct hf_files *hf_files_posix(void);

#endif
