#include "core/media/source.h"

#include <string.h>

void hf_media_source_init(struct hf_media_source *self, uint32_t offered, bool strict)
{
    *self = (struct hf_media_source){.offered = offered, .answered = offered, .strict = strict};
}

static enum hf_media_verdict latch(struct hf_media_source *self, const struct hf_media_peer *peer,
                                   uint32_t ssrc, bool known, uint64_t now_ms)
{
    bool moved = self->latched && self->ssrc == ssrc;

    self->moves += self->latched;
    self->latched = true;
    self->known = known;
    self->ssrc = ssrc;
    self->peer = *peer;
    self->heard_ms = now_ms;
    return moved ? HF_MEDIA_TAKE_MOVED : HF_MEDIA_TAKE_NEW;
}

enum hf_media_verdict hf_media_source_judge(struct hf_media_source *self, const struct hf_media_peer *peer,
                                            uint32_t ssrc, uint64_t now_ms)
{
    bool known = ssrc == self->offered || ssrc == self->answered;
    bool same_peer = self->latched && self->peer.port == peer->port &&
                     memcmp(self->peer.address, peer->address, sizeof(peer->address)) == 0;
    bool silent = self->latched && now_ms - self->heard_ms >= HF_MEDIA_MOVE_MS;

    if (same_peer && ssrc == self->ssrc) {
        self->known = known; /* the answer may have come since */
        self->heard_ms = now_ms;
        return HF_MEDIA_TAKE;
    }
    if (!known && self->strict) {
        self->refused++;
        return HF_MEDIA_REFUSE;
    }
    if (!self->latched || silent || (known && !self->known) || (same_peer && !self->known))
        return latch(self, peer, ssrc, known, now_ms);
    self->refused++;
    return HF_MEDIA_REFUSE;
}
