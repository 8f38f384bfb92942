/* codec/http1/write.h - writes HTTP/1.1 heads and bodies into a string builder. Nothing that comes from
 * outside can add a line: a name that is not a token or a value with a control character is refused.
 * Every call returns HF_OK; HF_ERR_INVALID when it refused its argument and added nothing; HF_ERR_LIMIT when
 * the builder had no room (sb->overflow stays set, so checking it once at the end is enough). */
#ifndef HF_CODEC_HTTP1_WRITE_H
#define HF_CODEC_HTTP1_WRITE_H

#include "base/sb.h"
#include "codec/http1/request.h"

/* "Not Found"; "Status" for a code this table does not have, never NULL. */
const char *hf_http1_status_text(unsigned status);

/* HTTP/1.1 STATUS TEXT CRLF; status 100..599. */
hf_err hf_http1_write_status(struct hf_sb *sb, unsigned status);
/* METHOD TARGET HTTP/1.1 CRLF; the target must be visible ASCII. */
hf_err hf_http1_write_request(struct hf_sb *sb, enum hf_http1_method method, struct hf_slice target);
hf_err hf_http1_write_header(struct hf_sb *sb, const char *name, struct hf_slice value);
hf_err hf_http1_write_header_u64(struct hf_sb *sb, const char *name, uint64_t value);
hf_err hf_http1_write_head_end(struct hf_sb *sb);

/* One chunk; an empty slice adds nothing, since an empty chunk would end the body. */
hf_err hf_http1_write_chunk(struct hf_sb *sb, struct hf_slice data);
/* The frame of a chunk whose data goes out from elsewhere (writev): SIZE CRLF; after the data comes CRLF.
 * data_bytes > 0. */
hf_err hf_http1_write_chunk_head(struct hf_sb *sb, uint64_t data_bytes);
hf_err hf_http1_write_chunk_end(struct hf_sb *sb);
hf_err hf_http1_write_last_chunk(struct hf_sb *sb);

/* What is answered in one piece. */
struct hf_http1_answer {
    unsigned status;
    const char *content_type; /* NULL = none */
    struct hf_slice body;
    bool close;                            /* adds Connection: close */
    bool head_only;                        /* answer to HEAD: Content-Length as for GET, no body */
    const struct hf_http1_header *headers; /* borrowed extra headers */
    size_t header_count;
};

/* Status line, extra headers, Content-Type, Content-Length (none for 1xx, 204 and 304), body. */
hf_err hf_http1_write_answer(struct hf_sb *sb, const struct hf_http1_answer *answer);

#endif
