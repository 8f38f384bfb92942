/* Log lines and readers that do not read: who logs never waits, and what is lost is counted and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/log_writer.h"
#include "base/assert.h"
#include "io/fatal.h"
#include "io/signal.h"
#include "io/thread.h"

enum { PIPE_BYTES = 4096, LINE_BYTES = 100, LINES = 2 * HF_LOG_WRITER_BYTES_MAX / LINE_BYTES };

static struct {
    struct hf_log_writer *writer;
    int ends[2];
    char text[4 * HF_LOG_WRITER_BYTES_MAX]; /* what was read */
    size_t bytes;
} t;

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    if (pipe2(t.ends, O_CLOEXEC) != 0 || fcntl(t.ends[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
        return -1;
    return hf_log_writer_open(t.ends[1], "lines", "pipe", HF_LOG_LOGFMT, &t.writer);
}

static int end(void **state)
{
    (void)state;
    if (t.writer != NULL && !hf_log_writer_close(t.writer))
        return -1;
    close(t.ends[0]);
    close(t.ends[1]);
    return 0;
}

/* "     17 xxx...": its number is its beginning. */
static void line(unsigned number)
{
    char text[LINE_BYTES + 1];

    memset(text, 'x', LINE_BYTES);
    text[snprintf(text, sizeof(text), "%7u", number)] = ' ';
    text[LINE_BYTES - 1] = '\n';
    hf_log_writer_line(t.writer, text, LINE_BYTES);
}

/* Reads until what was read has the text. */
static void read_until(const char *text)
{
    while (t.bytes == 0 || strstr(t.text, text) == NULL) {
        ssize_t got = read(t.ends[0], t.text + t.bytes, sizeof(t.text) - 1 - t.bytes);

        assert_true(got > 0);
        t.bytes += (size_t)got;
        t.text[t.bytes] = '\0';
    }
}

static void lines_come_whole_and_in_order(void **state)
{
    (void)state;
    line(1);
    line(2);
    hf_log_writer_settle(t.writer);
    read_until("      2 ");
    assert_int_equal(t.bytes, 2 * LINE_BYTES);
    assert_int_equal(strtoul(t.text, NULL, 10), 1);
    assert_int_equal(hf_log_writer_dropped(t.writer), 0);
}

/* Twice what fits, and nobody reads. What was dropped is one gap, which is told in its place. */
static void who_logs_does_not_wait_for_a_reader(void **state)
{
    char said[64];
    unsigned next = 0;

    (void)state;
    for (unsigned i = 0; i < LINES; i++)
        line(i);
    uint64_t dropped = hf_log_writer_dropped(t.writer);
    assert_true(dropped >= LINES / 2 - 3 * PIPE_BUF / LINE_BYTES && dropped <= LINES / 2);
    snprintf(said, sizeof(said), "lines=%llu to=pipe\n", (unsigned long long)dropped);
    read_until(said);
    hf_log_writer_settle(t.writer);
    line(LINES);
    hf_log_writer_settle(t.writer);
    snprintf(said, sizeof(said), "%7u ", (unsigned)LINES);
    read_until(said);

    for (char *at = t.text, *stop; *at != '\0'; at = stop + 1) {
        stop = strchr(at, '\n');
        assert_non_null(stop);
        if (strncmp(at, "time=", 5) == 0) {
            *stop = '\0';
            assert_non_null(strstr(at, "level=warn event=log_lines_dropped"));
            next += (unsigned)dropped;
            continue;
        }
        assert_int_equal(stop - at, LINE_BYTES - 1);
        assert_int_equal(strtoul(at, NULL, 10), next);
        next++;
    }
    assert_int_equal(next, LINES + 1);
    assert_int_equal(hf_log_writer_dropped(t.writer), dropped);
}

/* A reader that went away is as good as one that does not read; the gateway logs on. */
static void lines_for_nobody_are_counted(void **state)
{
    (void)state;
    close(t.ends[0]);
    for (unsigned i = 1; i <= 3; i++) {
        line(i);
        hf_log_writer_settle(t.writer);
        assert_int_equal(hf_log_writer_dropped(t.writer), i);
    }
    t.ends[0] = dup(t.ends[1]); /* something to close */
}

static void a_line_that_broke_off_is_not_glued_to_the_next(void **state)
{
    char path[] = "/tmp/holdfast_log_writer_XXXXXX", text[512];
    int file = mkstemp(path);
    struct rlimit before, small;
    struct hf_log_writer *pipe_writer = t.writer;

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(hf_log_writer_open(file, "lines", "file", HF_LOG_JSON, &t.writer), HF_OK);
    small = before;
    small.rlim_cur = LINE_BYTES + 10; /* a disk that is full within the second line */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    line(1);
    hf_log_writer_settle(t.writer);
    line(2);
    hf_log_writer_settle(t.writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    line(3);
    assert_true(hf_log_writer_close(t.writer));
    t.writer = pipe_writer;

    text[pread(file, text, sizeof(text) - 1, 0)] = '\0';
    close(file);
    assert_int_equal(text[LINE_BYTES + 10], '\n');
    assert_int_equal(strtoul(text + LINE_BYTES + 11, NULL, 10), 3);
    assert_non_null(strstr(text + 2 * LINE_BYTES + 11, "\"lines\":1,\"to\":\"file\"}\n"));
}

/* Nobody reads to the end: the goodbye has an end, too. */
static void the_end_does_not_wait_for_a_reader_for_ever(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINES; i++)
        line(i);
    struct hf_log_writer *stuck = t.writer;
    assert_false(hf_log_writer_close(stuck));
    t.writer = NULL;
    read_until("log_lines_dropped"); /* what was left behind ends by itself when somebody reads */
}

/* ---- the end of the process ---- */

enum { LAST_LINES = 1000 };

static void last_words(void)
{
    hf_log_writer_last_words(t.writer);
}

static void assertion_fails(int fd)
{
    (void)fd;
    HF_ASSERT(t.writer == NULL);
}

static void touches(void *nothing)
{
    (void)fputs("falls\n", stderr);
    *(volatile char *)nothing = 1;
}

static void a_thread_faults(int fd)
{
    void *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct hf_thread thread;

    (void)fd;
    if (hf_thread_start(&thread, "faults", HF_THREAD_ANY_CPU, touches, nothing) == HF_OK)
        hf_thread_join(&thread);
}

/* The id of the writer's thread when it sleeps, else 0. */
static long sleeper(void)
{
    char path[64], stat[64];
    struct dirent *task;
    DIR *tasks = opendir("/proc/self/task");
    long id = 0;

    while ((task = readdir(tasks)) != NULL) {
        (void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", task->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = file >= 0 ? read(file, stat, sizeof(stat) - 1) : 0;
        stat[HF_MAX(got, 0)] = '\0';
        if (strstr(stat, "(last-lines) S") != NULL)
            id = strtol(task->d_name, NULL, 10);
        (void)close(file);
    }
    (void)closedir(tasks);
    return id;
}

/* It has written as much as the pipe takes, and sleeps in write() with more. */
static void writer_gets_signal(int fd)
{
    int written = 0;
    long id;

    while (written == 0)
        (void)ioctl(fd, FIONREAD, &written);
    while ((id = sleeper()) == 0)
        ;
    (void)syscall(SYS_tgkill, getpid(), id, SIGABRT);
    (void)fputs("sent\n", stderr);
    (void)pause();
}

/* A process that logs and then ends by a signal, and says so on standard error. Nobody reads its lines before. */
static void dies(void (*how)(int fd), int by)
{
    int lines[2], errors[2], status = 0;
    char said[512];

    assert_int_equal(pipe(lines), 0);
    assert_int_equal(pipe(errors), 0);
    assert_true(fcntl(lines[1], F_SETPIPE_SZ, PIPE_BYTES) >= 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60); /* who ends by nothing else */
        (void)dup2(errors[1], STDERR_FILENO);
        for (size_t i = 0; i < HF_COUNT_OF(hf_fatal_signals); i++)
            (void)signal(hf_fatal_signals[i], SIG_DFL); /* cmocka and sanitizers have their own */
        if (hf_log_writer_open(lines[1], "last-lines", "pipe", HF_LOG_LOGFMT, &t.writer) != HF_OK)
            _exit(1);
        hf_fatal_last_words(last_words);
        for (unsigned i = 0; i < LAST_LINES; i++)
            line(i);
        how(lines[1]);
        _exit(0);
    }
    close(lines[1]);
    close(errors[1]);
    assert_true(read(errors[0], said, sizeof(said)) > 0);
    for (ssize_t got = 1; got > 0; t.bytes += (size_t)HF_MAX(got, 0))
        got = read(lines[0], t.text + t.bytes, sizeof(t.text) - t.bytes);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == by);
    close(lines[0]);
    close(errors[0]);
    unsigned next = 0; /* those that the writer had in its hands may come twice */
    for (size_t at = 0; at < t.bytes; at += LINE_BYTES) {
        unsigned long number = strtoul(t.text + at, NULL, 10);

        assert_true(number <= next && number + PIPE_BUF / LINE_BYTES >= next);
        next = HF_MAX(next, (unsigned)number + 1);
    }
    assert_int_equal(next, LAST_LINES);
}

static void what_waits_is_written_before_an_assertion_ends_the_process(void **state)
{
    (void)state;
    dies(assertion_fails, SIGABRT);
}

static void and_before_a_fault_of_any_thread_does(void **state)
{
    (void)state;
    dies(a_thread_faults, SIGSEGV);
}

static void and_when_it_is_the_writer_that_ends_it(void **state)
{
    (void)state;
    dies(writer_gets_signal, SIGABRT);
}

static void the_last_words_do_not_wait_for_a_reader_for_ever(void **state)
{
    char said[16];

    (void)state;
    for (unsigned i = 0; i < LAST_LINES; i++)
        line(i);
    hf_log_writer_last_words(t.writer);
    line(LAST_LINES);
    (void)snprintf(said, sizeof(said), "%7u ", (unsigned)LAST_LINES); /* the thread goes on as before */
    read_until(said);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        ROW(lines_come_whole_and_in_order),
        ROW(who_logs_does_not_wait_for_a_reader),
        ROW(lines_for_nobody_are_counted),
        ROW(a_line_that_broke_off_is_not_glued_to_the_next),
        ROW(the_end_does_not_wait_for_a_reader_for_ever),
        ROW(what_waits_is_written_before_an_assertion_ends_the_process),
        ROW(and_before_a_fault_of_any_thread_does),
        ROW(and_when_it_is_the_writer_that_ends_it),
        ROW(the_last_words_do_not_wait_for_a_reader_for_ever),
    };
#undef ROW

    hf_signals_block(); /* no SIGPIPE */
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
