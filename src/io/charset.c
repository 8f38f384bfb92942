/* io/charset.c - see charset.h. */
#include "io/charset.h"

#include <errno.h>

hf_err hf_charset_open(struct hf_text_conv *ret_conv)
{
    iconv_t to_utf8 = iconv_open("UTF-8", "GB18030");
    iconv_t from_utf8 = to_utf8 == (iconv_t)-1 ? to_utf8 : iconv_open("GB18030", "UTF-8");

    if (from_utf8 == (iconv_t)-1) {
        hf_err err = errno == EINVAL ? HF_ERR_UNSUPPORTED : HF_ERR_NOMEM;

        if (to_utf8 != (iconv_t)-1)
            iconv_close(to_utf8);
        return err;
    }
    *ret_conv = (struct hf_text_conv){to_utf8, from_utf8};
    return HF_OK;
}

void hf_charset_close(struct hf_text_conv *conv)
{
    iconv_close(conv->to_utf8);
    iconv_close(conv->from_utf8);
}
