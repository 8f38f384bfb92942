/* codec/json/array.h - walks a JSON array that hf_json_scan() has checked. */
#ifndef HF_CODEC_JSON_ARRAY_H
#define HF_CODEC_JSON_ARRAY_H

#include <stdbool.h>

#include "codec/json/scan.h"

/* *rest starts as the array's raw text, brackets included; each call takes one element off. False when there is no further one. */
bool hf_json_array_next(struct hf_slice *rest, struct hf_json_field *ret_element);

#endif
