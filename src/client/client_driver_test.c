/* The public client on real sockets: what reaches the gateway, and what the application is told. */
#include "client/driver_testkit.h"

#include <signal.h>
#include <sqlite3.h>

static int setup(void **state)
{
    struct device *device = malloc(sizeof(*device));

    device_init(device);
    *state = device;
    return 0;
}

static int teardown(void **state)
{
    device_deinit(*state);
    free(*state);
    return 0;
}

static void a_message_goes_there_and_back(void **state)
{
    struct device *device = *state;
    struct hf_client_stats stats;

    device_open(device);
    assert_int_equal(device_publish(device, "hello"), HOLDFAST_OK);
    device_until(device, &device->sent, 1);
    assert_string_equal(device->door.last, "hello");
    assert_int_equal(device->queued, 1);
    assert_int_equal(device->opened, 1);
    assert_memory_equal(device->door.request, "GET /v1/connect/bike%3A7 HTTP/1.1\r\n", 35);
    hf_client_stats(device->client, &stats);
    assert_true(stats.sent == 1 && stats.queued == 0 && stats.connections == 1 &&
                stats.state == HOLDFAST_CONNECTED);
    assert_true(stats.bytes_in > 0 && stats.bytes_out > 0);
}

static void a_queue_file_outlives_the_process(void **state)
{
    struct device *device = *state;
    char folder[] = "/tmp/hf_client_driver.XXXXXX", path[64], command[80];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/q.db", folder);
    device->options.queue_path = path;
    device_open(device);
    hf_client_network(device->client, false);
    assert_int_equal(device_publish(device, "kept"), HOLDFAST_OK);
    device_until(device, &device->queued, 1);
    assert_int_equal(device->door.connections, 0);
    hf_client_free(device->client);
    device_open(device);
    device_until(device, &device->sent, 1);
    assert_string_equal(device->door.last, "kept");
    hf_client_free(device->client);
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    device->client = NULL;
}

static void what_is_published_and_not_taken_is_told_when_it_ends(void **state)
{
    struct device *device = *state;

    device_open(device);
    assert_int_equal(device_publish(device, "never seen"), HOLDFAST_OK);
    hf_client_free(device->client);
    device->client = NULL;
    assert_int_equal(device->refused, 1);
    assert_int_equal(device->last_error, HOLDFAST_ERR_CLOSED);
}

static void a_large_message_and_many_small_ones(void **state)
{
    struct device *device = *state;
    enum { LARGE = 3 << 20, SMALL = 2000 };
    char *large = malloc(LARGE + 1);

    memset(large, 'L', LARGE);
    large[LARGE] = '\0';
    device->door.welcome.window_bytes = 1 << 20;
    device->options.line_messages_max = SMALL + 1;
    device->options.line_bytes_max = 8 << 20;
    device_open(device);
    assert_int_equal(device_publish(device, large), HOLDFAST_OK);
    for (int i = 0; i < SMALL; i++)
        assert_int_equal(device_publish(device, "small"), HOLDFAST_OK);
    device_until(device, &device->sent, SMALL + 1);
    assert_int_equal(device->door.messages, SMALL + 1);
    assert_int_equal(device->door.payload_bytes, LARGE + 5 * SMALL);
    free(large);
}

static void the_line_to_the_clients_thread_is_bounded(void **state)
{
    struct device *device = *state;
    static char large[2000];

    device->options.line_messages_max = 3;
    device->options.line_bytes_max = 3000;
    device_open(device);
    for (int i = 0; i < 3; i++)
        assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
    assert_int_equal(device_publish(device, "x"), HOLDFAST_ERR_LIMIT);
    device_until(device, &device->queued, 3);
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(device_publish(device, large), HOLDFAST_OK);
    assert_int_equal(device_publish(device, large), HOLDFAST_ERR_LIMIT);
    device_until(device, &device->queued, 4);
}

static struct device *slow_device;
static unsigned commits;

static int on_commit(void *context)
{
    (void)context;
    commits++;
    slow_device->now_ms += 5; /* the disk takes its time */
    return 0;
}

static int watch_commits(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    (void)sqlite3_commit_hook(db, on_commit, NULL);
    return SQLITE_OK;
}

/* What came while a commit took long goes into the next one together. One commit for each would add up to seconds. */
static void a_slow_disk_is_asked_once_for_what_came_together(void **state)
{
    struct device *device = *state;
    char folder[] = "/tmp/hf_client_slow.XXXXXX", path[64], command[80];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/q.db", folder);
    device->options.queue_path = path;
    slow_device = device;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))watch_commits), SQLITE_OK);
    device_open(device);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
    commits = 0;
    device_until(device, &device->queued, 50);
    assert_in_range(commits, 1, 2);
    device_until(device, &device->opened, 1);
    device_until(device, &device->sent, 50);
    commits = 0;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
    device_until(device, &device->queued, 100);
    assert_in_range(commits, 1, 3); /* with their numbers */
    device_until(device, &device->sent, 100);
    (void)sqlite3_cancel_auto_extension((void (*)(void))watch_commits);
    hf_client_free(device->client);
    device->client = NULL;
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void commands_at_once_and_later(void **state)
{
    struct device *device = *state;
    const struct hf_client_reply reply = {
        .status = HOLDFAST_RESULT_OK, .payload = "late", .payload_bytes = 4};

    device->answer = HOLDFAST_DONE;
    device_open(device);
    device_until(device, &device->opened, 1);
    door_command(&device->door, 1, "now");
    device_until(device, &device->sent, 1);
    assert_string_equal(device->door.last, "done");
    device->answer = HOLDFAST_LATER;
    door_command(&device->door, 2, "later");
    while (device->handle != 2)
        (void)device_settle(device);
    assert_int_equal(hf_client_acknowledge(device->client, 2), HOLDFAST_OK); /* a command wants an answer */
    device_until(device, &device->acknowledged, 1);
    assert_int_equal(device->last_ack, HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_answer(device->client, 2, &reply), HOLDFAST_OK);
    device_until(device, &device->sent, 2);
    assert_string_equal(device->door.last, "late");
    assert_int_equal(device->last_ack, HOLDFAST_OK);
    assert_int_equal(hf_client_answer(device->client, 2, &reply), HOLDFAST_OK);
    device_until(device, &device->acknowledged, 3);
    assert_int_equal(device->last_ack, HOLDFAST_ERR_NOT_FOUND);
    device->options.on_command = NULL;
}

static int give_token(void *user, bool fresh, char *out, size_t out_bytes)
{
    struct device *device = user;

    device->tokens++;
    device->fresh_tokens += fresh;
    return snprintf(out, out_bytes, "token-%u", device->tokens) > 0 ? HOLDFAST_OK : HOLDFAST_ERR_IO;
}

static int give_no_token(void *user, bool fresh, char *out, size_t out_bytes)
{
    (void)user;
    (void)fresh;
    (void)snprintf(out, out_bytes, "a b");
    return HOLDFAST_OK;
}

static void a_refused_token_is_fetched_again(void **state)
{
    struct device *device = *state;

    device->options.token = give_token;
    device->door.refuse = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    device_open(device);
    device_until(device, &device->opened, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_AUTH);
    assert_int_equal(device->fresh_tokens, 1);
    assert_non_null(strstr(device->door.request, "Authorization: Bearer token-2\r\n"));
    assert_int_equal(hf_client_renew(device->client), HOLDFAST_OK);
    while (device->tokens < 3)
        (void)device_settle(device);
}

static void a_token_that_cannot_be_sent_fails_the_attempt(void **state)
{
    struct device *device = *state;

    device->options.token = give_no_token;
    device_open(device);
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_LOCAL);
    assert_int_equal(device->door.hellos, 0);
}

static void nobody_listens(void **state)
{
    struct device *device = *state;

    (void)close(device->door.listener);
    device->door.listener = -1;
    device_open(device);
    device_until(device, &device->closed, 3); /* it goes on trying */
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_REFUSED);
}

static void a_name_with_several_addresses(void **state)
{
    struct device *device = *state;

    for (int threaded = 0; threaded < 2; threaded++) {
        (void)snprintf(device->url, sizeof(device->url), "http://localhost:%u/", device->door.port);
        device->options.dns_thread = threaded != 0;
        device_open(device); /* ::1 may come first, where nobody listens */
        device_until(device, &device->opened, (unsigned)threaded + 1);
        hf_client_free(device->client);
    }
    device->client = NULL;
}

static void a_reset_under_load_raises_no_signal(void **state)
{
    struct device *device = *state;

    (void)signal(SIGPIPE, SIG_DFL); /* would end this process */
    device->door.no_ack = true;
    device_open(device);
    device_until(device, &device->opened, 1);
    for (unsigned round = 1; round <= 5; round++) {
        for (int i = 0; i < 20; i++)
            assert_int_equal(device_publish(device, "x"), HOLDFAST_OK);
        door_drop(&device->door, true);
        (void)hf_client_step(device->client);
        device_until(device, &device->opened, round + 1);
    }
    device->door.no_ack = false;
    assert_int_equal(device_publish(device, "last"), HOLDFAST_OK);
    device_until(device, &device->sent, 101);
}

static void stop_says_goodbye_and_nothing_follows(void **state)
{
    struct device *device = *state;

    device_open(device);
    device_until(device, &device->opened, 1);
    hf_client_stop(device->client);
    device_until(device, &device->gone, 1);
    assert_int_equal(device->door.byes, 1);
    assert_int_equal(device->door.closes, 1);
    assert_int_equal(device->last_code, 1000);
    assert_int_equal(hf_client_step(device->client), HOLDFAST_ERR_CLOSED);
    assert_int_equal(device_publish(device, "x"), HOLDFAST_ERR_CLOSED);
}

static void silence_is_looked_into_beside_the_connection(void **state)
{
    struct device *device = *state;

    device_open(device);
    device_until(device, &device->opened, 1);
    device->door.deaf = true;
    device_until(device, &device->closed, 1);
    assert_int_equal(device->last_failure, HOLDFAST_FAILED_LOST);
    assert_string_equal(device->last_text, "silent, and another connection works: it is dead");
    assert_int_equal(device->last_retry_ms, 0);
    device->door.deaf = false;
    device_until(device, &device->opened, 2); /* the probe worked: at once */
    assert_in_range(device->now_ms, 1010000, 1012000);
}

/* HB-9: the name resolves and another connection does not work: the server cannot be reached, and is tried again after a delay. */
static void a_server_that_cannot_be_reached_is_not_tried_at_once(void **state)
{
    struct device *device = *state;

    for (int threaded = 0; threaded < 2; threaded++) {
        (void)snprintf(device->url, sizeof(device->url), "http://localhost:%u/", device->door.port);
        device->options.dns_thread =
            threaded != 0; /* a lookup beside the connection, or the connection's answer alone */
        device->opened = device->closed = 0;
        device_open(device);
        device_until(device, &device->opened, 1);
        (void)close(device->door.listener);
        device->door.listener = -1;
        device->door.deaf = true;
        device_until(device, &device->closed, 1);
        assert_int_equal(device->last_failure, HOLDFAST_FAILED_LOST);
        /* The thread of the lookup has real time, its 3 s are the test's: on a busy machine they may end first. */
        if (!threaded || strstr(device->last_text, "network is down") == NULL)
            assert_string_equal(device->last_text, "silent, and the server cannot be reached");
        device_until(device, &device->closed, 3);
        assert_int_equal(device->last_failure, HOLDFAST_FAILED_REFUSED);
        hf_client_free(device->client);
        device->client = NULL;
        door_deinit(&device->door);
        door_init(&device->door);
    }
}

static void without_the_network_nothing_is_tried(void **state)
{
    struct device *device = *state;

    device_open(device);
    hf_client_network(device->client, false);
    (void)device_settle(device);
    assert_int_equal(hf_client_timeout_ms(device->client), -1);
    assert_int_equal(device->door.connections, 0);
    hf_client_network(device->client, true);
    device_until(device, &device->opened, 1);
}

static int do_command(void *user, const struct hf_client_incoming *command, struct hf_client_reply *reply)
{
    (void)user;
    (void)command;
    (void)reply;
    return HOLDFAST_DONE;
}

static void take_context(void *user, const struct hf_client_context *context)
{
    (void)user;
    (void)context;
}

static int take_certificate(void *user, const struct hf_client_certificate *certificate)
{
    (void)user;
    (void)certificate;
    return HOLDFAST_OK;
}

static void what_a_broker_has_not_is_refused(const struct hf_client_options *given)
{
    static const char *const groups[] = {"g"};
    struct hf_client_options rows[7];
    struct hf_client *client;
    char error[256];

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        rows[i] = *given;
        rows[i].url = "mqtt://127.0.0.1:1/t1";
        rows[i].device = "bike-7";
        rows[i].on_command = NULL;
        rows[i].on_document = rows[i].on_shadow = NULL;
        rows[i].group_count = 0;
        rows[i].crc = false;
    }
    rows[1].on_command = do_command;
    rows[2].on_document = take_context;
    rows[3].on_shadow = take_context;
    rows[4].groups = groups, rows[4].group_count = 1;
    rows[5].crc = true;
    rows[6].on_certificate = take_certificate;
    for (size_t i = 1; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_client_new(&rows[i], &client, error, sizeof(error)), HOLDFAST_ERR_UNSUPPORTED);
        assert_non_null(strstr(error, "mqtt://"));
    }
    rows[1] = rows[0];
    rows[1].device = NULL;
    assert_int_equal(hf_client_new(&rows[1], &client, error, sizeof(error)), HOLDFAST_ERR_INVALID);
    assert_non_null(strstr(error, "device"));
    assert_int_equal(hf_client_new(&rows[0], &client, error, sizeof(error)), HOLDFAST_OK);
    hf_client_free(client);
}

static void options_are_checked(void **state)
{
    struct device *device = *state;
    static const uint8_t pins[5][32];
    static const char *const groups[9] = {"a"};
    struct hf_client_options rows[14];
    struct hf_client *client;

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        rows[i] = device->options;
    rows[0].size = 8;
    rows[1].url = NULL;
    rows[2].url = "ftp://x";
    rows[3].url = "ws://x:0";
    rows[4].device = "";
    rows[5].cert_file = "/x";
    rows[6].url = "wss://x", rows[6].pins = pins, rows[6].pin_count = 5;
    rows[7].pins = pins, rows[7].pin_count = 1; /* without TLS */
    rows[8].groups = groups, rows[8].group_count = 9;
    rows[9].profile = 9;
    rows[10].window_messages = 257;
    rows[11].window_bytes = 1;
    rows[12].trace = "0123456789012345678901234567890123";
    rows[13].url = "wss://x", rows[13].ca_file = "/nowhere/ca.pem";
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char error[256] = "";

        if (hf_client_new(&rows[i], &client, error, sizeof(error)) != HOLDFAST_ERR_INVALID ||
            error[0] == '\0')
            fail_msg("row %zu: %s", i, error);
    }
    what_a_broker_has_not_is_refused(&device->options);
    rows[0] = device->options;
    rows[0].queue_path = "/nowhere/q.db";
    assert_int_equal(hf_client_new(&rows[0], &client, NULL, 0), HOLDFAST_ERR_DENIED);
    device->client = NULL;
}

static void publications_are_checked(void **state)
{
    struct device *device = *state;
    struct hf_client_publication rows[5];
    char long_topic[258];

    memset(long_topic, 't', 257);
    long_topic[257] = '\0';
    device_open(device);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        rows[i] = (struct hf_client_publication)HOLDFAST_PUBLICATION_INIT;
    rows[0].size = 0;
    rows[1].class = 3;
    rows[2].format = 5;
    rows[3].payload_bytes = 1;
    rows[4].topic = long_topic;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_client_publish(device->client, &rows[i]), HOLDFAST_ERR_INVALID);
    rows[0] = (struct hf_client_publication)HOLDFAST_PUBLICATION_INIT;
    rows[0].topic = "\xff";
    rows[0].on_done = device_on_done;
    assert_int_equal(hf_client_publish(device->client, &rows[0]),
                     HOLDFAST_OK); /* it is the queue that looks */
    device_until(device, &device->refused, 1);
    assert_int_equal(device->last_error, HOLDFAST_ERR_INVALID);
    rows[0].topic = "a+b"; /* a filter's, not a topic's: no gateway takes it */
    assert_int_equal(hf_client_publish(device->client, &rows[0]), HOLDFAST_OK);
    device_until(device, &device->refused, 2);
    assert_int_equal(device->last_error, HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_subscribe(device->client, "", true), HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_renew(device->client), HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_answer(device->client, 1, &(struct hf_client_reply){.status = 4}),
                     HOLDFAST_ERR_INVALID);
}

static void on_document(void *user, const struct hf_client_context *context)
{
    struct device *device = user;

    assert_string_equal(context->reason, "not_implemented"); /* the door has no documents */
    device->refused += context->request != 0;
}

static void changes_are_checked(void **state)
{
    static char large[HOLDFAST_CHANGE_BYTES_MAX + 1];
    struct device *device = *state;
    struct hf_client_change rows[6];
    uint32_t request = 0, second = 0;

    device->options.on_document = on_document;
    device_open(device);
    device_until(device, &device->opened, 1);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        rows[i] = (struct hf_client_change)HOLDFAST_CHANGE_INIT;
        rows[i].document = HOLDFAST_CONTEXT;
        rows[i].json = "{}";
        rows[i].json_bytes = 2;
    }
    rows[0].size = 0;
    rows[1].document = 3;
    rows[2].kind = 3;
    rows[3].merge = HOLDFAST_MERGE_OPLOG + 1;
    rows[4].json = NULL;
    for (size_t i = 0; i < HF_COUNT_OF(rows) - 1; i++)
        assert_int_equal(hf_client_patch(device->client, &rows[i], NULL), HOLDFAST_ERR_INVALID);
    rows[0] = rows[5];
    rows[0].json = large;
    rows[0].json_bytes = sizeof(large);
    assert_int_equal(hf_client_patch(device->client, &rows[0], NULL), HOLDFAST_ERR_LIMIT);
    assert_int_equal(hf_client_patch(device->client, &rows[5], &request), HOLDFAST_OK);
    assert_int_equal(hf_client_patch(device->client, &rows[5], &second), HOLDFAST_OK);
    assert_true(request != 0 && second != 0 && request != second);
    device_until(device, &device->refused, 2);
}

/* A program of an older header, which ended before the last members. */
static void an_older_program_knows_fewer_options(void **state)
{
    struct device *device = *state;

    device->options.size = offsetof(struct hf_client_options, on_credentials);
    device_open(device);
    device_until(device, &device->opened, 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_message_goes_there_and_back),
        ROW(a_queue_file_outlives_the_process),
        ROW(what_is_published_and_not_taken_is_told_when_it_ends),
        ROW(a_large_message_and_many_small_ones),
        ROW(the_line_to_the_clients_thread_is_bounded),
        ROW(a_slow_disk_is_asked_once_for_what_came_together),
        ROW(commands_at_once_and_later),
        ROW(a_refused_token_is_fetched_again),
        ROW(a_token_that_cannot_be_sent_fails_the_attempt),
        ROW(nobody_listens),
        ROW(a_name_with_several_addresses),
        ROW(a_reset_under_load_raises_no_signal),
        ROW(stop_says_goodbye_and_nothing_follows),
        ROW(silence_is_looked_into_beside_the_connection),
        ROW(a_server_that_cannot_be_reached_is_not_tried_at_once),
        ROW(without_the_network_nothing_is_tried),
        ROW(options_are_checked),
        ROW(publications_are_checked),
        ROW(changes_are_checked),
        ROW(an_older_program_knows_fewer_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
