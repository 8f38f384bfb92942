/* Every allocation on the way of a leg fails once, on the worker or on the media thread: it is refused with a reason or opens all the same, its close always comes
 * through, and its ports are free again. */
#include "app/media_plane.h"
#include "app/media_testkit.h"

#include "support/alloc_fail.h"

enum { ROUNDS_MAX = 200 };

static bool decided(const void *context)
{
    uint64_t token = *(const uint64_t *)context;

    return find(token, HF_GB_MEDIA_OPENED) != NULL || find(token, HF_GB_MEDIA_REFUSED) != NULL;
}

static bool nothing_is_left(const void *context)
{
    struct hf_media_stats stats;

    (void)context;
    hf_media_stats(kit.media, &stats);
    return stats.legs == 0 && stats.ports_used == 0 && stats.ports_free + stats.ports_resting > 0;
}

static hf_err open_with_failure(uint64_t token, uint64_t n)
{
    struct hf_gb_media_request request = {.tenant = &kit.tenant,
                                          .device = HF_SLICE("34020000001110000001"),
                                          .channel = HF_SLICE("34020000001310000001"),
                                          .ssrc = SSRC,
                                          .transport = HF_GB_MEDIA_ANY,
                                          .family = 4,
                                          .kind = HF_MEDIA_KIND_LIVE};

    hf_alloc_fail_at(n);
    return hf_media_ops.open(kit.media, token, &request);
}

/* Returns whether an allocation failed. */
static bool round_with_failure(uint64_t n)
{
    begin(&defaults);
    uint64_t token = kit.token++;
    hf_err err = open_with_failure(token, n);

    if (err == HF_OK)
        until(decided, &token);
    bool hit = hf_alloc_fail_hit();
    const struct hf_gb_media_told *refused = find(token, HF_GB_MEDIA_REFUSED);

    assert_true(err == HF_OK || (err == HF_ERR_NOMEM && hit));
    assert_true(refused == NULL || (refused->err == HF_ERR_NOMEM && hit));
    hf_alloc_fail_all();
    if (err == HF_OK)
        hf_media_ops.close(kit.media, token);
    until(nothing_is_left, NULL);
    hf_alloc_fail_at(0);
    end();
    return hit;
}

static void every_allocation_of_a_leg_may_fail(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (round_with_failure(n)) {
        n++;
        assert_true(n < ROUNDS_MAX);
    }
    assert_true(n > 5);
}

/* Not one of them needs to be told first: the token alone says which one is meant, of whatever worker. */
static void a_close_names_its_leg_by_number(void **state)
{
    static const uint64_t numbers[] = {1, 2, (UINT64_C(1) << HF_MEDIA_TOKEN_WORKER_SHIFT) - 1};

    (void)state;
    for (unsigned worker = 0; worker < HF_WORKERS_MAX; worker++)
        for (size_t i = 0; i < HF_COUNT_OF(numbers); i++) {
            uint64_t token = numbers[i] | (uint64_t)worker << HF_MEDIA_TOKEN_WORKER_SHIFT;
            unsigned bits;

            (void)hf_media_untag(hf_media_close_of(token), &bits);
            assert_int_equal(bits, HF_MEDIA_CLOSE);
            assert_true(hf_media_closed_token(hf_media_close_of(token), worker) == token);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_leg_may_fail),
        cmocka_unit_test(a_close_names_its_leg_by_number),
    };

    return cmocka_run_group_tests_name("media_leg_fail", tests, NULL, NULL);
}
