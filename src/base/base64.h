/* base/base64.h - RFC 4648: section 4 with padding, section 5 ("url") without. Decoding is strict: no line
 * breaks, no foreign characters, padding exactly where it belongs, unused bits zero, so that a value has one
 * spelling only. Output goes to the caller's storage and is not NUL-terminated. */
#ifndef HF_BASE_BASE64_H
#define HF_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define HF_BASE64_BYTES(bytes)    (((bytes) + 2) / 3 * 4) /* encoded size, padded */
#define HF_BASE64URL_BYTES(bytes) (((bytes) / 3 * 4) + ((bytes) % 3 ? (bytes) % 3 + 1 : 0)) /* unpadded */

/* Both return HF_OK, or HF_ERR_LIMIT (nothing written) when out_bytes_max is too small. */
hf_err hf_base64_encode(const void *data, size_t bytes, char *out, size_t out_bytes_max, size_t *ret_bytes);
hf_err hf_base64url_encode(const void *data, size_t bytes, char *out, size_t out_bytes_max,
                           size_t *ret_bytes);

/* HF_OK; HF_ERR_MALFORMED; HF_ERR_LIMIT when out_bytes_max is too small. On an error `out` may hold part of
 * the value. out may be the text's own storage. */
hf_err hf_base64_decode(struct hf_slice text, void *out, size_t out_bytes_max, size_t *ret_bytes);
hf_err hf_base64url_decode(struct hf_slice text, void *out, size_t out_bytes_max, size_t *ret_bytes);

#endif
