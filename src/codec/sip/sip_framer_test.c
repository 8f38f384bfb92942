/* codec/sip/sip_framer_test.c - each row runs byte by byte and in every chunk size, with the bytes moved in memory between calls; the
 * events are the same. */
#include "codec/sip/framer.h"
#include "codec/sip/sip_testkit.h"

enum { TEXT_BYTES = 256 * 1024 };

/* What the stream says, as a text: "ping", "[message]", "!problem(head known)". Keeps the caller's contract: drops what is taken,
 * offers the rest again with more behind it. */
static void transcribe(const char *in, size_t bytes, size_t chunk_bytes, const struct hf_sip_limits *limits,
                       struct hf_sb *sb)
{
    struct hf_sip_framer framer = {0};
    size_t at = 0, have = 0; /* in[at..at+have) is what the caller holds */
    const struct hf_sip_limits *bound = limits != NULL ? limits : &hf_sip_limits_default;

    while (at + have < bytes) {
        have = HF_MIN(bytes - at, have + chunk_bytes);
        for (bool more = false; !more;) {
            char *copy = malloc(have + 1);
            struct hf_sip_frame frame;

            assert_non_null(copy);
            memcpy(copy, in + at, have);
            hf_err err = hf_sip_frame(&framer, copy, have, limits, &frame);

            if (err != HF_OK) {
                hf_sb_printf(sb, "!%s%s", hf_sip_problem_info((enum hf_sip_problem)framer.problem)->name,
                             frame.message.bytes > 0 ? " head" : "");
                assert_int_equal(err, hf_sip_problem_err((enum hf_sip_problem)framer.problem));
                if (frame.message.bytes > 0) { /* what may be answered: a parse that fails too */
                    static struct hf_sip_msg msg;

                    assert_int_not_equal(
                        hf_sip_parse(frame.message.at, frame.message.bytes, true, limits, &msg), HF_OK);
                }
                assert_int_equal(hf_sip_frame(&framer, copy, have, limits, &frame), err); /* final */
                assert_int_equal(frame.taken, 0);
                free(copy);
                return;
            }
            assert_true(frame.taken <= have);
            if (frame.type == HF_SIP_FRAME_PING)
                hf_sb_text(sb, "ping ");
            if (frame.type == HF_SIP_FRAME_MESSAGE) {
                assert_ptr_equal(frame.message.at + frame.message.bytes, copy + frame.taken);
                hf_sb_char(sb, '[');
                hf_sb_slice(sb, frame.message);
                hf_sb_text(sb, "] ");
            }
            free(copy);
            at += frame.taken;
            have -= frame.taken;
            more = frame.type == HF_SIP_FRAME_MORE;
            if (more) {
                assert_true(have < (size_t)bound->head_bytes_max + bound->body_bytes_max);
                assert_true(frame.need_bytes == 0 || frame.need_bytes > have);
            }
        }
    }
    hf_sb_printf(sb, "left %zu", have);
}

static void expect(const char *in, const struct hf_sip_limits *limits, const char *want)
{
    size_t bytes = strlen(in);
    static char text[TEXT_BYTES];

    for (size_t chunk_bytes = 1; chunk_bytes <= bytes; chunk_bytes++) {
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        transcribe(in, bytes, chunk_bytes, limits, &sb);
        if (strcmp(text, want) != 0)
            fail_msg("by %zu: %.*s gives\n%s, not\n%s", chunk_bytes, (int)bytes, in, text, want);
    }
}

#define A "A b SIP/2.0\r\n"

static void cuts_messages(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {A "l: 0\r\n\r\n", "[" A "l: 0\r\n\r\n] left 0"},
        {A "l: 2\r\n\r\nhi", "[" A "l: 2\r\n\r\nhi] left 0"},
        {A "l: 2\r\n\r\nhi" A "l: 3\r\n\r\n\r\n\r" A,
         "[" A "l: 2\r\n\r\nhi] [" A "l: 3\r\n\r\n\r\n\r] left 13"},
        {A "Content-Length:\r\n 1\r\nX: y\r\n\r\nz", "[" A "Content-Length:\r\n 1\r\nX: y\r\n\r\nz] left 0"},
        {A "CONTENT-LENGTH : 1\r\n\r\nz", "[" A "CONTENT-LENGTH : 1\r\n\r\nz] left 0"},
        {A "X: y\r\n Content-Length: 5\r\nl: 1\r\n\r\nz",
         "[" A "X: y\r\n Content-Length: 5\r\nl: 1\r\n\r\nz] left 0"}, /* a fold is no header */
        {"A b SIP/2.0\nl: 1\n\nz", "[A b SIP/2.0\nl: 1\n\nz] left 0"},
        {"A b SIP/2.0\nl: 1\r\n\nz", "[A b SIP/2.0\nl: 1\r\n\nz] left 0"},
        {"A b SIP/2.0\r\nl: 1\n\r\nz", "[A b SIP/2.0\r\nl: 1\n\r\nz] left 0"},
        {A "l: 1\r\nl: 1\r\n\r\nz", "[" A "l: 1\r\nl: 1\r\n\r\nz] left 0"},
        {A "\rl: 1\r\nl: 0\r\n\r\n", "[" A "\rl: 1\r\nl: 0\r\n\r\n] left 0"}, /* for the parser to refuse */
        {"A\nl: 0\n\n", "[A\nl: 0\n\n] left 0"},
        {"\r" A "l: 0\r\n\r\n", "[\r" A "l: 0\r\n\r\n] left 0"},
        {A "l: 2\r\n\r\n h" A,
         "[" A "l: 2\r\n\r\n h] left 13"}, /* a blank behind the empty line is body, no fold */
        {A "l: 5\r\n\r\nhi", "left 23"},
        {A "l: 5", "left 17"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, NULL, rows[i].want);
}

static void keepalives_between_messages(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"\r\n", "left 0"},
        {"\r\n\r\n", "ping left 0"},
        {"\r\n\r\n\r\n\r\n", "ping ping left 0"},
        {"\r\n\r\n\r\n", "ping left 0"},
        {"\n\n", "ping left 0"},
        {"\r", "left 1"},
        {"\r\n" A "l: 0\r\n\r\n\r\n\r\n", "[" A "l: 0\r\n\r\n] ping left 0"},
        {A "l: 0\r\n\r\n\r\n" A "l: 0\r\n\r\n\r\n",
         "[" A "l: 0\r\n\r\n] [" A "l: 0\r\n\r\n] left 0"}, /* single ones are no ping */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, NULL, rows[i].want);
}

static void lost_framing_is_final(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {A "\r\n", "!content_length_missing head"},
        {A "l:\r\n\r\n", "!content_length_missing head"},
        {A "l: x\r\n\r\n", "!bad_content_length head"},
        {A "l: -1\r\n\r\n", "!bad_content_length head"},
        {A "l: 1, 1\r\n\r\n", "!bad_content_length head"},
        {A "l: 1\r\nContent-Length: 2\r\n\r\nz", "!header_repeated head"},
        {A "l: 16777217\r\n\r\n", "!body_too_big head"},
        {A "l: 0\r\n\r\n" A "\r\nl: 0\r\n\r\n", "[" A "l: 0\r\n\r\n] !content_length_missing head"},
        {"A\r\n\r\n", "!content_length_missing head"},
        {"\r" A "\r\n", "!content_length_missing head"},
    };
    struct hf_sip_limits limits = hf_sip_limits_default;
    const char *without = A "\r\n" A "l:\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, NULL, rows[i].want);
    limits.tolerances |= HF_SIP_TOL_NO_LENGTH;
    expect(without, &limits, "[" A "\r\n] [" A "l:\r\n\r\n] left 0");
    limits.tolerances = 0;
    expect(A "l: 1\r\nl: 1\r\n\r\nz", &limits, "!header_repeated head");
    expect(A "l:\r\n\r\n", &limits, "!bad_content_length head");
}

static void bounds(void **state)
{
    struct hf_sip_limits limits = {.head_bytes_max = 21, .body_bytes_max = 2};

    (void)state;
    expect(A "l: 2\r\n\r\nhi", &limits, "[" A "l: 2\r\n\r\nhi] left 0"); /* a head of 21 */
    expect(A "l:  2\r\n\r\nhi", &limits, "!head_too_big");
    expect(A "l: 2\r\n \r\nhi", &limits, "!head_too_big");
    expect(A "l: 3\r\n\r\nhi3", &limits, "!body_too_big head");
    expect("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &limits, "!head_too_big");
    expect("AAAAAAAAAAAAAAAAAAAAA", &limits, "!head_too_big"); /* 21: as many as there may be, and no end */
    expect("AAAAAAAAAAAAAAAAAAAA", &limits, "left 20");
    expect("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", &limits,
           "ping ping ping ping ping ping left 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_messages),
        cmocka_unit_test(keepalives_between_messages),
        cmocka_unit_test(lost_framing_is_final),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
