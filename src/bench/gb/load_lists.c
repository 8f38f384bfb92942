/* bench/gb/load_lists.c - mode catalog: one list after the other, asked for through the API. */
#include <stdio.h>

#include "bench/gb/load_parts.h"
#include "io/clock.h"

void hf_gb_load_lists_event(struct hf_gb_load_lists *lists, const struct hf_cam_event *event)
{
    if (!lists->asking)
        return;
    if (event->tell == HF_CAM_TELL_ASKED && event->body->command == HF_CDP_CMD_CATALOG)
        lists->asked_ns = hf_clock_ns();
    if (event->tell == HF_CAM_TELL_ANSWERED && lists->asked_ns != 0 && hf_slice_is(event->text, "Catalog"))
        lists->listed_ns = hf_clock_ns();
}

void hf_gb_load_lists_ask(struct hf_gb_load_lists *lists, const char *device, uint64_t now_ns)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/devices/%s/commands", device);
    lists->asking = true;
    lists->asked_ns = lists->listed_ns = 0;
    hf_bench_api_post(lists->api, 0, path,
                      HF_SLICE("{\"name\":\"Catalog\",\"payload\":{},\"wait_ms\":60000}"), now_ns);
}

void hf_gb_load_lists_done(struct hf_gb_load_lists *lists, unsigned status, uint64_t now_ns)
{
    struct hf_gb_load_result *result = lists->result;

    lists->asking = false;
    if (status < 200 || status > 299 || lists->listed_ns == 0) {
        result->lists_failed++;
        hf_bench_codes_add(&result->api_status, status, 1);
        return;
    }
    result->lists++;
    hf_hist_record(&result->listed, lists->listed_ns - lists->asked_ns);
    hf_hist_record(&result->applied, now_ns > lists->listed_ns ? now_ns - lists->listed_ns : 0);
}
