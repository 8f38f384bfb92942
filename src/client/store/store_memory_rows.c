/* client/store/store_memory_rows.c - see store_memory_internal.h. */
#include "client/store/store_memory_internal.h"

/* ---- rows ---- */

static void touch(struct memory_store *store, struct row *row)
{
    if (!hf_list_linked(&row->touched))
        hf_list_push_back(&store->touched, &row->touched);
}

static void unlink_row(struct memory_store *store, struct row *row)
{
    if (store->cursor == row)
        store->cursor = NULL;
    hf_list_remove(&row->node);
    hf_list_remove(&row->urgent);
    hf_list_remove(&row->telemetry);
}

void hf_memory_row_free(struct memory_store *store, struct row *row)
{
    unlink_row(store, row);
    hf_list_remove(&row->touched);
    if (row->answers != NULL)
        row->answers->result = NULL;
    hf_ws_memory_give(&store->memory, row, row->bytes);
}

static struct hf_slice copy_text(char **at, struct hf_slice text)
{
    struct hf_slice copy = {*at, text.bytes};

    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return copy;
}

struct row *hf_memory_row_new(struct memory_store *store, const struct hf_store_message *message)
{
    size_t bytes = sizeof(struct row) + (message != NULL ? message->topic.bytes + message->payload.bytes : 0);
    struct row *row = hf_ws_memory_take(&store->memory, bytes);

    if (row == NULL)
        return NULL;
    char *texts = (char *)(row + 1);
    *row = (struct row){.bytes = bytes};
    hf_list_init(&row->node);
    hf_list_init(&row->urgent);
    hf_list_init(&row->telemetry);
    hf_list_init(&row->touched);
    if (message != NULL) {
        row->message = *message;
        row->message.topic = copy_text(&texts, message->topic);
        row->message.payload = copy_text(&texts, message->payload);
    }
    return row;
}

/* Puts a node into a list that is sorted by id or seq; nearly always at its end. */
static void insert_by_id(struct hf_list_node *list, struct hf_list_node *node, size_t offset, uint64_t id)
{
    struct hf_list_node *at = list->prev;

    while (at != list && ((struct row *)((char *)at - offset))->id > id)
        at = at->prev;
    hf_list_push_front(at, node);
}

static void link_row(struct memory_store *store, struct row *row)
{
    if (row->now.place == NUMBERED) {
        struct hf_list_node *at = store->numbered.prev;

        while (at != &store->numbered && ROW(at, node)->now.seq > row->now.seq)
            at = at->prev;
        hf_list_push_front(at, &row->node);
    } else if (row->now.place == WAITING) {
        insert_by_id(&store->waiting, &row->node, offsetof(struct row, node), row->id);
        if (row->message.urgent)
            insert_by_id(&store->urgent, &row->urgent, offsetof(struct row, urgent), row->id);
        if (row->message.class == HF_STORE_TELEMETRY)
            insert_by_id(&store->telemetry, &row->telemetry, offsetof(struct row, telemetry), row->id);
    }
}

static void move_row(struct memory_store *store, struct row *row, const struct row_state *to)
{
    unlink_row(store, row);
    row->now = *to;
    link_row(store, row);
    touch(store, row);
}

/* ---- counting ---- */

static void count_row(struct memory_store *store, const struct row *row, bool in)
{
    struct hf_store_facts *facts = &store->facts;
    uint64_t bytes = hf_store_message_bytes(&row->message), one = in ? 1 : UINT64_MAX;

    if (row->now.gap || row->now.place == GONE || row->now.place == NOWHERE)
        return;
    bytes = in ? bytes : 0 - bytes;
    facts->messages += one;
    facts->bytes += bytes;
    if (row->now.place == NUMBERED) {
        facts->numbered_messages += one;
        facts->numbered_bytes += bytes;
        return;
    }
    facts->waiting += one;
    if (row->message.urgent)
        facts->waiting_urgent += one;
}

void hf_memory_change(struct memory_store *store, struct row *row, const struct row_state *to)
{
    count_row(store, row, false);
    move_row(store, row, to);
    count_row(store, row, true);
}

void hf_memory_set_first(struct memory_store *store)
{
    const struct hf_list_node *head = store->numbered.next;

    store->facts.first = head == &store->numbered ? store->facts.next : ROW(head, node)->now.seq;
}

/* ---- what was seen ---- */

struct seen_row *hf_memory_seen_find(struct memory_store *store, const uint8_t uuid[16])
{
    for (struct hf_list_node *at = store->seen.prev; at != &store->seen; at = at->prev) {
        struct seen_row *row = HF_CONTAINER_OF(at, struct seen_row, node);

        if (memcmp(row->uuid, uuid, sizeof(row->uuid)) == 0)
            return row;
    }
    return NULL;
}

void hf_memory_seen_forget(struct memory_store *store, struct seen_row *row)
{
    hf_list_remove(&row->node);
    if (row->result != NULL)
        row->result->answers = NULL;
    hf_ws_memory_give(&store->memory, row, row->bytes);
}

struct seen_row *hf_memory_seen_add(struct memory_store *store, const uint8_t uuid[16],
                                    const struct hf_store_message *result)
{
    bool keep = result != NULL && result->payload.bytes <= HF_STORE_RESULT_BYTES_MAX;
    size_t bytes = sizeof(struct seen_row) + (keep ? result->payload.bytes : 0);
    struct seen_row *row = hf_ws_memory_take(&store->memory, bytes);

    if (row == NULL)
        return NULL;
    char *payload = (char *)(row + 1);
    *row = (struct seen_row){.bytes = bytes, .n = ++store->seen_n, .ticket = store->batch.ticket + 1};
    memcpy(row->uuid, uuid, sizeof(row->uuid));
    if (result != NULL)
        row->seen = (struct hf_store_seen){.result = true,
                                           .result_kept = keep,
                                           .status = result->status,
                                           .format = result->format,
                                           .text = result->text};
    if (keep)
        row->seen.payload = copy_text(&payload, result->payload);
    hf_list_init(&row->node);
    hf_list_push_back(&store->seen, &row->node);
    return row;
}

bool hf_memory_result_waits(const struct seen_row *row)
{
    return row->result != NULL && row->result->now.place != GONE && !row->result->now.gap;
}

/* ---- commits ---- */

/* Keeps the newest HF_STORE_SEEN, and older commands whose result waits. */
static void prune_seen(struct memory_store *store)
{
    struct hf_list_node *at = store->seen.next;

    while (at != &store->seen) {
        struct seen_row *row = HF_CONTAINER_OF(at, struct seen_row, node);

        if (row->n + HF_STORE_SEEN > store->seen_n)
            break;
        at = at->next;
        if (!hf_memory_result_waits(row))
            hf_memory_seen_forget(store, row);
    }
}

void hf_memory_keep(struct memory_store *store)
{
    while (!hf_list_empty(&store->touched)) {
        struct row *row = ROW(store->touched.next, touched);

        hf_list_remove(&row->touched);
        row->was = row->now;
        if (row->now.place == GONE)
            hf_memory_row_free(store, row);
    }
    store->facts_was = store->facts;
    prune_seen(store);
}

void hf_memory_undo(struct memory_store *store)
{
    struct hf_list_node back;

    hf_list_init(&back);
    while (!hf_list_empty(&store->touched)) {
        struct row *row = ROW(store->touched.next, touched);

        hf_list_remove(&row->touched);
        unlink_row(store, row);
        if (row->was.place == NOWHERE) {
            hf_memory_row_free(store, row);
            continue;
        }
        row->now = row->was;
        hf_list_push_back(&back, &row->touched);
    }
    while (!hf_list_empty(&back)) { /* only now: they are sorted in by what they are again */
        struct row *row = ROW(back.next, touched);

        hf_list_remove(&row->touched);
        link_row(store, row);
    }
    while (!hf_list_empty(&store->seen)) {
        struct seen_row *row = HF_CONTAINER_OF(store->seen.prev, struct seen_row, node);

        if (row->ticket <= store->batch.told)
            break;
        hf_memory_seen_forget(store, row);
    }
    store->facts = store->facts_was;
}
