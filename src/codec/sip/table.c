/* codec/sip/table.c - names and numbers: methods, headers, problems, tolerances. */
#include "base/assert.h"
#include "codec/sip/scan.h"

const struct hf_sip_limits hf_sip_limits_default = {
    .message_bytes_max = HF_SIP_MESSAGE_BYTES_MAX,
    .head_bytes_max = HF_SIP_HEAD_BYTES_MAX,
    .body_bytes_max = HF_SIP_BODY_BYTES_MAX,
    .line_bytes_max = HF_SIP_LINE_BYTES_MAX,
    .headers_max = HF_SIP_HEADERS_MAX,
#define ON_BIT(id, bit, name, on, text) | ((on) ? 1u << (bit) : 0u)
    .tolerances = 0u HF_SIP_TOLERANCE_MAP(ON_BIT),
#undef ON_BIT
};

/* --- methods --- */

#define METHOD_ROW(id, name) [id] = {name, sizeof(name) - 1},
static const struct hf_slice methods[HF_SIP_METHODS] = {HF_SIP_METHOD_MAP(METHOD_ROW)};

const char *hf_sip_method_name(enum hf_sip_method method)
{
    HF_ASSERT((unsigned)method < HF_SIP_METHODS);
    return methods[method].at;
}

enum hf_sip_method hf_sip_method_of(struct hf_slice name)
{
    for (unsigned method = 0; method < HF_SIP_METHOD_OTHER; method++)
        if (hf_slice_eq(methods[method], name))
            return (enum hf_sip_method)method;
    return HF_SIP_METHOD_OTHER;
}

/* --- headers --- */

#define NAME_ROW(id, name, compact, many)    [id] = {name, sizeof(name) - 1},
#define COMPACT_ROW(id, name, compact, many) [id] = compact,
static const struct hf_slice names[HF_SIP_HEADER_IDS] = {HF_SIP_HEADER_MAP(NAME_ROW)};
static const char *const compacts[HF_SIP_HEADER_IDS] = {HF_SIP_HEADER_MAP(COMPACT_ROW)};

const char *hf_sip_header_name(enum hf_sip_header_id id)
{
    HF_ASSERT((unsigned)id < HF_SIP_HEADER_IDS);
    return names[id].at;
}

struct hf_slice hf_sip_header_text(enum hf_sip_header_id id)
{
    HF_ASSERT((unsigned)id < HF_SIP_HEADER_IDS);
    return names[id];
}

enum hf_sip_header_id hf_sip_header_of(struct hf_slice name)
{
    if (name.bytes == 0)
        return HF_SIP_HEADER_OTHER;
    char first = (char)(name.at[0] | 0x20); /* names begin with letters: a cheap first look at each row */

    for (unsigned id = 0; id < HF_SIP_HEADER_OTHER; id++) {
        if (name.bytes == 1 ? compacts[id] != NULL && compacts[id][0] == first
                            : names[id].bytes == name.bytes && (names[id].at[0] | 0x20) == first &&
                                  hf_slice_eq_nocase(names[id], name))
            return (enum hf_sip_header_id)id;
    }
    return HF_SIP_HEADER_OTHER;
}

/* --- tolerances --- */

#define TOLERANCE_ROW(id, bit, name, on, text) [bit] = {name, text, on},
static const struct hf_sip_tolerance_info tolerances[] = {HF_SIP_TOLERANCE_MAP(TOLERANCE_ROW)};
_Static_assert(HF_COUNT_OF(tolerances) == HF_SIP_TOLERANCES, "count the rows");

const struct hf_sip_tolerance_info *hf_sip_tolerance_info(unsigned bit)
{
    HF_ASSERT(bit < HF_SIP_TOLERANCES);
    return &tolerances[bit];
}

uint32_t hf_sip_tolerances_default(void)
{
    return hf_sip_limits_default.tolerances;
}

/* --- problems --- */

#define PROBLEM_ROW(id, name, status, text) [id] = {name, text, status},
static const struct hf_sip_problem_info problems[HF_SIP_PROBLEMS] = {HF_SIP_PROBLEM_MAP(PROBLEM_ROW)};

const struct hf_sip_problem_info *hf_sip_problem_info(enum hf_sip_problem problem)
{
    HF_ASSERT((unsigned)problem < HF_SIP_PROBLEMS);
    return &problems[problem];
}

hf_err hf_sip_problem_err(enum hf_sip_problem problem)
{
    unsigned status = hf_sip_problem_info(problem)->status;

    if (status == 0)
        return HF_OK;
    return status == 413 || status == 513 ? HF_ERR_LIMIT : HF_ERR_MALFORMED;
}
