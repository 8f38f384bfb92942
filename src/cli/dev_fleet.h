/* cli/dev_fleet.h - the small living fleet of `holdfast dev`: simulated bicycles (one `holdfast agent`) and cameras (a `holdfast gb-device` each) as child processes, so that there is
 * something true to look at. A thread of its own starts them, starts those anew that die, with pauses from 1 to 60 s, and ends them with the gateway; should the gateway be
 * killed, the kernel ends them. Their words go to DATA/dev/fleet.log. */
#ifndef HF_CLI_DEV_FLEET_H
#define HF_CLI_DEV_FLEET_H

#include "base/err.h"

enum {
    HF_DEV_FLEET_BICYCLES = 25,
    HF_DEV_FLEET_BICYCLES_MAX = 999,
    HF_DEV_FLEET_CAMERAS = 2,
    HF_DEV_FLEET_ERROR_BYTES = 512
};

#define HF_DEV_FLEET_DEVICE "bicycle-"               /* and 001, 002 ... */
#define HF_DEV_FLEET_CAMERA "340200000013200001%02u" /* 01, 02 */

struct hf_dev_fleet_options { /* borrowed for the call */
    const char *data;         /* holds dev/jwt.secret, and dev/gb.password for cameras */
    const char *kid, *tenant; /* of the secret */
    const char *url;          /* ws://127.0.0.1:8080 */
    const char *sip;          /* 127.0.0.1:5060; NULL = no cameras */
    unsigned bicycles;        /* 1 to HF_DEV_FLEET_BICYCLES_MAX */
};

struct hf_dev_fleet;

/* Makes the tokens and starts the thread. HF_ERR_NOMEM; HF_ERR_IO: a file below `data`; `error` says which. */
hf_err hf_dev_fleet_start(const struct hf_dev_fleet_options *options, struct hf_dev_fleet **ret_fleet,
                          char error[HF_DEV_FLEET_ERROR_BYTES]);
void hf_dev_fleet_stop(
    struct hf_dev_fleet *fleet); /* all children are gone when it returns; NULL is harmless */

#endif
