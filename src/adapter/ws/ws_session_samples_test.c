/* Batches of samples (DATA format 4): checked when they come, asked for again when their CRC is wrong, given up when it stays so. */
#include "adapter/ws/ws_session_testkit.h"

static uint8_t batch[HF_SAMPLES_BYTES_MAX];
static uint32_t uncertainty_us;

/* One sample of this power, as a frame. */
static struct hf_frame sk_samples(uint32_t seq, int16_t power_w, bool damaged)
{
    struct hf_samples head = {.boot_id = {7},
                              .utc_offset_ns = INT64_C(1764000000000000000),
                              .count = 1,
                              .uncertainty_us = uncertainty_us,
                              .lost = 2};
    struct hf_sample sample = {seq * UINT64_C(10000000), 180, power_w, -256};
    struct hf_frame frame = sk_data(seq, "samples", NULL);

    size_t bytes = hf_samples_write(batch, &head, &sample);
    batch[40] ^= damaged;
    frame.as.data.format = HF_FORMAT_SAMPLES;
    frame.as.data.payload = (struct hf_slice){(const char *)batch, bytes};
    return frame;
}

static const struct hf_twin *twin(void)
{
    return hf_twins_find(&kit.hub.twins, HF_SLICE("acme"), HF_SLICE("d1"));
}

static void say(struct kit_link *link, uint32_t seq, int16_t power_w, bool damaged)
{
    struct hf_frame frame = sk_samples(seq, power_w, damaged);

    sk_say(link, &frame);
}

static void a_batch_is_seen_at_once_and_recorded(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    assert_null(kit.hub.twins.slab); /* nothing is held for fleets without samples */
    say(link, 1, 210, false);
    assert_non_null(twin()); /* before it is durable */
    assert_int_equal(twin()->last.power_w, 210);
    assert_int_equal(twin()->lost, 2);
    const struct hf_event *event = kit_last(&kit, HF_EVENT_MESSAGE);
    assert_int_equal(event->format, HF_FORMAT_SAMPLES);
    assert_int_equal(event->payload.bytes, HF_SAMPLES_HEAD_BYTES + HF_SAMPLE_BYTES + HF_SAMPLES_CRC_BYTES);
    say(link, 1, 210, false); /* again: known */
    assert_int_equal(twin()->samples, 1);
    say(link, 3, 230, false); /* early: in turn when the one before is there */
    assert_int_equal(twin()->last.power_w, 210);
    say(link, 2, 220, false);
    assert_int_equal(twin()->last.power_w, 230);
    assert_int_equal(twin()->samples, 3);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 3);
}

static void ages_are_of_synchronised_clocks_only(void **state)
{
    static struct hf_latencies latencies;
    struct kit_link *link = sk_device("d1");
    const struct hf_latency *capture = &latencies.of[HF_LATENCY_CAPTURE],
                            *half = &latencies.of[HF_LATENCY_HALF_RTT];

    (void)state;
    memset(&latencies, 0, sizeof(latencies));
    kit.hub.options.latencies = &latencies;
    sk.kernel.rtt_us = 12000;
    uncertainty_us = 300;
    say(link, 1, 210, false);
    assert_int_equal(hf_hist_count(&capture->us), 1);
    assert_int_equal(capture->uncertainty_us_max, 300);
    assert_int_equal(hf_hist_count(&half->us), 0);
    uncertainty_us = HF_LATENCY_SYNCHRONISED_US; /* nobody knows when these were captured */
    say(link, 2, 210, false);
    assert_int_equal(hf_hist_count(&capture->us), 1);
    assert_int_equal(hf_hist_count(&half->us), 1);
    assert_int_equal(hf_hist_max(&half->us), 6000);
    sk.kernel.rtt_us = 0; /* and of these nothing at all */
    say(link, 3, 210, false);
    assert_int_equal(hf_hist_count(&half->us), 1);
    uncertainty_us = 0;
}

static void a_corrupt_batch_is_asked_for_again(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    say(link, 1, 210, false);
    sk_turn();
    sk_expect_ack(link, 1, 1);
    say(link, 2, 220, true);
    const struct hf_frame *nack = sk_expect(link, HF_FRAME_ACK);
    assert_true(nack->as.ack.nack);
    assert_int_equal(nack->as.ack.received_through, 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    assert_int_equal(twin()->samples, 1);
    assert_int_equal(kit.site.stats.samples_corrupt, 1);
    say(link, 2, 220, false);
    assert_int_equal(twin()->last.power_w, 220);
    sk_turn();
    sk_expect_ack(link, 2, 2);
}

static void one_that_stays_corrupt_is_given_up(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    for (unsigned i = 0; i < HF_WS_BATCH_ASKS_MAX; i++) {
        say(link, 1, 210, true);
        assert_true(sk_expect(link, HF_FRAME_ACK)->as.ack.nack);
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE_GAP), 0);
    }
    say(link, 1, 210, true);
    const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
    assert_int_equal(refuse->as.refuse.seq, 1);
    assert_int_equal(refuse->as.refuse.reason, HF_REASON_CORRUPT);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->reason,
                     HF_REASON_CORRUPT); /* it is in the ledger */
    assert_int_equal(kit.site.stats.samples_corrupt, HF_WS_BATCH_ASKS_MAX + 1);
    say(link, 2, 220, false); /* and nothing stands in the way of what follows */
    assert_int_equal(twin()->last.power_w, 220);
    sk_turn();
    sk_expect_ack(link, 2, 2);
}

/* A window full of batches that are damaged for good: the first of them is given up all the same. */
static void those_behind_it_do_not_count(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    say(link, 1, 210, true);
    assert_true(sk_expect(link, HF_FRAME_ACK)->as.ack.nack);
    for (uint32_t seq = 2; seq < 2 + HF_STRIKES_MAX; seq++)
        say(link, seq, 210, true);
    say(link, 1, 210, true);
    assert_true(sk_expect(link, HF_FRAME_ACK)->as.ack.nack);
    say(link, 1, 210, true);
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.seq, 1);
    assert_int_equal(kit.site.stats.samples_corrupt, HF_WS_BATCH_ASKS_MAX + 1 + HF_STRIKES_MAX);
    say(link, 2, 220, false); /* in turn now, and whole */
    assert_int_equal(twin()->last.power_w, 220);
}

static void many_corrupt_batches_end_the_session(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    for (uint32_t seq = 1; seq < HF_STRIKES_MAX; seq++) {
        say(link, seq, 210, true);
        assert_true(sk_expect(link, HF_FRAME_ACK)->as.ack.nack);
        say(link, seq, 210, false);
    }
    say(link, HF_STRIKES_MAX, 210, true);
    sk_expect_bye(link, HF_REASON_CORRUPT);
}

static void what_is_no_batch_is_refused(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame frame = sk_data(1, "samples", "not a batch at all, though it says so");

    (void)state;
    frame.as.data.format = HF_FORMAT_SAMPLES;
    frame.as.data.payload.bytes = 3;
    sk_say(link, &frame);
    const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
    assert_int_equal(refuse->as.refuse.seq, 1);
    assert_int_equal(refuse->as.refuse.reason, HF_REASON_BAD_REQUEST);
    assert_int_equal(kit.site.stats.samples_malformed, 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    assert_null(kit.hub.twins.slab);
}

static void in_raw_mode_the_device_is_told(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    struct kit_link *link = kit_link_new(&kit);
    struct hf_frame frame = sk_samples(1, 210, false);
    enum hf_reason reason;

    (void)state;
    admit.format = HF_FORMAT_SAMPLES;
    assert_int_equal(hf_ws_open(&kit.site, &link->link, &admit, &reason), HF_OK);
    link->read_at = link->out_bytes;
    kit_say(link, HF_WS_OP_BINARY, frame.as.data.payload.at, frame.as.data.payload.bytes);
    assert_int_equal(twin()->last.power_w, 210);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->format, HF_FORMAT_SAMPLES);
    batch[40] ^= 1;
    kit_say(link, HF_WS_OP_BINARY, frame.as.data.payload.at, frame.as.data.payload.bytes);
    kit_expect_text(link, "{\"type\":\"error\",\"reason\":\"corrupt\",\"detail\":\"the CRC of this batch of "
                          "samples is wrong; send it again\"}");
    kit_say(link, HF_WS_OP_BINARY, "x", 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    assert_int_equal(kit.site.stats.samples_corrupt, 1);
    assert_int_equal(kit.site.stats.samples_malformed, 1);
    kit_say(link, HF_WS_OP_TEXT, "hello", 5); /* text is what it was */
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->format, HF_FORMAT_OPAQUE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, sk_begin, sk_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_batch_is_seen_at_once_and_recorded), T(a_corrupt_batch_is_asked_for_again),
        T(ages_are_of_synchronised_clocks_only), T(one_that_stays_corrupt_is_given_up),
        T(those_behind_it_do_not_count),         T(many_corrupt_batches_end_the_session),
        T(what_is_no_batch_is_refused),          T(in_raw_mode_the_device_is_told),
    };

    return cmocka_run_group_tests_name("ws_session_samples", tests, NULL, NULL);
}
