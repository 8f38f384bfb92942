#include "adapter/ws/window.h"

#include <stdlib.h>

void hf_ws_window_open(struct hf_ws_conn *conn, bool may_have, struct hf_ws_deflate *agreed)
{
    struct hf_ws_site *site = conn->site;

    if (!agreed->on || (agreed->server_no_context_takeover && agreed->client_no_context_takeover))
        return;
    if (may_have && site->stats.windows_now < site->limits.windows_max)
        conn->window = calloc(1, sizeof(*conn->window));
    if (conn->window == NULL) {
        site->stats.windows_refused++;
        agreed->server_no_context_takeover = agreed->client_no_context_takeover = true;
        return;
    }
    site->stats.windows_now++;
    if (!agreed->server_no_context_takeover)
        conn->window->deflater_bits = agreed->server_max_window_bits;
    if (!agreed->client_no_context_takeover)
        conn->window->inflater_bits = agreed->client_max_window_bits;
}

void hf_ws_window_close(struct hf_ws_conn *conn)
{
    if (conn->window == NULL)
        return;
    hf_ws_deflater_free(conn->window->deflater);
    hf_ws_inflater_free(conn->window->inflater);
    free(conn->window);
    conn->window = NULL;
    conn->site->stats.windows_now--;
}

struct hf_ws_deflater *hf_ws_window_deflater(struct hf_ws_conn *conn)
{
    if (!hf_ws_window_deflates(conn))
        return NULL;
    if (conn->window->deflater == NULL &&
        hf_ws_deflater_new(&conn->site->open_config.memory, conn->window->deflater_bits, HF_WS_DEFLATE_LEVEL,
                           HF_WS_WINDOW_MEM_LEVEL, &conn->window->deflater) != HF_OK)
        return NULL; /* 8 bits: zlib cannot */
    return conn->window->deflater;
}

void hf_ws_window_forget(struct hf_ws_conn *conn)
{
    if (conn->window == NULL)
        return;
    hf_ws_deflater_free(conn->window->deflater);
    conn->window->deflater = NULL;
}

hf_err hf_ws_window_inflater(struct hf_ws_conn *conn, struct hf_ws_inflater **ret_inflater)
{
    bool own = hf_ws_window_inflates(conn);
    struct hf_ws_inflater **inflater = own ? &conn->window->inflater : &conn->site->inflater;
    hf_err err = HF_OK;

    if (*inflater == NULL)
        err = hf_ws_inflater_new(&conn->site->open_config.memory,
                                 own ? conn->window->inflater_bits : (unsigned)HF_WS_DEFLATE_BITS_MAX,
                                 inflater);
    *ret_inflater = *inflater;
    return err;
}
