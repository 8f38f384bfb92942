#include "core/sip/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"

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
        {"", ""},
        {"\r\n\r\n", "\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char text[1024];
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sip_trace_mask(&sb, hf_slice_of(rows[i].in));
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
        hf_sip_trace_mask(&sb, HF_SLICE(message));
        assert_null(strstr(text, "SEC"));
    }
    for (size_t bytes = 1; bytes < sizeof(message); bytes++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_sip_trace_mask(&sb, (struct hf_slice){message, bytes});
        assert_null(strstr(text, "SEC"));
    }
}

static void add(struct hf_sip_trace_ring *ring, struct hf_sip_trace *trace, const char *text, bool sent,
                bool routine, uint64_t now_ms)
{
    assert_int_equal(hf_sip_trace_add(ring, trace, sent, routine, hf_slice_of(text), now_ms), HF_OK);
}

static void the_newest_first_and_no_more_than_64(void **state)
{
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(0);
    struct hf_sip_trace a = {.device = 1}, b = {.device = 2};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;
    char text[32];
    unsigned count = 0;

    (void)state;
    walk = hf_sip_trace_walk(ring, &a);
    assert_false(hf_sip_trace_next(&walk, &entry));
    assert_int_equal(hf_sip_trace_ring_stats(ring).oldest_ms, 0);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "message %u", i);
        add(ring, &a, text, i % 2, false, 1000 + i);
        add(ring, &b, "other", false, false, 1000 + i);
    }
    for (walk = hf_sip_trace_walk(ring, &a); hf_sip_trace_next(&walk, &entry); count++) {
        (void)snprintf(text, sizeof(text), "message %u", 99 - count);
        assert_true(hf_slice_is(entry.text, text));
        assert_int_equal(entry.first_ms, 1099 - count);
        assert_int_equal(entry.sent, (99 - count) % 2);
        assert_int_equal(entry.count, 1);
        assert_int_equal(entry.bytes, strlen(text));
        assert_false(entry.cut || entry.routine);
    }
    assert_int_equal(count, HF_SIP_TRACE_MESSAGES_MAX);
    assert_int_equal(hf_sip_trace_ring_stats(ring).added, 200);
    assert_int_equal(hf_sip_trace_ring_stats(ring).oldest_ms, 1000);
    hf_sip_trace_ring_free(ring);
}

static void routine_is_counted(void **state)
{
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(0);
    struct hf_sip_trace a = {.device = 1};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;

    (void)state;
    add(ring, &a, "REGISTER", false, false, 1);
    for (unsigned i = 0; i < 50; i++) {
        add(ring, &a, "keepalive", false, true, 10 + i);
        add(ring, &a, "200", true, true, 11 + i);
    }
    add(ring, &a, "MESSAGE", true, false, 90);
    add(ring, &a, "keepalive again", false, true, 100);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 1 && entry.routine && !entry.sent);
    assert_true(hf_slice_is(entry.text, "keepalive again"));
    assert_true(hf_sip_trace_next(&walk, &entry) && hf_slice_is(entry.text, "MESSAGE"));
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 50 && entry.sent);
    assert_int_equal(entry.first_ms, 11);
    assert_int_equal(entry.last_ms, 60);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 50 && !entry.sent);
    assert_true(hf_sip_trace_next(&walk, &entry) && hf_slice_is(entry.text, "REGISTER"));
    assert_false(hf_sip_trace_next(&walk, &entry));
    assert_int_equal(hf_sip_trace_ring_stats(ring).counted_in, 98);
    hf_sip_trace_ring_free(ring);
}

static void long_messages_are_cut(void **state)
{
    static char text[70000];
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(1);
    struct hf_sip_trace a = {.device = 1};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;

    (void)state;
    assert_int_equal(hf_sip_trace_ring_stats(ring).bytes_max, HF_SIP_TRACE_BYTES_MIN);
    memset(text, 'x', sizeof(text));
    text[HF_SIP_TRACE_TEXT_BYTES_MAX] = 0;
    add(ring, &a, text, false, false, 1);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && !entry.cut &&
                entry.text.bytes == HF_SIP_TRACE_TEXT_BYTES_MAX);
    text[HF_SIP_TRACE_TEXT_BYTES_MAX] = 'x';
    text[65535] = 0;
    add(ring, &a, text, false, false, 2);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.cut && entry.bytes == 65535);
    assert_int_equal(entry.text.bytes, HF_SIP_TRACE_TEXT_BYTES_MAX);
    hf_sip_trace_ring_free(ring);
}

/* Random devices and lengths against a list of everything: what is shown is always the newest of a device, in order and whole, and the ring forgets the oldest only. */
static void the_ring_against_a_list(void **state)
{
    enum { DEVICES = 7, ADDS = 20000 };
    static struct {
        unsigned device;
        size_t bytes;
    } all[ADDS];
    static char text[3000];
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(1);
    struct hf_sip_trace traces[DEVICES] = {0};
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 7);
    for (unsigned i = 0; i < DEVICES; i++)
        traces[i].device = 100 + i;
    for (unsigned i = 0; i < ADDS; i++) {
        unsigned device = (unsigned)hf_rng_below(&rng, DEVICES), shown = 0, at = i + 1;
        size_t bytes = (size_t)hf_rng_below(&rng, hf_rng_below(&rng, 20) == 0 ? 3000 : 500);
        struct hf_sip_trace_walk walk;
        struct hf_sip_trace_entry entry;

        memset(text, 'a' + (int)(i % 26), bytes);
        all[i].device = device;
        all[i].bytes = bytes;
        assert_int_equal(
            hf_sip_trace_add(ring, &traces[device], false, false, (struct hf_slice){text, bytes}, i), HF_OK);
        if (i % 16 != 0)
            continue;
        device = (unsigned)hf_rng_below(&rng, DEVICES);
        for (walk = hf_sip_trace_walk(ring, &traces[device]); hf_sip_trace_next(&walk, &entry); shown++) {
            do
                at--;
            while (all[at].device != device);
            assert_int_equal(entry.first_ms, at);
            assert_int_equal(entry.bytes, all[at].bytes);
            assert_int_equal(entry.text.bytes, HF_MIN(all[at].bytes, (size_t)HF_SIP_TRACE_TEXT_BYTES_MAX));
            if (entry.text.bytes > 0) {
                assert_int_equal(entry.text.at[0], 'a' + at % 26);
                assert_int_equal(entry.text.at[entry.text.bytes - 1], 'a' + at % 26);
            }
            assert_true(at >= hf_sip_trace_ring_stats(ring).oldest_ms);
        }
        assert_true(shown == HF_SIP_TRACE_MESSAGES_MAX || shown > 3 || i < 200);
    }
    assert_true(hf_sip_trace_ring_stats(ring).overwritten > ADDS / 2);
    assert_true(ADDS - hf_sip_trace_ring_stats(ring).oldest_ms > 100);
    hf_sip_trace_ring_free(ring);
    hf_sip_trace_ring_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_secret_is_masked),
        cmocka_unit_test(no_cut_shows_a_secret),
        cmocka_unit_test(the_newest_first_and_no_more_than_64),
        cmocka_unit_test(routine_is_counted),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(the_ring_against_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
