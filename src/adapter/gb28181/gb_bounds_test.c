/* Bounds of a worker that many devices share, reached as they are shipped. What meets one is refused and counted; what is there goes on, and room that is given back serves. */
#include "adapter/gb28181/gb_call_testkit.h"
#include "adapter/gb28181/subscribe.h"

static const struct hf_gb_sub *alarm_sub(void)
{
    return hf_gb_device_find(kit.site, HF_SLICE(CAMERA))->subs;
}

static void subscriptions(void **state)
{
    void **taken = malloc(HF_GB_SUBS_MAX * sizeof(void *));
    size_t count = 0;

    (void)state;
    assert_non_null(taken);
    begin();
    while (count < HF_GB_SUBS_MAX && (taken[count] = hf_slab_take(kit.site->sub_slab)) != NULL)
        count++;
    assert_int_equal(count, HF_GB_SUBS_MAX); /* other devices' */
    command("Subscribe", "{\"event\":\"alarm\"}");
    expect("failed {\"confirmed\":false,\"reason\":\"busy\"");
    assert_int_equal(kit_stats()->subscriptions_full, 1);
    assert_int_equal(kit_stats()->subscriptions, 0);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_CAMERA_SETTINGS, NULL), 0); /* it was not promised for later */
    kit.site->limits.subscribe = 1u << HF_GB_TOPIC_ALARM;                  /* nor is what nobody asked for */
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_stats()->subscriptions_full, 2);
    hf_slab_give(kit.site->sub_slab, taken[--count]);
    command("Subscribe", "{\"event\":\"alarm\"}");
    kit_pass(100);
    read_method("SUBSCRIBE");
    assert_int_equal(kit_stats()->subscriptions, 1);
    while (count > 0)
        hf_slab_give(kit.site->sub_slab, taken[--count]);
    free(taken);
    end();
}

enum { COPY_BYTES = 65536, COPIES = HF_GB_DIALOG_BYTES_MAX / COPY_BYTES };

static void dialogs(void **state)
{
    static char big[COPY_BYTES], *copies[COPIES];
    struct hf_slice bytes = {big, sizeof(big)};
    struct hf_sip_keep *keep;

    (void)state;
    begin();
    keep = &kit.site->dialog_keep;
    for (unsigned i = 0; i < COPIES; i++)
        assert_non_null(copies[i] = hf_sip_keep_copy(keep, bytes));
    assert_int_equal(keep->bytes, HF_GB_DIALOG_BYTES_MAX);
    /* A session that could not be ended does not begin; when the device says its 200 again there may be room to refuse it in good order. */
    command("Play", PLAY);
    read_invite();
    answer(200, SDP);
    expect("\"reason\":\"memory_limit\"");
    assert_int_equal(keep->refused, 1);
    assert_int_equal(kit_stats()->calls_connected, 0);
    assert_int_equal(drain("ACK"), 0);
    hf_sip_keep_give(keep, copies[0], bytes.bytes);
    answer(200, SDP);
    read_method("ACK");
    read_method("BYE");
    assert_non_null(copies[0] = hf_sip_keep_copy(keep, bytes));
    /* A subscription is tried again later. */
    command("Subscribe", "{\"event\":\"alarm\"}");
    kit_pass(100);
    read_method("SUBSCRIBE");
    memcpy(invite.text, kit.text, sizeof(invite.text));
    assert_int_equal(hf_sip_parse(invite.text, strlen(invite.text), true, NULL, &invite.msg), HF_OK);
    answer_with(200, "cam", CONTACT "Expires: 600\r\n", NULL);
    kit_pass(0);
    assert_int_equal(keep->refused, 2);
    assert_int_equal(alarm_sub()->rule.state, HF_GB_SUB_FAILED);
    for (unsigned i = 0; i < COPIES; i++)
        hf_sip_keep_give(keep, copies[i], bytes.bytes);
    kit_pass(4000);
    read_method("SUBSCRIBE");
    memcpy(invite.text, kit.text, sizeof(invite.text));
    assert_int_equal(hf_sip_parse(invite.text, strlen(invite.text), true, NULL, &invite.msg), HF_OK);
    answer_with(200, "cam", CONTACT "Expires: 600\r\n", NULL);
    kit_pass(0);
    assert_int_equal(alarm_sub()->rule.state, HF_GB_SUB_ACTIVE);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(subscriptions), cmocka_unit_test(dialogs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
