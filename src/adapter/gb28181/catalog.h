/* adapter/gb28181/catalog.h - a device's list of channels: asked for by the gateway itself after the first registration, or when what the tables have is old; made into camera.channels
 * events (core/channels.h) whoever asked. Not all at once: a bound per second, and as many seconds of patience as there are devices waiting. */
#ifndef HF_ADAPTER_GB28181_CATALOG_H
#define HF_ADAPTER_GB28181_CATALOG_H

#include "base/slice.h"
#include "codec/manscdp/manscdp.h"
#include "core/gb/merge.h"

struct hf_gb_device;
struct hf_gb_request;

enum {
    HF_GB_CATALOG_DELAY_MS = 1000, /* after a registration: devices have other things to do first */
};

/* It was not there before: its list will be asked for unless the tables have a fresh one. */
void hf_gb_catalog_registered(struct hf_gb_device *device);
void hf_gb_catalog_gone(struct hf_gb_device *device);
size_t hf_gb_catalog_job_bytes(void); /* of a device that is still to be asked */

/* Of a Catalog query of whomever: it was sent; its list came (whole: all that was announced); nothing came. */
void hf_gb_catalog_asked(struct hf_gb_request *request);
void hf_gb_catalog_list(struct hf_gb_request *request, const struct hf_gb_merged *merged, bool whole);
void hf_gb_catalog_unanswered(struct hf_gb_request *request);

/* A Notify of single channels, in a NOTIFY or a MESSAGE. False: the log cannot take it now. */
bool hf_gb_catalog_notified(struct hf_gb_device *device, const struct hf_cdp_message *message);

#endif
