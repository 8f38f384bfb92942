#include "codec/ps/codecs.h"

#include <stdio.h>

enum {
    AVC_SPS = 7,
    HEVC_SPS = 33,
    HEVC_PROFILE_BYTES = 12, /* space, tier, profile; 32 flags; 48 more; level (H.265 7.3.3) */
    CONSTRAINT_BYTES = 6,
};

/* The bytes behind the head of the first NAL unit of a type, without those that keep start codes out of it. Fewer than wanted: 0. */
static size_t nal_of(const uint8_t *at, size_t bytes, bool hevc, unsigned type, uint8_t *out, size_t wanted)
{
    size_t head_bytes = hevc ? 2 : 1, n = 0;

    for (size_t i = 0; i + 3 < bytes; i++) {
        if (at[i] != 0 || at[i + 1] != 0 || at[i + 2] != 1 ||
            (hevc ? at[i + 3] >> 1 & 0x3fu : at[i + 3] & 0x1fu) != type)
            continue;
        for (size_t j = i + 3 + head_bytes, zeros = 0; n < wanted && j < bytes; j++) {
            if (zeros >= 2 && at[j] <= 3) {
                if (at[j] < 3)
                    return 0; /* the next start code */
                zeros = 0;
                continue;
            }
            zeros = at[j] == 0 ? zeros + 1 : 0;
            out[n++] = at[j];
        }
        return n == wanted ? n : 0;
    }
    return 0;
}

static bool avc(const uint8_t *at, size_t bytes, char *out)
{
    uint8_t sps[3]; /* profile, constraints, level */

    if (nal_of(at, bytes, false, AVC_SPS, sps, sizeof(sps)) == 0)
        return false;
    snprintf(out, HF_ES_CODECS_BYTES_MAX, "avc1.%02x%02x%02x", sps[0], sps[1], sps[2]);
    return true;
}

/* The flags stand with the lowest first; of the constraints those zeros that end them are left out. */
static bool hevc(const uint8_t *at, size_t bytes, char *out)
{
    static const char *const spaces[4] = {"", "A", "B", "C"};
    uint8_t sps[1 + HEVC_PROFILE_BYTES], *profile = sps + 1; /* behind the VPS's number and the layers */
    uint32_t flags = 0;
    size_t n, constraints = CONSTRAINT_BYTES;

    if (nal_of(at, bytes, true, HEVC_SPS, sps, sizeof(sps)) == 0)
        return false;
    for (unsigned i = 0; i < 32; i++)
        flags |= (uint32_t)(profile[1 + i / 8] >> (7 - i % 8) & 1) << i;
    while (constraints > 0 && profile[5 + constraints - 1] == 0)
        constraints--;
    n = (size_t)snprintf(out, HF_ES_CODECS_BYTES_MAX, "hvc1.%s%u.%X.%c%u", spaces[profile[0] >> 6],
                         profile[0] & 0x1fu, (unsigned)flags, profile[0] & 0x20 ? 'H' : 'L', profile[11]);
    for (size_t i = 0; i < constraints; i++)
        n += (size_t)snprintf(out + n, HF_ES_CODECS_BYTES_MAX - n, ".%X", profile[5 + i]);
    return true;
}

bool hf_es_codecs(enum hf_es_codec codec, const uint8_t *at, size_t bytes,
                  char ret_text[HF_ES_CODECS_BYTES_MAX])
{
    ret_text[0] = '\0';
    switch (codec) {
    case HF_ES_H264: return avc(at, bytes, ret_text);
    case HF_ES_H265: return hevc(at, bytes, ret_text);
    case HF_ES_AAC:
        if (bytes < 3 || at[0] != 0xff || (at[1] & 0xf6) != 0xf0)
            return false;
        snprintf(ret_text, HF_ES_CODECS_BYTES_MAX, "mp4a.40.%u", (at[2] >> 6) + 1u);
        return true;
    default: return false;
    }
}
