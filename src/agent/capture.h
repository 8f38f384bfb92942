/* agent/capture.h - the thread that captures: gives a source its turns when they are due, and polls its descriptors. It touches no disk, no network and no lock, so whatever these do
 * to the other thread, samples are taken in time. */
#ifndef HF_AGENT_CAPTURE_H
#define HF_AGENT_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/source.h"
#include "io/thread.h"

struct hf_capture {
    struct hf_source *source; /* borrows: the thread's until the stop */
    struct hf_thread thread;
    int stop_fd;
    _Atomic bool stopping;
    _Atomic bool ended; /* the source has no more */
};

hf_err hf_capture_start(struct hf_capture *capture, struct hf_source *source); /* HF_ERR_NOMEM */
void hf_capture_stop(struct hf_capture *capture); /* waits for the thread; harmless without one */
bool hf_capture_ended(struct hf_capture *capture);

#endif
