/* app/gate.h - whether a worker's devices may be read, and when those that were told to wait are let in. The log's answer can change within one turn of the loop:
 * sockets fill it and are held, then a batch comes back and it has room again. So a no is remembered until the end of the turn, where those who heard it are
 * released, and once more when one of them is told no again. Pure. */
#ifndef HF_APP_GATE_H
#define HF_APP_GATE_H

#include <stdbool.h>

struct hf_gate { /* all zero: open */
    bool closed; /* somebody may be waiting */
};

/* May input be taken now? open: there is room. A no holds for the rest of the turn, for everybody. */
static inline bool hf_gate_may_pass(struct hf_gate *gate, bool open)
{
    gate->closed |= !open;
    return !gate->closed;
}

/* At the end of a turn. True: release all that wait. What that leads to may close the gate again. */
static inline bool hf_gate_opens(struct hf_gate *gate, bool open)
{
    bool was_closed = gate->closed;

    gate->closed = !open;
    return was_closed && open;
}

#endif
