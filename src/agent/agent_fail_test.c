/* Every allocation of the agent fails once: it does not begin and says why, or it lives and ends as ever; nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "base/assert.h"
#include "support/alloc_fail.h"

enum { ROUNDS_MAX = 2000, TURNS = 8, DEVICES = 2, RATE = 1000 };

static char dir[] = "/tmp/hf_agent_fail.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- a life: nobody listens at the gateway's port, so all stays in the queues ---- */

static hf_err live(struct hf_agent *agent)
{
    char error[HF_SOURCE_TEXT_BYTES] = "";
    struct hf_source *source = hf_source_bicycles(hf_agent_rings(agent), DEVICES, 1, RATE, error);
    struct hf_agent_status status;
    hf_err err;

    if (source == NULL) {
        assert_string_equal(error, "out of memory");
        return HF_ERR_NOMEM;
    }
    err = hf_agent_start(agent, source);
    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < TURNS; i++)
        assert_true(hf_agent_turn(agent, STDERR_FILENO, 0));
    hf_agent_stop(agent, 0);
    while (hf_agent_turn(agent, STDERR_FILENO, 1))
        continue;
    hf_agent_status(agent, &status);
    assert_int_equal(status.batches_failed + status.batches_dropped, 0);
    return HF_OK;
}

static hf_err scenario(void *context)
{
    static const char *const names[DEVICES] = {"one", "two"};
    const struct hf_agent_options options = {.url = "ws://127.0.0.1:1",
                                             .topic = "samples",
                                             .devices = names,
                                             .device_count = DEVICES,
                                             .period_ms = HF_AGENT_PERIOD_MIN_MS,
                                             .queue_bytes_max = 1 << 20};
    char error[HF_AGENT_ERROR_BYTES] = "";
    struct hf_agent *agent = NULL;
    hf_err err = hf_agent_new(&options, &agent, error);

    (void)context;
    if (err != HF_OK) {
        assert_int_equal(err, HF_ERR_NOMEM);
        assert_true(error[0] != '\0');
        return err;
    }
    err = live(agent);
    hf_agent_free(agent);
    return err;
}

static void a_life_with_any_allocation_failing(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(scenario, NULL, ROUNDS_MAX) > 10);
}

/* ---- sources ---- */

enum kind { BICYCLES, CSV, JSONL, SOCKET, FIFO, LINES, IIO, KINDS };

static struct hf_source *open_kind(enum kind kind, struct hf_ring *ring, char *error)
{
    struct hf_ring *const rings[] = {ring};
    int fds[2];

    switch (kind) {
    case BICYCLES: return hf_source_bicycles(rings, 1, 1, RATE, error);
    case CSV: return hf_source_replay(ring, path_of("ride.csv"), 1e6, RATE, error);
    case JSONL: return hf_source_replay(ring, path_of("ride.jsonl"), 1e6, RATE, error);
    case SOCKET: return hf_source_socket(ring, path_of("socket"), error);
    case FIFO: return hf_source_fifo(ring, path_of("fifo"), error);
    case LINES:
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(write(fds[1], "90,250,1\n90,", 12), 12);
        assert_int_equal(close(fds[1]), 0);
        return hf_source_fd(ring, fds[0], error);
    case IIO: return hf_source_iio(ring, dir, RATE, error);
    default: fail(); return NULL;
    }
}

static hf_err source_scenario(void *context)
{
    static _Alignas(HF_RING_LINE_BYTES) struct hf_ring ring;
    char error[HF_SOURCE_TEXT_BYTES] = "";
    struct hf_source *source;

    hf_ring_init(&ring);
    source = open_kind(*(const enum kind *)context, &ring, error);
    if (source == NULL) {
        assert_true(error[0] != '\0');
        return HF_ERR_NOMEM;
    }
    for (unsigned i = 0; i < TURNS && !source->ended; i++)
        (void)source->ops->turn(source, 1000000000 + i * UINT64_C(100000000));
    hf_source_free(source);
    return HF_OK;
}

static void sources_with_any_allocation_failing(void **state)
{
    (void)state;
    write_file("ride.csv", "power_w,lean_deg\n250,1\n251,2\n");
    write_file("ride.jsonl", "{\"power_w\":250}\n{\"power_w\":251,\"lean_deg\":1}\n");
    assert_int_equal(mkdir(path_of("iio:device0"), 0700), 0);
    write_file("iio:device0/in_power_raw", "250000\n");
    for (enum kind kind = BICYCLES; kind < KINDS; kind++)
        (void)hf_alloc_fail_each(source_scenario, &kind, ROUNDS_MAX);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int end(void **state)
{
    static const char *const files[] = {"ride.csv", "ride.jsonl", "socket", "fifo",
                                        "iio:device0/in_power_raw"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(files); i++)
        (void)unlink(path_of(files[i]));
    (void)rmdir(path_of("iio:device0"));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_with_any_allocation_failing),
        cmocka_unit_test(sources_with_any_allocation_failing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
