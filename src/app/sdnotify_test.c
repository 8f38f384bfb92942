#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/sdnotify.h"

/* Plays the service manager on an abstract socket. */
static int manager_open(char env[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes;

    (void)snprintf(env, 64, "NOTIFY_SOCKET=@holdfast-test-%d", (int)getpid());
    bytes = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "holdfast-test-%d", (int)getpid());
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)bytes)),
                     0);
    return fd;
}

static void expect(int manager, const char *want)
{
    char text[512];
    ssize_t bytes = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

    assert_true(bytes >= 0);
    text[bytes] = '\0';
    assert_string_equal(text, want);
}

static void says_what_happens(void **state)
{
    struct hf_sdnotify notify;
    char socket_env[64], usec[] = "WATCHDOG_USEC=20000000", pid[] = "WATCHDOG_PID=7", long_status[1000];
    char *env[] = {socket_env, usec, pid, NULL};
    int manager = manager_open(socket_env);

    (void)state;
    hf_sdnotify_init(&notify, env, 7);
    assert_int_equal(notify.beat_ms, 10000);
    assert_int_equal(hf_sdnotify_ready(&notify, "2 listeners\nREADY=0"), HF_OK);
    expect(manager, "READY=1\nSTATUS=2 listeners READY=0\n");
    assert_int_equal(hf_sdnotify_watchdog(&notify), HF_OK);
    expect(manager, "WATCHDOG=1\n");
    assert_int_equal(hf_sdnotify_reloading(&notify, 123), HF_OK);
    expect(manager, "RELOADING=1\nMONOTONIC_USEC=123\n");
    assert_int_equal(hf_sdnotify_stopping(&notify, 10000), HF_OK);
    expect(manager, "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\n");
    memset(long_status, 'x', sizeof(long_status));
    long_status[sizeof(long_status) - 1] = '\0';
    assert_int_equal(hf_sdnotify_ready(&notify, long_status), HF_OK);
    assert_int_equal(recv(manager, long_status, sizeof(long_status), MSG_DONTWAIT), 8 + 7 + 200 + 1);
    close(manager);
    assert_int_equal(hf_sdnotify_watchdog(&notify), HF_ERR_IO); /* nobody listens any more */
}

static void is_silent_without_a_manager(void **state)
{
    struct hf_sdnotify notify;
    char usec[] = "WATCHDOG_USEC=20000000", foreign[] = "WATCHDOG_PID=8", wrong[] = "NOTIFY_SOCKET=relative";
    char *without[] = {usec, NULL}, *other[] = {wrong, usec, foreign, NULL};

    (void)state;
    hf_sdnotify_init(&notify, without, 7);
    assert_int_equal(notify.beat_ms, 0);
    assert_int_equal(hf_sdnotify_ready(&notify, "x"), HF_OK);
    hf_sdnotify_init(&notify, NULL, 7);
    assert_int_equal(hf_sdnotify_watchdog(&notify), HF_OK);
    hf_sdnotify_init(&notify, other, 7); /* the watchdog is another process's */
    assert_int_equal(notify.beat_ms, 0);
    assert_int_equal(hf_sdnotify_watchdog(&notify), HF_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_happens),
        cmocka_unit_test(is_silent_without_a_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
