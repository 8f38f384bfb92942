/* io/entropy.h - randomness from the kernel (getrandom(2)). For keys, nonces, hash seeds and identifiers. */
#ifndef HF_IO_ENTROPY_H
#define HF_IO_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Fills all of data. Blocks only before the kernel's pool was seeded at boot. A kernel without getrandom
 * cannot run Holdfast: that is asserted, because no caller could go on without entropy. */
void hf_entropy(void *data, size_t bytes);
uint64_t hf_entropy_u64(void);

#endif
