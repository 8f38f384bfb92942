/* adapter/api/cameras_body.h - from a request's body to a command's members, for cameras_commands.c. Each writes members into the object that is open in out; false: it has answered 400 and
 * named the field. The body is empty or an object that was checked. */
#ifndef HF_ADAPTER_API_CAMERAS_BODY_H
#define HF_ADAPTER_API_CAMERAS_BODY_H

#include "adapter/api/request.h"
#include "codec/json/out.h"

typedef bool hf_api_camera_body(struct hf_api_request *request, const char *member, struct hf_json_out *out);

hf_api_camera_body hf_api_body_none, /* takes none */
    hf_api_body_as_it_is,            /* the command's own members, which it checks itself */
    hf_api_body_inside,              /* the same, of its block `member` */
    hf_api_body_preset,              /* action set, call, delete; preset 1-255 */
    hf_api_body_cruise,              /* action start, stop, add, delete, speed, dwell; group, preset, value */
    hf_api_body_drag_zoom,           /* direction in, out; the box */
    hf_api_body_guard,               /* set: true or false */
    hf_api_body_record,              /* record: true or false; stream_number */
    hf_api_body_event,               /* query: event */
    hf_api_body_config_types;        /* query: types, with / between them */

#endif
