/* core/channels.c - channel rows: keys, reading, and the packed members.
 *
 *   more     member*
 *   member   u8 code [code 0: u8 bytes, name]  u16 length, bit 15 = an object packed like this  value: raw JSON, or member*
 * A code stands for a name in HF_CHANNEL_MEMBER_MAP. */
#include "core/channels.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "codec/json/array.h"

/* Stored: append, never renumber. */
#define HF_CHANNEL_MEMBER_MAP(X)        \
    X(1, "manufacturer")                \
    X(2, "model")                       \
    X(3, "owner")                       \
    X(4, "civil_code")                  \
    X(5, "block")                       \
    X(6, "address")                     \
    X(7, "parental")                    \
    X(8, "safety_way")                  \
    X(9, "register_way")                \
    X(10, "security_level_code")        \
    X(11, "cert_num")                   \
    X(12, "certifiable")                \
    X(13, "err_code")                   \
    X(14, "end_time")                   \
    X(15, "secrecy")                    \
    X(16, "ip_address")                 \
    X(17, "port")                       \
    X(18, "longitude")                  \
    X(19, "latitude")                   \
    X(20, "business_group_id")          \
    X(21, "info")                       \
    X(22, "extra")                      \
    X(23, "ptz_type")                   \
    X(24, "position_type")              \
    X(25, "photoelectric_imaging_type") \
    X(26, "capture_position_type")      \
    X(27, "room_type")                  \
    X(28, "use_type")                   \
    X(29, "supply_light_type")          \
    X(30, "direction_type")             \
    X(31, "resolution")                 \
    X(32, "stream_number_list")         \
    X(33, "download_speed")             \
    X(34, "svc_space_support_mode")     \
    X(35, "svc_time_support_mode")      \
    X(36, "ssvc_ratio_support_list")    \
    X(37, "mobile_device_type")         \
    X(38, "horizontal_field_angle")     \
    X(39, "vertical_field_angle")       \
    X(40, "max_view_distance")          \
    X(41, "grassroots_code")            \
    X(42, "point_type")                 \
    X(43, "point_common_name")          \
    X(44, "mac")                        \
    X(45, "function_type")              \
    X(46, "encode_type")                \
    X(47, "install_time")               \
    X(48, "management_unit")            \
    X(49, "contact_info")               \
    X(50, "record_save_days")           \
    X(51, "industrial_classification")

enum { MEMBER_CODES = 52, PACKED = 0x8000, LENGTH_MAX = 0x7fff, PACK_DEPTH_MAX = 2 };

static const char *const member_names[MEMBER_CODES] = {
#define MEMBER_NAME(code, name) [code] = name,
    HF_CHANNEL_MEMBER_MAP(MEMBER_NAME)
#undef MEMBER_NAME
};

unsigned hf_channel_member_code(struct hf_slice name)
{
    for (unsigned code = 1; code < MEMBER_CODES; code++)
        if (hf_slice_is(name, member_names[code]))
            return code;
    return 0;
}

/* ---- status ---- */

const char *hf_channel_status_name(unsigned status)
{
    static const char *const names[] = {"ON", "ON", "OFF", "VLOST", "DEFECT"};

    return status < HF_CHANNEL_STATUSES ? names[status] : "OFF";
}

bool hf_channel_status_by_name(struct hf_slice name, enum hf_channel_status *ret_status)
{
    for (unsigned i = HF_CHANNEL_ON; i < HF_CHANNEL_STATUSES; i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(hf_channel_status_name(i)))) {
            *ret_status = (enum hf_channel_status)i;
            return true;
        }
    return false;
}

/* ---- packed members ---- */

struct member {
    struct hf_slice name, value;
    bool packed;
};

/* False at the end, or where it is damaged. */
static bool member_next(struct hf_slice *rest, struct member *ret)
{
    const uint8_t *at = (const uint8_t *)rest->at;
    size_t head = 3;

    if (rest->bytes < head)
        return false;
    if (at[0] == 0) {
        ret->name = (struct hf_slice){rest->at + 2, at[1]};
        head += 1u + at[1];
    } else {
        ret->name = hf_slice_of(at[0] < MEMBER_CODES ? member_names[at[0]] : "unknown");
    }
    if (rest->bytes < head)
        return false;
    unsigned length = hf_get_u16(at + head - 2);
    ret->packed = length & PACKED;
    ret->value = (struct hf_slice){rest->at + head, length & LENGTH_MAX};
    if (rest->bytes - head < ret->value.bytes)
        return false;
    rest->at += head + ret->value.bytes;
    rest->bytes -= head + ret->value.bytes;
    return true;
}

static void more_out(struct hf_slice more, struct hf_json_out *out, unsigned depth)
{
    struct member member;

    while (member_next(&more, &member)) {
        hf_json_out_key(out, member.name);
        if (!member.packed) {
            hf_json_out_raw(out, NULL, member.value);
            continue;
        }
        hf_json_out_object(out, NULL);
        if (depth < PACK_DEPTH_MAX)
            more_out(member.value, out, depth + 1);
        hf_json_out_end(out);
    }
}

void hf_channel_more_out(struct hf_slice more, struct hf_json_out *out)
{
    more_out(more, out, 0);
}

bool hf_channel_more_find(struct hf_slice more, const char *name, struct hf_slice *ret_raw)
{
    struct member member;

    while (member_next(&more, &member))
        if (!member.packed && hf_slice_is(member.name, name)) {
            *ret_raw = member.value;
            return true;
        }
    return false;
}

static bool has_column(struct hf_slice name)
{
    return hf_slice_is(name, "device_id") || hf_slice_is(name, "event") || hf_slice_is(name, "name") ||
           hf_slice_is(name, "parent_id") || hf_slice_is(name, "status");
}

struct packer {
    char *at;
    size_t bytes, room;
};

/* The member's head with room for its length, which end() fills; false: it does not fit. */
static bool pack_head(struct packer *packer, struct hf_slice name, size_t value_bytes)
{
    unsigned code = hf_channel_member_code(name);
    size_t head = code ? 3 : 4 + name.bytes;

    if (name.bytes > UINT8_MAX || value_bytes > LENGTH_MAX ||
        packer->room - packer->bytes < head + value_bytes)
        return false;
    packer->at[packer->bytes] = (char)code;
    if (code == 0) {
        packer->at[packer->bytes + 1] = (char)name.bytes;
        memcpy(packer->at + packer->bytes + 2, name.at, name.bytes);
    }
    packer->bytes += head;
    return true;
}

static void pack_bytes(struct packer *packer, struct hf_slice name, struct hf_slice value, bool packed)
{
    if (!pack_head(packer, name, value.bytes))
        return;
    hf_put_u16((uint8_t *)packer->at + packer->bytes - 2, (uint16_t)(value.bytes | (packed ? PACKED : 0u)));
    if (value.bytes > 0)
        memcpy(packer->at + packer->bytes, value.at, value.bytes);
    packer->bytes += value.bytes;
}

static void pack_object(struct packer *packer, struct hf_slice object, bool top)
{
    struct hf_json_field member;

    while (hf_json_object_next(&object, &member)) {
        if (top && has_column(member.name))
            continue;
        size_t begin = packer->bytes;
        if (!top || member.type != HF_JSON_OBJECT) {
            pack_bytes(packer, member.name, member.raw, false);
        } else if (pack_head(packer, member.name, 0)) {
            size_t value = packer->bytes;

            pack_object(packer, member.raw, false);
            if (packer->bytes - value > LENGTH_MAX)
                packer->bytes = begin; /* left out */
            else
                hf_put_u16((uint8_t *)packer->at + value - 2, (uint16_t)((packer->bytes - value) | PACKED));
        }
    }
}

size_t hf_channel_more_pack(struct hf_slice item, struct hf_slice before, char *out, size_t out_bytes)
{
    struct packer packer = {out, 0, out_bytes};
    struct member old, new;

    pack_object(&packer, item, true);
    size_t bytes = packer.bytes;
    while (member_next(&before, &old)) {
        struct hf_slice now = {out, bytes};
        bool told = false;

        while (!told && member_next(&now, &new))
            told = hf_slice_eq(new.name, old.name);
        if (!told)
            pack_bytes(&packer, old.name, old.value, old.packed);
    }
    return packer.bytes;
}

/* ---- reading ---- */

uint64_t hf_channels_digest(struct hf_slice item_json)
{
    static const uint8_t
        key[HF_HASH_KEY_BYTES]; /* the same after a restart; who makes two lists alike fools himself */

    return hf_hash(key, item_json.at, item_json.bytes);
}

hf_err hf_channel_key(struct hf_channel_key *ret_key, struct hf_slice tenant, struct hf_slice device,
                      uint64_t generation, struct hf_slice id)
{
    struct hf_kvkey key;
    hf_err err = hf_kvkey_device_u64(&key, tenant, device, generation);

    if (err != HF_OK || (id.at != NULL && !hf_id_valid(id, HF_CHANNEL_ID_BYTES_MAX)))
        return HF_ERR_INVALID;
    memcpy(ret_key->at, key.at, key.bytes);
    if (id.at != NULL)
        memcpy(ret_key->at + key.bytes, id.at, id.bytes);
    ret_key->bytes = (uint16_t)(key.bytes + (id.at != NULL ? id.bytes : 0));
    return HF_OK;
}

hf_err hf_catalog_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                      struct hf_catalog_row *ret_row)
{
    struct hf_kvkey key;
    struct hf_slice value;
    hf_err err = hf_kvkey_device(&key, tenant, device);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_CATALOGS, hf_kvkey_slice(&key), &value);
    return err == HF_OK ? hf_catalog_row_decode(value, ret_row) : err;
}

hf_err hf_channel_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                      uint64_t generation, struct hf_slice id, struct hf_channel_row *ret_row)
{
    struct hf_channel_key key;
    struct hf_slice value;
    hf_err err = hf_channel_key(&key, tenant, device, generation, id);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_CHANNELS, hf_channel_key_slice(&key), &value);
    return err == HF_OK ? hf_channel_row_decode(value, ret_row) : err;
}

hf_err hf_channels_scan(struct hf_kv_txn *txn, const struct hf_channel_key *prefix, struct hf_slice after,
                        struct hf_kv_cursor *ret_cursor)
{
    char from[sizeof(prefix->at) + 2];
    struct hf_sb sb;

    hf_sb_init(&sb, from, sizeof(from));
    if (after.bytes > 0) {
        hf_sb_slice(&sb, hf_channel_key_slice(prefix));
        hf_sb_slice(&sb, after);
        hf_sb_char(&sb, 0); /* the smallest key behind it */
    }
    return sb.overflow ? HF_ERR_INVALID
                       : hf_kv_scan(txn, HF_KV_CHANNELS, hf_channel_key_slice(prefix), hf_sb_done(&sb), false,
                                    ret_cursor);
}

hf_err hf_channels_next(struct hf_kv_cursor *cursor, const struct hf_channel_key *prefix,
                        struct hf_slice *ret_id, struct hf_channel_row *ret_row)
{
    struct hf_slice key, value;
    hf_err err;

    while ((err = hf_kv_next(cursor, &key, &value)) == HF_OK) {
        if (key.bytes <= prefix->bytes || hf_channel_row_decode(value, ret_row) != HF_OK)
            continue;
        *ret_id = (struct hf_slice){key.at + prefix->bytes, key.bytes - prefix->bytes};
        return HF_OK;
    }
    return err;
}
