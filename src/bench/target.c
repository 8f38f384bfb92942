#include "bench/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "io/clock.h"

static hf_err fault(char *error, const char *url, const char *what)
{
    snprintf(error, HF_BENCH_ERROR_BYTES, "'%.150s': %s", url, what);
    return HF_ERR_INVALID;
}

/* Splits "host:port", "[v6]:port" or "host"; ret_port keeps its default when there is none. */
static bool split_authority(const char *text, size_t bytes, struct hf_bench_target *target, char ret_port[8])
{
    const char *end = text + bytes, *host = text, *host_end, *port;

    if (bytes > 0 && *text == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        port = host_end ? host_end + 1 : NULL;
    } else {
        host_end = memchr(text, ':', bytes);
        host_end = host_end ? host_end : end;
        port = host_end;
    }
    if (host_end == NULL || host_end == host || (size_t)(host_end - host) >= sizeof(target->host))
        return false;
    memcpy(target->host, host, (size_t)(host_end - host));
    if (port == end)
        return true;
    size_t port_bytes = (size_t)(end - port - 1);

    if (*port != ':' || port_bytes == 0 || port_bytes > 5 || strspn(port + 1, "0123456789") < port_bytes)
        return false;
    memcpy(ret_port, port + 1, port_bytes);
    ret_port[port_bytes] = 0;
    return true;
}

hf_err hf_bench_target_resolve(const char *url, const char *scheme, struct hf_bench_target *ret_target,
                               char error[HF_BENCH_ERROR_BYTES])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    size_t scheme_bytes = strlen(scheme);
    const char *rest = url + scheme_bytes;
    char port[8] = "80";

    memset(ret_target, 0, sizeof(*ret_target));
    if (strncmp(url, scheme, scheme_bytes) != 0)
        return fault(error, url, "another scheme is expected here");
    if (*rest == 's') {
        ret_target->tls = true;
        strcpy(port, "443");
        rest++;
    }
    if (strncmp(rest, "://", 3) != 0)
        return fault(error, url, "not a URL, such as ws://127.0.0.1:8080/");
    rest += 3;
    size_t authority_bytes = strcspn(rest, "/?#");
    const char *path = rest + authority_bytes;

    if (!split_authority(rest, authority_bytes, ret_target, port))
        return fault(error, url, "the host or the port is wrong");
    if (strchr(path, '#') != NULL || strlen(path) + 2 > sizeof(ret_target->path))
        return fault(error, url, "the path is too long or has a fragment");
    snprintf(ret_target->authority, sizeof(ret_target->authority), "%.*s", (int)authority_bytes, rest);
    snprintf(ret_target->path, sizeof(ret_target->path), "%s%s", *path == '/' ? "" : "/", path);
    uint64_t begin_ns = hf_clock_ns();
    int code = getaddrinfo(ret_target->host, port, &hints, &found);

    ret_target->dns_ns = hf_clock_ns() - begin_ns;
    if (code != 0) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "cannot resolve '%.150s': %s", ret_target->host,
                 gai_strerror(code));
        return HF_ERR_NOT_FOUND;
    }
    memcpy(&ret_target->address, found->ai_addr, found->ai_addrlen);
    ret_target->address_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return HF_OK;
}

static bool address_parse(const char *text, int family, struct sockaddr_storage *ret, socklen_t *ret_bytes)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof(*ret));
    ret->ss_family = (sa_family_t)family;
    *ret_bytes = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
    return inet_pton(family, text, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr) == 1;
}

hf_err hf_bench_sources_parse(const char *list, const struct hf_bench_target *target,
                              struct hf_bench_sources *ret_sources, char error[HF_BENCH_ERROR_BYTES])
{
    *ret_sources = (struct hf_bench_sources){0};
    while (list != NULL && *list != 0) {
        size_t bytes = strcspn(list, ",");
        char text[64];

        snprintf(text, sizeof(text), "%.*s", (int)bytes, list);
        if (ret_sources->count == HF_BENCH_SOURCES_MAX || bytes >= sizeof(text) ||
            !address_parse(text, target->address.ss_family, &ret_sources->address[ret_sources->count],
                           &ret_sources->address_bytes)) {
            snprintf(error, HF_BENCH_ERROR_BYTES,
                     "--sources: '%s' is not an address of the server's family (at most %d)", text,
                     HF_BENCH_SOURCES_MAX);
            return HF_ERR_INVALID;
        }
        ret_sources->count++;
        list += bytes + (list[bytes] == ',');
    }
    return HF_OK;
}
