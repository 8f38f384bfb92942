/* The device's next certificate over its session: who may ask, when, how often, that it is in the log before it goes down, and what becomes of an answer that nobody waits for any more. Signing is
 * another thread's; here the test does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/ws/ws_session_testkit.h"
#include "base/sb.h"

enum { ASKED_MAX = HF_RENEWALS_WAITING_MAX, DAY_MS = 86400000 };
static const char chain[] = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
static const char good[] = "{\"csr\":\"a request\\n\"}";

static struct {
    bool shows, refuse;
    struct hf_ws_certificate shown;
    struct hf_call *asked[ASKED_MAX];
    unsigned count;
} ck;

static bool ck_certificate(void *context, struct hf_link *link, struct hf_slice tenant,
                           struct hf_slice device, struct hf_ws_certificate *ret_certificate)
{
    (void)context;
    assert_non_null(link);
    assert_true(hf_slice_is(tenant, "acme"));
    assert_int_equal(device.at[0], 'd');
    *ret_certificate = ck.shown;
    return ck.shows;
}

static hf_err ck_call(void *context, struct hf_call *call)
{
    (void)context;
    if (ck.refuse)
        return HF_ERR_BUSY;
    if (call->type == HF_CALL_RECORD) {
        hf_hub_call(&kit.hub, NULL, call);
        return HF_OK;
    }
    assert_int_equal(call->type, HF_CALL_CERTIFICATE);
    assert_true(ck.count < ASKED_MAX);
    ck.asked[ck.count++] = call;
    return HF_OK;
}

static int ck_begin(void **state)
{
    memset(&ck, 0, sizeof(ck));
    (void)sk_begin(state);
    sk_site_ops.call = ck_call;
    sk_site_ops.certificate = ck_certificate;
    ck.shows = true;
    ck.shown = (struct hf_ws_certificate){.accepted = true,
                                          .renewable = true,
                                          .not_before_ms = KIT_UTC - 60ULL * DAY_MS,
                                          .not_after_ms = KIT_UTC + 30ULL * DAY_MS,
                                          .fingerprint = {0xcd}};
    return 0;
}

static int ck_done(void **state)
{
    for (unsigned i = 0; i < ck.count; i++) {
        ck.asked[i]->abandoned = true;
        ck.asked[i]->on_done(ck.asked[i]);
    }
    ck.count = 0;
    assert_int_equal(kit.site.renewal_count, 0);
    return sk_done(state);
}

/* The thread has signed the oldest request, or not. */
static void ck_signed(enum hf_renewal_result result)
{
    struct hf_call *call = ck.asked[0];

    assert_true(ck.count > 0);
    memmove(ck.asked, ck.asked + 1, --ck.count * sizeof(ck.asked[0]));
    *call->certificate = (struct hf_call_certificate){.result = (uint8_t)result,
                                                      .serial = {0x41, 0x02},
                                                      .serial_bytes = 2,
                                                      .fingerprint = {0xab},
                                                      .not_before_ms = KIT_UTC,
                                                      .not_after_ms = KIT_UTC + 90ULL * DAY_MS};
    if (result == HF_RENEWAL_ISSUED) {
        call->result = malloc(sizeof(chain) - 1);
        assert_non_null(call->result);
        memcpy(call->result, chain, sizeof(chain) - 1);
        call->result_bytes = sizeof(chain) - 1;
    }
    call->on_done(call);
}

static struct kit_link *ck_open(const char *device, bool asks)
{
    struct hf_ws_admit admit = kit_admit(&kit, device);
    struct hf_frame hello = sk_hello(device);

    admit.tls = true;
    hello.as.hello.capabilities |= asks ? HF_CAP_CERTIFICATES : 0;
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    uint32_t got = sk_welcomed(link, &hello).capabilities;
    assert_int_equal((got & HF_CAP_CERTIFICATES) != 0, asks && ck.shows && ck.shown.renewable);
    return link;
}

static void ck_ask(struct kit_link *link, uint32_t request, struct hf_slice change)
{
    struct hf_frame frame = {.type = HF_FRAME_PATCH};

    frame.as.patch = (struct hf_frame_patch){
        .request = request, .document = HF_DOCUMENT_CERTIFICATE, .kind = HF_PATCH_FULL, .json = change};
    sk_say(link, &frame);
}

static void ck_expect(struct kit_link *link, uint32_t request, enum hf_reason reason, const char *part)
{
    const struct hf_frame *frame = sk_expect(link, HF_FRAME_DELTA);
    const struct hf_frame_delta *delta = &frame->as.delta;

    assert_int_equal(delta->request, request);
    assert_int_equal(delta->document, HF_DOCUMENT_CERTIFICATE);
    assert_int_equal(delta->kind, HF_PATCH_FULL);
    if (delta->reason != reason)
        fail_msg("%s, not %s: request %u, %.*s", hf_reason_name(delta->reason), hf_reason_name(reason),
                 delta->request, (int)delta->json.bytes, delta->json.at);
    if (memmem(delta->json.at, delta->json.bytes, part, strlen(part)) == NULL)
        fail_msg("%s is not in %.*s", part, (int)delta->json.bytes, delta->json.at);
}

static void ck_refused(struct kit_link *link, uint32_t request, enum hf_renewal_result result)
{
    char part[64];

    (void)snprintf(part, sizeof(part), "{\"result\":\"%s\",", hf_renewal_name(result));
    ck_expect(link, request, hf_renewal_reason(result), part);
}

static const char offer[] = "{\"not_after_ms\":1702592000000,\"renew_from_ms\":1700000000000}";

static void it_is_offered_with_the_time(void **state)
{
    struct kit_link *link = ck_open("d1", true);

    (void)state;
    ck_expect(link, 0, HF_REASON_NONE, offer);
    ck_ask(link, 7, (struct hf_slice){NULL, 0});
    ck_expect(link, 7, HF_REASON_NONE, offer);
    kit_expect_nothing(ck_open("d2", false)); /* who does not know of it hears nothing */
    ck.shown.renewable = false;
    kit_expect_nothing(ck_open("d3", true));
}

static void it_is_in_the_log_before_it_goes_down(void **state)
{
    struct kit_link *link = ck_open("d1", false);

    (void)state;
    ck_ask(link, 3, HF_SLICE(good));
    kit_expect_nothing(link);
    assert_int_equal(ck.count, 1);
    assert_true(hf_slice_is(ck.asked[0]->tenant, "acme"));
    assert_true(hf_slice_is(ck.asked[0]->device, "d1"));
    assert_true(hf_slice_is(ck.asked[0]->payload, "a request\n"));
    ck_signed(HF_RENEWAL_ISSUED);
    kit_expect_nothing(link); /* not durable yet */
    const struct hf_event *event = &kit.events[kit.event_count - 1].event;
    assert_int_equal(event->type, HF_EVENT_AUDIT);
    assert_true(hf_slice_is(event->topic, "certificate.issue"));
    assert_true(hf_slice_is(event->device, "d1"));
    assert_true(hf_slice_is(event->key, "d1"));
    assert_non_null(
        memmem(event->payload.at, event->payload.bytes, "{\"serial\":\"4102\",\"sha256\":\"ab00", 31));
    assert_non_null(memmem(event->payload.at, event->payload.bytes, "\"replaces\":\"cd00", 16));
    sk_turn();
    ck_expect(link, 3, HF_REASON_NONE,
              "{\"result\":\"issued\",\"certificate\":\"-----BEGIN CERTIFICATE-----\\nAA==\\n-----END "
              "CERTIFICATE-----\\n\",\"not_after_ms\":1707776000000,\"renew_from_ms\":1705184000000}");
    assert_int_equal(kit.site.stats.renewals[HF_RENEWAL_ISSUED], 1);
    ck_ask(link, 4, HF_SLICE(good)); /* the next one may come */
    assert_int_equal(ck.count, 1);
}

static void who_may_not_is_told_why(void **state)
{
    struct kit_link *link = ck_open("d1", false);

    (void)state;
    ck.shows = false;
    ck_ask(link, 1, HF_SLICE(good));
    ck_refused(link, 1, HF_RENEWAL_NO_CERTIFICATE);
    ck_ask(link, 2, (struct hf_slice){NULL, 0});
    ck_refused(link, 2, HF_RENEWAL_NO_CERTIFICATE);
    ck.shows = true;
    ck.shown.accepted = false;
    ck_ask(link, 3, HF_SLICE(good));
    ck_refused(link, 3, HF_RENEWAL_NOT_ACCEPTED);
    ck.shown.accepted = true;
    ck.shown.renewable = false;
    ck_ask(link, 4, HF_SLICE(good));
    ck_refused(link, 4, HF_RENEWAL_NO_CA);
    ck.shown.renewable = true;
    ck.shown.not_before_ms += 3000; /* so that two thirds are over in a second */
    ck_ask(link, 5, HF_SLICE(good));
    ck_expect(link, 5, HF_REASON_TRY_LATER, "\"renew_from_ms\":1700000001000");
    assert_int_equal(kit.site.stats.renewals[HF_RENEWAL_TOO_EARLY], 1);
    assert_int_equal(ck.count, 0);
}

static void what_is_no_request_goes_no_further(void **state)
{
    static const char *const rows[] = {"{}", "{\"csr\":1}", "{\"csr\":\"\"}", "[]", "7", "\"csr\""};
    struct kit_link *link = ck_open("d1", false);
    static char long_text[16384];
    struct hf_frame frame = {.type = HF_FRAME_PATCH};
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        ck_ask(link, 1, hf_slice_of(rows[i]));
        ck_refused(link, 1, HF_RENEWAL_MALFORMED);
    }
    frame.as.patch = (struct hf_frame_patch){
        .request = 2, .document = HF_DOCUMENT_CERTIFICATE, .kind = HF_PATCH_JSON, .json = HF_SLICE(good)};
    sk_say(link, &frame);
    ck_refused(link, 2, HF_RENEWAL_MALFORMED);
    for (unsigned over = 0; over < 3; over++) { /* the longest, one more, and one that is spelled too long */
        size_t bytes = over == 2 ? 12288 : HF_RENEWAL_CSR_BYTES_MAX + over;

        hf_sb_init(&sb, long_text, sizeof(long_text));
        hf_sb_text(&sb, "{\"csr\":\"");
        for (size_t i = 0; i < bytes; i++)
            hf_sb_char(&sb, 'x');
        hf_sb_text(&sb, "\"}");
        ck_ask(link, 3, hf_sb_done(&sb));
        if (over > 0)
            ck_refused(link, 3, HF_RENEWAL_TOO_BIG);
        assert_int_equal(ck.count, 1);
    }
}

static void what_the_thread_found_is_told(void **state)
{
    static const enum hf_renewal_result rows[] = {HF_RENEWAL_SIGNATURE, HF_RENEWAL_KEY, HF_RENEWAL_FAILED};
    struct kit_link *link = ck_open("d1", false);

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        ck_ask(link, i + 1, HF_SLICE(good));
        ck_signed(rows[i]);
        ck_refused(link, i + 1, rows[i]);
        assert_int_equal(kit.site.stats.renewals[rows[i]], 1);
    }
    _Static_assert(HF_COUNT_OF(rows) == HF_RENEWALS_PER_DEVICE, "and now it has had its share");
    ck_ask(link, 9, HF_SLICE(good));
    ck_expect(link, 9, HF_REASON_RATE_LIMIT, "\"retry_ms\":3600000");
    kit_end(link, HF_LINK_END_EOF);
    link = ck_open("d1", false); /* another connection, the same device */
    ck_ask(link, 1, HF_SLICE(good));
    ck_refused(link, 1, HF_RENEWAL_RATE);
    assert_int_equal(ck.count, 0);
}

static void one_at_a_time_and_so_many_in_all(void **state)
{
    struct kit_link *link = ck_open("d1", false);

    (void)state;
    ck_ask(link, 1, HF_SLICE(good));
    ck_ask(link, 2, HF_SLICE(good));
    ck_refused(link, 2, HF_RENEWAL_BUSY);
    ck.refuse = true;
    struct kit_link *other = ck_open("d0", false);
    ck_ask(other, 1, HF_SLICE(good));
    ck_refused(other, 1, HF_RENEWAL_BUSY);
    ck.refuse = false;
    ck_signed(HF_RENEWAL_ISSUED);
    link = ck_open("d2", false);
    assert_int_equal(kit.site.renewal_count, 0);
    kit.site.renewal_count = HF_RENEWALS_WAITING_MAX; /* as if so many others waited */
    ck_ask(link, 1, HF_SLICE(good));
    ck_refused(link, 1, HF_RENEWAL_BUSY);
    kit.site.renewal_count = 0;
    assert_int_equal(ck.count, 0);
}

static void revoked_while_it_was_signed_it_is_not_issued(void **state)
{
    struct kit_link *link = ck_open("d1", false);
    unsigned events;

    (void)state;
    ck_ask(link, 1, HF_SLICE(good));
    events = kit.event_count;
    ck.shown.accepted = false;
    ck_signed(HF_RENEWAL_ISSUED);
    ck_refused(link, 1, HF_RENEWAL_NOT_ACCEPTED);
    assert_int_equal(kit.event_count, events);
    assert_int_equal(kit.site.stats.renewals[HF_RENEWAL_ISSUED], 0);
}

static void the_log_is_full(void **state)
{
    struct kit_link *link = ck_open("d1", false);

    (void)state;
    ck_ask(link, 1, HF_SLICE(good));
    kit.journal_err = HF_ERR_FULL;
    ck_signed(HF_RENEWAL_ISSUED);
    kit.journal_err = HF_OK;
    ck_refused(link, 1, HF_RENEWAL_FAILED);
    ck_ask(link, 2, HF_SLICE(good));
    ck.refuse = true; /* and a worker that takes no call */
    ck_signed(HF_RENEWAL_ISSUED);
    ck_refused(link, 2, HF_RENEWAL_BUSY);
}

static void an_answer_that_nobody_waits_for(void **state)
{
    struct kit_link *link = ck_open("d1", false);
    unsigned events;

    (void)state;
    ck_ask(link, 1, HF_SLICE(good));
    kit_end(link, HF_LINK_END_EOF);
    sk_turn();
    events = kit.event_count;
    ck_signed(HF_RENEWAL_ISSUED); /* what was signed goes nowhere */
    assert_int_equal(kit.event_count, events);
    assert_int_equal(kit.site.renewal_count, 0);
    link = ck_open("d1", false);
    ck_ask(link, 2, HF_SLICE(good));
    ck_signed(HF_RENEWAL_ISSUED);
    kit_end(link, HF_LINK_END_EOF); /* it is on its way into the log, and stays there */
    sk_turn();
    assert_int_equal(kit.site.stats.renewals[HF_RENEWAL_ISSUED], 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ck_begin, ck_done)
    const struct CMUnitTest tests[] = {
        T(it_is_offered_with_the_time),
        T(it_is_in_the_log_before_it_goes_down),
        T(who_may_not_is_told_why),
        T(what_is_no_request_goes_no_further),
        T(what_the_thread_found_is_told),
        T(one_at_a_time_and_so_many_in_all),
        T(revoked_while_it_was_signed_it_is_not_issued),
        T(the_log_is_full),
        T(an_answer_that_nobody_waits_for),
    };

    return cmocka_run_group_tests_name("ws_session_certificate", tests, NULL, NULL);
}
