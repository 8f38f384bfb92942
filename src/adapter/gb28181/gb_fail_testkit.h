/* adapter/gb28181/gb_fail_testkit.h - for tests only: a life of a site and its camera in which any allocation may fail (MEM-5); so nothing here insists on one. */
#ifndef HF_ADAPTER_GB28181_FAIL_TESTKIT_H
#define HF_ADAPTER_GB28181_FAIL_TESTKIT_H

#include "adapter/gb28181/gb_testkit.h"
#include "support/alloc_fail.h"

static struct tk_reply kit_tried;

static struct {
    struct hf_gb_limits limits;
    bool (*live)(void); /* false: something could not be done for want of memory */
} kit_life;

/* A command to the camera, if there is memory for it. payload NULL: none. */
KIT void kit_try(const char *name, const char *payload, uint32_t ttl_ms)
{
    size_t bytes = payload != NULL ? strlen(payload) : 0;
    struct hf_call *call = hf_call_new(HF_CALL_SEND, bytes + 1);

    if (call != NULL) {
        if (bytes > 0)
            memcpy(call->storage, payload, bytes);
        call->tenant = kit.tk->tenant.name;
        call->device = HF_SLICE(CAMERA);
        call->topic = hf_slice_of(name);
        call->payload = (struct hf_slice){bytes > 0 ? call->storage : NULL, bytes};
        call->class = HF_CLASS_COMMAND;
        call->format = HF_FORMAT_JSON;
        call->ttl_ms = ttl_ms;
        kit.tk->next_id++;
        call->id[0] = 1;
        memcpy(call->id + 8, &kit.tk->next_id, sizeof(kit.tk->next_id));
        call->maker = &kit_tried;
        kit_tried = (struct tk_reply){0};
        hf_hub_call(&kit.tk->hub, &kit.tk->tenant, call);
    }
    tk_run(kit.tk);
}

KIT hf_err kit_try_site(void)
{
    struct hf_gb_options options = {.ops = &kit_ops,
                                    .context = &kit,
                                    .conv = &kit.conv,
                                    .realm = HF_SLICE(REALM),
                                    .server_id = HF_SLICE(SERVER),
                                    .devices_max = 16,
                                    .calls_max = 16,
                                    .trace_bytes = HF_SIP_TRACE_BYTES_MIN,
                                    .limits = kit_life.limits,
                                    .sip = {.transactions_max = 64}};

    options.limits.catalog_per_second = HF_GB_CATALOGS_OFF;
    kit.account = (struct hf_gb_account){.open = true};
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5060);
    kit.tk = tk_new();
    if (kit.tk == NULL)
        return HF_ERR_NOMEM;
    options.hub = &kit.tk->hub;
    options.wheel = &kit.tk->wheel;
    options.tenant = &kit.tk->tenant;
    return hf_gb_site_new(&options, &kit.site);
}

/* The scenario: nothing is left over, whatever failed. */
KIT hf_err kit_try_life(void *context)
{
    struct hf_text_conv conv = kit.conv;

    (void)context;
    memset(&kit, 0, sizeof(kit));
    kit.conv = conv;
    hf_err err = kit_try_site();
    if (err == HF_OK && !kit_life.live())
        err = HF_ERR_NOMEM;
    if (kit.site != NULL) {
        (void)hf_gb_site_drain(kit.site, UINT32_MAX, HF_REASON_DRAIN);
        assert_int_equal(kit_stats()->requests_now, 0);
        assert_int_equal(kit_stats()->merge_bytes_now, 0);
        assert_int_equal(kit_stats()->calls_now, 0);
        assert_int_equal(kit_stats()->ssrc_used_now, 0);
        assert_int_equal(kit_stats()->owned_reclaimed, 0);
        hf_gb_site_free(kit.site);
    }
    if (kit.tk != NULL) {
        tk_run(kit.tk);
        tk_check_books(kit.tk);
    }
    tk_free(kit.tk);
    for (unsigned i = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i].text);
    kit.sent_count = kit.read_count = 0;
    return err;
}

/* Each allocation of the life fails in turn; returns how many there are. */
KIT uint64_t kit_fail_each(bool (*live)(void), const struct hf_gb_limits *limits, uint64_t allocations_max)
{
    kit_life.live = live;
    kit_life.limits = *limits;
    kit.conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    uint64_t count = hf_alloc_fail_each(kit_try_life, NULL, allocations_max);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
    return count;
}

#endif
