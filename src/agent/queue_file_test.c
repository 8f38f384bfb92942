/* agent/queue_file_test.c - a damaged queue goes out of the way with its log, one is kept, and nothing is lost when that cannot be done. */
#include "agent/queue_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/queue_file_test.XXXXXX", path[64];

static const char *beside(const char *end)
{
    static char text[80];

    (void)snprintf(text, sizeof(text), "%s%s", path, end);
    return text;
}

static void put(const char *end, const char *text)
{
    FILE *file = fopen(beside(end), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check(const char *end, const char *text)
{
    FILE *file = fopen(beside(end), "re");
    char got[16] = "";

    if (text == NULL) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    assert_non_null(fgets(got, sizeof(got), file));
    (void)fclose(file);
    assert_string_equal(got, text);
}

static void it_goes_aside_with_its_log(void **state)
{
    (void)state;
    put("", "one");
    put("-wal", "one's log");
    put("-shm", "index");
    put("-lock", "lock");
    assert_int_equal(hf_agent_queue_aside(path), HF_OK);
    check("", NULL);
    check("-wal", NULL);
    check("-shm", NULL);
    check("-lock", "lock");
    check(".damaged", "one");
    check(".damaged-wal", "one's log");
    put("", "two"); /* has no log: the one of before must not stay beside it */
    assert_int_equal(hf_agent_queue_aside(path), HF_OK);
    check("", NULL);
    check(".damaged", "two");
    check(".damaged-wal", NULL);
}

static void it_stays_where_nothing_can_be_moved(void **state)
{
    char deep[5000];

    (void)state;
    put("", "three");
    assert_int_equal(unlink(beside(".damaged")), 0);
    assert_int_equal(mkdir(beside(".damaged"), 0700), 0);
    assert_int_equal(hf_agent_queue_aside(path), HF_ERR_IO);
    check("", "three");
    assert_int_equal(rmdir(beside(".damaged")), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hf_agent_queue_aside(path), HF_ERR_IO); /* there is none */
    memset(deep, 'x', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(hf_agent_queue_aside(deep), HF_ERR_INVALID);
}

static int begin(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/q.db", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(beside("-lock"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_aside_with_its_log),
        cmocka_unit_test(it_stays_where_nothing_can_be_moved),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
