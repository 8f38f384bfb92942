#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/jwt_files.h"
#include "base/assert.h"
#include "io/pki.h"

#define SECRET "0123456789abcdef0123456789abcdef"

struct fixture {
    char folder[64], secret[128], private_key[128], public_key[128], wrong[128];
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make(void **state)
{
    static struct fixture fixture;
    const struct hf_pki_file_options options = {0};
    char error[HF_PKI_ERROR_BYTES];

    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/holdfast_jwt_files_XXXXXX");
    if (mkdtemp(fixture.folder) == NULL)
        return -1;
    (void)snprintf(fixture.secret, sizeof(fixture.secret), "%s/secret", fixture.folder);
    (void)snprintf(fixture.private_key, sizeof(fixture.private_key), "%s/key", fixture.folder);
    (void)snprintf(fixture.public_key, sizeof(fixture.public_key), "%s/pub.pem", fixture.folder);
    (void)snprintf(fixture.wrong, sizeof(fixture.wrong), "%s/wrong.json", fixture.folder);
    write_text(fixture.secret, " " SECRET "\r\n\n");
    write_text(fixture.wrong, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}");
    *state = &fixture;
    return hf_pki_jwt_es256(fixture.private_key, fixture.public_key, options, error, sizeof(error)) == HF_OK
               ? 0
               : -1;
}

static int drop(void **state)
{
    struct fixture *fixture = *state;

    (void)unlink(fixture->secret);
    (void)unlink(fixture->private_key);
    (void)unlink(fixture->public_key);
    (void)unlink(fixture->wrong);
    return rmdir(fixture->folder);
}

/* A token part signed with one set is verified with another. */
static bool agree(const struct hf_jwt_keys *signer, const struct hf_jwt_keys *verifier, const char *kid)
{
    uint8_t signature[HF_JWT_SIGNATURE_BYTES_MAX];
    size_t bytes = 0;

    assert_int_equal(
        hf_jwt_key_sign(hf_jwt_keys_find(signer, hf_slice_of(kid)), HF_SLICE("a.b"), signature, &bytes),
        HF_OK);
    return hf_jwt_key_verify(hf_jwt_keys_find(verifier, hf_slice_of(kid)), HF_SLICE("a.b"), signature, bytes);
}

static void keys_of_the_configuration_are_found(void **state)
{
    const struct fixture *fixture = *state;
    static struct hf_config_errors errors;
    char secret_file[256], public_file[256], variable[] = "S=" SECRET;
    const char *settings[] = {"tenants.0.name=acme",
                              "tenants.0.jwt_keys.0.kid=file",
                              "tenants.0.jwt_keys.0.alg=HS256",
                              secret_file,
                              "tenants.0.jwt_keys.1.kid=env",
                              "tenants.0.jwt_keys.1.alg=HS256",
                              "tenants.0.jwt_keys.1.secret_env=S",
                              "tenants.1.name=other",
                              "tenants.1.jwt_keys.0.kid=pub",
                              public_file};
    char *env[] = {variable, NULL}, error[512] = "";
    struct hf_jwt_keys *keys = NULL, *signer = hf_jwt_keys_new();
    struct hf_config *config = NULL;

    (void)snprintf(secret_file, sizeof(secret_file), "tenants.0.jwt_keys.0.secret_file=%s", fixture->secret);
    (void)snprintf(public_file, sizeof(public_file), "tenants.1.jwt_keys.0.public_key_file=%s",
                   fixture->public_key);
    assert_int_equal(hf_config_parse("test", HF_SLICE(""),
                                     (struct hf_config_settings){settings, HF_COUNT_OF(settings)}, env,
                                     &config, &errors),
                     HF_OK);
    assert_int_equal(hf_jwt_files_load(config, env, &keys, error, sizeof(error)), HF_OK);
    assert_int_equal(hf_jwt_keys_count(keys), 3);
    assert_true(hf_slice_is(hf_jwt_key_tenant(hf_jwt_keys_find(keys, HF_SLICE("pub"))), "other"));
    assert_true(hf_slice_is(hf_jwt_key_tenant(hf_jwt_keys_find(keys, HF_SLICE("env"))), "acme"));

    /* White space around a secret in a file is not part of it. */
    assert_non_null(signer);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(hf_jwt_keys_add_secret(signer, hf_slice_of(i == 0 ? "file" : "env"),
                                                (struct hf_slice){0}, HF_SLICE(SECRET), error, sizeof(error)),
                         HF_OK);
    assert_int_equal(hf_jwt_files_add(signer, HF_JWT_ES256, HF_SLICE("pub"), (struct hf_slice){0},
                                      fixture->private_key, error, sizeof(error)),
                     HF_OK);
    assert_true(agree(signer, keys, "file"));
    assert_true(agree(signer, keys, "env"));
    assert_true(agree(signer, keys, "pub"));
    hf_jwt_keys_free(signer);
    hf_jwt_keys_free(keys);

    keys = NULL;
    assert_int_equal(hf_jwt_files_load(config, NULL, &keys, error, sizeof(error)), HF_ERR_NOT_FOUND);
    assert_string_equal(error, "tenants.acme.jwt_keys.1: the environment variable S is not set");
    assert_null(keys);
    hf_config_free(config);
}

static void a_bad_file_is_named(void **state)
{
    const struct fixture *fixture = *state;
    const struct {
        enum hf_jwt_alg alg;
        const char *file, *want;
        hf_err err;
    } rows[] = {
        {HF_JWT_HS256, "/does/not/exist", "cannot read /does/not/exist: No such file", HF_ERR_IO},
        {HF_JWT_ES256, fixture->secret, fixture->secret, HF_ERR_INVALID},
        {HF_JWT_ES256, fixture->wrong, "holds no usable key (1 skipped)", HF_ERR_INVALID},
        {HF_JWT_HS256, "/dev/zero", "/dev/zero is larger than 65536 bytes", HF_ERR_LIMIT},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_jwt_keys *keys = hf_jwt_keys_new();
        char error[512] = "";

        assert_int_equal(hf_jwt_files_add(keys, rows[i].alg, HF_SLICE("k"), (struct hf_slice){0},
                                          rows[i].file, error, sizeof(error)),
                         rows[i].err);
        assert_non_null(strstr(error, rows[i].want));
        assert_null(strstr(error, SECRET)); /* SEC-6 */
        assert_int_equal(hf_jwt_keys_count(keys), 0);
        hf_jwt_keys_free(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_configuration_are_found),
        cmocka_unit_test(a_bad_file_is_named),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
