/* codec/manscdp/gbid.c - see gbid.h. */
#include "codec/manscdp/gbid.h"

#include "base/assert.h"

enum { TYPE_AT = 10 };

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
    {111, "dvr"},
    {112, "video_server"},
    {113, "encoder"},
    {114, "decoder"},
    {115, "video_matrix"},
    {116, "audio_matrix"},
    {117, "alarm_controller"},
    {118, "nvr"},
    {120, "image_capture_system"},
    {121, "checkpoint_system"},
    {122, "multi_lens_device"},
    {123, "parking_entrance_controller"},
    {124, "person_entrance_controller"},
    {125, "security_check_device"},
    {130, "hvr"},
    {131, "camera"},
    {132, "ipc"},
    {133, "display"},
    {134, "alarm_input"},
    {135, "alarm_output"},
    {136, "audio_input"},
    {137, "audio_output"},
    {138, "mobile_transmission"},
    {139, "other_peripheral"},
    {140, "alarm_relay"},
    {141, "barrier"},
    {142, "smart_door"},
    {143, "credential_reader"},
    {200, "signalling_server"},
    {201, "web_server"},
    {202, "media_server"},
    {203, "proxy"},
    {204, "security_server"},
    {205, "alarm_server"},
    {206, "database_server"},
    {207, "gis_server"},
    {208, "management_server"},
    {209, "access_gateway"},
    {210, "storage_server"},
    {211, "security_gateway"},
    {215, "business_group"},
    {216, "virtual_organisation"},
    {300, "centre_user"},
    {400, "terminal_user"},
    {500, "video_platform"},
    {501, "operation_platform"},
    {502, "analysis_system"},
    {503, "video_database"},
    {505, "analysis_device"},
};

static const struct {
    uint16_t from, to;
    enum hf_gbid_kind kind;
} kinds[] = {
    {111, 130, HF_GBID_DEVICE},       {131, 199, HF_GBID_CHANNEL},  {215, 215, HF_GBID_GROUP},
    {216, 216, HF_GBID_ORGANISATION}, {200, 299, HF_GBID_PLATFORM}, /* behind its exceptions */
    {300, 343, HF_GBID_USER},         {400, 443, HF_GBID_USER},     {500, 599, HF_GBID_SERVER},
};

static bool is_digits(struct hf_slice text, bool letters)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];

        if (!(c >= '0' && c <= '9') && !(letters && ((c | 32) >= 'a' && (c | 32) <= 'z')))
            return false;
    }
    return true;
}

bool hf_gbid_valid(struct hf_slice id, enum hf_gbid_rule rule)
{
    size_t bytes_min = rule == HF_GBID_RULE_STRICT   ? HF_GBID_DIGITS
                       : rule == HF_GBID_RULE_DEVICE ? HF_GBID_DIGITS_MIN
                                                     : 2;

    return id.bytes >= bytes_min && id.bytes <= HF_GBID_DIGITS && is_digits(id, rule == HF_GBID_RULE_LOOSE);
}

unsigned hf_gbid_type(struct hf_slice id)
{
    if (!hf_gbid_valid(id, HF_GBID_RULE_STRICT))
        return 0;
    const char *at = id.at + TYPE_AT;

    return (unsigned)(at[0] - '0') * 100 + (unsigned)(at[1] - '0') * 10 + (unsigned)(at[2] - '0');
}

const char *hf_gbid_type_name(unsigned type)
{
    for (size_t i = 0; i < HF_COUNT_OF(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return NULL;
}

enum hf_gbid_kind hf_gbid_kind(struct hf_slice id)
{
    unsigned type = hf_gbid_type(id);

    if (!is_digits(id, false) || id.bytes == 0)
        return HF_GBID_UNKNOWN;
    if (id.bytes != HF_GBID_DIGITS)
        return id.bytes == HF_GBID_DOMAIN_DIGITS    ? HF_GBID_ALARM_CENTRE
               : id.bytes <= 8 && id.bytes % 2 == 0 ? HF_GBID_REGION
                                                    : HF_GBID_UNKNOWN;
    for (size_t i = 0; i < HF_COUNT_OF(kinds); i++)
        if (type >= kinds[i].from && type <= kinds[i].to)
            return kinds[i].kind;
    return HF_GBID_OTHER;
}

const char *hf_gbid_kind_name(enum hf_gbid_kind kind)
{
    static const char *const names[] = {
#define KIND(id, name) name,
        HF_GBID_KIND_MAP(KIND)
#undef KIND
    };

    return (unsigned)kind < HF_GBID_KINDS ? names[kind] : NULL;
}

struct hf_slice hf_gbid_domain(struct hf_slice id)
{
    struct hf_slice domain = {id.at, HF_GBID_DOMAIN_DIGITS};

    if (id.bytes < HF_GBID_DOMAIN_DIGITS || !is_digits(domain, false))
        return (struct hf_slice){NULL, 0};
    return domain;
}

struct hf_slice hf_gbid_nearest_parent(struct hf_slice parent_id)
{
    size_t from = parent_id.bytes;

    while (from > 0 && (parent_id.at[from - 1] == '/' || parent_id.at[from - 1] == '\\'))
        from--; /* one at the end separates nothing */
    size_t to = from;

    while (from > 0 && parent_id.at[from - 1] != '/' && parent_id.at[from - 1] != '\\')
        from--;
    return (struct hf_slice){parent_id.at + from, to - from};
}
