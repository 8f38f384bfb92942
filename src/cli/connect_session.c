#include "cli/connect_session.h"

#include <errno.h>
#include <holdfast/holdfast.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/connect_print.h"
#include "io/clock.h"

enum { LINE_ROOM = 64 << 10, TEXT_BYTES = 512 };
#define FOR_EVER UINT64_MAX

struct session {
    const struct hf_cli_session_request *request;
    struct hf_client *client;
    struct hf_cli_print print;
    char line[LINE_ROOM]; /* what stdin gave since the last line break */
    size_t line_bytes;
    bool input_ended, failed, left; /* left: we said goodbye */
    bool open;
    unsigned reports; /* that wait for their answers */
    uint64_t idle_ms; /* since when nothing is left to be sent; 0 = not yet */
    uint64_t received;
};

/* ---- callbacks ---- */

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    const struct session *session = user;

    (void)fresh;
    return snprintf(out, out_bytes, "%s", session->request->token) < (int)out_bytes ? HOLDFAST_OK
                                                                                    : HOLDFAST_ERR_LIMIT;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};
    struct session *session = user;
    char text[TEXT_BYTES];

    session->open = true;
    (void)snprintf(text, sizeof(text),
                   "connected as %s (holdfast.v1, session %s) in %u ms: name %u, TCP %u, TLS %u, upgrade %u, "
                   "greeting %u",
                   open->connection, results[open->result],
                   open->dns_ms + open->tcp_ms + open->tls_ms + open->upgrade_ms + open->greeting_ms,
                   open->dns_ms, open->tcp_ms, open->tls_ms, open->upgrade_ms, open->greeting_ms);
    hf_cli_print_note(&session->print, "open", text);
}

static void on_close(void *user, const struct hf_client_close *close)
{
    struct session *session = user;
    char text[TEXT_BYTES], wait[HF_CLI_SHORT_BYTES];

    session->open = false;
    (void)snprintf(text, sizeof(text), "closed: %s%s%s",
                   strcmp(close->reason, "none") != 0 ? close->reason : "",
                   strcmp(close->reason, "none") != 0 ? ", " : "", close->text);
    if (close->retry)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "; again in %s",
                       hf_cli_duration_text(close->retry_ms, wait));
    hf_cli_print_note(&session->print, "close", text);
    session->failed |= !close->retry && !session->left;
}

static void count_one(struct session *session)
{
    session->received++;
    if (session->request->count == 0 || session->received < session->request->count)
        return;
    session->left = true;
    hf_client_stop(session->client);
}

static int on_message(void *user, const struct hf_client_incoming *message)
{
    struct session *session = user;
    struct hf_slice payload = {message->payload, message->payload_bytes};

    hf_cli_print_message(&session->print, '<', message->text, payload);
    count_one(session);
    return HOLDFAST_DONE;
}

static int on_command(void *user, const struct hf_client_incoming *command, struct hf_client_reply *reply)
{
    struct session *session = user;
    const char *result = session->request->auto_result;
    char *text = NULL;
    int bytes = asprintf(&text, "command %s %s %.*s", command->id, command->topic,
                         command->text ? (int)command->payload_bytes : 0, (const char *)command->payload);

    if (bytes >= 0)
        hf_cli_print_message(&session->print, '<', true, (struct hf_slice){text, (size_t)bytes});
    free(bytes >= 0 ? text : NULL);
    if (result == NULL) {
        reply->status = HOLDFAST_RESULT_UNSUPPORTED;
    } else {
        reply->format = HOLDFAST_FORMAT_JSON;
        reply->text = true;
        reply->payload = result;
        reply->payload_bytes = strlen(result);
        hf_cli_print_message(&session->print, '>', true, hf_slice_of(result));
    }
    count_one(session);
    return HOLDFAST_DONE;
}

static void on_gap(void *user, uint64_t from, uint64_t to, const char *reason)
{
    char text[TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "messages %llu to %llu will not come: %s", (unsigned long long)from,
                   (unsigned long long)to, reason);
    hf_cli_print_note(&((struct session *)user)->print, "gap", text);
}

static void on_failed(void *user, uint64_t id, const char *reason)
{
    struct session *session = user;
    char text[TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "line %llu was not taken: %s", (unsigned long long)id, reason);
    hf_cli_print_note(&session->print, "failed", text);
    session->failed = true;
}

static void on_error(void *user, int err, const char *reason, const char *detail)
{
    char text[TEXT_BYTES];

    (void)err;
    (void)snprintf(text, sizeof(text), "%s: %s", reason, detail);
    hf_cli_print_note(&((struct session *)user)->print, "error", text);
}

static void on_path(void *user, const struct hf_client_path *path)
{
    bool name = path->suspect & HOLDFAST_SUSPECT_NAME, jitter = path->suspect & HOLDFAST_SUSPECT_JITTER;
    char text[TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "path %s%s%s%s: round trip %.1f ms, deviation %.1f ms",
                   path->suspect != 0 ? "suspect, " : "as usual", name ? "another name than the URL's" : "",
                   name && jitter ? ", " : "", jitter ? "answers scatter" : "", path->rtt_us / 1e3,
                   path->rtt_sigma_us / 1e3);
    hf_cli_print_note(&((struct session *)user)->print, "path", text);
}

static void on_done(void *user, void *cookie, uint64_t id, int err)
{
    struct session *session = user;

    (void)cookie;
    (void)id;
    if (err == HOLDFAST_OK)
        return;
    hf_cli_print_note(&session->print, "failed", hf_client_error_text(err));
    session->failed = true;
}

static void on_shadow(void *user, const struct hf_client_context *context)
{
    struct session *session = user;
    bool answer = context->request != 0, refused = answer && strcmp(context->reason, "none") != 0;
    char *text = NULL;

    session->reports -= answer;
    session->failed |= refused;
    int bytes =
        asprintf(&text, "shadow %s%s%sversion %llu %.*s", answer ? "reported, " : "",
                 refused ? context->reason : "", refused ? ", " : "", (unsigned long long)context->version,
                 (int)context->json_bytes, context->json != NULL ? context->json : "");
    if (bytes < 0)
        return;
    hf_cli_print_message(&session->print, '<', true, (struct hf_slice){text, (size_t)bytes});
    free(text);
}

/* ---- stdin ---- */

static const char report_word[] = "report ";

static bool is_report(const struct session *session, struct hf_slice line)
{
    return session->request->shadow && line.bytes > sizeof(report_word) - 1 &&
           memcmp(line.at, report_word, sizeof(report_word) - 1) == 0;
}

/* False: it cannot be said now, because there is no connection, or enough wait for their answers. */
static bool report(struct session *session, struct hf_slice line)
{
    enum { REPORTS_MAX = 4 };
    struct hf_client_change change = HOLDFAST_CHANGE_INIT;
    struct hf_slice json = {line.at + sizeof(report_word) - 1, line.bytes - (sizeof(report_word) - 1)};
    char *text = NULL;

    if (!session->open || session->reports >= REPORTS_MAX)
        return session->left;
    int bytes = asprintf(&text, "{\"reported\":%.*s}", (int)json.bytes, json.at);
    change.document = HOLDFAST_SHADOW;
    change.kind = HOLDFAST_PATCH_MERGE;
    change.json = text;
    change.json_bytes = bytes > 0 ? (size_t)bytes : 0;
    int err = bytes > 0 ? hf_client_patch(session->client, &change, NULL) : HOLDFAST_ERR_NOMEM;
    free(bytes >= 0 ? text : NULL);
    if (err == HOLDFAST_OK)
        session->reports++;
    else
        on_done(session, NULL, 0, err);
    return true;
}

/* False: the line to the client is full for now. */
static bool publish(struct session *session, struct hf_slice line)
{
    struct hf_client_publication publication = HOLDFAST_PUBLICATION_INIT;
    int err;

    publication.class = HOLDFAST_MESSAGE;
    publication.text = !session->request->binary;
    publication.payload = line.at;
    publication.payload_bytes = line.bytes;
    publication.on_done = on_done;
    err = hf_client_publish(session->client, &publication);
    if (err == HOLDFAST_ERR_LIMIT)
        return false;
    if (err == HOLDFAST_OK)
        hf_cli_print_message(&session->print, '>', publication.text, line);
    else
        on_done(session, NULL, 0, err);
    return true;
}

static void take_lines(struct session *session)
{
    for (;;) {
        char *end = memchr(session->line, '\n', session->line_bytes);
        size_t bytes = end != NULL ? (size_t)(end - session->line) : session->line_bytes;

        if (end == NULL && !(session->input_ended && bytes > 0) && bytes < sizeof(session->line))
            return;
        struct hf_slice line = {session->line, bytes};
        if (bytes > 0 && !(is_report(session, line) ? report(session, line) : publish(session, line)))
            return;
        bytes += end != NULL;
        memmove(session->line, session->line + bytes, session->line_bytes - bytes);
        session->line_bytes -= bytes;
    }
}

static void read_input(struct session *session)
{
    ssize_t got =
        read(STDIN_FILENO, session->line + session->line_bytes, sizeof(session->line) - session->line_bytes);

    if (got < 0 && errno == EINTR)
        return;
    session->input_ended = got <= 0;
    session->line_bytes += got > 0 ? (size_t)got : 0;
    take_lines(session);
}

/* ---- the conversation ---- */

/* Everything is sent, and the time to stay is over. */
static bool is_over(struct session *session)
{
    struct hf_client_stats stats;
    uint64_t now_ms = hf_clock_ms();

    if (!session->input_ended || session->line_bytes > 0 || session->request->count > 0)
        return session->input_ended && session->request->stays && session->request->wait_ms != FOR_EVER &&
               session->idle_ms != 0 && now_ms >= session->idle_ms + session->request->wait_ms;
    hf_client_stats(session->client, &stats);
    if (stats.queued > 0 || stats.connections == 0 || session->reports > 0)
        return false;
    if (session->idle_ms == 0)
        session->idle_ms = now_ms;
    return session->request->wait_ms != FOR_EVER && now_ms >= session->idle_ms + session->request->wait_ms;
}

static void leave(struct session *session)
{
    session->left = true;
    hf_client_stop(session->client);
}

static void talk(struct session *session, int signals)
{
    enum { TICK_MS = 100 }; /* for what is only counted */

    while (hf_client_step(session->client) == HOLDFAST_OK) {
        bool reads = !session->input_ended && session->line_bytes < sizeof(session->line) && !session->left;
        struct pollfd fds[] = {{.fd = hf_client_fd(session->client), .events = POLLIN},
                               {.fd = session->left ? -1 : signals, .events = POLLIN},
                               {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN}};
        int timeout_ms = hf_client_timeout_ms(session->client);

        if (poll(fds, 3, timeout_ms < 0 || timeout_ms > TICK_MS ? TICK_MS : timeout_ms) > 0 &&
            fds[2].revents != 0)
            read_input(session);
        else
            take_lines(session);
        if (!session->left && (fds[1].revents != 0 || is_over(session)))
            leave(session);
    }
}

int hf_cli_connect_session(const struct hf_cli_session_request *request, const char *argv0)
{
    static struct session session; /* the line is large */
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    char error[256];
    sigset_t set;
    int signals;

    session = (struct session){.request = request};
    hf_cli_print_init(&session.print, request->json);
    options.url = request->url;
    options.device = request->device;
    options.user = &session;
    options.queue_path = request->queue;
    options.ca_file = request->ca_file;
    options.cert_file = request->cert_file;
    options.key_file = request->key_file;
    options.insecure = request->insecure;
    options.token = request->token != NULL ? token : NULL;
    options.software = "holdfast-connect/" HF_VERSION;
    options.on_open = on_open;
    options.on_close = on_close;
    options.on_message = on_message;
    options.on_command = on_command;
    options.on_gap = on_gap;
    options.on_failed = on_failed;
    options.on_error = on_error;
    options.on_path = on_path;
    if (request->shadow)
        options.on_shadow = on_shadow;
    if (hf_client_new(&options, &session.client, error, sizeof(error)) != HOLDFAST_OK)
        return hf_cli_usage_error(argv0, "%s", error);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    talk(&session, signals);
    hf_client_free(session.client);
    if (signals >= 0)
        (void)close(signals);
    if (request->count > 0 && session.received < request->count)
        return hf_cli_failed(argv0, "%llu of %llu messages came", (unsigned long long)session.received,
                             (unsigned long long)request->count);
    return session.failed ? HF_CLI_FAILED : hf_cli_flush(argv0);
}
