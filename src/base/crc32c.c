/* base/crc32c.c - three bodies, one result. The tables of slicing by 8 are spelled as sums: a CRC is linear, so
 * the entry of a byte is the xor of the entries of its bits, and 64 numbers stand for 2048. */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC32C_SSE42 1
#elif defined(__aarch64__) && defined(__linux__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define CRC32C_ARMV8 1
#endif

/* Table k gives what a byte contributes that is followed by k more bytes. Columns: its bits 0 to 7. */
#define BASIS_MAP(X)                                                                                     \
    X(0, 0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78) \
    X(1, 0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9) \
    X(2, 0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743) \
    X(3, 0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f) \
    X(4, 0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c) \
    X(5, 0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6) \
    X(6, 0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4) \
    X(7, 0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664)

#define BIT(n, b, value) (((n) >> (b)&1) != 0 ? (value) : 0u)
#define E1(n, b0, b1, b2, b3, b4, b5, b6, b7)                                                        \
    (BIT(n, 0, b0) ^ BIT(n, 1, b1) ^ BIT(n, 2, b2) ^ BIT(n, 3, b3) ^ BIT(n, 4, b4) ^ BIT(n, 5, b5) ^ \
     BIT(n, 6, b6) ^ BIT(n, 7, b7))
#define E4(n, ...) E1(n, __VA_ARGS__), E1(n + 1, __VA_ARGS__), E1(n + 2, __VA_ARGS__), E1(n + 3, __VA_ARGS__)
#define E16(n, ...) \
    E4(n, __VA_ARGS__), E4(n + 4, __VA_ARGS__), E4(n + 8, __VA_ARGS__), E4(n + 12, __VA_ARGS__)
#define E64(n, ...) \
    E16(n, __VA_ARGS__), E16(n + 16, __VA_ARGS__), E16(n + 32, __VA_ARGS__), E16(n + 48, __VA_ARGS__)
#define E256(...)     E64(0, __VA_ARGS__), E64(64, __VA_ARGS__), E64(128, __VA_ARGS__), E64(192, __VA_ARGS__)
#define TABLE(k, ...) {E256(__VA_ARGS__)},

static const uint32_t tables[8][256] = {BASIS_MAP(TABLE)};

static uint32_t load_le32(const uint8_t *in)
{
    return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

uint32_t hf_crc32c_portable(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *in = data;

    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, in += 8) {
        uint32_t low = load_le32(in) ^ crc, high = load_le32(in + 4);

        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; bytes > 0; bytes--, in++)
        crc = crc >> 8 ^ tables[0][(crc ^ *in) & 0xff];
    return ~crc;
}

#if defined(CRC32C_SSE42)
static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *in,
                                                                 size_t bytes)
{
    uint64_t sum = ~crc, word;

    for (; bytes >= 8; bytes -= 8, in += 8) {
        memcpy(&word, in, 8);
        sum = _mm_crc32_u64(sum, word);
    }
    crc = (uint32_t)sum;
    for (; bytes > 0; bytes--, in++)
        crc = _mm_crc32_u8(crc, *in);
    return ~crc;
}
#elif defined(CRC32C_ARMV8)
static bool has_instruction(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; /* libc's copy: no system call */
}

/* Assembly, since gcc and clang disagree on how to switch on the intrinsics for one function. */
static uint32_t by_instruction(uint32_t crc, const uint8_t *in, size_t bytes)
{
    uint64_t word;

    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, in += 8) {
        memcpy(&word, in, 8);
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    }
    for (; bytes > 0; bytes--, in++)
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*in));
    return ~crc;
}
#endif

uint32_t hf_crc32c(uint32_t crc, const void *data, size_t bytes)
{
#if defined(CRC32C_SSE42) || defined(CRC32C_ARMV8)
    if (HF_LIKELY(has_instruction()))
        return by_instruction(crc, data, bytes);
#endif
    return hf_crc32c_portable(crc, data, bytes);
}

const char *hf_crc32c_body(void)
{
#if defined(CRC32C_SSE42)
    return has_instruction() ? "sse4.2" : "portable";
#elif defined(CRC32C_ARMV8)
    return has_instruction() ? "armv8" : "portable";
#else
    return "portable";
#endif
}
