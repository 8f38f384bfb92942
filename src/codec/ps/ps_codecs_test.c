/* codec/ps/ps_codecs_test.c - names of streams. Parameter sets are those of x264 and x265; the names, those that ISO/IEC 14496-15 and browsers' documents give for their profiles and levels. */
#include "codec/ps/codecs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEVC(profile, rest) "\0\0\0\1\x40\1\x0c\1\xff\xff\0\0\0\1\x42\1\1" profile rest

static void each_codec_has_its_name(void **state)
{
#define ROW(codec, bytes, text)               \
    {                                         \
        codec, bytes, sizeof(bytes) - 1, text \
    }
    static const struct {
        enum hf_es_codec codec;
        const char *unit;
        size_t bytes;
        const char *text;
    } rows[] = {
        ROW(HF_ES_H264, "\0\0\0\1\x09\xf0\0\0\0\1\x67\x64\0\x1f\xac", "avc1.64001f"),
        ROW(HF_ES_H264, "\0\0\1\x67\x42\xc0\x1e\xd9", "avc1.42c01e"),
        ROW(HF_ES_H264, "\0\0\1\x27\x4d\x40\x28", "avc1.4d4028"), /* nal_ref_idc is no part of the type */
        ROW(HF_ES_H264, "\0\0\1\x67\x42\xc0", ""),                /* cut */
        ROW(HF_ES_H264, "\0\0\1\x67\0\0\1\x68", ""),
        ROW(HF_ES_H264, "\0\0\1\x68\xce\x3c\x80", ""), /* no parameter set of a sequence */
        ROW(HF_ES_H264, "", ""),
        /* Main, level 3.1, progressive; a 3 keeps each pair of zeros from becoming a start code. */
        ROW(HF_ES_H265, HEVC("\1\x60\0\0\3\0\x90\0\0\3\0\0\3\0\x5d", "\xa0"), "hvc1.1.6.L93.90"),
        ROW(HF_ES_H265, HEVC("\1\x60\0\0\3\0\xb0\0\0\3\0\0\3\0\x5d", "\xa0"), "hvc1.1.6.L93.B0"),
        /* Main 10 in the high tier, all 48 bits used; a profile space. */
        ROW(HF_ES_H265, HEVC("\x22\x20\0\0\3\0\xb0\1\2\3\4\5\x99", ""), "hvc1.2.4.H153.B0.1.2.3.4.5"),
        ROW(HF_ES_H265, HEVC("\x41\x60\0\0\3\0\0\3\0\0\3\0\0\3\0\x5d", ""), "hvc1.A1.6.L93"),
        ROW(HF_ES_H265, HEVC("\1\x60\0\0\3\0\x90\0\0\3\0\0\3\0", ""), ""), /* without its level */
        ROW(HF_ES_AAC, "\xff\xf1\x50\x80", "mp4a.40.2"),
        ROW(HF_ES_AAC, "\xff\xf9\x10\x80", "mp4a.40.1"),
        ROW(HF_ES_AAC, "\xff\xf1", ""),
        ROW(HF_ES_AAC, "\x12\x10\0", ""),
        ROW(HF_ES_G711A, "\xd5\xd5\xd5\xd5", ""),
    };
    char text[HF_ES_CODECS_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(hf_es_codecs(rows[i].codec, (const uint8_t *)rows[i].unit, rows[i].bytes, text),
                         rows[i].text[0] != '\0');
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_codec_has_its_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
