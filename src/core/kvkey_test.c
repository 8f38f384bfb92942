#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/kvkey.h"

static void no_two_devices_share_a_key(void **state)
{
    static const char *const names[] = {"a", "b", "ab", "a\x01", "\xff", "aa", "b\xff"};
    struct hf_kvkey keys[HF_COUNT_OF(names) * HF_COUNT_OF(names)];
    size_t count = 0;

    (void)state;
    for (size_t t = 0; t < HF_COUNT_OF(names); t++)
        for (size_t d = 0; d < HF_COUNT_OF(names); d++)
            assert_int_equal(
                hf_kvkey_device_u64(&keys[count++], hf_slice_of(names[t]), hf_slice_of(names[d]), 7), HF_OK);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(hf_slice_eq(hf_kvkey_slice(&keys[i]), hf_kvkey_slice(&keys[j])));
}

static void keys_sort_by_number(void **state)
{
    static const uint64_t numbers[] = {0, 1, 255, 256, 65535, 1ull << 32, UINT64_MAX};
    struct hf_kvkey last = {0}, key;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(numbers); i++) {
        assert_int_equal(hf_kvkey_device_u64(&key, HF_SLICE("t"), HF_SLICE("d"), numbers[i]), HF_OK);
        assert_int_equal(hf_kvkey_u64_read(key.at + key.bytes - 8), numbers[i]);
        if (i > 0)
            assert_true(memcmp(last.at, key.at, key.bytes) < 0);
        last = key;
    }
}

static void names_out_of_range_are_refused(void **state)
{
    char longest[HF_KVKEY_DEVICE_BYTES_MAX + 1];
    struct hf_kvkey key;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    const struct {
        struct hf_slice tenant, device;
        hf_err err;
    } rows[] = {
        {HF_SLICE("t"), {longest, HF_KVKEY_DEVICE_BYTES_MAX}, HF_OK},
        {HF_SLICE("t"), {longest, HF_KVKEY_DEVICE_BYTES_MAX + 1}, HF_ERR_INVALID},
        {{longest, HF_KVKEY_TENANT_BYTES_MAX}, {longest, HF_KVKEY_DEVICE_BYTES_MAX}, HF_OK},
        {{longest, HF_KVKEY_TENANT_BYTES_MAX + 1}, HF_SLICE("d"), HF_ERR_INVALID},
        {HF_SLICE(""), HF_SLICE("d"), HF_ERR_INVALID},
        {HF_SLICE("t"), {NULL, 0}, HF_ERR_INVALID},
        {HF_SLICE("t\0u"), HF_SLICE("d"), HF_ERR_INVALID},
        {HF_SLICE("t"), HF_SLICE("d\0"), HF_ERR_INVALID},
    };
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_kvkey_device(&key, rows[i].tenant, rows[i].device), rows[i].err);
    assert_int_equal(hf_kvkey_device_u64(&key, rows[2].tenant, rows[2].device, 1), HF_OK);
    hf_kvkey_add_u64(&key, 2);
    assert_int_equal(key.bytes, HF_KVKEY_BYTES_MAX);
}

static void a_key_comes_apart_again(void **state)
{
    struct hf_slice tenant, device, rest;
    struct hf_kvkey key;

    (void)state;
    assert_int_equal(hf_kvkey_device_u64(&key, HF_SLICE("ten"), HF_SLICE("dev"), 9), HF_OK);
    hf_kvkey_add_u64(&key, 11);
    assert_int_equal(hf_kvkey_parse(hf_kvkey_slice(&key), &tenant, &device, &rest), HF_OK);
    assert_true(hf_slice_is(tenant, "ten"));
    assert_true(hf_slice_is(device, "dev"));
    assert_int_equal(rest.bytes, 16);
    assert_int_equal(hf_kvkey_u64_read(rest.at + 8), 11);
    static const struct {
        const char *key;
        size_t bytes;
    } wrong[] = {{"", 0}, {"t", 1}, {"t\0", 2}, {"t\0d", 3}, {"\0d\0", 3}, {"t\0\0", 3}, {"t\0d\0x", 5}};
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(
            hf_kvkey_parse((struct hf_slice){wrong[i].key, wrong[i].bytes}, &tenant, &device, &rest),
            HF_ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_devices_share_a_key),
        cmocka_unit_test(keys_sort_by_number),
        cmocka_unit_test(names_out_of_range_are_refused),
        cmocka_unit_test(a_key_comes_apart_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
