/* codec/sip/sip_mask_test.c */
#include "codec/sip/mask.h"
#include "codec/sip/sip_testkit.h"

static void what_is_secret_is_masked(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"6629f\", "
         "algorithm=MD5, "
         "cnonce=\"0a4f\", qop=auth, nc=00000001\r\nX: 1\r\n",
         "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=***, "
         "algorithm=MD5, "
         "cnonce=***, qop=auth, nc=00000001\r\nX: 1\r\n"},
        {"authorization :Digest response=1,realm=\"a,b\"\r\n",
         "authorization :Digest response=***,realm=\"a,b\"\r\n"},
        {"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n", "Proxy-Authorization: Basic ***\r\n"},
        {"Authorization: dXNlcjpwYXNz\r\n", "Authorization: ***\r\n"},
        {"Authorization: Bidirection random1=\"a\", sign1=\"s\"\r\n",
         "Authorization: Bidirection random1=***, sign1=***\r\n"},
        {"Authentication-Info: rspauth=\"s\", nc=1\r\n", "Authentication-Info: rspauth=***, nc=1\r\n"},
        {"SecurityInfo: Bidirection cryptkey=\"k\"\r\n", "SecurityInfo: Bidirection cryptkey=***\r\n"},
        /* Folded: nothing of it. */
        {"Authorization: Digest realm=\"r\",\r\n response=\"s\"\r\n\tcnonce=\"c\"\r\nX: 1\r\n",
         "Authorization: ***\r\nX: 1\r\n"},
        {"Authorization:\r\n", "Authorization:\r\n"},
        {"Authorization: Digest realm=\"open",
         "Authorization: Digest realm=\"open\r\n"}, /* cut by the sender */
        {"Authorization: Digest response=\"open, realm=\"r\"", "Authorization: Digest response=***\r\n"},
        /* What is not a secret stays. */
        {"WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n",
         "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n"},
        {"REGISTER sip:3402000000 SIP/2.0\r\nContact: <sip:a@192.0.2.1:5060>\r\n",
         "REGISTER sip:3402000000 SIP/2.0\r\nContact: <sip:a@192.0.2.1:5060>\r\n"},
        /* URIs */
        {"From: <sip:user:pass@h>;tag=1\r\n", "From: <sip:user:***@h>;tag=1\r\n"},
        {"INVITE SIPS:u:p@h SIP/2.0\r\n", "INVITE SIPS:u:***@h SIP/2.0\r\n"},
        {"To: sip:h:5060, <sip:u:p", "To: sip:h:5060, <sip:u:***"},
        {"To: sip:h:5060", "To: sip:h:5060"},
        {"<Item><Name>x</Name><Password>s3cret</Password><Password></Password></Item>",
         "<Item><Name>x</Name><Password>***</Password><Password>***</Password></Item>"},
        {"<password>s3\r\ncret</password>\r\nend", "<password>***</password>\r\nend"},
        {"<Password>never closed", "<Password>***"},
        {"<Password>a<Password>b</Password>", "<Password>***<Password>***</Password>"},
        {"<Password><Password>b", "<Password>***<Password>***"},
        {"<Password>sip:u:p@h</Password> sip:v:q@h", "<Password>***</Password> sip:v:***@h"},
        {"To: <sip:u:p\xe4\xbd\xa0@h>", "To: <sip:u:***@h>"},
        /* Spelled oddly, broken, twice, or where no header stands. */
        {"R s SIP/2.0\r\nAuthorization: Digest username=\"u\",response=\"abc1\",nc=1\r\n\r\n",
         "R s SIP/2.0\r\nAuthorization: Digest username=\"u\",response=***,nc=1\r\n\r\n"},
        {"R\r\nauthorization:Digest\r\n RESPONSE =\r\n \"a\\\"c\" , x=y\r\nX: response=z\r\n",
         "R\r\nauthorization: ***\r\nX: response=z\r\n"},
        {"R\nProxy-Authorization: Digest response=abc, uri=\"response=x\"\n",
         "R\nProxy-Authorization: Digest response=***, uri=\"response=x\"\r\n"},
        {"R\nAuthorization: Digest uri=\"a\\\",response=b\",response=c\n",
         "R\nAuthorization: Digest uri=\"a\\\",response=b\",response=***\r\n"},
        {"R\nAuthorization: Digest \"response=b\",response=c\n",
         "R\nAuthorization: Digest ***,response=***\r\n"},
        {"R\nAuthorization: Digest response=\"abc", "R\nAuthorization: Digest response=***\r\n"},
        {"R\nAuthorization: Digest response=\"a\\", "R\nAuthorization: Digest response=***\r\n"},
        {"R\nAuthorization: Digest response=", "R\nAuthorization: Digest response=***\r\n"},
        {"R\nAuthorization: Digest response", "R\nAuthorization: Digest ***\r\n"},
        {"R\nAuthorization: Digest response,a", "R\nAuthorization: Digest ***,***\r\n"},
        {"R\nAuthorization: Digest xresponse=a,response2=b",
         "R\nAuthorization: Digest xresponse=***,response2=***\r\n"},
        {"R\nAuthorization: Digest response=a\nAuthorization: Digest response=b\n",
         "R\nAuthorization: Digest response=***\r\nAuthorization: Digest response=***\r\n"},
        {"R\nX: y\n\nAuthorization: Digest response=a\n",
         "R\nX: y\n\nAuthorization: Digest response=***\r\n"},
        {"Authorization", "Authorization"},
        {"Authorization: Digest(a\"b=\",realm=\"r\"\r\n",
         "Authorization: ***,realm=\"r\"\r\n"}, /* a "=" in quotes names nothing */
        {"", ""},
        {"\r\n\r\n", "\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char text[1024];
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sip_mask(&sb, hf_slice_of(rows[i].in));
        assert_false(sb.overflow);
        if (strcmp(text, rows[i].want) != 0)
            fail_msg("row %zu:\n%s\n%s", i, text, rows[i].want);
    }
}

/* Wherever a text is cut, by its sender or by our bound, the secret does not show. */
static void no_cut_shows_a_secret(void **state)
{
    static const char message[] =
        "REGISTER sip:u:SECRET@h SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"SECRET\", "
        "realm=\"r\"\r\nProxy-Authorization: Basic SECRET\r\nAuthorization: Digest a=\"b\",\r\n "
        "response=SECRET\r\n"
        "\r\n<Password>SECRET</Password><Password>\nSECRET</Password>";
    char text[1024];
    struct hf_sb sb;

    (void)state;
    for (size_t room = 1; room <= sizeof(message); room++) {
        hf_sb_init(&sb, text, room);
        hf_sip_mask(&sb, HF_SLICE(message));
        assert_null(strstr(text, "SEC"));
    }
    for (size_t bytes = 1; bytes < sizeof(message); bytes++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_sip_mask(&sb, (struct hf_slice){message, bytes});
        assert_null(strstr(text, "SEC"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_secret_is_masked),
        cmocka_unit_test(no_cut_shows_a_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
