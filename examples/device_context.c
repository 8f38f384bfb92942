/* A terminal of a user: what it has in common with the user's other ones is the context of their group, a small JSON document at the gateway. Each line of stdin is a merge patch of it
 * (RFC 7396); what others change is printed. A real program keeps the document and its version, and applies the patches to it with the JSON library of its choice.
 *
 *     device_context URL DEVICE GROUP [TOKEN] */
#include <holdfast/holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct terminal {
    const char *token;
    uint64_t version; /* of what on_context printed last */
    unsigned open;    /* patches that wait for their answers */
};

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    const struct terminal *terminal = user;

    (void)fresh;
    return snprintf(out, out_bytes, "%s", terminal->token) < (int)out_bytes ? HOLDFAST_OK
                                                                            : HOLDFAST_ERR_LIMIT;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    printf("open %s\n", open->connection);
    (void)fflush(stdout);
}

static void on_document(void *user, const struct hf_client_context *context)
{
    struct terminal *terminal = user;

    if (context->document != HOLDFAST_GROUP_CONTEXT)
        return;
    terminal->version = context->version;
    terminal->open -= context->request != 0;
    printf("%s %s version %llu %s%.*s\n", context->request != 0 ? "answer" : "told", context->reason,
           (unsigned long long)context->version,
           context->json == NULL ? ""
           : context->full       ? "is "
                                 : "patch ",
           (int)context->json_bytes, context->json != NULL ? context->json : "");
    (void)fflush(stdout);
}

/* What can be read at once; true at the end of the file. */
static bool read_lines(struct hf_client *client, struct terminal *terminal)
{
    static char text[HOLDFAST_CHANGE_BYTES_MAX + 1];
    static size_t bytes;
    struct hf_client_change change = HOLDFAST_CHANGE_INIT;
    ssize_t got = read(STDIN_FILENO, text + bytes, sizeof(text) - bytes);
    char *end;

    if (got <= 0)
        return true;
    bytes += (size_t)got;
    change.document = HOLDFAST_GROUP_CONTEXT;
    change.kind = HOLDFAST_PATCH_MERGE;
    change.merge = HOLDFAST_MERGE_CONFLICT_FREE;
    while ((end = memchr(text, '\n', bytes)) != NULL) {
        change.base_version = terminal->version;
        change.json = text;
        change.json_bytes = (size_t)(end - text);
        if (hf_client_patch(client, &change, NULL) == HOLDFAST_OK)
            terminal->open++;
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
    struct terminal terminal = {.token = argc > 4 ? argv[4] : NULL};
    struct hf_client *client;
    struct pollfd fds[2];
    const char *groups[1];
    char error[256];

    if (argc < 4) {
        fprintf(stderr, "usage: %s URL DEVICE GROUP [TOKEN]\n", argv[0]);
        return 2;
    }
    options.url = argv[1];
    options.device = argv[2];
    groups[0] = argv[3];
    options.groups = groups;
    options.group_count = 1;
    options.user = &terminal;
    options.token = argc > 4 ? token : NULL;
    options.on_open = on_open;
    options.on_document = on_document;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    fds[0] = (struct pollfd){.fd = hf_client_fd(client), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (hf_client_step(client) == HOLDFAST_OK) {
        if (fds[1].fd < 0 && terminal.open == 0)
            hf_client_stop(client);
        if (poll(fds, 2, hf_client_timeout_ms(client)) > 0 && fds[1].revents != 0 &&
            read_lines(client, &terminal))
            fds[1].fd = -1;
    }
    hf_client_free(client);
    return 0;
}
