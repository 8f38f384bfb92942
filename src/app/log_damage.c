#include "app/log_damage.h"

#include "log/log.h"

void hf_log_damage_say(struct hf_log_damage *said, struct hf_logger *logger, const char *by,
                       const struct hf_log_reader *reader)
{
    struct hf_log_gap gap = hf_log_reader_gap(reader);
    char path[HF_LOG_PATH_BYTES_MAX] = "";

    if (gap.reason != HF_REASON_LOG_DAMAGED || gap.hole)
        return;
    for (unsigned i = 0; i < HF_LOG_DAMAGE_SAID_MAX; i++)
        if (said->from[i] == gap.from)
            return;
    said->from[said->said++ % HF_LOG_DAMAGE_SAID_MAX] = gap.from;
    (void)hf_log_reader_gap_path(reader, path, sizeof(path));
    hf_log(logger, HF_LOG_LOG_DAMAGE_FOUND, HF_F_STR("path", path), HF_F_U64("from", gap.from),
           HF_F_U64("to", gap.to), HF_F_STR("by", by),
           HF_F_STR("effect", "these records are lost, readers of events are told the gap; all else goes on"),
           HF_F_STR("fix",
                    gap.live
                        ? "ask the disk why (dmesg, smartctl); stop the gateway, run `holdfast repair-log "
                          "--data DIR` and start it: it does not start with this file as it is"
                        : "ask the disk why (dmesg, smartctl); nothing else: the file goes with retention, "
                          "and a start does not need it"),
           HF_F_END);
}
