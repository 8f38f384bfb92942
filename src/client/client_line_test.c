/* The line to the client's thread: who is woken, and who need not be. What becomes of what is put in: client_thread_test.c, client_driver_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <poll.h>

#include "client/line.h"

static struct hf_line line;

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static int begin(void **state)
{
    const struct hf_ws_memory memory = {.resize = resize};

    (void)state;
    return hf_line_init(&line, &memory, 0, 0);
}

static unsigned take(struct hf_line_taken *ret_taken)
{
    struct hf_line_taken taken = hf_line_take(&line);
    unsigned count = 0;

    if (ret_taken != NULL)
        *ret_taken = taken;
    for (struct hf_line_entry *entry = taken.entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        hf_line_free(&line, entry);
        count++;
    }
    return count;
}

static int end(void **state)
{
    (void)state;
    (void)take(NULL);
    hf_line_deinit(&line);
    return 0;
}

static void put(void)
{
    const struct hf_line_entry entry = {.kind = HF_LINE_ACKNOWLEDGE, .handle = 1};

    assert_int_equal(hf_line_put(&line, &entry), HF_OK);
}

static bool calls(void)
{
    struct pollfd fd = {.fd = line.event_fd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

static void who_sleeps_is_called(void **state)
{
    (void)state;
    assert_false(calls());
    put();
    assert_true(calls());
    put();
    assert_int_equal(take(NULL), 2);
    assert_false(calls());
    assert_true(hf_line_leave(&line));
    assert_false(calls());
    put();
    assert_true(calls());
}

static void who_is_awake_is_not(void **state)
{
    (void)state;
    assert_int_equal(take(NULL), 0);
    put(); /* a callback of this turn */
    assert_false(calls());
    assert_false(hf_line_leave(&line));
    assert_int_equal(take(NULL), 1);
    hf_line_rest(&line);
    assert_false(calls());
    put();
    assert_true(calls());
}

static void what_comes_at_last_calls_for_another_turn(void **state)
{
    struct hf_line_taken taken;

    (void)state;
    assert_int_equal(take(NULL), 0);
    put();
    assert_false(hf_line_leave(&line));
    put(); /* one that comes between */
    assert_int_equal(take(NULL), 2);
    put();
    hf_line_stop(&line);
    hf_line_network(&line, true);
    assert_false(calls());
    hf_line_rest(&line);
    assert_true(calls());
    assert_int_equal(take(&taken), 1);
    assert_true(taken.stop && taken.network_told && taken.network_up);
    assert_true(hf_line_leave(&line));
    assert_false(calls());
}

static void wishes_call_too(void **state)
{
    struct hf_line_taken taken;

    (void)state;
    hf_line_stop(&line);
    assert_true(calls());
    hf_line_network(&line, false);
    assert_int_equal(take(&taken), 0);
    assert_true(taken.stop && taken.network_told && !taken.network_up);
    assert_false(calls());
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        ROW(who_sleeps_is_called),
        ROW(who_is_awake_is_not),
        ROW(what_comes_at_last_calls_for_another_turn),
        ROW(wishes_call_too),
    };
#undef ROW

    return cmocka_run_group_tests(tests, NULL, NULL);
}
