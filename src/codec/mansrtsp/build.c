/* codec/mansrtsp/build.c - see mansrtsp.h. */
#include <math.h>

#include "codec/mansrtsp/mansrtsp.h"

static const double seconds_max = 1e9; /* thirty years */
static const double scale_max = 1000;

/* Decimals as needed, from `least` to three. */
static void put_number(struct hf_sb *out, double value, unsigned least)
{
    uint64_t thousandths = (uint64_t)(fabs(value) * 1000 + 0.5);
    unsigned rest = (unsigned)(thousandths % 1000), digits = 3;

    if (value < 0)
        hf_sb_char(out, '-');
    hf_sb_u64(out, thousandths / 1000);
    for (; digits > least && rest % 10 == 0; digits--)
        rest /= 10;
    if (digits > 0)
        hf_sb_printf(out, ".%0*u", (int)digits, rest);
}

static void put_point(struct hf_sb *out, enum hf_mansrtsp_point point, double seconds)
{
    if (point == HF_MANSRTSP_NOW)
        hf_sb_text(out, "now");
    else if (point == HF_MANSRTSP_AT)
        put_number(out, seconds, 0);
}

static bool is_second(enum hf_mansrtsp_point point, double seconds)
{
    return point != HF_MANSRTSP_AT || (seconds >= 0 && seconds <= seconds_max);
}

static bool is_valid(const struct hf_mansrtsp *message)
{
    const bool range = message->start != HF_MANSRTSP_OPEN || message->end != HF_MANSRTSP_OPEN;

    if (message->method > HF_MANSRTSP_TEARDOWN || !message->has_cseq)
        return false;
    if (message->method == HF_MANSRTSP_ANSWER && (message->status < 100 || message->status > 999))
        return false;
    /* Below 0.001 it would be written as 0. */
    if (message->has_scale && !(fabs(message->scale) >= 0.001 && fabs(message->scale) <= scale_max))
        return false;
    if (message->method == HF_MANSRTSP_PLAY && message->has_scale && range)
        return false;
    for (size_t i = 0; i < message->reason.bytes; i++)
        if ((uint8_t)message->reason.at[i] < 0x20)
            return false;
    return is_second(message->start, message->start_s) && is_second(message->end, message->end_s);
}

static void put_info(struct hf_sb *out, const struct hf_mansrtsp *message)
{
    hf_sb_text(out, "RTP-Info: ");
    if (message->has_seq)
        hf_sb_printf(out, "seq=%u", (unsigned)message->seq);
    if (message->has_rtptime)
        hf_sb_printf(out, "%srtptime=%u", message->has_seq ? ";" : "", (unsigned)message->rtptime);
    hf_sb_text(out, "\r\n");
}

hf_err hf_mansrtsp_build(const struct hf_mansrtsp *message, struct hf_sb *out)
{
    static const char *const methods[] = {"", "PLAY", "PAUSE", "TEARDOWN"};
    size_t start = out->bytes;

    if (!is_valid(message))
        return HF_ERR_INVALID;
    if (out->overflow)
        return HF_ERR_LIMIT;
    if (message->method == HF_MANSRTSP_ANSWER) {
        hf_sb_printf(out, "RTSP/1.0 %u ", message->status);
        hf_sb_slice(out, message->reason.bytes > 0 ? message->reason
                                                   : hf_slice_of(message->status == 200 ? "OK" : "Error"));
    } else {
        hf_sb_text(out, methods[message->method]);
        hf_sb_text(out, " RTSP/1.0");
    }
    hf_sb_printf(out, "\r\nCSeq: %u\r\n", (unsigned)message->cseq);
    if (message->method == HF_MANSRTSP_PAUSE)
        hf_sb_text(out, "PauseTime: now\r\n");
    if (message->has_scale) {
        hf_sb_text(out, "Scale: ");
        put_number(out, message->scale, 1);
        hf_sb_text(out, "\r\n");
    }
    if (message->start != HF_MANSRTSP_OPEN || message->end != HF_MANSRTSP_OPEN) {
        hf_sb_text(out, "Range: npt=");
        put_point(out, message->start, message->start_s);
        hf_sb_char(out, '-');
        put_point(out, message->end, message->end_s);
        hf_sb_text(out, "\r\n");
    }
    if (message->has_seq || message->has_rtptime)
        put_info(out, message);
    hf_sb_text(out, "\r\n");
    if (!out->overflow)
        return HF_OK;
    out->bytes = start;
    out->at[start] = '\0';
    out->overflow = false;
    return HF_ERR_LIMIT;
}
