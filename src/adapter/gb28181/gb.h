/* adapter/gb28181/gb.h - for the files of this folder: home.c (whose message is it). */
#ifndef HF_ADAPTER_GB28181_GB_H
#define HF_ADAPTER_GB28181_GB_H

#include "adapter/gb28181/site.h"
#include "codec/manscdp/gbid.h"

/* Call-IDs of ours: this, 16 hexadecimal digits, '.', and the device's id, so that whatever belongs to a dialog or request of ours finds its way home, whoever it is from
 * (channels answer for their device). */
#define HF_GB_CALL_ID "hf"

/* The device named in a Call-ID of ours; absent when it is none. */
struct hf_slice hf_gb_call_id_device(struct hf_slice call_id);

#endif
