/* cli/remote.h - which gateway a command talks to, and as whom. Options come first, then the environment, then
 * the file that `holdfast dev` writes. The secrets of that file are used for its own gateway only: with another --url
 * they stay where they are. */
#ifndef HF_CLI_REMOTE_H
#define HF_CLI_REMOTE_H

#include <stdbool.h>

#include "base/err.h"

#define HF_CLI_DEV_FILE "data/dev.json"

struct hf_cli_remote {
    /* as given; borrowed */
    const char *url_option, *key_option, *key_file, *ca_option, *dev_file;
    bool insecure;
    /* after load(); owned */
    char *url; /* "http://127.0.0.1:8080", no slash at its end */
    char *key, *ca;
    char *device_token, *device; /* of the dev file */
};

/* For the array of getopt_long() and for the help. */
#define HF_CLI_REMOTE_OPTIONS                                                             \
    {"url", required_argument, NULL, 'u'}, {"key", required_argument, NULL, 'k'},         \
        {"key-file", required_argument, NULL, 'K'}, {"ca", required_argument, NULL, 'C'}, \
        {"dev-file", required_argument, NULL, 'D'},                                       \
    {                                                                                     \
        "insecure", no_argument, NULL, 'I'                                                \
    }
#define HF_CLI_REMOTE_LETTERS "u:k:K:C:D:I"
#define HF_CLI_REMOTE_DETAILS                                                              \
    "  -u, --url URL        the gateway, such as https://gateway.example.com:8443; else\n" \
    "                       $HOLDFAST_URL, else the one of " HF_CLI_DEV_FILE "\n"          \
    "  -k, --key KEY        API key; else $HOLDFAST_API_KEY (a command line can be seen\n" \
    "                       by others on this machine, a file or the environment not)\n"   \
    "  -K, --key-file FILE  API key in a file\n"                                           \
    "  -C, --ca FILE        PEM certificates to trust instead of the system's; else\n"     \
    "                       $HOLDFAST_CA\n"                                                \
    "  -D, --dev-file FILE  what `holdfast dev` wrote (default: " HF_CLI_DEV_FILE ")\n"    \
    "      --insecure       do not check the gateway's certificate\n"

/* Takes what getopt_long() returned; false when it is none of ours. */
bool hf_cli_remote_option(struct hf_cli_remote *remote, int option, const char *value);
/* Finds the rest. need_key: without an API key it is an error. Gives HF_CLI_OK, or prints what is wrong and gives the exit
 * status. Call hf_cli_remote_deinit() in any case. */
int hf_cli_remote_load(struct hf_cli_remote *remote, const char *argv0, bool need_key);
void hf_cli_remote_deinit(struct hf_cli_remote *remote);

/* The whole of a small file (a key, a token), without white space at its end; NULL with errno. The caller frees it. */
char *hf_cli_read_secret(const char *path);

#endif
