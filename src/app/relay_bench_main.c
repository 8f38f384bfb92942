/* app/relay_bench_main.c - how much RTP the relay carries, beside the bare floor in the same run.
 *
 *   relay_bench [--mbit N] [--seconds N] [--consumers N] [--units]
 *
 * A sender thread paces packets of 1,400 bytes at N Mbit/s (1,000 by default) to a leg's port, the media thread relays them to the consumers, whose sockets one thread reads. Counted: what was sent, taken, and
 * came; CPU of the thread in between as part of one core. The floor is a thread that does nothing but recvmmsg() and sendmmsg(), in batches of the same size. --units: packets hold a program stream that
 * is assembled as for watchers, though there are none. Exit status: 0 when nothing was lost by the relay at this rate, 1 otherwise. */
#include <arpa/inet.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "codec/ps/mux.h"
#include "io/clock.h"

enum {
    PACKET_BYTES = 1400,
    BATCH = 32,
    CONSUMERS_MAX = 16,
    BUFFER_BYTES = 16 << 20,
    SSRC = 200000001,
    PORT = 45000
};

static struct {
    unsigned mbit, seconds, consumers;
    bool units;
} options = {1000, 5, 1, false};

struct counts {
    uint64_t sent, taken, came, cpu_ns, ns;
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int udp_socket(uint16_t port, uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = BUFFER_BYTES;
    struct sockaddr_in address = loopback(port);
    socklen_t address_bytes = sizeof(address);
    struct timeval patience = {0, 200000};

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("relay_bench: socket");
        exit(2);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)getsockname(fd, (struct sockaddr *)&address, &address_bytes);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    uint8_t bytes[BATCH][2048];
};

static void batch_init(struct batch *batch, size_t bytes)
{
    for (unsigned i = 0; i < BATCH; i++) {
        batch->iov[i] = (struct iovec){batch->bytes[i], bytes};
        batch->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &batch->iov[i], .msg_iovlen = 1}};
    }
}

/* ---- the consumers ---- */

static int consumer_fds[CONSUMERS_MAX];
static _Atomic bool consumers_stop;
static _Atomic uint64_t came;

static void *consume(void *context)
{
    int fd = *(int *)context;
    struct batch *batch = calloc(1, sizeof(*batch));

    HF_ASSERT(batch != NULL);
    batch_init(batch, 2048);
    while (!atomic_load(&consumers_stop)) {
        int got = recvmmsg(fd, batch->messages, BATCH, MSG_WAITFORONE, NULL);

        if (got > 0)
            atomic_fetch_add(&came, (uint64_t)got);
    }
    free(batch);
    return NULL;
}

/* ---- the sender ---- */

/* The payload of packet n: of a program stream with a key frame a second, or nothing in particular. */
static const uint8_t *payload(uint64_t n)
{
    static uint8_t stream[1 << 20];
    static size_t bytes;

    if (bytes == 0) {
        static const uint8_t head[] = {0, 0,    0,    1, 0x67, 0x42, 0, 0,    0,
                                       1, 0x68, 0xce, 0, 0,    0,    1, 0x65, 0x88};
        struct hf_ps_map map = {.video = HF_ES_H264};
        size_t unit_bytes = 100 * (PACKET_BYTES - HF_RTP_HEAD_BYTES) - 300;
        uint8_t *unit = malloc(unit_bytes);
        struct hf_es_unit es = {.codec = HF_ES_H264, .key = true, .at = unit, .bytes = unit_bytes};

        HF_ASSERT(unit != NULL);
        memset(unit, 0xa5, unit_bytes);
        memcpy(unit, head, sizeof(head));
        bytes = hf_ps_write(&map, &es, stream);
        free(unit);
    }
    return stream + n % 100 * (PACKET_BYTES - HF_RTP_HEAD_BYTES);
}

static uint64_t send_for(uint16_t port, uint64_t *ret_ns)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    struct sockaddr_in to = loopback(port);
    uint64_t total = (uint64_t)options.mbit * 1000000 / 8 / PACKET_BYTES * options.seconds, sent = 0,
             begun_ns;
    uint16_t own;
    int fd = udp_socket(0, &own);

    HF_ASSERT(batch != NULL);
    batch_init(batch, PACKET_BYTES);
    for (unsigned i = 0; i < BATCH; i++) {
        batch->messages[i].msg_hdr.msg_name = &to;
        batch->messages[i].msg_hdr.msg_namelen = sizeof(to);
    }
    begun_ns = hf_clock_ns();
    while (sent < total) {
        uint64_t due = (hf_clock_ns() - begun_ns) * total / (options.seconds * UINT64_C(1000000000));

        if (sent >= due) {
            struct timespec rest = {0, 100000};

            nanosleep(&rest, NULL);
            continue;
        }
        unsigned count = (unsigned)HF_MIN(due - sent, (uint64_t)BATCH);

        for (unsigned i = 0; i < count; i++) {
            struct hf_rtp head = {.marker = (sent + i) % 100 == 99,
                                  .payload_type = 96,
                                  .sequence = (uint16_t)(sent + i),
                                  .timestamp = (uint32_t)((sent + i) / 100 * 3600),
                                  .ssrc = SSRC};

            hf_rtp_write(&head, batch->bytes[i]);
            if (options.units)
                memcpy(batch->bytes[i] + HF_RTP_HEAD_BYTES, payload(sent + i),
                       PACKET_BYTES - HF_RTP_HEAD_BYTES);
        }
        int done = sendmmsg(fd, batch->messages, count, 0);

        if (done > 0)
            sent += (uint64_t)done;
    }
    *ret_ns = hf_clock_ns() - begun_ns;
    close(fd);
    free(batch);
    return sent;
}

/* ---- the floor ---- */

static _Atomic bool floor_stop;
static struct {
    int in, out;
    uint16_t ports[CONSUMERS_MAX];
    uint64_t taken;
} bare;

static void *run_floor(void *context)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    struct sockaddr_in to[CONSUMERS_MAX];

    (void)context;
    HF_ASSERT(batch != NULL);
    batch_init(batch, 2048);
    for (unsigned c = 0; c < options.consumers; c++)
        to[c] = loopback(bare.ports[c]);
    while (!atomic_load(&floor_stop)) {
        int got = recvmmsg(bare.in, batch->messages, BATCH, MSG_WAITFORONE, NULL);

        if (got <= 0)
            continue;
        bare.taken += (uint64_t)got;
        for (unsigned c = 0; c < options.consumers; c++) {
            for (int i = 0; i < got; i++) {
                batch->iov[i].iov_len = batch->messages[i].msg_len;
                batch->messages[i].msg_hdr.msg_name = &to[c];
                batch->messages[i].msg_hdr.msg_namelen = sizeof(to[c]);
            }
            (void)sendmmsg(bare.out, batch->messages, (unsigned)got, 0);
        }
        for (int i = 0; i < got; i++) {
            batch->iov[i].iov_len = 2048;
            batch->messages[i].msg_hdr.msg_name = NULL;
            batch->messages[i].msg_hdr.msg_namelen = 0;
        }
    }
    free(batch);
    return NULL;
}

static uint64_t thread_cpu_ns(pthread_t id)
{
    struct timespec time = {0};
    clockid_t clock;

    if (pthread_getcpuclockid(id, &clock) == 0)
        (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void settle(uint64_t wanted)
{
    for (uint64_t before = UINT64_MAX; atomic_load(&came) < wanted && atomic_load(&came) != before;) {
        before = atomic_load(&came);
        usleep(300000);
    }
}

static struct counts measure_floor(const uint16_t ports[CONSUMERS_MAX])
{
    struct counts counts = {0};
    uint16_t in, out;
    pthread_t thread;

    bare.in = udp_socket(0, &in);
    bare.out = udp_socket(0, &out);
    memcpy(bare.ports, ports, sizeof(bare.ports));
    atomic_store(&came, 0);
    HF_ASSERT(pthread_create(&thread, NULL, run_floor, NULL) == 0);
    counts.sent = send_for(in, &counts.ns);
    settle(counts.sent * options.consumers);
    counts.cpu_ns = thread_cpu_ns(thread);
    counts.came = atomic_load(&came);
    atomic_store(&floor_stop, true);
    (void)pthread_join(thread, NULL);
    counts.taken = bare.taken;
    close(bare.in);
    close(bare.out);
    return counts;
}

/* ---- the relay ---- */

static _Atomic uint16_t opened_port;

static void on_told(void *context, struct hf_tenant *tenant, const struct hf_gb_media_told *told)
{
    (void)context;
    (void)tenant;
    if (told->tell == HF_GB_MEDIA_OPENED)
        atomic_store(&opened_port, told->port);
}

static void on_message(void *context, unsigned mailbox, void *message)
{
    (void)context;
    (void)mailbox;
    hf_media_arrived(message, on_told, NULL);
}

static struct counts measure_relay(const uint16_t ports[CONSUMERS_MAX])
{
    static struct hf_tenant tenant = {.name = {"default", 7}};
    static struct hf_logger logger;
    const struct hf_log_sink nowhere = {0};
    struct hf_media_options wanted = {.address = "127.0.0.1",
                                      .port_first = PORT,
                                      .port_last = PORT + 99,
                                      .legs_max = 4,
                                      .views_max = 4,
                                      .first_packet_ms = 60000,
                                      .silence_ms = 60000,
                                      .unwatched_ms = 60000,
                                      .start_ms = 60000,
                                      .queue_units_max = 64,
                                      .queue_bytes_max = 1 << 20,
                                      .gop_bytes_max = options.units ? 8 << 20 : 0,
                                      .unit_bytes_max = 2 << 20,
                                      .talk_bytes_max = 16000};
    struct hf_gb_media_request request = {
        .tenant = &tenant, .device = HF_SLICE("d"), .channel = HF_SLICE("c"), .ssrc = SSRC, .family = 4};
    struct counts counts = {0};
    struct hf_mailbox *mailbox;
    struct hf_media_stats stats;
    struct hf_media *media;
    struct hf_inbox *inbox = hf_inbox_new(1);

    hf_logger_init(&logger, &nowhere, HF_LOG_LOGFMT, HF_LOG_ERROR);
    if (inbox == NULL || hf_media_new(&wanted, 1, &logger, &media) != HF_OK ||
        hf_inbox_add(inbox, hf_media_entries(media), &mailbox) != HF_OK) {
        fprintf(stderr, "relay_bench: cannot make the media thread\n");
        exit(2);
    }
    hf_media_connect(media, 0, mailbox);
    HF_ASSERT(hf_media_start(media) == HF_OK && hf_media_ops.open(media, 1, &request) == HF_OK);
    while (atomic_load(&opened_port) == 0) {
        (void)hf_inbox_wait(inbox, 100);
        (void)hf_inbox_drain(inbox, on_message, NULL, 100);
    }
    for (unsigned c = 0; c < options.consumers; c++) {
        union hf_address to = {.v4 = loopback(ports[c])};

        HF_ASSERT(hf_media_relay(media, 1, &to, true) == HF_OK);
    }
    atomic_store(&came, 0);
    uint64_t before_ns = thread_cpu_ns(media->thread.id);

    counts.sent = send_for(atomic_load(&opened_port), &counts.ns);
    settle(counts.sent * options.consumers);
    counts.cpu_ns = thread_cpu_ns(media->thread.id) - before_ns;
    counts.came = atomic_load(&came);
    usleep(1000 * 3 * HF_MEDIA_SWEEP_MS);
    hf_media_stats(media, &stats);
    counts.taken = stats.packets;
    hf_media_stop(media);
    (void)hf_inbox_drain(inbox, on_message, NULL, 100);
    hf_media_connect(media, 0, NULL);
    hf_media_free(media);
    hf_inbox_free(inbox);
    return counts;
}

static void print(const char *what, const struct counts *counts)
{
    uint64_t wanted = counts->sent * options.consumers;

    printf("%-6s sent %llu packets at %.0f Mbit/s, taken %llu, came %llu of %llu (lost %.3f %%), cpu %.1f %% "
           "of one core, %.0f ns a packet\n",
           what, (unsigned long long)counts->sent,
           (double)counts->sent * PACKET_BYTES * 8 * 1000 / (double)counts->ns,
           (unsigned long long)counts->taken, (unsigned long long)counts->came, (unsigned long long)wanted,
           wanted > 0 ? 100.0 * (double)(wanted - HF_MIN(counts->came, wanted)) / (double)wanted : 0.0,
           100.0 * (double)counts->cpu_ns / (double)counts->ns,
           (double)counts->cpu_ns / (double)HF_MAX(counts->taken, 1u));
}

static bool take_options(int argc, char **argv)
{
    static const struct option names[] = {{"mbit", required_argument, NULL, 'm'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"consumers", required_argument, NULL, 'c'},
                                          {"units", no_argument, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};

    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        unsigned value = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;

        switch (option) {
        case 'm': options.mbit = value; break;
        case 's': options.seconds = value; break;
        case 'c': options.consumers = value; break;
        case 'u': options.units = true; break;
        default: return false;
        }
    }
    return optind == argc && options.mbit >= 1 && options.mbit <= 100000 && options.seconds >= 1 &&
           options.seconds <= 3600 && options.consumers >= 1 && options.consumers <= CONSUMERS_MAX;
}

int main(int argc, char **argv)
{
    uint16_t ports[CONSUMERS_MAX];
    pthread_t threads[CONSUMERS_MAX];
    struct counts bare_counts, relay;

    if (!take_options(argc, argv)) {
        fprintf(stderr, "usage: relay_bench [--mbit N] [--seconds N] [--consumers 1..%d] [--units]\n",
                CONSUMERS_MAX);
        return 2;
    }
    for (unsigned c = 0; c < options.consumers; c++) {
        consumer_fds[c] = udp_socket(0, &ports[c]);
        HF_ASSERT(pthread_create(&threads[c], NULL, consume, &consumer_fds[c]) == 0);
    }
    bare_counts = measure_floor(ports);
    print("floor", &bare_counts);
    relay = measure_relay(ports);
    print("relay", &relay);
    atomic_store(&consumers_stop, true);
    for (unsigned c = 0; c < options.consumers; c++) {
        (void)pthread_join(threads[c], NULL);
        close(consumer_fds[c]);
    }
    return relay.came == relay.sent * options.consumers ? 0 : 1;
}
