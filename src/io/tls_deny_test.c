/* io/tls_deny_test.c - the deny-list and its file. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "io/tls_deny.h"

static char error[512];

static struct hf_tls_deny_key key_of(unsigned number)
{
    uint8_t fingerprint[HF_TLS_SHA256_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8)};

    return hf_tls_deny_key_certificate(fingerprint);
}

static void entries_come_and_go(void **state)
{
    struct hf_tls_deny *deny = hf_tls_deny_new();
    struct hf_tls_deny_key keys[200];
    uint64_t generation = hf_tls_deny_generation(deny);

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(keys); i++)
        keys[i] = key_of(i);
    assert_false(hf_tls_deny_check(deny, keys, HF_COUNT_OF(keys)));
    assert_false(hf_tls_deny_check(NULL, keys, 1));
    assert_int_equal(hf_tls_deny_add(deny, keys, 100), HF_OK);
    assert_int_equal(hf_tls_deny_add(deny, keys + 50, 60), HF_OK); /* half of them are there already */
    assert_int_equal(hf_tls_deny_count(deny), 110);
    assert_int_equal(hf_tls_deny_generation(deny), generation + 2);
    for (unsigned i = 0; i < HF_COUNT_OF(keys); i++)
        assert_int_equal(hf_tls_deny_check(deny, &keys[i], 1), i < 110);
    assert_true(hf_tls_deny_check(deny, keys + 109, 3)); /* any of several */
    assert_int_equal(hf_tls_deny_remove(deny, &keys[7]), HF_OK);
    assert_int_equal(hf_tls_deny_remove(deny, &keys[7]), HF_ERR_NOT_FOUND);
    assert_false(hf_tls_deny_check(deny, &keys[7], 1));
    assert_true(hf_tls_deny_check(deny, &keys[8], 1));
    assert_int_equal(hf_tls_deny_replace(deny, keys + 150, 2), HF_OK);
    assert_int_equal(hf_tls_deny_count(deny), 2);
    assert_false(hf_tls_deny_check(deny, &keys[8], 1));
    assert_int_equal(hf_tls_deny_add(deny, keys, (size_t)HF_TLS_DENY_ENTRIES_MAX - 1), HF_ERR_LIMIT);
    assert_int_equal(hf_tls_deny_replace(deny, keys, (size_t)HF_TLS_DENY_ENTRIES_MAX + 1), HF_ERR_LIMIT);
    assert_int_equal(hf_tls_deny_count(deny), 2);
    hf_tls_deny_free(deny);
    hf_tls_deny_free(NULL);
}

static void keys_cannot_be_taken_for_each_other(void **state)
{
    uint8_t issuer[HF_TLS_SHA256_BYTES] = {1}, padded[] = {0, 0, 5}, plain[] = {5}, other[] = {5, 0};
    struct hf_tls_deny_key a = hf_tls_deny_key_serial(issuer, padded, sizeof(padded));
    struct hf_tls_deny_key b = hf_tls_deny_key_serial(issuer, plain, sizeof(plain));
    struct hf_tls_deny_key c = hf_tls_deny_key_serial(issuer, other, sizeof(other));
    struct hf_tls_deny_key d = hf_tls_deny_key_serial(issuer, NULL, 0),
                           e = hf_tls_deny_key_certificate(issuer);

    (void)state;
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(&a, &c, sizeof(a));
    assert_memory_not_equal(&d, &e, sizeof(d));
}

static void write_file(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void a_file_is_taken_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        const char *says; /* NULL = good */
        size_t count;
    } rows[] = {
        {"", NULL, 0},
        {"# nothing\n\n   \n", NULL, 0},
        {"sha256 " HEX32 "\n", NULL, 1},
        {"sha256 " HEX32, NULL, 1}, /* no newline at the end */
        {"sha256 "
         "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F # "
         "the "
         "same\n\tsha256 " HEX32 "\r\nserial 0a1b issuer " HEX32 "\n",
         NULL, 2},
        {"sha256 " HEX32 "\nsha256 0102\n", "line 2", 0},
        {"sha256 " HEX32 "00\n", "line 1", 0},
        {"sha256 " HEX32 " more\n", "line 1", 0},
        {"sha256\n", "line 1", 0},
        {"serial 0a\n", "line 1", 0},
        {"serial 0a issuer 00\n", "line 1", 0},
        {"serial zz issuer " HEX32 "\n", "line 1", 0},
        {"serial 0 issuer " HEX32 "\n", "line 1", 0},
        {"serial 0a issuer " HEX32 " x\n", "line 1", 0},
        {"md5 0a\n", "line 1", 0},
    };
    char file[] = "/tmp/hf_deny_XXXXXX";
    struct hf_tls_deny *deny = hf_tls_deny_new();
    struct hf_tls_deny_key before = key_of(77);
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_tls_deny_replace(deny, &before, 1), HF_OK);
        write_file(file, rows[i].text);
        hf_err err = hf_tls_deny_load(deny, file, error, sizeof(error));

        if (err != (rows[i].says == NULL ? HF_OK : HF_ERR_INVALID))
            fail_msg("row %zu: %s", i, error);
        if (rows[i].says != NULL) {
            assert_non_null(strstr(error, rows[i].says));
            assert_non_null(strstr(error, file));
            assert_true(hf_tls_deny_check(deny, &before, 1)); /* unchanged */
        } else {
            assert_int_equal(hf_tls_deny_count(deny), rows[i].count);
        }
    }
    FILE *out = fopen(file, "w");
    for (int i = 0; i < 600; i++)
        fputc('x', out);
    fclose(out);
    assert_int_equal(hf_tls_deny_load(deny, file, error, sizeof(error)), HF_ERR_INVALID);
    assert_non_null(strstr(error, "longer than"));
    unlink(file);
    assert_int_equal(hf_tls_deny_load(deny, file, error, sizeof(error)), HF_ERR_INVALID);
    assert_non_null(strstr(error, "No such file"));
    hf_tls_deny_free(deny);
}

/* --- readers beside a writer --- */

struct reader {
    struct hf_tls_deny *deny;
    atomic_bool *stop;
    unsigned long looks, wrong;
};

static void *look(void *user)
{
    struct reader *reader = user;
    struct hf_tls_deny_key always = key_of(1), never = key_of(2);

    do {
        reader->looks++;
        reader->wrong += !hf_tls_deny_check(reader->deny, &always, 1);
        reader->wrong += hf_tls_deny_check(reader->deny, &never, 1);
    } while (!atomic_load(reader->stop));
    return NULL;
}

static void readers_see_a_whole_list_while_it_changes(void **state)
{
    struct hf_tls_deny *deny = hf_tls_deny_new();
    atomic_bool stop = false;
    struct reader readers[2] = {{deny, &stop, 0, 0}, {deny, &stop, 0, 0}};
    struct hf_tls_deny_key always = key_of(1);
    pthread_t threads[HF_COUNT_OF(readers)];

    (void)state;
    assert_int_equal(hf_tls_deny_add(deny, &always, 1), HF_OK);
    for (size_t i = 0; i < HF_COUNT_OF(readers); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, &readers[i]), 0);
    for (unsigned i = 0; i < 500; i++) {
        struct hf_tls_deny_key key = key_of(100 + i % 50);

        assert_int_equal(hf_tls_deny_add(deny, &key, 1), HF_OK);
        if (i % 3 == 0)
            assert_int_equal(hf_tls_deny_remove(deny, &key), HF_OK);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < HF_COUNT_OF(readers); i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].looks > 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    hf_tls_deny_free(deny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_and_go),
        cmocka_unit_test(keys_cannot_be_taken_for_each_other),
        cmocka_unit_test(a_file_is_taken_whole_or_not_at_all),
        cmocka_unit_test(readers_see_a_whole_list_while_it_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
