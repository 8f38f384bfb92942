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

#include "app/log_sink.h"

static char dir[64], path[128], moved[128];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/holdfast_log_sink_XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(moved, sizeof(moved), "%s/log.1", dir);
    return 0;
}

static int done(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(moved);
    (void)rmdir(path);
    return rmdir(dir);
}

static void expect_file(const char *name, const char *want)
{
    char text[256];
    FILE *file = fopen(name, "re");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, want);
}

static void line(struct hf_log_sink_file *file, const char *text)
{
    struct hf_log_sink sink = hf_log_sink_of(file);

    sink.write(sink.context, text, strlen(text));
    assert_true(sink.utc_ms(sink.context) > 1600000000000);
}

static void file_is_appended_to_and_reopened(void **state)
{
    struct hf_log_sink_file file;
    struct stat info;

    (void)state;
    assert_int_equal(hf_log_sink_open(&file, path, false, HF_LOG_LOGFMT), HF_OK);
    line(&file, "one\n");
    hf_log_sink_close(&file);
    assert_int_equal(hf_log_sink_open(&file, path, false, HF_LOG_LOGFMT), HF_OK);
    line(&file, "two\n");
    assert_int_equal(rename(path, moved), 0); /* logrotate */
    line(&file, "three\n");
    assert_int_equal(hf_log_sink_reopen(&file), HF_OK);
    line(&file, "four\n");
    hf_log_sink_settle(&file);
    expect_file(moved, "one\ntwo\nthree\n");
    expect_file(path, "four\n");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07, 0); /* not for everybody */
    hf_log_sink_close(&file);
}

static void old_file_stays_when_the_new_one_cannot_be_opened(void **state)
{
    struct hf_log_sink_file file;

    (void)state;
    assert_int_equal(hf_log_sink_open(&file, path, false, HF_LOG_LOGFMT), HF_OK);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(hf_log_sink_reopen(&file), HF_ERR_IO);
    line(&file, "still\n");
    hf_log_sink_settle(&file);
    expect_file(moved, "still\n");
    hf_log_sink_close(&file);
    assert_int_equal(hf_log_sink_open(&file, path, false, HF_LOG_LOGFMT), HF_ERR_IO);
    hf_log_sink_close(&file);
}

static void without_a_file_lines_go_to_standard_error(void **state)
{
    struct hf_log_sink_file file;
    int pipes[2], kept = dup(STDERR_FILENO);
    char text[16] = "";

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(hf_log_sink_open(&file, "", false, HF_LOG_LOGFMT), HF_OK); /* somewhere they must go */
    line(&file, "here\n");
    assert_int_equal(hf_log_sink_reopen(&file), HF_OK);
    hf_log_sink_close(&file);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(read(pipes[0], text, sizeof(text) - 1), 5);
    assert_string_equal(text, "here\n");
    close(pipes[0]);
    close(pipes[1]);
    close(kept);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(file_is_appended_to_and_reopened),
        ROW(old_file_stays_when_the_new_one_cannot_be_opened),
        ROW(without_a_file_lines_go_to_standard_error),
    };
    return cmocka_run_group_tests_name("log_sink", tests, NULL, NULL);
}
