/* codec/ps/mux.h - writes a program stream as GB/T 28181 has it: one access unit is one pack; key frames carry a system header and a stream map. Pure: into the caller's bytes.
 * Source: ISO/IEC 13818-1 2.5; GB/T 28181-2016 and -2022, annex C. */
#ifndef HF_CODEC_PS_MUX_H
#define HF_CODEC_PS_MUX_H

#include "codec/ps/es.h"

enum { HF_PS_VIDEO_ID = 0xe0, HF_PS_AUDIO_ID = 0xc0, HF_PS_PES_BYTES_MAX = 65000 /* of payload */ };

struct hf_ps_map {
    enum hf_es_codec video, audio; /* HF_ES_UNKNOWN: there is none */
    uint32_t rate_bytes_s;         /* announced; 0 = 50,000 */
};

/* How many bytes hf_ps_write() needs at most. */
size_t hf_ps_write_bytes_max(size_t unit_bytes);
/* Writes the unit's pack. out has hf_ps_write_bytes_max(unit->bytes) bytes. Returns how many were written. */
size_t hf_ps_write(const struct hf_ps_map *map, const struct hf_es_unit *unit, uint8_t *out);

#endif
