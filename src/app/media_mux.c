#include "app/media_mux.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/ps/codecs.h"
#include "codec/ps/mux.h"

enum { IO_BYTES = 32768, ADTS_BYTES = 7, SETS_BYTES_MAX = 4096, JUMP_MAX = 10 * HF_ES_CLOCK_HZ };
enum { G711_RATE = 8000 };

struct track {
    AVStream *stream; /* NULL: left out */
    bool begun;
    uint64_t last_raw; /* dts as sent, 33 bits */
    int64_t last;      /* of the file, 90 kHz */
};

struct hf_media_mux {
    enum hf_view_form form;
    hf_media_mux_write_fn *write;
    void *context;
    bool begun, failed, picture_in_head;
    char codecs[2 * HF_ES_CODECS_BYTES_MAX];
    struct hf_ps_map map; /* PS */
    AVFormatContext *format;
    AVPacket *packet;
    struct track video, sound;
    uint64_t base; /* dts of the first unit, as sent */
};

void hf_media_libav_init(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

hf_err hf_media_mux_new(enum hf_view_form form, bool picture_in_head, hf_media_mux_write_fn *write,
                        void *context, struct hf_media_mux **ret_mux)
{
    struct hf_media_mux *mux = calloc(1, sizeof(*mux));

    if (mux == NULL)
        return HF_ERR_NOMEM;
    mux->form = form;
    mux->picture_in_head = picture_in_head;
    mux->write = write;
    mux->context = context;
    *ret_mux = mux;
    return HF_OK;
}

void hf_media_mux_free(struct hf_media_mux *mux)
{
    if (mux == NULL)
        return;
    if (mux->format != NULL && mux->format->pb != NULL) {
        AVIOContext *pb = mux->format->pb;

        av_freep(&pb->buffer);
        avio_context_free(&mux->format->pb);
    }
    avformat_free_context(mux->format);
    av_packet_free(&mux->packet);
    free(mux);
}

static enum AVCodecID codec_id(unsigned codec)
{
    switch ((enum hf_es_codec)codec) {
    case HF_ES_H264: return AV_CODEC_ID_H264;
    case HF_ES_H265: return AV_CODEC_ID_HEVC;
    case HF_ES_AAC: return AV_CODEC_ID_AAC;
    case HF_ES_G711A: return AV_CODEC_ID_PCM_ALAW;
    case HF_ES_G711U: return AV_CODEC_ID_PCM_MULAW;
    default: return AV_CODEC_ID_NONE;
    }
}

/* ---- what the head needs ---- */

/* The parameter sets in front of the first slice, with their start codes: both muxers make avcC or hvcC of them. */
static size_t sets_bytes(const struct hf_media_unit *unit)
{
    uint32_t last = UINT32_MAX;

    for (size_t i = 0; i < unit->bytes; i++) {
        last = last << 8 | unit->data[i];
        if (last >> 8 != 1)
            continue;
        unsigned type = unit->codec == HF_ES_H264 ? last & 0x1f : last >> 1 & 0x3f;

        if (unit->codec == HF_ES_H264 ? type >= 1 && type <= 5 : type < 32)
            return i - 3;
    }
    return unit->bytes;
}

static hf_err describe_video(AVCodecParameters *par, const struct hf_media_unit *unit)
{
    size_t sets = sets_bytes(unit);
    AVCodecParserContext *parser = av_parser_init((int)codec_id(unit->codec));
    AVCodecContext *context = avcodec_alloc_context3(NULL);
    hf_err err = HF_ERR_MALFORMED;
    uint8_t *padded = av_mallocz(unit->bytes + AV_INPUT_BUFFER_PADDING_SIZE), *out;
    int out_bytes;

    if (parser == NULL || context == NULL || padded == NULL) {
        err = HF_ERR_NOMEM;
    } else if (sets > 0 && sets <= SETS_BYTES_MAX) {
        memcpy(padded, unit->data, unit->bytes);
        context->codec_id = codec_id(unit->codec);
        parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
        (void)av_parser_parse2(parser, context, &out, &out_bytes, padded, (int)unit->bytes, AV_NOPTS_VALUE,
                               AV_NOPTS_VALUE, 0);
        par->codec_type = AVMEDIA_TYPE_VIDEO;
        par->codec_id = codec_id(unit->codec);
        par->width = parser->width;
        par->height = parser->height;
        par->format = parser->format;
        par->profile = context->profile;
        par->level = context->level;
        par->extradata = av_mallocz(sets + AV_INPUT_BUFFER_PADDING_SIZE);
        if (par->extradata == NULL) {
            err = HF_ERR_NOMEM;
        } else if (par->width > 0 && par->height > 0) {
            memcpy(par->extradata, unit->data, sets);
            par->extradata_size = (int)sets;
            err = HF_OK;
        }
    }
    av_parser_close(parser);
    avcodec_free_context(&context);
    av_free(padded);
    return err;
}

/* ADTS (ISO/IEC 14496-3 1.A.2.2): 12 bits sync, ID, layer, no CRC, 2 profile, 4 rate, private, 3 channels, 4, 13 length, ... */
static bool read_adts(const uint8_t *at, size_t bytes, unsigned *ret_head_bytes, unsigned *ret_frame_bytes,
                      uint8_t ret_config[2], int *ret_rate, int *ret_channels)
{
    static const int rates[13] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                  22050, 16000, 12000, 11025, 8000,  7350};
    unsigned rate, channels;

    if (bytes < ADTS_BYTES || at[0] != 0xff || (at[1] & 0xf6) != 0xf0)
        return false;
    rate = at[2] >> 2 & 15;
    channels = (at[2] & 1u) << 2 | at[3] >> 6;
    *ret_head_bytes = at[1] & 1 ? 7 : 9;
    *ret_frame_bytes = (at[3] & 3u) << 11 | (unsigned)at[4] << 3 | at[5] >> 5;
    if (rate >= 13 || channels == 0 || *ret_frame_bytes < *ret_head_bytes || *ret_frame_bytes > bytes)
        return false;
    ret_config[0] = (uint8_t)(((at[2] >> 6) + 1) << 3 | rate >> 1);
    ret_config[1] = (uint8_t)((rate & 1) << 7 | channels << 3);
    *ret_rate = rates[rate];
    *ret_channels = channels == 7 ? 8 : (int)channels;
    return true;
}

/* False: this form has no place for it, or it cannot be read. */
static bool describe_sound(AVCodecParameters *par, const struct hf_media_unit *unit)
{
    int rate = G711_RATE, channels = 1;
    unsigned head_bytes, frame_bytes;
    uint8_t config[2];

    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = codec_id(unit->codec);
    if (unit->codec == HF_ES_AAC) {
        if (!read_adts(unit->data, unit->bytes, &head_bytes, &frame_bytes, config, &rate, &channels))
            return false;
        par->extradata = av_mallocz(sizeof(config) + AV_INPUT_BUFFER_PADDING_SIZE);
        if (par->extradata == NULL)
            return false;
        memcpy(par->extradata, config, sizeof(config));
        par->extradata_size = sizeof(config);
        par->frame_size = 1024;
    }
    par->sample_rate = rate;
    av_channel_layout_default(&par->ch_layout, channels);
    return true;
}

static int on_write(void *opaque, uint8_t *data, int bytes)
{
    struct hf_media_mux *mux = opaque;

    return mux->write(mux->context, data, (size_t)bytes) ? bytes : AVERROR(ENOMEM);
}

static AVStream *add_track(struct hf_media_mux *mux)
{
    AVStream *stream = avformat_new_stream(mux->format, NULL);

    if (stream != NULL)
        stream->time_base = (AVRational){1, HF_ES_CLOCK_HZ};
    return stream;
}

static bool has_place(const struct hf_media_mux *mux, enum AVCodecID id)
{
    return id != AV_CODEC_ID_NONE &&
           avformat_query_codec(mux->format->oformat, id, FF_COMPLIANCE_NORMAL) == 1;
}

static void name_codecs(struct hf_media_mux *mux, const struct hf_media_unit *first,
                        const struct hf_media_unit *sound)
{
    char video[HF_ES_CODECS_BYTES_MAX] = "", audio[HF_ES_CODECS_BYTES_MAX] = "";

    if (mux->form != HF_VIEW_MP4 ||
        (mux->video.stream != NULL &&
         !hf_es_codecs((enum hf_es_codec)first->codec, first->data, first->bytes, video)) ||
        (mux->sound.stream != NULL && sound != NULL &&
         !hf_es_codecs((enum hf_es_codec)sound->codec, sound->data, sound->bytes, audio)))
        return;
    snprintf(mux->codecs, sizeof(mux->codecs), "%s%s%s", video,
             video[0] != '\0' && audio[0] != '\0' ? "," : "", audio);
}

const char *hf_media_mux_codecs(const struct hf_media_mux *mux)
{
    return mux->codecs[0] != '\0' ? mux->codecs : NULL;
}

static hf_err begin_format(struct hf_media_mux *mux, const struct hf_media_unit *first,
                           const struct hf_media_unit *sound)
{
    AVDictionary *options = NULL;
    uint8_t *buffer;
    int failed;

    mux->packet = av_packet_alloc();
    if (mux->packet == NULL || avformat_alloc_output_context2(
                                   &mux->format, NULL, mux->form == HF_VIEW_FLV ? "flv" : "mp4", NULL) < 0)
        return HF_ERR_NOMEM;
    if (!first->audio && !has_place(mux, codec_id(first->codec)))
        return HF_ERR_UNSUPPORTED;
    buffer = av_malloc(IO_BYTES);
    if (buffer == NULL)
        return HF_ERR_NOMEM;
    mux->format->pb = avio_alloc_context(buffer, IO_BYTES, 1, mux, NULL, on_write, NULL);
    if (mux->format->pb == NULL) {
        av_free(buffer);
        return HF_ERR_NOMEM;
    }
    mux->format->pb->seekable = 0;
    if (!first->audio) {
        mux->video.stream = add_track(mux);
        hf_err err =
            mux->video.stream == NULL ? HF_ERR_NOMEM : describe_video(mux->video.stream->codecpar, first);

        if (err != HF_OK)
            return err;
        if (first->codec == HF_ES_H265 && mux->form == HF_VIEW_MP4)
            mux->video.stream->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1'); /* what browsers ask for */
    }
    if (sound != NULL && has_place(mux, codec_id(sound->codec))) {
        AVCodecParameters *par = avcodec_parameters_alloc();
        bool described = par != NULL && describe_sound(par, sound);

        if (described)
            mux->sound.stream = add_track(mux);
        if (mux->sound.stream != NULL)
            (void)avcodec_parameters_copy(mux->sound.stream->codecpar, par);
        avcodec_parameters_free(&par);
    }
    if (mux->video.stream == NULL && mux->sound.stream == NULL)
        return HF_ERR_UNSUPPORTED;
    /* Each frame is a fragment: a player has it one frame after it came. No index is written that would need the end. A head with a picture would wait for sound, too. */
    bool in_head = mux->picture_in_head && mux->video.stream != NULL && mux->sound.stream == NULL;

    name_codecs(mux, first, sound);
    if (mux->form == HF_VIEW_MP4)
        av_dict_set(&options, "movflags",
                    in_head ? "default_base_moof+frag_every_frame+skip_trailer"
                            : "empty_moov+default_base_moof+frag_every_frame+skip_trailer",
                    0);
    else
        av_dict_set(&options, "flvflags", "no_duration_filesize", 0);
    failed = avformat_write_header(mux->format, &options);
    av_dict_free(&options);
    avio_flush(mux->format->pb);
    return failed < 0 ? HF_ERR_MALFORMED : HF_OK;
}

hf_err hf_media_mux_begin(struct hf_media_mux *mux, const struct hf_media_unit *first,
                          const struct hf_media_unit *sound)
{
    hf_err err = HF_OK;

    HF_ASSERT(!mux->begun);
    mux->begun = true;
    mux->base = first->dts;
    mux->map = (struct hf_ps_map){.video = first->audio ? HF_ES_UNKNOWN : (enum hf_es_codec)first->codec,
                                  .audio = sound != NULL ? (enum hf_es_codec)sound->codec : HF_ES_UNKNOWN};
    if (mux->form != HF_VIEW_PS)
        err = begin_format(mux, first, sound);
    mux->failed = err != HF_OK;
    return err;
}

/* ---- units ---- */

/* The file's time only goes on: 33 bits are unwrapped, a sender that begins anew goes on where it was. */
static int64_t file_time(const struct hf_media_mux *mux, struct track *track, uint64_t raw)
{
    int64_t step = (int64_t)((raw - track->last_raw) & ((UINT64_C(1) << 33) - 1));

    if (!track->begun) {
        int64_t from_base = (int64_t)((raw - mux->base) & ((UINT64_C(1) << 33) - 1));

        track->last = from_base < JUMP_MAX ? from_base : 0;
        track->begun = true;
    } else {
        track->last += step > 0 && step < JUMP_MAX ? step : 1;
    }
    track->last_raw = raw;
    return track->last;
}

static hf_err write_packet(struct hf_media_mux *mux, struct track *track, const uint8_t *at, size_t bytes,
                           int64_t dts, int64_t ahead, bool key)
{
    AVPacket *packet = mux->packet;

    if (av_new_packet(packet, (int)bytes) < 0)
        return HF_ERR_NOMEM;
    memcpy(packet->data, at, bytes);
    packet->dts = dts;
    packet->pts = dts + ahead;
    packet->stream_index = track->stream->index;
    packet->flags = key ? AV_PKT_FLAG_KEY : 0;
    av_packet_rescale_ts(packet, (AVRational){1, HF_ES_CLOCK_HZ}, track->stream->time_base);
    int failed = av_write_frame(mux->format, packet);

    av_packet_unref(packet);
    return failed < 0 ? HF_ERR_IO : HF_OK;
}

static hf_err write_aac(struct hf_media_mux *mux, const struct hf_media_unit *unit)
{
    const uint8_t *at = unit->data;
    size_t left = unit->bytes;
    unsigned head_bytes, frame_bytes;
    int64_t dts = file_time(mux, &mux->sound, unit->dts);
    uint8_t config[2];
    int rate, channels;
    hf_err err = HF_OK;

    /* Frames that are cut at the packet's end are left out. */
    while (err == HF_OK && read_adts(at, left, &head_bytes, &frame_bytes, config, &rate, &channels)) {
        err = write_packet(mux, &mux->sound, at + head_bytes, frame_bytes - head_bytes, dts, 0, true);
        at += frame_bytes;
        left -= frame_bytes;
        dts += 1024 * (int64_t)HF_ES_CLOCK_HZ / rate;
        if (left >= ADTS_BYTES)
            mux->sound.last = dts;
    }
    return err;
}

static hf_err write_ps(struct hf_media_mux *mux, const struct hf_media_unit *unit)
{
    struct hf_es_unit es = {.codec = (enum hf_es_codec)unit->codec,
                            .audio = unit->audio,
                            .key = unit->key,
                            .pts = unit->pts,
                            .dts = unit->dts,
                            .at = unit->data,
                            .bytes = unit->bytes};
    uint8_t *out = malloc(hf_ps_write_bytes_max(unit->bytes));
    bool ok = out != NULL && mux->write(mux->context, out, hf_ps_write(&mux->map, &es, out));

    free(out);
    return ok ? HF_OK : HF_ERR_NOMEM;
}

hf_err hf_media_mux_unit(struct hf_media_mux *mux, const struct hf_media_unit *unit)
{
    struct track *track = unit->audio ? &mux->sound : &mux->video;
    hf_err err;

    HF_ASSERT(mux->begun && !mux->failed);
    if (mux->form == HF_VIEW_PS) {
        if (unit->audio && mux->map.audio != (enum hf_es_codec)unit->codec)
            return HF_OK;
        return write_ps(mux, unit);
    }
    if (track->stream == NULL || track->stream->codecpar->codec_id != codec_id(unit->codec))
        return HF_OK; /* left out */
    if (unit->codec == HF_ES_AAC) {
        err = write_aac(mux, unit);
    } else {
        int64_t ahead = (int64_t)((unit->pts - unit->dts) & ((UINT64_C(1) << 33) - 1));

        err = write_packet(mux, track, unit->data, unit->bytes, file_time(mux, track, unit->dts),
                           ahead < JUMP_MAX ? ahead : 0, unit->key);
    }
    avio_flush(mux->format->pb);
    if (err == HF_OK && mux->format->pb->error < 0)
        err = HF_ERR_NOMEM;
    mux->failed = err != HF_OK;
    return err;
}
