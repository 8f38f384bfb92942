/* adapter/ws/shadow.h - what a device says of its shadows, as one JSON object, in PATCH of holdfast.v1 and in raw mode alike (doc/devices.md, Shadow):
 *   {"name":"led","version":7,"reported":{..},"desired":{..}}      a merge patch; without a section it is a question
 *   {"name":"led","version":7,"patch":[{"op":..},..]}              operations of JSON Patch
 * name and version may be missing; an array alone is operations on the unnamed one. */
#ifndef HF_ADAPTER_WS_SHADOW_H
#define HF_ADAPTER_WS_SHADOW_H

#include <stdbool.h>

#include "core/document/shadow.h"

enum {
    HF_WS_SHADOW_SECTIONS = 1 << HF_SHADOW_REPORTED | 1 << HF_SHADOW_DESIRED
}; /* tags are the applications' */

struct hf_ws_shadow_ask {
    struct hf_slice json; /* in: all of it, checked; out: the change */
    struct hf_slice name; /* out: into json; absent: the unnamed one */
    uint64_t version;     /* in and out: the base version, 0 = none */
    uint8_t kind;         /* in and out: enum hf_patch_kind */
    bool question;        /* in and out: there is no change */
};
/* False: it is not so. */
bool hf_ws_shadow_parse(struct hf_ws_shadow_ask *ask);

#endif
