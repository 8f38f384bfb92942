/* bench/chaos/command.h - the control language: one line, one command. It comes from stdin, from the control port, from
 * --at and --every, and the profiles are written in it. Pure.
 *
 *   cut [rst|fin] [SHARE]                       ends open connections, all of them without a share
 *   silence [up|down] [TIME|forever] [hold]     bytes vanish, no FIN, no RST; hold: they come later instead
 *   refuse [TIME|forever]                       nobody listens (TCP)
 *   heal                                        ends silence and refusal
 *   set NAME=VALUE ...                          settings of bench/chaos/faults.h, all or none
 *   profile NAME                                clear, then what the profile says
 *   clear                                       heal; no fault, nothing scheduled
 *   at TIME COMMAND, every TIME COMMAND         later, again and again
 *   stats, faults, profiles, help, quit */
#ifndef HF_BENCH_CHAOS_COMMAND_H
#define HF_BENCH_CHAOS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "bench/chaos/faults.h"

enum { HF_CHAOS_LINE_BYTES_MAX = 512 };

enum hf_chaos_command_kind {
    HF_CHAOS_COMMAND_CUT,
    HF_CHAOS_COMMAND_SILENCE,
    HF_CHAOS_COMMAND_REFUSE,
    HF_CHAOS_COMMAND_HEAL,
    HF_CHAOS_COMMAND_SET,
    HF_CHAOS_COMMAND_PROFILE,
    HF_CHAOS_COMMAND_CLEAR,
    HF_CHAOS_COMMAND_AT,
    HF_CHAOS_COMMAND_EVERY,
    HF_CHAOS_COMMAND_STATS,
    HF_CHAOS_COMMAND_FAULTS,
    HF_CHAOS_COMMAND_PROFILES,
    HF_CHAOS_COMMAND_HELP,
    HF_CHAOS_COMMAND_QUIT,
};

struct hf_chaos_command {
    enum hf_chaos_command_kind kind;
    enum hf_chaos_end_kind how; /* CUT: RST or FIN */
    double share;               /* CUT: 0..1 */
    unsigned directions;        /* SILENCE: bits 1 << enum hf_chaos_direction */
    bool hold;                  /* SILENCE */
    uint64_t time_us;           /* SILENCE, REFUSE (HF_CHAOS_NEVER: until heal), AT, EVERY */
    struct hf_slice rest;       /* SET, PROFILE, AT, EVERY: into the line */
};

/* HF_ERR_INVALID with `error`, which says how it is written. AT and EVERY: the rest is checked too, as far as it can be
 * without the proxy; it may not be scheduled again. */
hf_err hf_chaos_command_parse(struct hf_slice line, struct hf_chaos_command *ret_command,
                              char error[HF_CHAOS_ERROR_BYTES]);

extern const char hf_chaos_command_help[]; /* one line, for the answer to `help` */

#endif
