/* codec/sip/sip_testkit.h - what the tests of this folder share: exact copies, so that ASan finds a read beyond, and a text
 * that says all of a message. */
#ifndef HF_CODEC_SIP_TESTKIT_H
#define HF_CODEC_SIP_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/sip/sip.h"

/* Parses an exact copy; the slices die with the next call. */
static inline hf_err parse_copy(struct hf_slice in, bool framed, const struct hf_sip_limits *limits,
                                struct hf_sip_msg *ret)
{
    static char *copy;

    free(copy);
    copy = malloc(in.bytes + (in.bytes == 0));
    assert_non_null(copy);
    if (in.bytes > 0)
        memcpy(copy, in.at, in.bytes);
    return hf_sip_parse(copy, in.bytes, framed, limits, ret);
}

static inline void say(struct hf_sb *sb, const char *name, struct hf_slice value)
{
    if (value.at == NULL)
        return;
    hf_sb_text(sb, name);
    hf_sb_slice(sb, value);
}

static inline void say_uri(struct hf_sb *sb, const struct hf_sip_uri *uri)
{
    hf_sb_slice(sb, uri->scheme_text);
    say(sb, " user=", uri->user);
    say(sb, " password=", uri->password);
    say(sb, uri->ipv6 ? " host6=" : " host=", uri->host);
    if (uri->has_port)
        hf_sb_printf(sb, " port=%u", uri->port);
    say(sb, " params=", uri->params);
    say(sb, " headers=", uri->headers);
}

static inline void say_address(struct hf_sb *sb, const struct hf_sip_address *address)
{
    if (address->star) {
        hf_sb_text(sb, "*");
        return;
    }
    say(sb, "display=", address->display);
    hf_sb_text(sb, address->display.at != NULL ? " <" : "<");
    say_uri(sb, &address->uri);
    hf_sb_text(sb, ">");
    say(sb, " params=", address->params);
    say(sb, " tag=", address->tag);
}

static inline void say_via(struct hf_sb *sb, const struct hf_sip_via *via)
{
    hf_sb_printf(sb, "%u ", via->transport);
    hf_sb_slice(sb, via->transport_text);
    say(sb, via->ipv6 ? " host6=" : " host=", via->host);
    hf_sb_printf(sb, " port=%u%s", via->port, via->has_port ? "" : "?");
    say(sb, via->has_cookie ? " cookie=" : " branch=", via->branch);
    say(sb, " received=", via->received);
    say(sb, " maddr=", via->maddr);
    if (via->rport)
        hf_sb_printf(sb, " rport=%u", via->rport_value);
}

static inline void say_tolerated(struct hf_sb *sb, uint32_t bits)
{
    for (unsigned bit = 0; bit < HF_SIP_TOLERANCES; bit++)
        if (bits & (1u << bit))
            hf_sb_printf(sb, " ~%s", hf_sip_tolerance_info(bit)->name);
}

#endif
