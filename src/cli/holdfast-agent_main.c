/* holdfast-agent: `holdfast agent` alone, for boards. The same code without what a gateway needs: no codecs of pictures, no HTTP client, a third of the memory. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

extern const struct hf_cli_command hf_cli_agent;

int main(int argc, char **argv)
{
    char name[] = "holdfast agent";

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            (void)puts("holdfast-agent " HF_VERSION);
            return hf_cli_flush(name);
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            hf_cli_help(&hf_cli_agent, stdout);
            return hf_cli_flush(name);
        }
    }
    argv[0] = name;
    return hf_cli_agent.run(argc, argv);
}
