#include "bench/chaos/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "bench/chaos/profiles.h"

static void json_of(const struct hf_chaos_faults *faults, char *text, size_t text_bytes)
{
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, text_bytes);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_chaos_faults_json(faults, &out);
    hf_json_out_end(&out);
    assert_true(hf_json_out_complete(&out));
}

static void settings_are_read_and_written(void **state)
{
    static const struct {
        const char *words, *json;
    } rows[] = {
        {"", "{}"},
        {"loss=5%", "{\"loss-up\":\"5%\",\"loss-down\":\"5%\"}"},
        {"loss-up=0.05", "{\"loss-up\":\"5%\"}"},
        {"  loss-down=0.5%   rtt=31ms ",
         "{\"latency-up\":\"15.5ms\",\"latency-down\":\"15.5ms\",\"loss-down\":\"0.5%\"}"},
        {"loss=5% loss-up=0", "{\"loss-down\":\"5%\"}"}, /* the last one counts */
        {"burst-loss=20% burst-length=3.5 burst-drop-up=40%",
         "{\"burst-loss-up\":\"20%\",\"burst-loss-down\":\"20%\",\"burst-length-up\":\"3.5\",\"burst-length-"
         "down\":"
         "\"3.5\",\"burst-drop-up\":\"40%\"}"},
        {"rate-up=1Mbit/s read-rate-down=20KiB/s",
         "{\"rate-up\":\"125000B/s\",\"read-rate-down\":\"20480B/s\"}"},
        {"cut-bytes-up=64KiB silence-bytes-down=10",
         "{\"cut-bytes-up\":\"65536\",\"silence-bytes-down\":\"10\"}"},
        {"cut-how=fin idle=1m idle-how=rst accept-only=on",
         "{\"cut-how\":\"fin\",\"idle\":\"60000ms\",\"idle-how\":\"rst\",\"accept-only\":\"on\"}"},
        {"cut-how=rst idle-how=silent accept-only=off burst-drop=100%", "{}"},
        {"latency=500us", "{\"latency-up\":\"0.5ms\",\"latency-down\":\"0.5ms\"}"},
    };
    char text[1024], error[HF_CHAOS_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults;

        hf_chaos_faults_init(&faults);
        assert_int_equal(hf_chaos_faults_set_all(&faults, hf_slice_of(rows[i].words), error), HF_OK);
        json_of(&faults, text, sizeof(text));
        assert_string_equal(text, rows[i].json);
    }
}

static void wrong_ones_change_nothing(void **state)
{
    static const struct {
        const char *words, *error;
        hf_err err;
    } rows[] = {
        {"loss=5% los=1%", "there is no setting 'los'", HF_ERR_NOT_FOUND},
        {"loss-sideways=5%", "there is no setting 'loss-sideways'", HF_ERR_NOT_FOUND},
        {"idle-up=5s", "there is no setting 'idle-up'", HF_ERR_NOT_FOUND}, /* not of one direction */
        {"rtt-up=5s", "there is no setting", HF_ERR_NOT_FOUND},
        {"=5%", "there is no setting ''", HF_ERR_NOT_FOUND},
        {"loss", "'loss' is no setting; write NAME=VALUE", HF_ERR_INVALID},
        {"loss=", "loss is ''; write a share", HF_ERR_INVALID},
        {"loss=5", "loss is '5'; write a share", HF_ERR_INVALID},
        {"loss=101%", "at most 100%", HF_ERR_INVALID},
        {"loss=-1%", "write a share", HF_ERR_INVALID},
        {"loss=nan", "write a share", HF_ERR_INVALID},
        {"loss=0x1%", "write a share", HF_ERR_INVALID},
        {"loss=5%%", "write a share", HF_ERR_INVALID},
        {"latency=20", "write a time with its unit", HF_ERR_INVALID},
        {"latency=25h", "up to a day", HF_ERR_INVALID},
        {"rtt=1x", "rtt is '1x'; write a time", HF_ERR_INVALID},
        {"rate=1000", "write a rate", HF_ERR_INVALID},
        {"rate=1000B", "write a rate", HF_ERR_INVALID},
        {"rate=1furlong/s", "write a rate", HF_ERR_INVALID},
        {"rate=0.5B/s", "write a rate", HF_ERR_INVALID}, /* it would be none */
        {"cut-bytes=1B/s", "write a number of bytes", HF_ERR_INVALID},
        {"cut-bytes=99999999999999999999", "write a number of bytes", HF_ERR_INVALID},
        {"burst-length=0.5", "1 or more", HF_ERR_INVALID},
        {"cut-how=silent", "write rst or fin", HF_ERR_INVALID},
        {"idle-how=no", "write silent, rst or fin", HF_ERR_INVALID},
        {"accept-only=1", "write on or off", HF_ERR_INVALID},
        {"latency=11111111111111111111111111111111111111ms", "write a time", HF_ERR_INVALID},
    };
    char text[1024], error[HF_CHAOS_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults;

        hf_chaos_faults_init(&faults);
        if (hf_chaos_faults_set_all(&faults, hf_slice_of(rows[i].words), error) != rows[i].err ||
            strstr(error, rows[i].error) == NULL)
            fail_msg("%s: %s", rows[i].words, error);
        json_of(&faults, text, sizeof(text));
        assert_string_equal(text, "{}");
    }
}

static void they_must_fit_the_transport_and_each_other(void **state)
{
    static const struct {
        const char *words;
        unsigned transport;
        const char *error; /* NULL: they do */
    } rows[] = {
        {"loss=5% rtt=1s flip=1% rate=1MB/s idle=5s", HF_CHAOS_TCP, NULL},
        {"loss=5% rtt=1s flip=1% rate=1MB/s idle=5s", HF_CHAOS_UDP, NULL},
        {"reorder-up=5%", HF_CHAOS_TCP, "reorder means nothing on TCP; leave it out or add --udp"},
        {"reorder-up=5% rebind=1m", HF_CHAOS_UDP, NULL},
        {"rebind=1m", HF_CHAOS_TCP, "rebind means nothing on TCP"},
        {"reset-loss=5%", HF_CHAOS_UDP, "reset-loss means nothing on UDP; leave it out or leave out --udp"},
        {"accept-only=on", HF_CHAOS_UDP, "accept-only means nothing on UDP"},
        {"accept-only=off", HF_CHAOS_UDP, NULL}, /* as it is anyway */
        {"burst-loss=50% burst-drop=40%", HF_CHAOS_TCP, "burst-loss 50% is above burst-drop 40%"},
        {"burst-loss-down=90%", HF_CHAOS_TCP, "burst-loss 90% needs burst-length 9 or more"},
        {"burst-loss-down=90% burst-length=9", HF_CHAOS_TCP, NULL},
        {"burst-loss=40% burst-drop=40%", HF_CHAOS_TCP, NULL}, /* always in a burst */
    };
    char error[HF_CHAOS_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults;
        hf_err want = rows[i].error == NULL ? HF_OK : HF_ERR_INVALID;

        hf_chaos_faults_init(&faults);
        assert_int_equal(hf_chaos_faults_set_all(&faults, hf_slice_of(rows[i].words), error), HF_OK);
        if (hf_chaos_faults_check(&faults, rows[i].transport, error) != want ||
            (want != HF_OK && strstr(error, rows[i].error) == NULL))
            fail_msg("%s: %s", rows[i].words, error);
    }
}

/* Every profile is written in the language, fits its transports, and is found. */
static void profiles_can_be_run(void **state)
{
    const struct hf_chaos_profile *profile, *found;
    char error[HF_CHAOS_ERROR_BYTES];
    unsigned in_table = 0;

    (void)state;
    for (unsigned i = 0; (profile = hf_chaos_profile_at(i)) != NULL; i++) {
        in_table += profile->name[0] == 'f' && strchr(profile->name, '-') == NULL;
        for (unsigned transport = HF_CHAOS_TCP; transport <= HF_CHAOS_UDP; transport++) {
            bool fits = (profile->transports & transport) != 0;

            assert_int_equal(hf_chaos_profile_find(hf_slice_of(profile->name), transport, &found, error),
                             fits ? HF_OK : HF_ERR_UNSUPPORTED);
            assert_ptr_equal(found, profile);
            assert_true(profile->transports != 0 || strstr(error, profile->elsewhere) != NULL);
        }
        assert_true((profile->transports == 0) == (profile->elsewhere != NULL));
    }
    assert_int_equal(in_table, 27);
    assert_int_equal(hf_chaos_profile_find(HF_SLICE("f0"), HF_CHAOS_TCP, &found, error), HF_ERR_NOT_FOUND);
}

static void names_for_a_table_of_options(void **state)
{
    bool per_direction;
    unsigned count = 0, lanes = 0;
    const char *name;

    (void)state;
    for (; (name = hf_chaos_fault_name(count, &per_direction)) != NULL; count++)
        lanes += per_direction;
    assert_true(lanes > 0 && count > lanes);
    assert_string_equal(hf_chaos_fault_name(0, &per_direction), "latency");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_and_written),
        cmocka_unit_test(wrong_ones_change_nothing),
        cmocka_unit_test(they_must_fit_the_transport_and_each_other),
        cmocka_unit_test(profiles_can_be_run),
        cmocka_unit_test(names_for_a_table_of_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
