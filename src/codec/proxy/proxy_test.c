/* codec/proxy/proxy_test.c - each row runs at every length: the verdict on a prefix is AGAIN or the final
 * one, never another. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/sb.h"
#include "codec/proxy/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define INET4     "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
#define INET6 \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb"

static void describe(const struct hf_proxy *proxy, struct hf_sb *sb)
{
    static const char *const families[] = {"unknown", "inet", "inet6", "unix"};
    char source[INET6_ADDRSTRLEN] = "", destination[INET6_ADDRSTRLEN] = "";

    hf_sb_printf(sb, "v%d %s%s%s%s", proxy->version, families[proxy->family], proxy->local ? " local" : "",
                 proxy->datagram ? " datagram" : "", proxy->checked ? " checked" : "");
    if (proxy->family == HF_PROXY_INET || proxy->family == HF_PROXY_INET6) {
        int family = proxy->family == HF_PROXY_INET ? AF_INET : AF_INET6;

        inet_ntop(family, proxy->source.bytes, source, sizeof(source));
        inet_ntop(family, proxy->destination.bytes, destination, sizeof(destination));
        hf_sb_printf(sb, " %s %d %s %d", source, proxy->source.port, destination, proxy->destination.port);
    }
    hf_sb_printf(sb, " %zu", proxy->header_bytes);
}

static hf_err parse(const char *in, size_t bytes, struct hf_proxy *ret)
{
    char *copy = malloc(bytes + (bytes == 0)); /* exact, for ASan */
    hf_err err;

    assert_non_null(copy);
    memcpy(copy, in, bytes);
    err = hf_proxy_parse((const uint8_t *)copy, bytes, ret);
    free(copy);
    return err;
}

static void expect(const char *in, size_t bytes, const char *want)
{
    struct hf_proxy proxy;
    char text[256];
    struct hf_sb sb;
    hf_err err = HF_ERR_AGAIN;

    for (size_t given = 0; given <= bytes; given++) {
        hf_err now = parse(in, given, &proxy);

        if (err == HF_ERR_AGAIN)
            err = now;
        assert_int_equal(now, err); /* once decided, more bytes change nothing */
        if (err == HF_ERR_AGAIN)
            continue;
        hf_sb_init(&sb, text, sizeof(text));
        if (err == HF_OK) {
            assert_true(proxy.header_bytes <= given);
            describe(&proxy, &sb);
        } else {
            hf_sb_text(&sb, err == HF_ERR_LIMIT ? "limit" : "malformed");
        }
        assert_string_equal(text, want);
    }
    if (err == HF_ERR_AGAIN)
        assert_string_equal("again", want);
}

static void parses_at_every_length(void **state)
{
#define ROW(in, want)            \
    {                            \
        in, sizeof(in) - 1, want \
    }
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /",
            "v1 inet 192.0.2.1 56324 198.51.100.2 443 45"),
        ROW("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n", "v1 inet6 2001:db8::1 0 2001:db8::2 65535 44"),
        ROW("PROXY UNKNOWN\r\nx", "v1 unknown 15"),
        ROW("PROXY UNKNOWN ffff::1 ::2 1 2\r\n", "v1 unknown 31"),
        /* the longest line the specification knows */
        ROW("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "65535 65535\r\n",
            "v1 unknown 107"),
        ROW("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "65535 655351\r\n",
            "malformed"),
        ROW("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "65535 6553512\r\n",
            "malformed"),
        ROW("PROXY TCP4 192.0.2.1", "again"),
        ROW("GET / HTTP/1.1\r\n", "malformed"),
        ROW("PROXX", "malformed"),
        ROW("proxy TCP4", "malformed"),
        ROW("PROXY\r\n", "malformed"),
        ROW("PROXY \r\n", "malformed"),
        ROW("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 ::1 1 2\r\n", "malformed"),
        ROW("PROXY TCP6 192.0.2.1 ::1 1 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2  2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", "malformed"),
        ROW("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", "malformed"),
        ROW("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\rx", "malformed"),
        ROW("PROXY TCP4 192.0.2.1\0", "malformed"),
        ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::1 1 2\r\n", "malformed"),

        ROW(SIGNATURE "\x21\x11\x00\x0c" INET4 "GET", "v2 inet 192.0.2.1 56324 198.51.100.2 443 28"),
        ROW(SIGNATURE "\x21\x12\x00\x0c" INET4, "v2 inet datagram 192.0.2.1 56324 198.51.100.2 443 28"),
        ROW(SIGNATURE "\x21\x21\x00\x24" INET6, "v2 inet6 2001:db8::1 56324 2001:db8::2 443 52"),
        ROW(SIGNATURE "\x20\x00\x00\x00", "v2 unknown local 16"),
        ROW(SIGNATURE "\x20\x11\x00\x0c" INET4, "v2 unknown local 28"),
        ROW(SIGNATURE "\x21\x00\x00\x03xyz", "v2 unknown 19"),
        ROW(SIGNATURE "\x21\x10\x00\x0c" INET4, "v2 unknown 28"),
        ROW(SIGNATURE "\x21\x01\x00\x03xyz", "v2 unknown 19"),
        ROW(SIGNATURE "\x21\x11\x00\x12" INET4 "\x01\x00\x00\x04\x00\x00",
            "v2 inet 192.0.2.1 56324 198.51.100.2 443 34"),
        ROW(SIGNATURE "\x21\x11\x00\x14" INET4 "\x01\x00\x05hello",
            "v2 inet 192.0.2.1 56324 198.51.100.2 443 36"),
        ROW(SIGNATURE "\x21\x11\x00\x0c"
                      "\xc0",
            "again"),
        ROW(SIGNATURE "\x31", "malformed"),
        ROW(SIGNATURE "\x11", "malformed"),
        ROW(SIGNATURE "\x22", "malformed"),
        ROW(SIGNATURE "\x21\x41", "malformed"),
        ROW(SIGNATURE "\x21\x13", "malformed"),
        ROW(SIGNATURE "\x21\x11\x00\x0b" INET4, "malformed"),
        ROW(SIGNATURE "\x21\x21\x00\x0c" INET4, "malformed"),
        ROW(SIGNATURE "\x21\x31\x00\xd7", "malformed"),
        ROW(SIGNATURE "\x21\x11\x0f\xf1", "limit"), /* 4097 in all */
        ROW(SIGNATURE "\x21\x11\x0f\xf0", "again"),
        ROW(SIGNATURE "\x21\x11\x00\x0e" INET4 "\x01\x00", "malformed"),
        ROW(SIGNATURE "\x21\x11\x00\x10" INET4 "\x01\x00\x02x", "malformed"),
        ROW(SIGNATURE "\x21\x11\x00\x13" INET4 "\x03\x00\x04"
                      "abcd",
            "malformed"), /* a wrong sum */
        ROW(SIGNATURE "\x21\x11\x00\x12" INET4 "\x03\x00\x03"
                      "abc",
            "malformed"),
        ROW("\r\n\r\n\0\r\nQUIX", "malformed"),
        ROW("\r\nGET", "malformed"),
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, rows[i].bytes, rows[i].want);
}

/* Puts a right checksum into `header`, whose TLV value starts at crc_at. */
static void seal(char *header, size_t bytes, size_t crc_at)
{
    memset(header + crc_at, 0, 4);
    hf_put_u32((uint8_t *)header + crc_at, hf_crc32c(0, header, bytes));
}

static void verifies_the_checksum(void **state)
{
    char header[] = SIGNATURE "\x21\x11\x00\x1a" INET4 "\x04\x00\x01x\x03\x00\x04"
                              "0000"
                              "\x04\x00\x00";
    const size_t bytes = sizeof(header) - 1, crc_at = 16 + 12 + 4 + 3;
    char twice[] = SIGNATURE "\x21\x11\x00\x1a" INET4 "\x03\x00\x04"
                             "0000"
                             "\x03\x00\x04"
                             "0000";
    struct hf_proxy proxy;

    (void)state;
    seal(header, bytes, crc_at);
    expect(header, bytes, "v2 inet checked 192.0.2.1 56324 198.51.100.2 443 42");
    for (size_t i = 16; i < 28; i++) { /* any bit of an address, and of the sum itself */
        header[i] ^= 0x10;
        assert_int_equal(parse(header, bytes, &proxy), HF_ERR_MALFORMED);
        header[i] ^= 0x10;
    }
    header[crc_at] ^= 1;
    assert_int_equal(parse(header, bytes, &proxy), HF_ERR_MALFORMED);
    seal(twice, sizeof(twice) - 1, 31); /* a second sum cannot be right: which is zeroed? */
    expect(twice, sizeof(twice) - 1, "malformed");
}

static void skips_unix_and_bounds_tlvs(void **state)
{
    static char header[HF_PROXY_BYTES_MAX];
    struct hf_proxy proxy;

    (void)state;
    memcpy(header, SIGNATURE "\x21\x31\x00\xd8", 16);
    expect(header, 16 + 216, "v2 unix 232");
    for (size_t tlvs = HF_PROXY_TLVS_MAX; tlvs <= HF_PROXY_TLVS_MAX + 1; tlvs++) {
        memcpy(header, SIGNATURE "\x21\x11", 14);
        hf_put_u16((uint8_t *)header + 14, (uint16_t)(12 + 3 * tlvs));
        memset(header + 16, 0, 12 + 3 * tlvs);
        for (size_t i = 0; i < tlvs; i++)
            header[28 + 3 * i] = 4;
        assert_int_equal(parse(header, 28 + 3 * tlvs, &proxy),
                         tlvs > HF_PROXY_TLVS_MAX ? HF_ERR_LIMIT : HF_OK);
    }
    hf_put_u16((uint8_t *)header + 14, HF_PROXY_BYTES_MAX - 16);
    memset(header + 28, 0, sizeof(header) - 28);
    header[28] = 4;
    hf_put_u16((uint8_t *)header + 29, HF_PROXY_BYTES_MAX - 31);
    assert_int_equal(parse(header, sizeof(header), &proxy), HF_OK);
    assert_int_equal(proxy.header_bytes, HF_PROXY_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_at_every_length),
        cmocka_unit_test(verifies_the_checksum),
        cmocka_unit_test(skips_unix_and_bounds_tlvs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
