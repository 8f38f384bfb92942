/* io/file_probe.h - what can be said about a file without opening it. */
#ifndef HF_IO_FILE_PROBE_H
#define HF_IO_FILE_PROBE_H

#include <stdbool.h>

struct hf_file_probe {
    bool exists;   /* as anything */
    bool regular;  /* a file, perhaps behind a link */
    bool readable; /* by this process */
    bool writable; /* by this process; of a directory: files can be made in it */
    bool directory;
    bool open_to_others; /* its mode lets group or others read or write */
};

struct hf_file_probe hf_file_probe(const char *path);

#endif
