/* Documents over holdfast.v1: PATCH and DELTA, what is told after WELCOME, and what a device may cost. */
#include "adapter/ws/ws_session_testkit.h"
#include "core/access.h"
#include "core/document/document.h"

enum { HELD_MAX = 16 };

static struct {
    bool hold, refuse;
    struct hf_call *held[HELD_MAX];
    unsigned held_count, made, leaves;
    int listeners;
    uint8_t random;
} t;

static hf_err call(void *context, struct hf_call *call)
{
    (void)context;
    if (t.refuse)
        return HF_ERR_BUSY;
    t.made++;
    t.leaves += call->document.leave;
    if (t.hold) {
        assert_true(t.held_count < HELD_MAX);
        t.held[t.held_count++] = call;
    } else {
        hf_hub_call(&kit.hub, &kit.tenant[0], call);
    }
    return HF_OK;
}

static void release(void) /* the mailboxes are emptied */
{
    unsigned count = t.held_count;

    t.hold = false;
    t.held_count = 0;
    for (unsigned i = 0; i < count; i++)
        hf_hub_call(&kit.hub, &kit.tenant[0], t.held[i]);
    sk_turn();
}

static void draw(void *context, void *out, size_t bytes)
{
    (void)context;
    memset(out, ++t.random, bytes);
}

static bool listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    (void)context, (void)tenant, (void)topic;
    return t.listeners > 0;
}

static void interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    (void)context, (void)tenant, (void)topic_hash;
    t.listeners += on ? 1 : -1;
}

static struct hf_hub_ops hub_ops;

static int begin(void **state)
{
    memset(&t, 0, sizeof(t));
    (void)sk_begin(state);
    sk_site_ops.call = call;
    sk_site_ops.random = draw;
    hub_ops = kit_hub_ops;
    hub_ops.listened = listened;
    hub_ops.interest = interest;
    kit.hub.options.ops = &hub_ops;
    return 0;
}

static int done(void **state)
{
    t.hold = t.refuse = false;
    release();
    int failed = sk_done(state);
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
    return failed;
}

/* ---- devices ---- */

static struct hf_frame hello_of(const char *device, const char *group)
{
    struct hf_frame hello = sk_hello(device);

    hello.as.hello.capabilities |= HF_CAP_DOCUMENTS;
    if (group != NULL) {
        hello.as.hello.groups[0] = hf_slice_of(group);
        hello.as.hello.group_count = 1;
    }
    return hello;
}

static struct kit_link *open_at(const char *device, const char *group, uint64_t context, uint64_t of_group)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION);
    struct hf_frame hello = hello_of(device, group);

    hello.as.hello.documents[0].document = HF_DOCUMENT_CONTEXT;
    hello.as.hello.documents[0].version = context;
    hello.as.hello.documents[1].document = HF_DOCUMENT_GROUP;
    hello.as.hello.documents[1].version = of_group;
    hello.as.hello.document_count = 2;
    assert_true(sk_welcomed(link, &hello).capabilities & HF_CAP_DOCUMENTS);
    sk_turn();
    return link;
}

static struct kit_link *open_json(const char *device, const char *group)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION_JSON);
    char text[512];

    snprintf(text, sizeof(text),
             "{\"type\":\"hello\",\"version_min\":1,\"version_max\":1,\"queue_id\":\"000000000000004d\","
             "\"uplink_first\":1,\"uplink_next\":1,\"window_messages\":256,\"window_bytes\":1048576,"
             "\"capabilities\":[\"documents\"],\"groups\":[\"%s\"]}",
             group);
    kit_text(link, text);
    sk_turn();
    kit_expect_part(link, "\"capabilities\":[\"documents\"]");
    return link;
}

static struct hf_frame patch_of(uint32_t request, uint8_t document, const char *json, uint64_t base)
{
    struct hf_frame frame = {.type = HF_FRAME_PATCH};

    frame.as.patch = (struct hf_frame_patch){.request = request,
                                             .document = document,
                                             .kind = HF_PATCH_MERGE,
                                             .base_version = base,
                                             .json = hf_slice_of(json)};
    return frame;
}

static void say_patch(struct kit_link *link, uint32_t request, uint8_t document, const char *json,
                      uint64_t base)
{
    struct hf_frame frame = patch_of(request, document, json, base);

    sk_say(link, &frame);
    sk_turn();
}

static void expect_delta(struct kit_link *link, uint32_t request, enum hf_reason reason, uint64_t base,
                         uint64_t version, const char *json)
{
    const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;

    assert_int_equal(delta->request, request);
    assert_string_equal(hf_reason_name(delta->reason), hf_reason_name(reason));
    assert_int_equal(delta->base_version, base);
    assert_int_equal(delta->version, version);
    if (!hf_slice_is(delta->json, json))
        fail_msg("%.*s, not %s", (int)delta->json.bytes, delta->json.at, json);
    if (json[0] != '\0')
        assert_int_equal(delta->kind, json[0] == '[' ? HF_PATCH_JSON : HF_PATCH_FULL);
}

/* An application changes it. */
static void on_changed(struct hf_call *call)
{
    assert_int_equal(call->reason, HF_REASON_NONE);
    hf_call_free(call);
}

static void app_changes(const char *name, const char *json, uint32_t ttl_ms)
{
    struct hf_call *change = hf_call_new(HF_CALL_DOCUMENT, 0);

    change->tenant = HF_SLICE("acme");
    change->device = hf_slice_of(name);
    change->key = HF_SLICE("key/k1");
    change->payload = hf_slice_of(json);
    change->document.change = true;
    change->document.kind = HF_PATCH_MERGE;
    change->document.ttl_ms = ttl_ms;
    change->id[0] = 7;
    change->on_done = on_changed;
    hf_hub_call(&kit.hub, &kit.tenant[0], change);
    sk_turn();
    sk_turn();
}

#define LONG "\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""

/* ---- changes ---- */

static void a_change_is_durable_before_it_is_answered(void **state)
{
    struct kit_link *link = open_at("d1", NULL, 0, 0);
    struct hf_frame patch = patch_of(5, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);

    (void)state;
    kit_expect_nothing(link); /* there is none yet */
    patch.as.patch.merge = HF_MERGE_VERSION;
    patch.as.patch.ttl_ms = 60000;
    sk_say(link, &patch);
    hf_hub_settle(&kit.hub);
    kit_expect_nothing(link);
    sk_turn();
    uint8_t snapshot[16];
    const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;
    assert_int_equal(delta->request, 5);
    assert_int_equal(delta->document, HF_DOCUMENT_CONTEXT);
    assert_int_equal(delta->reason, HF_REASON_NONE);
    assert_int_equal(delta->version, 1);
    assert_int_equal(delta->kind, HF_PATCH_FULL);
    assert_true(hf_slice_is(delta->json, "{\"a\":1}"));
    memcpy(snapshot, delta->snapshot_id, 16);
    assert_int_equal(snapshot[6] >> 4, 7); /* a UUIDv7 */
    const struct hf_event *event = kit_last(&kit, HF_EVENT_DOCUMENT);
    assert_memory_equal(event->id, snapshot, 16);
    assert_true(hf_slice_is(event->device, "d1"));
    assert_true(hf_slice_is(event->key, "d1"));
    struct hf_document stored;
    assert_int_equal(hf_document_decode(event->payload, &stored), HF_OK);
    assert_int_equal(stored.merge, HF_MERGE_VERSION);
    assert_int_equal(stored.ttl_ms, 60000);
    hf_document_deinit(&stored);
    say_patch(link, 6, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 1);
    expect_delta(link, 6, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    say_patch(link, 7, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 1);
    expect_delta(link, 7, HF_REASON_VERSION_CONFLICT, 0, 2, "{\"a\":2}");
    say_patch(link, 8, HF_DOCUMENT_CONTEXT, "", 2); /* only asks what it lacks */
    expect_delta(link, 8, HF_REASON_NONE, 2, 2, "");
    say_patch(link, 9, HF_DOCUMENT_CONTEXT, "", 1);
    expect_delta(link, 9, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DELTA], 5);
    assert_int_equal(kit.hub.ledger.counts.broadcast.pending, 0);
}

static void the_group_hears_of_it_in_each_encoding(void **state)
{
    struct kit_link *maker = open_at("d1", "home", 0, 0), *other = open_at("d2", "home", 0, 0);
    struct kit_link *json = open_json("d3", "home"), *apart = open_at("d4", "elsewhere", 0, 0);
    struct kit_link *old = sk_open("d5", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d5"), subscribe = {.type = HF_FRAME_SUBSCRIBE};
    struct hf_ws_admit admit = kit_admit(&kit, "d6");

    (void)state;
    hello.as.hello.groups[0] = HF_SLICE("home"); /* and knows no documents */
    hello.as.hello.group_count = 1;
    (void)sk_welcomed(old, &hello);
    subscribe.as.subscribe.topic = HF_SLICE("group/home");
    sk_say(apart, &subscribe); /* its messages, not its document */
    snprintf(admit.groups, sizeof(admit.groups), "home");
    struct kit_link *raw = kit_open_admit(&kit, &admit);
    sk_turn();

    say_patch(maker, 1, HF_DOCUMENT_GROUP, "{" LONG "}", 0);
    expect_delta(maker, 1, HF_REASON_NONE, 0, 1, "{" LONG "}");
    say_patch(maker, 2, HF_DOCUMENT_GROUP, "{\"n\":2}", 1);
    expect_delta(maker, 2, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(maker); /* its own changes are its answers */
    expect_delta(other, 0, HF_REASON_NONE, 0, 1, "{" LONG "}");
    const struct hf_frame_delta *delta = &sk_expect(other, HF_FRAME_DELTA)->as.delta;
    assert_int_equal(delta->document, HF_DOCUMENT_GROUP);
    assert_int_equal(delta->request, 0);
    assert_int_equal(delta->base_version, 1);
    assert_int_equal(delta->version, 2);
    assert_int_equal(delta->snapshot_id[6] >> 4, 7);
    kit_expect_part(json, "{\"type\":\"delta\",\"document\":\"group\",\"kind\":\"full\",\"version\":1,");
    kit_expect_part(json, "\"change\":[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]}");
    kit_expect_part(raw, "{\"type\":\"document\",\"topic\":\"group/home\",\"version\":1,\"from_version\":0,"
                         "\"snapshot_id\":\"");
    kit_expect_part(raw, "\"version\":2,\"from_version\":1,\"snapshot_id\":\"018bcfe5-6801-7202-");
    kit_expect_nothing(apart);
    kit_expect_nothing(old);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DELTA], 6);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DATA], 0);
    /* And back, from JSON. */
    kit_text(json,
             "{\"type\":\"patch\",\"request\":9,\"document\":\"group\",\"kind\":\"json\",\"base_version\":2,"
             "\"merge\":\"conflict_free\",\"change\":[{\"op\":\"remove\",\"path\":\"/n\"}]}");
    sk_turn();
    kit_expect_part(json, "\"request\":9");
    expect_delta(maker, 0, HF_REASON_NONE, 2, 3, "[{\"op\":\"remove\",\"path\":\"/n\"}]");
    kit_expect_nothing(json);
}

static void what_raw_members_read(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "r1");

    (void)state;
    snprintf(admit.groups, sizeof(admit.groups), "home");
    struct kit_link *raw = kit_open_admit(&kit, &admit);
    sk_turn();
    app_changes("group/home", "{\"a\":\"\\u0001\"}", 0);
    kit_expect_text(raw, "{\"type\":\"document\",\"topic\":\"group/home\",\"version\":1,\"from_version\":0,"
                         "\"snapshot_id\":\"07000000-0000-0000-0000-000000000000\",\"kind\":\"full\","
                         "\"document\":{\"a\":\"\\u0001\"}}");
}

static void an_application_changes_it_under_the_device(void **state)
{
    struct kit_link *link = open_at("d1", NULL, 0, 0);

    (void)state;
    app_changes("d1", "{\"a\":1}", 0);
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_end(link, HF_LINK_END_RESET);
    app_changes("d1", "{\"b\":1}", 0); /* nobody there */
    link = sk_device("d1");            /* who offers no documents is told of none */
    app_changes("d1", "{\"c\":1}", 0);
    kit_expect_nothing(link);
}

/* ---- after WELCOME ---- */

static void a_device_that_comes_back_gets_what_it_lacks(void **state)
{
    (void)state;
    kit_end(open_at("d1", "home", 0, 0), HF_LINK_END_EOF);
    app_changes("d1", "{" LONG "}", 0);
    app_changes("d1", "{\"n\":2}", 0);
    app_changes("group/home", "{\"g\":1}", 0);
    struct kit_link *link = open_at("d1", "home", 0, 0);
    expect_delta(link, 0, HF_REASON_NONE, 0, 2, "{" LONG ",\"n\":2}");
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = open_at("d1", "home", 1, 1);
    expect_delta(link, 0, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = open_at("d1", "home", 2, 1);
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = open_at("d1", "other", 2, 5); /* of a document that is no more */
    expect_delta(link, 0, HF_REASON_NOT_FOUND, 5, 0, "");
    kit_expect_nothing(link);
}

static void nothing_is_told_before_the_first_answer(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(open_at("d1", "home", 0, 0), HF_LINK_END_EOF);
    app_changes("group/home", "{" LONG "}", 0);
    t.hold = true;
    link = open_at("d1", "home", 0, 1);
    app_changes("d1", "{\"a\":1}", 0); /* what the reads will bring anyhow */
    app_changes("group/home", "{\"n\":2}", 0);
    kit_expect_nothing(link);
    release();
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    expect_delta(link, 0, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(link);
    app_changes("group/home", "{\"n\":3}", 0);
    expect_delta(link, 0, HF_REASON_NONE, 2, 3, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":3}]");
}

static void a_read_that_failed_is_made_again(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(open_at("d1", "home", 0, 0), HF_LINK_END_EOF);
    app_changes("d1", "{\"a\":1}", 0);
    app_changes("group/home", "{\"g\":1}", 0);
    t.refuse = true;
    link = open_at("d1", "home", 0, 0);
    sk_run(3 * HF_WS_DOCUMENT_RETRY_MS);
    kit_expect_nothing(link);
    t.refuse = false;
    sk_run(HF_WS_DOCUMENT_RETRY_MS + 100);
    sk_turn();
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
    unsigned made = t.made;
    sk_run(5 * HF_WS_DOCUMENT_RETRY_MS);
    assert_int_equal(t.made, made); /* once it is answered that is that */
}

static void a_first_delta_that_found_no_room_comes_later(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(open_at("d1", NULL, 0, 0), HF_LINK_END_EOF);
    app_changes("d1", "{\"a\":1}", 0);
    kit.rules.policies[HF_CLASS_MESSAGE] = HF_POLICY_DROP_NEWEST;
    t.hold = true;
    link = open_at("d1", NULL, 0, 0);
    link->queued = kit.rules.queue_high_bytes + 1; /* the peer reads nothing */
    release();
    kit_expect_nothing(link);
    link->queued = 0;
    sk_run(HF_WS_DOCUMENT_RETRY_MS + 100);
    sk_turn();
    expect_delta(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
}

/* ---- the time to live of a group's document ---- */

static void it_counts_from_when_the_last_member_left(void **state)
{
    struct kit_link *first = open_at("d1", "home", 0, 0), *second = open_at("d2", "home", 0, 0);

    (void)state;
    app_changes("group/home", "{\"a\":1}", 10000);
    kit_end(first, HF_LINK_END_EOF);
    sk_turn();
    kit_time(&kit, kit.hub.now_ms + 50000); /* one is there all the time */
    kit_end(second, HF_LINK_END_EOF);
    sk_turn();
    assert_int_equal(t.leaves, 2);
    assert_int_equal(t.listeners, 0);
    kit_time(&kit, kit.hub.now_ms + 9000);
    first = open_at("d1", "home", 0, 1);
    kit_expect_nothing(first); /* still the version that it has */
    kit_end(first, HF_LINK_END_EOF);
    sk_turn();
    kit_time(&kit, kit.hub.now_ms + 11000);
    first = open_at("d1", "home", 0, 1);
    expect_delta(first, 0, HF_REASON_NOT_FOUND, 1, 0, "");
}

/* ---- what is refused ---- */

static struct hf_slice too_large(void)
{
    static char text[HF_DOCUMENT_BYTES_MAX + 1];

    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[sizeof(text) - 1] = '}';
    return (struct hf_slice){text, sizeof(text)};
}

static struct hf_slice too_deep(void)
{
    static char text[64];
    size_t bytes = 0;

    for (unsigned i = 0; i <= HF_DOCUMENT_DEPTH_MAX; i++, bytes += 5)
        memcpy(text + bytes, "{\"a\":", 5);
    text[bytes++] = '1';
    memset(text + bytes, '}', HF_DOCUMENT_DEPTH_MAX + 1);
    return (struct hf_slice){text, bytes + HF_DOCUMENT_DEPTH_MAX + 1};
}

static void wrong_patches_are_refused_one_by_one(void **state)
{
    struct kit_link *link = open_at("d1", NULL, 0, 0);
    const struct {
        struct hf_frame_patch patch;
        enum hf_reason reason;
    } rows[] = {
        {{.request = 1, .document = 0, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 2, .document = 3, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 3, .document = 1, .kind = 3, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 4, .document = 1, .merge = 4, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 5, .document = 2, .json = HF_SLICE("{}")}, HF_REASON_NOT_FOUND}, /* it has no group */
        {{.request = 6, .document = 1, .json = too_large()}, HF_REASON_MESSAGE_TOO_BIG},
        {{.request = 7, .document = 1, .json = too_deep()}, HF_REASON_MESSAGE_TOO_BIG},
        {{.request = 8, .document = 1, .json = HF_SLICE("{\"a\":")}, HF_REASON_BAD_REQUEST},
        {{.request = 9, .document = 1, .json = HF_SLICE("[1]")}, HF_REASON_BAD_REQUEST},
        {{.request = 10, .document = 1, .kind = 2, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 11, .document = 1, .json = HF_SLICE("{}"), .base_version = 9},
         HF_REASON_VERSION_CONFLICT},
        {{.request = 12, .document = 1}, HF_REASON_NOT_FOUND}, /* asks, and there is none */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_frame frame = {.type = HF_FRAME_PATCH};

        frame.as.patch = rows[i].patch;
        sk_say(link, &frame);
        sk_turn();
        const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;
        if (delta->request != i + 1 || delta->reason != rows[i].reason ||
            delta->document != rows[i].patch.document)
            fail_msg("row %zu: request %u, %s", i, delta->request, hf_reason_name(delta->reason));
        assert_int_equal(delta->json.bytes, 0);
    }
    say_patch(link, 0, HF_DOCUMENT_CONTEXT, "{}", 0);
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.reason, HF_REASON_BAD_REQUEST);
    assert_int_equal(kit_count(&kit, HF_EVENT_DOCUMENT), 0);
    struct kit_link *old = sk_device("d2");
    say_patch(old, 1, HF_DOCUMENT_CONTEXT, "{}", 0);
    expect_delta(old, 1, HF_REASON_NOT_IMPLEMENTED, 0, 0, "");
}

static void access_rules_hold_for_the_group(void **state)
{
    static const struct hf_access_rule rules[] = {
        {.device = HF_SLICE("writer"),
         .topic = HF_SLICE("group/+"),
         .direction = HF_ACCESS_BOTH,
         .allow = true},
        {.device = HF_SLICE("reader"),
         .topic = HF_SLICE("group/+"),
         .direction = HF_ACCESS_DOWN,
         .allow = true},
    };
    struct hf_access_rules *access;
    unsigned bad;

    (void)state;
    assert_int_equal(hf_access_new(rules, 2, &bad, &access), HF_OK);
    kit.rules.access = access;
    struct kit_link *writer = open_at("writer", "home", 0, 0), *reader = open_at("reader", "home", 0, 0);
    struct kit_link *stranger = open_at("stranger", "home", 0, 0);
    say_patch(writer, 1, HF_DOCUMENT_GROUP, "{\"a\":1}", 0);
    expect_delta(writer, 1, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    expect_delta(reader, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_expect_nothing(stranger);
    say_patch(reader, 1, HF_DOCUMENT_GROUP, "{\"a\":2}", 0);
    expect_delta(reader, 1, HF_REASON_FORBIDDEN, 0, 0, "");
    say_patch(reader, 2, HF_DOCUMENT_GROUP, "", 1);
    expect_delta(reader, 2, HF_REASON_NONE, 1, 1, "");
    say_patch(stranger, 1, HF_DOCUMENT_GROUP, "", 0);
    expect_delta(stranger, 1, HF_REASON_FORBIDDEN, 0, 0, "");
    say_patch(stranger, 2, HF_DOCUMENT_CONTEXT, "{\"own\":1}", 0);
    expect_delta(stranger, 2, HF_REASON_NONE, 0, 1, "{\"own\":1}");
    kit_end(stranger, HF_LINK_END_EOF);
    stranger = open_at("stranger", "home", 1, 0); /* nor does it get it after WELCOME */
    kit_expect_nothing(stranger);
    kit.rules.access = NULL;
    hf_access_free(access);
}

/* ---- what a device may cost ---- */

static void calls_on_their_way_are_bounded(void **state)
{
    struct kit_link *link = open_at("d1", NULL, 0, 0);

    (void)state;
    t.hold = true;
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++)
        say_patch(link, i, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.document_bytes_now, 7 * HF_WS_DOCUMENT_CALLS_MAX);
    say_patch(link, 99, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    expect_delta(link, 99, HF_REASON_BUSY, 0, 0, "");
    assert_int_equal(kit.site.stats.document_calls_refused, 1);
    release();
    sk_turn();
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++)
        assert_int_equal(sk_expect(link, HF_FRAME_DELTA)->as.delta.request, i);
    say_patch(link, 100, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 0);
    expect_delta(link, 100, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    kit.site.stats.document_bytes_now = HF_WS_DOCUMENT_BYTES_TOTAL_MAX - 6; /* of others */
    say_patch(link, 101, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 0);
    expect_delta(link, 101, HF_REASON_BUSY, 0, 0, "");
    kit.site.stats.document_bytes_now = 0;
    t.refuse = true; /* the home's mailbox is full */
    say_patch(link, 102, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 0);
    expect_delta(link, 102, HF_REASON_BUSY, 0, 0, "");
    assert_int_equal(kit.site.stats.document_calls_refused, 3);
}

static void changes_count_against_the_rate(void **state)
{
    struct kit_link *link = open_at("d1", NULL, 0, 0);

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){1, 2};
    for (unsigned i = 1; i <= 4; i++)
        say_patch(link, i, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    expect_delta(link, 1, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    expect_delta(link, 2, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_expect_nothing(link);
    assert_true(link->paused);
    for (unsigned i = 3; i <= 4; i++) {
        sk_run(1100);
        sk_turn();
        sk_skip_acks(link);
        expect_delta(link, i, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    }
    kit.gate_closed = true; /* the log cannot keep up */
    sk_run(5000);
    say_patch(link, 5, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    sk_skip_acks(link);
    kit_expect_nothing(link);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    sk_turn();
    expect_delta(link, 5, HF_REASON_NONE, 0, 1, "{\"a\":1}");
}

static void answers_may_find_nobody(void **state)
{
    struct kit_link *link = open_at("d1", "home", 0, 0), *again;

    (void)state;
    t.hold = true;
    say_patch(link, 1, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    say_patch(link, 2, HF_DOCUMENT_GROUP, "{\"g\":1}", 0);
    again = open_at("d1", "home", 0, 0); /* takes over; its reads are held as well */
    assert_int_equal(kit.site.stats.document_bytes_now, 14);
    kit_end(again, HF_LINK_END_RESET);
    release();
    sk_turn();
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
    assert_int_equal(kit_count(&kit, HF_EVENT_DOCUMENT), 2); /* they were made all the same */
    again = open_at("d1", "home", 0, 0);
    expect_delta(again, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    expect_delta(again, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
}

/* A policy ends the connection of a slow reader while an answer is told. */
static void an_answer_may_be_the_end(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(open_at("d1", "home", 0, 0), HF_LINK_END_EOF);
    app_changes("d1", "{\"a\":1}", 0);
    app_changes("group/home", "{\"g\":1}", 0);
    kit.rules.policies[HF_CLASS_MESSAGE] = HF_POLICY_DISCONNECT;
    t.hold = true;
    link = open_at("d1", "home", 0, 0);
    say_patch(link, 1, HF_DOCUMENT_GROUP, "{\"g\":2}", 0);
    link->queued = kit.rules.queue_high_bytes + 1;
    release();
    assert_int_equal(kit.closed_reason, HF_REASON_SLOW_READER);
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        T(a_change_is_durable_before_it_is_answered),
        T(the_group_hears_of_it_in_each_encoding),
        T(what_raw_members_read),
        T(an_application_changes_it_under_the_device),
        T(a_device_that_comes_back_gets_what_it_lacks),
        T(nothing_is_told_before_the_first_answer),
        T(a_read_that_failed_is_made_again),
        T(a_first_delta_that_found_no_room_comes_later),
        T(it_counts_from_when_the_last_member_left),
        T(wrong_patches_are_refused_one_by_one),
        T(access_rules_hold_for_the_group),
        T(calls_on_their_way_are_bounded),
        T(changes_count_against_the_rate),
        T(answers_may_find_nobody),
        T(an_answer_may_be_the_end),
    };

    return cmocka_run_group_tests_name("ws_session_documents", tests, NULL, NULL);
}
