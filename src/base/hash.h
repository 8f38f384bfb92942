/* base/hash.h - 64-bit hashes for hf_map. hf_hash() is keyed: use it wherever a peer chooses the data, with a
 * key drawn at start, so that nobody can send many keys into one bucket. Source: Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF" (2012); the 1-3 variant, which hash tables of Rust and Python use. Not a
 * MAC. The same on every machine. */
#ifndef HF_BASE_HASH_H
#define HF_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HF_HASH_KEY_BYTES = 16 };

uint64_t hf_hash(const uint8_t key[HF_HASH_KEY_BYTES], const void *data, size_t bytes); /* SipHash-1-3 */

/* A bijection that spreads every input bit (the finalizer of splitmix64). Unkeyed: only for numbers that we
 * chose ourselves, such as connection ids. */
uint64_t hf_hash_mix(uint64_t value);

#endif
