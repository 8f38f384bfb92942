/* codec/proxy/proxy.c - the two spellings:
 *   v1: "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "PROXY TCP6 ...", "PROXY UNKNOWN ...\r\n"
 *   v2: signature 12 | version 2, command | family, transport | length u16 | addresses | TLVs
 * A header is small and bounded, so each is read whole or not at all. */
#include "codec/proxy/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/slice.h"

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                         0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
static const char v1_start[] = "PROXY ";

enum {
    V1_START_BYTES = sizeof(v1_start) - 1,
    V2_HEAD_BYTES = 16,
    V2_VERSION = 0x20,
    V2_LOCAL = 0,
    V2_PROXY = 1,
    V2_STREAM = 1,
    V2_DATAGRAM = 2,
    V2_INET_BYTES = 12,
    V2_INET6_BYTES = 36,
    V2_UNIX_BYTES = 216,
    TLV_HEAD_BYTES = 3,
    TLV_CRC32C = 0x03,
    CRC_BYTES = 4,
};

/* Takes text up to the next space or the end; the parts of v1 are separated by exactly one space. */
static struct hf_slice take_word(struct hf_slice *line)
{
    const char *space = memchr(line->at, ' ', line->bytes);
    struct hf_slice word = {line->at, space ? (size_t)(space - line->at) : line->bytes};
    size_t taken = word.bytes + (space != NULL);

    line->at += taken;
    line->bytes -= taken;
    return word;
}

static bool read_address(struct hf_slice word, int family, struct hf_proxy_address *ret)
{
    char text[INET6_ADDRSTRLEN];

    if (word.bytes >= sizeof(text))
        return false;
    memcpy(text, word.at, word.bytes);
    text[word.bytes] = '\0';
    return strlen(text) == word.bytes && inet_pton(family, text, ret->bytes) == 1;
}

/* 0..65535 without leading zeros. */
static bool read_port(struct hf_slice word, struct hf_proxy_address *ret)
{
    uint64_t port;

    if (word.bytes == 0 || (word.bytes > 1 && word.at[0] == '0') || !hf_slice_to_u64(word, &port) ||
        port > UINT16_MAX)
        return false;
    ret->port = (uint16_t)port;
    return true;
}

/* The line between "PROXY " and CRLF. */
static hf_err read_v1_line(struct hf_slice line, struct hf_proxy *ret)
{
    struct hf_slice word = take_word(&line);
    int family;

    if (hf_slice_is(word, "UNKNOWN"))
        return HF_OK; /* the rest of the line is to be ignored */
    if (hf_slice_is(word, "TCP4")) {
        ret->family = HF_PROXY_INET;
        family = AF_INET;
    } else if (hf_slice_is(word, "TCP6")) {
        ret->family = HF_PROXY_INET6;
        family = AF_INET6;
    } else {
        return HF_ERR_MALFORMED;
    }
    if (!read_address(take_word(&line), family, &ret->source) ||
        !read_address(take_word(&line), family, &ret->destination) ||
        !read_port(take_word(&line), &ret->source) || !read_port(line, &ret->destination))
        return HF_ERR_MALFORMED;
    return HF_OK;
}

/* A byte that cannot stand in a v1 line ends the waiting. */
static hf_err parse_v1(const uint8_t *in, size_t bytes, struct hf_proxy *ret)
{
    size_t seen = HF_MIN(bytes, (size_t)HF_PROXY_V1_BYTES_MAX);

    for (size_t i = V1_START_BYTES; i < seen; i++) {
        if (in[i] == '\r') {
            if (i + 1 == HF_PROXY_V1_BYTES_MAX)
                break;
            if (i + 1 == seen)
                return HF_ERR_AGAIN;
            ret->header_bytes = i + 2;
            return in[i + 1] == '\n'
                       ? read_v1_line(
                             (struct hf_slice){(const char *)in + V1_START_BYTES, i - V1_START_BYTES}, ret)
                       : HF_ERR_MALFORMED;
        }
        if (in[i] < ' ' || in[i] > '~')
            return HF_ERR_MALFORMED;
    }
    return seen == HF_PROXY_V1_BYTES_MAX ? HF_ERR_MALFORMED : HF_ERR_AGAIN;
}

/* TLVs must fill the rest exactly. The checksum covers the whole header with its own value as zeros. */
static hf_err read_tlvs(const uint8_t *in, size_t at, struct hf_proxy *ret)
{
    static const uint8_t zeros[CRC_BYTES] = {0};

    for (size_t count = 0; at < ret->header_bytes; count++) {
        if (ret->header_bytes - at < TLV_HEAD_BYTES)
            return HF_ERR_MALFORMED;
        size_t value_bytes = hf_get_u16(in + at + 1), value_at = at + TLV_HEAD_BYTES;

        if (value_bytes > ret->header_bytes - value_at)
            return HF_ERR_MALFORMED;
        if (count == HF_PROXY_TLVS_MAX)
            return HF_ERR_LIMIT;
        at = value_at + value_bytes;
        if (in[value_at - TLV_HEAD_BYTES] != TLV_CRC32C)
            continue;
        if (value_bytes != CRC_BYTES)
            return HF_ERR_MALFORMED;
        uint32_t crc = hf_crc32c(0, in, value_at);

        crc = hf_crc32c(crc, zeros, CRC_BYTES);
        crc = hf_crc32c(crc, in + value_at + CRC_BYTES, ret->header_bytes - value_at - CRC_BYTES);
        if (crc != hf_get_u32(in + value_at))
            return HF_ERR_MALFORMED;
        ret->checked = true;
    }
    return HF_OK;
}

static void read_pair(const uint8_t *at, size_t address_bytes, struct hf_proxy *ret)
{
    memcpy(ret->source.bytes, at, address_bytes);
    memcpy(ret->destination.bytes, at + address_bytes, address_bytes);
    ret->source.port = hf_get_u16(at + 2 * address_bytes);
    ret->destination.port = hf_get_u16(at + 2 * address_bytes + 2);
}

/* Families of the high nibble, with the bytes of their address block. */
static const struct family {
    enum hf_proxy_family family;
    uint16_t block_bytes;
} families[] = {
    {HF_PROXY_UNKNOWN, 0},
    {HF_PROXY_INET, V2_INET_BYTES},
    {HF_PROXY_INET6, V2_INET6_BYTES},
    {HF_PROXY_UNIX, V2_UNIX_BYTES},
};

static hf_err parse_v2(const uint8_t *in, size_t bytes, struct hf_proxy *ret)
{
    const uint8_t *command = in + sizeof(v2_signature), *family = command + 1;

    ret->version = 2;
    if (bytes > sizeof(v2_signature) && *command != (V2_VERSION | V2_LOCAL) &&
        *command != (V2_VERSION | V2_PROXY))
        return HF_ERR_MALFORMED;
    if (bytes > sizeof(v2_signature) + 1 &&
        (*family >> 4 >= (int)HF_COUNT_OF(families) || (*family & 0x0f) > V2_DATAGRAM))
        return HF_ERR_MALFORMED;
    if (bytes < V2_HEAD_BYTES)
        return HF_ERR_AGAIN;
    ret->header_bytes = V2_HEAD_BYTES + (size_t)hf_get_u16(in + V2_HEAD_BYTES - 2);
    if (ret->header_bytes > HF_PROXY_BYTES_MAX)
        return HF_ERR_LIMIT;

    const struct family *row = &families[*family >> 4];

    ret->local = *command == (V2_VERSION | V2_LOCAL);
    if (!ret->local && (*family & 0x0f) != 0) {
        /* An unspecified transport or LOCAL leaves the block to be skipped as it is (2.2). */
        ret->family = row->family;
        ret->datagram = (*family & 0x0f) == V2_DATAGRAM;
        if (ret->header_bytes < (size_t)V2_HEAD_BYTES + row->block_bytes)
            return HF_ERR_MALFORMED;
    }
    if (bytes < ret->header_bytes)
        return HF_ERR_AGAIN;
    if (ret->family == HF_PROXY_INET)
        read_pair(in + V2_HEAD_BYTES, 4, ret);
    else if (ret->family == HF_PROXY_INET6)
        read_pair(in + V2_HEAD_BYTES, 16, ret);
    return ret->family == HF_PROXY_UNKNOWN ? HF_OK
                                           : read_tlvs(in, V2_HEAD_BYTES + (size_t)row->block_bytes, ret);
}

hf_err hf_proxy_parse(const uint8_t *in, size_t bytes, struct hf_proxy *ret)
{
    *ret = (struct hf_proxy){.version = 1};
    if (bytes == 0)
        return HF_ERR_AGAIN;
    if (in[0] == v2_signature[0])
        return memcmp(in, v2_signature, HF_MIN(bytes, sizeof(v2_signature))) == 0 ? parse_v2(in, bytes, ret)
                                                                                  : HF_ERR_MALFORMED;
    if (memcmp(in, v1_start, HF_MIN(bytes, (size_t)V1_START_BYTES)) != 0)
        return HF_ERR_MALFORMED;
    return parse_v1(in, bytes, ret);
}
