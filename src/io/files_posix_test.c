#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "io/files_posix.h"

static char dir[64], path[128], other[128];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hf_files.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a", dir);
    snprintf(other, sizeof(other), "%s/b", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other);
    return rmdir(dir);
}

static void writes_many_parts_and_reads_them_back(void **state)
{
    enum { PARTS = 1000, PART_BYTES = 37 };
    const struct hf_files *files = hf_files_posix();
    static char data[PARTS * PART_BYTES], got[PARTS * PART_BYTES + 10];
    struct iovec parts[PARTS];
    uint64_t bytes;
    size_t got_bytes;
    int file;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 31 >> 3);
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){data + i * PART_BYTES, PART_BYTES};
    parts[5].iov_len = 0; /* an empty one does no harm */
    parts[6] = (struct iovec){data + 5 * PART_BYTES, 2 * PART_BYTES};
    assert_int_equal(files->open(NULL, path, HF_FILE_WRITE | HF_FILE_CREATE | HF_FILE_EXCLUSIVE, &file),
                     HF_OK);
    assert_int_equal(files->pwritev(NULL, file, parts, PARTS, 3), HF_OK);
    assert_int_equal(files->fdatasync(NULL, file), HF_OK);
    assert_int_equal(files->size(NULL, file, &bytes), HF_OK);
    assert_int_equal(bytes, 3 + sizeof(data));
    assert_int_equal(files->pread(NULL, file, got, sizeof(got), 3, &got_bytes), HF_OK);
    assert_int_equal(got_bytes, sizeof(data));
    assert_memory_equal(got, data, sizeof(data));
    assert_int_equal(files->pread(NULL, file, got, 1, 1 << 20, &got_bytes), HF_OK);
    assert_int_equal(got_bytes, 0);
    assert_int_equal(files->ftruncate(NULL, file, 10), HF_OK);
    hf_err err = files->fallocate(NULL, file, 0, 8192);

    assert_true(err == HF_OK || err == HF_ERR_UNSUPPORTED);
    if (err == HF_OK) {
        assert_int_equal(files->pread(NULL, file, got, 20, 5, &got_bytes), HF_OK);
        assert_int_equal(got_bytes, 20);
        for (int i = 5; i < 20; i++)
            assert_int_equal(got[i], 0);
    }
    files->close(NULL, file);
}

static void says_what_is_wrong(void **state)
{
    const struct hf_files *files = hf_files_posix();
    struct hf_file_space space;
    char missing[160];
    size_t got_bytes;
    uint64_t bytes;
    int file, second;
    struct iovec part = {path, 1};

    (void)state;
    snprintf(missing, sizeof(missing), "%s/no/such", dir);
    assert_int_equal(files->open(NULL, path, HF_FILE_READ, &file), HF_ERR_NOT_FOUND);
    assert_int_equal(files->open(NULL, path, HF_FILE_WRITE | HF_FILE_CREATE | HF_FILE_LOCK, &file), HF_OK);
    assert_int_equal(files->open(NULL, path, HF_FILE_WRITE | HF_FILE_LOCK, &second), HF_ERR_BUSY);
    assert_int_equal(files->open(NULL, path, HF_FILE_WRITE | HF_FILE_CREATE | HF_FILE_EXCLUSIVE, &second),
                     HF_ERR_EXISTS);
    files->close(NULL, file);
    assert_int_equal(files->open(NULL, path, HF_FILE_READ | HF_FILE_LOCK, &file),
                     HF_OK); /* the lock went with it */
    assert_int_equal(files->pwritev(NULL, file, &part, 1, 0), HF_ERR_IO);
    assert_int_not_equal(files->ftruncate(NULL, file, 1), HF_OK);
    assert_int_not_equal(files->fallocate(NULL, file, 0, 1), HF_OK);
    files->close(NULL, file);
    assert_int_equal(files->pread(NULL, -1, missing, 1, 0, &got_bytes), HF_ERR_IO);
    assert_int_equal(files->size(NULL, -1, &bytes), HF_ERR_IO);
    assert_int_equal(files->fdatasync(NULL, -1), HF_ERR_IO);
    assert_int_equal(files->unlink(NULL, missing), HF_ERR_NOT_FOUND);
    assert_int_equal(files->rename(NULL, missing, path), HF_ERR_NOT_FOUND);
    assert_int_equal(files->mkdir(NULL, missing), HF_ERR_NOT_FOUND);
    assert_int_equal(files->mkdir(NULL, dir), HF_OK);
    assert_int_equal(files->list(NULL, missing, NULL, NULL), HF_ERR_NOT_FOUND);
    assert_int_equal(files->sync_dir(NULL, missing), HF_ERR_NOT_FOUND);
    assert_int_equal(files->statvfs(NULL, missing, &space), HF_ERR_NOT_FOUND);
    assert_int_equal(files->statvfs(NULL, dir, &space), HF_OK);
    assert_true(space.free_bytes <= space.total_bytes);
}

static bool count_name(void *context, const char *name)
{
    int *count = context;

    assert_true(strcmp(name, "a") == 0 || strcmp(name, "b") == 0);
    return ++*count < 2;
}

static void names_are_listed_moved_and_removed(void **state)
{
    const struct hf_files *files = hf_files_posix();
    int file, count = 0;

    (void)state;
    assert_int_equal(files->open(NULL, path, HF_FILE_WRITE | HF_FILE_CREATE, &file), HF_OK);
    files->close(NULL, file);
    assert_int_equal(files->open(NULL, other, HF_FILE_WRITE | HF_FILE_CREATE, &file), HF_OK);
    files->close(NULL, file);
    assert_int_equal(files->list(NULL, dir, count_name, &count), HF_OK);
    assert_int_equal(count, 2);
    assert_int_equal(files->rename(NULL, path, other), HF_OK);
    assert_int_equal(files->sync_dir(NULL, dir), HF_OK);
    assert_int_equal(files->unlink(NULL, path), HF_ERR_NOT_FOUND);
    assert_int_equal(files->unlink(NULL, other), HF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_many_parts_and_reads_them_back, setup, teardown),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_listed_moved_and_removed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
