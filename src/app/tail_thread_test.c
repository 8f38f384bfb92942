/* Readers of the event log, served by a thread of their own. */
#include "app/tail_thread.h"

#include "app/threads_testkit.h"

static struct kit kit;
static struct hf_tail_thread tails;
static char got[1 << 20];
static size_t got_bytes;
static unsigned chunks;
static struct hf_tail_chunk last;

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    tails = (struct hf_tail_thread){.log = kit.log, .workers = 1, .readers_max = 4};
    tails.to[0] = kit.from_tail;
    got_bytes = chunks = 0;
    return hf_tail_thread_init(&tails) == HF_OK && hf_tail_thread_start(&tails) == HF_OK ? 0 : -1;
}

static int done(void **state)
{
    (void)state;
    assert_int_equal(atomic_load(&tails.readers), 0);
    hf_tail_thread_stop(&tails);
    hf_tail_thread_deinit(&tails);
    kit_free(&kit);
    return 0;
}

static void on_chunk(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk)
{
    (void)tail;
    assert_ptr_equal(user, &kit);
    assert_true(got_bytes + chunk->bytes < sizeof(got));
    if (chunk->bytes > 0)
        memcpy(got + got_bytes, chunk->data, chunk->bytes);
    got_bytes += chunk->bytes;
    got[got_bytes] = '\0';
    last = *chunk;
    chunks++;
}

static void on_message(void *context, unsigned mailbox, void *message)
{
    (void)context;
    assert_int_equal(mailbox, 1);
    hf_tail_arrived(message);
}

static struct hf_tail *open_tail(struct hf_tail_request request)
{
    struct hf_tail *tail = NULL;

    if (request.tenant.at == NULL)
        request.tenant = HF_SLICE("acme");
    assert_int_equal(hf_tail_new(&tails, 0, &request, on_chunk, &kit, &tail), HF_OK);
    got_bytes = 0;
    return tail;
}

static void take_one(struct hf_tail *tail)
{
    unsigned before = chunks;

    hf_tail_ask(tail);
    while (chunks == before) {
        assert_true(hf_inbox_wait(kit.inbox, KIT_WAIT_MS) || chunks != before);
        (void)hf_inbox_drain(kit.inbox, on_message, NULL, 10);
    }
}

static unsigned lines(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < got_bytes; i++)
        count += got[i] == '\n';
    return count;
}

static unsigned read_all(struct hf_tail_request request)
{
    struct hf_tail *tail = open_tail(request);

    do
        take_one(tail);
    while (!last.end);
    hf_tail_drop(tail);
    return lines();
}

static void write_some(void)
{
    for (unsigned i = 0; i < 10; i++) {
        struct hf_event one = kit_message("d1", i % 2 ? "a/b" : "a/c", "1"),
                        two = kit_message("d2", "z", "2"), other = kit_message("d1", "a/b", "3");

        other.tenant = HF_SLICE("umbrella");
        kit_write(&kit, &one, 1);
        kit_write(&kit, &two, 1);
        kit_write(&kit, &other, 1);
    }
}

static void filters(void **state)
{
    static const struct {
        struct hf_tail_request request;
        unsigned want;
    } rows[] = {
        {{.from = 1}, 20},
        {{.from = 1, .tenant = {"*", 1}}, 30}, /* the operator */
        {{.from = 1, .device = {"d1", 2}}, 10},
        {{.from = 1, .device = {"d1", 2}, .tenant = {"*", 1}}, 20},
        {{.from = 1, .device = {"nobody", 6}}, 0},
        {{.from = 1, .topic_filter = {"a/+", 3}}, 10},
        {{.from = 1, .topic_filter = {"a/b", 3}}, 5},
        {{.from = 1, .types = 1ull << HF_EVENT_ONLINE}, 0},
        {{.from = 28}, 2},
        {{.from = 1, .until = 6}, 4},
        {{.from = 1, .limit = 3}, 3},
        {{.from = 1000}, 0},
        {{.from = 0}, 0}, /* from the end */
        {{.from_time_ms = 1}, 20},
        {{.from = 1, .device = {"d2", 2}, .until = 6, .follow = true},
         2}, /* its last record is before `until` */
        {{.from = 1, .device = {"nobody", 6}, .until = 6, .follow = true}, 0},
    };

    (void)state;
    write_some();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(read_all(rows[i].request), rows[i].want);
    assert_int_equal(last.err, HF_OK);
}

static void follows_what_is_to_come(void **state)
{
    struct hf_event event = kit_message("d1", "t", "new");
    struct hf_tail *tail = NULL;

    (void)state;
    write_some();
    tail = open_tail((struct hf_tail_request){.from = 31, .follow = true, .device = {"d1", 2}});
    for (unsigned i = 1; i <= 20; i++) {
        struct hf_event other = kit_message("d2", "t", "other");
        unsigned before = chunks;

        hf_tail_ask(tail);
        kit_write(&kit, &other, 1);
        hf_tail_thread_wake(&tails);
        kit_write(&kit, &event, 1);
        hf_tail_thread_wake(&tails);
        while (chunks == before) {
            (void)hf_inbox_wait(kit.inbox, KIT_WAIT_MS);
            (void)hf_inbox_drain(kit.inbox, on_message, NULL, 10);
        }
        assert_int_equal(lines(), i);
        assert_false(last.end);
    }
    hf_tail_drop(tail);
}

static void dropped_while_parked(void **state)
{
    struct hf_tail *tail;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        tail = open_tail((struct hf_tail_request){.from = 1, .follow = true});
        hf_tail_ask(tail);
        if (i % 2)
            hf_tail_thread_wake(&tails);
        unsigned before = chunks;
        hf_tail_drop(tail); /* nothing is told any more, and its memory comes back */
        while (atomic_load(&tails.readers) > 0) {
            (void)hf_inbox_wait(kit.inbox, KIT_WAIT_MS);
            (void)hf_inbox_drain(kit.inbox, on_message, NULL, 10);
        }
        assert_int_equal(chunks, before);
    }
    tail = open_tail((struct hf_tail_request){.from = 1});
    hf_tail_drop(tail); /* never asked */
}

static void readers_have_a_limit(void **state)
{
    struct hf_tail *tail[5] = {NULL};
    struct hf_tail_request request = {.tenant = HF_SLICE("acme")};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        tail[i] = open_tail(request);
    assert_int_equal(hf_tail_new(&tails, 0, &request, on_chunk, &kit, &tail[4]), HF_ERR_LIMIT);
    assert_int_equal(atomic_load(&tails.readers_refused), 1);
    for (unsigned i = 0; i < 4; i++)
        hf_tail_drop(tail[i]);
}

static void large_event_is_shown_and_its_memory_given_back(void **state)
{
    static char payload[300000];
    struct hf_event event = kit_message("d1", "t", NULL), small = kit_message("d1", "t", "small");
    struct hf_tail *tail;

    (void)state;
    memset(payload, 1, sizeof(payload) / 4); /* every byte becomes six */
    event.payload = (struct hf_slice){payload, sizeof(payload) / 4};
    kit_write(&kit, &event, 1);
    kit_write(&kit, &small, 1);
    tail = open_tail((struct hf_tail_request){.from = 1});
    take_one(tail);
    assert_true(got_bytes > 6 * sizeof(payload) / 4);
    take_one(tail);
    assert_true(tail->room <= 4 * HF_TAIL_CHUNK_BYTES);
    assert_int_equal(lines(), 2);
    assert_true(last.end);
    assert_int_equal(last.next_offset, 3);
    hf_tail_drop(tail);
}

static void many_chunks_hold_everything_once(void **state)
{
    char payload[1000];
    struct hf_event event = kit_message("d1", "t", NULL);

    (void)state;
    memset(payload, 'p', sizeof(payload));
    event.payload = (struct hf_slice){payload, sizeof(payload)};
    kit_write(&kit, &event, 400);
    assert_int_equal(read_all((struct hf_tail_request){.from = 1}), 400);
    assert_true(chunks >= 400000 / HF_TAIL_CHUNK_BYTES);
}

static void hole_is_shown_exactly(void **state)
{
    static char payload[30000];
    struct hf_event event = kit_message("d1", "t", NULL);
    char want[64];

    (void)state;
    event.payload = (struct hf_slice){payload, sizeof(payload)};
    for (unsigned i = 0; i < 20; i++)
        kit_write(&kit, &event, 1);
    hf_log_set_retention(kit.log, 2 * HF_LOG_SEGMENT_BYTES_MIN, 0);
    event.payload = HF_SLICE("last");
    kit_write(&kit, &event, 1);
    uint64_t oldest = hf_log_oldest_offset(kit.log);
    assert_true(oldest > 1);
    (void)read_all((struct hf_tail_request){.from = 1});
    assert_int_equal(lines(), 1 + (21 - oldest + 1));
    snprintf(want, sizeof(want), "\"to\":%llu", (unsigned long long)oldest - 1);
    assert_non_null(strstr(got, want));
    assert_int_equal(atomic_load(&tails.gaps), 1);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(filters),
        ROW(follows_what_is_to_come),
        ROW(dropped_while_parked),
        ROW(readers_have_a_limit),
        ROW(large_event_is_shown_and_its_memory_given_back),
        ROW(many_chunks_hold_everything_once),
        ROW(hole_is_shown_exactly),
    };
    return cmocka_run_group_tests_name("tail_thread", tests, NULL, NULL);
}
