/* codec/manscdp/json.h - bodies as typed JSON and back, made of the rows of fields.h: members are called as in the structs, numbers are
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

/* The other way, for what an application asks to be sent: `json` is an object of the members of (root, command), besides "sn", "device_id" and
 * "result". null is absent. Texts point into json or, like the items of lists, into `memory`; both must outlive the message.
 * HF_ERR_INVALID: no JSON object, no such message, or *ret_member (as spelled, without quotes) is unknown, there twice, or not of its type; *ret_wants (may be NULL) says for people what it may be,
 * static: "Record, StopRecord", "a whole number"; NULL where there is no member.
 * HF_ERR_LIMIT: memory is too small, or a list too long. What is missing is hf_cdp_build's to say. */
hf_err hf_cdp_from_json(enum hf_cdp_root root, enum hf_cdp_command command, struct hf_slice json,
                        char *memory, size_t memory_bytes, struct hf_cdp_message *ret_message,
                        struct hf_slice *ret_member, const char **ret_wants);

#endif
