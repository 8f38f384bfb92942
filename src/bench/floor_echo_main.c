/* bench/floor_echo_main.c - the bare epoll floor: what an echo costs when nothing but the system calls is left.
 *
 *   floor_echo --port P [--payload BYTES] [--echo]
 *
 * It upgrades each connection once, properly, so that the same generator can drive it. After that, by default, it
 * does not look at what it reads: for every full-sized masked frame of `payload` bytes that came it sends a
 * constant unmasked frame of the same payload size. That is epoll_wait + recv + send of the same sizes, the least a
 * server can do; drive it with `--blind`. With --echo it unmasks and answers in the simplest inline way.
 * No timeouts, no limits, no fragments: it is a ruler, not a server. It listens on 127.0.0.1 only. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

enum {
    PAYLOAD_BYTES_MAX = 125, /* 7-bit lengths only */
    HEAD_IN_BYTES = 6,       /* client frames are masked */
    HEAD_OUT_BYTES = 2,
    BUFFER_BYTES = 65536,
    EVENTS = 256,
    CARRY_BYTES = HEAD_IN_BYTES + PAYLOAD_BYTES_MAX,
    ACCEPT_BYTES = 28,
};

struct conn {
    int fd;
    bool open;
    uint8_t carry_bytes; /* of a frame that was cut */
    uint8_t carry[CARRY_BYTES];
};

struct floor {
    int epoll_fd, listen_fd;
    unsigned payload_bytes;
    bool echo;
    uint8_t in[BUFFER_BYTES], out[BUFFER_BYTES];
};

static void fail(const char *what)
{
    fprintf(stderr, "floor_echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void conn_close(struct conn *conn)
{
    close(conn->fd);
    free(conn);
}

static void accept_all(struct floor *floor)
{
    for (;;) {
        int fd = accept4(floor->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        struct conn *conn = calloc(1, sizeof(*conn));
        int on = 1;

        if (conn == NULL)
            fail("no memory");
        conn->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

        if (epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

/* Expects the request whole in one read, as it is on loopback. */
static bool upgrade(struct conn *conn, char *request, size_t bytes)
{
    static const char name[] = "sec-websocket-key:";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char accept[ACCEPT_BYTES + 1], joined[128], response[256];
    unsigned char digest[EVP_MAX_MD_SIZE];

    request[bytes] = 0;
    char *key = strcasestr(request, name);

    if (key == NULL || strstr(request, "\r\n\r\n") == NULL)
        return false;
    key += sizeof(name) - 1;
    key += strspn(key, " ");
    int joined_bytes = snprintf(joined, sizeof(joined), "%.*s%s", (int)strcspn(key, "\r "), key, guid);

    if (joined_bytes >= (int)sizeof(joined))
        return false;
    EVP_Digest(joined, (size_t)joined_bytes, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, digest, 20);
    int n = snprintf(response, sizeof(response),
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n",
                     accept);
    conn->open = true;
    return send(conn->fd, response, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The floor itself: counts frames by size, answers as many. A close frame is shorter and so never answered. */
static bool answer_blind(struct floor *floor, struct conn *conn, size_t bytes)
{
    size_t in_bytes = HEAD_IN_BYTES + floor->payload_bytes;
    size_t out_bytes = HEAD_OUT_BYTES + floor->payload_bytes;
    size_t total = conn->carry_bytes + bytes, frames = total / in_bytes;

    conn->carry_bytes = (uint8_t)(total % in_bytes);
    return frames == 0 || send(conn->fd, floor->out, frames * out_bytes, MSG_NOSIGNAL) >= 0;
}

static bool answer_echo(struct floor *floor, struct conn *conn, size_t bytes)
{
    size_t at = 0, out_bytes = 0;
    uint8_t *in = floor->in, *out = floor->out;

    while (bytes - at >= HEAD_IN_BYTES && bytes - at >= (in[at + 1] & 0x7fu) + HEAD_IN_BYTES) {
        size_t payload_bytes = in[at + 1] & 0x7f;

        if ((in[at] & 0x0f) == 8 || payload_bytes > PAYLOAD_BYTES_MAX)
            return false;
        out[out_bytes++] = in[at];
        out[out_bytes++] = (uint8_t)payload_bytes;
        for (size_t i = 0; i < payload_bytes; i++)
            out[out_bytes++] = in[at + HEAD_IN_BYTES + i] ^ in[at + 2 + (i & 3)];
        at += HEAD_IN_BYTES + payload_bytes;
    }
    conn->carry_bytes = (uint8_t)(bytes - at);
    if (conn->carry_bytes > 0)
        memcpy(conn->carry, in + at, conn->carry_bytes);
    return out_bytes == 0 || send(conn->fd, out, out_bytes, MSG_NOSIGNAL) >= 0;
}

static bool conn_readable(struct floor *floor, struct conn *conn)
{
    size_t carried = floor->echo ? conn->carry_bytes : 0;

    if (carried > 0)
        memcpy(floor->in, conn->carry, carried);
    ssize_t n = recv(conn->fd, floor->in + carried, BUFFER_BYTES / 2, 0);

    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    if (!conn->open)
        return upgrade(conn, (char *)floor->in, (size_t)n);
    return floor->echo ? answer_echo(floor, conn, carried + (size_t)n) : answer_blind(floor, conn, (size_t)n);
}

static void listen_on(struct floor *floor, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    floor->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(floor->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(floor->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (listen(floor->listen_fd, SOMAXCONN) < 0)
        fail("listen");
    floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (floor->epoll_fd < 0 || epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, floor->listen_fd, &event) < 0)
        fail("epoll");
}

static void serve(struct floor *floor)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(floor->epoll_fd, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;

            if (conn == NULL)
                accept_all(floor);
            else if (!conn_readable(floor, conn))
                conn_close(conn);
        }
    }
}

int main(int argc, char **argv)
{
    static struct floor floor = {.payload_bytes = 20};
    unsigned port = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--echo") == 0)
            floor.echo = true;
        else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
            port = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--payload") == 0 && i + 1 < argc)
            floor.payload_bytes = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    if (port == 0 || port > 65535 || floor.payload_bytes > PAYLOAD_BYTES_MAX) {
        fprintf(stderr, "usage: floor_echo --port P [--payload 0..%d] [--echo]\n", PAYLOAD_BYTES_MAX);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a ruler does not outlive the measurement */
    size_t out_bytes = HEAD_OUT_BYTES + floor.payload_bytes;

    for (size_t at = 0; at + out_bytes <= sizeof(floor.out); at += out_bytes) {
        floor.out[at] = 0x82; /* FIN, binary */
        floor.out[at + 1] = (uint8_t)floor.payload_bytes;
    }
    listen_on(&floor, port);
    serve(&floor);
}
