#include "bench/chaos/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void push(struct hf_chaos_line *line, const char *text, uint64_t due_us)
{
    assert_int_equal(hf_chaos_line_push(line, HF_CHAOS_DATA, text, (uint32_t)strlen(text), 1, due_us), HF_OK);
}

/* Takes all that is due, `part` bytes at a time. */
static void expect(struct hf_chaos_line *line, uint64_t now_us, uint32_t part, const char *want)
{
    char got[256] = "";
    struct hf_chaos_piece *piece;

    while ((piece = hf_chaos_line_due(line, now_us)) != NULL) {
        uint32_t left = piece->bytes - piece->taken_bytes, bytes = left < part ? left : part;

        assert_true(piece->due_us <= now_us);
        strncat(got, (const char *)piece->data + piece->taken_bytes, bytes);
        hf_chaos_line_take(line, bytes);
    }
    assert_string_equal(got, want);
}

static void nothing_comes_before_its_time(void **state)
{
    (void)state;
    for (uint32_t part = 1; part < 8; part++) {
        struct hf_chaos_line line;

        hf_chaos_line_init(&line);
        assert_true(hf_chaos_line_next_us(&line) == UINT64_MAX &&
                    hf_chaos_line_due(&line, UINT64_MAX) == NULL);
        push(&line, "one ", 10);
        push(&line, "two ", 10); /* equal times: in order */
        push(&line, "three ", 20);
        push(&line, "early ", 5); /* overtakes */
        assert_int_equal(hf_chaos_line_next_us(&line), 5);
        expect(&line, 4, part, "");
        expect(&line, 5, part, "early ");
        expect(&line, 19, part, "one two ");
        assert_int_equal(hf_chaos_line_next_us(&line), 20);
        expect(&line, 20, part, "three ");
        assert_int_equal(line.cost_bytes, 0);
    }
}

static void its_cost_is_what_it_holds(void **state)
{
    struct hf_chaos_line line;
    struct hf_chaos_piece *piece;

    (void)state;
    hf_chaos_line_init(&line);
    push(&line, "0123456789", 1);
    assert_int_equal(line.cost_bytes, 10 + sizeof(struct hf_chaos_piece));
    hf_chaos_line_take(&line, 4);
    assert_int_equal(line.cost_bytes, 6 + sizeof(struct hf_chaos_piece));
    assert_int_equal(hf_chaos_line_push(&line, HF_CHAOS_FIN, NULL, 0, 1, 2), HF_OK);
    push(&line, "", 3); /* an empty datagram */
    assert_int_equal(line.cost_bytes, 6 + 3 * sizeof(struct hf_chaos_piece));
    hf_chaos_line_take(&line, 6);
    piece = hf_chaos_line_due(&line, 2);
    assert_true(piece != NULL && piece->kind == HF_CHAOS_FIN && piece->bytes == 0);
    hf_chaos_line_take(&line, 0);
    piece = hf_chaos_line_due(&line, 3);
    assert_true(piece != NULL && piece->kind == HF_CHAOS_DATA && piece->bytes == 0);
    push(&line, "lost", 9);
    assert_int_equal(hf_chaos_line_clear(&line), 4);
    assert_true(line.cost_bytes == 0 && hf_chaos_line_next_us(&line) == UINT64_MAX);
    assert_int_equal(hf_chaos_line_clear(&line), 0);
}

/* Against the plain model: always the least time, and among equals the one that came first. */
static void any_order_in_the_right_order_out(void **state)
{
    struct {
        uint64_t due_us;
        bool gone;
    } model[500];
    struct hf_chaos_line line;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 1);
    hf_chaos_line_init(&line);
    for (uint32_t i = 0; i < 500; i++) {
        model[i].due_us = hf_rng_below(&rng, 100);
        model[i].gone = false;
        assert_int_equal(hf_chaos_line_push(&line, HF_CHAOS_DATA, &i, sizeof(i), 0, model[i].due_us), HF_OK);
    }
    for (unsigned n = 0; n < 500; n++) {
        unsigned best = 500;
        uint32_t got;
        struct hf_chaos_piece *piece = hf_chaos_line_due(&line, 100);

        for (unsigned i = 0; i < 500; i++)
            if (!model[i].gone && (best == 500 || model[i].due_us < model[best].due_us))
                best = i;
        assert_non_null(piece);
        memcpy(&got, piece->data, sizeof(got));
        assert_int_equal(got, best);
        model[best].gone = true;
        hf_chaos_line_take(&line, sizeof(got));
    }
    assert_null(hf_chaos_line_due(&line, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_before_its_time),
        cmocka_unit_test(its_cost_is_what_it_holds),
        cmocka_unit_test(any_order_in_the_right_order_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
