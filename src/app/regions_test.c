/* app/regions_test.c - which region a peer is in, and what a window says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "app/regions.h"

enum { WINDOW = HF_REGION_WINDOW_MS };

static char eu_v4[] = "10.0.0.0/8", eu_v6[] = "2001:db8::/32", lab_v4[] = "10.1.0.0/16", eu[] = "eu",
            lab[] = "lab \"1\"";
static char *eu_prefixes[] = {eu_v4, eu_v6}, *lab_prefixes[] = {lab_v4};
static struct hf_config_region rows[] = {{.name = eu, .prefixes = {eu_prefixes, 2}},
                                         {.name = lab, .prefixes = {lab_prefixes, 1}}};

static union hf_address peer(const char *text)
{
    union hf_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
        address.v6.sin6_family = AF_INET6;
    }
    return address;
}

static void record(struct hf_regions *regions, const char *text, uint64_t us, uint64_t now_ms)
{
    union hf_address address = peer(text);

    hf_regions_record(regions, &address, us, now_ms);
}

static bool says(struct hf_regions *regions, uint64_t now_ms, const char *line)
{
    struct hf_page page = {0};

    hf_regions_metrics(&page, regions, now_ms);
    bool found = strstr(page.at, line) != NULL;
    free(page.at);
    return found;
}

static struct hf_regions *with_regions(size_t count)
{
    struct hf_regions *regions = hf_regions_new();
    struct hf_config config = {.regions = {rows, count}};

    assert_int_equal(hf_regions_use(regions, &config), HF_OK);
    return regions;
}

static void the_longest_prefix_counts(void **state)
{
    struct hf_regions *regions = with_regions(2);

    (void)state;
    record(regions, "10.2.3.4", 1, WINDOW);
    record(regions, "10.1.3.4", 1, WINDOW); /* in both */
    record(regions, "::ffff:10.1.0.1", 1, WINDOW);
    record(regions, "2001:db8::1", 1, WINDOW);
    record(regions, "2001:db9::1", 1, WINDOW);
    record(regions, "192.0.2.1", 1, WINDOW);
    record(regions, "0a00::", 1, WINDOW);                          /* its first bits are those of 10.0.0.0 */
    hf_regions_record(regions, &(union hf_address){0}, 1, WINDOW); /* the kernel did not know */
    assert_true(says(regions, 2 * WINDOW, "_handshakes{region=\"eu\"} 2\n"));
    assert_true(says(regions, 2 * WINDOW, "_handshakes{region=\"lab \\\"1\\\"\"} 2\n"));
    assert_true(says(regions, 2 * WINDOW, "_handshakes{region=\"other\"} 4\n"));
    hf_regions_free(regions);
}

static void a_window_is_told_when_it_is_whole(void **state)
{
    struct hf_regions *regions = with_regions(1);

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++)
        record(regions, "10.0.0.1", i * 1000, WINDOW + i);
    assert_true(says(regions, 2 * WINDOW - 1, "{region=\"eu\"} 0\n"));
    assert_false(says(regions, 2 * WINDOW - 1, "quantile="));
    record(regions, "10.0.0.1", 5000000, 2 * WINDOW); /* of the next one */
    assert_true(says(regions, 2 * WINDOW, "{region=\"eu\"} 1000\n"));
    assert_true(says(regions, 2 * WINDOW, "{region=\"eu\",quantile=\"0.5\"} 0.50"));
    assert_true(says(regions, 2 * WINDOW, "{region=\"eu\",quantile=\"0.999\"} 0.99"));
    assert_false(says(regions, 2 * WINDOW, "{region=\"other\",quantile"));
    assert_true(says(regions, 3 * WINDOW, "{region=\"eu\"} 1\n"));
    assert_true(says(regions, 3 * WINDOW, "{region=\"eu\",quantile=\"0.999\"} 5.0"));
    assert_true(says(regions, 4 * WINDOW, "{region=\"eu\"} 0\n"));
    record(regions, "10.0.0.1", 1, 5 * WINDOW);
    assert_true(says(regions, 7 * WINDOW, "{region=\"eu\"} 0\n")); /* nobody looked in time */
    hf_regions_free(regions);
}

static void a_reload_brings_other_labels(void **state)
{
    struct hf_regions *regions = with_regions(2);
    struct hf_config none = {0};

    (void)state;
    record(regions, "10.1.3.4", 1, WINDOW);
    assert_int_equal(hf_regions_use(regions, &none), HF_OK);
    record(regions, "10.1.3.4", 1, WINDOW);
    assert_true(says(regions, 2 * WINDOW, "{region=\"other\"} 1\n"));
    assert_false(says(regions, 2 * WINDOW, "\"eu\""));
    hf_regions_free(regions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_counts),
        cmocka_unit_test(a_window_is_told_when_it_is_whole),
        cmocka_unit_test(a_reload_brings_other_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
