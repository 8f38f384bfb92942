/* agent/source_test.c - sources on a clock of the test's: what they put into a ring, when they want to come again, what they count. */
#include "agent/source.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/capture.h"
#include "agent/lines.h"

enum { MS = 1000000 };

static struct world {
    char folder[64], path[128], said[4096];
    struct hf_ring *ring;
    struct hf_source *source;
    char error[HF_SOURCE_TEXT_BYTES];
    struct rlimit descriptors;
} w;

static void complain(void *context, const char *text)
{
    (void)context;
    (void)snprintf(w.said + strlen(w.said), sizeof(w.said) - strlen(w.said), "%s\n", text);
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    (void)snprintf(w.folder, sizeof(w.folder), "/tmp/source_test.XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &w.descriptors), 0);
    w.ring = aligned_alloc(HF_RING_LINE_BYTES, sizeof(*w.ring));
    hf_ring_init(w.ring);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    (void)setrlimit(RLIMIT_NOFILE, &w.descriptors);
    hf_source_free(w.source);
    free(w.ring);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", w.folder);
    return system(command);
}

static void use(struct hf_source *source)
{
    if (source == NULL)
        fail_msg("%s", w.error);
    w.source = source;
    source->complain = complain;
}

static const char *in_folder(const char *name)
{
    (void)snprintf(w.path, sizeof(w.path), "%s/%s", w.folder, name);
    return w.path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static uint64_t turn(uint64_t now_ns)
{
    return w.source->ops->turn(w.source, now_ns);
}

/* "time:cadence,power,lean ..." of what is in the ring; times in microseconds. */
static const char *taken(void)
{
    static char text[4096];
    struct hf_sample sample;
    uint32_t lost;

    text[0] = '\0';
    while (hf_ring_take(w.ring, &sample, 1, &lost) == 1)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llu:%u,%d,%d ",
                       (unsigned long long)sample.ts_ns / 1000, sample.cadence_half_rpm, sample.power_w,
                       sample.lean_q8_deg);
    return text;
}

static uint64_t bad(enum hf_row_result result)
{
    return w.source->counters.bad[result];
}

static void lines_are_cut_wherever_the_stream_was(void **state)
{
    static char in[3 * HF_ROW_LINE_BYTES_MAX];
    size_t bytes = 0;

    (void)state;
    bytes += (size_t)sprintf(in, "ab\n\ncd\r\n");
    memset(in + bytes, 'x', HF_ROW_LINE_BYTES_MAX + 1);
    bytes += HF_ROW_LINE_BYTES_MAX + 1;
    bytes += (size_t)sprintf(in + bytes, "\nok\n");
    memset(in + bytes, 'y', HF_ROW_LINE_BYTES_MAX);
    bytes += HF_ROW_LINE_BYTES_MAX;
    bytes += (size_t)sprintf(in + bytes, "\nrest");
    for (size_t cut = 1; cut <= bytes; cut = cut < 40 ? cut + 1 : cut * 2) {
        struct hf_lines lines = {0};
        struct hf_slice line;
        char told[200] = "";

        for (size_t at = 0; at < bytes; at += cut) {
            struct hf_slice part = {in + at, bytes - at < cut ? bytes - at : cut};
            enum hf_lines_result result;

            while ((result = hf_lines_next(&lines, &part, &line)) != HF_LINES_MORE)
                sprintf(told + strlen(told), result == HF_LINES_LONG ? "long." : "%zu%.1s.", line.bytes,
                        line.bytes > 0 ? line.at : "");
        }
        assert_true(hf_lines_rest(&lines, &line));
        assert_true(hf_slice_is(line, "rest"));
        assert_string_equal(told, "2a.0.3c.long.2o.1024y.");
        assert_false(hf_lines_rest(&lines, &line));
    }
}

static void recordings_keep_their_distances(void **state)
{
    (void)state;
    put("r.csv", "\xef\xbb\xbf# made by hand\ntime_s,power_w\n5,1\n5.010,2\n5.010,3\n4,9\n5.100,4");
    use(hf_source_replay(w.ring, w.path, 2, 100, w.error));
    assert_int_equal(turn(1000 * MS), 1005 * MS); /* twice as fast */
    assert_string_equal(taken(), "1000000:65535,1,-32768 ");
    assert_int_equal(turn(1004 * MS), 1005 * MS);
    assert_int_equal(turn(1007 * MS), 1050 * MS);
    assert_string_equal(taken(),
                        "1005000:65535,2,-32768 1005000:65535,3,-32768 "); /* late, with their times */
    assert_int_equal(turn(1050 * MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "1050000:65535,4,-32768 ");
    assert_true(w.source->ended);
    assert_int_equal(bad(HF_ROW_TIME), 1);
    assert_string_equal(w.said, "line 6: its time is missing, goes back, or is to come\n");
}

static void recordings_without_times_have_a_rate(void **state)
{
    (void)state;
    put("r.jsonl", "{\"power_w\":1}\n\n{\"power_w\":2}\n{\"power_w\":\"3\"}\n");
    use(hf_source_replay(w.ring, w.path, 1, 10, w.error));
    assert_int_equal(turn(0), 100 * MS);
    assert_int_equal(turn(100 * MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "0:65535,1,-32768 100000:65535,2,-32768 ");
    assert_true(w.source->ended && bad(HF_ROW_NUMBER) == 1);
    hf_source_free(w.source);
    w.source = NULL;
    assert_null(hf_source_replay(w.ring, in_folder("none"), 1, 10, w.error));
    assert_non_null(strstr(w.error, "No such file"));
}

/* Behind the last time that there is, none can follow. */
static void recordings_end_at_the_end_of_time(void **state)
{
    (void)state;
    put("r.jsonl", "{\"power_w\":1,\"ts_ns\":9223372036854775807}\n{\"power_w\":2}\n"
                   "{\"power_w\":3,\"ts_ns\":9223372036854775807}\n");
    use(hf_source_replay(w.ring, w.path, 1, 10, w.error));
    assert_int_equal(turn(5 * MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "5000:65535,1,-32768 5000:65535,3,-32768 ");
    assert_true(w.source->ended && bad(HF_ROW_TIME) == 1);
}

static void recordings_wait_for_room(void **state)
{
    enum { ROWS = HF_RING_SAMPLES + 100 };
    char *text = malloc(ROWS * 8 + 1);
    struct hf_sample samples[HF_RING_SAMPLES];
    uint32_t lost;

    (void)state;
    for (unsigned i = 0, at = 0; i < ROWS; i++)
        at += (unsigned)sprintf(text + at, "1,2,3\n");
    put("r.csv", text);
    free(text);
    use(hf_source_replay(w.ring, w.path, 1e6, 100, w.error));
    (void)turn(1);
    assert_true(turn(1000 * MS) > 1000 * MS);
    assert_int_equal(hf_ring_waiting(w.ring), HF_RING_SAMPLES);
    assert_int_equal(hf_ring_take(w.ring, samples, HF_RING_SAMPLES, &lost), HF_RING_SAMPLES);
    assert_int_equal(turn(1010 * MS), HF_SOURCE_NEVER);
    assert_int_equal(hf_ring_waiting(w.ring), 100);
    assert_int_equal(hf_ring_lost(w.ring), 0);
    assert_non_null(strstr(w.said, "no head"));
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", w.folder);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void drivers_are_heard_and_bounded(void **state)
{
    struct pollfd fds[HF_SOURCE_FDS_MAX];
    struct stat stat_;
    int all[HF_SOURCE_DRIVERS_MAX + 1];
    char byte;

    (void)state;
    use(hf_source_socket(w.ring, in_folder("s"), w.error));
    assert_int_equal(stat(w.path, &stat_), 0);
    assert_int_equal(stat_.st_mode & 0777, 0600);
    for (int i = 0; i <= HF_SOURCE_DRIVERS_MAX; i++) {
        all[i] = dial();
        assert_int_equal(turn(10 * MS), HF_SOURCE_NEVER);
    }
    assert_int_equal(w.source->counters.drivers_refused, 1);
    assert_int_equal(read(all[HF_SOURCE_DRIVERS_MAX], &byte, 1), 0); /* hung up */
    assert_int_equal(w.source->ops->fds(w.source, fds), 1 + HF_SOURCE_DRIVERS_MAX);
    say(all[0], "1,2,3\n1,2");
    say(all[1], "\xef\xbb\xbflean_deg,power_w\n1,2\n,,\n");
    (void)turn(20 * MS);
    assert_string_equal(taken(), "20000:2,2,768 20000:65535,2,256 ");
    assert_int_equal(bad(HF_ROW_COLUMNS), 1);
    say(all[0], ",4,15000000\n");                                      /* a time in front of what is there */
    say(all[2], "1,2,3,25000000\n4,5,6,130000000\n1,2,3,130000001\n"); /* one that has not come yet */
    (void)turn(30 * MS);
    assert_string_equal(taken(), "25000:2,2,768 130000:8,5,1536 ");
    assert_int_equal(bad(HF_ROW_TIME), 2);
    say(all[3], "7,8,9"); /* the last words have no line break */
    assert_int_equal(close(all[3]), 0);
    (void)turn(135 * MS);
    assert_string_equal(taken(), "135000:14,8,2304 ");
    assert_int_equal(w.source->ops->fds(w.source, fds), HF_SOURCE_DRIVERS_MAX);
    assert_false(w.source->ended);
    for (int i = 0; i <= HF_SOURCE_DRIVERS_MAX; i++)
        if (i != 3)
            (void)close(all[i]);
    assert_null(hf_source_socket(w.ring, w.path, w.error)); /* somebody listens */
    hf_source_free(w.source);
    w.source = NULL;
    assert_int_equal(access(w.path, F_OK), -1);
}

static void without_descriptors_drivers_wait_and_nothing_spins(void **state)
{
    struct pollfd fds[HF_SOURCE_FDS_MAX];
    struct rlimit low = w.descriptors;
    int driver, next;

    (void)state;
    use(hf_source_socket(w.ring, in_folder("s"), w.error));
    driver = dial();
    say(driver, "1,2,3\n");
    next = fcntl(driver, F_DUPFD_CLOEXEC, 0); /* the lowest that is free */
    assert_int_equal(close(next), 0);
    low.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    uint64_t again_ns = turn(10 * MS);
    assert_int_equal(again_ns, 1010 * MS);
    assert_int_equal(w.source->ops->fds(w.source, fds), 0); /* it can be read, and would wake us at once */
    assert_int_equal(turn(again_ns - 1), again_ns);
    assert_int_equal(w.source->counters.drivers_put_off, 1);
    assert_int_equal(turn(again_ns), again_ns + 1000 * MS);
    assert_int_equal(w.source->counters.drivers_put_off, 2);
    assert_non_null(strstr(w.said, "a driver waits: Too many open files"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &w.descriptors), 0);
    assert_int_equal(turn(again_ns + 1000 * MS), HF_SOURCE_NEVER);
    assert_int_equal(w.source->ops->fds(w.source, fds), 2);
    assert_string_equal(taken(), "2010000:2,2,768 ");
    assert_int_equal(w.source->counters.drivers_put_off, 2);
    assert_int_equal(close(driver), 0);
}

/* What stands behind stdin belongs to the shell, too, and often is its stdout: it must not become one that does not block. */
static void a_given_descriptor_stays_as_it_is(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    use(hf_source_fd(w.ring, fcntl(ends[0], F_DUPFD_CLOEXEC, 0), w.error));
    assert_int_equal(turn(10 * MS), HF_SOURCE_NEVER); /* nothing there, and no waiting for it */
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    say(ends[1], "1,2,3\n4,5,6");
    assert_int_equal(turn(20 * MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "20000:2,2,768 ");
    assert_int_equal(close(ends[1]), 0);
    assert_false(w.source->ended);
    assert_int_equal(turn(30 * MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "30000:8,5,1536 ");
    assert_true(w.source->ended);
    assert_int_equal(close(ends[0]), 0);
}

static void what_a_killed_process_left_is_taken_over(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", w.folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(close(fd), 0);
    use(hf_source_socket(w.ring, in_folder("s"), w.error));
    hf_source_free(w.source);
    put("file", "");
    assert_null(hf_source_socket(w.ring, in_folder("file"), w.error)); /* no socket: not ours to remove */
    assert_int_equal(access(w.path, F_OK), 0);
    assert_null(hf_source_fifo(w.ring, w.path, w.error));
    use(hf_source_fifo(w.ring, in_folder("fifo"), w.error));
    fd = open(w.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    say(fd, "1,2,3\n");
    assert_int_equal(close(fd), 0);
    assert_int_equal(turn(MS), HF_SOURCE_NEVER);
    assert_string_equal(taken(), "1000:2,2,768 ");
    assert_false(w.source->ended); /* the next driver may come */
}

static void a_recording_that_cannot_be_read_on_broke(void **state)
{
    (void)state;
    use(hf_source_replay(w.ring, w.folder, 1, 100, w.error)); /* a folder can be opened */
    assert_int_equal(turn(MS), HF_SOURCE_NEVER);
    assert_true(w.source->ended && w.source->broke);
    assert_non_null(strstr(w.said, "cannot read on: Is a directory"));
}

static void complaints_are_bounded(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    use(hf_source_fd(w.ring, fds[0], w.error));
    for (int i = 0; i < 100; i++)
        say(fds[1], "x\n");
    (void)turn(MS);
    assert_int_equal(bad(HF_ROW_NUMBER), 100);
    assert_non_null(strstr(w.said, "line 20: "));
    assert_null(strstr(w.said, "line 21: "));
    assert_non_null(strstr(w.said, "counted, not told"));
    assert_int_equal(close(fds[1]), 0);
    (void)turn(MS);
    assert_true(w.source->ended);
}

static void bicycles_do_not_make_up_for_hours(void **state)
{
    (void)state;
    use(hf_source_bicycles(&w.ring, 1, 1, 100, w.error));
    assert_int_equal(turn(1000 * MS), 1010 * MS);
    assert_int_equal(turn(1035 * MS), 1040 * MS);
    assert_int_equal(hf_ring_waiting(w.ring), 4); /* what a late turn missed is made, with its times */
    (void)turn(3600 * UINT64_C(1000) * MS);
    assert_int_equal(hf_ring_waiting(w.ring), 5);
    assert_int_equal(w.source->counters.skipped, 3600 * 100 - 104);
}

static void sensors_are_read_in_their_units(void **state)
{
    (void)state;
    assert_null(hf_source_iio(w.ring, w.folder, 100, w.error));
    assert_int_equal(mkdir(in_folder("iio:device3"), 0700), 0);
    assert_int_equal(mkdir(in_folder("iio:device20"), 0700), 0);
    put("iio:device3/in_accel_y_raw", "100");
    put("iio:device3/in_accel_z_raw", "100");
    put("iio:device3/in_accel_scale", "0.001");
    put("iio:device20/in_anglvel_x_raw", "-314");
    put("iio:device20/in_anglvel_x_scale", "0.01");
    put("iio:device20/in_power0_raw", "7777777");
    use(hf_source_iio(w.ring, w.folder, 100, w.error));
    assert_int_equal(turn(1000 * MS), 1010 * MS);
    /* 45 degrees; 3.14 rad/s backwards are 30 turns; 7,777 W are none that fits */
    assert_string_equal(taken(), "1000000:60,-32768,11520 ");
    assert_int_equal(bad(HF_ROW_RANGE), 1);
    put("iio:device20/in_power0_raw", "250000");
    put("iio:device3/in_accel_z_raw", "nonsense");
    assert_int_equal(turn(1045 * MS),
                     1050 * MS); /* 3 turns were missed: a sensor cannot be asked for what was */
    assert_string_equal(taken(), "1045000:60,250,-32768 ");
    assert_int_equal(w.source->counters.skipped, 3);
    assert_int_equal(w.source->counters.unread, 1);
    assert_int_equal(turn(3600 * UINT64_C(1000) * MS + 5 * MS), 3600 * UINT64_C(1000) * MS + 10 * MS);
    assert_int_equal(w.source->counters.skipped,
                     3 + 3600 * 100 - 105); /* an hour that the process stood still, too */
}

static void a_thread_captures_until_the_end(void **state)
{
    struct hf_capture capture = {0};
    struct pollfd none;

    (void)state;
    put("r.csv", "power_w\n1\n2\n3\n");
    use(hf_source_replay(w.ring, w.path, 1, 1000, w.error));
    assert_int_equal(hf_capture_start(&capture, w.source), HF_OK);
    while (!hf_capture_ended(&capture))
        (void)poll(&none, 0, 1);
    hf_capture_stop(&capture);
    assert_int_equal(hf_ring_waiting(w.ring), 3);
    hf_source_free(w.source);
    use(hf_source_socket(w.ring, in_folder("s"), w.error));
    assert_int_equal(hf_capture_start(&capture, w.source), HF_OK);
    int fd = dial();
    say(fd, "1,2,3\n");
    while (hf_ring_waiting(w.ring) < 4)
        (void)poll(&none, 0, 1);
    assert_false(hf_capture_ended(&capture));
    hf_capture_stop(&capture); /* wakes it */
    (void)close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_wherever_the_stream_was),
        TEST(recordings_keep_their_distances),
        TEST(recordings_without_times_have_a_rate),
        TEST(recordings_end_at_the_end_of_time),
        TEST(recordings_wait_for_room),
        TEST(drivers_are_heard_and_bounded),
        TEST(without_descriptors_drivers_wait_and_nothing_spins),
        TEST(a_given_descriptor_stays_as_it_is),
        TEST(what_a_killed_process_left_is_taken_over),
        TEST(a_recording_that_cannot_be_read_on_broke),
        TEST(complaints_are_bounded),
        TEST(bicycles_do_not_make_up_for_hours),
        TEST(sensors_are_read_in_their_units),
        TEST(a_thread_captures_until_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
