#include "client/url.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/uri/uri.h"
#include "codec/ws/utf8.h"

static const char path_default[] = "/v1/connect";

static bool take_prefix(struct hf_slice *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    if (text->bytes < bytes || !hf_slice_eq_nocase((struct hf_slice){text->at, bytes}, hf_slice_of(prefix)))
        return false;
    text->at += bytes;
    text->bytes -= bytes;
    return true;
}

static bool take_scheme(struct hf_slice *text, struct hf_client_url *url)
{
    static const struct {
        const char *prefix;
        bool tls, mqtt;
    } schemes[] = {{"ws://", false, false},   {"wss://", true, false},  {"http://", false, false},
                   {"https://", true, false}, {"mqtt://", false, true}, {"mqtts://", true, true}};

    for (size_t i = 0; i < HF_COUNT_OF(schemes); i++)
        if (take_prefix(text, schemes[i].prefix)) {
            url->tls = schemes[i].tls;
            url->mqtt = schemes[i].mqtt;
            return true;
        }
    return false;
}

static const char *port_of(const struct hf_client_url *url)
{
    if (url->mqtt)
        return url->tls ? "8883" : "1883";
    return url->tls ? "443" : "80";
}

static bool is_port(struct hf_slice text)
{
    uint64_t port;

    return text.bytes <= 5 && hf_slice_to_u64(text, &port) && port >= 1 && port <= 65535;
}

static bool is_host(struct hf_slice text, bool bracketed)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!digit && !letter && c != '.' && !(bracketed ? c == ':' || c == '%' : c == '-' || c == '_'))
            return false;
    }
    return text.bytes >= 1 && text.bytes <= HF_URL_HOST_BYTES_MAX;
}

/* host, host:port, [v6] or [v6]:port */
static hf_err set_authority(struct hf_slice text, struct hf_client_url *url)
{
    const char *end = text.at + text.bytes, *host_end, *port = port_of(url);
    bool bracketed = text.bytes > 0 && text.at[0] == '[';
    struct hf_slice host, given = {NULL, 0};

    host_end = bracketed ? memchr(text.at, ']', text.bytes) : memchr(text.at, ':', text.bytes);
    if (bracketed && host_end == NULL)
        return HF_ERR_INVALID;
    if (host_end == NULL)
        host_end = end;
    host = (struct hf_slice){text.at + bracketed, (size_t)(host_end - text.at) - bracketed};
    host_end += bracketed;
    if (host_end < end)
        given = (struct hf_slice){host_end + 1, (size_t)(end - host_end) - 1};
    if (!is_host(host, bracketed) || (host_end < end && (*host_end != ':' || !is_port(given))))
        return HF_ERR_INVALID;
    (void)snprintf(url->host, sizeof(url->host), "%.*s", (int)host.bytes, host.at);
    if (given.at != NULL)
        (void)snprintf(url->port, sizeof(url->port), "%.*s", (int)given.bytes, given.at);
    else
        (void)snprintf(url->port, sizeof(url->port), "%s", port);
    (void)snprintf(url->authority, sizeof(url->authority), "%s%s%s%s%s", bracketed ? "[" : "", url->host,
                   bracketed ? "]" : "", strcmp(url->port, port) != 0 ? ":" : "",
                   strcmp(url->port, port) != 0 ? url->port : "");
    return HF_OK;
}

static hf_err set_target(struct hf_slice path, struct hf_slice device, struct hf_client_url *url)
{
    bool none = path.bytes == 0 || hf_slice_is(path, "/");
    struct hf_sb sb;

    hf_sb_init(&sb, url->target, sizeof(url->target));
    hf_sb_slice(&sb, none ? hf_slice_of(path_default) : path);
    if (none && device.bytes > 0) {
        hf_sb_char(&sb, '/');
        hf_uri_encode(&sb, device);
    }
    for (size_t i = 0; i < sb.bytes; i++)
        if ((unsigned char)sb.at[i] <= ' ' || sb.at[i] == 0x7f)
            return HF_ERR_INVALID;
    return sb.overflow ? HF_ERR_INVALID : HF_OK;
}

static struct hf_slice until(struct hf_slice text, const char *ends)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (strchr(ends, text.at[i]) != NULL)
            return (struct hf_slice){text.at, i};
    return text;
}

/* The prefix of topics: MQTT's wildcards have no place in it, and a percent sign stays as it is, for that is how a receiver will see it. */
static hf_err set_prefix(struct hf_slice path, struct hf_client_url *url)
{
    if (path.bytes > 0)
        path = (struct hf_slice){path.at + 1, path.bytes - 1};
    if (path.bytes > 0 && path.at[path.bytes - 1] == '/')
        path.bytes--;
    for (size_t i = 0; i < path.bytes; i++)
        if ((unsigned char)path.at[i] <= ' ' || strchr("+#?\x7f", path.at[i]) != NULL)
            return HF_ERR_INVALID;
    if (path.bytes > HF_URL_PREFIX_BYTES_MAX || !hf_ws_utf8_valid(path.at, path.bytes))
        return HF_ERR_INVALID;
    (void)snprintf(url->target, sizeof(url->target), "%.*s", (int)path.bytes, path.at);
    return HF_OK;
}

/* user@ in front of the host. What is wrong with it, or NULL. */
static const char *take_user(struct hf_slice *authority, struct hf_client_url *url)
{
    const char *at = authority->bytes > 0 ? memchr(authority->at, '@', authority->bytes) : NULL;
    struct hf_slice user, decoded;

    if (at == NULL)
        return NULL;
    if (!url->mqtt)
        return "url: a user (user@) has its place in mqtt:// and mqtts:// alone";
    user = (struct hf_slice){authority->at, (size_t)(at - authority->at)};
    if (memchr(user.at, ':', user.bytes) != NULL)
        return "url: a password has no place in it; the token is the password";
    if (user.bytes == 0 ||
        hf_uri_decode(user, HF_URI_PATH, url->user, sizeof(url->user) - 1, &decoded) != HF_OK ||
        decoded.bytes >
            HF_URL_USER_BYTES_MAX) /* what had nothing to decode is still in the text, however long */
        return "url: the user before the @ is empty, too long or wrongly encoded";
    memmove(url->user, decoded.at, decoded.bytes);
    url->user[decoded.bytes] = '\0';
    *authority = (struct hf_slice){at + 1, authority->bytes - user.bytes - 1};
    return NULL;
}

hf_err hf_client_url_parse(const char *text, struct hf_slice device, struct hf_client_url *ret_url,
                           const char **ret_fault)
{
    struct hf_slice rest = hf_slice_of(text), authority, path;

    *ret_url = (struct hf_client_url){.tls = false};
    *ret_fault =
        "url must be ws://host[:port][/path], wss://..., mqtt://[user@]host[:port][/prefix] or mqtts://...";
    if (rest.at == NULL || !take_scheme(&rest, ret_url))
        return HF_ERR_INVALID;
    authority = until(rest, "/?#");
    path = (struct hf_slice){rest.at + authority.bytes, rest.bytes - authority.bytes};
    if (path.bytes > 0 && path.at[0] == '?')
        return HF_ERR_INVALID; /* a query needs its path */
    *ret_fault = take_user(&authority, ret_url);
    if (*ret_fault != NULL)
        return HF_ERR_INVALID;
    *ret_fault = "url: the host or the port is wrong";
    if (set_authority(authority, ret_url) != HF_OK)
        return HF_ERR_INVALID;
    *ret_fault =
        ret_url->mqtt
            ? "url: the path of mqtt:// is the prefix of topics: at most 255 bytes, without + # ? and spaces"
            : "url: the path is too long or cannot be sent as it is";
    return ret_url->mqtt ? set_prefix(path, ret_url) : set_target(until(path, "#"), device, ret_url);
}

hf_err hf_client_url_alternate(const struct hf_client_url *url, struct hf_slice text,
                               struct hf_client_url *ret_url)
{
    *ret_url = *url;
    if (take_scheme(&text, ret_url) && (ret_url->tls != url->tls || ret_url->mqtt != url->mqtt))
        return HF_ERR_INVALID; /* never from TLS to plain because somebody says so */
    return set_authority(until(text, "/?#"), ret_url);
}
