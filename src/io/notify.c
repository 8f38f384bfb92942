#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

hf_err hf_notify_send(const char *path, struct hf_slice state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_bytes = strlen(path);
    ssize_t sent;
    int fd;

    if ((path[0] != '/' && path[0] != '@') || path_bytes < 2 || path_bytes >= sizeof(address.sun_path))
        return HF_ERR_INVALID;
    memcpy(address.sun_path, path, path_bytes);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return HF_ERR_IO;
    sent = sendto(fd, state.at, state.bytes, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes));
    if (sent < 0) {
        int error = errno; /* before close() may change it */

        close(fd);
        return error == EAGAIN || error == EWOULDBLOCK ? HF_ERR_AGAIN : HF_ERR_IO;
    }
    close(fd);
    return HF_OK;
}
