/* io/charset.h - the iconv descriptors of codec/manscdp/text.h. Opening loads the tables of GB 18030 (a file of libc); each thread
 * has a pair of its own. */
#ifndef HF_IO_CHARSET_H
#define HF_IO_CHARSET_H

#include "base/err.h"
#include "codec/manscdp/text.h"

/* HF_ERR_UNSUPPORTED: this libc has no GB18030 (glibc needs its gconv modules). HF_ERR_NOMEM. On failure nothing is open. */
hf_err hf_charset_open(struct hf_text_conv *ret_conv);
void hf_charset_close(struct hf_text_conv *conv); /* of a pair that was opened */

#endif
