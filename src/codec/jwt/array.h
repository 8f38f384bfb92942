/* codec/jwt/array.h - private to jwt: walks a JSON array that hf_json_scan() has checked. */
#ifndef HF_CODEC_JWT_ARRAY_H
#define HF_CODEC_JWT_ARRAY_H

#include <stdbool.h>

#include "codec/json/scan.h"

/* *rest starts as the array's raw text, brackets included. False when there is no further element. */
bool hf_jwt_array_next(struct hf_slice *rest, struct hf_json_field *ret_element);

#endif
