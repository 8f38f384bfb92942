#include "io/connect.h"

#include <unistd.h>

hf_err hf_connect(struct hf_loop *loop, const union hf_address *remote, const union hf_address *local,
                  const struct hf_stream_options *options, const struct hf_link_handler *handler, void *user,
                  struct hf_stream **ret_stream)
{
    struct hf_stream_options with = options != NULL ? *options : (struct hf_stream_options){0};
    int fd = -1;
    hf_err err = hf_connect_fd(remote, local, &fd);

    if (err != HF_OK)
        return err;
    with.connecting = true;
    err = hf_stream_open(loop, fd, &with, handler, user, ret_stream);
    if (err != HF_OK)
        close(fd);
    return err;
}
