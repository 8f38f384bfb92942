#include "app/node_life.h"

#include <unistd.h>

#include "app/gateway.h"
#include "app/worker.h"
#include "base/sb.h"
#include "codec/json/out.h"
#include "log/reader.h"

void hf_node_record(struct hf_gateway *gateway, enum hf_event_type type)
{
    char payload[256];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, payload, sizeof(payload));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "version", HF_VERSION);
    hf_json_out_u64(&out, "boot", gateway->boot);
    hf_json_out_u64(&out, "pid", (uint64_t)getpid());
    hf_json_out_end(&out);
    struct hf_event event = {.type = (uint8_t)type,
                             .format = HF_FORMAT_JSON,
                             .flags = HF_EVENT_FLAG_TEXT,
                             .payload = hf_sb_done(&sb)};
    (void)hf_journal_append(&gateway->workers[0]->journal.base, &event, NULL);
}

void hf_node_alive_step(struct hf_worker *worker, uint64_t now_ms)
{
    uint64_t durable = hf_log_durable_through(worker->gateway->log);

    if (durable != worker->alive_offset) {
        worker->alive_offset = durable;
        worker->alive_ms = now_ms;
    } else if (now_ms - worker->alive_ms >= HF_NODE_ALIVE_MS) {
        worker->alive_ms = now_ms;
        hf_node_record(worker->gateway, HF_EVENT_NODE_ALIVE);
    }
}

uint64_t hf_node_last_record_ms(struct hf_log *log)
{
    uint64_t last = hf_log_durable_through(log), time_ms = 0;
    struct hf_log_reader *reader = NULL;
    struct hf_log_record record;

    if (last == 0 || hf_log_reader_open(log, last, &reader) != HF_OK)
        return 0;
    if (hf_log_reader_next(reader, &record) == HF_OK)
        time_ms = record.time_ms;
    hf_log_reader_close(reader);
    return time_ms;
}
