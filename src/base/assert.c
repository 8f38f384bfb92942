#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void hf_assert_failed(const char *expression, const char *file, int line)
{
    /* The logger may be what broke, so this goes past it. */
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    fflush(stderr);
    abort();
}
