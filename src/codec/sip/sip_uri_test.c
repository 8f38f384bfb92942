/* codec/sip/sip_uri_test.c - URIs, addresses, parameters, quotes and escapes. */
#include "codec/sip/scan.h"
#include "codec/sip/sip_testkit.h"

#define ALL     UINT32_MAX
#define DEFAULT hf_sip_tolerances_default()
#define REFUSED "HF_ERR_MALFORMED"
#define MANY    "HF_ERR_LIMIT"

typedef hf_err parse_fn(struct hf_slice text, uint32_t tolerances, struct hf_sb *sb, uint32_t *tolerated);

static hf_err uri_text(struct hf_slice text, uint32_t tolerances, struct hf_sb *sb, uint32_t *tolerated)
{
    struct hf_sip_uri uri;
    hf_err err = hf_sip_parse_uri(text, tolerances, &uri, tolerated);

    if (err == HF_OK) {
        hf_sb_printf(sb, "%u ", uri.scheme);
        say_uri(sb, &uri);
        assert_true(uri.text.at == text.at && uri.text.bytes == text.bytes);
    } else {
        assert_null(uri.text.at);
    }
    return err;
}

static hf_err address_text(struct hf_slice text, uint32_t tolerances, struct hf_sb *sb, uint32_t *tolerated)
{
    struct hf_sip_address address;
    hf_err err = hf_sip_parse_address(text, tolerances, &address, tolerated);

    if (err == HF_OK)
        say_address(sb, &address);
    else
        assert_null(address.text.at);
    return err;
}

static void expect(parse_fn *parse, const char *in, size_t bytes, uint32_t tolerances, const char *want)
{
    static char text[16384];
    char *copy = malloc(bytes + (bytes == 0)); /* exact, so that ASan finds a read beyond */
    uint32_t tolerated = 0;
    struct hf_sb sb;

    assert_non_null(copy);
    memcpy(copy, in, bytes);
    hf_sb_init(&sb, text, sizeof(text));
    hf_err err = parse((struct hf_slice){copy, bytes}, tolerances, &sb, &tolerated);

    if (err == HF_OK)
        say_tolerated(&sb, tolerated);
    else
        hf_sb_text(&sb, hf_err_name(err));
    if (strcmp(text, want) != 0)
        fail_msg("%.*s gives\n%s, not\n%s", (int)bytes, in, text, want);
    /* Each bit that was used is needed; and without any nothing is tolerated. */
    for (unsigned bit = 0; err == HF_OK && bit < HF_SIP_TOLERANCES; bit++)
        if (tolerated & (1u << bit))
            assert_int_equal(parse((struct hf_slice){copy, bytes}, tolerances & ~(1u << bit), &sb, NULL),
                             HF_ERR_MALFORMED);
    free(copy);
}

struct row {
    const char *in, *want;
};

static void uris(void **state)
{
    static const struct row rows[] = {
        {"sip:34020000001320000001@3402000000", "0 sip user=34020000001320000001 host=3402000000"},
        {"sip:example.com", "0 sip host=example.com"},
        {"SIP:a@b:5060", "0 SIP user=a host=b port=5060"},
        {"sips:a:secret@b", "1 sips user=a password=secret host=b"},
        {"sip:a:@b", "0 sip user=a password= host=b"},
        {"sip:a@[2001:db8::1]:5061;transport=tcp",
         "0 sip user=a host6=2001:db8::1 port=5061 params=transport=tcp"},
        {"sip:a@b;lr", "0 sip user=a host=b params=lr"},
        {"sip:a@b;transport=udp;x=%41?Subject=hi&to=c",
         "0 sip user=a host=b params=transport=udp;x=%41 headers=Subject=hi&to=c"},
        {"sip:b?Route=%3Csip:c%3E", "0 sip host=b headers=Route=%3Csip:c%3E"},
        {"sip:u;par=u%40x@b", "0 sip user=u;par=u%40x host=b"},
        {"sip:+1-212/9?=&@b", "0 sip user=+1-212/9?=& host=b"},
        {"sip:a@b;x=", "0 sip user=a host=b params=x= ~empty_value"},
        {"sip:34020000001320000001@", "0 sip user=34020000001320000001 host= ~no_host"},
        {"sip:a@:5060", "0 sip user=a host= port=5060 ~no_host"},
        {"tel:+86-10-1234;phone-context=x", "2 tel user=+86-10-1234"},
        {"tel:112", "2 tel user=112"},
        {"http://www.example.com", "3 http"},
        {"soap.beep://192.0.2.103:3002", "3 soap.beep"},
        {"isbn:2983792873", "3 isbn"},
        {"", REFUSED},
        {"sip", REFUSED},
        {":", REFUSED},
        {"sip:", REFUSED},
        {"sip:@b", REFUSED},
        {"sip:a b@c", REFUSED},
        {"sip:a@b c", REFUSED},
        {"sip:a@b :5", REFUSED},
        {"sip:a@b@c", REFUSED},
        {"sip:a%4@b", REFUSED},
        {"sip:a%zz@b", REFUSED},
        {"sip:a@b:65536", REFUSED},
        {"sip:a@b:", REFUSED},
        {"sip:a@b:x", REFUSED},
        {"sip:a@b:5060x", REFUSED},
        {"sip:a@[::1", REFUSED},
        {"sip:a@[x]", REFUSED},
        {"sip:a@b;", REFUSED},
        {"sip:a@b;;x", REFUSED},
        {"sip:a@b;x=%4", REFUSED},
        {"sip:a@b;x\"", REFUSED},
        {"sip:a@b?x=%4", REFUSED},
        {"sip:a@b?", REFUSED},
        {"sip:a@b?x y", REFUSED},
        {"sip:a@b>", REFUSED},
        {"<sip:a@b>", REFUSED},
        {"sip:a:p@ss@b", REFUSED},
        {"sip:a:p/s@b", REFUSED},
        {"sip:a\x80@b", REFUSED},
        {"1http:x", REFUSED},
        {"ht tp:x", REFUSED},
        {"http:", REFUSED},
        {"http:%4", REFUSED},
        {"http:a\"b", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(uri_text, rows[i].in, strlen(rows[i].in), DEFAULT, rows[i].want);
    expect(uri_text, "sip:a\0b@c", 9, DEFAULT, REFUSED);
    expect(uri_text, "sip:a@b;;x", 10, ALL, "0 sip user=a host=b params=;x ~empty_param");
}

static void addresses(void **state)
{
    static const struct row rows[] = {
        {"<sip:a@b>", "<sip user=a host=b>"},
        {"<sip:a@b>;tag=1", "<sip user=a host=b> params=tag=1 tag=1"},
        {"sip:a@b;tag=1;x=\"y;z\"", "<sip user=a host=b> params=tag=1;x=\"y;z\" tag=1"},
        {" sip:a@b \r\n ; tag = 1 ", "<sip user=a host=b> params= tag = 1 tag=1"},
        {"Bob<sip:a@b>", "display=Bob <sip user=a host=b>"},
        {"Bob the Builder <sip:a@b>", "display=Bob the Builder <sip user=a host=b>"},
        {"\"Bell, A. <\\\">\" <sip:a@b;lr>;q=0.5",
         "display=\"Bell, A. <\\\">\" <sip user=a host=b params=lr> params=q=0.5"},
        {"\"\xe5\xa4\xa7\"<sip:a@b>", "display=\"\xe5\xa4\xa7\" <sip user=a host=b>"},
        {"\xb4\xf3 <sip:a@b>", "display=\xb4\xf3 <sip user=a host=b> ~display_raw"},
        {"<sip:a@b?x=y,z>", "<sip user=a host=b headers=x=y,z>"},
        {"sip:a@b?x=y", "<sip user=a host=b headers=x=y> ~bare_uri"},
        {"sip:a,b@c", "<sip user=a,b host=c> ~bare_uri"},
        {"*", "*"},
        {"<tel:112>;x=[::1]:5", "<tel user=112> params=x=[::1]:5"},
        {"sip:a@b;x=\"<\"", "<sip user=a host=b> params=x=\"<\""},
        {"<sip:a@b>;x=", "<sip user=a host=b> params=x= ~empty_value"},
        {"<sip:34020000001320000001@>", "<sip user=34020000001320000001 host=> ~no_host"},
        {"", REFUSED},
        {" \t", REFUSED},
        {"\"", REFUSED},
        {"\"a", REFUSED},
        {"\"a\"", REFUSED},
        {"\"a\\", REFUSED},
        {"\"a\" sip:a@b", REFUSED},
        {"\"a\" x <sip:a@b>", REFUSED},
        {"<sip:a@b", REFUSED},
        {"<>", REFUSED},
        {"**", REFUSED},
        {"*;x", REFUSED},
        {"< sip:a@b >", REFUSED},
        {"Bell, Alexander <sip:a@b>", REFUSED},
        {"a\"b\" <sip:a@b>", REFUSED},
        {"<sip:a@b> x", REFUSED},
        {"<sip:a@b>;", REFUSED},
        {"<sip:a@b>;;x", REFUSED},
        {"<sip:a@b>;x=\"y", REFUSED},
        {"<sip:a@b>;x=y z", REFUSED},
        {"<sip:a@b>;x=\"y\"z", REFUSED},
        {"<sip:a@b>;x@", REFUSED},
        {"<sip:a@b>;tag=1;tag=2", REFUSED},
        {"<sip:a@b>;tag", REFUSED},
        {"<sip:a@b>;tag=\"1\"", REFUSED},
        {"<sip:a@b>>", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(address_text, rows[i].in, strlen(rows[i].in), DEFAULT, rows[i].want);
    expect(address_text, "< sip:a@b >", 11, ALL, "<sip user=a host=b> ~addr_spaces");
    expect(address_text, "Bell, A <sip:a@b>", 17, ALL, "display=Bell, A <sip user=a host=b> ~display_plain");
    expect(address_text, "<sip:a@b>;;x;", 13, ALL, "<sip user=a host=b> params=;x; ~empty_param");
    expect(address_text, "a > b <sip:a@b>", 15, ALL, REFUSED);
}

static void parameters_are_bounded(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        char text[1024], want[1024];
        struct hf_sb sb, sb_want;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_init(&sb_want, want, sizeof(want));
        hf_sb_text(&sb, "sip:a@b");
        for (unsigned i = 0; i < HF_SIP_PARAMS_MAX + more; i++)
            hf_sb_printf(&sb, ";p%u", i);
        hf_sb_printf(&sb_want, "0 sip user=a host=b params=%s", text + 8);
        expect(uri_text, text, sb.bytes, DEFAULT, more ? MANY : want);
        hf_sb_init(&sb_want, want, sizeof(want));
        hf_sb_printf(&sb_want, "<sip user=a host=b> params=%s", text + 8);
        expect(address_text, text, sb.bytes, DEFAULT, more ? MANY : want);
    }
}

static void one_parameter_after_the_other(void **state)
{
    struct hf_slice params = HF_SLICE(" a ; b = 1;;c=\"x;y\\\"=\" ;d=; E");
    struct hf_sip_param param;
    char text[256];
    struct hf_sb sb;
    bool found;

    (void)state;
    hf_sb_init(&sb, text, sizeof(text));
    for (struct hf_slice left = params; hf_sip_param_next(&left, &param);) {
        hf_sb_slice(&sb, param.name);
        hf_sb_text(&sb, param.value.at == NULL ? "" : "=");
        hf_sb_slice(&sb, param.value);
        hf_sb_char(&sb, '|');
    }
    assert_string_equal(text, "a|b=1|c=\"x;y\\\"=\"|d=|E|");
    assert_true(hf_slice_is(hf_sip_param(params, "B", &found), "1") && found);
    assert_true(hf_sip_param(params, "e", &found).at == NULL && found);
    assert_true(hf_sip_param(params, "f", &found).at == NULL && !found);
    assert_null(hf_sip_param((struct hf_slice){NULL, 0}, "f", &found).at);
    struct hf_slice broken = HF_SLICE("a=\"x");

    assert_false(hf_sip_param_next(&broken, &param));
    assert_false(hf_sip_param_next(&broken, &param)); /* and it ends there */
    broken = HF_SLICE("=x;y");
    assert_false(hf_sip_param_next(&broken, &param));
}

static void quotes_and_escapes(void **state)
{
    static const struct {
        const char *in, *out;
        bool unescape;
        hf_err err;
    } rows[] = {
        {"\"a\\\"b\\\\c\"", "a\"b\\c", false, HF_OK},
        {"plain \\x", "plain \\x", false, HF_OK},
        {"\"a\r\n  b\"", "a b", false, HF_OK},
        {"\"", "\"", false, HF_OK},
        {"\"\"", "", false, HF_OK},
        {"\"a\\\"", "a\\", false, HF_OK}, /* no parse call hands it out: its end quote is escaped */
        {"", "", false, HF_OK},
        {"\"0123456789\"", "", false, HF_ERR_LIMIT},
        {"%41b%2f%7A", "Ab/z", true, HF_OK},
        {"%00x%0", "", true, HF_ERR_MALFORMED},
        {"%00x", "%00x", true, HF_OK},
        {"%0g", "", true, HF_ERR_MALFORMED},
        {"%", "", true, HF_ERR_MALFORMED},
        {"0123456789", "", true, HF_ERR_LIMIT},
        {"", "", true, HF_OK},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char out[9];
        struct hf_slice got = {NULL, 0}, in = hf_slice_of(rows[i].in);
        hf_err err = rows[i].unescape ? hf_sip_unescape(in, out, sizeof(out), &got)
                                      : hf_sip_unquote(in, out, sizeof(out), &got);

        assert_int_equal(err, rows[i].err);
        if (err == HF_OK)
            assert_true(hf_slice_is(got, rows[i].out));
    }
}

static void hosts(void **state)
{
    static const char *const four[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "1.2.3.04"};
    static const char *const not_four[] = {"",         "1",          "1.2.3",     "1.2.3.",
                                           "1.2.3.4.", "1.2.3.256",  "1.2.3.4.5", "a.b.c.d",
                                           "1..2.3",   "0001.2.3.4", "1.2.3.4 "};
    static const char *const six[] = {"::",
                                      "::1",
                                      "1::",
                                      "2001:db8::1",
                                      "1:2:3:4:5:6:7:8",
                                      "::ffff:192.0.2.1",
                                      "1:2:3:4:5:6:192.0.2.1",
                                      "1:2:3:4:5:6:7::",
                                      "::2:3:4:5:6:7:8",
                                      "ABcd::"};
    static const char *const not_six[] = {"",
                                          ":",
                                          ":1",
                                          "1:",
                                          ":::",
                                          "1::2::3",
                                          "12345::",
                                          "1:2:3:4:5:6:7",
                                          "g::",
                                          "1:2:3:4:5:6:7:8:9",
                                          "1:2:3:4:5:6:7:8::",
                                          "::1.2.3",
                                          "1:2:3:4:5:6:7:1.2.3.4",
                                          "1.2.3.4",
                                          "1:::2",
                                          "::1:",
                                          "1:2:3:4::5:6:7:8"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(four); i++)
        assert_true(hf_sip_is_ipv4(hf_slice_of(four[i])) && !hf_sip_is_ipv6(hf_slice_of(four[i])));
    for (size_t i = 0; i < HF_COUNT_OF(not_four); i++)
        if (hf_sip_is_ipv4(hf_slice_of(not_four[i])))
            fail_msg("%s", not_four[i]);
    for (size_t i = 0; i < HF_COUNT_OF(six); i++)
        if (!hf_sip_is_ipv6(hf_slice_of(six[i])))
            fail_msg("%s", six[i]);
    for (size_t i = 0; i < HF_COUNT_OF(not_six); i++)
        if (hf_sip_is_ipv6(hf_slice_of(not_six[i])))
            fail_msg("%s", not_six[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris),
        cmocka_unit_test(addresses),
        cmocka_unit_test(parameters_are_bounded),
        cmocka_unit_test(one_parameter_after_the_other),
        cmocka_unit_test(quotes_and_escapes),
        cmocka_unit_test(hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
