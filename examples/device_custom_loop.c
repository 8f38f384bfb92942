/* A device with an event loop of its own: the client is one descriptor and one time among others. No thread is started, and the queue is in memory.
 * Lines of stdin are telemetry; what comes is printed. Ends with stdin, when the queue is empty.
 *
 *     device_custom_loop URL DEVICE [TOKEN] */
#include <holdfast/holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    (void)fresh;
    return snprintf(out, out_bytes, "%s", (const char *)user) < (int)out_bytes ? HOLDFAST_OK
                                                                               : HOLDFAST_ERR_LIMIT;
}

static int on_message(void *user, const struct hf_client_incoming *message)
{
    (void)user;
    printf("message %.*s\n", (int)message->payload_bytes, (const char *)message->payload);
    (void)fflush(stdout);
    return HOLDFAST_DONE;
}

static void on_state(void *user, int state, int before)
{
    static const char *const names[] = {"handshaking", "connected", "degraded", "disconnecting",
                                        "disconnected"};

    (void)user;
    printf("%s -> %s\n", names[before], names[state]);
    (void)fflush(stdout);
}

/* What can be read at once; true at the end of the file. */
static bool read_lines(struct hf_client *client)
{
    static char text[65536];
    static size_t bytes;
    struct hf_client_publication sample = HOLDFAST_PUBLICATION_INIT;
    ssize_t got = read(STDIN_FILENO, text + bytes, sizeof(text) - bytes);
    char *end;

    if (got <= 0)
        return true;
    bytes += (size_t)got;
    sample.class = HOLDFAST_TELEMETRY;
    sample.topic = "samples";
    sample.text = true;
    while ((end = memchr(text, '\n', bytes)) != NULL) {
        sample.payload = text;
        sample.payload_bytes = (size_t)(end - text);
        if (hf_client_publish(client, &sample) != HOLDFAST_OK)
            fprintf(stderr, "a sample was not taken\n");
        bytes -= (size_t)(end + 1 - text);
        memmove(text, end + 1, bytes);
    }
    return false;
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct hf_client_stats stats = {.queued = 0};
    struct hf_client *client;
    struct pollfd fds[2];
    bool ended = false;
    char error[256];

    if (argc < 3) {
        fprintf(stderr, "usage: %s URL DEVICE [TOKEN]\n", argv[0]);
        return 2;
    }
    options.url = argv[1];
    options.device = argv[2];
    options.user = argc > 3 ? argv[3] : NULL;
    options.token = argc > 3 ? token : NULL;
    options.on_message = on_message;
    options.on_state = on_state;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    fds[0] = (struct pollfd){.fd = hf_client_fd(client), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (hf_client_step(client) == HOLDFAST_OK) {
        hf_client_stats(client, &stats);
        if (ended && stats.queued == 0 && stats.published == stats.sent && stats.connections > 0)
            hf_client_stop(client);
        if (poll(fds, 2, hf_client_timeout_ms(client)) > 0 && fds[1].revents != 0 && read_lines(client)) {
            ended = true;
            fds[1].fd = -1;
        }
    }
    hf_client_free(client);
    return 0;
}
