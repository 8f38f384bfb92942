/* client/session/core_engine.c - holdfast.v1 as an engine: engine.h in terms of core.h. The simulator calls core.h directly. */
#include "client/session/core_internal.h"

#include "base/sb.h"

enum { FIELDS_BYTES = HF_FRAME_TOKEN_BYTES_MAX + 64 };

static struct hf_client_core *core_of(struct hf_client_engine *engine)
{
    return HF_CONTAINER_OF(engine, struct hf_client_core, engine);
}

static const struct hf_client_core *look_at(const struct hf_client_engine *engine)
{
    return HF_CONTAINER_OF(engine, const struct hf_client_core, engine);
}

static void engine_free(struct hf_client_engine *engine)
{
    hf_client_core_free(core_of(engine));
}

static hf_err engine_open(struct hf_client_engine *engine, const struct hf_client_time *now,
                          const struct hf_client_door *door)
{
    struct hf_client_request request = {
        .target = door->target, .host = door->host, .fields = HF_SLICE(""), .other_name = door->other_name};
    char storage[FIELDS_BYTES];
    struct hf_sb fields;

    hf_sb_init(&fields, storage, sizeof(storage));
    if (door->token.bytes > 0) {
        hf_sb_printf(&fields, "Authorization: Bearer %.*s\r\n", (int)door->token.bytes, door->token.at);
        request.fields = (struct hf_slice){fields.at, fields.bytes};
    }
    return hf_client_core_open(core_of(engine), now, &request);
}

static void engine_start(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_start(core_of(engine), now);
}

static void engine_stop(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_stop(core_of(engine), now);
}

static bool engine_stopped(const struct hf_client_engine *engine)
{
    return hf_client_core_stopped(look_at(engine));
}

static void engine_network(struct hf_client_engine *engine, const struct hf_client_time *now, bool up)
{
    hf_client_core_network(core_of(engine), now, up);
}

static uint64_t engine_due_ms(const struct hf_client_engine *engine)
{
    return hf_client_core_due_ms(look_at(engine));
}

static void engine_tick(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_tick(core_of(engine), now);
}

static void engine_stage(struct hf_client_engine *engine, const struct hf_client_time *now,
                         enum hf_client_stage stage)
{
    hf_client_core_stage(core_of(engine), now, stage);
}

static void engine_failed(struct hf_client_engine *engine, const struct hf_client_time *now,
                          enum hf_client_failure failure, struct hf_slice text)
{
    hf_client_core_failed(core_of(engine), now, failure, text);
}

static void engine_bytes(struct hf_client_engine *engine, const struct hf_client_time *now, uint8_t *data,
                         size_t bytes)
{
    hf_client_core_bytes(core_of(engine), now, data, bytes);
}

static void engine_writable(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_writable(core_of(engine), now);
}

static void engine_closed(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_closed(core_of(engine), now);
}

static void engine_probed(struct hf_client_engine *engine, const struct hf_client_time *now, bool connected,
                          bool resolved)
{
    hf_client_core_probed(core_of(engine), now, connected, resolved);
}

static void engine_hold(struct hf_client_engine *engine, const struct hf_client_time *now)
{
    hf_client_core_hold(core_of(engine), now);
}

static void engine_release(struct hf_client_engine *engine)
{
    hf_client_core_release(core_of(engine));
}

static hf_err engine_publish(struct hf_client_engine *engine, const struct hf_client_time *now,
                             const struct hf_store_message *message, void *cookie)
{
    return hf_client_core_publish(core_of(engine), now, message, cookie);
}

static hf_err engine_done(struct hf_client_engine *engine, const struct hf_client_time *now, uint64_t handle,
                          const struct hf_client_result *result)
{
    return hf_client_core_done(core_of(engine), now, handle, result);
}

static hf_err engine_subscribe(struct hf_client_engine *engine, const struct hf_client_time *now,
                               struct hf_slice topic, bool subscribe)
{
    return hf_client_core_subscribe(core_of(engine), now, topic, subscribe);
}

static hf_err engine_patch(struct hf_client_engine *engine, const struct hf_client_time *now,
                           const struct hf_client_patch *patch)
{
    return hf_client_core_patch(core_of(engine), now, patch);
}

static hf_err engine_token(struct hf_client_engine *engine, const struct hf_client_time *now,
                           struct hf_slice token)
{
    return hf_client_core_token(core_of(engine), now, token);
}

static enum hf_link_state engine_state(const struct hf_client_engine *engine)
{
    return hf_client_core_state(look_at(engine));
}

static uint64_t engine_document_version(const struct hf_client_engine *engine, unsigned document)
{
    return hf_client_core_document_version(look_at(engine), document);
}

static void engine_path(const struct hf_client_engine *engine, struct hf_client_path_facts *ret_facts)
{
    hf_client_core_path(look_at(engine), ret_facts);
}

static void engine_counts(const struct hf_client_engine *engine, struct hf_client_counts *ret_counts)
{
    hf_client_core_counts(look_at(engine), ret_counts);
}

static void engine_queue(const struct hf_client_engine *engine, struct hf_store_facts *ret_facts)
{
    hf_client_core_queue(look_at(engine), ret_facts);
}

hf_err hf_client_core_engine_new(const struct hf_client_config *config, struct hf_store *store,
                                 const struct hf_client_ops *ops, void *user,
                                 struct hf_client_engine **ret_engine)
{
    static const struct hf_client_engine_ops engine_ops = {.free = engine_free,
                                                           .open = engine_open,
                                                           .start = engine_start,
                                                           .stop = engine_stop,
                                                           .stopped = engine_stopped,
                                                           .network = engine_network,
                                                           .due_ms = engine_due_ms,
                                                           .tick = engine_tick,
                                                           .stage = engine_stage,
                                                           .failed = engine_failed,
                                                           .bytes = engine_bytes,
                                                           .writable = engine_writable,
                                                           .closed = engine_closed,
                                                           .probed = engine_probed,
                                                           .hold = engine_hold,
                                                           .release = engine_release,
                                                           .publish = engine_publish,
                                                           .done = engine_done,
                                                           .subscribe = engine_subscribe,
                                                           .patch = engine_patch,
                                                           .token = engine_token,
                                                           .state = engine_state,
                                                           .document_version = engine_document_version,
                                                           .path = engine_path,
                                                           .counts = engine_counts,
                                                           .queue = engine_queue};
    struct hf_client_core *core;
    hf_err err = hf_client_core_new(config, store, ops, user, &core);

    if (err != HF_OK)
        return err;
    core->engine.ops = &engine_ops;
    *ret_engine = &core->engine;
    return HF_OK;
}
