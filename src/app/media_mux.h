/* app/media_mux.h - from access units to what players read: FLV, fragmented MP4 (libavformat) and program stream (codec/ps/mux.h). Nothing is transcoded. One thread.
 *
 *   video   H.264: all three. H.265: MP4 and program stream; FLV where libavformat knows the enhanced form (6.1 and newer)
 *   sound   AAC: all three. G.711: FLV and program stream; in MP4 it is left out, as is everything else that a form has no name for */
#ifndef HF_APP_MEDIA_MUX_H
#define HF_APP_MEDIA_MUX_H

#include "adapter/backend.h"
#include "core/media/unit.h"

/* Before anything here: libav writes no lines of its own to standard error. */
void hf_media_libav_init(void);

struct hf_media_mux; /* opaque */

/* Called from within hf_media_mux_unit(); false: no memory, the muxer fails. */
typedef bool hf_media_mux_write_fn(void *context, const uint8_t *data, size_t bytes);

/* form: HF_VIEW_PS, HF_VIEW_FLV or HF_VIEW_MP4. picture_in_head: as struct hf_view_request has it. HF_ERR_NOMEM. */
hf_err hf_media_mux_new(enum hf_view_form form, bool picture_in_head, hf_media_mux_write_fn *write,
                        void *context, struct hf_media_mux **ret_mux);
void hf_media_mux_free(struct hf_media_mux *mux); /* NULL is harmless */

/* The first unit begins the file: a key frame, or sound where there is no video. sound: a unit of the stream's sound, whose parameters the file's head needs; NULL: it has none, and later
 * units of sound are left out. HF_ERR_UNSUPPORTED: this form has no name for the video codec. HF_ERR_MALFORMED: the parameter sets cannot be read. HF_ERR_NOMEM. */
hf_err hf_media_mux_begin(struct hf_media_mux *mux, const struct hf_media_unit *first,
                          const struct hf_media_unit *sound);
/* Of MP4, once it has begun: "avc1.64001f,mp4a.40.2"; NULL of other forms, and where a name is not known. */
const char *hf_media_mux_codecs(const struct hf_media_mux *mux);
/* HF_ERR_IO: libavformat refused it, which is final. HF_ERR_NOMEM. */
hf_err hf_media_mux_unit(struct hf_media_mux *mux, const struct hf_media_unit *unit);

/* A decoder's picture of a key frame as JPEG, malloc'ed. Takes milliseconds: not for a thread with a loop. HF_ERR_UNSUPPORTED: no decoder; HF_ERR_MALFORMED: it makes no picture of it; HF_ERR_LIMIT: larger than
 * HF_MEDIA_PICTURE_PIXELS_MAX. */
enum { HF_MEDIA_PICTURE_PIXELS_MAX = 8192 * 4320 };
hf_err hf_media_jpeg(enum hf_es_codec codec, const uint8_t *at, size_t bytes, uint8_t **ret_jpeg,
                     size_t *ret_bytes);

#endif
