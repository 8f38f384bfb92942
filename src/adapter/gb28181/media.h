/* adapter/gb28181/media.h - what calls (call*.c) need from whoever receives RTP: the built-in relay, which lives on a thread of its own
 * (app/media_*.c), or nothing at all when the request names an external media server. Asynchronous: nothing is answered from within a call.
 *
 *   leg = one receiver of one call: an RTP port (and RTCP port + 1), or one connection; identified by port first, SSRC second. That of a talk also sends: what is said to the device.
 *   token: given by the caller, never used twice by this process (worker index in the high byte); 0 is none. */
#ifndef HF_ADAPTER_GB28181_MEDIA_H
#define HF_ADAPTER_GB28181_MEDIA_H

#include "base/err.h"
#include "base/slice.h"
#include "core/tenant.h"

enum hf_gb_media_transport {
    HF_GB_MEDIA_UDP,
    HF_GB_MEDIA_TCP_PASSIVE /* the device connects to us */,
    HF_GB_MEDIA_TCP_ACTIVE, /* we connect */
    HF_GB_MEDIA_ANY /* of an open: the device will choose. UDP and connections to the same port, until the answer */
};

enum { HF_GB_MEDIA_KIND_TALK = 3 }; /* of a request: as enum hf_gb_call_kind */

struct hf_gb_media_request {
    struct hf_tenant *tenant;
    struct hf_slice device, channel; /* copied */
    uint32_t ssrc;                   /* that the device was told (y=) */
    uint8_t transport;               /* enum hf_gb_media_transport; of a talk HF_GB_MEDIA_ANY */
    uint8_t family;                  /* 4 or 6: of the device's address */
    uint8_t kind;                    /* live, playback, download, talk: for names and metrics */
    bool until_unwatched;            /* UNWATCHED is told of one that nobody came to watch, too */
};

/* What became of a leg, told on the site's thread by hf_gb_media_told(). */
enum hf_gb_media_tell {
    HF_GB_MEDIA_OPENED, /* host, port are to stand in the SDP; host "": the address by which the device reaches us */
    HF_GB_MEDIA_REFUSED, /* err: HF_ERR_LIMIT (no port left), HF_ERR_IO, ...; the token is void */
    HF_GB_MEDIA_FIRST,   /* the first packet came */
    HF_GB_MEDIA_SILENT,  /* nothing for the configured time: the call should end */
    HF_GB_MEDIA_ENDED,   /* the stream's connection ended; the token is void after the site's close() */
    HF_GB_MEDIA_UNWATCHED, /* the last consumer, or speaker, has gone for the configured time: the call may end */
    HF_GB_MEDIA_PLAYED, /* what was said to be the last sound has been sent: the call should end */
};
struct hf_gb_media_told {
    uint64_t token;
    enum hf_gb_media_tell tell;
    hf_err err;
    char host[46];
    uint16_t port;
};

/* What a call's SDP came to. Slices are copied. */
struct hf_gb_media_answer {
    struct hf_slice
        host; /* where the device sends from (UDP: for RTCP), or listens (a talk; TCP_ACTIVE: connect there now) */
    uint16_t port;
    uint32_t ssrc; /* that the device chose */
    uint8_t transport, payload_type;
    struct hf_slice format; /* rtpmap name such as "PS", "H264", "PCMA" */
};

struct hf_gb_media_ops {
    hf_err (*open)(
        void *context, uint64_t token,
        const struct hf_gb_media_request *request); /* HF_ERR_BUSY, HF_ERR_LIMIT: nothing will be told */
    void (*answered)(void *context, uint64_t token, const struct hf_gb_media_answer *answer);
    void (*close)(void *context, uint64_t token); /* always allowed; nothing is told after it */
};

#endif
