#include "cli/dev_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/jwt_files.h"
#include "base/assert.h"
#include "codec/jwt/jwt.h"
#include "io/clock.h"
#include "io/pki.h"
#include "io/thread.h"

enum {
    TOKEN_LIFE_S = 30 * 24 * 3600,
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60000,
    STEADY_MS = 60000, /* who lived so long begins with the shortest pause again */
    LEAVE_MS = 500,    /* between the request to end and the end */
    LOG_BYTES_MAX = 1 << 20,
    ARGS_MAX = 24,
    PATH_BYTES = 1200,
    CHILDREN = 1 + 1 + HF_DEV_FLEET_CAMERAS, /* film, bicycles, cameras */
    RATE =
        20 /* samples a second: what is to be seen needs no more, and a machine for development has other things to do */
};

struct child {
    char *args[ARGS_MAX + 1]; /* own */
    unsigned arg_count;
    bool once;  /* it makes something, and is done */
    bool waits; /* for the child before it that runs once */
    pid_t pid;  /* 0: not now */
    int pid_fd;
    uint64_t started_ms, due_ms, pause_ms;
};

struct hf_dev_fleet {
    struct hf_thread thread;
    struct child children[CHILDREN];
    unsigned count;
    int stop_fd;
    char log[PATH_BYTES], self[PATH_MAX];
};

/* ---- what is started ---- */

static bool add_arg(struct child *child, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool add_arg(struct child *child, const char *format, ...)
{
    va_list args;
    int bytes;

    HF_ASSERT(child->arg_count < ARGS_MAX);
    va_start(args, format);
    bytes = vasprintf(&child->args[child->arg_count], format, args);
    va_end(args);
    if (bytes < 0) {
        child->args[child->arg_count] = NULL;
        return false;
    }
    child->arg_count++;
    return true;
}

static bool add_bicycles(struct hf_dev_fleet *fleet, const struct hf_dev_fleet_options *options)
{
    struct child *child = &fleet->children[fleet->count++];

    return add_arg(child, "%s", fleet->self) && add_arg(child, "agent") &&
           add_arg(child, "%s", options->url) && add_arg(child, "--device") &&
           add_arg(child, HF_DEV_FLEET_DEVICE) && add_arg(child, "--bicycles") &&
           add_arg(child, "%u", options->bicycles) && add_arg(child, "--token-file") &&
           add_arg(child, "%s/dev/fleet.tokens", options->data) && add_arg(child, "--rate") &&
           add_arg(child, "%d", RATE) && add_arg(child, "--uplink") && add_arg(child, "200ms") &&
           add_arg(child, "--status") && add_arg(child, "10m");
}

/* What the cameras show: made once, where there is an ffmpeg. */
static bool add_film(struct hf_dev_fleet *fleet, const char *path, const char *data)
{
    struct child *child = &fleet->children[fleet->count++];

    child->once = true;
    return add_arg(child, "sh") && add_arg(child, "-c") &&
           add_arg(child, "command -v ffmpeg >/dev/null || exit 0; ffmpeg -v error -nostdin -y -f lavfi -i "
                          "testsrc2=size=640x360:rate=25 -c:v libx264 -threads 1 -g 25 -bf 0 -t 10 -f vob "
                          "\"$0\" && exec mv \"$0\" \"$1\"") &&
           add_arg(child, "%s/dev/film.part", data) && add_arg(child, "%s", path);
}

static bool add_camera(struct hf_dev_fleet *fleet, const struct hf_dev_fleet_options *options,
                       unsigned number, const char *film)
{
    struct child *child = &fleet->children[fleet->count++];

    child->waits = true;
    /* Its film, if there is one by then. */
    return add_arg(child, "sh") && add_arg(child, "-c") &&
           add_arg(child,
                   "test -r \"$1\" && set -- \"$@\" --media \"$1\"; self=$0; shift; exec \"$self\" gb-device "
                   "\"$@\"") &&
           add_arg(child, "%s", fleet->self) && add_arg(child, "%s", film) && add_arg(child, "--server") &&
           add_arg(child, "%s", options->sip) && add_arg(child, "--id") &&
           add_arg(child, HF_DEV_FLEET_CAMERA, number) && add_arg(child, "--password-file") &&
           add_arg(child, "%s/dev/gb.password", options->data) && add_arg(child, "--stubborn");
}

static hf_err write_tokens(const struct hf_dev_fleet_options *options, char error[HF_DEV_FLEET_ERROR_BYTES])
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();
    size_t room = (size_t)options->bicycles * (HF_JWT_TOKEN_BYTES_MAX + 2) + 1, used = 0;
    char path[PATH_BYTES], *text = malloc(room);
    hf_err err = keys != NULL && text != NULL ? HF_OK : HF_ERR_NOMEM;

    (void)snprintf(path, sizeof(path), "%.1000s/dev/jwt.secret", options->data);
    if (err == HF_OK)
        err = hf_jwt_files_add(keys, HF_JWT_HS256, hf_slice_of(options->kid), hf_slice_of(options->tenant),
                               path, error, HF_DEV_FLEET_ERROR_BYTES);
    for (unsigned i = 0; i < options->bicycles && err == HF_OK; i++) {
        char device[32];
        size_t bytes = 0;

        (void)snprintf(device, sizeof(device), HF_DEV_FLEET_DEVICE "%03u", i + 1);
        struct hf_jwt_claims claims = {.tenant = hf_slice_of(options->tenant),
                                       .device = hf_slice_of(device),
                                       .issued_s = hf_clock_utc_ms() / 1000,
                                       .expires_s = hf_clock_utc_ms() / 1000 + TOKEN_LIFE_S};
        err = hf_jwt_sign(keys, hf_slice_of(options->kid), &claims, (struct hf_slice){NULL, 0}, text + used,
                          HF_JWT_TOKEN_BYTES_MAX + 1, &bytes);
        used += bytes;
        text[used++] = '\n';
    }
    (void)snprintf(path, sizeof(path), "%.1000s/dev/fleet.tokens", options->data);
    if (err == HF_OK)
        err = hf_pki_write_file(path, text, used, 0600, (struct hf_pki_file_options){.overwrite = true},
                                error, HF_DEV_FLEET_ERROR_BYTES);
    free(text);
    hf_jwt_keys_free(keys);
    return err;
}

/* ---- the thread ---- */

/* In the child, where only async-signal-safe functions may be called. */
static _Noreturn void become(char *const *args, int log_fd, pid_t parent)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    int null_fd = open("/dev/null", O_RDWR);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* of this thread's end, which is the gateway's */
    if (getppid() != parent)
        _exit(1);
    (void)setpgid(0, 0); /* Ctrl-C is the gateway's: it ends us */
    (void)sigemptyset(&none);
    for (int number = 1; number < SIGRTMIN; number++)
        (void)sigaction(number, &plain, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(log_fd, 2) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, 3u, ~0u,
                  0u); /* everything of ours is close-on-exec; what a library forgot */
    execvp(args[0], args);
    _exit(127);
}

static int open_log(const struct hf_dev_fleet *fleet)
{
    int fd = open(fleet->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat stat;

    if (fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size > LOG_BYTES_MAX && ftruncate(fd, 0) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void start(struct hf_dev_fleet *fleet, struct child *child, uint64_t now_ms)
{
    int log_fd = open_log(fleet);
    pid_t parent = getpid(), pid = log_fd >= 0 ? fork() : -1;

    if (pid == 0)
        become(child->args, log_fd, parent);
    if (log_fd >= 0)
        (void)close(log_fd);
    child->started_ms = now_ms;
    child->pid = pid > 0 ? pid : 0;
    child->pid_fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0u) : -1;
    if (pid <= 0)
        child->due_ms = now_ms + PAUSE_MAX_MS;
}

/* True when it is no more. */
static bool reap(struct child *child, uint64_t now_ms)
{
    int status;

    if (child->pid == 0)
        return true;
    if (waitpid(child->pid, &status, WNOHANG) == 0)
        return false;
    if (child->pid_fd >= 0)
        (void)close(child->pid_fd);
    child->pid = 0;
    child->pid_fd = -1;
    child->pause_ms = now_ms - child->started_ms >= STEADY_MS || child->pause_ms == 0
                          ? PAUSE_MIN_MS
                          : HF_MIN(child->pause_ms * 2, (uint64_t)PAUSE_MAX_MS);
    child->due_ms = child->once ? UINT64_MAX : now_ms + child->pause_ms;
    return true;
}

/* Until something happens, or `due_ms`. False: it is to stop. */
static bool wait_until(struct hf_dev_fleet *fleet, uint64_t due_ms)
{
    struct pollfd fds[1 + CHILDREN] = {{.fd = fleet->stop_fd, .events = POLLIN}};
    uint64_t now_ms = hf_clock_ms();

    for (unsigned i = 0; i < fleet->count; i++)
        fds[1 + i] = (struct pollfd){.fd = fleet->children[i].pid > 0 ? fleet->children[i].pid_fd : -1,
                                     .events = POLLIN};
    (void)poll(fds, 1 + fleet->count,
               due_ms <= now_ms ? 0 : (int)HF_MIN(due_ms - now_ms, (uint64_t)PAUSE_MAX_MS));
    return fds[0].revents == 0;
}

static bool film_is_made(const struct hf_dev_fleet *fleet)
{
    for (unsigned i = 0; i < fleet->count; i++)
        if (fleet->children[i].once && fleet->children[i].due_ms != UINT64_MAX)
            return false;
    return true;
}

/* To its group, what it started included; to itself, in case it has not come so far as to have one. */
static void send_signal(const struct child *child, int number)
{
    if (child->pid > 0 && kill(-child->pid, number) != 0)
        (void)kill(child->pid, number);
}

static void end_all(struct hf_dev_fleet *fleet)
{
    uint64_t end_ms = hf_clock_ms() + LEAVE_MS;

    for (unsigned i = 0; i < fleet->count; i++)
        send_signal(&fleet->children[i], SIGTERM);
    for (bool all_gone = false; !all_gone;) {
        uint64_t now_ms = hf_clock_ms();
        struct pollfd fds[CHILDREN];
        unsigned count = 0;

        all_gone = true;
        for (unsigned i = 0; i < fleet->count; i++) {
            struct child *child = &fleet->children[i];

            if (now_ms >= end_ms)
                send_signal(child, SIGKILL); /* simulated: nothing of theirs is missed */
            if (!reap(child, now_ms)) {
                all_gone = false;
                fds[count++] = (struct pollfd){.fd = child->pid_fd, .events = POLLIN};
            }
        }
        if (!all_gone)
            (void)poll(fds, count, now_ms < end_ms ? (int)(end_ms - now_ms) : LEAVE_MS);
    }
}

static void supervise(void *context)
{
    struct hf_dev_fleet *fleet = context;
    uint64_t due_ms;

    do {
        uint64_t now_ms = hf_clock_ms();

        due_ms = UINT64_MAX;
        for (unsigned i = 0; i < fleet->count; i++) {
            struct child *child = &fleet->children[i];

            if (!reap(child, now_ms) || child->due_ms == UINT64_MAX || (child->waits && !film_is_made(fleet)))
                continue;
            if (child->due_ms <= now_ms)
                start(fleet, child, now_ms);
            else
                due_ms = HF_MIN(due_ms, child->due_ms);
        }
    } while (wait_until(fleet, due_ms));
    end_all(fleet);
}

/* ---- life ---- */

static void free_all(struct hf_dev_fleet *fleet)
{
    for (unsigned i = 0; i < fleet->count; i++)
        for (unsigned a = 0; a < fleet->children[i].arg_count; a++)
            free(fleet->children[i].args[a]);
    if (fleet->stop_fd >= 0)
        (void)close(fleet->stop_fd);
    free(fleet);
}

static bool fill(struct hf_dev_fleet *fleet, const struct hf_dev_fleet_options *options)
{
    char film[PATH_BYTES];
    bool good;

    (void)snprintf(film, sizeof(film), "%.1000s/dev/film.mpg", options->data);
    good = add_bicycles(fleet, options);
    if (options->sip == NULL)
        return good;
    if (access(film, R_OK) != 0)
        good = good && add_film(fleet, film, options->data);
    for (unsigned i = 0; i < HF_DEV_FLEET_CAMERAS; i++)
        good = good && add_camera(fleet, options, i + 1, film);
    return good;
}

hf_err hf_dev_fleet_start(const struct hf_dev_fleet_options *options, struct hf_dev_fleet **ret_fleet,
                          char error[HF_DEV_FLEET_ERROR_BYTES])
{
    struct hf_dev_fleet *fleet = calloc(1, sizeof(*fleet));
    ssize_t bytes;
    hf_err err;

    HF_ASSERT(options->bicycles >= 1 && options->bicycles <= HF_DEV_FLEET_BICYCLES_MAX);
    (void)snprintf(error, HF_DEV_FLEET_ERROR_BYTES, "out of memory");
    if (fleet == NULL)
        return HF_ERR_NOMEM;
    fleet->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)snprintf(fleet->log, sizeof(fleet->log), "%.1000s/dev/fleet.log", options->data);
    (void)unlink(fleet->log);
    bytes = readlink("/proc/self/exe", fleet->self, sizeof(fleet->self) - 1);
    if (bytes <= 0)
        (void)snprintf(fleet->self, sizeof(fleet->self), "holdfast"); /* as the shell finds it */
    err = fleet->stop_fd >= 0 && fill(fleet, options) ? HF_OK : HF_ERR_NOMEM;
    if (err == HF_OK)
        err = write_tokens(options, error);
    if (err == HF_OK)
        err = hf_thread_start(&fleet->thread, "fleet", HF_THREAD_ANY_CPU, supervise, fleet);
    if (err != HF_OK) {
        free_all(fleet);
        return err;
    }
    *ret_fleet = fleet;
    return HF_OK;
}

void hf_dev_fleet_stop(struct hf_dev_fleet *fleet)
{
    const uint64_t one = 1;

    if (fleet == NULL)
        return;
    while (write(fleet->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    hf_thread_join(&fleet->thread);
    free_all(fleet);
}
