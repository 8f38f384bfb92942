/* codec/manscdp/text.h - the characters of GB/T 28181 bodies: GB2312, GBK and GB 18030 on the wire, UTF-8 inside. The 2016 edition
 * recommends GB2312, the 2022 edition requires GB 18030, and devices declare one and send another; GB 18030 holds GBK and GB2312, so two
 * readings are left to choose from.
 * XML is cut into tokens before its characters are read: no byte behind the first of a character is `<`, `>`, `&` or a quote in any of
 * these charsets. Devices cut names in the middle of a character, so a lead byte takes only bytes that can follow it.
 * Source: GB 18030-2005 (one, two and four bytes), RFC 3629; mapping by the iconv of libc. */
#ifndef HF_CODEC_MANSCDP_TEXT_H
#define HF_CODEC_MANSCDP_TEXT_H

#include <iconv.h>
#include <stdbool.h>

#include "base/sb.h"
#include "base/slice.h"

enum hf_text_charset { HF_TEXT_AUTO, HF_TEXT_UTF8, HF_TEXT_GB18030 };

/* Opened once by each thread (io/charset.h) and handed in; not for two threads at once. Converting changes no text that follows. */
struct hf_text_conv {
    iconv_t to_utf8;   /* from GB18030 */
    iconv_t from_utf8; /* to GB18030 */
};

enum {                       /* what decoding met, as bits */
       HF_TEXT_REPLACED = 1, /* bytes that are no character, or a control character: U+FFFD stands for each */
       HF_TEXT_CUT = 2,      /* did not fit: ends with the last whole character that did */
};

/* UTF-8 if the body is valid UTF-8 and says so (declaration or byte order mark), or is valid and every character above ASCII is one of
 * three bytes from the blocks of Chinese, Japanese and Korean writing; GB 18030 otherwise. Two-byte sequences prove nothing: the GB2312
 * character CD A8 is one in UTF-8, too. *ret_wrong (may be NULL) tells that the body declares the other. */
enum hf_text_charset hf_text_detect(struct hf_slice body, bool *ret_wrong);

/* Bytes of the character at `at` in GB 18030 by its form alone, 1..4; 0 when the bytes within `bytes` begin none: the first
 * byte stands for itself then, and what follows it is read anew. */
size_t hf_text_gb18030_bytes(const char *at, size_t bytes);

/* Writes raw as UTF-8 to out[0..out_bytes_max), without a NUL; returns the bytes written, at most three for each byte of raw. Adds to
 * *marks. Never fails: what is no character becomes U+FFFD, and so do control characters except tab, LF and CR. HF_TEXT_AUTO is
 * read as HF_TEXT_GB18030. */
size_t hf_text_decode(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice raw,
                      char *out, size_t out_bytes_max, unsigned *marks);

/* True when raw reads as itself: nothing to convert or to replace. */
bool hf_text_is_plain(enum hf_text_charset charset, struct hf_slice raw);

/* Appends UTF-8 `text` in `charset` (HF_TEXT_AUTO: GB18030) as XML character data that may stand in an attribute, too: & < > " '
 * escaped, what is not valid UTF-8 or not allowed in XML replaced by U+FFFD. */
void hf_text_escape(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                    struct hf_sb *out);
/* The same without escaping: for markup that is ready. */
void hf_text_encode(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                    struct hf_sb *out);

#endif
