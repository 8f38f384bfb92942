/* codec/mansrtsp/mansrtsp.h - the RTSP-like bodies of SIP INFO that steer a playback (Application/MANSRTSP). Pure, allocates nothing.
 *   PLAY RTSP/1.0            RTSP/1.0 200 OK
 *   CSeq: 5                  CSeq: 5
 *   Range: npt=100-          RTP-Info: seq=1024;rtptime=90000
 * Source: GB/T 28181-2016 and -2022 annex B; RFC 2326 3.6, 10, 12. */
#ifndef HF_CODEC_MANSRTSP_MANSRTSP_H
#define HF_CODEC_MANSRTSP_MANSRTSP_H

#include "base/err.h"
#include "base/sb.h"
#include "base/slice.h"

enum {
    HF_MANSRTSP_LINE_BYTES_MAX = 512, /* a longer one is skipped; a longer first line is malformed */
    HF_MANSRTSP_LINES_MAX = 32,       /* what follows is not read */
};

#define HF_MANSRTSP_TOLERANCE_MAP(X)                                   \
    X(VERSION, "version")       /* MANSRTSP/1.0, or another token */   \
    X(LINE_END, "line_end")     /* LF alone, or none at the end */     \
    X(COMMA, "decimal_comma")   /* Scale: 0,5 */                       \
    X(UNREADABLE, "unreadable") /* a line or value that was skipped */ \
    X(LONG, "long_line")                                               \
    X(LINES, "too_many_lines")                                         \
    X(CSEQ, "no_cseq")                                                 \
    X(TWICE, "twice") /* the first counts */
#define HF_MANSRTSP_TOLERANCE_INDEX(id, name) HF_MANSRTSP_INDEX_##id,
enum { HF_MANSRTSP_TOLERANCE_MAP(HF_MANSRTSP_TOLERANCE_INDEX) HF_MANSRTSP_TOLERANCES };
#undef HF_MANSRTSP_TOLERANCE_INDEX
#define HF_MANSRTSP_TOLERANCE_BIT(id, name) HF_MANSRTSP_##id = 1u << HF_MANSRTSP_INDEX_##id,
enum { HF_MANSRTSP_TOLERANCE_MAP(HF_MANSRTSP_TOLERANCE_BIT) };
#undef HF_MANSRTSP_TOLERANCE_BIT
const char *hf_mansrtsp_tolerance_name(unsigned index); /* NULL above */

enum hf_mansrtsp_method {
    HF_MANSRTSP_ANSWER,
    HF_MANSRTSP_PLAY,
    HF_MANSRTSP_PAUSE,
    HF_MANSRTSP_TEARDOWN,
    HF_MANSRTSP_OTHER
};

enum hf_mansrtsp_point {
    HF_MANSRTSP_OPEN,
    HF_MANSRTSP_NOW,
    HF_MANSRTSP_AT
}; /* not said, "now", a number of seconds */

struct hf_mansrtsp {
    enum hf_mansrtsp_method method;
    struct hf_slice method_name; /* as it came */
    unsigned status;             /* ANSWER: 100-999 */
    struct hf_slice reason;
    bool has_cseq;
    uint32_t cseq;
    bool has_scale;
    double scale; /* negative = backwards (2022); not 0 */
    /* Range: npt=start-end in seconds from the beginning of what was asked for; backwards the start is the later one. */
    enum hf_mansrtsp_point start, end;
    double start_s, end_s;
    bool pause_now; /* PauseTime: now */
    bool has_seq, has_rtptime;
    uint16_t seq; /* RTP-Info: of the first packet behind a seek */
    uint32_t rtptime;
    uint32_t tolerances;
};

/* HF_ERR_MALFORMED: the first line is neither a request nor an answer. What other lines do not hold is absent. */
hf_err hf_mansrtsp_parse(struct hf_slice body, struct hf_mansrtsp *ret_message);

/* Appends the body, CRLF and the empty line included. RTSP/1.0, no decimal comma. PAUSE always gets its PauseTime: now.
 * HF_ERR_INVALID: OTHER, no CSeq, a status outside 100-999, a scale of 0 or not finite, a negative or absurd second, or PLAY with Scale and Range:
 * devices take one of them only, so they are two requests. HF_ERR_LIMIT: does not fit. After an error what was appended is taken back. */
hf_err hf_mansrtsp_build(const struct hf_mansrtsp *message, struct hf_sb *out);

#endif
