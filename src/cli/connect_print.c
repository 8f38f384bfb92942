#include "cli/connect_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/reason.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "codec/json/out.h"
#include "codec/ws/close.h"
#include "codec/ws/rule.h"
#include "io/clock.h"

enum { EVENT_BYTES_MAX = 4096, HEX_BYTES_SHOWN = 64 };

void hf_cli_print_init(struct hf_cli_print *print, bool json)
{
    print->json = json;
}

static void begin_json(struct hf_json_out *out, struct hf_sb *sb, const char *event)
{
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

static void message_json(char direction, bool text, struct hf_slice data)
{
    size_t room = 256 + (text ? 6 * data.bytes : HF_BASE64_BYTES(data.bytes) + 1);
    char *storage = malloc(room), *base64 = text ? NULL : malloc(HF_BASE64_BYTES(data.bytes) + 1);
    struct hf_json_out out;
    struct hf_sb sb;
    size_t bytes = 0;

    if (storage != NULL && (text || base64 != NULL)) {
        hf_sb_init(&sb, storage, room);
        begin_json(&out, &sb, direction == '<' ? "received" : "sent");
        if (text) {
            hf_json_out_text(&out, "text", data);
        } else {
            (void)hf_base64_encode(data.at, data.bytes, base64, HF_BASE64_BYTES(data.bytes) + 1, &bytes);
            hf_json_out_text(&out, "base64", (struct hf_slice){base64, bytes});
        }
        end_json(&out);
    }
    free(storage);
    free(base64);
}

/* What came is the result of the command and goes to stdout, the rest is chatter. */
static FILE *begin_line(char direction)
{
    FILE *out = direction == '<' ? stdout : stderr;

    hf_cli_print_time(out, hf_clock_utc_ms());
    (void)fprintf(out, " %c ", direction);
    return out;
}

static void end_line(FILE *out)
{
    (void)fputc('\n', out);
    (void)fflush(out);
}

void hf_cli_print_message(struct hf_cli_print *print, char direction, bool text, struct hf_slice data)
{
    FILE *out;

    if (print->json) {
        message_json(direction, text, data);
        return;
    }
    out = begin_line(direction);
    if (text) {
        hf_cli_print_text(out, data);
    } else {
        (void)fprintf(out, "(%zu bytes)", data.bytes);
        for (size_t i = 0; i < HF_MIN(data.bytes, (size_t)HEX_BYTES_SHOWN); i++)
            (void)fprintf(out, " %02x", (unsigned char)data.at[i]);
        (void)fputs(data.bytes > HEX_BYTES_SHOWN ? " ..." : "", out);
    }
    end_line(out);
}

void hf_cli_print_note(struct hf_cli_print *print, const char *event, const char *text)
{
    char storage[EVENT_BYTES_MAX];
    struct hf_json_out json;
    struct hf_sb sb;
    FILE *out;

    if (print->json) {
        hf_sb_init(&sb, storage, sizeof(storage));
        begin_json(&json, &sb, event);
        hf_json_out_cstr(&json, "text", text);
        end_json(&json);
        return;
    }
    out = begin_line('*');
    (void)fputs(text, out);
    end_line(out);
}

/* A token in the query is not shown: terminals are logged, too. */
static struct hf_slice without_query(const char *url)
{
    return (struct hf_slice){url, strcspn(url, "?")};
}

void hf_cli_print_open(struct hf_cli_print *print, const char *url, const struct hf_cli_ws *ws)
{
    const char *conn = hf_cli_ws_conn_id(ws), *protocol = hf_cli_ws_protocol(ws);
    struct hf_slice place = without_query(url);
    char storage[EVENT_BYTES_MAX];
    struct hf_json_out json;
    struct hf_sb sb;
    FILE *out;

    if (print->json) {
        hf_sb_init(&sb, storage, sizeof(storage));
        begin_json(&json, &sb, "open");
        hf_json_out_text(&json, "url", place);
        hf_json_out_cstr(&json, "conn", conn[0] != '\0' ? conn : NULL);
        hf_json_out_cstr(&json, "protocol", protocol[0] != '\0' ? protocol : "raw");
        end_json(&json);
        return;
    }
    out = begin_line('*');
    (void)fprintf(out, "connected to %.*s", (int)place.bytes, place.at);
    if (conn[0] != '\0')
        (void)fprintf(out, " as %s", conn);
    (void)fprintf(out, " (%s)", protocol[0] != '\0' ? protocol : "raw");
    end_line(out);
}

void hf_cli_print_close(struct hf_cli_print *print, const struct hf_cli_ws_event *event)
{
    struct hf_slice name = {NULL, 0};
    uint32_t retry_ms = 0;
    bool named = hf_ws_close_parse_named(event->data, &name, &retry_ms);
    enum hf_reason reason = named ? hf_reason_by_name(name) : HF_REASON_NONE;
    char storage[EVENT_BYTES_MAX], wait[HF_CLI_SHORT_BYTES];
    struct hf_json_out json;
    struct hf_sb sb;
    FILE *out;

    if (print->json) {
        hf_sb_init(&sb, storage, sizeof(storage));
        begin_json(&json, &sb, "close");
        hf_json_out_cstr(&json, "by", event->by_peer ? "gateway" : "us");
        if (event->code != HF_WS_CODE_NONE)
            hf_json_out_u64(&json, "code", event->code);
        if (event->data.bytes > 0)
            hf_json_out_text(&json, "reason", named ? name : event->data);
        if (retry_ms > 0)
            hf_json_out_u64(&json, "retry_ms", retry_ms);
        end_json(&json);
        return;
    }
    out = begin_line('*');
    (void)fprintf(out, "closed by %s", event->by_peer ? "the gateway" : "us");
    if (event->code != HF_WS_CODE_NONE)
        (void)fprintf(out, ": %u ", event->code);
    hf_cli_print_text(out, named ? name : event->data);
    if (reason != HF_REASON_NONE)
        (void)fprintf(out, " (%s)", hf_reason_info(reason)->text);
    if (retry_ms > 0)
        (void)fprintf(out, ", come back after %s", hf_cli_duration_text(retry_ms, wait));
    end_line(out);
}

void hf_cli_print_lost(struct hf_cli_print *print, const char *why)
{
    char text[192];

    (void)snprintf(text, sizeof(text), "lost: %s", why);
    hf_cli_print_note(print, "lost", text);
}

void hf_cli_print_refused(struct hf_cli_print *print, const char *argv0,
                          const struct hf_cli_ws_failure *failure)
{
    char storage[EVENT_BYTES_MAX];
    struct hf_json_out json;
    struct hf_sb sb;

    if (failure->cause == HF_CLI_WS_BAD_URL) {
        (void)hf_cli_usage_error(argv0, "%s", failure->text);
        return;
    }
    (void)hf_cli_failed(argv0, "not connected: %s: %s", hf_cli_ws_cause_name(failure->cause), failure->text);
    if (!print->json)
        return;
    hf_sb_init(&sb, storage, sizeof(storage));
    begin_json(&json, &sb, "refused");
    hf_json_out_cstr(&json, "cause", hf_cli_ws_cause_name(failure->cause));
    if (failure->http_status != 0)
        hf_json_out_u64(&json, "http_status", failure->http_status);
    hf_json_out_cstr(&json, "text", failure->text);
    end_json(&json);
}
