#include "io/stream_testkit.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { FDS_MAX = 64 };

static int accept_errno; /* accept4() of this program fails with it; 0 = it is the real one */

int accept4(int fd, struct sockaddr *peer, socklen_t *peer_bytes, int flags)
{
    if (accept_errno == 0)
        return (int)syscall(SYS_accept4, fd, peer, peer_bytes, flags);
    errno = accept_errno;
    return -1;
}

struct door {
    struct hf_loop *loop;
    struct hf_listener *listener;
    union hf_address address;
    int fds[FDS_MAX];
    unsigned accepted;
    bool close_at_first, stop_at_first;
};

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct door *door = hf_listener_user(listener);
    union hf_address from = hf_address_of(peer);

    assert_ptr_equal(hf_listener_loop(listener), door->loop);
    assert_int_equal(from.any.sa_family, AF_INET);
    assert_true(hf_address_port(&from) != 0);
    assert_true(door->accepted < FDS_MAX);
    door->fds[door->accepted++] = fd;
    if (door->stop_at_first)
        hf_listener_stop(listener);
    if (door->close_at_first) {
        hf_listener_close(listener);
        door->listener = NULL;
    }
}

static void door_open(struct door *door, const char *address, const struct hf_listener_options *with)
{
    struct hf_listener_options options = with != NULL ? *with : (struct hf_listener_options){0};

    door->loop = kit_loop(NULL);
    assert_int_equal(hf_address_parse(address, &options.address), HF_OK);
    options.on_accept = on_accept;
    options.user = door;
    assert_int_equal(hf_listener_open(door->loop, &options, &door->listener), HF_OK);
    door->address = hf_listener_address(door->listener);
    assert_true(hf_address_port(&door->address) != 0);
    if (door->address.any.sa_family == AF_INET6) { /* reached over IPv4 */
        uint16_t port = door->address.v6.sin6_port;

        assert_int_equal(hf_address_parse("127.0.0.1:0", &door->address), HF_OK);
        door->address.v4.sin_port = port;
    }
}

static void door_close(struct door *door)
{
    for (unsigned i = 0; i < door->accepted; i++)
        close(door->fds[i]);
    hf_listener_close(door->listener);
    kit_turns(door->loop, 1);
    hf_loop_free(door->loop);
}

static int knock(const struct door *door)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &door->address.any, hf_address_bytes(&door->address)), 0);
    return fd;
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t bytes = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &bytes), 0);
    return value;
}

static void accepted_sockets_have_all_options(void **state)
{
    static const struct {
        const char *address;
        unsigned asked_ms;
        int want_ms;
    } rows[] = {
        {"127.0.0.1:0", 0, HF_SOCKET_USER_TIMEOUT_MS},
        {"127.0.0.1:0", 45000, 45000},
        {"127.0.0.1:0", 1, HF_SOCKET_USER_TIMEOUT_MS_MIN},
        {"*:0", 0, HF_SOCKET_USER_TIMEOUT_MS}, /* IPv6 that takes IPv4, too */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct door door = {0};
        struct hf_listener_options options = {.user_timeout_ms = rows[i].asked_ms};
        int client, fd;

        door_open(&door, rows[i].address, &options);
        client = knock(&door);
        KIT_UNTIL(door.loop, door.accepted == 1);
        fd = door.fds[0];
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), rows[i].want_ms);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(hf_socket_set_user_timeout(fd, 20000), HF_OK);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
        close(client);
        door_close(&door);
    }
}

static void a_turn_accepts_its_budget(void **state)
{
    struct door door = {0};
    struct hf_listener_options options = {.budget = 4};
    int clients[10];

    (void)state;
    door_open(&door, "127.0.0.1:0", &options);
    for (size_t i = 0; i < HF_COUNT_OF(clients); i++)
        clients[i] = knock(&door);
    hf_loop_turn(door.loop, 100);
    assert_int_equal(door.accepted, 4);
    KIT_UNTIL(door.loop, door.accepted == 10);
    for (size_t i = 0; i < HF_COUNT_OF(clients); i++)
        close(clients[i]);
    door_close(&door);
}

static void stop_lets_them_wait_and_resume_takes_them(void **state)
{
    struct door door = {.stop_at_first = true};
    int a, b;

    (void)state;
    door_open(&door, "127.0.0.1:0", NULL);
    a = knock(&door);
    b = knock(&door);
    kit_turns(door.loop, 10);
    assert_int_equal(door.accepted, 1);
    assert_int_equal(door.loop->stats.events, 1); /* no spin while it is stopped */
    hf_listener_resume(door.listener);
    KIT_UNTIL(door.loop, door.accepted == 2);
    close(a);
    close(b);
    door_close(&door);
}

static void may_be_closed_from_its_own_callback(void **state)
{
    struct door door = {.close_at_first = true};
    int a, b;

    (void)state;
    door_open(&door, "127.0.0.1:0", NULL);
    a = knock(&door);
    b = knock(&door);
    KIT_UNTIL(door.loop, door.accepted == 1);
    kit_turns(door.loop, 2);
    assert_int_equal(door.accepted, 1);
    close(a);
    close(b);
    door_close(&door);
}

/* WS-18: without descriptors the waiting connection hears a no, and the loop does not spin on it. */
static void no_descriptor_is_a_clean_refusal(void **state)
{
    struct door door = {0};
    struct hf_listener_options options = {.refusal = "HTTP/1.1 503 Service Unavailable\r\n\r\n"};
    struct rlimit before, few;
    char answer[100];
    int clients[3], highest;

    (void)state;
    door_open(&door, "127.0.0.1:0", &options);
    for (size_t i = 0; i < HF_COUNT_OF(clients); i++)
        clients[i] = knock(&door);
    highest = dup(clients[0]); /* the lowest number that is free */
    close(highest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)highest, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    kit_turns(door.loop, 5);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(door.accepted, 0);
    assert_int_equal(hf_listener_stats(door.listener).refused_no_descriptor, HF_COUNT_OF(clients));
    assert_int_equal(hf_listener_stats(door.listener).pauses, 0);
    for (size_t i = 0; i < HF_COUNT_OF(clients); i++) {
        ssize_t got = recv(clients[i], answer, sizeof(answer), 0);

        assert_int_equal(got, strlen(options.refusal));
        assert_memory_equal(answer, options.refusal, (size_t)got);
        assert_int_equal(recv(clients[i], answer, sizeof(answer), 0), 0);
        close(clients[i]);
    }
    clients[0] = knock(&door); /* and it goes on */
    KIT_UNTIL(door.loop, door.accepted == 1);
    close(clients[0]);
    door_close(&door);
}

/* Not even the reserve helps: accepting pauses instead of spinning, and goes on when there is something again. */
static void without_reserve_accepting_pauses(void **state)
{
    struct door door = {0};
    struct rlimit before, none;
    uint64_t events;
    int client;

    (void)state;
    door_open(&door, "127.0.0.1:0", NULL);
    client = knock(&door);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max}; /* 0, 1 and 2 are taken */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    hf_loop_turn(door.loop, 0);
    assert_int_equal(hf_listener_stats(door.listener).pauses, 1);
    events = door.loop->stats.events;
    kit_turns(door.loop, 5);
    assert_int_equal(door.loop->stats.events, events);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    hf_wheel_run(&door.loop->wheel, door.loop->now_ms + 2 * HF_LISTENER_PAUSE_MS); /* time is handed in */
    KIT_UNTIL(door.loop, door.accepted == 1);
    assert_int_equal(hf_listener_stats(door.listener).refused_no_descriptor, 0);
    close(client);
    door_close(&door);
}

/* The reserve is there and of no use: the kernel has no memory, or the system no descriptor. */
static void without_memory_accepting_pauses(void **state)
{
    static const int rows[] = {ENOMEM, ENOBUFS, ENFILE, EMFILE};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct door door = {0};

        door_open(&door, "127.0.0.1:0", NULL);
        int client = knock(&door);
        accept_errno = rows[i];
        hf_loop_turn(door.loop, 0);
        assert_int_equal(hf_listener_stats(door.listener).pauses, 1);
        uint64_t events = door.loop->stats.events;
        kit_turns(door.loop, 5);
        assert_int_equal(door.loop->stats.events, events);
        accept_errno = 0;
        hf_wheel_run(&door.loop->wheel, door.loop->now_ms + 2 * HF_LISTENER_PAUSE_MS); /* time is handed in */
        KIT_UNTIL(door.loop, door.accepted == 1);
        close(client);
        door_close(&door);
    }
}

/* What accept(2) does not name, of the system's policy, say: nobody knows for how long, so it is not asked again at once. */
static void an_unforeseen_error_pauses(void **state)
{
    static const int rows[] = {EACCES, ETIMEDOUT, ENOSYS};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct door door = {0};

        door_open(&door, "127.0.0.1:0", NULL);
        int client = knock(&door);
        accept_errno = rows[i];
        kit_turns(door.loop, 5);
        assert_int_equal(hf_listener_stats(door.listener).pauses, 1);
        assert_int_equal(hf_listener_stats(door.listener).accept_errors, 1);
        accept_errno = 0;
        hf_wheel_run(&door.loop->wheel, door.loop->now_ms + 2 * HF_LISTENER_PAUSE_MS); /* time is handed in */
        KIT_UNTIL(door.loop, door.accepted == 1);
        close(client);
        door_close(&door);
    }
}

/* An error of the one that was to be accepted says nothing of those behind it. */
static void an_error_of_the_peer_does_not_pause(void **state)
{
    struct door door = {0};
    struct hf_listener_options options = {.budget = 3};

    (void)state;
    door_open(&door, "127.0.0.1:0", &options);
    int client = knock(&door);
    accept_errno = ECONNABORTED;
    hf_loop_turn(door.loop, 0);
    accept_errno = 0;
    assert_int_equal(hf_listener_stats(door.listener).pauses, 0);
    assert_int_equal(hf_listener_stats(door.listener).accept_errors, options.budget);
    KIT_UNTIL(door.loop, door.accepted == 1);
    close(client);
    door_close(&door);
}

/* A request that lies unread must not turn the refusal into a RST. */
static void a_refusal_reaches_who_has_sent_already(void **state)
{
    int ours, peer;
    char answer[10];

    (void)state;
    kit_pair(&ours, &peer, 0, 0);
    kit_send(peer, "GET / HTTP/1.1\r\n\r\n", 18);
    hf_socket_refuse(ours, "no", 2);
    assert_int_equal(recv(peer, answer, sizeof(answer), 0), 2);
    assert_int_equal(recv(peer, answer, sizeof(answer), 0), 0);
    close(peer);
    kit_pair(&ours, &peer, 0, 0);
    hf_socket_reset(ours);
    assert_int_equal(recv(peer, answer, sizeof(answer), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(peer);
}

static void opening_tells_what_is_wrong(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct hf_listener_options options = {.on_accept = on_accept};
    struct hf_listener *listener = NULL, *second = NULL;
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t bytes = sizeof(options.address);

    (void)state;
    assert_int_equal(hf_address_parse("203.0.113.1:0", &options.address), HF_OK);
    assert_int_equal(hf_listener_open(loop, &options, &listener), HF_ERR_INVALID);
    assert_int_equal(hf_address_parse("127.0.0.1:0", &options.address), HF_OK);
    assert_int_equal(bind(plain, &options.address.any, hf_address_bytes(&options.address)), 0);
    assert_int_equal(listen(plain, 1), 0);
    assert_int_equal(getsockname(plain, &options.address.any, &bytes), 0);
    assert_int_equal(hf_listener_open(loop, &options, &listener), HF_ERR_EXISTS);
    close(plain);
    /* Two workers share an address. */
    assert_int_equal(hf_listener_open(loop, &options, &listener), HF_OK);
    assert_int_equal(hf_listener_open(loop, &options, &second), HF_OK);
    options.first = true; /* as another process would: the address is taken */
    assert_int_equal(hf_listener_open(loop, &options, &(struct hf_listener *){NULL}), HF_ERR_EXISTS);
    hf_listener_close(listener);
    hf_listener_close(second);
    hf_loop_free(loop);
}

static void addresses_read_and_write(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL = refused */
    } rows[] = {
        {"127.0.0.1:1883", "127.0.0.1:1883"},
        {"[::1]:8080", "[::1]:8080"},
        {":80", "[::]:80"},
        {"*:80", "[::]:80"},
        {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"127.0.0.1", NULL},
        {"127.0.0.1:65536", NULL},
        {"127.0.0.1:x", NULL},
        {"127.0.0.1:", NULL},
        {"::1:80", NULL},
        {"[::1:80", NULL},
        {"[]:80", NULL},
        {"[:80", NULL},
        {"localhost:80", NULL},
        {"1111111111111111111111111111111111111111111111111111111111111111:1", NULL},
    };
    struct sockaddr_storage mapped = {.ss_family = AF_INET6}, unix_socket = {.ss_family = AF_UNIX};
    union hf_address address;
    char text[HF_SOCKET_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_address_parse(rows[i].in, &address), rows[i].out ? HF_OK : HF_ERR_MALFORMED);
        if (rows[i].out == NULL)
            continue;
        hf_address_text(&address, text);
        assert_string_equal(text, rows[i].out);
    }
    static const struct {
        const char *host, *out;
    } hosts[] = {{"127.0.0.1", "127.0.0.1:7"},
                 {"::1", "[::1]:7"},
                 {"", "[::]:7"},
                 {"*", "[::]:7"},
                 {"[::1]", NULL},
                 {"localhost", NULL},
                 {"1111111111111111111111111111111111111111111111111111111111111111", NULL}};
    for (size_t i = 0; i < HF_COUNT_OF(hosts); i++) {
        assert_int_equal(hf_address_parse_host(hosts[i].host, 7, &address),
                         hosts[i].out ? HF_OK : HF_ERR_MALFORMED);
        if (hosts[i].out == NULL)
            continue;
        hf_address_text(&address, text);
        assert_string_equal(text, hosts[i].out);
    }
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &((struct sockaddr_in6 *)&mapped)->sin6_addr),
                     1);
    ((struct sockaddr_in6 *)&mapped)->sin6_port = htons(9);
    address = hf_address_of(&mapped);
    hf_address_text(&address, text);
    assert_string_equal(text, "192.0.2.7:9");
    address = hf_address_with_port(address, 10);
    hf_address_text(&address, text);
    assert_string_equal(text, "192.0.2.7:10");
    assert_int_equal(hf_address_parse("[::1]:8080", &address), HF_OK);
    address = hf_address_with_port(address, 0);
    hf_address_text(&address, text);
    assert_string_equal(text, "[::1]:0");
    address = hf_address_of(&unix_socket);
    hf_address_text(&address, text);
    assert_string_equal(text, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_sockets_have_all_options),
        cmocka_unit_test(a_turn_accepts_its_budget),
        cmocka_unit_test(stop_lets_them_wait_and_resume_takes_them),
        cmocka_unit_test(may_be_closed_from_its_own_callback),
        cmocka_unit_test(no_descriptor_is_a_clean_refusal),
        cmocka_unit_test(without_reserve_accepting_pauses),
        cmocka_unit_test(without_memory_accepting_pauses),
        cmocka_unit_test(an_unforeseen_error_pauses),
        cmocka_unit_test(an_error_of_the_peer_does_not_pause),
        cmocka_unit_test(a_refusal_reaches_who_has_sent_already),
        cmocka_unit_test(opening_tells_what_is_wrong),
        cmocka_unit_test(addresses_read_and_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
