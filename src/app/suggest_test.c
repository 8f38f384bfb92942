#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/suggest.h"
#include "base/assert.h"

static void the_nearest_word_wins(void **state)
{
    static const char *const known[] = {"listeners", "limits", "log", "logging", "header_timeout_ms", "port"};
    static const struct {
        const char *word, *want;
    } rows[] = {
        {"listener", "listeners"},
        {"limit", "limits"},
        {"logg", "log"},
        {"loging", "logging"},
        {"prot", "port"},
        {"header_timeout", "header_timeout_ms"},
        {"zebra", NULL},
        {"x", NULL},
        {"", NULL},
        {"prt", "port"},
        {"ports", "port"},
        {"a_word_that_is_longer_than_any_that_is_compared_here_by_quite_a_few_letters", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_suggest suggest;

        hf_suggest_init(&suggest, hf_slice_of(rows[i].word));
        for (size_t k = 0; k < HF_COUNT_OF(known); k++)
            hf_suggest_offer(&suggest, known[k]);
        if (rows[i].want == NULL)
            assert_null(suggest.best);
        else
            assert_string_equal(suggest.best, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_nearest_word_wins)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
