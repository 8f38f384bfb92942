/* codec/sip/write.c - start lines, headers, the end of a head. */
#include "codec/sip/write.h"

#include "base/assert.h"
#include "codec/sip/scan.h"

const char *hf_sip_status_text(unsigned status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } rows[] = {
        {100, "Trying"},
        {180, "Ringing"},
        {181, "Call Is Being Forwarded"},
        {182, "Queued"},
        {183, "Session Progress"},
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Notification"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Moved Temporarily"},
        {305, "Use Proxy"},
        {380, "Alternative Service"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {413, "Request Entity Too Large"},
        {414, "Request-URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Unsupported URI Scheme"},
        {420, "Bad Extension"},
        {421, "Extension Required"},
        {423, "Interval Too Brief"},
        {480, "Temporarily Unavailable"},
        {481, "Call/Transaction Does Not Exist"},
        {482, "Loop Detected"},
        {483, "Too Many Hops"},
        {484, "Address Incomplete"},
        {485, "Ambiguous"},
        {486, "Busy Here"},
        {487, "Request Terminated"},
        {488, "Not Acceptable Here"},
        {489, "Bad Event"},
        {491, "Request Pending"},
        {493, "Undecipherable"},
        {500, "Server Internal Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Server Time-out"},
        {505, "Version Not Supported"},
        {513, "Message Too Large"},
        {600, "Busy Everywhere"},
        {603, "Decline"},
        {604, "Does Not Exist Anywhere"},
        {606, "Not Acceptable"},
    };
    static const char *const classes[] = {
        "", "Progress", "Success", "Redirection", "Client Error", "Server Error", "Global Failure"};

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (rows[i].status == status)
            return rows[i].text;
    return status < 100 * HF_COUNT_OF(classes) ? classes[status / 100] : "";
}

static hf_err done(const struct hf_sb *sb)
{
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

bool hf_sip_value_ok(struct hf_slice value)
{
    const char *end = hf_sip_end(value), *c = value.at;

    for (; c < end; c++) {
        if (!hf_sip_is(*c, SIP_CONTROL))
            continue;
        if (*c == '\r' || *c == '\n') {
            if (*c == '\r' && (++c == end || *c != '\n'))
                return false;
            if (c + 1 >= end || (c[1] != ' ' && c[1] != '\t'))
                return false;
            continue;
        }
        const char *slash = c;

        while (slash > value.at && slash[-1] == '\\')
            slash--;
        if ((c - slash) % 2 == 0)
            return false;
    }
    return true;
}

static void add_value(struct hf_sb *sb, struct hf_slice value)
{
    const char *end = hf_sip_end(value), *at = value.at, *c;

    while (at < end) {
        for (c = at; c < end && *c != '\r' && *c != '\n';)
            c++;
        hf_sb_add(sb, at, (size_t)(c - at));
        at = hf_sip_skip_lws(c, end);
        if (c < end)
            hf_sb_char(sb, ' ');
    }
}

hf_err hf_sip_write_value(struct hf_sb *sb, struct hf_slice value)
{
    if (!hf_sip_value_ok(value))
        return HF_ERR_INVALID;
    add_value(sb, value);
    return done(sb);
}

static bool visible(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((uint8_t)text.at[i] <= ' ' || text.at[i] == 0x7f)
            return false;
    return text.bytes > 0;
}

hf_err hf_sip_write_request(struct hf_sb *sb, struct hf_slice method, struct hf_slice uri)
{
    if (!hf_sip_all(method, SIP_TOKEN) || !visible(uri))
        return HF_ERR_INVALID;
    hf_sb_slice(sb, method);
    hf_sb_char(sb, ' ');
    hf_sb_slice(sb, uri);
    hf_sb_text(sb, " SIP/2.0\r\n");
    return done(sb);
}

hf_err hf_sip_write_status(struct hf_sb *sb, unsigned status, struct hf_slice reason)
{
    if (status < 100 || status > 699 || !hf_sip_value_ok(reason))
        return HF_ERR_INVALID;
    hf_sb_text(sb, "SIP/2.0 ");
    hf_sb_u64(sb, status);
    hf_sb_char(sb, ' ');
    if (reason.at == NULL)
        hf_sb_text(sb, hf_sip_status_text(status));
    else
        add_value(sb, reason);
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_header(struct hf_sb *sb, struct hf_slice name, struct hf_slice value)
{
    if (!hf_sip_all(name, SIP_TOKEN) || !hf_sip_value_ok(value))
        return HF_ERR_INVALID;
    hf_sb_slice(sb, name);
    hf_sb_text(sb, ": ");
    add_value(sb, value);
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_id(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice value)
{
    HF_ASSERT(id < HF_SIP_HEADER_OTHER);
    if (!hf_sip_value_ok(value))
        return HF_ERR_INVALID;
    hf_sb_slice(sb, hf_sip_header_text(id));
    hf_sb_add(sb, ": ", 2);
    add_value(sb, value);
    hf_sb_add(sb, "\r\n", 2);
    return done(sb);
}

hf_err hf_sip_write_u64(struct hf_sb *sb, enum hf_sip_header_id id, uint64_t value)
{
    HF_ASSERT(id < HF_SIP_HEADER_OTHER);
    hf_sb_slice(sb, hf_sip_header_text(id));
    hf_sb_text(sb, ": ");
    hf_sb_u64(sb, value);
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_via(struct hf_sb *sb, const struct hf_sip_via_out *via)
{
    static const char *const transports[] = {
        [HF_SIP_UDP] = "UDP",   [HF_SIP_TCP] = "TCP", [HF_SIP_TLS] = "TLS",
        [HF_SIP_SCTP] = "SCTP", [HF_SIP_WS] = "WS",   [HF_SIP_WSS] = "WSS",
    };

    HF_ASSERT((unsigned)via->transport < HF_COUNT_OF(transports));
    bool ipv6 = hf_sip_is_ipv6(via->host);

    if ((!ipv6 && !visible(via->host)) || !hf_sip_all(via->branch, SIP_TOKEN))
        return HF_ERR_INVALID;
    hf_sb_text(sb, "Via: SIP/2.0/");
    hf_sb_text(sb, transports[via->transport]);
    hf_sb_text(sb, ipv6 ? " [" : " ");
    hf_sb_slice(sb, via->host);
    hf_sb_text(sb, ipv6 ? "]" : "");
    if (via->port != 0) {
        hf_sb_char(sb, ':');
        hf_sb_u64(sb, via->port);
    }
    hf_sb_text(sb, via->rport ? ";rport;branch=" : ";branch=");
    hf_sb_slice(sb, via->branch);
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_address(struct hf_sb *sb, enum hf_sip_header_id id, struct hf_slice uri,
                            struct hf_slice tag)
{
    HF_ASSERT(id < HF_SIP_HEADER_OTHER);
    if (!visible(uri) || memchr(uri.at, '>', uri.bytes) != NULL ||
        (tag.at != NULL && !hf_sip_all(tag, SIP_TOKEN)))
        return HF_ERR_INVALID;
    hf_sb_slice(sb, hf_sip_header_text(id));
    hf_sb_text(sb, ": <");
    hf_sb_slice(sb, uri);
    hf_sb_char(sb, '>');
    if (tag.at != NULL) {
        hf_sb_text(sb, ";tag=");
        hf_sb_slice(sb, tag);
    }
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_cseq(struct hf_sb *sb, uint32_t number, struct hf_slice method)
{
    if (!hf_sip_all(method, SIP_TOKEN))
        return HF_ERR_INVALID;
    hf_sb_text(sb, "CSeq: ");
    hf_sb_u64(sb, number);
    hf_sb_char(sb, ' ');
    hf_sb_slice(sb, method);
    hf_sb_text(sb, "\r\n");
    return done(sb);
}

hf_err hf_sip_write_end(struct hf_sb *sb, struct hf_slice content_type, struct hf_slice body)
{
    if (body.bytes > 0 && content_type.at != NULL) {
        hf_err err = hf_sip_write_id(sb, HF_SIP_CONTENT_TYPE, content_type);

        if (err != HF_OK)
            return err;
    }
    hf_sb_text(sb, "Content-Length: ");
    hf_sb_u64(sb, body.bytes);
    hf_sb_text(sb, "\r\n\r\n");
    hf_sb_slice(sb, body);
    return done(sb);
}
