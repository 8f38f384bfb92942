#include "bench/chaos/command.h"

#include <stdio.h>

#include "base/assert.h"
#include "bench/chaos/path.h"

enum { WORD_SHOWN_MAX = 64 };

const char hf_chaos_command_help[] =
    "cut [rst|fin] [SHARE]; silence [up|down] [TIME|forever] [hold]; refuse [TIME|forever]; heal; set "
    "NAME=VALUE ...; "
    "profile NAME; clear; at TIME COMMAND; every TIME COMMAND; stats; faults; profiles; help; quit";

static const struct {
    const char *word, *usage;
    enum hf_chaos_command_kind kind;
} commands[] = {
    {"cut", "cut [rst|fin] [SHARE], as: cut fin 10%", HF_CHAOS_COMMAND_CUT},
    {"silence", "silence [up|down] [TIME|forever] [hold], as: silence down 5s", HF_CHAOS_COMMAND_SILENCE},
    {"refuse", "refuse [TIME|forever], as: refuse 5s", HF_CHAOS_COMMAND_REFUSE},
    {"heal", "heal", HF_CHAOS_COMMAND_HEAL},
    {"set", "set NAME=VALUE ..., as: set loss=5% rtt=200ms", HF_CHAOS_COMMAND_SET},
    {"profile", "profile NAME, as: profile f1", HF_CHAOS_COMMAND_PROFILE},
    {"clear", "clear", HF_CHAOS_COMMAND_CLEAR},
    {"at", "at TIME COMMAND, as: at 5s cut", HF_CHAOS_COMMAND_AT},
    {"every", "every TIME COMMAND, as: every 10s cut rst", HF_CHAOS_COMMAND_EVERY},
    {"stats", "stats", HF_CHAOS_COMMAND_STATS},
    {"faults", "faults", HF_CHAOS_COMMAND_FAULTS},
    {"profiles", "profiles", HF_CHAOS_COMMAND_PROFILES},
    {"help", "help", HF_CHAOS_COMMAND_HELP},
    {"quit", "quit", HF_CHAOS_COMMAND_QUIT},
};

/* The next word; the absent slice at the end. */
static struct hf_slice take_word(struct hf_slice *rest)
{
    struct hf_slice word;

    *rest = hf_slice_trim(*rest);
    word = (struct hf_slice){rest->at, 0};
    while (word.bytes < rest->bytes && word.at[word.bytes] != ' ' && word.at[word.bytes] != '\t')
        word.bytes++;
    rest->at += word.bytes;
    rest->bytes -= word.bytes;
    *rest = hf_slice_trim(*rest);
    return word.bytes > 0 ? word : (struct hf_slice){0};
}

static bool take_time(struct hf_slice word, uint64_t *ret_us)
{
    if (!hf_slice_is(word, "forever"))
        return hf_chaos_time_parse(word, ret_us);
    *ret_us = HF_CHAOS_NEVER;
    return true;
}

static bool take_cut_word(struct hf_slice word, struct hf_chaos_command *command)
{
    if (hf_slice_is(word, "rst"))
        command->how = HF_CHAOS_END_RST;
    else if (hf_slice_is(word, "fin"))
        command->how = HF_CHAOS_END_FIN;
    else
        return hf_chaos_share_parse(word, &command->share);
    return true;
}

static bool take_silence_word(struct hf_slice word, struct hf_chaos_command *command)
{
    const unsigned both = 1u << HF_CHAOS_UP | 1u << HF_CHAOS_DOWN;

    if (hf_slice_is(word, "up"))
        command->directions = 1u << HF_CHAOS_UP;
    else if (hf_slice_is(word, "down"))
        command->directions = 1u << HF_CHAOS_DOWN;
    else if (hf_slice_is(word, "both"))
        command->directions = both;
    else if (hf_slice_is(word, "hold"))
        command->hold = true;
    else
        return take_time(word, &command->time_us) && command->time_us > 0;
    return true;
}

static bool take_words(struct hf_slice rest, struct hf_chaos_command *command)
{
    struct hf_slice word;

    while ((word = take_word(&rest)).bytes > 0) {
        bool ok = false;

        if (command->kind == HF_CHAOS_COMMAND_CUT)
            ok = take_cut_word(word, command);
        else if (command->kind == HF_CHAOS_COMMAND_SILENCE)
            ok = take_silence_word(word, command);
        else if (command->kind == HF_CHAOS_COMMAND_REFUSE)
            ok = take_time(word, &command->time_us) && command->time_us > 0;
        if (!ok)
            return false;
    }
    return true;
}

/* "5s cut rst": the time, and a command that can be parsed and does not itself wait. */
static hf_err take_schedule(struct hf_chaos_command *command, char *error)
{
    struct hf_slice time = take_word(&command->rest);
    struct hf_chaos_command inner;

    if (!hf_chaos_time_parse(time, &command->time_us) || command->rest.bytes == 0 ||
        (command->kind == HF_CHAOS_COMMAND_EVERY && command->time_us == 0))
        return HF_ERR_MALFORMED;
    struct hf_slice first = command->rest;

    first = take_word(&first);
    if (hf_slice_is(first, "at") || hf_slice_is(first, "every")) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "what is scheduled may not schedule; give two commands");
        return HF_ERR_INVALID;
    }
    return hf_chaos_command_parse(command->rest, &inner, error);
}

static hf_err take_rest(struct hf_chaos_command *command, char *error)
{
    struct hf_chaos_faults scratch;

    switch (command->kind) {
    case HF_CHAOS_COMMAND_SET:
        if (command->rest.bytes == 0)
            return HF_ERR_MALFORMED;
        hf_chaos_faults_init(&scratch);
        return hf_chaos_faults_set_all(&scratch, command->rest, error) == HF_OK ? HF_OK : HF_ERR_INVALID;
    case HF_CHAOS_COMMAND_PROFILE:
        return command->rest.bytes > 0 && memchr(command->rest.at, ' ', command->rest.bytes) == NULL
                   ? HF_OK
                   : HF_ERR_MALFORMED;
    case HF_CHAOS_COMMAND_AT:
    case HF_CHAOS_COMMAND_EVERY: return take_schedule(command, error);
    default: return take_words(command->rest, command) ? HF_OK : HF_ERR_MALFORMED;
    }
}

hf_err hf_chaos_command_parse(struct hf_slice line, struct hf_chaos_command *ret_command,
                              char error[HF_CHAOS_ERROR_BYTES])
{
    struct hf_slice rest = line, word = take_word(&rest);

    for (size_t i = 0; i < HF_COUNT_OF(commands); i++) {
        if (!hf_slice_is(word, commands[i].word))
            continue;
        *ret_command = (struct hf_chaos_command){
            .kind = commands[i].kind,
            .share = 1,
            .directions = 1u << HF_CHAOS_UP | 1u << HF_CHAOS_DOWN,
            .time_us = HF_CHAOS_NEVER,
            .rest = rest,
        };
        hf_err err = take_rest(ret_command, error);

        if (err == HF_ERR_MALFORMED)
            (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "'%.*s': write %s",
                           (int)HF_MIN(line.bytes, (size_t)WORD_SHOWN_MAX), line.at, commands[i].usage);
        return err == HF_OK ? HF_OK : HF_ERR_INVALID;
    }
    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "there is no command '%.*s'; `help` names them",
                   (int)HF_MIN(word.bytes, (size_t)WORD_SHOWN_MAX), word.bytes > 0 ? word.at : "");
    return HF_ERR_INVALID;
}
