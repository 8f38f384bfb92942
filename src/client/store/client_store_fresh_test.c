/* The queue file of a live device (store_sqlite_fresh.c): what is known of the newest message is what the file holds, and marks that wait reach it. */
#include "client/store/store_script_testkit.h"

enum { SEEDS = 8, ROUNDS = 90, LARGE_BYTES = HF_STORE_TOPIC_BYTES_MAX + 4000 };

static void expect_same(struct hf_store *a, struct hf_store *b)
{
    char *one = dump(a, SCRIPT_UUIDS), *other = dump(b, SCRIPT_UUIDS);

    assert_string_equal(one, other);
    free(one);
    free(other);
}

/* One number out of the file, as people see it who look into it while it is in use. */
static int64_t look(const struct body *body, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t value;

    assert_int_equal(sqlite3_open_v2(body->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

/* Appended, numbered, committed, read, marked, acknowledged; each step but the first may be missing, or something else comes between. */
static void live_round(struct script *script, struct body *body, char *storage, size_t storage_bytes)
{
    struct hf_store *store = body->store;
    struct hf_store_message message = script_message(script, storage, storage_bytes);
    uint64_t draw = hf_rng_u64(&script->rng), id, ticket;
    struct hf_store_facts facts;
    struct hf_store_item item;
    enum hf_reason reason;

    if (draw % 16 == 0)
        (void)script_step(script, store);
    (void)store->ops->append(store, &message, &id, &ticket);
    if ((draw >> 8) % 8 != 0)
        (void)store->ops->number(store, (draw >> 12) % 4 == 0, facts_of(store).id_last / 2, script->utc_ms,
                                 3000, &id, &reason, &ticket);
    if ((draw >> 16) % 8 == 0)
        (void)script_step(script, store);
    if ((draw >> 20) % 4 != 0)
        commit(body);
    facts = facts_of(store);
    if (facts.first == facts.next)
        return;
    assert_int_equal(store->ops->read(store, facts.next - 1, &item), HF_OK);
    if ((draw >> 24) % 4 != 0)
        assert_int_equal(store->ops->mark(store, (draw >> 28) % 8 != 0, facts.next - 1, facts.next - 1),
                         HF_OK);
    if ((draw >> 32) % 16 == 0)
        (void)store->ops->reject(store, facts.next - 1, HF_REASON_FORBIDDEN, &id, &ticket);
    if ((draw >> 36) % 4 == 0)
        return;
    assert_int_equal(store->ops->ack(store, facts.next - 1, NULL, NULL), HF_OK);
    assert_int_equal(store->ops->read(store, facts.next - 1, &item), HF_ERR_NOT_FOUND);
}

static void it_holds_what_the_one_in_memory_holds(void **state)
{
    static char storage[LARGE_BYTES];

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct script a = {.utc_ms = 1}, b = {.utc_ms = 1};
        size_t bytes = seed % 2 == 0 ? 64 : sizeof(storage); /* larger ones than are kept beside the file */
        struct body memory, sqlite;

        hf_rng_seed(&a.rng, seed);
        hf_rng_seed(&b.rng, seed);
        body_init(&memory, false, 40);
        body_init(&sqlite, true, 40);
        for (int i = 0; i < ROUNDS; i++) {
            live_round(&a, &memory, storage, bytes);
            live_round(&b, &sqlite, storage, bytes);
            expect_same(memory.store, sqlite.store);
            if (i % 10 != 9)
                continue;
            commit(&memory);
            commit(&sqlite);
            if (i % 30 == 29)
                body_reopen(&sqlite);
            expect_same(memory.store, sqlite.store);
            assert_int_equal(look(&sqlite, "SELECT count(*) FROM msg_wire"), facts_of(sqlite.store).messages);
            assert_int_equal(look(&sqlite, "SELECT count(*) FROM msg_queue WHERE status IN "
                                           "('pending','inflight')"),
                             facts_of(sqlite.store).messages);
        }
        body_deinit(&memory);
        body_deinit(&sqlite);
    }
}

static void setup_two(struct body *body)
{
    body_init(body, true, 20);
    (void)put(body->store, HF_STORE_MESSAGE, "one", false);
    (void)put(body->store, HF_STORE_MESSAGE, "two", false);
    give_all(body->store);
    commit(body);
}

#define INFLIGHT "SELECT count(*) FROM msg_queue WHERE status='inflight' AND attempts=1"

static void a_mark_reaches_the_file_within_its_second(void **state)
{
    struct body body;
    uint64_t through;
    hf_err err;

    (void)state;
    setup_two(&body);
    assert_int_equal(body.store->ops->mark(body.store, true, 1, 1), HF_OK);
    assert_int_equal(body.store->ops->mark(body.store, true, 2, 2), HF_OK);
    assert_false(body.store->ops->poll(body.store, 5000, false, &through, &err));
    assert_true(body.store->ops->due_ms(body.store) == 5000 + HF_STORE_PRUNE_MS);
    assert_int_equal(look(&body, INFLIGHT), 0);
    assert_false(body.store->ops->poll(body.store, 5000 + HF_STORE_PRUNE_MS, false, &through, &err));
    assert_int_equal(look(&body, INFLIGHT), 2);
    assert_int_equal(body.store->ops->mark(body.store, false, 0, 0), HF_OK);
    commit(&body);
    assert_int_equal(look(&body, INFLIGHT), 0);
    body_deinit(&body);
}

/* The connection goes before a commit came: the attempt is counted, and it is pending. */
static void a_mark_that_is_taken_back_was_an_attempt(void **state)
{
    struct body body;

    (void)state;
    setup_two(&body);
    assert_int_equal(body.store->ops->mark(body.store, true, 1, 2), HF_OK);
    assert_int_equal(body.store->ops->ack(body.store, 1, NULL, NULL), HF_OK);
    assert_int_equal(body.store->ops->mark(body.store, false, 0, 0), HF_OK);
    commit(&body);
    assert_int_equal(look(&body, "SELECT count(*) FROM msg_queue"), 1);
    assert_int_equal(
        look(&body, "SELECT count(*) FROM msg_queue WHERE id=2 AND status='pending' AND attempts=1"), 1);
    body_deinit(&body);
}

static void a_mark_that_waits_is_kept_by_the_end(void **state)
{
    struct body body;

    (void)state;
    setup_two(&body);
    assert_int_equal(body.store->ops->mark(body.store, true, 2, 2), HF_OK);
    body_reopen(&body); /* makes it pending again, and leaves the attempt */
    assert_int_equal(look(&body, "SELECT attempts FROM msg_queue WHERE id=2"), 1);
    body_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_the_one_in_memory_holds),
        cmocka_unit_test(a_mark_reaches_the_file_within_its_second),
        cmocka_unit_test(a_mark_that_is_taken_back_was_an_attempt),
        cmocka_unit_test(a_mark_that_waits_is_kept_by_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
