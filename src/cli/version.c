#include <lmdb.h>
#include <openssl/crypto.h>
#include <yaml.h>
#include <zlib.h>

#include "cli/commands.h"

static int run_version(int argc, char **argv)
{
    if (argc > 1)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[1]);
    (void)printf("holdfast %s\n%s\nzlib %s\nlibyaml %s\n%s\n", HF_VERSION, OpenSSL_version(OPENSSL_VERSION),
                 zlibVersion(), yaml_get_version_string(), mdb_version(NULL, NULL, NULL));
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_version = {
    .name = "version",
    .summary = "print the version, and those of the libraries in use",
    .usage = "version",
    .run = run_version,
};
