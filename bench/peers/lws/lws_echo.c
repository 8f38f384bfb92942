/* bench/peers/lws/lws_echo.c - an echo on libwebsockets, for `make bench`. The distribution's libwebsockets-test-server
 * offers lws-mirror-protocol (every message to every client) and dumb-increment-protocol, but no echo; so this is the
 * shortest echo its API allows: keep what came, ask to write, send it from the writable callback.
 *
 *   lws_echo PORT        on 127.0.0.1, one thread, no permessage-deflate */
#include <libwebsockets.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { MESSAGE_BYTES_MAX = 4096, QUEUE_MAX = 16 };

struct session {
    unsigned head, count;
    size_t bytes[QUEUE_MAX];
    int binary[QUEUE_MAX];
    unsigned char *data; /* QUEUE_MAX slots, made with the first message so that an idle session stays small */
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t bytes)
{
    enum { SLOT = LWS_PRE + MESSAGE_BYTES_MAX };
    struct session *session = user;

    switch (reason) {
    case LWS_CALLBACK_RECEIVE: {
        unsigned slot = (session->head + session->count) % QUEUE_MAX;

        if (bytes > MESSAGE_BYTES_MAX || session->count == QUEUE_MAX)
            return -1;
        if (session->data == NULL && (session->data = malloc((size_t)SLOT * QUEUE_MAX)) == NULL)
            return -1;
        memcpy(session->data + (size_t)slot * SLOT + LWS_PRE, in, bytes);
        session->bytes[slot] = bytes;
        session->binary[slot] = lws_frame_is_binary(wsi);
        session->count++;
        lws_callback_on_writable(wsi);
        return 0;
    }
    case LWS_CALLBACK_SERVER_WRITEABLE: {
        unsigned slot = session->head;

        if (session->count == 0)
            return 0;
        if (lws_write(wsi, session->data + (size_t)slot * SLOT + LWS_PRE, session->bytes[slot],
                      session->binary[slot] ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < (int)session->bytes[slot])
            return -1;
        session->head = (slot + 1) % QUEUE_MAX;
        if (--session->count > 0)
            lws_callback_on_writable(wsi);
        return 0;
    }
    case LWS_CALLBACK_CLOSED: free(session->data); return 0;
    default: return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {"default", on_event, sizeof(struct session), MESSAGE_BYTES_MAX, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
    };
    struct lws_context_creation_info info;

    if (argc != 2)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    lws_set_log_level(LLL_ERR, NULL);
    memset(&info, 0, sizeof(info));
    info.port = atoi(argv[1]);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.gid = info.uid = (unsigned)-1;
    info.fd_limit_per_thread = 0; /* as many as the process may have */
    struct lws_context *context = lws_create_context(&info);

    if (context == NULL)
        return 1;
    while (lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return 0;
}
