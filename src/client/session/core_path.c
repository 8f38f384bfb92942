#include "client/session/core_path.h"

#include "base/assert.h"
#include "base/root.h"

#define SQUARE(x) ((uint64_t)(x) * (uint64_t)(x))

/* 20 x 20 times the variance, exact, in ms x ms; at most 3.6e11. */
static uint64_t spread(const struct hf_path *path)
{
    uint64_t sum = 0, squares = 0;

    for (unsigned i = 0; i < HF_PATH_SAMPLES; i++) {
        sum += path->rtts_ms[i];
        squares += SQUARE(path->rtts_ms[i]);
    }
    return HF_PATH_SAMPLES * squares - SQUARE(sum);
}

bool hf_path_sample(struct hf_path *path, uint32_t rtt_ms)
{
    uint8_t before = path->suspect;

    path->rtts_ms[path->next] = HF_MIN(rtt_ms, (uint32_t)HF_PATH_RTT_MS_MAX);
    path->next = (uint8_t)((path->next + 1) % HF_PATH_SAMPLES);
    if (path->count < HF_PATH_SAMPLES)
        path->count++;
    if (path->count < HF_PATH_SAMPLES)
        return false;
    uint64_t now = spread(path);
    if (now > SQUARE(HF_PATH_SAMPLES * HF_PATH_SUSPECT_MS))
        path->suspect |= HF_PATH_JITTER;
    else if (now < SQUARE(HF_PATH_SAMPLES * HF_PATH_NORMAL_MS))
        path->suspect &= (uint8_t)~HF_PATH_JITTER;
    return path->suspect != before;
}

uint32_t hf_path_sigma_us(const struct hf_path *path)
{
    return path->count < HF_PATH_SAMPLES ? 0 : (uint32_t)(hf_root(spread(path) * 1000000) / HF_PATH_SAMPLES);
}
