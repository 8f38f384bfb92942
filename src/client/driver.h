/* client/driver.h - the ready driver: an engine on sockets, TLS and a clock. One struct for client.c (the public functions), app.c (callbacks of the application), driver.c (turns and events),
 * dial.c (the way to an open transport) and probe.c (HB-9). Private to them. */
#ifndef HF_CLIENT_DRIVER_H
#define HF_CLIENT_DRIVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "client/line.h"
#include "client/lookup.h"
#include "client/mqtt/mqtt.h"
#include "client/session/core.h"
#include "client/store/store_memory.h"
#include "client/store/store_sqlite.h"
#include "client/url.h"
#include "client/wire.h"
#include "io/entropy.h"
#include "io/socket.h"
#include "io/thread.h"
#include "io/tls_client.h"
#include <holdfast/holdfast.h>

enum {
    HF_CLIENT_IN_BYTES = 8 << 10,
    HF_CLIENT_READS_MAX = 32,    /* of one turn, so that the others get theirs */
    HF_CLIENT_ADDRESS_MS = 2000, /* for one of several addresses, within HF_CLIENT_TCP_MS for all */
};

/* What an epoll event is about. */
enum hf_client_source {
    HF_SOURCE_LINE,
    HF_SOURCE_WIRE,
    HF_SOURCE_LOOKUP,
    HF_SOURCE_PROBE,
    HF_SOURCE_PROBE_LOOKUP
};

enum hf_client_dial {
    HF_DIAL_NONE,
    HF_DIAL_WANTED, /* the engine asked; begins when its call has returned */
    HF_DIAL_NAME,
    HF_DIAL_TCP,
    HF_DIAL_TLS,
    HF_DIAL_OPEN, /* bytes are the engine's */
};

struct hf_client {
    struct hf_client_options options; /* strings are in `texts` */
    char *texts;
    size_t texts_bytes;
    struct hf_ws_memory memory;
    struct hf_client_ops ops;
    struct hf_client_engine *engine; /* owns */
    struct hf_store *store;
    struct hf_line line;
    int epoll_fd;
    bool started, over, line_open;
    atomic_bool runs;     /* _run or _start has it */
    atomic_uint requests; /* of patches, given so far */
    struct hf_thread thread;
    uint8_t *in;     /* owns HF_CLIENT_IN_BYTES */
    bool read_again; /* the turn's reads were used up */

    enum hf_client_dial dial;
    struct hf_client_url url, url_now; /* configured; of this attempt */
    bool fresh;                        /* credentials and certificate are to be read again */
    char alternate[HF_FRAME_TEXT_BYTES_MAX + 1];
    struct hf_lookup *lookup;
    const struct addrinfo *address;  /* the next one to try */
    uint64_t address_due_ms;         /* the one that is tried has until then; 0 = none */
    uint64_t step_ms;                /* when the step of this attempt began that is under way */
    uint32_t dns_ms, tcp_ms, tls_ms; /* how long those before it took */
    struct hf_client_wire wire;
    uint32_t watched; /* epoll events of the wire; 0 = not in the set */
    struct hf_tls_client *tls;
    bool
        tls_stale; /* the last handshake failed: certificate and trust are read again, they may be newer on the disk */
    SSL_SESSION *session;
    BIO_METHOD *bio_method;

    struct { /* HB-9 */
        struct hf_lookup *lookup;
        int fd;
        uint64_t due_ms; /* 0 = none is under way */
        bool connected, resolved, connect_over, lookup_over;
    } probe;
    union hf_address peer; /* of the wire */

    pthread_mutex_t stats_lock;
    struct hf_client_stats stats;
    struct hf_client_path path;
};

struct hf_client_time hf_client_now(const struct hf_client *client);

/* ---- app.c ---- */
void hf_client_app_fill(
    struct hf_client_ops *ops); /* those of the application; the transport's are driver.c's */
void hf_client_app_take(struct hf_client *client, struct hf_line_entry *entry); /* gives it up */
void hf_client_app_refuse(struct hf_client *client, struct hf_line_entry *entry, hf_err err);
struct hf_client_path hf_client_app_path(const struct hf_client_path_facts *facts);
hf_err hf_client_app_token(struct hf_client *client, bool fresh, char out[HF_FRAME_TOKEN_BYTES_MAX + 1]);

/* ---- driver.c ---- */
hf_err hf_client_driver_open(struct hf_client *client, char *error, size_t error_bytes);
void hf_client_driver_close(struct hf_client *client);
bool hf_client_watch(struct hf_client *client, int fd, uint32_t events, enum hf_client_source source);
void hf_client_turn(struct hf_client *client);

/* ---- dial.c ---- */
hf_err hf_client_tls_new(struct hf_client *client, struct hf_tls_client **ret_tls, char *error,
                         size_t error_bytes);
void hf_client_dial_begin(struct hf_client *client);
void hf_client_dial_lookup(struct hf_client *client); /* the lookup is done */
void hf_client_dial_event(struct hf_client *client);  /* the wire is ready for more, before it is open */
void hf_client_dial_tick(struct hf_client *client, uint64_t now_ms);
void hf_client_dial_drop(struct hf_client *client, bool flush);

/* ---- probe.c ---- */
void hf_client_probe_begin(struct hf_client *client);
void hf_client_probe_event(struct hf_client *client); /* the socket */
void hf_client_probe_lookup(struct hf_client *client);
void hf_client_probe_tick(struct hf_client *client, uint64_t now_ms);
void hf_client_probe_drop(struct hf_client *client);

#endif
