#include "io/send_ring.h"

#include "io/stream_testkit.h"

enum { PAIRS = HF_SEND_RING_ITEMS, TINY = 1 };

static int ours[PAIRS], peers[PAIRS];
static struct hf_send sends[PAIRS];

static void open_pairs(int send_bytes)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        kit_pair(&ours[i], &peers[i], send_bytes, send_bytes);
        sends[i] = (struct hf_send){.fd = ours[i]};
    }
}

static void close_pairs(void)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        close(ours[i]);
        close(peers[i]);
    }
}

static struct hf_send_ring *ring_new(void)
{
    struct hf_send_ring *ring = hf_send_ring_new();

    if (ring != NULL)
        return ring;
    print_message("no io_uring here: %s\n", strerror(errno));
    skip();
    return NULL;
}

/* More rounds than either queue has places, so that both wrap around, and each count once. */
static void every_socket_gets_its_own_bytes(void **state)
{
    struct hf_send_ring *ring = ring_new();
    char text[32], tail[] = " and its tail", got[64], want[64];

    (void)state;
    open_pairs(0);
    for (unsigned count = 1; count <= PAIRS; count++) {
        for (unsigned i = 0; i < count; i++) {
            int bytes = snprintf(text, sizeof(text), "%u of %u", i, count);

            sends[i].iov[0] = (struct iovec){strdup(text), (size_t)bytes};
            sends[i].iov[1] = (struct iovec){tail, sizeof(tail) - 1};
            sends[i].iov_count = 1 + i % 2;
        }
        hf_send_ring_run(ring, sends, count);
        for (unsigned i = 0; i < count; i++) {
            int bytes = snprintf(want, sizeof(want), "%u of %u%s", i, count, i % 2 ? tail : "");

            assert_true(sends[i].tried);
            assert_int_equal(sends[i].result, bytes);
            assert_int_equal(kit_receive(peers[i], got, sizeof(got)), bytes);
            assert_memory_equal(got, want, bytes);
            free(sends[i].iov[0].iov_base);
        }
    }
    close_pairs();
    hf_send_ring_free(ring);
}

static void no_socket_waits_for_another(void **state)
{
    enum { FULL = 3, GONE = 5, BAD = 7, PART = 9, BIG = 4 << 20 };
    struct hf_send_ring *ring = ring_new();
    uint8_t *big = calloc(1, BIG);
    struct linger now = {.l_onoff = 1};
    char got[8];

    (void)state;
    open_pairs(TINY);
    while (send(ours[FULL], big, BIG, MSG_NOSIGNAL) > 0)
        continue;
    assert_int_equal(setsockopt(peers[GONE], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(peers[GONE]);
    for (unsigned i = 0; i < PAIRS; i++) {
        sends[i].iov[0] = (struct iovec){big, i == PART ? BIG : 3};
        sends[i].iov_count = 1;
    }
    sends[BAD].fd = -1;
    hf_send_ring_run(ring, sends, PAIRS);
    for (unsigned i = 0; i < PAIRS; i++) {
        assert_true(sends[i].tried);
        if (i == FULL)
            assert_int_equal(sends[i].result, -EAGAIN);
        else if (i == GONE)
            assert_true(sends[i].result == -ECONNRESET || sends[i].result == -EPIPE);
        else if (i == BAD)
            assert_int_equal(sends[i].result, -EBADF);
        else if (i == PART)
            assert_true(sends[i].result > 0 && sends[i].result < BIG);
        else
            assert_int_equal(sends[i].result, 3);
    }
    /* And nothing of it is still under way: the ring takes the next ones. */
    sends[0].iov[0].iov_len = 2;
    hf_send_ring_run(ring, sends, 1);
    assert_int_equal(sends[0].result, 2);
    assert_int_equal(kit_receive(peers[0], got, sizeof(got)), 5);
    peers[GONE] = dup(peers[0]);
    close_pairs();
    hf_send_ring_free(ring);
    free(big);
}

static void it_gives_back_what_it_took(void **state)
{
    unsigned before = kit_open_descriptors();

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        hf_send_ring_free(ring_new());
    hf_send_ring_free(NULL);
    assert_int_equal(kit_open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_socket_gets_its_own_bytes),
        cmocka_unit_test(no_socket_waits_for_another),
        cmocka_unit_test(it_gives_back_what_it_took),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
