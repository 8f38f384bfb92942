#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/list.h"

static void a_broken_assertion_says_where_and_aborts(void **state)
{
    char text[256] = "";
    int ends[2], status = 0;
    size_t bytes = 0;
    ssize_t n;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* sanitizers and cmocka install their own */
        HF_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    while (bytes < sizeof(text) - 1 && (n = read(ends[0], text + bytes, sizeof(text) - 1 - bytes)) > 0)
        bytes += (size_t)n;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "assert_test.c"));
    assert_non_null(strstr(text, "assertion failed: 1 + 1 == 3"));
}

static void the_helpers_compute_what_they_say(void **state)
{
    struct thing {
        int before;
        struct hf_list_node node;
    } thing;
    int numbers[7];

    (void)state;
    HF_ASSERT(HF_COUNT_OF(numbers) == 7);
    assert_ptr_equal(HF_CONTAINER_OF(&thing.node, struct thing, node), &thing);
    assert_int_equal(HF_MIN(2, 3), 2);
    assert_int_equal(HF_MAX(2, 3), 3);
}

static void lists_keep_their_order(void **state)
{
    struct hf_list_node a, b, head, other;

    (void)state;
    hf_list_init(&a);
    hf_list_init(&b);
    hf_list_init(&head);
    hf_list_init(&other);
    assert_null(hf_list_pop_front(&head));
    hf_list_push_back(&head, &b);
    hf_list_push_front(&head, &a);
    assert_true(hf_list_linked(&a));
    hf_list_splice(&other, &head);
    hf_list_splice(&other, &head); /* empty: nothing happens */
    assert_true(hf_list_empty(&head));
    assert_ptr_equal(hf_list_pop_front(&other), &a);
    hf_list_remove(&b);
    hf_list_remove(&b); /* twice is harmless */
    assert_true(hf_list_empty(&other));
    assert_false(hf_list_linked(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_assertion_says_where_and_aborts),
        cmocka_unit_test(the_helpers_compute_what_they_say),
        cmocka_unit_test(lists_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
