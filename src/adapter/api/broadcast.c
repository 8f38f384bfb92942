/* adapter/api/broadcast.c - one message to many devices (WS-23): all of a tenant, the subscribers of a topic, a group, a list. What cannot be
 * written to a device now goes by its class and the queue's policy; the ledger says what was lost. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "adapter/api/request.h"
#include "base/uuid.h"
#include "core/topic.h"

static const char group_prefix[] = "group/";

/* What the target member names. */
struct target {
    bool topic;                         /* by topic or group */
    char name[HF_TOPIC_BYTES_MAX + 16]; /* of the topic */
    cJSON *tree;                        /* owns what `devices` points at */
    const cJSON *devices;               /* array, or NULL */
};

static bool bad_target(struct hf_api_request *request)
{
    return hf_api_bad(
        request, "target",
        "target must be \"all\", {\"topic\":\"..\"}, {\"group\":\"..\"} or {\"devices\":[1 to %d ids]}",
        HF_API_LIST_DEVICES_MAX);
}

static bool take_topic(struct hf_api_request *request, const char *prefix, const cJSON *name,
                       struct target *target)
{
    struct hf_sb sb;

    hf_sb_init(&sb, target->name, sizeof(target->name));
    hf_sb_text(&sb, prefix);
    hf_sb_text(&sb, cJSON_GetStringValue(name));
    target->topic = true;
    if (sb.overflow || !hf_topic_valid(hf_sb_done(&sb)))
        return hf_api_bad(request, "target",
                          "the topic must be 1 to %d bytes without control characters, + and #",
                          HF_TOPIC_BYTES_MAX);
    return true;
}

static bool check_devices(struct hf_api_request *request, const cJSON *devices)
{
    const cJSON *item;
    int count = cJSON_GetArraySize(devices);

    if (count < 1 || count > HF_API_LIST_DEVICES_MAX)
        return bad_target(request);
    cJSON_ArrayForEach(item, devices)
    {
        if (!cJSON_IsString(item) || !hf_id_valid(hf_slice_of(item->valuestring), HF_DEVICE_BYTES_MAX))
            return hf_api_bad(request, "target", "each of devices must be 1 to 128 of A-Z a-z 0-9 . _ : @ -");
    }
    return true;
}

static bool take_target(struct hf_api_request *request, const struct hf_json_field *field,
                        struct target *target)
{
    if (field->type == HF_JSON_STRING)
        return hf_json_is(field, "all") || bad_target(request);
    if (field->type != HF_JSON_OBJECT)
        return bad_target(request);
    target->tree = cJSON_ParseWithLength(field->raw.at, field->raw.bytes);
    const cJSON *only = target->tree ? target->tree->child : NULL;
    if (only == NULL || only->next != NULL)
        return bad_target(request);
    if (strcmp(only->string, "devices") == 0 && cJSON_IsArray(only)) {
        target->devices = only;
        return check_devices(request, only);
    }
    if (!cJSON_IsString(only))
        return bad_target(request);
    if (strcmp(only->string, "topic") == 0)
        return take_topic(request, "", only, target);
    return strcmp(only->string, "group") == 0 ? take_topic(request, group_prefix, only, target)
                                              : bad_target(request);
}

/* The list lies in the call's storage, behind copies of everything else: one allocation that dies with the call. */
static struct hf_call *call_new(struct hf_api_request *request, const struct hf_call *wish,
                                const struct target *target)
{
    unsigned count = target->devices ? (unsigned)cJSON_GetArraySize(target->devices) : 0;
    size_t text_bytes = 0, table_bytes = count * sizeof(struct hf_slice);
    const cJSON *item;

    cJSON_ArrayForEach(item, target->devices) text_bytes += strlen(item->valuestring);
    struct hf_call *call =
        hf_call_new(HF_CALL_BROADCAST, table_bytes + request->tenant.bytes + wish->topic.bytes +
                                           wish->payload.bytes + text_bytes + HF_BY_BYTES_MAX + 1);
    if (call == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return NULL;
    }
    char *at = (char *)call->storage + table_bytes;
    call->tenant = hf_api_copy(&at, request->tenant);
    call->topic = hf_api_copy(&at, wish->topic);
    call->payload = hf_api_copy(&at, wish->payload);
    hf_api_call_by(request, call, &at);
    call->class = wish->class;
    call->format = wish->format;
    call->flags = wish->flags;
    call->target_topic = target->topic;
    memcpy(call->id, wish->id, sizeof(call->id));
    if (count > 0)
        call->devices = call->storage;
    cJSON_ArrayForEach(item, target->devices) call->devices[call->device_count++] =
        hf_api_copy(&at, hf_slice_of(item->valuestring));
    return call;
}

static void write_accepted(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = context;
    char id[HF_UUID_TEXT_BYTES + 1];

    (void)request;
    hf_uuid_text(call->id, id);
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "id", id);
    hf_json_out_u64(out, "targets", call->targets);
    hf_json_out_u64(out, "written", call->written);
    if (call->offset != 0)
        hf_json_out_u64(out, "offset", call->offset);
    hf_json_out_end(out);
}

static void on_done(struct hf_api_request *request)
{
    struct hf_http1_header headers[2];
    char storage[96];

    hf_api_reply_json(
        request,
        &(struct hf_api_reply){.status = 202,
                               .headers = headers,
                               .header_count = hf_api_made_headers("/v1/broadcasts/", request->call->id,
                                                                   false, storage, headers)},
        write_accepted, request->call);
}

enum { TARGET, PAYLOAD, TEXT, BASE64, TOPIC, CLASS, FIELDS };

static bool take_rest(struct hf_api_request *request, struct hf_json_field *fields,
                      const struct target *target, char *topic, struct hf_call *wish)
{
    char class_text[16];
    struct hf_slice class = {NULL, 0};

    if (!hf_api_member_text(request, &fields[TOPIC], HF_TOPIC_BYTES_MAX, topic, HF_TOPIC_BYTES_MAX,
                            &wish->topic) ||
        !hf_api_member_text(request, &fields[CLASS], sizeof(class_text), class_text, sizeof(class_text),
                            &class))
        return false;
    if (target->topic && wish->topic.at != NULL)
        return hf_api_bad(request, "topic", "topic follows from the target; leave it out");
    if (target->topic)
        wish->topic = hf_slice_of(target->name);
    else if (wish->topic.at != NULL && !hf_topic_valid(wish->topic))
        return hf_api_bad(request, "topic", "topic must be 1 to %d bytes without control characters, + and #",
                          HF_TOPIC_BYTES_MAX);
    enum hf_class value = class.at ? hf_class_by_name(class) : HF_CLASS_MESSAGE;
    if (value != HF_CLASS_MESSAGE && value != HF_CLASS_TELEMETRY)
        return hf_api_bad(request, "class", "class must be message or telemetry");
    wish->class = (uint8_t)value;
    return true;
}

void hf_api_broadcast_post(struct hf_api_request *request)
{
    struct hf_json_field fields[FIELDS] = {
        [TARGET] = HF_JSON_FIELD("target"), [PAYLOAD] = HF_JSON_FIELD("payload"),
        [TEXT] = HF_JSON_FIELD("text"),     [BASE64] = HF_JSON_FIELD("payload_base64"),
        [TOPIC] = HF_JSON_FIELD("topic"),   [CLASS] = HF_JSON_FIELD("class"),
    };
    struct target target = {0};
    struct hf_api_payload payload = {0};
    struct hf_call wish = {0};
    char topic[HF_TOPIC_BYTES_MAX];

    if (request->idempotency_key.at != NULL) { /* to ignore it would promise what is not kept */
        (void)hf_api_bad(request, "Idempotency-Key",
                         "Idempotency-Key is taken for messages and commands only");
        return;
    }
    if (hf_api_want_json(request) && hf_api_json(request, fields, FIELDS) &&
        take_target(request, &fields[TARGET], &target) && take_rest(request, fields, &target, topic, &wish) &&
        hf_api_payload(request, &fields[PAYLOAD], &fields[TEXT], &fields[BASE64], false, &payload)) {
        wish.payload = payload.bytes;
        wish.format = payload.format;
        wish.flags = payload.flags;
        hf_api_new_id(request, wish.id);
        hf_api_call(request, call_new(request, &wish, &target), on_done);
        free(payload.owned);
    }
    cJSON_Delete(target.tree);
}
