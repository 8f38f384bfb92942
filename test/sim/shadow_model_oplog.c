/* test/sim/shadow_model_oplog.c - the rule `oplog` on numbers: which operations of a change from an older version are refused alone, and what is left of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sim/shadow.h"

struct oplog {
    const struct sim_shadow_state *before;
    const struct sim_change *change;
    struct sim_change *left;
    char *refused;
    unsigned section;
    int index; /* of the next operation; -1: a merge patch, whose members have none */
};

/* The last version that wrote or removed this field; of one that is not there perhaps by deleting the whole shadow. */
static uint64_t touched(const struct oplog *log, unsigned key)
{
    return log->before->of[log->section].value[key] != 0
               ? log->before->stamp[log->section][key]
               : HF_MAX(log->before->gone[log->section][key], log->before->forgotten);
}

/* The newest version that has touched one of the fields first..last, if the change does not know it. */
static uint64_t newer(const struct oplog *log, unsigned first, unsigned last)
{
    uint64_t version = 0;

    for (unsigned key = first; key <= last; key++)
        version = HF_MAX(version, touched(log, key));
    return version > log->change->base ? version : 0;
}

static void refuse(const struct oplog *log, const char *path, uint64_t version)
{
    char *end = log->refused + strlen(log->refused);
    size_t room = SIM_SHADOW_REFUSED_BYTES - strlen(log->refused);
    int bytes = snprintf(end, room, "%s", end == log->refused ? "[" : ",");

    HF_ASSERT(bytes > 0 && (size_t)bytes < room);
    end += bytes;
    room -= (size_t)bytes;
    bytes = log->index >= 0 ? snprintf(end, room, "{\"index\":%d,", log->index) : snprintf(end, room, "{");
    HF_ASSERT(bytes > 0 && (size_t)bytes < room);
    end += bytes;
    room -= (size_t)bytes;
    bytes = snprintf(end, room, "\"path\":\"/%s%s%s\",\"version\":%" PRIu64 "}",
                     hf_shadow_section_name(log->section), path[0] != '\0' ? "/" : "", path, version);
    HF_ASSERT(bytes > 0 && (size_t)bytes < room);
}

static bool is_inner(unsigned key)
{
    return key == SIM_KEY_N_X || key == SIM_KEY_N_Y;
}

static void drop(const struct oplog *log, unsigned key)
{
    log->left->of[log->section].set[key] = 0;
    log->left->of[log->section].remove &= (uint16_t) ~(1 << key);
}

/* ---- operations ---- */

static void operation(struct oplog *log, unsigned key, bool n_there, uint32_t now)
{
    uint32_t set = log->change->of[log->section].set[key];
    uint64_t version = newer(log, key, key);

    if (version != 0 && now == set) { /* as wanted; somebody has removed it, too */
        if (set == 0)
            drop(log, key);
    } else {
        if (version == 0 && (set == 0 ? now == 0 : is_inner(key) && !n_there))
            version = log->before->version; /* nothing is there that it could hold on to */
        if (version != 0) {
            refuse(log, sim_shadow_path(key), version);
            drop(log, key);
        }
    }
    log->index++;
}

static void operations(struct oplog *log)
{
    const struct sim_shadow_fields *now = &log->before->of[log->section];
    bool n_there = now->value[SIM_KEY_N_X] || now->value[SIM_KEY_N_Y] || now->value[SIM_KEY_N_EMPTY];
    bool made = false;

    if (log->change->makes_n >> log->section & 1) {
        uint64_t version = newer(log, SIM_KEY_N_X, SIM_KEY_N_EMPTY);

        made = version == 0 || now->value[SIM_KEY_N_EMPTY] != 0;
        if (!made) {
            refuse(log, sim_shadow_path(SIM_KEY_N_EMPTY), version);
            log->left->makes_n &= (uint8_t) ~(1 << log->section);
        }
        log->index++;
    }
    for (unsigned key = 0; key < SIM_KEY_N_EMPTY; key++)
        if (log->change->of[log->section].set[key] != 0 || log->change->of[log->section].remove >> key & 1)
            operation(log, key, n_there || made, made && is_inner(key) ? 0 : now->value[key]);
}

/* ---- members ---- */

static bool member_refused(const struct oplog *log, unsigned key)
{
    uint64_t version = newer(log, key, key);

    if (version == 0 || log->change->of[log->section].set[key] == log->before->of[log->section].value[key])
        return false;
    refuse(log, sim_shadow_path(key), version);
    drop(log, key);
    return true;
}

static void member_n(const struct oplog *log)
{
    const struct sim_shadow_fields *now = &log->before->of[log->section];
    uint64_t version = newer(log, SIM_KEY_N_X, SIM_KEY_N_EMPTY);
    unsigned named = 0, refused = 0;

    for (unsigned key = SIM_KEY_N_X; key <= SIM_KEY_N_Y; key++)
        if (log->change->of[log->section].set[key] != 0 || log->change->of[log->section].remove >> key & 1) {
            named++;
            refused += member_refused(log, key);
        }
    if (log->change->of[log->section].set[SIM_KEY_N_EMPTY] == 0)
        return;
    if (named > 0) { /* it is there for its members' sake */
        if (refused == named)
            drop(log, SIM_KEY_N_EMPTY);
    } else if (version != 0 && now->value[SIM_KEY_N_X] == 0 && now->value[SIM_KEY_N_Y] == 0 &&
               now->value[SIM_KEY_N_EMPTY] == 0) {
        refuse(log, sim_shadow_path(SIM_KEY_N_EMPTY), version);
        drop(log, SIM_KEY_N_EMPTY);
    }
}

static void members(struct oplog *log)
{
    if (log->change->clears >> log->section & 1) {
        uint64_t version = newer(log, 0, SIM_KEYS - 1);

        if (version != 0 && !sim_shadow_is_empty(&log->before->of[log->section])) {
            refuse(log, "", version);
            log->left->clears &= (uint8_t) ~(1 << log->section);
        }
        return;
    }
    for (unsigned key = 0; key < SIM_KEY_N_X; key++)
        if (log->change->of[log->section].set[key] != 0 || log->change->of[log->section].remove >> key & 1)
            (void)member_refused(log, key);
    member_n(log);
}

void sim_shadow_oplog(const struct sim_shadow_state *before, const struct sim_change *change,
                      struct sim_change *ret_left, char ret_refused[SIM_SHADOW_REFUSED_BYTES])
{
    bool merges = change->kind == HF_PATCH_MERGE;
    struct oplog log = {.before = before, .change = change, .left = ret_left, .refused = ret_refused};

    *ret_left = *change;
    ret_refused[0] = '\0';
    log.index = merges ? -1 : change->test.value != 0;
    for (log.section = 0; log.section < HF_SHADOW_SECTIONS; log.section++)
        if (merges)
            members(&log);
        else
            operations(&log);
    if (ret_refused[0] != '\0')
        (void)strcat(ret_refused, "]");
}
