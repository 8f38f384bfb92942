/* base/crc32c.h - CRC-32C (Castagnoli, reflected 0x82F63B78, init and final xor 0xFFFFFFFF). Not zlib's
 * crc32. Source: RFC 3720 B.4 for the vectors; check("123456789") = 0xE3069283. Where a format of ours stores
 * it, it is big-endian. */
#ifndef HF_BASE_CRC32C_H
#define HF_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc 0; the CRC of a then b is hf_crc32c(hf_crc32c(0, a), b). Uses the processor's instruction
 * (SSE4.2, ARMv8) where there is one, found at run time. */
uint32_t hf_crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same without special instructions (slicing by 8). */
uint32_t hf_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

const char *hf_crc32c_body(void); /* "sse4.2", "armv8" or "portable": what hf_crc32c() uses here */

#endif
