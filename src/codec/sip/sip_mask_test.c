/* codec/sip/sip_mask_test.c */
#include "codec/sip/mask.h"
#include "codec/sip/sip_testkit.h"

static void masks_responses_and_nothing_else(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"R s SIP/2.0\r\nAuthorization: Digest username=\"u\",response=\"abc1\",nc=1\r\n\r\n",
         "R s SIP/2.0\r\nAuthorization: Digest username=\"u\",response=\"****\",nc=1\r\n\r\n"},
        {"R\r\nauthorization:Digest\r\n RESPONSE =\r\n \"a\\\"c\" , x=y\r\nX: response=z\r\n",
         "R\r\nauthorization:Digest\r\n RESPONSE =\r\n \"****\" , x=y\r\nX: response=z\r\n"},
        {"R\nProxy-Authorization: Digest response=abc, uri=\"response=x\"\n",
         "R\nProxy-Authorization: Digest response=***, uri=\"response=x\"\n"},
        {"R\nAuthorization: Digest uri=\"a\\\",response=b\",response=c\n",
         "R\nAuthorization: Digest uri=\"a\\\",response=b\",response=*\n"},
        {"R\nAuthorization: Digest \"response=b\",response=c\n",
         "R\nAuthorization: Digest \"response=b\",response=*\n"},
        {"R\nAuthentication-Info: rspauth=\"6629\",nc=1\n",
         "R\nAuthentication-Info: rspauth=\"****\",nc=1\n"},
        {"R\nAuthorization: Digest response=\"abc",
         "R\nAuthorization: Digest response=\"***"}, /* not even whole */
        {"R\nAuthorization: Digest response=\"a\\", "R\nAuthorization: Digest response=\"**"},
        {"R\nAuthorization: Digest response=", "R\nAuthorization: Digest response="},
        {"R\nAuthorization: Digest response", "R\nAuthorization: Digest response"},
        {"R\nAuthorization: Digest response,a", "R\nAuthorization: Digest response,a"},
        {"R\nAuthorization: Digest xresponse=a,response2=b",
         "R\nAuthorization: Digest xresponse=a,response2=b"},
        {"R\nAuthorization: Digest response=a\nAuthorization: Digest response=b\n",
         "R\nAuthorization: Digest response=*\nAuthorization: Digest response=*\n"},
        {"R\nX: y\n\nAuthorization: Digest response=a\n",
         "R\nX: y\n\nAuthorization: Digest response=a\n"}, /* a body */
        {"R\r\n\r\nAuthorization: Digest response=a\n", "R\r\n\r\nAuthorization: Digest response=a\n"},
        {"\r\n\n\r\nR\nAuthorization: Digest response=a\n",
         "\r\n\n\r\nR\nAuthorization: Digest response=*\n"}, /* blank lines before it */
        {"Authorization: Digest response=a", "Authorization: Digest response=*"},
        {"Authorization", "Authorization"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        size_t bytes = strlen(rows[i].in);
        char *copy = malloc(bytes + (bytes == 0));

        assert_non_null(copy);
        memcpy(copy, rows[i].in, bytes);
        hf_sip_mask(copy, bytes);
        if (memcmp(copy, rows[i].out, bytes) != 0)
            fail_msg("%s gives\n%.*s", rows[i].in, (int)bytes, copy);
        free(copy);
    }
    hf_sip_mask(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masks_responses_and_nothing_else)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
