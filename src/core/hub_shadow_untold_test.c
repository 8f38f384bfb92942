/* A device that reads slowly, or for which there was no memory, is told of its shadows when there is room again: once, as they are then, past what waits in the queue. */
#include "core/hub_shadow_testkit.h"

enum { D = TK_CONNS - 1, HEARD = 256 };

static struct hf_devconn_ops slow_ops;
static bool takes;
static struct {
    char text[HEARD][64];
    unsigned count;
} heard;

static bool takes_shadow(const struct hf_devconn *devconn, struct hf_slice name)
{
    (void)devconn, (void)name;
    return takes;
}

static hf_err write_now(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    hf_err err = tk_devconn_ops.write(devconn, outgoing);

    if (err == HF_OK && outgoing->kind == HF_OUT_SHADOW) {
        assert_true(heard.count < HEARD);
        (void)snprintf(heard.text[heard.count++], sizeof(heard.text[0]), "%.*s", (int)outgoing->payload.bytes,
                       outgoing->payload.at);
    }
    return err;
}

static void listen(struct tk *tk)
{
    slow_ops = tk_devconn_ops;
    slow_ops.takes_shadow = takes_shadow;
    slow_ops.write = write_now;
    tk->conns[D].dev.ops = &slow_ops;
    tk->rules.queue_low_bytes = 0; /* what the link holds has to go first */
    takes = true;
    heard.count = 0;
}

static int begin(void **state)
{
    if (setup(state) != 0)
        return 1;
    listen(*state);
    return 0;
}

static void stick(struct tk *tk)
{
    tk->conns[D].stuck = true;
    tk->conns[D].link_bytes = 1;
}

static struct told change_named(struct tk *tk, const char *name, const char *json)
{
    struct told told;

    ask(tk, (struct ask){.name = name, .json = json}, &told);
    tk_run(tk);
    assert_true(told.done);
    return told;
}

static void expect_heard(unsigned at, const char *text)
{
    assert_true(at < heard.count);
    assert_string_equal(heard.text[at], text);
}

static void expect_untold(const struct tk *tk, unsigned count)
{
    assert_int_equal(tk->hub.stats.shadows_untold, count);
    assert_int_equal(tk->conns[D].dev.untold, count > 0);
    assert_int_equal(hf_timer_armed(&tk->hub.untold_timer), count > 0);
}

static void a_full_link_hears_the_newest_when_it_drains(void **state)
{
    struct tk *tk = *state;

    assert_int_equal(change(tk, "{\"desired\":{\"a\":1}}").reason, HF_REASON_NONE);
    assert_int_equal(heard.count, 1);
    stick(tk);
    (void)change(tk, "{\"desired\":{\"a\":2}}");
    (void)change(tk, "{\"desired\":{\"a\":3}}");
    (void)change_named(tk, "led", "{\"desired\":{\"on\":true}}");
    assert_int_equal(heard.count, 1);
    expect_untold(tk, 2);
    assert_int_equal(tk->hub.stats.shadows_put_off, 2); /* one mark for each, not one for each change */
    tk_drain(&tk->conns[D]);
    tk_run(tk);
    assert_int_equal(heard.count, 3);
    expect_heard(1, "{\"version\":3,\"delta\":{\"a\":3}}");
    expect_heard(2, "{\"name\":\"led\",\"version\":1,\"delta\":{\"on\":true}}");
    expect_untold(tk, 0);
    tk_drain(&tk->conns[D]);
    tk_advance(tk, 5000);
    tk_run(tk);
    assert_int_equal(heard.count, 3);
}

static void so_it_hears_that_one_is_gone(void **state)
{
    struct tk *tk = *state;
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);
    struct told told = {0};

    (void)change_named(tk, "led", "{\"desired\":{\"on\":true}}");
    stick(tk);
    call->tenant = tk->tenant.name;
    call->device = HF_SLICE("d");
    call->topic = HF_SLICE("led");
    call->key = HF_SLICE("key/k");
    call->document = (struct hf_call_document){.shadow = true, .change = true, .remove = true};
    call->maker = &told;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_int_equal(heard.count, 1);
    tk_drain(&tk->conns[D]);
    tk_run(tk);
    assert_int_equal(heard.count, 2);
    expect_heard(1, "{\"name\":\"led\",\"version\":0,\"delta\":{}}");
}

/* Each drain has room for one message. The shadow changes all the time, and the queue is never empty. */
static void neither_it_nor_the_queue_starves(void **state)
{
    const struct hf_outgoing other = {
        .kind = HF_OUT_MESSAGE, .class = HF_CLASS_TELEMETRY, .payload = HF_SLICE("other")};
    struct tk *tk = *state;
    struct tk_conn *conn = &tk->conns[D];
    char json[64];

    stick(tk);
    for (unsigned i = 0; i < 20; i++)
        (void)hf_hub_tell(&tk->hub, &conn->dev, &other);
    for (unsigned i = 0; i < 8; i++) {
        unsigned before = conn->seen_count;

        (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":%u}}", i);
        (void)change(tk, json);
        conn->link_bytes = 0; /* and takes no more: it stays stuck */
        hf_hub_drained(&tk->hub, &conn->dev);
        tk_run(tk);
        assert_int_equal(conn->seen_count, before + 1);
    }
    assert_int_equal(heard.count, 4);
    expect_heard(3, "{\"version\":7,\"delta\":{\"a\":6}}");
    assert_true(hf_sendq_messages(conn->dev.sendq) == 16);
}

/* No memory: no link will say when there is some. */
static void what_no_link_will_say_is_tried_in_a_second(void **state)
{
    struct tk *tk = *state;

    tk->conns[D].no_memory = true;
    (void)change(tk, "{\"desired\":{\"a\":1}}");
    expect_untold(tk, 1);
    tk_advance(tk, 1100);
    tk_run(tk);
    expect_untold(tk, 1);
    tk->conns[D].no_memory = false;
    tk_run(tk);
    assert_int_equal(heard.count, 0); /* no storm: once a second */
    tk_advance(tk, 1100);
    tk_run(tk);
    assert_int_equal(heard.count, 1);
    expect_untold(tk, 0);
}

/* A change that is on its way tells it, and nothing else does. */
static void one_that_is_being_changed_is_told_once(void **state)
{
    struct tk *tk = *state;
    struct told told;

    stick(tk);
    (void)change(tk, "{\"desired\":{\"a\":1}}");
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":2}}"}, &told);
    tk_drain(&tk->conns[D]);
    tk_settle(tk);
    tk_settle(tk);
    assert_int_equal(heard.count, 0);
    tk_run(tk);
    assert_int_equal(heard.count, 2); /* of the change, and of the question that stood behind it */
    expect_heard(0, "{\"version\":2,\"delta\":{\"a\":2}}");
    expect_heard(1, "{\"version\":2,\"delta\":{\"a\":2}}");
    expect_untold(tk, 0);
}

/* So many calls wait for it already that the question is refused: it is put again. */
static void one_that_is_too_busy_is_asked_again(void **state)
{
    static struct told told[HF_HUB_DOCUMENT_CALLS_MAX + 1];
    struct tk *tk = *state;

    stick(tk);
    (void)change(tk, "{\"desired\":{\"a\":1}}");
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":null}}", .base = 99},
        &told[0]); /* refused: nothing to tell */
    assert_true(told[0].done);
    takes = false; /* the change that makes it busy tells nobody */
    ask(tk, (struct ask){.json = "{\"tags\":{\"t\":1}}"}, &told[0]);
    for (unsigned i = 1; i <= HF_HUB_DOCUMENT_CALLS_MAX; i++)
        ask(tk, (struct ask){.read = true}, &told[i]);
    tk_drain(&tk->conns[D]);
    tk_settle(tk);
    assert_int_equal(heard.count, 0);
    expect_untold(tk, 1);
    tk->conns[D].stuck = true; /* so that the change itself finds no room */
    tk->conns[D].link_bytes = 1;
    takes = true;
    tk_run(tk);
    assert_int_equal(heard.count, 0);
    tk_drain(&tk->conns[D]);
    tk_run(tk);
    assert_int_equal(heard.count, 1);
    expect_untold(tk, 0);
}

static void who_does_not_want_it_any_more_is_left_alone(void **state)
{
    struct tk *tk = *state;

    stick(tk);
    (void)change(tk, "{\"desired\":{\"a\":1}}");
    takes = false;
    tk_drain(&tk->conns[D]);
    tk_run(tk);
    assert_int_equal(heard.count, 0);
    expect_untold(tk, 0);
}

static void marks_go_with_the_connection(void **state)
{
    struct tk *tk = *state;

    stick(tk);
    (void)change(tk, "{\"desired\":{\"a\":1}}");
    (void)change_named(tk, "led", "{\"desired\":{\"on\":true}}");
    expect_untold(tk, 2);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK); /* a newer one */
    assert_int_equal(tk->hub.stats.shadows_untold, 0);
    assert_false(hf_timer_armed(&tk->hub.untold_timer));
    tk_run(tk);
    assert_int_equal(tk->conns[0].seen_count, 0); /* it asks itself */
}

static void above_so_many_it_is_a_slow_reader(void **state)
{
    struct tk *tk = *state;
    char name[16];

    tk->rules.shadow.names_max = HF_HUB_UNTOLD_MAX + 10;
    stick(tk);
    for (unsigned i = 0; i < HF_HUB_UNTOLD_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        (void)change_named(tk, name, "{\"desired\":{\"a\":1}}");
    }
    expect_untold(tk, HF_HUB_UNTOLD_MAX);
    (void)change_named(tk, "n0", "{\"desired\":{\"a\":2}}");
    assert_true(tk->conns[D].open);
    assert_int_equal(change_named(tk, "one_more", "{\"desired\":{\"a\":1}}").reason, HF_REASON_NONE);
    assert_false(tk->conns[D].open);
    assert_int_equal(tk->conns[D].closed_for, HF_REASON_SLOW_READER);
    assert_int_equal(tk->hub.stats.shadows_untold, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, teardown)
    const struct CMUnitTest tests[] = {
        T(a_full_link_hears_the_newest_when_it_drains),
        T(so_it_hears_that_one_is_gone),
        T(neither_it_nor_the_queue_starves),
        T(what_no_link_will_say_is_tried_in_a_second),
        T(one_that_is_being_changed_is_told_once),
        T(one_that_is_too_busy_is_asked_again),
        T(who_does_not_want_it_any_more_is_left_alone),
        T(marks_go_with_the_connection),
        T(above_so_many_it_is_a_slow_reader),
    };

    return cmocka_run_group_tests_name("hub_shadow_untold", tests, NULL, NULL);
}
