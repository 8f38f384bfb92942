/* MEM-6, measured: what the heap holds for each registered camera, the hub's and SIP's share with it. */
#include <malloc.h>

#include "adapter/gb28181/gb_testkit.h"

enum { CAMERAS = 2000 };

/* Without what the kit keeps: the log, and what was sent. */
static size_t heap(void)
{
    size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd;

    for (size_t i = 0; i < kit.tk->appended; i++)
        bytes -= malloc_usable_size(kit.tk->log[i].body) + sizeof(size_t);
    return bytes - (kit.tk->log ? malloc_usable_size(kit.tk->log) + sizeof(size_t) : 0);
}

/* What the tables of the kit take, which in a gateway are on disk: the same once more. */
static size_t tables(void)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, bytes;
    struct hf_kv_txn *txn;
    struct hf_kv *kv;

    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    for (size_t i = 0; i < kit.tk->applied; i++) {
        struct hf_event event = tk_event(kit.tk, i);

        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
        assert_int_equal(hf_kv_commit(txn, i + 1), HF_OK);
    }
    bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    hf_kv_close(kv);
    return bytes;
}

static void register_all(void)
{
    char id[32];

    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(id, sizeof(id), "340200000013200%05u", i);
        assert_int_equal(kit_register(id, 86400), 200);
    }
    tk_run(kit.tk);
}

static void two_kib_for_each_camera(void **state)
{
    (void)state;
#ifndef HF_DEBUG
    /* Or malloc maps some of the slabs' chunks with twice their size, of which half is never touched, and some not. */
    assert_int_equal(mallopt(M_MMAP_THRESHOLD, 64 << 20), 1);
#endif
    kit_begin(NULL);
    kit.tk->log = (malloc)(65536 * sizeof(*kit.tk->log)); /* so that it does not grow meanwhile */
    kit.tk->log_room = 65536;
    size_t before = heap();
    register_all();
    size_t busy = (heap() - before - tables()) / CAMERAS; /* the answers are still kept to be repeated */
    for (unsigned i = 0; i < 33; i++)
        kit_pass(1000);
    assert_int_equal(hf_gb_site_sip_stats(kit.site)->transactions, 0);
    size_t rest = (heap() - before - tables()) / CAMERAS;
    print_message("a camera: %zu bytes at rest, %zu with its last answer kept; struct hf_gb_device has %zu\n",
                  rest, busy, sizeof(struct hf_gb_device));
#ifndef HF_DEBUG /* a sanitizer has an allocator of its own, with red zones, which does not count like this */
    assert_true(rest > sizeof(struct hf_gb_device)); /* or something was not measured */
    assert_true(busy <= HF_GB_DEVICE_BYTES_MAX);
#endif
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_kib_for_each_camera)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
