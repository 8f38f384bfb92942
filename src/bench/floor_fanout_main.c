/* The bare-kernel floor of a broadcast: one process sends the same bytes to N sockets, one send() each and nothing else, another one
 * reads them through epoll. Prints the sender's CPU per send. What a gateway needs above this is its own.
 *
 *   floor_fanout SOCKETS BYTES ROUNDS [SENDER_CPU READER_CPU] */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 200, SOCKETS_PER_ADDRESS = 20000 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void pin(const char *cpu)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(strtoul(cpu, NULL, 10), &cpus);
    if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0)
        fail("sched_setaffinity");
}

/* Reads whatever comes until the sender closes. */
static void read_all(int epoll_fd, unsigned open)
{
    static char into[65536];
    struct epoll_event events[512];

    while (open > 0) {
        int count = epoll_wait(epoll_fd, events, 512, 5000);

        if (count <= 0)
            return;
        for (int i = 0; i < count; i++) {
            if (recv(events[i].data.fd, into, sizeof(into), 0) > 0)
                continue;
            close(events[i].data.fd);
            open--;
        }
    }
}

static void receive(const struct sockaddr_in *to, unsigned sockets)
{
    int epoll_fd = epoll_create1(0);

    for (unsigned i = 0; i < sockets; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("connect");
    }
    read_all(epoll_fd, sockets);
    _exit(0);
}

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    unsigned sockets = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned bytes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 102;
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    int *fds = calloc(sockets, sizeof(int));
    char *payload = calloc(1, bytes);
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

    if (fds == NULL || payload == NULL || sockets == 0 || sockets > SOCKETS_PER_ADDRESS ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &address_bytes) != 0)
        fail("listen");
    pid_t reader = fork();
    if (argc > 5)
        pin(argv[reader == 0 ? 5 : 4]);
    if (reader == 0)
        receive(&address, sockets);
    for (unsigned i = 0; i < sockets; i++) {
        fds[i] = accept(listener, NULL, NULL);
        if (fds[i] < 0)
            fail("accept");
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    double before = cpu_s();
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < sockets; i++)
            if (send(fds[i], payload, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
                fail("send");
        nanosleep(&pause, NULL); /* the same rhythm as the broadcast section */
    }
    printf("%.4f\n", (cpu_s() - before) * 1e6 / ((double)sockets * rounds));
    for (unsigned i = 0; i < sockets; i++)
        close(fds[i]);
    waitpid(reader, NULL, 0);
    free(payload);
    free(fds);
    return 0;
}
