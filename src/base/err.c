#include "base/err.h"

const char *hf_err_name(hf_err err)
{
    switch (err) {
#define HF_ERR_NAME(name, value, text) \
    case name: return #name;
        HF_ERR_MAP(HF_ERR_NAME)
#undef HF_ERR_NAME
    }
    return "HF_ERR_UNKNOWN";
}

const char *hf_err_text(hf_err err)
{
    switch (err) {
#define HF_ERR_TEXT(name, value, text) \
    case name: return text;
        HF_ERR_MAP(HF_ERR_TEXT)
#undef HF_ERR_TEXT
    }
    return "unknown error";
}
