/* test/support/ring_bench.c - what the producer of a sample pays: reading the clock and pushing into the ring (AGT-7: 99 % within 800 ns), beside a bare reading of the clock in the
 * same run, whose cost is the machine's. The consumer takes batches on a thread of its own meanwhile.
 *   ring_bench [PUSHES]     1,000,000 by default; a hundredth of them in the row that sleeps between two
 * A figure is the time between two readings of the clock around what is measured, so one reading is in each: in `bare` that is all. Exit status 1 when a
 * row misses the bar, 3 when bare readings alone take longer: then there is no verdict. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/ring.h"
#include "io/clock.h"

enum { PUSHES = 1000000, PUSHES_MAX = 100000000, BAR_NS = 800, APART_US = 1000, TAKE_US = 2000 };

static struct hf_ring ring;
static _Atomic bool over;

static void *consume(void *context)
{
    uint64_t *taken = context;
    struct hf_sample samples[HF_SAMPLES_MAX];
    const struct timespec pause = {.tv_nsec = TAKE_US * 1000L};
    uint32_t lost;

    while (!over) {
        unsigned count = hf_ring_take(&ring, samples, HF_SAMPLES_MAX, &lost);

        *taken += count;
        if (count < HF_SAMPLES_MAX)
            (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static uint32_t print_row(const char *name, uint32_t *took_ns, unsigned count)
{
    qsort(took_ns, count, sizeof(*took_ns), compare);
    (void)printf("%-44s p50 %5u  p99 %5u  p99.9 %6u  max %9u ns\n", name, took_ns[count / 2],
                 took_ns[(uint64_t)count * 99 / 100], took_ns[(uint64_t)count * 999 / 1000],
                 took_ns[count - 1]);
    return took_ns[(uint64_t)count * 99 / 100];
}

static void measure(uint32_t *took_ns, unsigned count, bool push, bool sleeps)
{
    const struct timespec pause = {.tv_nsec = APART_US * 1000L};

    for (unsigned i = 0; i < count; i++) {
        struct hf_sample sample = {.cadence_half_rpm = 180, .power_w = (int16_t)(i % 400)};
        uint64_t begin_ns;

        if (sleeps)
            (void)nanosleep(&pause, NULL);
        begin_ns = hf_clock_raw_ns();
        if (push) {
            sample.ts_ns = hf_clock_raw_ns();
            (void)hf_ring_push(&ring, &sample);
        }
        took_ns[i] = (uint32_t)(hf_clock_raw_ns() - begin_ns);
    }
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : PUSHES;
    uint32_t *took_ns = count >= 1000 && count <= PUSHES_MAX ? malloc(count * sizeof(*took_ns)) : NULL;
    uint64_t taken = 0;
    pthread_t consumer;

    if (took_ns == NULL) {
        (void)fprintf(stderr, "usage: ring_bench [PUSHES, from 1000 to %d]\n", PUSHES_MAX);
        return 2;
    }
    hf_ring_init(&ring);
    if (pthread_create(&consumer, NULL, consume, &taken) != 0)
        return 2;
    measure(took_ns, count, false, false);
    uint32_t bare_ns = print_row("bare: the clock", took_ns, count);
    measure(took_ns, count, true, false);
    uint32_t pushed_ns = print_row("the clock and a push, one after another", took_ns, count);
    measure(took_ns, count / 100, false, true);
    uint32_t cold_bare_ns = print_row("bare, 1 ms apart", took_ns, count / 100);
    measure(took_ns, count / 100, true, true);
    uint32_t cold_ns = print_row("the clock and a push, 1 ms apart", took_ns, count / 100);
    over = true;
    (void)pthread_join(consumer, NULL);
    (void)printf("taken %" PRIu64 ", refused by the full ring %" PRIu64 "; bar: p99 %d ns\n", taken,
                 hf_ring_lost(&ring), BAR_NS);
    free(took_ns);
    if (pushed_ns <= BAR_NS && cold_ns <= BAR_NS)
        return 0;
    return bare_ns > BAR_NS || cold_bare_ns > BAR_NS ? 3 : 1;
}
