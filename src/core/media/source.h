/* core/media/source.h - whose packets a leg takes: identified by port first, SSRC second. Devices send with the SSRC that they were told, with the one of their answer, with 0 or with one of their
 * own, and from an address that is not the one of their answer (NAT). Anybody may send to an open port.
 *
 *   nobody is latched            the first source is, whatever its SSRC (strict: only a known one)
 *   the latched one              its packets are taken; another SSRC from its address is a new stream: at once while nothing better is known, else after silence
 *   a known SSRC, elsewhere      takes over from a source with an unknown SSRC at once, from one with a known SSRC after silence (the device's NAT gave it another port)
 *   anything else                refused; after silence taken
 *
 * Pure; time is handed in. Requirement GB-11; GB/T 28181 field experience: reference 14.3. */
#ifndef HF_CORE_MEDIA_SOURCE_H
#define HF_CORE_MEDIA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

enum { HF_MEDIA_MOVE_MS = 2000 }; /* silence after which another source is believed */

struct hf_media_peer {   /* zeroed padding: compared as bytes */
    uint8_t address[16]; /* IPv4 is v4-mapped */
    uint16_t port;
};

enum hf_media_verdict {
    HF_MEDIA_TAKE,
    HF_MEDIA_TAKE_NEW,   /* of a source that was not latched before: sequence numbers begin anew */
    HF_MEDIA_TAKE_MOVED, /* the same stream from another address */
    HF_MEDIA_REFUSE,
};

struct hf_media_source {
    uint32_t offered, answered; /* SSRCs; answered is the offered one until the answer names another */
    bool strict;
    /* below: read only */
    bool latched, known; /* known: with one of the two */
    uint32_t ssrc;
    struct hf_media_peer peer;
    uint64_t heard_ms;
    uint64_t refused, moves;
};

void hf_media_source_init(struct hf_media_source *self, uint32_t offered, bool strict);
enum hf_media_verdict hf_media_source_judge(struct hf_media_source *self, const struct hf_media_peer *peer,
                                            uint32_t ssrc, uint64_t now_ms);

#endif
