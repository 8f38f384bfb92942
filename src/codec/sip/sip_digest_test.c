/* codec/sip/sip_digest_test.c - worked values, parameters in every spelling, nonces and their replay. */
#include "codec/sip/hasher.h"
#include "codec/sip/nonce.h"
#include "codec/sip/sip_testkit.h"

static struct hf_sip_hasher *hasher;

static int set_up(void **state)
{
    (void)state;
    hasher = hf_sip_hasher_new();
    return hasher == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    hf_sip_hasher_free(hasher);
    return 0;
}

static void equals(struct hf_slice got, const char *want)
{
    if (!hf_slice_is(got, want))
        fail_msg("%.*s, not %s", (int)got.bytes, got.at, want);
}

#define USER  HF_SLICE("34020000001320000001")
#define REALM HF_SLICE("3402000000")
#define NONCE HF_SLICE("dcd98b7102dd2f0e")
#define URI   HF_SLICE("sip:34020000002000000001@3402000000")

/* Another implementation's: coreutils md5sum and sha256sum, openssl dgst -sm3. */
static const struct {
    enum hf_sip_alg alg;
    const char *ha1, *plain, *auth;
} worked[] = {
    {HF_SIP_MD5, "8258341d7dd730ce4d3b8fd2db050320", "13e48289906a76b48e2bbd977ba1639b",
     "571380462f529f5813d943ef7eb3e136"},
    {HF_SIP_SHA256, "c47dcf0a97c8750a0a3ebef871690b9960b2417505ebd7ef3895d164942feb77",
     "fd06ce9558e0098c5dd4ebeb81f1e04701a26c1f5255bd90899295768a336798",
     "7349794d9430b142818a3d7eb8bb1bcb16e5908d7f7c0286d7a1c600977be3ab"},
    {HF_SIP_SM3, "538cf01f2963358fc65af0f184981bd183d63748b9eba3bb83ae450804f1a6c0",
     "a0fb77739d0349d82365c02f9d9ac788a9acbe11c30c7030a5972ad192543d6f",
     "ab687ef2b29f134cb560059fa39b1b2df2ca1d3de15acede163eadf6d5d14c2e"},
};

static void worked_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(worked); i++) {
        struct hf_sip_digest_input input = {.method = HF_SLICE("REGISTER"), .uri = URI, .nonce = NONCE};
        struct hf_sip_hash ha1, response;

        assert_true(hf_sip_hasher_has(hasher, worked[i].alg));
        assert_int_equal(hf_sip_ha1(hasher, worked[i].alg, USER, REALM, HF_SLICE("12345678"), &ha1), HF_OK);
        equals(hf_sip_hash_text(&ha1), worked[i].ha1);
        input.ha1 = hf_sip_hash_text(&ha1);
        assert_int_equal(hf_sip_digest(hasher, worked[i].alg, &input, &response), HF_OK);
        equals(hf_sip_hash_text(&response), worked[i].plain);
        input.nc = HF_SLICE("00000001");
        input.cnonce = HF_SLICE("0a4f113b");
        input.qop = HF_SLICE("auth");
        assert_int_equal(hf_sip_digest(hasher, worked[i].alg, &input, &response), HF_OK);
        equals(hf_sip_hash_text(&response), worked[i].auth);
        input.qop = HF_SLICE("auth-int");
        assert_int_equal(hf_sip_digest(hasher, worked[i].alg, &input, &response), HF_ERR_UNSUPPORTED);
    }
    struct hf_sip_hash ha1;

    assert_int_equal(hf_sip_ha1(hasher, HF_SIP_ALGS, USER, REALM, USER, &ha1), HF_ERR_UNSUPPORTED);
    /* RFC 2617 3.5: another method, another form of names. */
    struct hf_sip_digest_input rfc = {.method = HF_SLICE("GET"),
                                      .uri = HF_SLICE("/dir/index.html"),
                                      .nonce = HF_SLICE("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
                                      .nc = HF_SLICE("00000001"),
                                      .cnonce = HF_SLICE("0a4f113b"),
                                      .qop = HF_SLICE("auth")};
    struct hf_sip_hash response;

    assert_int_equal(hf_sip_ha1(hasher, HF_SIP_MD5, HF_SLICE("Mufasa"), HF_SLICE("testrealm@host.com"),
                                HF_SLICE("Circle Of Life"), &ha1),
                     HF_OK);
    rfc.ha1 = hf_sip_hash_text(&ha1);
    assert_int_equal(hf_sip_digest(hasher, HF_SIP_MD5, &rfc, &response), HF_OK);
    equals(hf_sip_hash_text(&response), "6629fae49393a05397450978507c4ef1");
}

static void names_of_algorithms(void **state)
{
    (void)state;
    assert_int_equal(hf_sip_alg_of(HF_SLICE("sha-256")), HF_SIP_SHA256);
    assert_int_equal(hf_sip_alg_of(HF_SLICE("sm3")), HF_SIP_SM3);
    assert_int_equal(hf_sip_alg_of(HF_SLICE("MD5-sess")), HF_SIP_ALGS);
    assert_string_equal(hf_sip_alg_name(HF_SIP_MD5), "MD5");
    assert_false(hf_sip_hasher_has(hasher, HF_SIP_ALGS));
    hf_sip_hasher_free(NULL);
}

static void hmac(void **state) /* RFC 4231, cases 1 and 2 */
{
    struct hf_slice parts[] = {HF_SLICE("Hi "), HF_SLICE("There")};
    uint8_t key[20], out[32];
    char text[65];
    struct hf_sb sb;

    (void)state;
    memset(key, 0x0b, sizeof(key));
    hf_sip_hmac_sha256(hasher, key, sizeof(key), parts, 2, out);
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_hex(&sb, out, sizeof(out));
    assert_string_equal(text, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    parts[0] = HF_SLICE("what do ya want for nothing?");
    hf_sip_hmac_sha256(hasher, (const uint8_t *)"Jefe", 4, parts, 1, out);
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_hex(&sb, out, sizeof(out));
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

#define FIVE "username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"abc\""

static void credentials_as_they_come(void **state)
{
    static const struct {
        const char *in, *want; /* username|realm|nonce|uri|response|cnonce|nc|qop|alg, or the error */
    } rows[] = {
        {"Digest " FIVE, "u|r|n|sip:x|abc||0||0"},
        {"digest   " FIVE, "u|r|n|sip:x|abc||0||0"},
        {"Digest\r\n " FIVE " ,\r\n algorithm = MD5", "u|r|n|sip:x|abc||0||0"},
        {"Digest response=\"abc\", uri=\"sip:x\" ,NONCE=\"n\",Realm=\"r\",userName=\"u\"",
         "u|r|n|sip:x|abc||0||0"},
        {"Digest " FIVE ",algorithm=SHA-256,qop=auth,nc=0000000a,cnonce=\"c\"",
         "u|r|n|sip:x|abc|c|10|auth|1"},
        {"Digest " FIVE ",algorithm=SM3", "u|r|n|sip:x|abc||0||2"},
        {"Digest " FIVE ",algorithm=SHA-512", "u|r|n|sip:x|abc||0||3"},
        {"Digest " FIVE ",opaque=\"o,=\\\"\",other=1,third=\"a b\"", "u|r|n|sip:x|abc||0||0"},
        {"Digest " FIVE ",qop=\"auth\",nc=\"00000001\",cnonce=c,algorithm=\"MD5\"",
         "u|r|n|sip:x|abc|c|1|auth|0 ~digest_quotes"},
        {"Digest username=u,realm=r,nonce=n,uri=sip:x@y;z=1,response=abc",
         "u|r|n|sip:x@y;z=1|abc||0||0 ~digest_quotes"},
        {"Digest " FIVE ",", "u|r|n|sip:x|abc||0||0 ~digest_commas"},
        {"Digest ,, " FIVE, "u|r|n|sip:x|abc||0||0 ~digest_commas"},
        {"Digest " FIVE ",qop=auth,nc=1,cnonce=\"c\"", "u|r|n|sip:x|abc|c|1|auth|0 ~digest_nc"},
        {"Digest " FIVE ",qop=auth,nc=FFFFFFFF,cnonce=\"\"", "u|r|n|sip:x|abc||4294967295|auth|0"},
        {"Digest " FIVE ",qop=\"\"", "u|r|n|sip:x|abc||0||0 ~digest_quotes"}, /* an empty one is none */
        {"Digest username=\"\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"\"", "|r|n|u|||0||0"},
        {"Basic dTpw", "HF_ERR_NOT_FOUND"},
        {"Digest", "HF_ERR_NOT_FOUND"},
        {"Digestusername=\"u\"", "HF_ERR_NOT_FOUND"},
        {"", "HF_ERR_NOT_FOUND"},
        {"Digest realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"abc\"", "HF_ERR_MALFORMED"},
        {"Digest username=\"u\",nonce=\"n\",uri=\"sip:x\",response=\"abc\"", "HF_ERR_MALFORMED"},
        {"Digest username=\"u\",realm=\"r\",uri=\"sip:x\",response=\"abc\"", "HF_ERR_MALFORMED"},
        {"Digest username=\"u\",realm=\"r\",nonce=\"n\",response=\"abc\"", "HF_ERR_MALFORMED"},
        {"Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\"", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",username=\"v\"", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",qop=auth,nc=00000001", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",qop=auth,cnonce=\"c\"", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",qop=auth,nc=0000000g,cnonce=\"c\"", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",qop=auth,nc=000000001,cnonce=\"c\"", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",x", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",x=", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",x=\"y", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",x=\"y\"z", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",x=y z", "HF_ERR_MALFORMED"},
        {"Digest " FIVE ",=y", "HF_ERR_MALFORMED"},
        {"Digest " FIVE " x=y", "HF_ERR_MALFORMED"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_credentials c;
        char text[512];
        struct hf_sb sb;
        hf_err err = hf_sip_parse_credentials(hf_slice_of(rows[i].in), hf_sip_tolerances_default(), &c);

        hf_sb_init(&sb, text, sizeof(text));
        if (err != HF_OK) {
            hf_sb_text(&sb, hf_err_name(err));
        } else {
            struct hf_slice fields[] = {c.username, c.realm, c.nonce, c.uri, c.response, c.cnonce};

            for (size_t f = 0; f < HF_COUNT_OF(fields); f++) {
                hf_sb_slice(&sb, fields[f]);
                hf_sb_char(&sb, '|');
            }
            hf_sb_printf(&sb, "%u|", c.nc_value);
            hf_sb_slice(&sb, c.qop);
            hf_sb_printf(&sb, "|%u", c.alg);
            say_tolerated(&sb, c.tolerated);
        }
        assert_string_equal(text, rows[i].want);
        if (err == HF_OK && c.tolerated != 0) /* strict: refused */
            assert_int_equal(hf_sip_parse_credentials(hf_slice_of(rows[i].in), 0, &c), HF_ERR_MALFORMED);
    }
}

static void too_many_parameters(void **state)
{
    char text[1024];
    struct hf_sip_credentials c;
    struct hf_sb sb;

    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_text(&sb, "Digest " FIVE);
        for (unsigned i = 5; i < HF_SIP_PARAMS_MAX + more; i++)
            hf_sb_printf(&sb, ",p%u=1", i);
        assert_int_equal(hf_sip_parse_credentials(hf_sb_done(&sb), 0, &c), more ? HF_ERR_LIMIT : HF_OK);
    }
}

static void challenges_as_they_come(void **state)
{
    struct hf_sip_challenge c;

    (void)state;
    assert_int_equal(
        hf_sip_parse_challenge(HF_SLICE("Digest realm=\"r\", qop=\"auth-int , auth\", nonce=\"n\", "
                                        "opaque=\"o\", stale=TRUE, algorithm=SHA-256"),
                               0, &c),
        HF_OK);
    equals(c.realm, "r");
    equals(c.nonce, "n");
    equals(c.opaque, "o");
    assert_true(c.qop && c.auth && c.stale);
    assert_int_equal(c.alg, HF_SIP_SHA256);
    assert_int_equal(hf_sip_parse_challenge(HF_SLICE("Digest realm=\"r\",nonce=\"n\""), 0, &c), HF_OK);
    assert_true(!c.qop && !c.auth && !c.stale && c.opaque.at == NULL && c.alg == HF_SIP_MD5);
    assert_int_equal(
        hf_sip_parse_challenge(HF_SLICE("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\""), 0, &c), HF_OK);
    assert_true(c.qop && !c.auth);
    assert_int_equal(hf_sip_parse_challenge(HF_SLICE("Digest nonce=\"n\""), 0, &c), HF_ERR_MALFORMED);
    assert_int_equal(hf_sip_parse_challenge(HF_SLICE("Digest realm=\"r\""), 0, &c), HF_ERR_MALFORMED);
    assert_int_equal(hf_sip_parse_challenge(HF_SLICE("Unidirection algorithm=\"A:SM2\""), 0, &c),
                     HF_ERR_NOT_FOUND);
}

/* Challenge, answer, check: what one side writes the other reads. */
static void there_and_back(void **state)
{
    (void)state;
    for (unsigned alg = 0; alg < HF_SIP_ALGS; alg++)
        for (unsigned qop = 0; qop <= 1; qop++) {
            char text[1024];
            struct hf_sip_challenge challenge;
            struct hf_sip_credentials credentials;
            struct hf_sip_hash ha1, other;
            struct hf_sb sb;

            hf_sb_init(&sb, text, sizeof(text));
            assert_int_equal(hf_sip_write_challenge(&sb, HF_SIP_WWW_AUTHENTICATE, REALM, NONCE,
                                                    (enum hf_sip_alg)alg, qop, qop),
                             HF_OK);
            assert_int_equal(
                hf_sip_parse_challenge((struct hf_slice){text + 18, sb.bytes - 20}, 0, &challenge), HF_OK);
            assert_true(challenge.alg == alg && challenge.auth == qop && challenge.stale == qop);

            struct hf_sip_credentials_out out = {.username = USER,
                                                 .realm = challenge.realm,
                                                 .nonce = challenge.nonce,
                                                 .uri = URI,
                                                 .opaque = HF_SLICE("op"),
                                                 .cnonce = qop ? HF_SLICE("xyz") : (struct hf_slice){NULL, 0},
                                                 .nc = 255,
                                                 .alg = (enum hf_sip_alg)alg,
                                                 .name_alg = alg != HF_SIP_MD5};
            char answer[1024];

            hf_sip_ha1(hasher, (enum hf_sip_alg)alg, USER, REALM, HF_SLICE("pass"), &ha1);
            hf_sip_ha1(hasher, (enum hf_sip_alg)alg, USER, REALM, HF_SLICE("Pass"), &other);
            hf_sb_init(&sb, answer, sizeof(answer));
            assert_int_equal(hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, hasher, &out,
                                                      hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")),
                             HF_OK);
            assert_int_equal(
                hf_sip_parse_credentials((struct hf_slice){answer + 15, sb.bytes - 17}, 0, &credentials),
                HF_OK);
            assert_int_equal(credentials.nc_value, qop ? 255 : 0);
            equals(credentials.opaque, "op");
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")), HF_OK);
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&other), HF_SLICE("REGISTER")),
                HF_ERR_DENIED);
            assert_int_equal(hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("MESSAGE")),
                             HF_ERR_DENIED);
            /* Capitals count; one digit more or less, or a wrong one, does not. */
            char response[HF_SIP_HASH_HEX_MAX];

            for (size_t i = 0; i < credentials.response.bytes; i++) {
                char c = credentials.response.at[i];

                response[i] = (char)(c >= 'a' ? c - 32 : c);
            }
            credentials.response.at = response;
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")), HF_OK);
            credentials.response.bytes--;
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")),
                HF_ERR_DENIED);
            credentials.response.bytes++;
            credentials.alg = HF_SIP_ALGS;
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")),
                HF_ERR_UNSUPPORTED);
            credentials.alg = (uint8_t)alg;
            response[0] = response[0] == '1' ? '2' : '1';
            assert_int_equal(
                hf_sip_verify(hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")),
                HF_ERR_DENIED);
        }
}

static void what_would_not_survive_quotes_is_not_written(void **state)
{
    static const char *const bad[] = {"a\"b", "a\\b", "a\r\nb", "a\x01"};
    char text[1024];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++) {
        struct hf_slice word = hf_slice_of(bad[i]), good = HF_SLICE("g");
        struct hf_sip_credentials_out rows[] = {
            {.username = word, .realm = good, .nonce = good, .uri = good},
            {.username = good, .realm = word, .nonce = good, .uri = good},
            {.username = good, .realm = good, .nonce = word, .uri = good},
            {.username = good, .realm = good, .nonce = good, .uri = word},
            {.username = good, .realm = good, .nonce = good, .uri = good, .cnonce = word},
            {.username = good, .realm = good, .nonce = good, .uri = good, .opaque = word},
        };

        hf_sb_init(&sb, text, sizeof(text));
        for (size_t r = 0; r < HF_COUNT_OF(rows); r++)
            assert_int_equal(
                hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, hasher, &rows[r], good, HF_SLICE("X")),
                HF_ERR_INVALID);
        assert_int_equal(
            hf_sip_write_challenge(&sb, HF_SIP_WWW_AUTHENTICATE, word, good, HF_SIP_MD5, true, true),
            HF_ERR_INVALID);
        assert_int_equal(
            hf_sip_write_challenge(&sb, HF_SIP_WWW_AUTHENTICATE, good, word, HF_SIP_MD5, true, true),
            HF_ERR_INVALID);
        assert_int_equal(sb.bytes, 0);
    }
    struct hf_slice good = HF_SLICE("g");
    struct hf_sip_credentials_out out = {.username = good, .realm = good, .nonce = good, .uri = good};

    hf_sb_init(&sb, text, 40);
    assert_int_equal(hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, hasher, &out, good, good),
                     HF_ERR_LIMIT);
    hf_sb_init(&sb, text, 40);
    assert_int_equal(hf_sip_write_challenge(&sb, HF_SIP_WWW_AUTHENTICATE, good, good, HF_SIP_MD5, true, true),
                     HF_ERR_LIMIT);
    out.alg = HF_SIP_ALGS;
    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, hasher, &out, good, good),
                     HF_ERR_UNSUPPORTED);
}

/* --- nonces --- */

#define NOW      1767225600000u /* 2026-01-01 */
#define LIFETIME HF_SIP_NONCE_LIFETIME_MS

static const uint8_t key[HF_SIP_NONCE_KEY_BYTES] = {1, 2, 3};
static const uint8_t drawn[HF_SIP_NONCE_RANDOM_BYTES] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

static hf_err check(uint64_t now_ms, const char *device, const char *address, const char *nonce)
{
    struct hf_sip_nonce ret;

    return hf_sip_nonce_check(hasher, key, now_ms, LIFETIME, hf_slice_of(device), hf_slice_of(address),
                              (struct hf_slice){nonce, HF_SIP_NONCE_TEXT_BYTES}, &ret);
}

static void a_nonce_is_good_for_its_device_and_time(void **state)
{
    char nonce[HF_SIP_NONCE_TEXT_BYTES], bound[HF_SIP_NONCE_TEXT_BYTES];
    struct hf_sip_nonce ret;

    (void)state;
    hf_sip_nonce_make(hasher, key, NOW, drawn, USER, (struct hf_slice){NULL, 0}, nonce);
    assert_int_equal(check(NOW, "34020000001320000001", NULL, nonce), HF_OK);
    assert_int_equal(check(NOW + LIFETIME, "34020000001320000001", NULL, nonce), HF_OK);
    assert_int_equal(check(NOW + LIFETIME + 1, "34020000001320000001", NULL, nonce), HF_ERR_EXPIRED);
    assert_int_equal(check(NOW - HF_SIP_NONCE_AHEAD_MS, "34020000001320000001", NULL, nonce), HF_OK);
    assert_int_equal(check(NOW - HF_SIP_NONCE_AHEAD_MS - 1, "34020000001320000001", NULL, nonce),
                     HF_ERR_DENIED);
    assert_int_equal(check(NOW, "34020000001320000002", NULL, nonce), HF_ERR_DENIED);
    assert_int_equal(check(NOW, "3402000000132000000", "1", nonce),
                     HF_ERR_DENIED); /* id and address do not run together */
    assert_int_equal(hf_sip_nonce_check(hasher, key, NOW, LIFETIME, USER, (struct hf_slice){NULL, 0},
                                        (struct hf_slice){nonce, sizeof(nonce) - 1}, &ret),
                     HF_ERR_DENIED);
    assert_int_equal(hf_sip_nonce_check(hasher, key, NOW, LIFETIME, USER, (struct hf_slice){NULL, 0},
                                        HF_SLICE("dcd98b7102dd2f0e8b11d0f600bfb0c093dcd98b7102"), &ret),
                     HF_ERR_DENIED); /* of the right length */
    assert_int_equal(hf_sip_nonce_check(hasher, key, NOW, LIFETIME, USER, (struct hf_slice){NULL, 0},
                                        HF_SLICE("????????????????????????????????????????????"), &ret),
                     HF_ERR_DENIED);
    hf_sip_nonce_make(hasher, key, NOW, drawn, USER, HF_SLICE("\xc0\x00\x02\x0a"), bound);
    assert_memory_not_equal(nonce, bound, sizeof(nonce));
    assert_int_equal(check(NOW, "34020000001320000001", "\xc0\x00\x02\x0a", bound),
                     HF_ERR_DENIED); /* cut at the NUL */
    assert_int_equal(hf_sip_nonce_check(hasher, key, NOW, LIFETIME, USER, HF_SLICE("\xc0\x00\x02\x0a"),
                                        (struct hf_slice){bound, sizeof(bound)}, &ret),
                     HF_OK);
    assert_int_equal(ret.issued_ms, NOW);
    assert_int_equal(ret.mark, 0x09080706);
    for (size_t i = 0; i < sizeof(nonce); i++) { /* each character counts */
        char saved = nonce[i];

        nonce[i] = saved == 'A' ? 'B' : 'A';
        assert_int_equal(check(NOW, "34020000001320000001", NULL, nonce), HF_ERR_DENIED);
        nonce[i] = saved;
    }
}

static void a_nonce_serves_once_for_each_count(void **state)
{
    struct hf_sip_replay replay = {0};
    const struct hf_sip_nonce first = {.issued_ms = NOW, .mark = 5}, twin = {.issued_ms = NOW, .mark = 6},
                              next = {.issued_ms = NOW + 1, .mark = 5};

    (void)state;
    assert_true(hf_sip_replay_fresh(&replay, &first, 1));
    hf_sip_replay_take(&replay, &first, 1);
    assert_false(hf_sip_replay_fresh(&replay, &first, 1));
    assert_false(hf_sip_replay_fresh(&replay, &first, 0));
    assert_true(hf_sip_replay_fresh(&replay, &first, 2));
    hf_sip_replay_take(&replay, &first, 7);
    assert_false(hf_sip_replay_fresh(&replay, &first, 7));
    assert_false(hf_sip_replay_fresh(&replay, &twin,
                                     100)); /* same millisecond, not the same nonce: challenged again */
    assert_true(hf_sip_replay_fresh(&replay, &next, 1));
    hf_sip_replay_take(&replay, &next, 0); /* no qop */
    assert_false(hf_sip_replay_fresh(&replay, &next, 0));
    assert_false(hf_sip_replay_fresh(&replay, &first, 8)); /* older */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_values),
        cmocka_unit_test(names_of_algorithms),
        cmocka_unit_test(hmac),
        cmocka_unit_test(credentials_as_they_come),
        cmocka_unit_test(too_many_parameters),
        cmocka_unit_test(challenges_as_they_come),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_would_not_survive_quotes_is_not_written),
        cmocka_unit_test(a_nonce_is_good_for_its_device_and_time),
        cmocka_unit_test(a_nonce_serves_once_for_each_count),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
