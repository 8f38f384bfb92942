/* io/socket_info.c - apart from socket.c, because the C library's struct tcp_info ends before the field that is wanted, and the kernel's header
 * cannot stand beside it. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "io/socket.h"

struct hf_socket_info hf_socket_info(int fd)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof(info);
    int unread = 0;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return (struct hf_socket_info){0};
    if (ioctl(fd, SIOCINQ, &unread) != 0)
        unread = 0;
    return (struct hf_socket_info){
        .acked_bytes = info.tcpi_bytes_acked, .rtt_us = info.tcpi_rtt, .unread_bytes = (uint32_t)unread};
}

uint32_t hf_socket_waited_ms(int fd)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return 0;
    return info.tcpi_last_data_sent; /* begins with the connection (tcp_create_openreq_child) */
}
