/* core/hub_document.h - a document in the memory of its home worker, for core/hub_document.c (contexts, and what all documents share) and core/hub_shadow*.c. Nobody else
 * includes this. */
#ifndef HF_CORE_HUB_DOCUMENT_H
#define HF_CORE_HUB_DOCUMENT_H

#include "core/document/document.h"
#include "core/document/shadow.h"
#include "core/hub_parts.h"

struct kept_shadow { /* what only a shadow has */
    struct hf_shadow now, next;
    struct hf_rate rate;       /* of its changes */
    struct hf_list_node waits; /* hub_shadow_labels.c: changes that are stored, and wait for a label */
    uint32_t wait_count;
    uint64_t seen_version;              /* the newest that the device has said it knows */
    uint64_t pushed_first, pushed_last; /* versions that pushes made and the device does not know; 0 = none */
    uint8_t name_bytes;                 /* 0 = the unnamed one */
    char name[HF_SHADOW_NAME_BYTES_MAX];
};

struct kept_document {
    struct hf_map_node node;  /* hub->documents */
    struct hf_list_node used; /* hub->documents_used */
    struct hf_list_node line; /* struct waiting_call */
    struct hf_waiter waiter;
    struct hf_hub *hub;
    struct hf_tenant *tenant;
    struct hf_document now, next; /* next: on its way into the log while `call` is set */
    struct kept_shadow *shadow;   /* owned; NULL: it is a context */
    struct hf_call *call;
    uint64_t last_offset;
    uint64_t seen_ms; /* UTC: until then somebody who shares it was connected, as far as this hub has seen */
    size_t bytes;     /* of the last stored form */
    uint32_t waiting;
    bool ending; /* its end is on its way into the log */
    bool
        held; /* answers are being given, whose makers may ask for other documents: it must not be forgotten */
    uint8_t name_bytes;
    char name[];
};

static inline struct hf_slice hf_kept_name(const struct kept_document *kept)
{
    return (struct hf_slice){kept->name, kept->name_bytes};
}

static inline struct hf_slice hf_kept_shadow_name(const struct kept_document *kept)
{
    return (struct hf_slice){kept->shadow->name, kept->shadow->name_bytes};
}

/* hub_document.c */
/* A device that was never let in has no documents: a change under a mistyped name would be kept for nobody. NONE, NOT_FOUND, or why that cannot be said. */
enum hf_reason hf_kept_owner(struct kept_document *kept);
/* Appends a record of this document, told to kept->waiter; its payload is what it holds from now on. HF_ERR_*: the journal's. */
hf_err hf_kept_append(struct kept_document *kept, const struct hf_event *event);

/* hub_shadow.c */
hf_err hf_shadow_load(struct kept_document *kept, struct hf_slice name);  /* errors as hf_hub_load() */
void hf_shadow_forget(struct kept_document *kept);                        /* frees kept->shadow */
void hf_shadow_take(struct kept_document *kept, struct hf_call *call);    /* answers, or sets kept->call */
void hf_shadow_changed(struct kept_document *kept, struct hf_call *call); /* its record is durable */
void hf_shadow_answer(struct kept_document *kept, struct hf_call *call, enum hf_reason reason);

/* hub_shadow_labels.c */
bool hf_shadow_is_idle(const struct kept_document *kept); /* nobody waits for a label */
/* The change that made `version` is stored, or (0) changed nothing: answers, or waits for the label that is wanted. */
void hf_shadow_answer_stored(struct kept_document *kept, struct hf_call *call, uint64_t version);
void hf_shadow_look_at_waits(struct kept_document *kept); /* something has come that a label may hang on */
void hf_shadow_seen(struct kept_document *kept,
                    const struct hf_call *call);         /* the device says that it knows a version */
void hf_shadow_answer_waits(struct kept_document *kept); /* at shutdown, and when it is removed */
void hf_shadow_discard_waits(struct kept_document *kept);

#endif
