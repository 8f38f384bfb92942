/* codec/uri/uri.h - the parts of RFC 3986 that a request target needs: strict percent-decoding, query
 * iteration, path segments, and masking of secrets for logs (SEC-3). Allocates nothing. */
#ifndef HF_CODEC_URI_URI_H
#define HF_CODEC_URI_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/sb.h"
#include "base/slice.h"

enum hf_uri_mode {
    HF_URI_PATH,  /* '+' is a plus */
    HF_URI_QUERY, /* '+' is a space (application/x-www-form-urlencoded) */
};

/* Decodes into `out`; *ret_text points into it (into `in` itself where there was nothing to decode).
 * HF_ERR_MALFORMED: broken escape, NUL, or a result that is not valid UTF-8 (overlong forms and surrogates
 * included). HF_ERR_LIMIT: does not fit out_bytes. `out` may be `in.at` (decoding in place). */
hf_err hf_uri_decode(struct hf_slice in, enum hf_uri_mode mode, char *out, size_t out_bytes,
                     struct hf_slice *ret_text);

/* Takes the next key=value off a query; both still encoded, the value empty (not absent) without '='.
 * Empty parts between '&' are skipped. False at the end. */
bool hf_uri_query_next(struct hf_slice *query, struct hf_slice *ret_key, struct hf_slice *ret_value);

/* The decoded value of a key. HF_ERR_NOT_FOUND; HF_ERR_MALFORMED, also when the key stands there twice (two
 * readers would choose differently); HF_ERR_LIMIT. Keys are compared decoded. */
hf_err hf_uri_query_get(struct hf_slice query, const char *key, char *out, size_t out_bytes,
                        struct hf_slice *ret_value);

/* Splits "/v1/devices/a%2Fb" into decoded segments "v1" "devices" "a/b"; one '/' at the end is ignored, "/"
 * gives none. Segments lie in `storage` or in `path`. HF_ERR_MALFORMED: no leading '/', an empty segment,
 * "." or ".." (also encoded: nothing here walks a tree), or a broken escape. HF_ERR_LIMIT: more than
 * segments_max, or storage too small (path.bytes is always enough). */
hf_err hf_uri_path_split(struct hf_slice path, char *storage, size_t storage_bytes,
                         struct hf_slice *ret_segments, size_t segments_max, size_t *ret_count);

/* Adds a target or query for a log line: values of secret keys (token, access_token, key, api_key, secret,
 * password, sig, signature, ticket; also spelled with escapes or capitals) become "***", bytes that are not
 * visible ASCII become %XX. */
void hf_uri_mask(struct hf_sb *sb, struct hf_slice target);

/* Adds text percent-encoded: unreserved characters (RFC 3986 2.3) stay. */
void hf_uri_encode(struct hf_sb *sb, struct hf_slice text);

#endif
