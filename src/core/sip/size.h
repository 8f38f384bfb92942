/* core/sip/size.h - how many objects a pool needs (GB-16), by Little's law: what is there at a time is what arrives per second times how long it stays. Pure. */
#ifndef HF_CORE_SIP_SIZE_H
#define HF_CORE_SIP_SIZE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_SIP_SIZE_MIN = 8,
    HF_SIP_SIZE_TICK_MS = 10000,
    HF_SIP_SIZE_CHANGE_PERCENT = 5, /* of the devices; less does not count */
};

/* Present on average, rounded up: devices that send once per interval_ms what stays held_ms. 100,000 devices, 60 s, 32 s: 53,334; 1,667/s and 32 s: 53,344.
 * interval_ms 0 counts as 1. Saturates at UINT64_MAX. */
uint64_t hf_sip_size_present(uint64_t devices, uint32_t interval_ms, uint32_t held_ms);
/* Half as many again, at least HF_SIP_SIZE_MIN, at most what budget_bytes hold (0 when not even one); object_bytes >= 1. The budget wins. */
uint64_t hf_sip_size_objects(uint64_t present, uint64_t object_bytes, uint64_t budget_bytes);

struct hf_sip_sizer { /* zero it */
    uint64_t devices, looked_ms;
    bool sized;
};
/* Called as often as one likes: true when the pools should be sized for so many devices now: the first time, and when a tick has passed and they have changed by more than
 * the percentage. */
bool hf_sip_sizer_due(struct hf_sip_sizer *sizer, uint64_t devices, uint64_t now_ms);

#endif
