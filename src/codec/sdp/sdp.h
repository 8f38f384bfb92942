/* codec/sdp/sdp.h - the SDP of GB/T 28181: RFC 4566 with y= (SSRC) and f= (codecs), read in any order of lines and written in the order
 * that devices want. Pure, allocates nothing; slices point into the body. What a device leaves out is absent, what it misspells is skipped and
 * has a name that can be counted.
 * Source: RFC 4566; RFC 4145 (setup, connection); GB/T 28181-2016 and -2022 annex G. */
#ifndef HF_CODEC_SDP_SDP_H
#define HF_CODEC_SDP_SDP_H

#include "base/sb.h"
#include "codec/sdp/ssrc.h"

enum {
    HF_SDP_LINE_BYTES_MAX = 1024, /* a longer one is skipped */
    HF_SDP_PAYLOADS_MAX = 16,     /* of one m= */
    HF_SDP_MEDIA_MAX = 2,         /* GB/T 28181 has one, devices send two */
    HF_SDP_OTHERS_MAX = 16,       /* attributes kept that are not known here */
};

#define HF_SDP_TOLERANCE_MAP(X)                                                              \
    X(LINE_END, "line_end")      /* LF alone */                                              \
    X(LAST_LINE, "last_line")    /* without its end */                                       \
    X(NUL, "nul")                /* NULs in or behind it */                                  \
    X(BLANK, "blank")            /* blanks around a value */                                 \
    X(ORDER, "order")            /* a line before one that it follows */                     \
    X(MISSING, "missing_line")   /* v=, o=, s=, c=, t= or m= */                              \
    X(UNREADABLE, "unreadable")  /* skipped: not what its kind of line holds */              \
    X(LONG, "long_line")         /* skipped */                                               \
    X(TWICE, "twice")            /* the first counts */                                      \
    X(MEDIA, "media_lost")       /* more m= than are kept */                                 \
    X(PAYLOADS, "payloads_lost") /* more payload types than are kept */                      \
    X(RTPMAP, "rtpmap")          /* for a payload type that m= does not list: it is added */ \
    X(SSRC, "ssrc_digits")       /* not ten */                                               \
    X(OTHERS, "others_lost")     /* more unknown attributes than are kept */
#define HF_SDP_TOLERANCE_INDEX(id, name) HF_SDP_INDEX_##id,
enum { HF_SDP_TOLERANCE_MAP(HF_SDP_TOLERANCE_INDEX) HF_SDP_TOLERANCES };
#undef HF_SDP_TOLERANCE_INDEX
#define HF_SDP_TOLERANCE_BIT(id, name) HF_SDP_##id = 1u << HF_SDP_INDEX_##id,
enum { HF_SDP_TOLERANCE_MAP(HF_SDP_TOLERANCE_BIT) };
#undef HF_SDP_TOLERANCE_BIT
const char *hf_sdp_tolerance_name(unsigned index); /* NULL above */

/* Words: 0 is absent, and the last of those with OTHER another word. */
enum hf_sdp_session {
    HF_SDP_SESSION_NONE,
    HF_SDP_PLAY,
    HF_SDP_PLAYBACK,
    HF_SDP_DOWNLOAD,
    HF_SDP_TALK,
    HF_SDP_SESSION_OTHER
};
enum hf_sdp_kind { HF_SDP_KIND_NONE, HF_SDP_VIDEO, HF_SDP_AUDIO, HF_SDP_KIND_OTHER };
enum hf_sdp_transport { HF_SDP_TRANSPORT_NONE, HF_SDP_UDP, HF_SDP_TCP, HF_SDP_TRANSPORT_OTHER };
enum hf_sdp_direction {
    HF_SDP_DIRECTION_NONE,
    HF_SDP_SENDRECV,
    HF_SDP_SENDONLY,
    HF_SDP_RECVONLY,
    HF_SDP_INACTIVE
};
enum hf_sdp_setup { HF_SDP_SETUP_NONE, HF_SDP_ACTIVE, HF_SDP_PASSIVE, HF_SDP_ACTPASS, HF_SDP_HOLDCONN };
enum hf_sdp_connection { HF_SDP_CONNECTION_NONE, HF_SDP_NEW, HF_SDP_EXISTING };

struct hf_sdp_payload {
    uint8_t type;             /* 0-127 */
    struct hf_slice encoding; /* "PS"; absent without a=rtpmap. A vendor's name marks a private stream */
    uint32_t clock_hz;        /* 0 without a=rtpmap */
    struct hf_slice fmtp;     /* a=fmtp, absent without */
};

struct hf_sdp_media {
    enum hf_sdp_kind kind;
    struct hf_slice kind_name;
    uint16_t port;
    enum hf_sdp_transport transport;
    struct hf_slice transport_name;
    struct hf_sdp_payload payloads[HF_SDP_PAYLOADS_MAX]; /* in the order of m= */
    unsigned payload_count;
    struct hf_slice address; /* its own c=; absent: the session's */
    enum hf_sdp_direction direction;
    enum hf_sdp_setup setup;
    enum hf_sdp_connection connection;
};

/* f=v/codec/resolution/fps/rate type/kbps a/codec/rate/sampling; 0 and absent = not said. */
struct hf_sdp_format {
    unsigned video_codec;          /* 1 MPEG-4, 2 H.264, 3 SVAC, 4 3GP, 5 H.265 */
    struct hf_slice resolution;    /* 1 QCIF .. 6 1080P, or WxH */
    unsigned fps, rate_type, kbps; /* rate type: 1 constant, 2 variable */
    unsigned audio_codec;          /* 1 G.711, 2 G.723.1, 3 G.729, 4 G.722.1, 5 SVAC, 6 AAC */
    unsigned audio_rate, audio_sampling;
};

struct hf_sdp {
    struct hf_slice origin_user, origin_session, origin_version, origin_address; /* o= */
    enum hf_sdp_session session;
    struct hf_slice session_name; /* s= */
    struct hf_slice uri;          /* u=, whole; in "<id>:<type>" the parts, too */
    struct hf_slice uri_id, uri_type;
    struct hf_slice address; /* c=; IPv6 without brackets */
    bool has_time;
    uint64_t start_s, stop_s; /* t=, since 1970; 0 0 = live */
    struct hf_sdp_media media[HF_SDP_MEDIA_MAX];
    unsigned media_count;
    bool has_ssrc;
    uint32_t ssrc; /* y= */
    bool has_format;
    struct hf_slice format_text; /* f= */
    struct hf_sdp_format format;
    struct hf_slice download_speed; /* a=downloadspeed: may hold a fraction */
    bool has_file_size;
    uint64_t file_size_bytes;      /* a=filesize */
    struct hf_slice stream_number; /* a=streamnumber */
    struct hf_slice svc_space, svc_time, ssvc_ratio;
    struct hf_slice others
        [HF_SDP_OTHERS_MAX]; /* "name:value" of other attributes; written, too: a vendor's stream selection */
    unsigned other_count;
    uint32_t tolerances;
};

/* HF_ERR_MALFORMED: not one line of SDP that could be read. Lines that are missing are for the caller to judge: an offer without m= is 488. */
hf_err hf_sdp_parse(struct hf_slice body, struct hf_sdp *ret_sdp);

/* Appends v=0 and what is there, CRLF at each line; rtpmap lines follow the direction at once, as some recorders insist. An absent
 * origin_session and origin_version are 0. HF_ERR_INVALID: no address, session name or media, a payload type above 127, or a value with a
 * line end or control character in it. HF_ERR_LIMIT: does not fit. After an error what was appended is taken back. */
hf_err hf_sdp_build(const struct hf_sdp *sdp, struct hf_sb *out);

/* The address that media goes to or comes from: its own, or the session's. */
struct hf_slice hf_sdp_media_address(const struct hf_sdp *sdp, const struct hf_sdp_media *media);

/* Of a payload type by its encoding name, without regard to case; NULL when there is none. */
const struct hf_sdp_payload *hf_sdp_payload_of(const struct hf_sdp_media *media, const char *encoding);

/* f= by itself; false when it is none. */
bool hf_sdp_format_parse(struct hf_slice text, struct hf_sdp_format *ret_format);
void hf_sdp_format_write(const struct hf_sdp_format *format, struct hf_sb *out); /* without f= */

#endif
