/* codec/manscdp/json.h - parsed bodies as typed JSON, made of the rows of fields.h: members are called as in the structs, numbers are
 * numbers, words are spelled as in the standard, blocks are objects, lists are arrays. What is absent or empty is left out; elements without
 * a row stand in "extra", a list of {"name", "value"} with "in" for the block around and "markup": true where value is XML. */
#ifndef HF_CODEC_MANSCDP_JSON_H
#define HF_CODEC_MANSCDP_JSON_H

#include "codec/json/out.h"
#include "codec/manscdp/manscdp.h"

/* Members of the object that is open in out: "command", "root", "sn", "device_id", "result", then those of the body.
 * `scratch` holds the texts of one item of a list. */
void hf_cdp_json(const struct hf_cdp_message *message, char *scratch, size_t scratch_bytes,
                 struct hf_json_out *out);

/* The members of one item that iter has just given, its extras included. */
void hf_cdp_json_item(const struct hf_cdp_iter *iter, const void *item, struct hf_json_out *out);

#endif
