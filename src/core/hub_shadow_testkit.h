/* core/hub_shadow_testkit.h - a hub with one device `d` that was let in, and calls to its shadows. */
#ifndef HF_CORE_HUB_SHADOW_TESTKIT_H
#define HF_CORE_HUB_SHADOW_TESTKIT_H

#include "core/document/shadow.h"
#include "core/hub_session_testkit.h"

enum {
    REPORTED = 1 << HF_SHADOW_REPORTED,
    DESIRED = 1 << HF_SHADOW_DESIRED,
    ALL = REPORTED | DESIRED | 1 << HF_SHADOW_TAGS
};

struct told { /* what a call brought back */
    bool done;
    enum hf_reason reason;
    uint64_t version, made, retry_ms, limit, observed;
    uint8_t labels, over, over_section;
    char json[4096];
};

static inline void answer_call(void *context, struct hf_call *call)
{
    struct told *told = call->maker;

    (void)context;
    assert_false(told->done);
    *told = (struct told){.done = true,
                          .reason = (enum hf_reason)call->reason,
                          .version = call->document.version,
                          .made = call->document.made,
                          .labels = call->document.labels,
                          .retry_ms = call->retry_ms,
                          .limit = call->limit,
                          .observed = call->observed,
                          .over = call->document.over,
                          .over_section = call->document.over_section};
    assert_true(call->result_bytes < sizeof(told->json));
    if (call->result_bytes > 0)
        memcpy(told->json, call->result, call->result_bytes);
    hf_call_free(call);
}

static struct hf_hub_ops ops;

static inline int setup(void **state)
{
    struct tk *tk = *state = tk_new();

    if (tk == NULL || tk_connect(tk, TK_CONNS - 1, "d") != HF_OK)
        return 1;
    ops = *tk->hub.options.ops;
    ops.answer = answer_call;
    tk->hub.options.ops = &ops;
    tk_run(tk);
    return 0;
}

static inline int teardown(void **state)
{
    struct tk *tk = *state;

    tk_check_books(tk);
    tk_free(tk);
    return 0;
}

struct ask {
    const char *device, *name, *json;
    bool read;
    unsigned sections;
    uint64_t base, conn, epoch, wait_ms;
    enum hf_shadow_label label;
    enum hf_merge merge;
    bool operations; /* json is a JSON Patch */
};

static inline void ask(struct tk *tk, struct ask ask, struct told *told)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    *told = (struct told){0};
    call->tenant = tk->tenant.name;
    call->device = hf_slice_of(ask.device ? ask.device : "d");
    if (ask.name != NULL)
        call->topic = hf_slice_of(ask.name);
    if (ask.json != NULL)
        call->payload = hf_slice_of(ask.json);
    call->key = HF_SLICE("key/k");
    call->wait_ms = ask.wait_ms;
    call->document = (struct hf_call_document){.change = !ask.read,
                                               .shadow = true,
                                               .kind = ask.operations ? HF_PATCH_JSON : HF_PATCH_MERGE,
                                               .sections = (uint8_t)(ask.sections ? ask.sections : ALL),
                                               .base_version = ask.base,
                                               .merge = (uint8_t)ask.merge,
                                               .conn = ask.conn,
                                               .epoch = ask.epoch,
                                               .label = (uint8_t)ask.label};
    call->maker = told;
    hf_hub_call(&tk->hub, &tk->tenant, call);
}

static inline struct told change(struct tk *tk, const char *json)
{
    struct told told;

    ask(tk, (struct ask){.json = json}, &told);
    tk_run(tk);
    assert_true(told.done);
    return told;
}

static inline struct told device_says(struct tk *tk, const char *json, uint64_t base)
{
    struct hf_devconn *dev = &tk->conns[TK_CONNS - 1].dev;
    struct told told;

    ask(tk,
        (struct ask){.json = json,
                     .read = json == NULL,
                     .sections = REPORTED | DESIRED,
                     .base = base,
                     .conn = dev->conn_id,
                     .epoch = dev->device->epoch},
        &told);
    tk_run(tk);
    assert_true(told.done);
    return told;
}

#endif
