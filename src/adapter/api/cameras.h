/* adapter/api/cameras.h - what the files of the camera routes share. A camera is a device that speaks GB/T 28181; its channels stand in the tables (core/channels.h). */
#ifndef HF_ADAPTER_API_CAMERAS_H
#define HF_ADAPTER_API_CAMERAS_H

#include "adapter/api/request.h"
#include "core/channels.h"
#include "core/rows.h"

#define HF_API_CAMERA_PROTOCOL "gb28181"

enum { HF_API_TREE_DEPTH_MAX = 12 /* what hangs deeper, or in a circle, is shown at the root */ };

/* The path's channel, argument n. False: answered. */
bool hf_api_channel_argument(struct hf_api_request *request, size_t n, struct hf_slice *ret_channel);

/* A channel is there when its device is and it does not say otherwise. */
enum hf_presence hf_api_channel_state(enum hf_presence device, const struct hf_channel_row *row);
/* Members of the object that is open. whole: with everything that was said of it. */
void hf_api_channel_members(struct hf_json_out *out, struct hf_slice id, const struct hf_channel_row *row,
                            enum hf_presence device, bool whole);

/* cameras_tree.c: the array "tree" of all channels below each other. HF_ERR_NOMEM, or what the tables say. */
hf_err hf_api_channels_tree(struct hf_kv_txn *txn, const struct hf_channel_key *prefix, uint64_t count,
                            enum hf_presence device, struct hf_slice device_id, struct hf_json_out *out);

#endif
