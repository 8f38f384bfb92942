/* io/pki_test.c - certificates as another implementation sees them (the openssl program), requests, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "io/tls_testkit.h"

static struct kit the_kit;
static struct kit *const kit = &the_kit;

enum { DAY_S = 86400 };

static X509 *certificate_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static bool shell(const char *command)
{
    char line[1024];

    snprintf(line, sizeof(line), "cd '%s' && (%s) >out 2>&1", kit->folder, command);
    return system(line) == 0;
}

static void the_openssl_program_agrees(void **state)
{
    char command[256];

    (void)state;
    KIT_CHECK(hf_pki_ca_save(kit->intermediate, kit_path(kit, "mid.pem"), kit_path(kit, "mid.key"),
                             kit_overwrite, KIT_ERROR));
    snprintf(command, sizeof(command),
             "openssl verify -x509_strict -attime %llu -purpose sslclient -CAfile ca.pem "
             "-untrusted mid.pem pump-1.pem",
             (unsigned long long)(kit->clock.utc_ms / 1000));
    assert_true(shell(command));
    snprintf(command, sizeof(command),
             "openssl verify -x509_strict -attime %llu -purpose sslserver -verify_hostname "
             "gateway.test -CAfile ca.pem server.pem",
             (unsigned long long)(kit->clock.utc_ms / 1000));
    assert_true(shell(command));
    assert_false(shell("openssl verify -purpose sslserver -CAfile ca.pem -untrusted mid.pem pump-1.pem"));
    assert_true(shell(
        "openssl x509 -in pump-1.pem -noout -text > text && grep -q 'URI:urn:holdfast:acme:pump-1' text && "
        "grep -q 'TLS Web Client Authentication' text && grep -q 'CA:FALSE' text && "
        "! grep -q 'TLS Web Server' text"));
    assert_true(
        shell("openssl x509 -in server.pem -noout -ext subjectAltName | grep -q 'DNS:gateway.test, IP "
              "Address:127.0.0.1'"));
    assert_true(shell("openssl x509 -in ca.pem -noout -text > text && grep -q 'CA:TRUE, pathlen:2' text && "
                      "grep -q 'Certificate Sign, CRL Sign' text"));
}

static void lives_have_a_default_and_a_bound(void **state)
{
    static const struct {
        unsigned asked, got_days;
    } rows[] = {{0, 90}, {1, 1}, {365, 365}, {366, 0}, {100000, 0}};
    struct hf_pki_pair pair;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_err err =
            hf_pki_device(kit->root, "acme", "d", rows[i].asked, kit->clock.utc_ms, &pair, KIT_ERROR);

        assert_int_equal(err, rows[i].got_days == 0 ? HF_ERR_INVALID : HF_OK);
        if (err != HF_OK)
            continue;
        uint64_t life_ms = pair.not_after_utc_ms - kit->clock.utc_ms;
        assert_int_equal((life_ms + 999) / 1000, (uint64_t)rows[i].got_days * DAY_S);
        /* Renewal from two thirds of the life, which starts a little in the past. */
        assert_in_range(pair.renew_utc_ms, kit->clock.utc_ms + life_ms * 2 / 3 - 300000,
                        kit->clock.utc_ms + life_ms * 2 / 3);
    }
    hf_pki_pair_wipe(&pair);
    assert_int_equal(pair.key_pem[0], 0);

    struct hf_pki_ca *brief = NULL;
    KIT_CHECK(hf_pki_ca_new("brief", 10, kit->clock.utc_ms, &brief, KIT_ERROR));
    KIT_CHECK(hf_pki_device(brief, "acme", "d", 90, kit->clock.utc_ms, &pair, KIT_ERROR));
    assert_int_equal((pair.not_after_utc_ms - kit->clock.utc_ms + 999) / 1000,
                     10 * DAY_S); /* not beyond its CA */
    assert_int_equal(
        hf_pki_device(brief, "acme", "d", 90, kit->clock.utc_ms + 11ULL * DAY_S * 1000, &pair, KIT_ERROR),
        HF_ERR_EXPIRED);
    hf_pki_ca_free(brief);
    assert_int_equal(hf_pki_ca_new("too long", 7301, kit->clock.utc_ms, &brief, KIT_ERROR), HF_ERR_INVALID);
    assert_int_equal(hf_pki_ca_new("", 0, kit->clock.utc_ms, &brief, KIT_ERROR), HF_ERR_INVALID);
}

static void only_the_key_of_a_request_counts(void **state)
{
    struct hf_pki_pair request, signed_pair;
    char csr[HF_PKI_CSR_BYTES_MAX + 1];

    (void)state;
    /* A request that asks to be a CA and somebody else. */
    assert_true(shell(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout evil.key "
        "-subj /CN=admin -addext basicConstraints=CA:TRUE -addext "
        "subjectAltName=URI:urn:holdfast:acme:admin -out evil.csr && openssl req -in evil.csr -outform DER "
        "-out evil.der"));
    static const char *const files[] = {"evil.csr", "evil.der"};
    for (size_t i = 0; i < HF_COUNT_OF(files); i++) {
        FILE *in = fopen(kit_path(kit, files[i]), "r");
        size_t bytes = fread(csr, 1, sizeof(csr), in);

        fclose(in);
        KIT_CHECK(hf_pki_sign_csr(kit->intermediate, csr, bytes, "acme", "pump-9", 0, kit->clock.utc_ms,
                                  &signed_pair, KIT_ERROR));
        X509 *certificate = certificate_of(signed_pair.cert_pem);
        char subject[128];
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
                                  sizeof(subject));
        assert_string_equal(subject, "pump-9");
        assert_int_equal(X509_check_ca(certificate), 0);
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        assert_int_equal(sk_GENERAL_NAME_num(names), 1);
        assert_string_equal(
            (const char *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier),
            "urn:holdfast:acme:pump-9");
        GENERAL_NAMES_free(names);
        X509_free(certificate);
        assert_int_equal(signed_pair.key_pem[0], 0);

        csr[bytes / 2] ^= 1; /* neither its content nor its signature may be touched */
        assert_int_not_equal(hf_pki_sign_csr(kit->root, csr, bytes, "acme", "d", 0, kit->clock.utc_ms,
                                             &signed_pair, KIT_ERROR),
                             HF_OK);
        csr[bytes / 2] ^= 1;
        assert_int_equal(hf_pki_sign_csr(kit->root, csr, bytes / 2, "acme", "d", 0, kit->clock.utc_ms,
                                         &signed_pair, KIT_ERROR),
                         HF_ERR_MALFORMED);
    }
    memset(csr, '0', sizeof(csr));
    assert_int_equal(hf_pki_sign_csr(kit->root, csr, sizeof(csr), "acme", "d", 0, kit->clock.utc_ms,
                                     &signed_pair, KIT_ERROR),
                     HF_ERR_MALFORMED);
    assert_int_equal(
        hf_pki_sign_csr(kit->root, "", 0, "acme", "d", 0, kit->clock.utc_ms, &signed_pair, KIT_ERROR),
        HF_ERR_MALFORMED);

    KIT_CHECK(hf_pki_csr_new("pump-8", &request, KIT_ERROR));
    static const struct {
        const char *tenant, *device;
        hf_err err;
    } rows[] = {{"acme", "pump-8", HF_OK},       {"", "d", HF_ERR_INVALID},
                {"acme", "", HF_ERR_INVALID},    {"a:b", "d", HF_ERR_INVALID},
                {"acme", "a b", HF_ERR_INVALID}, {"acme", "a/b", HF_ERR_INVALID},
                {"acme", "cam:3402", HF_OK}};
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_pki_sign_csr(kit->root, request.cert_pem, strlen(request.cert_pem),
                                         rows[i].tenant, rows[i].device, 0, kit->clock.utc_ms, &signed_pair,
                                         KIT_ERROR),
                         rows[i].err);
    assert_true(shell("openssl req -new -newkey rsa:2048 -nodes -keyout r.key -subj /CN=x -out rsa.csr"));
    FILE *in = fopen(kit_path(kit, "rsa.csr"), "r");
    size_t bytes = fread(csr, 1, sizeof(csr), in);
    fclose(in);
    assert_int_equal(
        hf_pki_sign_csr(kit->root, csr, bytes, "acme", "d", 0, kit->clock.utc_ms, &signed_pair, KIT_ERROR),
        HF_ERR_UNSUPPORTED);
    /* The same curve, spelled out; and a signature of which one bit is another one. */
    assert_true(shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt "
                      "ec_param_enc:explicit -nodes -keyout e.key -subj /CN=x -outform DER -out e.csr"));
    in = fopen(kit_path(kit, "e.csr"), "r");
    bytes = fread(csr, 1, sizeof(csr), in);
    fclose(in);
    assert_int_equal(
        hf_pki_sign_csr(kit->root, csr, bytes, "acme", "d", 0, kit->clock.utc_ms, &signed_pair, KIT_ERROR),
        HF_ERR_UNSUPPORTED);
    assert_true(
        shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout g.key -subj "
              "/CN=x -outform DER -out g.csr"));
    in = fopen(kit_path(kit, "g.csr"), "r");
    bytes = fread(csr, 1, sizeof(csr), in);
    fclose(in);
    csr[bytes - 1] ^= 1;
    assert_int_equal(
        hf_pki_sign_csr(kit->root, csr, bytes, "acme", "d", 0, kit->clock.utc_ms, &signed_pair, KIT_ERROR),
        HF_ERR_DENIED);
}

static void a_ca_is_trusted_by_the_file_that_has_its_root(void **state)
{
    struct hf_pki_ca *other = NULL;
    const struct hf_pki_file_options over = {.overwrite = true};

    (void)state;
    KIT_CHECK(hf_pki_ca_new("other", 0, kit->clock.utc_ms, &other, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_save(kit->root, kit_path(kit, "r.pem"), kit_path(kit, "r.key"), over, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_save(other, kit_path(kit, "o.pem"), kit_path(kit, "o.key"), over, KIT_ERROR));
    assert_true(hf_pki_ca_trusted(kit->root, kit_path(kit, "r.pem")));
    assert_true(hf_pki_ca_trusted(kit->intermediate, kit_path(kit, "r.pem")));
    assert_false(hf_pki_ca_trusted(kit->intermediate, kit_path(kit, "o.pem")));
    assert_false(hf_pki_ca_trusted(other, kit_path(kit, "r.pem")));
    assert_false(hf_pki_ca_trusted(kit->root, kit_path(kit, "r.key"))); /* no certificate in it */
    assert_false(hf_pki_ca_trusted(kit->root, kit_path(kit, "none")));
    hf_pki_ca_free(other);
}

static unsigned mode_of(const char *name)
{
    struct stat status;

    assert_int_equal(stat(kit_path(kit, name), &status), 0);
    return status.st_mode & 0777;
}

static void files_are_not_overwritten_and_keys_are_private(void **state)
{
    const struct hf_pki_file_options keep = {.overwrite = false};
    struct hf_pki_pair pair;
    struct hf_pki_ca *ca = NULL;
    char cert[128], key[128], command[256];

    (void)state;
    KIT_CHECK(hf_pki_device(kit->root, "acme", "f", 0, kit->clock.utc_ms, &pair, KIT_ERROR));
    strcpy(cert, kit_path(kit, "f.pem"));
    strcpy(key, kit_path(kit, "f.key"));
    KIT_CHECK(hf_pki_pair_save(&pair, cert, key, keep, KIT_ERROR));
    assert_int_equal(mode_of("f.key"), 0600);
    assert_int_equal(mode_of("f.pem"), 0644);
    assert_int_equal(hf_pki_pair_save(&pair, cert, key, keep, KIT_ERROR), HF_ERR_EXISTS);
    assert_non_null(strstr(kit->error, "exists already"));
    unlink(key); /* the certificate alone is there: the key must not be written then */
    assert_int_equal(hf_pki_pair_save(&pair, cert, key, keep, KIT_ERROR), HF_ERR_EXISTS);
    assert_int_equal(access(key, F_OK), -1);
    KIT_CHECK(hf_pki_pair_save(&pair, cert, key, kit_overwrite, KIT_ERROR));
    assert_int_equal(hf_pki_write_file("/absent/x", "x", 1, 0600, keep, KIT_ERROR), HF_ERR_IO);
    assert_non_null(strstr(kit->error, "/absent/x"));
    assert_true(shell("test $(ls | grep -c 'f.pem\\|f.key') = 2")); /* no temporary file is left */

    strcpy(cert, kit_path(kit, "ca.pem"));
    strcpy(key, kit_path(kit, "ca.key"));
    KIT_CHECK(hf_pki_ca_load(cert, key, &ca, KIT_ERROR));
    KIT_CHECK(hf_pki_device(ca, "acme", "g", 0, kit->clock.utc_ms, &pair, KIT_ERROR));
    hf_pki_ca_free(ca);
    snprintf(command, sizeof(command), "chmod 640 ca.key");
    assert_true(shell(command));
    assert_int_equal(hf_pki_ca_load(cert, key, &ca, KIT_ERROR), HF_ERR_DENIED);
    assert_non_null(strstr(kit->error, "chmod 600"));
    assert_true(shell("chmod 600 ca.key"));
    assert_int_equal(hf_pki_ca_load(kit_path(kit, "server.pem"), kit_path(kit, "server.key"), &ca, KIT_ERROR),
                     HF_ERR_INVALID);
    hf_pki_ca_free(NULL);
}

static void token_keys_are_made(void **state)
{
    const struct hf_pki_file_options keep = {.overwrite = false};
    char text[64];

    (void)state;
    KIT_CHECK(hf_pki_jwt_hs256(kit_path(kit, "hs.secret"), keep, KIT_ERROR));
    assert_int_equal(mode_of("hs.secret"), 0600);
    FILE *in = fopen(kit_path(kit, "hs.secret"), "r");
    size_t bytes = fread(text, 1, sizeof(text), in);
    fclose(in);
    assert_int_equal(bytes, 44);
    assert_int_equal(text[43], '\n');
    assert_int_equal(hf_pki_jwt_hs256(kit_path(kit, "hs.secret"), keep, KIT_ERROR), HF_ERR_EXISTS);
    KIT_CHECK(hf_pki_jwt_es256(kit_path(kit, "es.key"), kit_path(kit, "es.pub"), keep, KIT_ERROR));
    assert_int_equal(mode_of("es.key"), 0600);
    assert_true(shell(
        "openssl pkey -in es.key -pubout | cmp - es.pub && openssl pkey -in es.key -noout -text | grep -q "
        "prime256v1"));
}

static void server_names_are_checked(void **state)
{
    static const struct {
        const char *name;
        hf_err err;
    } rows[] = {{"a.b.c", HF_OK},
                {"*.example.com", HF_OK},
                {"::1", HF_OK},
                {"localhost", HF_OK},
                {"", HF_ERR_INVALID},
                {"a..b", HF_ERR_INVALID},
                {".a", HF_ERR_INVALID},
                {"a.", HF_ERR_INVALID},
                {"-a", HF_ERR_INVALID},
                {"a b", HF_ERR_INVALID},
                {"*.*.example", HF_ERR_INVALID},
                {"a,DNS:evil", HF_ERR_INVALID},
                {"https://a", HF_ERR_INVALID}};
    struct hf_pki_pair pair;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_pki_server_request request = {.common_name = "x", .names = &rows[i].name, .name_count = 1};

        if (hf_pki_server(kit->root, &request, kit->clock.utc_ms, &pair, KIT_ERROR) != rows[i].err)
            fail_msg("'%s': %s", rows[i].name, kit->error);
    }
    struct hf_pki_server_request none = {.common_name = "x"};
    assert_int_equal(hf_pki_server(kit->root, &none, kit->clock.utc_ms, &pair, KIT_ERROR), HF_ERR_INVALID);
}

static void revocation_lists_are_read_by_others(void **state)
{
    struct hf_pki_serial serial;
    struct hf_pki_pair pair;
    char pem[4096], small[64];

    (void)state;
    KIT_CHECK(hf_pki_device(kit->root, "acme", "r", 0, kit->clock.utc_ms, &pair, KIT_ERROR));
    KIT_CHECK(
        hf_pki_pair_save(&pair, kit_path(kit, "r.pem"), kit_path(kit, "r.key"), kit_overwrite, KIT_ERROR));
    assert_int_equal(hf_pki_serial_of(pair.cert_pem, &serial), HF_OK);
    assert_int_equal(serial.length, 16);
    assert_int_equal(hf_pki_serial_of("junk", &serial), HF_ERR_MALFORMED);
    KIT_CHECK(hf_pki_crl(kit->root, &serial, 1, 30, kit->clock.utc_ms - 200000, pem, sizeof(pem), KIT_ERROR));
    assert_int_equal(
        hf_pki_crl(kit->root, &serial, 1, 30, kit->clock.utc_ms, small, sizeof(small), KIT_ERROR),
        HF_ERR_LIMIT);
    KIT_CHECK(hf_pki_write_file(kit_path(kit, "root.crl"), pem, strlen(pem), 0644, kit_overwrite, KIT_ERROR));
    assert_true(shell("openssl crl -in root.crl -CAfile ca.pem -noout"));
    assert_true(shell("! openssl verify -crl_check -CRLfile root.crl -CAfile ca.pem r.pem 2>verdict && "
                      "grep -q revoked verdict"));
}

static int kit_up(void **state)
{
    (void)state;
    kit_init(kit);
    return 0;
}

static int kit_down(void **state)
{
    (void)state;
    kit_deinit(kit);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_openssl_program_agrees),
        cmocka_unit_test(lives_have_a_default_and_a_bound),
        cmocka_unit_test(only_the_key_of_a_request_counts),
        cmocka_unit_test(a_ca_is_trusted_by_the_file_that_has_its_root),
        cmocka_unit_test(files_are_not_overwritten_and_keys_are_private),
        cmocka_unit_test(token_keys_are_made),
        cmocka_unit_test(server_names_are_checked),
        cmocka_unit_test(revocation_lists_are_read_by_others),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
