#include "core/call.h"

#include <stdlib.h>

static const char *const fate_names[] = {[HF_FATE_NONE] = "none",
#define HF_FATE_NAME(id, value, name) [value] = name,
                                         HF_FATE_MAP(HF_FATE_NAME)
#undef HF_FATE_NAME
};

static const char *const class_names[HF_CLASSES] = {
    [HF_CLASS_MESSAGE] = "message",
    [HF_CLASS_TELEMETRY] = "telemetry",
    [HF_CLASS_COMMAND] = "command",
};

const char *hf_fate_name(unsigned fate)
{
    return fate_names[fate < sizeof(fate_names) / sizeof(fate_names[0]) ? fate : HF_FATE_NONE];
}

const char *hf_class_name(unsigned class)
{
    return class < HF_CLASSES ? class_names[class] : "unknown";
}

enum hf_class hf_class_by_name(struct hf_slice name)
{
    unsigned class = 0;

    while (class < HF_CLASSES && !hf_slice_is(name, class_names[class]))
        class ++;
    return (enum hf_class) class;
}

static const char *const label_names[HF_LABELS] = {
#define HF_LABEL_NAME(id, value, name) [value] = name,
    HF_SHADOW_LABEL_MAP(HF_LABEL_NAME)
#undef HF_LABEL_NAME
};

const char *hf_shadow_label_name(unsigned label)
{
    return label < HF_LABELS ? label_names[label] : "unknown";
}

enum hf_shadow_label hf_shadow_label_by_name(struct hf_slice name)
{
    unsigned label = 0;

    while (label < HF_LABELS && !hf_slice_is(name, label_names[label]))
        label++;
    return (enum hf_shadow_label)label;
}

struct hf_call *hf_call_new(enum hf_call_type type, size_t storage_bytes)
{
    struct hf_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->type = type;
    if (storage_bytes > 0) {
        call->storage = malloc(storage_bytes);
        if (call->storage == NULL) {
            free(call);
            return NULL;
        }
    }
    return call;
}

void hf_call_free(struct hf_call *call)
{
    if (call == NULL)
        return;
    free(call->result);
    free(call->document.refused);
    free(call->storage);
    free(call);
}
