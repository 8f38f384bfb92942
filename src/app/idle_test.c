#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/idle.h"

enum { SLACK_MS = 10, COMMIT_MS = 1, BEGIN_MS = 5000 };

static const struct hf_idle_rules rules = {.idle_ms = SLACK_MS, .commit_ms = COMMIT_MS};

static void only_heartbeats_let_it_rest(void **state)
{
    struct hf_idle idle = {0};
    struct hf_idle_look look = {0};
    uint64_t now_ms = BEGIN_MS;

    (void)state;
    for (; now_ms < BEGIN_MS + HF_IDLE_AFTER_MS; now_ms += 100) { /* a start is busy */
        look.receives += 30;
        look.received_bytes += 30 * 40;
        assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, now_ms), 0);
    }
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, now_ms), SLACK_MS);
    look.receives += 30;
    look.received_bytes += 30 * 40;
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, ++now_ms), SLACK_MS);
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &(struct hf_idle_rules){0}, ++now_ms),
                     0); /* switched off */
}

static void whatever_is_more_ends_the_rest(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct hf_idle idle = {.busy_ms = 1};
        struct hf_idle_look look = {0};

        assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS), SLACK_MS);
        if (kind == 0)
            look.work++;
        else if (kind == 1)
            look.queued_bytes = 1;
        look.receives += 2;
        look.received_bytes += kind == 2 ? 2 * HF_IDLE_RECEIVE_BYTES + 1 : 2 * HF_IDLE_RECEIVE_BYTES;
        assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS + 1), 0);
        look.queued_bytes = 0;
        assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS + HF_IDLE_AFTER_MS), 0);
        assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS + HF_IDLE_AFTER_MS + 1), SLACK_MS);
    }
}

static void a_commit_is_waited_for_while_little_comes(void **state)
{
    struct hf_idle idle = {0};
    struct hf_idle_look look = {.work = 1, .commit_under_way = true};

    (void)state;
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS), COMMIT_MS);
    look.work += HF_IDLE_COMMIT_RECEIVES;
    look.receives += HF_IDLE_COMMIT_RECEIVES;
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS), COMMIT_MS);
    look.work += HF_IDLE_COMMIT_RECEIVES + 1;
    look.receives += HF_IDLE_COMMIT_RECEIVES + 1;
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS), 0); /* enough to do */
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &(struct hf_idle_rules){.idle_ms = SLACK_MS}, BEGIN_MS),
                     0);
    look.work++;
    look.commit_under_way = false;
    assert_int_equal(hf_idle_slack_ms(&idle, &look, &rules, BEGIN_MS), 0); /* everything is durable */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_heartbeats_let_it_rest),
        cmocka_unit_test(whatever_is_more_ends_the_rest),
        cmocka_unit_test(a_commit_is_waited_for_while_little_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
