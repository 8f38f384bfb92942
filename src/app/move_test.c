/* How a device's connection comes to its home (app/home.c): let in, or refused on record; what was taken back meanwhile holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/worker.h"
#include "core/rows.h"
#include "store/memory/kv_memory.h"

static struct {
    struct hf_gateway gateway;
    struct hf_gateway_rules rules;
    struct hf_config config;
    struct hf_tenant tenant;
    struct hf_tenant_rules tenant_rules;
    struct hf_worker *home;
    struct hf_loop *elsewhere; /* where the connection comes from */
    struct hf_kv *kv;
    struct hf_journal journal;
    unsigned refused, online;
    enum hf_reason reason;
    int peer; /* the device's end */
} t;

static hf_err append(struct hf_journal *journal, const struct hf_event *event, struct hf_waiter *waiter)
{
    (void)journal, (void)waiter;
    if (event->type == HF_EVENT_REFUSED) {
        assert_true(hf_slice_is(event->device, "d1"));
        t.refused++;
        t.reason = (enum hf_reason)event->reason;
    }
    t.online += event->type == HF_EVENT_ONLINE;
    return HF_OK;
}

static int begin(void **state)
{
    static const struct hf_log_sink nowhere = {0};
    const struct hf_ws_limits limits = {.auth_timeout_ms = 5000,
                                        .close_timeout_ms = 5000,
                                        .write_timeout_ms = 10000,
                                        .unauthenticated_message_bytes_max = 4096,
                                        .message_bytes_max = 65536,
                                        .fragments_max = 8};
    const struct hf_loop_options one = {.streams_max = 1};

    (void)state;
    memset(&t, 0, sizeof(t));
    t.tenant.name = HF_SLICE("acme");
    t.tenant_rules = (struct hf_tenant_rules){.heartbeat_interval_ms = 30000,
                                              .heartbeat_dead_ms = 60000,
                                              .queue_high_bytes = 65536,
                                              .queue_low_bytes = 16384,
                                              .subscriptions_max = 4};
    atomic_store(&t.tenant.rules, &t.tenant_rules);
    t.journal.append = append;
    t.rules.config = &t.config;
    t.gateway.rules = &t.rules;
    t.gateway.worker_count = 1;
    t.gateway.workers = &t.home;
    hf_logger_init(&t.gateway.logger, &nowhere, HF_LOG_LOGFMT, HF_LOG_ERROR);
    assert_int_equal(hf_kv_memory_open(&t.kv), HF_OK);
    t.home = calloc(1, sizeof(*t.home));
    assert_non_null(t.home);
    t.home->gateway = &t.gateway;
    t.home->loop = hf_loop_new(&one);
    t.elsewhere = hf_loop_new(NULL);
    t.home->auth = hf_auth_new(t.kv);
    assert_true(t.home->loop != NULL && t.elsewhere != NULL && t.home->auth != NULL);
    t.home->loop->user = t.home;
    const struct hf_hub_options options = {.journal = &t.journal,
                                           .kv = t.kv,
                                           .wheel = &t.home->loop->wheel,
                                           .ops = &hf_worker_hub_ops,
                                           .context = t.home,
                                           .seed = 1,
                                           .boot = 1,
                                           .workers = 1};
    hf_hub_init(&t.home->hub, &options);
    t.home->ws.hub = &t.home->hub;
    t.home->ws.auth = t.home->auth;
    t.home->ws.wheel = &t.home->loop->wheel;
    t.home->ws.ops = &hf_worker_ws_ops;
    t.home->ws.context = t.home;
    return hf_ws_site_init(&t.home->ws, &limits, 16);
}

static int end(void **state)
{
    (void)state;
    hf_ws_site_abort(&t.home->ws);
    hf_loop_turn(t.home->loop, 0);
    hf_loop_turn(t.elsewhere, 0);
    hf_ws_site_deinit(&t.home->ws);
    hf_hub_deinit(&t.home->hub);
    hf_auth_free(t.home->auth);
    hf_loop_free(t.home->loop);
    hf_loop_free(t.elsewhere);
    hf_kv_close(t.kv);
    free(t.home);
    close(t.peer);
    return 0;
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    (void)link, (void)data, (void)bytes;
}

static void ignore(struct hf_link *link)
{
    (void)link;
}

static void on_end(struct hf_link *link, enum hf_link_end link_end, int sys_errno)
{
    (void)link, (void)link_end, (void)sys_errno;
}

static const struct hf_link_handler handler = {
    .on_data = on_data, .on_drained = ignore, .on_blocked = ignore, .on_end = on_end};

/* d1 has been let in by another worker, which has posted its connection. */
static void arrive(void)
{
    struct hf_move *move = calloc(1, sizeof(*move));
    struct hf_stream *stream = NULL;
    int pair[2];

    assert_non_null(move);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    t.peer = pair[1];
    assert_int_equal(hf_stream_open(t.elsewhere, pair[0], NULL, &handler, NULL, &stream), HF_OK);
    assert_int_equal(hf_stream_detach(stream, NULL, 0, &move->seat), HF_OK);
    move->admit.conn_id = 7;
    move->admit.identity.tenant = &t.tenant;
    move->admit.identity.device_bytes = 2;
    memcpy(move->admit.identity.device, "d1", sizeof("d1"));
    memcpy(move->admit.identity.jti, "j1", sizeof("j1"));
    hf_worker_on_move(t.home, move);
    hf_loop_flush(t.home->loop);
    hf_loop_turn(t.home->loop, 0);
}

static const char *heard(void)
{
    static char text[2048];
    ssize_t bytes = recv(t.peer, text, sizeof(text) - 1, 0);

    text[bytes > 0 ? bytes : 0] = '\0';
    return text;
}

static void who_comes_home_is_let_in(void **state)
{
    (void)state;
    arrive();
    assert_int_equal(t.online, 1);
    assert_int_equal(t.refused, 0);
    assert_int_equal(t.home->moved_in, 1);
    assert_non_null(strstr(heard(), "101 Switching Protocols"));
}

static void arrive_revoked(const char *key, size_t bytes)
{
    struct hf_kv_txn *txn = NULL;

    assert_int_equal(hf_kv_write(t.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_REVOCATIONS, (struct hf_slice){key, bytes}, HF_SLICE("x")), HF_OK);
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    arrive();
    assert_int_equal(t.online, 0);
    assert_int_equal(t.refused, 1);
    assert_int_equal(t.reason, HF_REASON_REVOKED);
    assert_non_null(strstr(heard(), "\"reason\":\"revoked\""));
}

static void who_was_revoked_on_the_way_is_not(void **state)
{
    static const char key[] = "acme\0device:d1";

    (void)state;
    arrive_revoked(key, sizeof(key) - 1);
}

static void whose_token_was_revoked_on_the_way_is_not(void **state)
{
    static const char key[] = "acme\0token:j1";

    (void)state;
    arrive_revoked(key, sizeof(key) - 1);
}

static void who_finds_no_room_leaves_a_record(void **state)
{
    struct hf_stream *stream = NULL;
    int pair[2];
    char byte;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(hf_stream_open(t.home->loop, pair[0], NULL, &handler, NULL, &stream), HF_OK);
    arrive();
    assert_int_equal(t.online, 0);
    assert_int_equal(t.refused, 1);
    assert_int_equal(t.reason, HF_REASON_MEMORY_LIMIT);
    assert_int_equal(recv(t.peer, &byte, 1, 0), 0); /* there is no way to an answer */
    stream->link.ops->abort(&stream->link);
    close(pair[1]);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        ROW(who_comes_home_is_let_in),
        ROW(who_was_revoked_on_the_way_is_not),
        ROW(whose_token_was_revoked_on_the_way_is_not),
        ROW(who_finds_no_room_leaves_a_record),
    };
#undef ROW

    return cmocka_run_group_tests(tests, NULL, NULL);
}
