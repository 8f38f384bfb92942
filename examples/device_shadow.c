/* A device and its shadow: what it is wanted to be and is not yet is printed, of the unnamed shadow and of named ones, and what comes of its own changes. Each line of stdin is such a
 * change, a merge patch (RFC 7396): {"reported":{"interval":5}}, of a named one {"name":"led","reported":{"on":true}}. What cannot be made of it because somebody else has changed the
 * same meanwhile is refused alone, and named in the answer (the rule oplog). A real program keeps the version with what it has applied.
 *
 *     device_shadow URL DEVICE [TOKEN] */
#include <holdfast/holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct device {
    const char *token;
    unsigned open; /* patches that wait for their answers */
};

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    const struct device *device = user;

    (void)fresh;
    return snprintf(out, out_bytes, "%s", device->token) < (int)out_bytes ? HOLDFAST_OK : HOLDFAST_ERR_LIMIT;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    printf("open %s\n", open->connection);
    (void)fflush(stdout);
}

static void on_shadow(void *user, const struct hf_client_context *context)
{
    struct device *device = user;

    device->open -= context->request != 0;
    printf("%s %s version %llu %.*s\n", context->request != 0 ? "answer" : "told", context->reason,
           (unsigned long long)context->version, (int)context->json_bytes,
           context->json != NULL ? context->json : "");
    (void)fflush(stdout);
}

/* What can be read at once; true at the end of the file. */
static bool read_lines(struct hf_client *client, struct device *device)
{
    static char text[HOLDFAST_CHANGE_BYTES_MAX + 1];
    static size_t bytes;
    struct hf_client_change change = HOLDFAST_CHANGE_INIT;
    ssize_t got = read(STDIN_FILENO, text + bytes, sizeof(text) - bytes);
    char *end;

    if (got <= 0)
        return true;
    bytes += (size_t)got;
    change.document = HOLDFAST_SHADOW;
    change.kind = HOLDFAST_PATCH_MERGE;
    change.merge = HOLDFAST_MERGE_OPLOG;
    while ((end = memchr(text, '\n', bytes)) != NULL) {
        change.json = text;
        change.json_bytes = (size_t)(end - text);
        if (hf_client_patch(client, &change, NULL) == HOLDFAST_OK)
            device->open++;
        else
            fprintf(stderr, "the line is empty or too long\n");
        bytes -= (size_t)(end + 1 - text);
        memmove(text, end + 1, bytes);
    }
    return bytes == sizeof(text);
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct device device = {.token = argc > 3 ? argv[3] : NULL};
    struct hf_client *client;
    struct pollfd fds[2];
    char error[256];

    if (argc < 3) {
        fprintf(stderr, "usage: %s URL DEVICE [TOKEN]\n", argv[0]);
        return 2;
    }
    options.url = argv[1];
    options.device = argv[2];
    options.user = &device;
    options.token = argc > 3 ? token : NULL;
    options.on_open = on_open;
    options.on_shadow = on_shadow;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    fds[0] = (struct pollfd){.fd = hf_client_fd(client), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (hf_client_step(client) == HOLDFAST_OK) {
        if (fds[1].fd < 0 && device.open == 0)
            hf_client_stop(client);
        if (poll(fds, 2, hf_client_timeout_ms(client)) > 0 && fds[1].revents != 0 &&
            read_lines(client, &device))
            fds[1].fd = -1;
    }
    hf_client_free(client);
    return 0;
}
