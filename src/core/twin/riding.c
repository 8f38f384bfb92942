#include "core/twin/riding.h"

#include "base/assert.h"

#define NAME(id, name) [id] = name,
static const char *const names[HF_RIDINGS] = {HF_RIDING_MAP(NAME)};
#undef NAME

/* Enter, stay. */
static const double FALL_DEG[] = {60, 45};
static const double FALL_RPM = 10;
static const double SPRINT_W[] = {450, 300}, SPRINT_RPM[] = {80, 70};
static const double CLIMB_W[] = {180, 140}, CLIMB_RPM_MIN[] = {20, 15}, CLIMB_RPM_MAX[] = {75, 82};
static const double STOP_RPM[] = {5, 15}, STOP_W[] = {10, 25};

static const uint32_t lasts_ms[HF_RIDINGS] = {
    [HF_RIDING_STOPPED] = HF_RIDING_STOP_MS,   [HF_RIDING_RIDING] = HF_RIDING_RIDE_MS,
    [HF_RIDING_CLIMBING] = HF_RIDING_CLIMB_MS, [HF_RIDING_SPRINTING] = HF_RIDING_SPRINT_MS,
    [HF_RIDING_FALLEN] = HF_RIDING_FALL_MS,
};

const char *hf_riding_name(unsigned riding)
{
    return riding < HF_RIDINGS ? names[riding] : names[HF_RIDING_UNKNOWN];
}

static enum hf_riding judge(const struct hf_riding_look *look, enum hf_riding now)
{
    double lean = look->lean_deg < 0 ? -look->lean_deg : look->lean_deg;
    bool fallen = now == HF_RIDING_FALLEN, sprinting = now == HF_RIDING_SPRINTING,
         climbing = now == HF_RIDING_CLIMBING, stopped = now == HF_RIDING_STOPPED;

    if (look->has_lean && lean >= FALL_DEG[fallen] &&
        (fallen || !look->has_cadence || look->cadence_rpm < FALL_RPM))
        return HF_RIDING_FALLEN;
    if (look->has_power && look->has_cadence && look->power_w >= SPRINT_W[sprinting] &&
        look->cadence_rpm >= SPRINT_RPM[sprinting])
        return HF_RIDING_SPRINTING;
    if (look->has_power && look->has_cadence && look->power_w >= CLIMB_W[climbing] &&
        look->cadence_rpm >= CLIMB_RPM_MIN[climbing] && look->cadence_rpm <= CLIMB_RPM_MAX[climbing])
        return HF_RIDING_CLIMBING;
    if (!look->has_cadence && !look->has_power)
        return HF_RIDING_UNKNOWN;
    if ((!look->has_cadence || look->cadence_rpm < STOP_RPM[stopped]) &&
        (!look->has_power || look->power_w < STOP_W[stopped]))
        return HF_RIDING_STOPPED;
    return HF_RIDING_RIDING;
}

bool hf_riding_step(struct hf_riding_state *state, const struct hf_riding_look *look, uint64_t now_ms)
{
    enum hf_riding now = (enum hf_riding)state->now, next = judge(look, now);

    if (next == HF_RIDING_CLIMBING && now != HF_RIDING_UNKNOWN && now != HF_RIDING_CLIMBING)
        next = now == HF_RIDING_RIDING
                   ? next
                   : HF_RIDING_RIDING; /* a hill needs its time; the sprint before it is over at once */
    if (next == state->now || next == HF_RIDING_UNKNOWN) {
        state->next = state->now; /* what had begun to look otherwise did not last */
        return false;
    }
    if (next != state->next) {
        state->next = (uint8_t)next;
        state->next_ms = now_ms;
    }
    if (state->now != HF_RIDING_UNKNOWN && now_ms - state->next_ms < lasts_ms[next])
        return false;
    state->now = (uint8_t)next;
    state->since_ms = now_ms;
    return true;
}
