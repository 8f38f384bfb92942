#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/logger.h"
#include "base/reason.h"

struct capture { /* the last line, and how many there were */
    char line[HF_LOG_LINE_BYTES_MAX + 1];
    size_t bytes;
    unsigned lines;
};

static void capture_line(void *context, const char *line, size_t bytes)
{
    struct capture *capture = context;

    assert_true(bytes <= HF_LOG_LINE_BYTES_MAX);
    memcpy(capture->line, line, bytes);
    capture->line[bytes] = '\0';
    capture->bytes = bytes;
    capture->lines++;
}

static uint64_t noon(void *context)
{
    (void)context;
    return 1772366400123;
}

static struct capture capture;
static const struct hf_log_sink sink = {capture_line, noon, &capture};

#define HEAD_LOGFMT "time=2026-03-01T12:00:00.123Z level=info event=listening text=\"accepting connections\""
#define HEAD_JSON                                                                        \
    "{\"time\":\"2026-03-01T12:00:00.123Z\",\"level\":\"info\",\"event\":\"listening\"," \
    "\"text\":\"accepting connections\""

static void fields_of_every_type_in_both_formats(void **state)
{
    static const char *const want[] = {
        HEAD_LOGFMT " s=plain q=\"two words\" empty=\"\" sl=ab u=18446744073709551615 i=-5 b=true n=false "
                    "conn=c_00000000000000ff\n",
        HEAD_JSON
        ",\"s\":\"plain\",\"q\":\"two words\",\"empty\":\"\",\"sl\":\"ab\","
        "\"u\":18446744073709551615,\"i\":-5,\"b\":true,\"n\":false,\"conn\":\"c_00000000000000ff\"}\n",
    };

    (void)state;
    for (int format = HF_LOG_LOGFMT; format <= HF_LOG_JSON; format++) {
        struct hf_logger logger;

        hf_logger_init(&logger, &sink, (enum hf_log_format)format, HF_LOG_INFO);
        hf_log(&logger, HF_LOG_LISTENING, HF_F_STR("s", "plain"), HF_F_STR("q", "two words"),
               HF_F_STR("empty", ""), HF_F_SLICE("sl", HF_SLICE("ab")), HF_F_STR("absent", NULL),
               HF_F_SLICE("absent", ((struct hf_slice){NULL, 0})), HF_F_U64("u", UINT64_MAX),
               HF_F_I64("i", -5), HF_F_BOOL("b", 7), HF_F_BOOL("n", 0), HF_F_CONN(255), HF_F_END);
        assert_string_equal(capture.line, want[format]);
    }
}

static void connection_events_follow_the_schema(void **state)
{
    struct hf_logger logger;

    (void)state;
    hf_logger_init(&logger, &sink, HF_LOG_LOGFMT, HF_LOG_DEBUG);
    hf_log(&logger, HF_LOG_CONN_CLOSE, HF_F_CONN(1), HF_F_DEVICE(HF_SLICE("cam-1")),
           HF_F_TENANT(HF_SLICE("t")), HF_F_PREV_STATE("CONNECTED"), HF_F_PAYLOAD_BYTES(12),
           HF_F_ERR(HF_ERR_TIMEOUT), HF_F_CLOSE_CODE(4408), HF_F_REASON(HF_REASON_HEARTBEAT_TIMEOUT),
           HF_F_END);
    assert_string_equal(
        strstr(capture.line, "event="),
        "event=conn_close text=\"connection closed\" conn=c_0000000000000001 device=cam-1 tenant=t "
        "prev_state=CONNECTED payload_bytes=12 error=HF_ERR_TIMEOUT close_code=4408 "
        "reason=heartbeat_timeout\n");
    hf_log(&logger, HF_LOG_CONN_ERROR, HF_F_ERROR("peer reset"), HF_F_END);
    assert_non_null(strstr(capture.line, " error=\"peer reset\"\n"));
}

static void no_value_can_forge_a_line(void **state)
{
    static const struct {
        const char *value, *logfmt, *json;
    } rows[] = {
        {"a\nlevel=error", "v=\"a\\nlevel=error\"", "\"v\":\"a\\nlevel=error\""},
        {"a\rb", "v=\"a\\rb\"", "\"v\":\"a\\rb\""},
        {"x y=z", "v=\"x y=z\"", "\"v\":\"x y=z\""},
        {"x\" y=\"z", "v=\"x\\\" y=\\\"z\"", "\"v\":\"x\\\" y=\\\"z\""},
        {"k=v", "v=\"k=v\"", "\"v\":\"k=v\""},
        {"\\", "v=\"\\\\\"", "\"v\":\"\\\\\""},
        {"\x1b[2J", "v=\"\\u001b[2J\"", "\"v\":\"\\u001b[2J\""},
        {"\xc2\x9b"
         "2J",
         "v=\"\\u009b2J\"", "\"v\":\"\\u009b2J\""},
        {"\xff", "v=\"\xef\xbf\xbd\"", "\"v\":\"\xef\xbf\xbd\""},
        {"\xe2\x80\xa8", "v=\"\\u2028\"", "\"v\":\"\\u2028\""},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        for (int format = HF_LOG_LOGFMT; format <= HF_LOG_JSON; format++) {
            struct hf_logger logger;

            hf_logger_init(&logger, &sink, (enum hf_log_format)format, HF_LOG_INFO);
            hf_log(&logger, HF_LOG_LISTENING, HF_F_STR("v", rows[i].value), HF_F_END);
            assert_non_null(strstr(capture.line, format == HF_LOG_JSON ? rows[i].json : rows[i].logfmt));
            assert_ptr_equal(strchr(capture.line, '\n'), capture.line + capture.bytes - 1);
        }
    }
}

/* Whatever the lengths: at most 2 KiB, one newline at the end, quotes closed, the mark exactly when cut. */
static void long_lines_are_cut_with_a_mark(void **state)
{
    static char value[3000];
    static const char letters[] = {'a', '"', '\x01'};

    (void)state;
    for (size_t c = 0; c < HF_COUNT_OF(letters); c++) {
        memset(value, letters[c], sizeof(value));
        for (size_t bytes = 0; bytes<sizeof(value); bytes += bytes> 200 && bytes < 1800 ? 97 : 1) {
            for (int format = HF_LOG_LOGFMT; format <= HF_LOG_JSON; format++) {
                static const char *const ends[2][2] = {{"end=1\n", " cut=true\n"},
                                                       {",\"end\":1}\n", ",\"cut\":true}\n"}};
                const struct hf_field fields[] = {HF_F_SLICE("v", ((struct hf_slice){value, bytes})),
                                                  HF_F_U64("end", 1), HF_F_END};
                char line[HF_LOG_LINE_BYTES_MAX + 2];
                const char *want;
                bool cut;
                size_t quotes = 0, n;

                line[HF_LOG_LINE_BYTES_MAX + 1] = 0x55;
                n = hf_log_line(line, (enum hf_log_format)format, 0, HF_LOG_INTERNAL, fields, &cut);
                want = ends[format][cut];
                assert_int_equal(line[HF_LOG_LINE_BYTES_MAX + 1], 0x55);
                assert_true(n <= HF_LOG_LINE_BYTES_MAX && line[n] == '\0');
                assert_string_equal(line + n - strlen(want), want);
                assert_ptr_equal(strchr(line, '\n'), line + n - 1);
                for (size_t i = 0; i < n; i++) {
                    if (line[i] == '\\')
                        i++;
                    else
                        quotes += line[i] == '"';
                }
                assert_int_equal(quotes % 2, 0);
                if (bytes < 200 || bytes > 2000)
                    assert_int_equal(cut, bytes > 2000);
                if (cut)
                    assert_true(n > HF_LOG_LINE_BYTES_MAX - 64); /* what fits is kept */
            }
        }
    }
}

static void a_cut_line_is_counted_and_keeps_its_first_fields(void **state)
{
    static char value[5000];
    struct hf_logger logger;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    hf_logger_init(&logger, &sink, HF_LOG_LOGFMT, HF_LOG_INFO);
    hf_log(&logger, HF_LOG_LISTENING, HF_F_U64("first", 1), HF_F_STR("v", value), HF_F_U64("last", 1),
           HF_F_END);
    assert_non_null(strstr(capture.line, " first=1 v=xxx"));
    assert_null(strstr(capture.line, "last="));
    assert_int_equal(logger.cut_total, 1);
    assert_int_equal(logger.lines_total, 1);
}

static void the_level_filters_at_run_time(void **state)
{
    struct hf_logger logger;

    (void)state;
    hf_logger_init(&logger, &sink, HF_LOG_LOGFMT, HF_LOG_WARN);
    capture.lines = 0;
    hf_log(&logger, HF_LOG_LISTENING, HF_F_END);
    assert_int_equal(capture.lines, 0);
    hf_log(&logger, HF_LOG_INTERNAL, HF_F_END);
    assert_int_equal(capture.lines, 1);
    hf_logger_set_level(&logger, HF_LOG_INFO);
    assert_true(hf_log_enabled(&logger, HF_LOG_LISTENING));
    assert_false(hf_log_enabled(&logger, HF_LOG_CONN_MSG));
    hf_log(&logger, HF_LOG_LISTENING, HF_F_END);
    assert_int_equal(capture.lines, 2);
    hf_log(NULL, HF_LOG_INTERNAL, HF_F_END);
    assert_false(hf_log_enabled(NULL, HF_LOG_INTERNAL));
}

static void event_names_are_unique_identifiers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_LOG_EVENTS; i++) {
        const char *name = hf_log_event_name((enum hf_log_event)i);

        assert_true(strlen(name) > 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        assert_true(hf_log_event_level((enum hf_log_event)i) < HF_LOG_LEVELS);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(name, hf_log_event_name((enum hf_log_event)k));
    }
}

static void levels_have_names(void **state)
{
    enum hf_log_level level;

    (void)state;
    for (unsigned i = 0; i < HF_LOG_LEVELS; i++) {
        assert_true(hf_log_level_by_name(hf_slice_of(hf_log_level_name((enum hf_log_level)i)), &level));
        assert_int_equal(level, i);
    }
    assert_false(hf_log_level_by_name(HF_SLICE("INFO"), &level));
    assert_false(hf_log_level_by_name(HF_SLICE(""), &level));
}

/* Threads share one logger; the sink sees whole lines of one thread each. */
enum { THREADS = 4, LINES_PER_THREAD = 2000 };

static _Atomic unsigned seen[THREADS];

static void check_line(void *context, const char *line, size_t bytes)
{
    const char *thread = strstr(line, " thread="), *copy = strstr(line, " copy=");

    (void)context;
    HF_ASSERT(thread != NULL && copy != NULL && line[bytes - 1] == '\n');
    HF_ASSERT(thread[8] == copy[6]); /* both fields from the same caller */
    seen[thread[8] - '0']++;
}

struct work {
    struct hf_logger *logger;
    unsigned number;
};

static void *log_many(void *context)
{
    const struct work *work = context;

    for (unsigned i = 0; i < LINES_PER_THREAD; i++)
        hf_log(work->logger, HF_LOG_LISTENING, HF_F_U64("thread", work->number), HF_F_U64("i", i),
               HF_F_U64("copy", work->number), HF_F_END);
    return NULL;
}

static void threads_may_share_a_logger(void **state)
{
    const struct hf_log_sink checking = {check_line, noon, NULL};
    struct hf_logger logger;
    struct work work[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    hf_logger_init(&logger, &checking, HF_LOG_LOGFMT, HF_LOG_INFO);
    for (unsigned i = 0; i < THREADS; i++) {
        work[i].logger = &logger;
        work[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &work[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(seen[i], LINES_PER_THREAD);
    assert_int_equal(logger.lines_total, THREADS * LINES_PER_THREAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_type_in_both_formats),
        cmocka_unit_test(connection_events_follow_the_schema),
        cmocka_unit_test(no_value_can_forge_a_line),
        cmocka_unit_test(long_lines_are_cut_with_a_mark),
        cmocka_unit_test(a_cut_line_is_counted_and_keeps_its_first_fields),
        cmocka_unit_test(the_level_filters_at_run_time),
        cmocka_unit_test(event_names_are_unique_identifiers),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(threads_may_share_a_logger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
