#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "adapter/gb28181/gb.h"

#define DEVICE "34020000001320000001"
#define OURS   "34020000002000000001"
#define FROM   "From: <sip:" DEVICE "@3402000000>;tag=7\r\n"
#define TO     "To: <sip:" OURS "@3402000000>\r\n"

static void every_message_has_a_home(void **state)
{
    static const struct {
        const char *text, *device; /* NULL: none */
    } rows[] = {
        {"REGISTER sip:x SIP/2.0\r\n" FROM TO "\r\n", DEVICE},
        {"REGISTER sip:x SIP/2.0\r\n" TO FROM "\r\n", DEVICE},
        {"REGISTER sip:x SIP/2.0\r\nf:sip:" DEVICE "@:5060\r\n\r\n", DEVICE},
        {"\r\n\r\nMESSAGE sip:x SIP/2.0\nFROM : \"a\" <sip:" DEVICE "@h>\n\n", DEVICE},
        {"MESSAGE sip:x SIP/2.0\r\nFrom:\r\n <sip:" DEVICE "@h>\r\n\r\n", DEVICE}, /* folded */
        {"MESSAGE sip:x SIP/2.0\r\n" FROM, DEVICE},                                /* cut off */
        /* a Call-ID never moves a REGISTER or MESSAGE to another device's worker */
        {"REGISTER sip:x SIP/2.0\r\nCall-ID: hf0123456789abcdef.34020000001110000009\r\n" FROM "\r\n",
         DEVICE},
        {"SIP/2.0 200 OK\r\nFrom: <sip:" OURS "@h>;tag=1\r\nTo: <sip:" DEVICE "@h>;tag=2\r\n\r\n", DEVICE},
        /* a channel answers, or ends a call: the Call-ID is ours */
        {"SIP/2.0 200 OK\r\nTo: <sip:34020000001310000005@h>\r\nCall-ID: hf0123456789abcdef." DEVICE
         "\r\n\r\n",
         DEVICE},
        {"BYE sip:x SIP/2.0\r\nFrom: <sip:34020000001310000005@h>\r\ni:hf0123456789abcdef." DEVICE
         " \r\n\r\n",
         DEVICE},
        {"BYE sip:x SIP/2.0\r\n" FROM "Call-ID: hf0123456789abcdef.\r\n\r\n", DEVICE}, /* none of ours */
        {"BYE sip:x SIP/2.0\r\n" FROM "Call-ID: hf0123456789abcde." DEVICE "\r\n\r\n", DEVICE},
        {"MESSAGE sip:x SIP/2.0\r\n\r\n" FROM, NULL},                      /* that is the body */
        {"MESSAGE sip:x SIP/2.0\r\nFrom: <sip:3402000000>\r\n\r\n", NULL}, /* no user */
        {"MESSAGE sip:x SIP/2.0\r\nFrom: nothing\r\n\r\n", NULL},
        {"MESSAGE", NULL},
        {"\r\n\r\n", NULL},
        {"jaK", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t bytes = strlen(rows[i].text);
        char *exact = test_malloc(bytes + (bytes == 0)); /* so that a sanitizer sees a read beyond it */

        memcpy(exact, rows[i].text, bytes);
        struct hf_slice device = hf_gb_home((struct hf_slice){exact, bytes});
        if (!hf_slice_eq(device, hf_slice_of(rows[i].device)) ||
            (device.at == NULL) != (rows[i].device == NULL))
            fail_msg("row %zu: %.*s", i, (int)device.bytes, device.at ? device.at : "");
        for (size_t cut = 0; cut < bytes; cut++) { /* wherever it ends: no harm */
            char *part = test_malloc(cut + (cut == 0));

            memcpy(part, rows[i].text, cut);
            (void)hf_gb_home((struct hf_slice){part, cut});
            test_free(part);
        }
        test_free(exact);
    }
}

static void a_long_head_is_not_searched_for_ever(void **state)
{
    static char text[20000];
    int head = snprintf(text, sizeof(text), "MESSAGE sip:x SIP/2.0\r\nX: ");

    (void)state;
    memset(text + head, 'x', 9000);
    (void)snprintf(text + head + 9000, 200, "\r\n" FROM "\r\n");
    assert_null(hf_gb_home(hf_slice_of(text)).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_a_home),
        cmocka_unit_test(a_long_head_is_not_searched_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
