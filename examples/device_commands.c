/* A device that obeys: each command is carried out once and answered with its result. `echo` at once; `slow` on another thread, while others go on; anything else is refused.
 * What was done is appended to a file, so that it can be counted.
 *
 *     device_commands URL DEVICE QUEUE_FILE DONE_FILE [TOKEN] */
#include <holdfast/holdfast.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct device {
    struct hf_client *client;
    const char *token;
    FILE *done;
};

struct job {
    struct device *device;
    uint64_t handle;
};

static struct hf_client *to_stop;

static void on_signal(int number)
{
    (void)number;
    hf_client_stop(to_stop);
}

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    const struct device *device = user;

    (void)fresh;
    return snprintf(out, out_bytes, "%s", device->token) < (int)out_bytes ? HOLDFAST_OK : HOLDFAST_ERR_LIMIT;
}

static void *slow(void *context)
{
    struct job *job = context;
    const struct hf_client_reply reply = {.status = HOLDFAST_RESULT_OK,
                                          .format = HOLDFAST_FORMAT_JSON,
                                          .payload = "{\"slow\":true}",
                                          .payload_bytes = 13};

    (void)usleep(200000); /* the work */
    if (hf_client_answer(job->device->client, job->handle, &reply) != HOLDFAST_OK)
        fprintf(stderr, "the answer has to be given again\n");
    free(job);
    return NULL;
}

static int start_slow(struct device *device, uint64_t handle)
{
    struct job *job = malloc(sizeof(*job));
    pthread_t thread;

    if (job == NULL)
        return HOLDFAST_DONE;
    *job = (struct job){device, handle};
    if (pthread_create(&thread, NULL, slow, job) != 0) {
        free(job);
        return HOLDFAST_DONE;
    }
    (void)pthread_detach(thread);
    return HOLDFAST_LATER;
}

static int on_command(void *user, const struct hf_client_incoming *command, struct hf_client_reply *reply)
{
    struct device *device = user;

    /* The effect. It and the answer are two things: a crash in between repeats the effect, so it should be one that may be repeated, or look at command->id first. */
    fprintf(device->done, "command %s %s\n", command->id, command->topic);
    (void)fflush(device->done);
    if (strcmp(command->topic, "slow") == 0) {
        if (start_slow(device, command->handle) == HOLDFAST_LATER)
            return HOLDFAST_LATER;
        reply->status = HOLDFAST_RESULT_FAILED;
        return HOLDFAST_DONE;
    }
    if (strcmp(command->topic, "echo") != 0) {
        reply->status = HOLDFAST_RESULT_UNSUPPORTED;
        return HOLDFAST_DONE;
    }
    reply->payload = command->payload; /* lives until this turn is over */
    reply->payload_bytes = command->payload_bytes;
    reply->format = command->format;
    reply->text = command->text;
    return HOLDFAST_DONE;
}

static int on_message(void *user, const struct hf_client_incoming *message)
{
    struct device *device = user;

    fprintf(device->done, "message %s %.*s\n", message->id, (int)message->payload_bytes,
            (const char *)message->payload);
    (void)fflush(device->done);
    return HOLDFAST_DONE;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    printf("open %d %s\n", open->result, open->connection);
    (void)fflush(stdout);
}

static void on_close(void *user, const struct hf_client_close *close)
{
    (void)user;
    printf("closed %d %s %s\n", close->code, close->reason, close->retry ? "for now" : "for good");
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct device device = {.token = argc > 5 ? argv[5] : NULL};
    char error[256];

    if (argc < 5) {
        fprintf(stderr, "usage: %s URL DEVICE QUEUE_FILE DONE_FILE [TOKEN]\n", argv[0]);
        return 2;
    }
    device.done = fopen(argv[4], "ae");
    options.url = argv[1];
    options.device = argv[2];
    options.queue_path = argv[3];
    options.token = device.token != NULL ? token : NULL;
    options.user = &device;
    options.on_command = on_command;
    options.on_message = on_message;
    options.on_open = on_open;
    options.on_close = on_close;
    if (device.done == NULL || hf_client_new(&options, &device.client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", device.done == NULL ? "cannot write the file of what was done" : error);
        return 1;
    }
    to_stop = device.client;
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    (void)hf_client_run(device.client); /* here until the signal */
    hf_client_free(device.client);
    return fclose(device.done) == 0 ? 0 : 1;
}
