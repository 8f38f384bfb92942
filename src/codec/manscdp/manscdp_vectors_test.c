/* codec/manscdp/manscdp_vectors_test.c - doc/gb28181-bodies.md names each tolerance of the three codecs and each other name of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/manscdp/manscdp.h"
#include "codec/mansrtsp/mansrtsp.h"
#include "codec/sdp/sdp.h"

static char text[65536];

static void is_named(const char *name)
{
    char quoted[128];

    snprintf(quoted, sizeof(quoted), "`%s`", name);
    if (strstr(text, quoted) == NULL)
        fail_msg("doc/gb28181-bodies.md does not name %s", quoted);
}

static void every_tolerance_is_documented(void **state)
{
    FILE *file = fopen(HF_DOC_DIR "/gb28181-bodies.md", "r");

    (void)state;
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof(text) - 1, file);

    assert_true(bytes > 0 && bytes < sizeof(text) - 1);
    fclose(file);
    for (unsigned i = 0; hf_xml_tolerance_name(i) != NULL; i++)
        is_named(hf_xml_tolerance_name(i));
    for (unsigned i = 0; hf_sdp_tolerance_name(i) != NULL; i++)
        is_named(hf_sdp_tolerance_name(i));
    for (unsigned i = 0; hf_mansrtsp_tolerance_name(i) != NULL; i++)
        is_named(hf_mansrtsp_tolerance_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_tolerance_is_documented)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
