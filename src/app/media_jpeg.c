/* app/media_jpeg.c - one picture of a key frame: libavcodec decodes and makes a JPEG, libswscale turns what came into its colours. */
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "app/media_mux.h"
#include "base/assert.h"

enum { JPEG_QUALITY = 3 /* of 2 (best) to 31 */ };

static hf_err decode(enum hf_es_codec codec, const uint8_t *at, size_t bytes, AVFrame *frame)
{
    const AVCodec *decoder = avcodec_find_decoder(codec == HF_ES_H264   ? AV_CODEC_ID_H264
                                                  : codec == HF_ES_H265 ? AV_CODEC_ID_HEVC
                                                                        : AV_CODEC_ID_NONE);
    AVCodecContext *context;
    AVPacket *packet = av_packet_alloc();
    hf_err err = HF_ERR_NOMEM;

    if (decoder == NULL) {
        av_packet_free(&packet);
        return HF_ERR_UNSUPPORTED;
    }
    context = avcodec_alloc_context3(decoder);
    if (context != NULL && packet != NULL && av_new_packet(packet, (int)bytes) == 0) {
        context->thread_count = 1;
        context->max_pixels = HF_MEDIA_PICTURE_PIXELS_MAX;
        memcpy(packet->data, at, bytes);
        err = HF_ERR_MALFORMED;
        if (avcodec_open2(context, decoder, NULL) == 0 && avcodec_send_packet(context, packet) == 0 &&
            avcodec_send_packet(context, NULL) == 0 && avcodec_receive_frame(context, frame) == 0)
            err = HF_OK;
    }
    av_packet_free(&packet);
    avcodec_free_context(&context);
    return err;
}

/* To full-range 4:2:0. */
static hf_err convert(const AVFrame *from, AVFrame *to)
{
    struct SwsContext *context;

    to->format = AV_PIX_FMT_YUVJ420P;
    to->width = from->width;
    to->height = from->height;
    if (av_frame_get_buffer(to, 0) != 0)
        return HF_ERR_NOMEM;
    context = sws_getContext(from->width, from->height, (enum AVPixelFormat)from->format, to->width,
                             to->height, AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (context == NULL)
        return HF_ERR_UNSUPPORTED;
    int rows = sws_scale(context, (const uint8_t *const *)from->data, from->linesize, 0, from->height,
                         to->data, to->linesize);

    sws_freeContext(context);
    return rows == to->height ? HF_OK : HF_ERR_MALFORMED;
}

static hf_err encode(AVFrame *frame, uint8_t **ret_jpeg, size_t *ret_bytes)
{
    const AVCodec *encoder = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *context = encoder != NULL ? avcodec_alloc_context3(encoder) : NULL;
    AVPacket *packet = av_packet_alloc();
    hf_err err = encoder == NULL ? HF_ERR_UNSUPPORTED : HF_ERR_NOMEM;

    if (context != NULL && packet != NULL) {
        context->width = frame->width;
        context->height = frame->height;
        context->pix_fmt = AV_PIX_FMT_YUVJ420P;
        context->time_base = (AVRational){1, 25};
        context->flags |= AV_CODEC_FLAG_QSCALE;
        context->global_quality = JPEG_QUALITY * FF_QP2LAMBDA;
        context->thread_count = 1;
        frame->quality = context->global_quality;
        frame->pts = 0;
        err = HF_ERR_MALFORMED;
        if (avcodec_open2(context, encoder, NULL) == 0 && avcodec_send_frame(context, frame) == 0 &&
            avcodec_send_frame(context, NULL) == 0 && avcodec_receive_packet(context, packet) == 0) {
            *ret_jpeg = malloc((size_t)packet->size);
            err = *ret_jpeg != NULL ? HF_OK : HF_ERR_NOMEM;
        }
        if (err == HF_OK) {
            *ret_bytes = (size_t)packet->size;
            memcpy(*ret_jpeg, packet->data, *ret_bytes);
        }
    }
    av_packet_free(&packet);
    avcodec_free_context(&context);
    return err;
}

hf_err hf_media_jpeg(enum hf_es_codec codec, const uint8_t *at, size_t bytes, uint8_t **ret_jpeg,
                     size_t *ret_bytes)
{
    AVFrame *picture = av_frame_alloc(), *full = av_frame_alloc();
    hf_err err = picture != NULL && full != NULL ? decode(codec, at, bytes, picture) : HF_ERR_NOMEM;

    if (err == HF_OK)
        err = convert(picture, full);
    if (err == HF_OK)
        err = encode(full, ret_jpeg, ret_bytes);
    av_frame_free(&picture);
    av_frame_free(&full);
    return err;
}
