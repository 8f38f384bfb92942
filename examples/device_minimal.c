/* The smallest device: every line of stdin is a message, kept in a queue file until the gateway has it on its disk. Ends when everything is there.
 *
 *     device_minimal URL DEVICE QUEUE_FILE [TOKEN_FILE]
 *     cc device_minimal.c $(pkg-config --cflags --libs holdfast) */
#include <holdfast/holdfast.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *token_file;

/* Asked for each connection: a token that was renewed meanwhile is found. */
static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    FILE *in = token_file != NULL ? fopen(token_file, "re") : NULL;

    (void)user;
    (void)fresh;
    if (in == NULL || fgets(out, (int)out_bytes, in) == NULL)
        out[0] = '\0';
    if (in != NULL)
        (void)fclose(in);
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0' ? HOLDFAST_OK : HOLDFAST_ERR_NOT_FOUND;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    fprintf(stderr, "open %s as %s\n", open->result == HOLDFAST_SESSION_RESUMED ? "resumed" : "new",
            open->connection);
}

static void on_close(void *user, const struct hf_client_close *close)
{
    (void)user;
    fprintf(stderr, "closed %d %s %s: %s\n", close->code, close->reason,
            hf_client_failure_name(close->failure), close->text);
}

static void on_done(void *user, void *cookie, uint64_t id, int err)
{
    (void)user;
    (void)cookie;
    if (err == HOLDFAST_OK)
        printf("queued %llu\n", (unsigned long long)id);
    else
        fprintf(stderr, "not queued: %s\n", hf_client_error_text(err));
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct hf_client_publication message = HOLDFAST_PUBLICATION_INIT;
    struct hf_client_stats stats;
    struct hf_client *client;
    char error[256], line[4096];
    int err;

    if (argc < 4) {
        fprintf(stderr, "usage: %s URL DEVICE QUEUE_FILE [TOKEN_FILE]\n", argv[0]);
        return 2;
    }
    token_file = argc > 4 ? argv[4] : NULL;
    options.url = argv[1];
    options.device = argv[2];
    options.queue_path = argv[3];
    options.token = token_file != NULL ? token : NULL;
    options.on_open = on_open;
    options.on_close = on_close;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    (void)hf_client_start(client); /* on a thread of the library's */
    message.class = HOLDFAST_MESSAGE;
    message.topic = "lines";
    message.on_done = on_done;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        message.payload = line;
        message.payload_bytes = strcspn(line, "\n");
        message.text = true;
        while ((err = hf_client_publish(client, &message)) == HOLDFAST_ERR_LIMIT)
            (void)usleep(1000); /* more than the disk can take at once: wait for it */
        if (err != HOLDFAST_OK)
            fprintf(stderr, "refused: %s\n", hf_client_error_text(err));
    }
    do { /* until the gateway has everything */
        (void)usleep(10000);
        hf_client_stats(client, &stats);
    } while (stats.queued > 0 || stats.connections == 0);
    hf_client_stop(client);
    hf_client_join(client);
    hf_client_free(client);
    return 0;
}
