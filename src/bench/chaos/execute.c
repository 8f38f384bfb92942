#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "bench/chaos/profiles.h"
#include "bench/chaos/proxy.h"

static bool run(struct hf_chaos *chaos, struct hf_slice line, struct hf_json_out *out, char *error);

static void arm(struct hf_chaos *chaos, struct hf_chaos_timer *timer, uint64_t time_us)
{
    hf_chaos_timers_arm(&chaos->ticker.timers, timer,
                        time_us == HF_CHAOS_NEVER ? HF_CHAOS_NEVER : chaos->loop->now_us + time_us);
}

/* ---- silence and refusal ---- */

static void speak(struct hf_chaos *chaos, unsigned silent, bool holds)
{
    chaos->silent = silent;
    chaos->holds = holds;
    chaos->carrier->silence(chaos);
}

static void on_speak(struct hf_chaos_timer *timer, uint64_t now_us)
{
    (void)now_us;
    speak(HF_CONTAINER_OF(timer, struct hf_chaos, speak_timer), 0, false);
}

/* The port is kept, so that listening anew fails only when descriptors or memory are short: then it tries again. */
static void listen_again(struct hf_chaos *chaos)
{
    chaos->refuses = false;
    arm(chaos, &chaos->listen_timer,
        chaos->carrier->refuse(chaos, false) == HF_OK ? HF_CHAOS_NEVER : HF_CHAOS_LISTEN_RETRY_US);
}

static void on_listen(struct hf_chaos_timer *timer, uint64_t now_us)
{
    (void)now_us;
    listen_again(HF_CONTAINER_OF(timer, struct hf_chaos, listen_timer));
}

static void heal(struct hf_chaos *chaos)
{
    arm(chaos, &chaos->speak_timer, HF_CHAOS_NEVER);
    if (chaos->silent != 0)
        speak(chaos, 0, false);
    listen_again(chaos);
}

static bool refuse(struct hf_chaos *chaos, uint64_t time_us, char *error)
{
    if (chaos->carrier->refuse(chaos, true) != HF_OK) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "refuse is for TCP; use silence");
        return false;
    }
    chaos->refuses = true;
    chaos->stats.refusals++;
    arm(chaos, &chaos->listen_timer, time_us);
    return true;
}

/* ---- settings ---- */

static bool set(struct hf_chaos *chaos, struct hf_slice words, char *error)
{
    struct hf_chaos_faults faults = chaos->faults;

    if (hf_chaos_faults_set_all(&faults, words, error) != HF_OK ||
        hf_chaos_faults_check(&faults, chaos->options->udp ? HF_CHAOS_UDP : HF_CHAOS_TCP, error) != HF_OK)
        return false;
    chaos->faults = faults;
    chaos->carrier->retune(chaos);
    return true;
}

static void clear(struct hf_chaos *chaos)
{
    for (size_t i = 0; i < HF_CHAOS_LINES_MAX; i++) {
        hf_chaos_timers_cancel(&chaos->ticker.timers, &chaos->schedule[i].timer);
        chaos->schedule[i].chaos = NULL;
    }
    hf_chaos_faults_init(&chaos->faults);
    heal(chaos);
    chaos->carrier->retune(chaos);
}

static bool set_profile(struct hf_chaos *chaos, struct hf_slice name, struct hf_json_out *out, char *error)
{
    const struct hf_chaos_profile *profile;
    unsigned transport = chaos->options->udp ? HF_CHAOS_UDP : HF_CHAOS_TCP;
    bool ok = true;

    if (hf_chaos_profile_find(name, transport, &profile, error) != HF_OK)
        return false;
    clear(chaos);
    for (size_t i = 0; i < HF_CHAOS_PROFILE_LINES_MAX && profile->lines[i] != NULL && ok; i++)
        ok = run(chaos, hf_slice_of(profile->lines[i]), out, error);
    if (ok && profile->udp_line != NULL && transport == HF_CHAOS_UDP)
        ok = run(chaos, hf_slice_of(profile->udp_line), out, error);
    return ok;
}

/* ---- later ---- */

static void on_schedule(struct hf_chaos_timer *timer, uint64_t now_us)
{
    struct hf_chaos_schedule *row = HF_CONTAINER_OF(timer, struct hf_chaos_schedule, timer);
    struct hf_chaos *chaos = row->chaos;
    char answer[HF_CHAOS_ANSWER_BYTES], line[HF_CHAOS_LINE_BYTES_MAX];

    memcpy(line, row->line, sizeof(line)); /* `clear` or `profile` may end the row that runs it */
    if (row->every_us > 0)
        hf_chaos_timers_arm(&chaos->ticker.timers, timer, HF_MAX(timer->due_us + row->every_us, now_us));
    else
        row->chaos = NULL;
    if (!hf_chaos_execute(chaos, hf_slice_of(line), answer))
        (void)fprintf(stderr, "holdfast chaos: '%s': %s\n", line, answer);
}

static bool schedule(struct hf_chaos *chaos, const struct hf_chaos_command *command, char *error)
{
    if (command->rest.bytes >= HF_CHAOS_LINE_BYTES_MAX) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "a scheduled command has at most %d bytes",
                       HF_CHAOS_LINE_BYTES_MAX - 1);
        return false;
    }
    for (size_t i = 0; i < HF_CHAOS_LINES_MAX; i++) {
        struct hf_chaos_schedule *row = &chaos->schedule[i];

        if (row->chaos != NULL)
            continue;
        row->chaos = chaos;
        row->every_us = command->kind == HF_CHAOS_COMMAND_EVERY ? command->time_us : 0;
        memcpy(row->line, command->rest.at, command->rest.bytes);
        row->line[command->rest.bytes] = '\0';
        arm(chaos, &row->timer, command->time_us);
        return true;
    }
    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%d commands are scheduled already; `clear` forgets them",
                   HF_CHAOS_LINES_MAX);
    return false;
}

/* ---- answers ---- */

static void write_profiles(struct hf_json_out *out)
{
    const struct hf_chaos_profile *profile;

    hf_json_out_array(out, "profiles");
    for (unsigned i = 0; (profile = hf_chaos_profile_at(i)) != NULL; i++)
        if (profile->transports != 0)
            hf_json_out_cstr(out, NULL, profile->name);
    hf_json_out_end(out);
}

static void write_faults(const struct hf_chaos *chaos, struct hf_json_out *out)
{
    hf_json_out_object(out, "faults");
    hf_chaos_faults_json(&chaos->faults, out);
    hf_json_out_end(out);
    hf_json_out_bool(out, "silent_up", hf_chaos_is_silent(chaos, HF_CHAOS_UP));
    hf_json_out_bool(out, "silent_down", hf_chaos_is_silent(chaos, HF_CHAOS_DOWN));
    hf_json_out_bool(out, "hold", chaos->holds);
    hf_json_out_bool(out, "refuses", chaos->refuses);
    hf_json_out_array(out, "scheduled");
    for (size_t i = 0; i < HF_CHAOS_LINES_MAX; i++)
        if (chaos->schedule[i].chaos != NULL)
            hf_json_out_cstr(out, NULL, chaos->schedule[i].line);
    hf_json_out_end(out);
}

static bool run(struct hf_chaos *chaos, struct hf_slice line, struct hf_json_out *out, char *error)
{
    struct hf_chaos_command command;

    if (hf_chaos_command_parse(line, &command, error) != HF_OK)
        return false;
    switch (command.kind) {
    case HF_CHAOS_COMMAND_CUT:
        hf_json_out_u64(out, "cut", chaos->carrier->cut(chaos, command.how, command.share));
        return true;
    case HF_CHAOS_COMMAND_SILENCE:
        chaos->stats.silences++;
        speak(chaos, command.directions, command.hold);
        arm(chaos, &chaos->speak_timer, command.time_us);
        return true;
    case HF_CHAOS_COMMAND_REFUSE: return refuse(chaos, command.time_us, error);
    case HF_CHAOS_COMMAND_HEAL: heal(chaos); return true;
    case HF_CHAOS_COMMAND_SET: return set(chaos, command.rest, error);
    case HF_CHAOS_COMMAND_PROFILE: return set_profile(chaos, command.rest, out, error);
    case HF_CHAOS_COMMAND_CLEAR: clear(chaos); return true;
    case HF_CHAOS_COMMAND_AT:
    case HF_CHAOS_COMMAND_EVERY: return schedule(chaos, &command, error);
    case HF_CHAOS_COMMAND_STATS:
        chaos->stats.loop_turns = chaos->loop->stats.turns;
        hf_chaos_stats_json(&chaos->stats, out);
        return true;
    case HF_CHAOS_COMMAND_FAULTS: write_faults(chaos, out); return true;
    case HF_CHAOS_COMMAND_PROFILES: write_profiles(out); return true;
    case HF_CHAOS_COMMAND_HELP: hf_json_out_cstr(out, "commands", hf_chaos_command_help); return true;
    case HF_CHAOS_COMMAND_QUIT: hf_loop_stop(chaos->loop); return true;
    }
    HF_UNREACHABLE();
}

bool hf_chaos_execute(struct hf_chaos *chaos, struct hf_slice line, char answer[HF_CHAOS_ANSWER_BYTES])
{
    char error[HF_CHAOS_ERROR_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, answer, HF_CHAOS_ANSWER_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "ok", true);
    bool ok = run(chaos, line, &out, error);

    if (ok && !sb.overflow) {
        hf_json_out_end(&out);
        if (hf_json_out_complete(&out))
            return true;
    }
    if (ok)
        (void)snprintf(error, sizeof(error), "done, but the answer is too long");
    hf_sb_init(&sb, answer, HF_CHAOS_ANSWER_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "ok", false);
    hf_json_out_cstr(&out, "error", error);
    hf_json_out_end(&out);
    return false;
}

void hf_chaos_execute_init(struct hf_chaos *chaos)
{
    chaos->speak_timer.on_due = on_speak;
    chaos->listen_timer.on_due = on_listen;
    for (size_t i = 0; i < HF_CHAOS_LINES_MAX; i++)
        chaos->schedule[i].timer.on_due = on_schedule;
}
