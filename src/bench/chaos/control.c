/* Commands while it runs: lines on stdin, and on a TCP port of the loopback; each is answered by one line. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/chaos/proxy.h"
#include "io/listener.h"
#include "io/stream.h"

enum { STDIN_BYTES = 4096 };

/* Bytes in any portions to lines; one that is too long is answered once and skipped. */
struct lines {
    struct hf_chaos *chaos;
    char text[HF_CHAOS_LINE_BYTES_MAX];
    size_t bytes;
    bool too_long;
    bool (*answer)(struct lines *lines, const char *text); /* false: nobody listens any more */
};

struct client {
    struct hf_list_node node;
    struct lines lines;
    struct hf_stream *stream;
};

struct controls {
    struct hf_listener *listener; /* owns; NULL without a port */
    struct hf_list_node clients;  /* own */
    unsigned client_count;
    struct hf_handle input; /* stdin; fd -1 when it has ended or cannot be watched */
    struct lines input_lines;
};

static const char too_long[] = "{\"ok\":false,\"error\":\"a command has at most 511 bytes\"}";
_Static_assert(HF_CHAOS_LINE_BYTES_MAX == 512, "the text above says it");

static struct controls *controls_of(const struct hf_chaos *chaos)
{
    return chaos->controls;
}

static bool line_done(struct lines *lines)
{
    static char answer[HF_CHAOS_ANSWER_BYTES]; /* one thread */
    bool was_too_long = lines->too_long;
    struct hf_slice line = hf_slice_trim((struct hf_slice){lines->text, lines->bytes});

    if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
        line.bytes--;
    lines->bytes = 0;
    lines->too_long = false;
    if (was_too_long)
        return lines->answer(lines, too_long);
    if (line.bytes == 0)
        return true;
    (void)hf_chaos_execute(lines->chaos, line, answer);
    return lines->answer(lines, answer);
}

/* False: the answers cannot be written. */
static bool feed(struct lines *lines, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] == '\n') {
            if (!line_done(lines))
                return false;
        } else if (lines->bytes < sizeof(lines->text) - 1) {
            lines->text[lines->bytes++] = data[i];
        } else {
            lines->too_long = true;
        }
    }
    return true;
}

/* ---- stdin ---- */

static bool answer_stdout(struct lines *lines, const char *text)
{
    (void)lines;
    (void)printf("%s\n", text);
    return fflush(stdout) == 0;
}

static void on_input(struct hf_handle *handle, uint32_t events)
{
    struct controls *controls = HF_CONTAINER_OF(handle, struct controls, input);
    char data[STDIN_BYTES];
    ssize_t got = read(handle->fd, data, sizeof(data));

    (void)events;
    if (got > 0) {
        (void)feed(&controls->input_lines, data, (size_t)got); /* nobody may read the answers */
        return;
    }
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    hf_loop_unwatch(controls->input_lines.chaos->loop,
                    handle); /* its end, or the terminal is not ours: it runs on */
    handle->fd = -1;
}

/* A file, as /dev/null is one, cannot be watched: then there are no commands. */
static void watch_input(struct hf_chaos *chaos)
{
    struct controls *controls = controls_of(chaos);

    controls->input_lines = (struct lines){.chaos = chaos, .answer = answer_stdout};
    controls->input = (struct hf_handle){.on_event = on_input, .fd = STDIN_FILENO};
    if (hf_loop_watch(chaos->loop, &controls->input, EPOLLIN) != HF_OK)
        controls->input.fd = -1;
}

/* ---- the port ---- */

static void client_free(struct controls *controls, struct client *client)
{
    hf_list_remove(&client->node);
    controls->client_count--;
    free(client);
}

static bool answer_client(struct lines *lines, const char *text)
{
    struct hf_link *link = &HF_CONTAINER_OF(lines, struct client, lines)->stream->link;

    return link->ops->write(link, text, strlen(text)) == HF_OK && link->ops->write(link, "\n", 1) == HF_OK;
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct client *client = link->user;

    if (feed(&client->lines, (const char *)data, bytes))
        return;
    link->ops->abort(link);
    client_free(controls_of(client->lines.chaos), client);
}

/* Answers that the client does not read stay in the stream's queue; where that ends, so does the client (on_data). */
static void on_queue(struct hf_link *link)
{
    (void)link;
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    struct client *client = link->user;

    (void)end;
    (void)sys_errno;
    client_free(controls_of(client->lines.chaos), client);
}

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    static const struct hf_link_handler handler = {
        .on_data = on_data, .on_blocked = on_queue, .on_drained = on_queue, .on_end = on_end};
    static const char full[] = "{\"ok\":false,\"error\":\"too many control connections\"}\n";
    struct hf_chaos *chaos = hf_listener_user(listener);
    struct controls *controls = controls_of(chaos);
    struct client *client =
        controls->client_count < HF_CHAOS_CONTROLS_MAX ? calloc(1, sizeof(*client)) : NULL;

    (void)peer;
    if (client == NULL) {
        hf_socket_refuse(fd, full, sizeof(full) - 1);
        return;
    }
    client->lines = (struct lines){.chaos = chaos, .answer = answer_client};
    if (hf_stream_open(chaos->loop, fd, NULL, &handler, client, &client->stream) != HF_OK) {
        free(client);
        close(fd);
        return;
    }
    hf_list_init(&client->node);
    hf_list_push_back(&controls->clients, &client->node);
    controls->client_count++;
}

static hf_err listen_there(struct hf_chaos *chaos, char *error)
{
    struct hf_listener_options options = {
        .address = chaos->options->control, .first = true, .on_accept = on_accept, .user = chaos};
    hf_err err = hf_listener_open(chaos->loop, &options, &controls_of(chaos)->listener);
    char text[HF_SOCKET_TEXT_MAX];

    if (err != HF_OK) {
        int saved = errno;

        hf_address_text(&chaos->options->control, text);
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "--control %s: cannot listen there: %s%s", text,
                       strerror(saved), err == HF_ERR_EXISTS ? "; port 0 takes a free one" : "");
    }
    return err;
}

hf_err hf_chaos_control_open(struct hf_chaos *chaos, char error[HF_CHAOS_ERROR_BYTES])
{
    struct controls *controls = calloc(1, sizeof(*controls));

    if (controls == NULL) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(HF_ERR_NOMEM));
        return HF_ERR_NOMEM;
    }
    chaos->controls = controls;
    hf_list_init(&controls->clients);
    controls->input.fd = -1;
    if (chaos->options->control.any.sa_family != AF_UNSPEC) {
        hf_err err = listen_there(chaos, error);

        if (err != HF_OK)
            return err;
    }
    watch_input(chaos);
    return HF_OK;
}

union hf_address hf_chaos_control_address(const struct hf_chaos *chaos)
{
    const struct controls *controls = controls_of(chaos);

    return controls->listener != NULL ? hf_listener_address(controls->listener) : (union hf_address){0};
}

void hf_chaos_control_close(struct hf_chaos *chaos)
{
    struct controls *controls = controls_of(chaos);

    if (controls == NULL)
        return;
    while (!hf_list_empty(&controls->clients)) {
        struct client *client = HF_CONTAINER_OF(controls->clients.next, struct client, node);

        client->stream->link.ops->flush(&client->stream->link);
        client->stream->link.ops->abort(&client->stream->link);
        client_free(controls, client);
    }
    hf_listener_close(controls->listener);
    if (controls->input.fd >= 0)
        hf_loop_unwatch(chaos->loop, &controls->input);
    free(controls);
    chaos->controls = NULL;
}
