/* codec/mqtt/reason.c - see reason.h. */
#include "codec/mqtt/packet.h"

#include "base/assert.h"

#define BIT(id, value, member, flags, up, down) id = 1 << (value),
enum { HF_MQTT_TYPE_MAP(BIT) ANSWERS = PUBACK | PUBREC };
#undef BIT

static const struct row {
    const char *text; /* NULL: not in the table */
    uint16_t packets;
    uint8_t return_code;
} rows[UINT8_MAX + 1] = {
#define ROW(id, value, packets, return_code, text) [value] = {text, packets, return_code},
    HF_MQTT_REASON_MAP(ROW)
#undef ROW
};

/* By return code of 3.1.1 (3.2.2.3). */
static const uint8_t reasons[] = {HF_MQTT_REASON_SUCCESS,   HF_MQTT_REASON_VERSION,
                                  HF_MQTT_REASON_CLIENT_ID, HF_MQTT_REASON_UNAVAILABLE,
                                  HF_MQTT_REASON_BAD_LOGIN, HF_MQTT_REASON_NOT_AUTHORIZED};

static const struct row *row_of(unsigned reason)
{
    return reason < HF_COUNT_OF(rows) && rows[reason].text != NULL ? &rows[reason] : NULL;
}

const char *hf_mqtt_reason_text(unsigned reason)
{
    const struct row *row = row_of(reason);

    return row != NULL ? row->text : "unknown reason";
}

bool hf_mqtt_reason_may(unsigned reason, unsigned type)
{
    const struct row *row = row_of(reason);

    return row != NULL && type < HF_MQTT_TYPES && (row->packets >> type & 1) != 0;
}

uint8_t hf_mqtt_return_code(unsigned reason)
{
    const struct row *row = row_of(reason);

    return row != NULL ? row->return_code : rows[HF_MQTT_REASON_UNAVAILABLE].return_code;
}

bool hf_mqtt_reason_of_return_code(unsigned return_code, uint8_t *ret_reason)
{
    if (return_code >= HF_COUNT_OF(reasons))
        return false;
    *ret_reason = reasons[return_code];
    return true;
}
