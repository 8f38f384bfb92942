/* Drivers: programs of others that write rows, one line each, to a Unix socket, a FIFO or a descriptor such as stdin. They are not waited for and do not wait: what the ring
 * refuses is lost and counted, because a row that is taken later would have a wrong time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/lines.h"
#include "agent/source.h"
#include "base/assert.h"

enum {
    CHUNK_BYTES = 4096,
    CHUNKS_MAX = 8, /* of one driver in one turn: then the others */
    PAUSE_NS = 1000000000,
    AHEAD_NS =
        100000000 /* a driver may stamp a row while a turn, which has read the clock before, is under way */
};

struct driver {
    int fd; /* -1: free */
    bool
        shared; /* its description is of others, too, and stays one that blocks: it is asked before each read */
    uint64_t line;
    struct hf_row_columns columns;
    bool has_columns;
    struct hf_lines lines;
};

struct drivers {
    struct hf_source source;
    struct hf_ring *ring;
    int listen_fd;    /* -1 without a socket */
    uint64_t rest_ns; /* until then nobody is accepted, as no descriptor was left for one; 0: not so */
    bool ends;        /* with its only driver */
    char *made_path;  /* owns: to be removed at the end; NULL none */
    struct driver driver[HF_SOURCE_DRIVERS_MAX];
};

static struct driver *attach(struct drivers *all, int fd)
{
    for (unsigned i = 0; i < HF_SOURCE_DRIVERS_MAX; i++)
        if (all->driver[i].fd < 0) {
            all->driver[i] = (struct driver){.fd = fd, .columns = hf_row_columns_driver};
            return &all->driver[i];
        }
    return NULL;
}

static void take_line(struct drivers *all, struct driver *driver, struct hf_slice line, uint64_t now_ns)
{
    const struct hf_row_columns *columns = driver->has_columns ? &driver->columns : &hf_row_columns_driver;
    struct hf_row row;
    enum hf_row_field field;
    enum hf_row_result result;

    if (driver->line++ == 0)
        line = hf_row_first(line);
    if (driver->line == 1 && hf_row_head(hf_slice_trim(line), &driver->columns)) {
        driver->has_columns = true;
        return;
    }
    result = hf_row_read(line, columns, &row, &field);
    row.sample.ts_ns = row.has_time ? (uint64_t)row.time_ns : HF_MAX(now_ns, all->source.last_ns);
    if (result == HF_ROW_OK &&
        (row.sample.ts_ns < all->source.last_ns || row.sample.ts_ns > now_ns + AHEAD_NS))
        result = HF_ROW_TIME;
    if (result == HF_ROW_OK)
        hf_source_push(&all->source, all->ring, &row.sample);
    else if (result != HF_ROW_NONE)
        hf_source_bad_line(&all->source, driver->line, result, field);
}

static void detach(struct drivers *all, struct driver *driver, uint64_t now_ns)
{
    struct hf_slice line;

    if (hf_lines_rest(&driver->lines, &line))
        take_line(all, driver, line, now_ns);
    (void)close(driver->fd);
    driver->fd = -1;
    all->source.ended = all->ends;
}

static bool readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, 0) > 0;
}

/* True when there may be more. */
static bool read_some(struct drivers *all, struct driver *driver, uint64_t now_ns)
{
    char chunk[CHUNK_BYTES];

    for (unsigned i = 0; i < CHUNKS_MAX; i++) {
        if (driver->shared && !readable(driver->fd))
            return false;
        ssize_t bytes = read(driver->fd, chunk, sizeof(chunk));
        struct hf_slice in = {chunk, bytes > 0 ? (size_t)bytes : 0}, line;
        enum hf_lines_result result;

        if (bytes < 0 && (errno == EINTR || errno == EAGAIN))
            return errno == EINTR;
        if (bytes <= 0) {
            if (bytes < 0 && all->ends) {
                hf_source_complain(&all->source, "cannot read on: %s", strerror(errno));
                all->source.broke = true;
            }
            detach(all, driver, now_ns);
            return false;
        }
        while ((result = hf_lines_next(&driver->lines, &in, &line)) != HF_LINES_MORE) {
            if (result == HF_LINES_LINE)
                take_line(all, driver, line, now_ns);
            else
                hf_source_bad_line(&all->source, ++driver->line, HF_ROW_LONG, HF_ROW_FIELDS);
        }
    }
    return true;
}

/* Who waits stays in the kernel's queue, which keeps the descriptor readable: it is not polled meanwhile, or the thread would not sleep. */
static void rest(struct drivers *all, uint64_t now_ns)
{
    all->rest_ns = now_ns + PAUSE_NS;
    hf_source_count(&all->source.counters.drivers_put_off);
    hf_source_complain(&all->source, "a driver waits: %s", strerror(errno));
}

static void accept_all(struct drivers *all, uint64_t now_ns)
{
    int fd;

    if (now_ns < all->rest_ns)
        return;
    all->rest_ns = 0;
    while ((fd = accept4(all->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        if (attach(all, fd) == NULL) {
            (void)close(fd);
            hf_source_count(&all->source.counters.drivers_refused);
            hf_source_complain(&all->source, "a driver was refused: there are %d already",
                               HF_SOURCE_DRIVERS_MAX);
        }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        rest(all, now_ns);
}

static uint64_t turn(struct hf_source *source, uint64_t now_ns)
{
    struct drivers *all = HF_CONTAINER_OF(source, struct drivers, source);
    bool more = false;

    if (all->listen_fd >= 0)
        accept_all(all, now_ns);
    for (unsigned i = 0; i < HF_SOURCE_DRIVERS_MAX; i++)
        if (all->driver[i].fd >= 0)
            more |= read_some(all, &all->driver[i], now_ns);
    return more ? now_ns : all->rest_ns > 0 ? all->rest_ns : HF_SOURCE_NEVER;
}

static unsigned fds(struct hf_source *source, struct pollfd ret_fds[HF_SOURCE_FDS_MAX])
{
    struct drivers *all = HF_CONTAINER_OF(source, struct drivers, source);
    unsigned count = 0;

    _Static_assert(HF_SOURCE_DRIVERS_MAX + 1 <= HF_SOURCE_FDS_MAX, "all of them are polled");
    if (all->listen_fd >= 0 && all->rest_ns == 0)
        ret_fds[count++] = (struct pollfd){.fd = all->listen_fd, .events = POLLIN};
    for (unsigned i = 0; i < HF_SOURCE_DRIVERS_MAX; i++)
        if (all->driver[i].fd >= 0)
            ret_fds[count++] = (struct pollfd){.fd = all->driver[i].fd, .events = POLLIN};
    return count;
}

static void free_it(struct hf_source *source)
{
    struct drivers *all = HF_CONTAINER_OF(source, struct drivers, source);

    for (unsigned i = 0; i < HF_SOURCE_DRIVERS_MAX; i++)
        if (all->driver[i].fd >= 0)
            (void)close(all->driver[i].fd);
    if (all->listen_fd >= 0)
        (void)close(all->listen_fd);
    if (all->made_path != NULL)
        (void)unlink(all->made_path);
    free(all->made_path);
    free(all);
}

static struct drivers *drivers_new(struct hf_ring *ring, char error[HF_SOURCE_TEXT_BYTES])
{
    static const struct hf_source_ops ops = {.turn = turn, .fds = fds, .free_it = free_it};
    struct drivers *all = calloc(1, sizeof(*all));

    if (all == NULL) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "out of memory");
        return NULL;
    }
    all->source.ops = &ops;
    all->ring = ring;
    all->listen_fd = -1;
    for (unsigned i = 0; i < HF_SOURCE_DRIVERS_MAX; i++)
        all->driver[i].fd = -1;
    return all;
}

static struct hf_source *failed(struct drivers *all, const char *what, const char *path,
                                char error[HF_SOURCE_TEXT_BYTES])
{
    (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "%s '%.150s': %s", what, path, strerror(errno));
    free_it(&all->source);
    return NULL;
}

/* A socket file that nobody listens on is what a killed process left behind. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat stat;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (lstat(address->sun_path, &stat) == 0 && S_ISSOCK(stat.st_mode) &&
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
}

struct hf_source *hf_source_socket(struct hf_ring *ring, const char *path, char error[HF_SOURCE_TEXT_BYTES])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct drivers *all = drivers_new(ring, error);

    if (all == NULL)
        return NULL;
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return failed(all, "cannot listen on", path, error);
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    remove_stale(&address);
    all->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (all->listen_fd < 0)
        return failed(all, "cannot listen on", path, error);
    mode_t mask = umask(0177); /* for our user only; the process has one thread yet */
    int bound = bind(all->listen_fd, (const struct sockaddr *)&address, sizeof(address));

    (void)umask(mask);
    if (bound != 0)
        return failed(all, "cannot listen on", path, error);
    all->made_path = strdup(path);
    if (listen(all->listen_fd, HF_SOURCE_DRIVERS_MAX) != 0)
        return failed(all, "cannot listen on", path, error);
    return &all->source;
}

struct hf_source *hf_source_fifo(struct hf_ring *ring, const char *path, char error[HF_SOURCE_TEXT_BYTES])
{
    struct drivers *all = drivers_new(ring, error);
    struct stat stat;

    if (all == NULL)
        return NULL;
    if (mkfifo(path, 0600) == 0)
        all->made_path = strdup(path);
    else if (errno != EEXIST)
        return failed(all, "cannot make", path, error);
    /* For writing as well: so there is no end when a driver leaves. */
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return failed(all, "cannot read", path, error);
    (void)attach(all, fd);
    if (fstat(fd, &stat) != 0 || !S_ISFIFO(stat.st_mode)) {
        errno = EINVAL;
        return failed(all, "not a FIFO:", path, error);
    }
    return &all->source;
}

struct hf_source *hf_source_fd(struct hf_ring *ring, int fd, char error[HF_SOURCE_TEXT_BYTES])
{
    struct drivers *all = drivers_new(ring, error);

    if (all == NULL) {
        (void)close(fd);
        return NULL;
    }
    attach(all, fd)->shared = true; /* the first: there is room */
    all->ends = true;
    return &all->source;
}
