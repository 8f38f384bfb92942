/* codec/ws/mask.h - RFC 6455 5.3: byte i of a payload is XORed with byte i mod 4 of the key. */
#ifndef HF_CODEC_WS_MASK_H
#define HF_CODEC_WS_MASK_H

#include <stddef.h>
#include <stdint.h>

/* Masks or unmasks in place. offset is where data begins within the payload, so a payload can be done in
 * pieces. Any alignment. */
void hf_ws_mask(void *data, size_t bytes, const uint8_t key[4], size_t offset);

#endif
