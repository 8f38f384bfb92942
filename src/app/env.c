#include "app/env.h"

#include <stddef.h>
#include <string.h>

const char *hf_env_value(char *const *env, const char *name)
{
    size_t bytes = strlen(name);

    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        if (strncmp(env[i], name, bytes) == 0 && env[i][bytes] == '=')
            return env[i] + bytes + 1;
    return NULL;
}
