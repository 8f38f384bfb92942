/* bench/gb/load_plays.c - mode media: the first channel of each of the first devices is played, looked at while it plays, and stopped, through the API and by a few requests at a time. What the gateway
 * says of a stream (packets, lost, time to its first packet) is its own measurement; what was sent is ours. */
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/assert.h"
#include "bench/gb/load_parts.h"

hf_err hf_gb_load_plays_init(struct hf_gb_load_plays *plays, uint32_t count)
{
    plays->count = count;
    plays->stands = calloc(HF_MAX(count, 1u), sizeof(*plays->stands));
    return plays->stands != NULL ? HF_OK : HF_ERR_NOMEM;
}

void hf_gb_load_plays_deinit(struct hf_gb_load_plays *plays)
{
    free(plays->stands);
    plays->stands = NULL;
}

void hf_gb_load_plays_begin(struct hf_gb_load_plays *plays, enum hf_gb_load_errand errand)
{
    plays->errand = errand;
    plays->next = 0;
    if (errand == HF_GB_LOAD_PLAY)
        plays->result->plays_meant = plays->count;
}

static void ask(struct hf_gb_load_plays *plays, unsigned connection, uint32_t index, uint64_t now_ns)
{
    static const char *const bodies[] = {"{\"transport\":\"udp\"}", "{\"transport\":\"tcp_passive\"}"};
    const struct hf_cam *cam = hf_fleet_camera(plays->fleet, index);
    char path[128], channel[HF_CAM_ID_BYTES];
    static const char *const last[] = {
        [HF_GB_LOAD_PLAY] = "play", [HF_GB_LOAD_LOOK] = "media", [HF_GB_LOAD_STOP] = "stop"};

    hf_cam_channel_id(cam, 0, channel);
    (void)snprintf(path, sizeof(path), "/v1/cameras/%s/%s/%s", cam->id, channel, last[plays->errand]);
    plays->of[connection] = index;
    plays->errands[connection] = plays->errand;
    plays->asked_ns[connection] = now_ns;
    plays->open++;
    if (plays->errand == HF_GB_LOAD_LOOK)
        hf_bench_api_get(plays->api, connection, path, now_ns);
    else
        hf_bench_api_post(plays->api, connection, path,
                          plays->errand == HF_GB_LOAD_STOP ? HF_SLICE("{}") : hf_slice_of(bodies[plays->tcp]),
                          now_ns);
}

bool hf_gb_load_plays_go(struct hf_gb_load_plays *plays, uint64_t now_ns)
{
    for (unsigned c = 0; c < plays->connections; c++)
        while (plays->next < plays->count && !hf_bench_api_busy(plays->api, c)) {
            uint32_t index = plays->next++;

            if (plays->errand == HF_GB_LOAD_PLAY || plays->stands[index])
                ask(plays, c, index, now_ns);
        }
    return plays->next == plays->count && plays->open == 0;
}

static uint64_t number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static void looked(struct hf_gb_load_plays *plays, struct hf_slice answer)
{
    struct hf_gb_load_result *result = plays->result;
    cJSON *object = cJSON_ParseWithLength(answer.at, answer.bytes);
    uint64_t packets = number(object, "packets");

    if (packets > 0) {
        result->streams++;
        result->heard_packets += packets;
        result->heard_lost += number(object, "lost");
        hf_hist_record(&result->first_packet, number(object, "first_packet_us") * 1000);
        hf_hist_record(&result->jitter, number(object, "jitter_us") * 1000);
    }
    cJSON_Delete(object);
}

void hf_gb_load_plays_done(struct hf_gb_load_plays *plays, unsigned connection, unsigned status,
                           uint64_t now_ns)
{
    struct hf_gb_load_result *result = plays->result;
    enum hf_gb_load_errand errand = plays->errands[connection];

    plays->open--;
    if (status != 200) {
        hf_bench_codes_add(&result->api_status, status, 1);
        if (errand == HF_GB_LOAD_PLAY)
            result->plays_failed++;
        return;
    }
    switch (errand) {
    case HF_GB_LOAD_PLAY:
        plays->stands[plays->of[connection]] = true;
        result->plays++;
        hf_hist_record(&result->play, now_ns - plays->asked_ns[connection]);
        break;
    case HF_GB_LOAD_LOOK: looked(plays, hf_bench_api_answer(plays->api, connection)); break;
    case HF_GB_LOAD_STOP: result->stops++; break;
    default: HF_UNREACHABLE();
    }
}
