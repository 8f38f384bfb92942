/* The thread that signs: CAs from files, what becomes of requests good and bad, its bound, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/renewal_set.h"
#include "io/clock.h"

static struct {
    char folder[64], error[512];
    char root[128], ca[128], ca_key[128], foreign[128], foreign_key[128], dead[128], dead_key[128];
    struct hf_logger logger;
    char said[4096];
    struct hf_renewal *renewal;
    struct hf_inbox *inbox; /* of the worker that asks */
    struct hf_call *back[HF_RENEWALS_WAITING_MAX];
    unsigned back_count;
    struct hf_pki_pair pair;
} kit;
#define KIT_ERROR      kit.error, sizeof(kit.error)
#define KIT_CHECK(err) assert_int_equal(err, HF_OK)

static uint64_t on_time(void *context)
{
    (void)context;
    return 0;
}

static void on_line(void *context, const char *line, size_t bytes)
{
    (void)context;
    (void)snprintf(kit.said, sizeof(kit.said), "%.*s", (int)bytes, line);
}

static void save(struct hf_pki_ca *ca, const char *name, char cert[128], char key[128])
{
    (void)snprintf(cert, 128, "%s/%s.pem", kit.folder, name);
    (void)snprintf(key, 128, "%s/%s.key", kit.folder, name);
    KIT_CHECK(hf_pki_ca_save(ca, cert, key, (struct hf_pki_file_options){.overwrite = true}, KIT_ERROR));
}

static int begin(void **state)
{
    struct hf_pki_ca *root = NULL, *below = NULL, *foreign = NULL, *dead = NULL;
    static const struct hf_log_sink sink = {.write = on_line, .utc_ms = on_time};
    uint64_t now_ms = hf_clock_utc_ms();
    struct hf_mailbox *to;
    char key[128];

    (void)state;
    memset(&kit, 0, sizeof(kit));
    (void)snprintf(kit.folder, sizeof(kit.folder), "/tmp/renewal.XXXXXX");
    assert_non_null(mkdtemp(kit.folder));
    KIT_CHECK(hf_pki_ca_new("root", 0, now_ms, &root, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_intermediate(root, "below", 0, 0, now_ms, &below, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_intermediate(root, "dead", 1, 0, now_ms - 3 * UINT64_C(86400000), &dead, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_new("foreign", 0, now_ms, &foreign, KIT_ERROR));
    save(root, "root", kit.root, key);
    save(below, "below", kit.ca, kit.ca_key);
    save(foreign, "foreign", kit.foreign, kit.foreign_key);
    save(dead, "dead", kit.dead, kit.dead_key);
    hf_pki_ca_free(root);
    hf_pki_ca_free(below);
    hf_pki_ca_free(foreign);
    hf_pki_ca_free(dead);
    hf_logger_init(&kit.logger, &sink, HF_LOG_LOGFMT, HF_LOG_DEBUG);
    KIT_CHECK(hf_renewal_new(&kit.logger, 1, &kit.renewal));
    kit.inbox = hf_inbox_new(1);
    KIT_CHECK(hf_inbox_add(kit.inbox, HF_RENEWALS_WAITING_MAX, &to));
    hf_renewal_connect(kit.renewal, 0, to);
    return 0;
}

static int done(void **state)
{
    static const char *const names[] = {"root", "below", "foreign", "dead"};
    char path[160];

    (void)state;
    hf_renewal_free(kit.renewal);
    hf_inbox_free(kit.inbox);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s.pem", kit.folder, names[i]);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof(path), "%s/%s.key", kit.folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(kit.folder), 0);
    return 0;
}

/* acme with this CA, and umbrella without one. */
static hf_err load(const char *cert, const char *key, const char *verify, struct hf_renewal_set **ret_set)
{
    static struct hf_config_errors errors;
    struct hf_config *config = NULL;
    char yaml[2048];

    (void)snprintf(
        yaml, sizeof(yaml),
        "listeners: [{name: plain}, {name: t, port: 0, tls: {cert_file: x, key_file: y, client_ca_file: "
        "%s, verify: %s}}]\n"
        "tenants: [{name: umbrella}, {name: acme%s%s%s%s%s}]\n",
        kit.root, verify, cert != NULL ? ", device_ca: {days: 7, cert_file: " : "", cert != NULL ? cert : "",
        cert != NULL ? ", key_file: " : "", cert != NULL ? key : "", cert != NULL ? "}" : "");
    if (hf_config_parse("t", hf_slice_of(yaml), (struct hf_config_settings){0}, NULL, &config, &errors) !=
        HF_OK) {
        for (size_t i = 0; i < errors.count; i++)
            if (!errors.warning[i])
                (void)snprintf(kit.error, sizeof(kit.error), "%s", errors.text[i]);
        return HF_ERR_INVALID;
    }
    hf_err err = hf_renewal_load(config, ret_set, KIT_ERROR);
    hf_config_free(config);
    return err;
}

static void use(const char *cert, const char *key)
{
    struct hf_renewal_set *set = NULL;

    if (load(cert, key, "optional", &set) != HF_OK)
        fail_msg("%s", kit.error);
    KIT_CHECK(hf_renewal_use(kit.renewal, set));
}

static struct hf_call *call_new(const char *tenant, const char *csr)
{
    struct hf_call *call = hf_call_new(HF_CALL_CERTIFICATE, sizeof(struct hf_call_certificate));

    assert_non_null(call);
    call->certificate = call->storage;
    call->tenant = hf_slice_of(tenant);
    call->device = HF_SLICE("d1");
    call->payload = hf_slice_of(csr);
    return call;
}

static void on_back(void *context, unsigned mailbox, void *message)
{
    (void)context, (void)mailbox;
    kit.back[kit.back_count++] = message;
}

/* Signs one request; the answer is the caller's to free. */
static struct hf_call *ask(const char *tenant, const char *csr)
{
    kit.back_count = 0;
    KIT_CHECK(hf_renewal_ask(kit.renewal, call_new(tenant, csr)));
    while (hf_inbox_drain(kit.inbox, on_back, NULL, 1) == 0)
        (void)hf_inbox_wait(kit.inbox, -1);
    assert_int_equal(kit.back[0]->reason, HF_REASON_NONE);
    return kit.back[0];
}

static void expect(const char *tenant, const char *csr, enum hf_renewal_result result)
{
    struct hf_call *call = ask(tenant, csr);

    assert_string_equal(hf_renewal_name(call->certificate->result), hf_renewal_name(result));
    assert_int_equal(call->result != NULL, result == HF_RENEWAL_ISSUED);
    hf_call_free(call);
}

static void a_request_becomes_a_chain(void **state)
{
    const char *second;

    (void)state;
    KIT_CHECK(hf_pki_csr_new("whoever", &kit.pair, KIT_ERROR));
    use(kit.ca, kit.ca_key);
    assert_true(hf_renewal_has(kit.renewal, HF_SLICE("acme")));
    assert_false(hf_renewal_has(kit.renewal, HF_SLICE("umbrella")));
    struct hf_call *call = ask("acme", kit.pair.cert_pem);
    const struct hf_call_certificate *made = call->certificate;
    assert_string_equal(hf_renewal_name(made->result), "issued");
    assert_int_equal(made->not_after_ms - made->not_before_ms,
                     (7 * 86400 + HF_PKI_BACKDATE_S) * UINT64_C(1000));
    assert_int_equal(made->serial_bytes, 16);
    assert_memory_equal(call->result, "-----BEGIN CERTIFICATE-----", 27);
    second = memmem((char *)call->result + 27, call->result_bytes - 27, "-----BEGIN CERTIFICATE-----", 27);
    assert_non_null(second); /* the intermediate, and not the root */
    assert_null(
        memmem(second + 27, call->result_bytes - (size_t)(second + 27 - (char *)call->result), "BEGIN", 5));
    hf_call_free(call);

    expect("umbrella", kit.pair.cert_pem, HF_RENEWAL_NO_CA);
    expect("acme", "nothing", HF_RENEWAL_MALFORMED);
    assert_int_equal(kit.said[0], '\0'); /* what devices do wrong is no line of ours */
    use(NULL, NULL);
    assert_false(hf_renewal_has(kit.renewal, HF_SLICE("acme")));
    expect("acme", kit.pair.cert_pem, HF_RENEWAL_NO_CA);
    use(kit.dead, kit.dead_key);
    expect("acme", kit.pair.cert_pem, HF_RENEWAL_FAILED);
    assert_non_null(strstr(kit.said, "event=certificate_failed"));
    assert_non_null(strstr(kit.said, "device=d1"));
    assert_non_null(strstr(kit.said, "the CA has expired"));
}

static void what_is_wrong_with_a_ca_is_named(void **state)
{
    struct hf_renewal_set *set = NULL;

    (void)state;
    assert_int_equal(load(kit.ca, kit.foreign_key, "optional", &set), HF_ERR_INVALID);
    assert_non_null(strstr(kit.error, "tenants.acme.device_ca"));
    assert_int_equal(load(kit.foreign, kit.foreign_key, "optional", &set), HF_ERR_INVALID);
    assert_non_null(strstr(kit.error, "no listener takes what"));
    assert_int_equal(load(kit.ca, kit.ca_key, "none", &set), HF_ERR_INVALID);
    assert_non_null(strstr(kit.error, "no listener asks for certificates"));
    assert_int_equal(load(kit.ca, "''", "required", &set), HF_ERR_INVALID);
    assert_non_null(strstr(kit.error, "needs both cert_file and key_file"));
    assert_int_equal(chmod(kit.ca_key, 0640), 0);
    assert_int_equal(load(kit.ca, kit.ca_key, "optional", &set), HF_ERR_DENIED);
    assert_non_null(strstr(kit.error, "chmod 600"));
    assert_null(set);
}

static void more_than_its_bound_is_busy_and_all_come_back_at_the_end(void **state)
{
    struct hf_call *over = call_new("acme", "");

    (void)state;
    for (unsigned i = 0; i < HF_RENEWALS_WAITING_MAX; i++) /* no CA, so no thread takes them */
        KIT_CHECK(hf_renewal_ask(kit.renewal, call_new("acme", "")));
    assert_int_equal(hf_renewal_ask(kit.renewal, over), HF_ERR_BUSY);
    hf_call_free(over);
    hf_renewal_stop(kit.renewal);
    assert_int_equal(hf_inbox_drain(kit.inbox, on_back, NULL, HF_RENEWALS_WAITING_MAX),
                     HF_RENEWALS_WAITING_MAX);
    for (unsigned i = 0; i < kit.back_count; i++) {
        assert_int_equal(kit.back[i]->reason, HF_REASON_DRAIN);
        hf_call_free(kit.back[i]);
    }
    hf_renewal_stop(kit.renewal);
    hf_renewal_stop(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        T(a_request_becomes_a_chain),
        T(what_is_wrong_with_a_ca_is_named),
        T(more_than_its_bound_is_busy_and_all_come_back_at_the_end),
    };

    return cmocka_run_group_tests_name("renewal", tests, NULL, NULL);
}
