/* One test for both bodies of client/store/store.h: what holds for one holds for the other. */
#include "client/store/store_testkit.h"

#include "base/assert.h"

static int setup_memory(void **state)
{
    *state = calloc(1, sizeof(struct body));
    body_init(*state, false, 20);
    return 0;
}

static int setup_sqlite(void **state)
{
    *state = calloc(1, sizeof(struct body));
    body_init(*state, true, 20);
    return 0;
}

static int teardown(void **state)
{
    body_deinit(*state);
    free(*state);
    return 0;
}

static void a_new_queue_is_empty(void **state)
{
    struct body *body = *state;
    struct hf_store_facts facts = facts_of(body->store);
    struct hf_store_item item;

    assert_true(facts.queue_id == QUEUE_ID);
    assert_true(facts.first == 1 && facts.next == 1 && facts.messages == 0 && facts.position == 0);
    assert_int_equal(body->store->ops->read(body->store, 1, &item), HF_ERR_NOT_FOUND);
    assert_true(body->store->ops->due_ms(body->store) == UINT64_MAX);
}

static void a_message_comes_back_as_it_went_in(void **state)
{
    struct body *body = *state;
    struct hf_store_message in = message_of(HF_STORE_ALARM, "fire"), empty = {.topic = HF_SLICE("")};
    struct hf_store_item item;
    uint64_t id, ticket;
    enum hf_reason reason;

    in.urgent = in.text = true;
    in.format = 2;
    in.expires_ms = 1800000000000;
    assert_int_equal(body->store->ops->append(body->store, &in, &id, &ticket), HF_OK);
    assert_int_equal(body->store->ops->append(body->store, &empty, &id, &ticket), HF_OK);
    assert_true(id == 2);
    assert_true(facts_of(body->store).waiting == 2 && facts_of(body->store).waiting_urgent == 1);
    assert_int_equal(give(body->store, 0, &id, &reason), HF_OK);
    assert_int_equal(give(body->store, 0, &id, &reason), HF_OK);
    assert_int_equal(give(body->store, 0, &id, &reason), HF_ERR_NOT_FOUND);
    commit(body);
    body_reopen(body);
    assert_int_equal(body->store->ops->read(body->store, 1, &item), HF_OK);
    assert_true(item.id == 1 && item.seq == 1 && item.seq_to == 1 && !item.gap);
    assert_true(item.message.class == HF_STORE_ALARM && item.message.urgent && item.message.text);
    assert_true(item.message.format == 2 && item.message.created_ms == in.created_ms);
    assert_true(item.message.expires_ms == in.expires_ms);
    assert_memory_equal(item.message.uuid, in.uuid, 16);
    assert_true(hf_slice_is(item.message.topic, "t") && hf_slice_is(item.message.payload, "fire"));
    assert_int_equal(body->store->ops->read(body->store, 2, &item), HF_OK);
    assert_true(item.message.payload.bytes == 0 && item.message.topic.bytes == 0 && !item.message.urgent);
    assert_int_equal(body->store->ops->read(body->store, 3, &item), HF_ERR_NOT_FOUND);
}

static void urgent_ones_overtake_only_what_has_no_number(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    uint64_t id, ticket;
    enum hf_reason reason;

    for (int i = 0; i < 3; i++)
        (void)put(store, HF_STORE_MESSAGE, "x", i == 1); /* 2 is urgent, but of the backlog */
    (void)put(store, HF_STORE_ALARM, "x", true);
    (void)put(store, HF_STORE_ALARM, "x", true);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_true(id == 1);
    assert_int_equal(store->ops->number(store, true, 3, 0, NO_LIMIT, &id, &reason, &ticket), HF_OK);
    assert_true(id == 4);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_true(id == 2);
    assert_int_equal(store->ops->number(store, true, 3, 0, NO_LIMIT, &id, &reason, &ticket), HF_OK);
    assert_true(id == 5);
    assert_int_equal(store->ops->number(store, true, 3, 0, NO_LIMIT, &id, &reason, &ticket),
                     HF_ERR_NOT_FOUND);
    assert_true(facts_of(store).waiting == 1 && facts_of(store).waiting_urgent == 0 &&
                facts_of(store).next == 5);
}

static void a_full_queue_refuses_and_telemetry_makes_room(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_message message = message_of(HF_STORE_TELEMETRY, "y");
    struct hf_store_item item;
    uint64_t id, ticket;

    (void)put(store, HF_STORE_ALARM, "a", false);
    for (int i = 0; i < 19; i++)
        (void)put(store, i % 2 ? HF_STORE_MESSAGE : HF_STORE_TELEMETRY, "y", false);
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_ERR_LIMIT);
    for (uint64_t want = 2; want <= 20; want += 2) {
        assert_int_equal(store->ops->drop(store, HF_REASON_DROP_OLDEST, &id, &ticket), HF_OK);
        assert_true(id == want);
    }
    assert_int_equal(store->ops->drop(store, HF_REASON_DROP_OLDEST, &id, &ticket), HF_ERR_NOT_FOUND);
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_true(id == 21);
    commit(body);
    body_reopen(body);
    assert_int_equal(body->store->ops->read(body->store, 5, &item), HF_OK);
    assert_true(item.gap && item.seq == 1 && item.seq_to == 10 && item.reason == HF_REASON_DROP_OLDEST);
    assert_true(facts_of(body->store).dropped_total == 10 && facts_of(body->store).messages == 11);
}

static void bytes_are_bounded_too(void **state)
{
    struct body *body = *state;
    char *large = calloc(1, HF_STORE_BYTES_MIN);
    struct hf_store_message message = message_of(HF_STORE_MESSAGE, "");
    uint64_t id, ticket;

    body->store->ops->close(body->store);
    body->limits.bytes_max = 1; /* raised to the minimum */
    body_open(body);
    message.payload = (struct hf_slice){large, HF_STORE_BYTES_MIN};
    assert_int_equal(body->store->ops->append(body->store, &message, &id, &ticket),
                     HF_ERR_LIMIT); /* 1 of topic */
    message.payload.bytes--;
    assert_int_equal(body->store->ops->append(body->store, &message, &id, &ticket), HF_OK);
    message.payload.bytes = 0;
    assert_int_equal(body->store->ops->append(body->store, &message, &id, &ticket), HF_ERR_LIMIT);
    message.topic = (struct hf_slice){large, HF_STORE_TOPIC_BYTES_MAX + 1};
    assert_int_equal(body->store->ops->append(body->store, &message, &id, &ticket), HF_ERR_INVALID);
    free(large);
}

static void at_most_half_is_numbered(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    uint64_t id;
    enum hf_reason reason;

    for (int i = 0; i < 20; i++)
        (void)put(store, HF_STORE_TELEMETRY, "y", false);
    for (int i = 0; i < 10; i++)
        assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_int_equal(give(store, 0, &id, &reason), HF_ERR_LIMIT);
    assert_int_equal(store->ops->ack(store, 1, NULL, NULL), HF_OK);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
}

static void what_expired_or_is_too_big_becomes_a_gap(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_message message = message_of(HF_STORE_MESSAGE, "12345");
    struct hf_store_item item;
    uint64_t id, ticket;
    enum hf_reason reason;

    message.expires_ms = 500;
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    message.expires_ms = 501;
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_int_equal(store->ops->number(store, false, 0, 500, 5, &id, &reason, &ticket), HF_OK);
    assert_true(id == 1 && reason == HF_REASON_EXPIRED);
    assert_int_equal(store->ops->number(store, false, 0, 500, 5, &id, &reason, &ticket), HF_OK);
    assert_true(id == 2 && reason == HF_REASON_NONE);
    assert_int_equal(store->ops->number(store, false, 0, 0, 4, &id, &reason, &ticket), HF_OK); /* no clock */
    assert_true(id == 3 && reason == HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(store->ops->read(store, 3, &item), HF_OK);
    assert_true(item.gap && item.reason == HF_REASON_MESSAGE_TOO_BIG);
    assert_true(facts_of(store).expired_total == 1 && facts_of(store).failed_total == 1);
    assert_true(facts_of(store).messages == 1 && facts_of(store).first == 1 && facts_of(store).next == 4);
}

struct told {
    uint64_t ids[8];
    unsigned count;
};

static void on_sent(void *context, uint64_t id)
{
    struct told *told = context;

    told->ids[told->count++] = id;
}

static void an_ack_forgets_in_order_and_may_end_within_a_gap(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_item item;
    struct told told = {.count = 0};
    uint64_t id, ticket;

    (void)put(store, HF_STORE_MESSAGE, "1", false);
    give_all(store);
    for (int i = 0; i < 4; i++)
        (void)put(store, HF_STORE_TELEMETRY, "2", false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(store->ops->drop(store, HF_REASON_DROP_OLDEST, &id, &ticket), HF_OK);
    (void)put(store, HF_STORE_MESSAGE, "6", false);
    give_all(store);
    assert_int_equal(store->ops->ack(store, 3, on_sent, &told), HF_OK);
    assert_true(told.count == 1 && told.ids[0] == 1);
    assert_int_equal(store->ops->read(store, 3, &item), HF_ERR_NOT_FOUND);
    assert_int_equal(store->ops->read(store, 4, &item), HF_OK);
    assert_true(item.gap && item.seq == 4 && item.seq_to == 5);
    assert_true(facts_of(store).first == 4);
    assert_int_equal(store->ops->ack(store, 3, on_sent, &told), HF_OK); /* nothing new */
    assert_int_equal(store->ops->ack(store, 6, on_sent, &told), HF_OK);
    assert_true(told.count == 2 && told.ids[1] == 6);
    commit(body);
    body_reopen(body);
    assert_true(facts_of(body->store).first == 7 && facts_of(body->store).next == 7);
    assert_true(facts_of(body->store).messages == 0 && facts_of(body->store).bytes == 0);
    assert_true(put(body->store, HF_STORE_MESSAGE, "7", false) == 7); /* ids never repeat */
}

static void a_failed_one_leaves_its_number_as_a_gap(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_item item;
    struct told told = {.count = 0};
    uint64_t id, ticket;

    (void)put(store, HF_STORE_MESSAGE, "1", false);
    (void)put(store, HF_STORE_MESSAGE, "2", false);
    give_all(store);
    assert_int_equal(store->ops->reject(store, 2, HF_REASON_FORBIDDEN, &id, &ticket), HF_OK);
    assert_true(id == 2);
    assert_int_equal(store->ops->reject(store, 2, HF_REASON_FORBIDDEN, &id, &ticket), HF_ERR_NOT_FOUND);
    assert_int_equal(store->ops->reject(store, 3, HF_REASON_FORBIDDEN, &id, &ticket), HF_ERR_NOT_FOUND);
    assert_int_equal(store->ops->read(store, 2, &item), HF_OK);
    assert_true(item.gap && item.reason == HF_REASON_FORBIDDEN && item.seq == 2 && item.seq_to == 2);
    assert_true(facts_of(store).messages == 1 && facts_of(store).failed_total == 1);
    assert_int_equal(store->ops->ack(store, 2, on_sent, &told), HF_OK);
    assert_true(told.count == 1 && told.ids[0] == 1);
}

static void a_renewed_queue_numbers_everything_again(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    uint64_t id, ticket;
    enum hf_reason reason;

    (void)put(store, HF_STORE_TELEMETRY, "1", false);
    (void)put(store, HF_STORE_ALARM, "2", true);
    (void)put(store, HF_STORE_MESSAGE, "3", false);
    assert_int_equal(store->ops->drop(store, HF_REASON_DROP_OLDEST, &id, &ticket), HF_OK);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_int_equal(store->ops->renew(store, 99, &ticket), HF_OK);
    commit(body);
    body_reopen(body);
    store = body->store;
    assert_true(facts_of(store).queue_id == 99 && facts_of(store).first == 1 && facts_of(store).next == 1);
    assert_true(facts_of(store).waiting == 2 && facts_of(store).waiting_urgent == 1);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_true(id == 2);
    assert_int_equal(give(store, 0, &id, &reason), HF_OK);
    assert_true(id == 3 && facts_of(store).next == 3);
}

static void numbers_pass_over_the_one_that_is_none(void **state)
{
    struct body *body = *state;
    struct hf_store_item item;
    uint64_t id, ticket;
    enum hf_reason reason;

    body_begins_at(body, UINT64_C(0xfffffffe));
    (void)put(body->store, HF_STORE_MESSAGE, "fe", false);
    (void)put(body->store, HF_STORE_MESSAGE, "ff", false);
    (void)put(body->store, HF_STORE_MESSAGE, "01", false);
    give_all(body->store);
    assert_true(facts_of(body->store).next == UINT64_C(0x100000002));
    assert_int_equal(body->store->ops->read(body->store, UINT64_C(0x100000000), &item), HF_ERR_NOT_FOUND);
    assert_int_equal(body->store->ops->read(body->store, UINT64_C(0x100000001), &item), HF_OK);
    assert_true(hf_slice_is(item.message.payload, "01"));
    assert_int_equal(body->store->ops->ack(body->store, UINT64_C(0xffffffff), NULL, NULL), HF_OK);
    assert_true(facts_of(body->store).first == UINT64_C(0x100000001));
    commit(body);
    body_reopen(body);
    assert_true(facts_of(body->store).first == UINT64_C(0x100000001));
    assert_int_equal(body->store->ops->ack(body->store, UINT64_C(0x100000001), NULL, NULL), HF_OK);
    /* Gaps, too. */
    body_begins_at(body, UINT64_C(0x2ffffffff));
    for (unsigned i = 0; i < 2; i++) {
        (void)put(body->store, HF_STORE_TELEMETRY, "x", false);
        assert_int_equal(body->store->ops->drop(body->store, HF_REASON_DROP_OLDEST, &id, &ticket), HF_OK);
    }
    assert_int_equal(body->store->ops->read(body->store, UINT64_C(0x300000001), &item), HF_OK);
    assert_true(item.gap && item.seq == UINT64_C(0x300000001));
    (void)put(body->store, HF_STORE_MESSAGE, "02", false);
    assert_int_equal(give(body->store, 0, &id, &reason), HF_OK);
    assert_int_equal(body->store->ops->read(body->store, UINT64_C(0x300000002), &item), HF_OK);
    assert_true(!item.gap);
}

static void the_position_moves_with_the_acknowledgement(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_message result = message_of(HF_STORE_RESULT, "{\"ok\":1}");
    struct hf_store_seen seen;
    uint8_t session_id[16] = "0123456789abcdef", one[16], two[16], none[16] = {0};
    uint64_t ticket;

    uuid_of(1, one);
    uuid_of(2, two);
    memcpy(result.uuid, two, 16);
    result.status = 1;
    assert_int_equal(store->ops->session(store, session_id, 4, &ticket), HF_OK);
    assert_int_equal(store->ops->done(store, 5, one, NULL, &ticket), HF_OK);
    assert_int_equal(store->ops->done(store, 6, two, &result, &ticket), HF_OK);
    assert_int_equal(store->ops->done(store, 9, none, NULL, &ticket), HF_OK);
    commit(body);
    body_reopen(body);
    store = body->store;
    assert_true(facts_of(store).position == 9 && facts_of(store).waiting == 1);
    assert_memory_equal(facts_of(store).session_id, session_id, 16);
    assert_int_equal(store->ops->seen(store, one, &seen), HF_OK);
    assert_false(seen.result);
    assert_int_equal(store->ops->seen(store, two, &seen), HF_OK);
    assert_true(seen.result && seen.result_waits && seen.result_kept && seen.status == 1);
    assert_true(hf_slice_is(seen.payload, "{\"ok\":1}"));
    assert_int_equal(store->ops->seen(store, none, &seen), HF_ERR_NOT_FOUND);
    give_all(store);
    assert_int_equal(store->ops->ack(store, 1, NULL, NULL), HF_OK);
    assert_int_equal(store->ops->seen(store, two, &seen), HF_OK);
    assert_true(seen.result && !seen.result_waits);
}

static void a_large_result_is_sent_but_not_kept(void **state)
{
    struct body *body = *state;
    char *large = calloc(1, HF_STORE_RESULT_BYTES_MAX + 1);
    struct hf_store_message result = message_of(HF_STORE_RESULT, "");
    struct hf_store_seen seen;
    uint64_t ticket;
    uint8_t one[16];

    uuid_of(1, one);
    result.payload = (struct hf_slice){large, HF_STORE_RESULT_BYTES_MAX + 1};
    assert_int_equal(body->store->ops->done(body->store, 1, one, &result, &ticket), HF_OK);
    assert_int_equal(body->store->ops->seen(body->store, one, &seen), HF_OK);
    assert_true(seen.result && !seen.result_kept && seen.payload.bytes == 0);
    free(large);
}

static void a_full_queue_refuses_a_result_and_moves_nothing(void **state)
{
    struct body *body = *state;
    struct hf_store_message result = message_of(HF_STORE_RESULT, "r");
    struct hf_store_seen seen;
    uint64_t ticket;
    uint8_t one[16];

    uuid_of(1, one);
    for (int i = 0; i < 20; i++)
        (void)put(body->store, HF_STORE_TELEMETRY, "y", false);
    assert_int_equal(body->store->ops->done(body->store, 1, one, &result, &ticket), HF_ERR_LIMIT);
    assert_true(facts_of(body->store).position == 0);
    assert_int_equal(body->store->ops->seen(body->store, one, &seen), HF_ERR_NOT_FOUND);
}

static void seen_is_bounded_but_keeps_commands_whose_result_waits(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    struct hf_store_message result = message_of(HF_STORE_RESULT, "r");
    struct hf_store_seen seen;
    uint64_t ticket;
    uint8_t uuid[16];

    uuid_of(0, uuid);
    assert_int_equal(store->ops->done(store, 1, uuid, &result, &ticket), HF_OK);
    for (unsigned n = 1; n <= 3 * HF_STORE_SEEN; n++) {
        uuid_of(n, uuid);
        assert_int_equal(store->ops->done(store, n + 1, uuid, NULL, &ticket), HF_OK);
        if (n % 50 == 0)
            commit(body);
    }
    commit(body);
    uuid_of(0, uuid);
    assert_int_equal(store->ops->seen(store, uuid, &seen), HF_OK);
    for (unsigned n = 2 * HF_STORE_SEEN + 1; n <= 3 * HF_STORE_SEEN; n++) {
        uuid_of(n, uuid);
        assert_int_equal(store->ops->seen(store, uuid, &seen), HF_OK);
    }
    uuid_of(2 * HF_STORE_SEEN - 64, uuid);
    assert_int_equal(store->ops->seen(store, uuid, &seen), HF_ERR_NOT_FOUND);
}

static void a_lone_call_commits_at_once_and_company_waits_2_ms(void **state)
{
    struct body *body = *state;
    struct hf_store *store = body->store;
    uint64_t through = 0, ticket = 0, id;
    struct hf_store_message message = message_of(HF_STORE_MESSAGE, "m");
    hf_err err;

    if (!body->sqlite)
        return; /* commits are free there: all at once */
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_true(store->ops->due_ms(store) <= 5000);
    assert_true(store->ops->poll(store, 5000, false, &through, &err));
    assert_true(through == ticket && err == HF_OK);
    assert_false(store->ops->poll(store, 5000, false, &through, &err));
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_false(store->ops->poll(store, 5001, false, &through, &err));
    assert_true(store->ops->due_ms(store) == 5000 + HF_STORE_BATCH_MS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_false(store->ops->poll(store, 5001, false, &through, &err));
    assert_true(store->ops->poll(store, 5002, false, &through, &err));
    assert_true(through == ticket);
    assert_int_equal(store->ops->ack(store, 0, NULL, NULL), HF_OK); /* below first: nothing to do */
    assert_true(store->ops->due_ms(store) == UINT64_MAX);
    give_all(store);
    commit(body);
    assert_int_equal(store->ops->ack(store, 1, NULL, NULL), HF_OK); /* nobody waits for it */
    assert_false(store->ops->poll(store, 6000, false, &through, &err));
    assert_true(store->ops->due_ms(store) == 6000 + HF_STORE_PRUNE_MS);
    assert_false(store->ops->poll(store, 6999, false, &through, &err));
    assert_false(store->ops->poll(store, 7000, false, &through, &err)); /* committed, but it has no ticket */
    assert_true(store->ops->due_ms(store) == UINT64_MAX);
}

static void sixty_four_calls_commit_at_once(void **state)
{
    struct body *body = *state;
    uint64_t through = 0, ticket = 0;
    uint8_t none[16] = {0};
    hf_err err;

    (void)body->store->ops->done(body->store, 1, none, NULL, &ticket);
    assert_true(body->store->ops->poll(body->store, 5000, false, &through, &err));
    for (unsigned i = 0; i < HF_STORE_BATCH; i++) {
        assert_true(!body->sqlite || !body->store->ops->poll(body->store, 5001, false, &through, &err));
        (void)body->store->ops->done(body->store, 2 + i, none, NULL, &ticket);
    }
    assert_true(body->store->ops->poll(body->store, 5001, false, &through, &err));
    assert_true(through == ticket && err == HF_OK);
}

#define BOTH(test)                                            \
    {#test " (memory)", test, setup_memory, teardown, NULL},  \
    {                                                         \
#test " (sqlite)", test, setup_sqlite, teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_new_queue_is_empty),
        BOTH(a_message_comes_back_as_it_went_in),
        BOTH(urgent_ones_overtake_only_what_has_no_number),
        BOTH(a_full_queue_refuses_and_telemetry_makes_room),
        BOTH(bytes_are_bounded_too),
        BOTH(at_most_half_is_numbered),
        BOTH(what_expired_or_is_too_big_becomes_a_gap),
        BOTH(an_ack_forgets_in_order_and_may_end_within_a_gap),
        BOTH(a_failed_one_leaves_its_number_as_a_gap),
        BOTH(a_renewed_queue_numbers_everything_again),
        BOTH(numbers_pass_over_the_one_that_is_none),
        BOTH(the_position_moves_with_the_acknowledgement),
        BOTH(a_large_result_is_sent_but_not_kept),
        BOTH(a_full_queue_refuses_a_result_and_moves_nothing),
        BOTH(seen_is_bounded_but_keeps_commands_whose_result_waits),
        BOTH(a_lone_call_commits_at_once_and_company_waits_2_ms),
        BOTH(sixty_four_calls_commit_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
