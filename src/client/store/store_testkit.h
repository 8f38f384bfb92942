/* Shared by the tests of client/store/store.h: both bodies, shorthands, and a dump that says all that a store holds. */
#ifndef HF_CLIENT_STORE_TESTKIT_H
#define HF_CLIENT_STORE_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/sb.h"
#include "client/store/store_memory.h"
#include "client/store/store_memory_internal.h"
#include "client/store/store_sqlite.h"

enum { DUMP_BYTES = 1 << 16, QUEUE_ID = 0x1234 };
#define NO_LIMIT UINT64_MAX

struct body {
    struct hf_store *store;
    struct hf_store_limits limits;
    bool sqlite;
    char dir[48], path[64];
    uint64_t now_ms;
};

static inline void body_open(struct body *body)
{
    if (body->sqlite) {
        const struct hf_store_sqlite_options options = {
            .path = body->path, .limits = body->limits, .queue_id = QUEUE_ID};
        char error[256];

        if (hf_store_sqlite_open(&options, &body->store, error, sizeof(error)) != HF_OK)
            fail_msg("%s", error);
        return;
    }
    const struct hf_store_memory_options options = {.limits = body->limits, .queue_id = QUEUE_ID};

    assert_int_equal(hf_store_memory_open(&options, &body->store), HF_OK);
}

static inline void body_init(struct body *body, bool sqlite, uint64_t messages_max)
{
    *body = (struct body){.sqlite = sqlite,
                          .limits.messages_max = messages_max,
                          .dir = "/tmp/hf_client_store.XXXXXX",
                          .now_ms = 1000};
    assert_non_null(mkdtemp(body->dir));
    (void)snprintf(body->path, sizeof(body->path), "%s/q.db", body->dir);
    body_open(body);
}

static inline void body_deinit(struct body *body)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char path[80];

    body->store->ops->close(body->store);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", body->path, ends[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(body->dir), 0);
}

/* A process that ends and begins again; the memory body just goes on. */
static inline void body_reopen(struct body *body)
{
    if (!body->sqlite)
        return;
    body->store->ops->close(body->store);
    body_open(body);
}

/* An empty queue that has numbered everything before `next`. */
static inline void body_begins_at(struct body *body, uint64_t next)
{
    if (!body->sqlite) {
        struct memory_store *store = HF_CONTAINER_OF(body->store, struct memory_store, base);

        store->facts.first = store->facts.next = next;
        hf_memory_keep(store);
        return;
    }
    sqlite3 *db;
    char sql[80];

    body->store->ops->close(body->store);
    (void)snprintf(sql, sizeof(sql), "UPDATE device_state SET next=%llu", (unsigned long long)next);
    assert_int_equal(sqlite3_open(body->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    body_open(body);
}

static inline struct hf_store_facts facts_of(struct hf_store *store)
{
    struct hf_store_facts facts;

    store->ops->facts(store, &facts);
    return facts;
}

static inline void uuid_of(unsigned n, uint8_t uuid[16])
{
    memset(uuid, 0x5a, 16);
    uuid[0] = (uint8_t)n;
    uuid[1] = (uint8_t)(n >> 8);
}

static inline struct hf_store_message message_of(enum hf_store_class class, const char *payload)
{
    struct hf_store_message message = {.class = (uint8_t) class,
                                       .created_ms = 1700000000123,
                                       .topic = HF_SLICE("t"),
                                       .payload = hf_slice_of(payload)};

    uuid_of(7, message.uuid);
    return message;
}

static inline uint64_t put(struct hf_store *store, enum hf_store_class class, const char *payload,
                           bool urgent)
{
    struct hf_store_message message = message_of(class, payload);
    uint64_t id = 0, ticket = 0;

    message.urgent = urgent;
    assert_int_equal(store->ops->append(store, &message, &id, &ticket), HF_OK);
    assert_true(ticket > 0);
    return id;
}

/* The next waiting one gets its number. */
static inline hf_err give(struct hf_store *store, uint64_t utc_ms, uint64_t *ret_id,
                          enum hf_reason *ret_reason)
{
    uint64_t ticket = 0;

    return store->ops->number(store, false, 0, utc_ms, NO_LIMIT, ret_id, ret_reason, &ticket);
}

static inline void give_all(struct hf_store *store)
{
    uint64_t id;
    enum hf_reason reason;

    while (give(store, 0, &id, &reason) == HF_OK)
        assert_int_equal(reason, HF_REASON_NONE);
}

/* Commits; every ticket so far ends well. */
static inline void commit(struct body *body)
{
    uint64_t through = 0;
    hf_err err = HF_OK;

    while (body->store->ops->poll(body->store, ++body->now_ms, true, &through, &err))
        assert_int_equal(err, HF_OK);
    assert_true(body->store->ops->due_ms(body->store) == UINT64_MAX);
}

static inline void dump_item(struct hf_sb *sb, const struct hf_store_item *item)
{
    const struct hf_store_message *message = &item->message;

    if (item->gap) {
        hf_sb_printf(sb, "%llu-%llu gap %s\n", (unsigned long long)item->seq,
                     (unsigned long long)item->seq_to, hf_reason_name(item->reason));
        return;
    }
    hf_sb_printf(sb, "%llu #%llu class=%u%s%s format=%u status=%u created=%llu expires=%llu ",
                 (unsigned long long)item->seq, (unsigned long long)item->id, message->class,
                 message->urgent ? " urgent" : "", message->text ? " text" : "", message->format,
                 message->status, (unsigned long long)message->created_ms,
                 (unsigned long long)message->expires_ms);
    hf_sb_hex(sb, message->uuid, sizeof(message->uuid));
    hf_sb_char(sb, ' ');
    hf_sb_slice(sb, message->topic);
    hf_sb_char(sb, '=');
    hf_sb_slice(sb, message->payload);
    hf_sb_char(sb, '\n');
}

/* Facts, the numbered stream, and the seen ones of uuid_of(0..seen-1). The caller frees it. */
static inline char *dump(struct hf_store *store, unsigned seen)
{
    struct hf_store_facts facts = facts_of(store);
    char *storage = malloc(DUMP_BYTES);
    struct hf_store_item item;
    struct hf_sb sb;

    assert_non_null(storage);
    hf_sb_init(&sb, storage, DUMP_BYTES);
    hf_sb_printf(
        &sb,
        "queue=%llx first=%llu next=%llu last=%llu held=%llu/%llu numbered=%llu/%llu waiting=%llu/%llu "
        "dropped=%llu expired=%llu failed=%llu position=%llu session=",
        (unsigned long long)facts.queue_id, (unsigned long long)facts.first, (unsigned long long)facts.next,
        (unsigned long long)facts.id_last, (unsigned long long)facts.messages,
        (unsigned long long)facts.bytes, (unsigned long long)facts.numbered_messages,
        (unsigned long long)facts.numbered_bytes, (unsigned long long)facts.waiting,
        (unsigned long long)facts.waiting_urgent, (unsigned long long)facts.dropped_total,
        (unsigned long long)facts.expired_total, (unsigned long long)facts.failed_total,
        (unsigned long long)facts.position);
    hf_sb_hex(&sb, facts.session_id, sizeof(facts.session_id));
    hf_sb_char(&sb, '\n');
    for (uint64_t seq = facts.first; seq < facts.next; seq = item.seq_to + 1) {
        assert_int_equal(store->ops->read(store, seq, &item), HF_OK);
        assert_true(item.seq <= seq && seq <= item.seq_to);
        dump_item(&sb, &item);
    }
    for (unsigned n = 0; n < seen; n++) {
        struct hf_store_seen one;
        uint8_t uuid[16];

        uuid_of(n, uuid);
        if (store->ops->seen(store, uuid, &one) != HF_OK)
            continue;
        hf_sb_printf(&sb, "seen %u result=%d waits=%d kept=%d status=%u format=%u text=%d ", n, one.result,
                     one.result_waits, one.result_kept, one.status, one.format, one.text);
        hf_sb_slice(&sb, one.payload);
        hf_sb_char(&sb, '\n');
    }
    assert_false(sb.overflow);
    return storage;
}

#endif
