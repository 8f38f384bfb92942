#include "client/lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two owners, the client and the thread; the last one frees it. From malloc: it may outlive the client, and its allocator with it. */
struct hf_lookup {
    atomic_uint owners;
    atomic_bool done;
    int event_fd; /* -1: was not threaded */
    char host[256], port[8];
    struct addrinfo *addresses; /* written by the thread before `done`, read behind it */
    int error;
};

static void resolve(struct hf_lookup *lookup, int flags)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};

    lookup->error = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->addresses);
    if (lookup->error != 0)
        lookup->addresses = NULL;
}

static void let_go(struct hf_lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    if (lookup->event_fd >= 0)
        (void)close(lookup->event_fd);
    free(lookup);
}

static void *run(void *context)
{
    struct hf_lookup *lookup = context;
    const uint64_t one = 1;
    ssize_t written;

    resolve(lookup, 0);
    atomic_store(&lookup->done, true);
    written = write(lookup->event_fd, &one, sizeof(one)); /* cannot fail on an eventfd at 0 */
    (void)written;
    let_go(lookup);
    return NULL;
}

/* Signals are the program's business, not this thread's. */
static bool start(struct hf_lookup *lookup)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    bool started;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&thread, &attributes, run, lookup) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return started;
}

hf_err hf_lookup_new(const char *host, const char *port, bool threaded, struct hf_lookup **ret_lookup)
{
    struct hf_lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL)
        return HF_ERR_NOMEM;
    atomic_init(&lookup->owners, 1);
    lookup->event_fd = -1;
    (void)snprintf(lookup->host, sizeof(lookup->host), "%s", host);
    (void)snprintf(lookup->port, sizeof(lookup->port), "%s", port);
    resolve(lookup, AI_NUMERICHOST);
    if (lookup->addresses == NULL && !threaded)
        resolve(lookup, 0);
    if (lookup->addresses == NULL && threaded) {
        lookup->event_fd = eventfd(0, EFD_CLOEXEC);
        atomic_store(&lookup->owners, 2);
        if (lookup->event_fd < 0 || !start(lookup)) {
            atomic_store(&lookup->owners, 1);
            let_go(lookup);
            return HF_ERR_NOMEM;
        }
    }
    *ret_lookup = lookup;
    return HF_OK;
}

int hf_lookup_fd(const struct hf_lookup *lookup)
{
    return lookup->event_fd;
}

bool hf_lookup_done(struct hf_lookup *lookup)
{
    return lookup->event_fd < 0 || atomic_load(&lookup->done);
}

const struct addrinfo *hf_lookup_addresses(const struct hf_lookup *lookup, const char **ret_text)
{
    *ret_text = lookup->error == 0 ? "" : gai_strerror(lookup->error);
    return lookup->addresses;
}

void hf_lookup_free(struct hf_lookup *lookup)
{
    if (lookup != NULL)
        let_go(lookup);
}
