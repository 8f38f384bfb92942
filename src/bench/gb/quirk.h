/* bench/gb/quirk.h - what real cameras do otherwise than the standard says, as simulated ones show it. A camera shows a set of quirks, and names them in its User-Agent, so that
 * profiles of a platform can be chosen by it. Those of SIP and bodies have the names of the tolerances that they need (codec/sip/sip.h, codec/manscdp/xml.h); whoever tolerates
 * nothing loses such a camera. Texts are edited behind the writer, which writes nothing wrong. Pure. */
#ifndef HF_BENCH_GB_QUIRK_H
#define HF_BENCH_GB_QUIRK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sb.h"

/* Columns: identifier, name, text for people. The first group edits the head of a SIP message, the second a body; the third is behaviour. */
#define HF_CAM_QUIRK_MAP(X)                                                                          \
    X(LF_ONLY, "lf_only", "UDP: lines end in LF")                                                    \
    X(NO_MAX_FORWARDS, "no_max_forwards", "requests without Max-Forwards")                           \
    X(EMPTY_VALUE, "empty_value", "Max-Forwards without a value")                                    \
    X(LENGTH_REPEATED, "length_repeated", "Content-Length twice")                                    \
    X(LENGTH_SHORT, "length_short", "UDP: Content-Length of MESSAGE is 4 too low")                   \
    X(LENGTH_LONG, "length_long", "UDP: Content-Length of MESSAGE is 4 too high")                    \
    X(DISPLAY_RAW, "display_raw", "a name in Chinese before From, without quotes")                   \
    X(NO_HOST, "no_host", "Via without a host")                                                      \
    X(NO_FROM_TAG, "no_from_tag", "From without a tag")                                              \
    X(NO_VIA, "no_via", "answers without Via")                                                       \
    X(CSEQ_LARGE, "cseq_large", "CSeq above 2^31")                                                   \
    X(EXPIRES_ODD, "expires_odd", "Expires: 99999999999")                                            \
    X(BARE_URI, "bare_uri", "From: sip:id@domain?x=y, without < and >")                              \
    X(CALL_ID_ODD, "call_id_odd", "a Call-ID with @ twice")                                          \
    X(DIGEST_QUOTES, "digest_quotes", "quotes around qop and algorithm")                             \
    X(DIGEST_COMMAS, "digest_commas", "a comma at the end of Authorization")                         \
    X(BOM, "byte_order_mark", "bodies begin with a byte order mark")                                 \
    X(DECLARATION, "no_declaration", "bodies without <?xml ?>")                                      \
    X(CHARSET, "wrong_charset", "bodies say GB2312 and are UTF-8")                                   \
    X(TRAILING, "trailing_nul", "bodies end in NUL bytes")                                           \
    X(BEFORE, "bytes_before", "rubbish before the root")                                             \
    X(AFTER, "bytes_after", "rubbish behind it")                                                     \
    X(CASE, "name_case", "<cmdtype>")                                                                \
    X(SPACE, "space_around_value", "<SN> 1 </SN>")                                                   \
    X(CDATA, "cdata", "<DeviceID><![CDATA[...]]>")                                                   \
    X(AMPERSAND, "bare_ampersand", "a note with &, < and an entity of its own")                      \
    X(OPEN, "element_open", "<SN> is not closed")                                                    \
    X(TAG, "tag_without_end", "</SN without >")                                                      \
    X(CUT, "body_cut", "the last six bytes are missing")                                             \
    X(DTD, "dtd_skipped", "a DOCTYPE")                                                               \
    X(TWICE, "element_twice", "<SN> twice")                                                          \
    X(QOP, "bad_qop", "challenged with qop it answers with a digest that nobody can check (no_qop)") \
    X(DATE, "date_utc", "takes Date for UTC: its times are eight hours off then (date: false)")      \
    X(EDITION, "silent_2022", "speaks the edition of 2022 and does not say so (edition)")            \
    X(NO_SSRC, "no_ssrc", "answers INVITE without y=")                                               \
    X(OTHER_SSRC, "other_ssrc", "sends with an SSRC of its own, as its y= says")                     \
    X(BYE, "deaf_to_bye", "answers no BYE and sends on, until it was asked again after 32 s")
#define HF_CAM_QUIRK_INDEX(id, name, text) HF_CAM_QUIRK_INDEX_##id,
enum { HF_CAM_QUIRK_MAP(HF_CAM_QUIRK_INDEX) HF_CAM_QUIRKS };
#undef HF_CAM_QUIRK_INDEX
_Static_assert(HF_CAM_QUIRKS <= 64, "a set is a uint64_t");
#define HF_CAM_QUIRK(id) (UINT64_C(1) << HF_CAM_QUIRK_INDEX_##id)

enum {
    HF_CAM_QUIRK_SETS_MAX = 64,
    HF_CAM_QUIRK_ERROR_BYTES = 160,
    HF_CAM_QUIRK_BYTES = 512, /* that an edited text is longer, but for its lines */
};

struct hf_cam_quirks { /* sets; cameras show them in turn */
    uint64_t set[HF_CAM_QUIRK_SETS_MAX];
    uint32_t count; /* 0 = none: they do as the standard says */
};

const char *hf_cam_quirk_name(unsigned index); /* below HF_CAM_QUIRKS */
/* "lf_only,bad_qop+no_via": sets between commas, quirks of a set between pluses; "all": each by itself. HF_ERR_INVALID: an unknown one, or too many: `error`. */
hf_err hf_cam_quirks_parse(const char *text, struct hf_cam_quirks *ret_quirks,
                           char error[HF_CAM_QUIRK_ERROR_BYTES]);
/* "lf_only, bad_qop" */
void hf_cam_quirks_write(uint64_t quirks, struct hf_sb *sb);

/* A SIP message as the writer wrote it, as such a camera sends it; overflow of `out` is for the caller to look at. */
void hf_cam_quirk_sip(uint64_t quirks, bool stream, struct hf_slice text, struct hf_sb *out);
/* The same for a body of MANSCDP. */
void hf_cam_quirk_body(uint64_t quirks, struct hf_slice body, struct hf_sb *out);

#define HF_CAM_QUIRK_HELP_ROW(id, name, text) "  " name "\n        " text "\n"
#define HF_CAM_QUIRK_HELP                                                                                  \
    "quirks (those of SIP and of bodies have the names of what a platform must tolerate; in brackets the " \
    "member\nof gb28181.quirks that helps; the User-Agent names them):\n" HF_CAM_QUIRK_MAP(                \
        HF_CAM_QUIRK_HELP_ROW)

#endif
