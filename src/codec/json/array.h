/* codec/json/array.h - walks a JSON array or object that hf_json_scan() has checked. */
#ifndef HF_CODEC_JSON_ARRAY_H
#define HF_CODEC_JSON_ARRAY_H

#include <stdbool.h>

#include "codec/json/scan.h"

/* *rest starts as the array's raw text, brackets included; each call takes one element off. False when there is no further one. */
bool hf_json_array_next(struct hf_slice *rest, struct hf_json_field *ret_element);

/* The same for an object's members; ret_member->name is the name as spelled, its quotes taken off and its escapes left in. */
bool hf_json_object_next(struct hf_slice *rest, struct hf_json_field *ret_member);

#endif
