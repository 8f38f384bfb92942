/* The files of a queue on a real disk. The log (FILE-wal) gets its length in steps ahead of the commits (store_sqlite.c, lengthen_log), and its tail is nothing to anybody. */
#include <sys/stat.h>

#include "client/store/store_testkit.h"
#include "client/store/store_vfs_testkit.h"

enum { LOG_BYTES = 4 << 20, STEP_BYTES = 512 << 10, LARGE_BYTES = 16000, COMMITS = 140, SEEN = 8 };

static uint64_t log_bytes(const struct body *body)
{
    struct stat is;
    char path[80];

    (void)snprintf(path, sizeof(path), "%s-wal", body->path);
    return stat(path, &is) == 0 ? (uint64_t)is.st_size : 0;
}

/* One that leaves as it came: the file itself does not grow. */
static void through(struct body *body, const char *payload)
{
    (void)put(body->store, HF_STORE_MESSAGE, payload, false);
    give_all(body->store);
    commit(body);
    assert_int_equal(body->store->ops->ack(body->store, facts_of(body->store).next - 1, NULL, NULL), HF_OK);
}

static void it_gets_longer_in_steps_and_stays(void **state)
{
    char large[LARGE_BYTES + 1];
    uint64_t before, now;
    unsigned steps = 0;
    struct body body;

    (void)state;
    memset(large, 'x', LARGE_BYTES);
    large[LARGE_BYTES] = '\0';
    body_init(&body, true, 0);
    before = log_bytes(&body);
    assert_true(before > 0 && before < STEP_BYTES);
    for (unsigned n = 0; n < COMMITS; n++, before = now) { /* 1,000 pages and more: the log begins anew */
        through(&body, large);
        now = log_bytes(&body);
        steps += now > before;
        assert_true(now >= before && (n > 0 || now > STEP_BYTES));
    }
    assert_int_equal(now, LOG_BYTES);
    assert_in_range(steps, 2,
                    2 * LOG_BYTES /
                        STEP_BYTES); /* a commit that passes the end, and the step of the next one */
    body_deinit(&body);
}

static void copy(const char *from_path, const char *to_path, uint64_t bytes_max)
{
    FILE *from = fopen(from_path, "rb"), *to = fopen(to_path, "wb");
    int c;

    assert_true(from != NULL && to != NULL);
    for (; bytes_max > 0 && (c = fgetc(from)) != EOF; bytes_max--)
        assert_int_not_equal(fputc(c, to), EOF);
    assert_int_equal(fclose(from), 0);
    assert_int_equal(fclose(to), 0);
}

/* What kill -9 leaves behind, with a tail that reached the disk in part, or was never there. */
static void a_tail_of_any_length_is_nothing(void **state)
{
    static const uint64_t cut_bytes[] = {0, 1, 31, 4096, 4119, 4120, 100000, 300000};
    struct body body, other;
    char *before, *after, path[80], to[80];
    uint64_t all;

    (void)state;
    body_init(&body, true, 0);
    for (unsigned n = 0; n < 3; n++) {
        (void)put(body.store, HF_STORE_MESSAGE, "kept", false);
        give_all(body.store);
        commit(&body);
    }
    all = log_bytes(&body);
    assert_true(all > STEP_BYTES);
    before = dump(body.store, SEEN);
    (void)snprintf(path, sizeof(path), "%s-wal", body.path);
    for (size_t i = 0; i < HF_COUNT_OF(cut_bytes); i++) {
        body_init(&other, true, 0);
        other.store->ops->close(other.store);
        (void)snprintf(to, sizeof(to), "%s-wal", other.path);
        copy(body.path, other.path, UINT64_MAX);
        copy(path, to, all - cut_bytes[i]);
        body_open(&other);
        after = dump(other.store, SEEN);
        assert_string_equal(before, after);
        through(&other, "more"); /* and it can be used */
        free(after);
        body_deinit(&other);
    }
    free(before);
    body_deinit(&body);
}

static void nobody_else_may_read_them(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    mode_t mask = umask(0);
    struct body body;
    struct stat is;
    char path[80];

    (void)state;
    body_init(&body, true, 0);
    (void)umask(mask);
    for (size_t i = 0; i < HF_COUNT_OF(ends); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", body.path, ends[i]);
        assert_int_equal(stat(path, &is), 0);
        assert_int_equal(is.st_mode & 0777, 0600);
    }
    assert_int_equal(chmod(body.path, 0640), 0); /* who wants it otherwise has it so */
    body_reopen(&body);
    assert_int_equal(stat(body.path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0640);
    body_deinit(&body);
}

/* Who does not sync has nothing of it. */
static void crash_safe_is_left_alone(void **state)
{
    struct body body;
    char error[256];

    (void)state;
    body_init(&body, true, 0);
    body.store->ops->close(body.store);
    const struct hf_store_sqlite_options options = {
        .path = body.path, .queue_id = QUEUE_ID, .crash_safe = true};

    assert_int_equal(hf_store_sqlite_open(&options, &body.store, error, sizeof(error)), HF_OK);
    through(&body, "one");
    assert_in_range(log_bytes(&body), 1, STEP_BYTES - 1);
    body_deinit(&body);
}

/* The step fails, the commit behind it does not: what was told durable is there after the power was cut. */
static void a_step_that_fails_costs_nothing_else(void **state)
{
    const struct hf_store_sqlite_options options = {
        .path = "/q.db", .queue_id = QUEUE_ID, .vfs = "files_mem"};
    static const hf_err errors[] = {HF_ERR_FULL, HF_ERR_IO};
    char error[256];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(errors); i++) {
        struct body body = {.sqlite = true};

        vfs_disk = files_mem_new(i + 1);
        assert_int_equal(hf_store_sqlite_open(&options, &body.store, error, sizeof(error)), HF_OK);
        (void)put(body.store, HF_STORE_MESSAGE, "kept", false);
        files_mem_fail(vfs_disk, FILES_MEM_PWRITEV, 1, 1, errors[i]); /* the first write of a commit */
        commit(&body);
        files_mem_power_off_in(vfs_disk, 1);
        body.store->ops->close(body.store);
        files_mem_power_cut(vfs_disk);
        assert_int_equal(hf_store_sqlite_open(&options, &body.store, error, sizeof(error)), HF_OK);
        assert_int_equal(facts_of(body.store).messages, 1);
        body.store->ops->close(body.store);
        files_mem_free(vfs_disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gets_longer_in_steps_and_stays),
        cmocka_unit_test(a_tail_of_any_length_is_nothing),
        cmocka_unit_test(nobody_else_may_read_them),
        cmocka_unit_test(crash_safe_is_left_alone),
        cmocka_unit_test(a_step_that_fails_costs_nothing_else),
    };

    vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
