/* A device that takes messages, of a gateway or of an MQTT broker, and says itself when it is done with one: each is a line on stdout, and a line on stdin with its handle acknowledges it. Until then it comes again after
 * whatever ends this program; afterwards it never does (without an id, at a broker: until its next connection).
 *
 *     device_messages URL DEVICE QUEUE_FILE [TOKEN] */
#include <holdfast/holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    (void)fresh;
    return snprintf(out, out_bytes, "%s", (const char *)user) < (int)out_bytes ? HOLDFAST_OK
                                                                               : HOLDFAST_ERR_LIMIT;
}

/* Handle 0 comes at most once: there is nothing to acknowledge. */
static int on_message(void *user, const struct hf_client_incoming *message)
{
    int shown = message->payload_bytes < 64 ? (int)message->payload_bytes : 64;

    (void)user;
    printf("message %llu %s %s %zu %.*s\n", (unsigned long long)message->handle,
           message->id[0] != '\0' ? message->id : "-", message->topic, message->payload_bytes,
           message->text || message->format == HOLDFAST_FORMAT_OPAQUE ? shown : 0,
           (const char *)message->payload);
    (void)fflush(stdout);
    return HOLDFAST_LATER;
}

static void on_acknowledged(void *user, uint64_t handle, int err)
{
    (void)user;
    printf("acknowledged %llu %s\n", (unsigned long long)handle, hf_client_error_text(err));
    (void)fflush(stdout);
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    printf("open %s\n", open->result == HOLDFAST_SESSION_RESUMED ? "resumed" : "new");
    (void)fflush(stdout);
}

static void on_close(void *user, const struct hf_client_close *close)
{
    (void)user;
    printf("closed %s: %s\n", close->reason, close->text);
    (void)fflush(stdout);
}

static void on_error(void *user, int err, const char *reason, const char *detail)
{
    (void)user;
    (void)err;
    printf("error %s: %s\n", reason, detail);
    (void)fflush(stdout);
}

/* False at the end of the input. */
static bool read_handles(struct hf_client *client)
{
    static char input[4096];
    static size_t bytes;
    ssize_t got = read(STDIN_FILENO, input + bytes, sizeof(input) - bytes);
    char *end;

    if (got <= 0)
        return false;
    bytes += (size_t)got;
    while ((end = memchr(input, '\n', bytes)) != NULL) {
        (void)hf_client_acknowledge(client, strtoull(input, NULL, 10));
        bytes -= (size_t)(end + 1 - input);
        memmove(input, end + 1, bytes);
    }
    return bytes < sizeof(input);
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct hf_client *client;
    struct pollfd fds[2];
    char error[256];

    if (argc < 4) {
        fprintf(stderr, "usage: %s URL DEVICE QUEUE_FILE [TOKEN]\n", argv[0]);
        return 2;
    }
    options.url = argv[1];
    options.device = argv[2];
    options.queue_path = argv[3];
    options.user = argc > 4 ? argv[4] : NULL;
    options.token = argc > 4 ? token : NULL;
    options.profile = HOLDFAST_PROFILE_HA; /* short heartbeats, and soon back */
    options.on_message = on_message;
    options.on_acknowledged = on_acknowledged;
    options.on_open = on_open;
    options.on_close = on_close;
    options.on_error = on_error;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    fds[0] = (struct pollfd){.fd = hf_client_fd(client), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (hf_client_step(client) == HOLDFAST_OK)
        if (poll(fds, 2, hf_client_timeout_ms(client)) > 0 && fds[1].revents != 0 && !read_handles(client)) {
            hf_client_stop(client);
            fds[1].fd = -1;
        }
    hf_client_free(client);
    return 0;
}
