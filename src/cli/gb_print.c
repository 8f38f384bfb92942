#include "cli/gb_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/args.h"
#include "codec/json/out.h"
#include "codec/manscdp/json.h"
#include "codec/sip/mask.h"
#include "io/clock.h"

enum { JSON_BYTES = 256 * 1024 /* of a body */, NOTE_BYTES = 512 };

static void begin_json(struct hf_json_out *out, struct hf_sb *sb, char *storage, const char *event)
{
    hf_sb_init(sb, storage, 2 * JSON_BYTES);
    hf_json_out_init(out, sb);
    hf_json_out_object(out, NULL);
    hf_json_out_u64(out, "time_ms", hf_clock_utc_ms());
    hf_json_out_cstr(out, "event", event);
}

static void end_json(struct hf_json_out *out)
{
    hf_json_out_end(out);
    (void)fwrite(out->sb->at, 1, out->sb->bytes, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static void begin_line(const char *word)
{
    hf_cli_print_time(stdout, hf_clock_utc_ms());
    (void)printf(" %-12s", word);
}

static void end_line(void)
{
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

/* The body as typed JSON, into storage; absent when it does not fit. */
static struct hf_slice body_json(const struct hf_cam *cam, const struct hf_cdp_message *body, char *storage)
{
    static char scratch[HF_CDP_SCRATCH_BYTES]; /* one camera, one thread */
    struct hf_json_out out;
    struct hf_sb sb;

    (void)cam;
    hf_sb_init(&sb, storage, JSON_BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(body, scratch, sizeof(scratch), &out);
    hf_json_out_end(&out);
    return sb.overflow ? (struct hf_slice){NULL, 0} : hf_sb_done(&sb);
}

static void event_json(const struct hf_cam *cam, const struct hf_cam_event *event, char *storage)
{
    struct hf_json_out out;
    struct hf_sb sb;

    begin_json(&out, &sb, storage, hf_cam_tell_word(event->tell));
    hf_json_out_cstr(&out, "device", cam->id);
    if (event->status != 0)
        hf_json_out_u64(&out, "status", event->status);
    if (event->number != 0)
        hf_json_out_u64(&out, "number", event->number);
    if (event->us != 0)
        hf_json_out_double(&out, "ms", (double)event->us / 1000);
    if (event->text.at != NULL)
        hf_json_out_text(&out, "text", event->text);
    if (event->body != NULL) {
        struct hf_slice body = body_json(cam, event->body, storage + 2 * JSON_BYTES);

        if (body.at != NULL)
            hf_json_out_raw(&out, "body", body);
    }
    end_json(&out);
}

static void event_line(const struct hf_cam *cam, const struct hf_cam_event *event, char *storage)
{
    begin_line(hf_cam_tell_word(event->tell));
    if (event->status != 0)
        (void)printf(" %u", event->status);
    if (event->text.at != NULL) {
        (void)fputc(' ', stdout);
        hf_cli_print_text(stdout, event->text);
    }
    switch (event->tell) {
    case HF_CAM_TELL_REGISTERED:
    case HF_CAM_TELL_REFRESHED:
    case HF_CAM_TELL_SUBSCRIBED: (void)printf(" for %" PRIu32 " s", event->number); break;
    case HF_CAM_TELL_ANSWERED:
    case HF_CAM_TELL_UNANSWERED: (void)printf(" in %" PRIu32 " message(s)", event->number); break;
    case HF_CAM_TELL_MISSED: (void)printf(" %" PRIu32 " in a row", event->number); break;
    case HF_CAM_TELL_LISTENED:
    case HF_CAM_TELL_HUNG_UP: (void)printf(" after %" PRIu32 " packet(s)", event->number); break;
    default: break;
    }
    if (event->us != 0)
        (void)printf(" (%.1f ms)", (double)event->us / 1000);
    if (event->body != NULL) {
        (void)fputc(' ', stdout);
        hf_cli_print_text(stdout, body_json(cam, event->body, storage));
    }
    end_line();
}

void hf_cli_gb_print_event(const struct hf_cli_gb_print *print, const struct hf_cam *cam,
                           const struct hf_cam_event *event)
{
    char *storage = malloc(3 * JSON_BYTES);

    if (storage == NULL)
        return;
    if (print->json)
        event_json(cam, event, storage);
    else
        event_line(cam, event, storage);
    free(storage);
}

void hf_cli_gb_print_message(const struct hf_cli_gb_print *print, bool out, struct hf_slice bytes)
{
    size_t room = 2 * bytes.bytes + 64; /* a mask may be longer than what it hides */
    char *masked = print->trace ? malloc(room) : NULL;
    struct hf_sb sb;

    if (masked == NULL)
        return;
    hf_sb_init(&sb, masked, room);
    hf_sip_mask(&sb, bytes);
    bytes = hf_sb_done(&sb);
    hf_cli_print_time(stderr, hf_clock_utc_ms());
    (void)fprintf(stderr, " %s\n", out ? ">" : "<");
    for (size_t at = 0; at < bytes.bytes;) {
        const char *end = memchr(masked + at, '\n', bytes.bytes - at);
        size_t line = end != NULL ? (size_t)(end - masked) - at : bytes.bytes - at;
        size_t shown = line > 0 && masked[at + line - 1] == '\r' ? line - 1 : line;

        (void)fputs("    ", stderr);
        hf_cli_print_text(stderr, (struct hf_slice){masked + at, shown});
        (void)fputc('\n', stderr);
        at += line + 1;
    }
    free(masked);
}

void hf_cli_gb_print_note(const struct hf_cli_gb_print *print, const char *word, const char *format, ...)
{
    char text[NOTE_BYTES], storage[4 * NOTE_BYTES];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (print->json) {
        struct hf_json_out out;
        struct hf_sb sb;

        hf_sb_init(&sb, storage, sizeof(storage));
        hf_json_out_init(&out, &sb);
        hf_json_out_object(&out, NULL);
        hf_json_out_u64(&out, "time_ms", hf_clock_utc_ms());
        hf_json_out_cstr(&out, "event", word);
        hf_json_out_cstr(&out, "text", text);
        end_json(&out);
        return;
    }
    begin_line(word);
    (void)fputc(' ', stdout);
    hf_cli_print_text(stdout, hf_slice_of(text));
    end_line();
}
