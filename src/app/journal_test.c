/* A worker's journal: one batch on its way while the next fills, the gate, the hard bound, and waiters told in order. */
#include "app/threads_testkit.h"

static struct kit kit;
static struct hf_journal_batch *posted[1024];
static unsigned posted_count, post_room;
static uint64_t next_offset;

static bool post(void *context, struct hf_journal_batch *batch)
{
    (void)context;
    if (post_room == 0)
        return false;
    post_room--;
    posted[posted_count++] = batch;
    return true;
}

static int begin(void **state)
{
    (void)state;
    memset(&kit, 0, sizeof(kit));
    hf_app_journal_init(&kit.journal, &kit.hub, 3, post, NULL);
    posted_count = 0;
    post_room = 1024;
    next_offset = 1;
    return 0;
}

/* The oldest batch comes back. */
static void durable(bool lost)
{
    struct hf_journal_batch *batch = posted[0];

    memmove(posted, posted + 1, --posted_count * sizeof(posted[0]));
    batch->log.first_offset = next_offset;
    batch->time_ms = 42;
    batch->lost = lost;
    next_offset += batch->log.records;
    hf_app_journal_durable(&kit.journal, batch);
}

static int done(void **state)
{
    (void)state;
    hf_app_journal_submit(&kit.journal);
    while (posted_count > 0) {
        durable(false);
        hf_app_journal_submit(&kit.journal);
    }
    hf_app_journal_deinit(&kit.journal);
    assert_int_equal(kit.journal.held_bytes, 0);
    return 0;
}

static void gathers_while_one_is_on_its_way(void **state)
{
    (void)state;
    assert_true(hf_app_journal_empty(&kit.journal));
    assert_int_equal(kit_append(&kit, "a", 1), HF_OK);
    assert_int_equal(kit_append(&kit, "b", 1), HF_OK);
    assert_false(hf_app_journal_empty(&kit.journal));
    assert_int_equal(posted_count, 0); /* at the end of the turn */
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(posted_count, 1);
    assert_int_equal(posted[0]->worker, 3);
    assert_int_equal(kit_append(&kit, "c", 1), HF_OK);
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(posted_count, 1);
    assert_int_equal(kit_count_told(&kit), 0);
    durable(false);
    assert_int_equal(kit_count_told(&kit), 2);
    assert_int_equal(kit.waiters[0].offset, 1);
    assert_int_equal(kit.waiters[1].offset, 2);
    assert_int_equal(kit.waiters[1].time_ms, 42);
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(posted_count, 1);
    durable(false);
    assert_int_equal(kit.waiters[2].offset, 3);
    assert_true(hf_app_journal_empty(&kit.journal));
    assert_int_equal(kit.journal.in_flight_bytes, 0); /* to the byte */
    assert_int_equal(kit.hub.ledger.counts.uplink.delivered, 3);
}

static void the_end_waits_for_no_company(void **state)
{
    (void)state;
    assert_int_equal(kit_append(&kit, "a", 1), HF_OK);
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(kit_append(&kit, "b", 1), HF_OK);
    hf_app_journal_flush(&kit.journal);
    assert_int_equal(posted_count, 2);
    hf_app_journal_flush(&kit.journal);
    assert_int_equal(posted_count, 2);
}

static void gate_closes_and_opens(void **state)
{
    static char payload[100000];
    unsigned before = 0;

    (void)state;
    while (hf_app_journal_open(&kit.journal) && before < 100) {
        assert_int_equal(kit_append(&kit, payload, sizeof(payload)), HF_OK);
        before++;
    }
    assert_int_equal(before, HF_JOURNAL_GATE_BYTES / sizeof(payload) + 1);
    assert_int_equal(kit_append(&kit, "x", 1), HF_OK); /* the gate stops devices, not the rest */
    hf_app_journal_submit(&kit.journal);
    while (!hf_app_journal_open(&kit.journal))
        durable(false);
    assert_true(kit.journal.in_flight_bytes < HF_JOURNAL_GATE_BYTES);
}

static void hard_bound_refuses_and_recovers(void **state)
{
    static char payload[HF_JOURNAL_BATCH_BYTES / 2 + 1]; /* one to a batch */
    hf_err err;

    (void)state;
    while ((err = kit_append(&kit, payload, sizeof(payload))) == HF_OK)
        continue;
    assert_int_equal(err, HF_ERR_LIMIT);
    assert_int_equal(kit.journal.refused_total, 1);
    assert_true(kit.journal.held_bytes <= HF_JOURNAL_BYTES_MAX);
    assert_int_equal(kit.appended, HF_JOURNAL_BYTES_MAX / HF_JOURNAL_BATCH_BYTES);
    assert_int_equal(kit_append(&kit, payload, sizeof(payload)), HF_ERR_LIMIT);
    hf_app_journal_submit(&kit.journal);
    durable(false);
    assert_int_equal(kit_append(&kit, payload, sizeof(payload)), HF_OK); /* as soon as one came back */
}

static void oversized_records_have_a_batch_of_their_own(void **state)
{
    static char payload[HF_LOG_BODY_BYTES_MAX + 1];
    struct hf_event event = kit_message("d1", "t", "");
    size_t head = hf_event_bytes(&event);

    (void)state;
    assert_int_equal(kit_append(&kit, payload, HF_LOG_BODY_BYTES_MAX - head + 1), HF_ERR_LIMIT);
    assert_int_equal(kit.journal.refused_total, 1);
    assert_int_equal(kit_append(&kit, "before", 6), HF_OK);
    assert_int_equal(kit_append(&kit, payload, HF_LOG_BODY_BYTES_MAX - head), HF_OK);
    assert_int_equal(kit_append(&kit, "after", 5), HF_OK);
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(posted_count, 3);
    assert_true(posted[1]->oversized);
    while (posted_count > 0)
        durable(false);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(kit.waiters[i].offset, i + 1);
    assert_int_equal(kit.journal.held_bytes, 2 * HF_JOURNAL_BATCH_BYTES); /* the large one was not kept */
}

static void full_mailbox_keeps_the_order(void **state)
{
    static char payload[200000];

    (void)state;
    post_room = 1;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit_append(&kit, payload, sizeof(payload)), HF_OK);
    hf_app_journal_submit(&kit.journal);
    assert_int_equal(posted_count, 1);
    durable(false);
    post_room = 10;
    hf_app_journal_submit(&kit.journal);
    while (posted_count > 0)
        durable(false);
    hf_app_journal_submit(&kit.journal);
    while (posted_count > 0)
        durable(false);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit.waiters[i].offset, i + 1);
}

static void lost_batches_tell_nobody(void **state)
{
    (void)state;
    assert_int_equal(kit_append(&kit, "a", 1), HF_OK);
    hf_app_journal_submit(&kit.journal);
    durable(true);
    assert_int_equal(kit_count_told(&kit), 0);
    assert_int_equal(kit.hub.ledger.counts.uplink.delivered, 0);
    assert_true(hf_app_journal_empty(&kit.journal));
}

static struct hf_waiter *again_on;

static void append_again(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    (void)waiter, (void)time_ms;
    assert_int_equal(offset, 1);
    assert_int_equal(kit_append(&kit, "next", 4), HF_OK);
    again_on = NULL;
}

static void who_is_told_may_append(void **state)
{
    struct hf_waiter waiter = {.on_durable = append_again};
    struct hf_event event = kit_message("d1", "t", "x");

    (void)state;
    event.type = HF_EVENT_ONLINE;
    again_on = &waiter;
    assert_int_equal(hf_journal_append(&kit.journal.base, &event, &waiter), HF_OK);
    assert_int_equal(hf_journal_append(&kit.journal.base, &event, NULL), HF_OK);
    hf_app_journal_submit(&kit.journal);
    durable(false);
    assert_null(again_on);
    hf_app_journal_submit(&kit.journal);
    durable(false);
    assert_int_equal(kit.waiters[0].offset, 3);
}

static void without_space_only_wishes_are_refused(void **state)
{
    static const struct {
        enum hf_event_type type;
        hf_err err;
    } rows[] = {
        {HF_EVENT_MESSAGE, HF_ERR_LIMIT},  {HF_EVENT_QUEUED, HF_ERR_LIMIT},
        {HF_EVENT_COMMAND, HF_ERR_LIMIT},  {HF_EVENT_BROADCAST, HF_ERR_LIMIT},
        {HF_EVENT_DOCUMENT, HF_ERR_LIMIT}, {HF_EVENT_SHADOW, HF_ERR_LIMIT},
        {HF_EVENT_PUSH, HF_ERR_LIMIT},     {HF_EVENT_PUSH_MEMBER, HF_OK},
        {HF_EVENT_OFFLINE, HF_OK},         {HF_EVENT_SENT, HF_OK},
        {HF_EVENT_COMMAND_DONE, HF_OK},    {HF_EVENT_REVOKED, HF_OK},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_event event = kit_message("d1", "t", "x");

        event.type = (uint8_t)rows[i].type;
        kit.journal.no_space = true;
        assert_int_equal(hf_journal_append(&kit.journal.base, &event, NULL), rows[i].err);
        kit.journal.no_space = false;
        assert_int_equal(hf_journal_append(&kit.journal.base, &event, NULL), HF_OK);
    }
    assert_int_equal(kit.journal.refused_total, 7);
    kit.hub.ledger.counts.uplink.pending = 1; /* the message that was taken in the end */
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(gathers_while_one_is_on_its_way),
        ROW(the_end_waits_for_no_company),
        ROW(gate_closes_and_opens),
        ROW(hard_bound_refuses_and_recovers),
        ROW(oversized_records_have_a_batch_of_their_own),
        ROW(full_mailbox_keeps_the_order),
        ROW(lost_batches_tell_nobody),
        ROW(who_is_told_may_append),
        ROW(without_space_only_wishes_are_refused),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
