/* core/session/serial.h - 32-bit sequence numbers on the wire, 64-bit ones inside (DLV-4, RFC 1982). */
#ifndef HF_CORE_SESSION_SERIAL_H
#define HF_CORE_SESSION_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* The 64-bit number nearest to `near` whose low 32 bits are `wire`. False when that is undefined (a distance of exactly 2^31, RFC 1982 3.2) or would lie
 * below 1: no such number was ever given. */
static inline bool hf_serial_expand(uint64_t near, uint32_t wire, uint64_t *ret_seq)
{
    uint32_t ahead = wire - (uint32_t)near;

    if (ahead == UINT32_C(0x80000000))
        return false;
    if (ahead < UINT32_C(0x80000000)) {
        *ret_seq = near + ahead;
        return *ret_seq >= 1 && *ret_seq >= near; /* the latter: 64 bits are over */
    }
    uint32_t behind = 0 - ahead;
    if (behind >= near)
        return false;
    *ret_seq = near - behind;
    return true;
}

/* No number has low 32 bits of 0, which mean "not numbered" on the wire: behind 2^32 - 1 comes 2^32 + 1. */
static inline bool hf_serial_is_number(uint64_t seq)
{
    return (uint32_t)seq != 0;
}

/* The first number from seq on. */
static inline uint64_t hf_serial_number(uint64_t seq)
{
    return hf_serial_is_number(seq) ? seq : seq + 1;
}

/* The last number before seq; 0 when there is none. */
static inline uint64_t hf_serial_before(uint64_t seq)
{
    if (seq <= 1)
        return 0;
    return hf_serial_is_number(seq - 1) ? seq - 1 : seq - 2;
}

/* How many numbers there are from..to, from <= to. */
static inline uint64_t hf_serial_count(uint64_t from, uint64_t to)
{
    uint64_t none = (to >> 32) - (from >> 32) + !hf_serial_is_number(from);

    return to - from + 1 - none;
}

/* Is heartbeat a newer than b (HB-1)? Not at a distance of exactly 2^31. */
static inline bool hf_serial_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0 && a - b != UINT32_C(0x80000000);
}

#endif
