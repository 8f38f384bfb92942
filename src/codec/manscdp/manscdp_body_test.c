/* codec/manscdp/manscdp_body_test.c - bodies by their type, and by their first bytes. */
#include "codec/manscdp/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

static void bodies_are_told_apart(void **state)
{
    static const struct {
        const char *type, *body; /* NULL: no header */
        enum hf_cdp_body is;
    } rows[] = {
        {"Application/MANSCDP+xml", "<Notify/>", HF_CDP_BODY_XML},
        {"application/manscdp+XML ; charset=gb2312", "x",
         HF_CDP_BODY_XML}, /* the type goes before the bytes */
        {"APPLICATION/SDP", "v=0\r\n", HF_CDP_BODY_SDP},
        {" Application/MANSRTSP ", "PLAY RTSP/1.0\r\n", HF_CDP_BODY_RTSP},
        {"Application/MANSRTSP", "  \r\n\t", HF_CDP_BODY_NONE},
        {"application/sdp", "", HF_CDP_BODY_NONE},
        {NULL, "\r\n <Notify/>", HF_CDP_BODY_XML},
        {NULL, "\xef\xbb\xbf<Notify/>", HF_CDP_BODY_XML},
        {NULL, "\r\nv=0\r\n", HF_CDP_BODY_SDP},
        {"text/plain", "V=0\r\n", HF_CDP_BODY_SDP},
        {"", "RTSP/1.0 200 OK\r\n", HF_CDP_BODY_RTSP},
        {";", "v", HF_CDP_BODY_RTSP},
        {NULL, NULL, HF_CDP_BODY_NONE},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_cdp_body_kind(hf_slice_of(rows[i].type), hf_slice_of(rows[i].body)) != rows[i].is)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bodies_are_told_apart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
