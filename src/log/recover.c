/* log/recover.c - finds the end of the last segment after a crash.
 *
 * A power cut leaves any mix of old and new sectors in what was not synced, so the first record that is not
 * intact is normally the end. But if a later record is intact and says that the broken one had been durable
 * when it was written, then something acknowledged was damaged, and cutting would lose it in silence. */
#include "base/assert.h"
#include "log/log_internal.h"

/* Is there a record behind `position` that proves that `offset` had been durable? */
static hf_err find_proof(struct hf_log_window *window, uint64_t position, uint64_t offset)
{
    struct hf_log_head head;
    uint64_t offset_min = offset + 1;

    for (;;) {
        hf_err err = hf_log_window_resync(window, position, offset_min, UINT64_MAX, &position, &head);

        if (err != HF_OK)
            return err;
        if (head.offset - head.distance >= offset)
            return HF_OK;
        offset_min = head.offset + 1;
        position = hf_log_record_end(position, &head);
    }
}

hf_err hf_log_recover(struct hf_log_window *window, struct hf_log_index *index, uint64_t *ret_cut_bytes,
                      uint64_t *ret_group, struct hf_log_damage *ret_damage)
{
    uint64_t position = HF_LOG_SEGMENT_HEAD_BYTES, offset = index->first_offset, data_end;
    struct hf_log_head head;
    const uint8_t *body;
    hf_err err;

    *ret_group = position;
    for (;;) {
        err = hf_log_window_record(window, position, &head, &body);
        if (err == HF_OK && head.offset < offset)
            err = HF_ERR_CORRUPT; /* a jump forward is what repair leaves; back is never */
        if (err != HF_OK)
            break;
        err = hf_log_index_add(index, position, &head);
        if (err != HF_OK)
            return err;
        if (head.distance == 1) /* everything before it was durable when it was written */
            *ret_group = position;
        offset = head.offset + 1;
        position = hf_log_record_end(position, &head);
    }
    if (err != HF_ERR_CORRUPT && err != HF_ERR_NOT_FOUND)
        return err;
    err = hf_log_window_data_end(window, position, &data_end);
    *ret_cut_bytes = err == HF_OK ? data_end - position : 0;
    if (err != HF_OK || data_end == position)
        return err;
    err = find_proof(window, position + 1, offset);
    if (err == HF_OK) {
        *ret_damage = (struct hf_log_damage){position, offset};
        return HF_ERR_CORRUPT;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}
