#include "bench/chaos/acts.h"

#include "base/assert.h"

static uint64_t kill_at_us(const struct hf_chaos_acts *acts)
{
    return acts->options.kill_us > 0 && !acts->killed ? acts->begin_us + acts->options.kill_us : UINT64_MAX;
}

void hf_chaos_acts_init(struct hf_chaos_acts *acts, const struct hf_chaos_acts_options *options,
                        uint64_t now_us)
{
    HF_ASSERT(options->every_us == 0 || options->every_us > options->stop_us);
    *acts = (struct hf_chaos_acts){
        .options = *options,
        .begin_us = now_us,
        .next_stop_us = options->stop_us > 0 ? now_us + options->first_us : UINT64_MAX,
        .next_cont_us = UINT64_MAX,
    };
}

uint64_t hf_chaos_acts_next_us(const struct hf_chaos_acts *acts)
{
    return acts->killed ? UINT64_MAX
                        : HF_MIN(kill_at_us(acts), acts->stopped ? acts->next_cont_us : acts->next_stop_us);
}

enum hf_chaos_act hf_chaos_acts_take(struct hf_chaos_acts *acts, uint64_t now_us)
{
    uint64_t every_us = acts->options.every_us;

    if (hf_chaos_acts_next_us(acts) > now_us)
        return HF_CHAOS_ACT_NONE;
    if (kill_at_us(acts) <= now_us) {
        acts->killed = true;
        return HF_CHAOS_ACT_KILL;
    }
    if (acts->stopped) {
        acts->stopped = false;
        acts->next_cont_us = UINT64_MAX;
        if (acts->next_stop_us <= now_us && every_us > 0)
            acts->next_stop_us += ((now_us - acts->next_stop_us) / every_us + 1) * every_us;
        return HF_CHAOS_ACT_CONT;
    }
    acts->stopped = true;
    acts->next_cont_us = now_us + acts->options.stop_us; /* from when it really stopped */
    acts->next_stop_us = every_us > 0 ? acts->next_stop_us + every_us : UINT64_MAX;
    return HF_CHAOS_ACT_STOP;
}
