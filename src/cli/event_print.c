#include "cli/event_print.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/reason.h"
#include "cli/args.h"

static const char *text_of(const cJSON *event, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));
}

static void print_safe(FILE *out, const char *text)
{
    hf_cli_print_text(out, hf_slice_of(text));
}

static void print_member(FILE *out, const char *name, const cJSON *item)
{
    char *text = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);

    (void)fprintf(out, "  %s=", name);
    print_safe(out, cJSON_IsString(item) ? item->valuestring : text != NULL ? text : "?");
    free(text);
}

/* What stands at the beginning of the line, or says the same twice. */
static bool is_shown_elsewhere(const char *name)
{
    static const char *const names[] = {"offset",     "time",     "time_ms", "type",     "tenant",
                                        "device",     "reason",   "text",    "payload",  "payload_base64",
                                        "expires_ms", "until_ms", "topic",   "document", "change"};

    for (size_t i = 0; i < HF_COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void print_gap(FILE *out, const cJSON *event)
{
    const char *text = text_of(event, "text");

    (void)fprintf(out, "-- events %.0f to %.0f are not there any more: ",
                  cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(event, "from")),
                  cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(event, "to")));
    print_safe(out, text != NULL ? text : "");
    (void)fputc('\n', out);
}

/* reason: what is printed of it already, or NULL. */
static void print_payload(FILE *out, const cJSON *event, const char *reason)
{
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(event, "payload");
    const char *text = text_of(event, "text"), *base64 = text_of(event, "payload_base64");

    if (payload == NULL)
        payload = cJSON_GetObjectItemCaseSensitive(event, "document");
    if (payload == NULL)
        payload = cJSON_GetObjectItemCaseSensitive(event, "change");
    if (payload != NULL) {
        char *json = cJSON_PrintUnformatted(payload);

        (void)fputs("  ", out);
        print_safe(out, json != NULL ? json : "");
        free(json);
    } else if (text != NULL && (reason == NULL || strcmp(text, reason) != 0)) {
        (void)fputs("  ", out);
        print_safe(out, text);
    } else if (base64 != NULL) {
        (void)fputs("  base64:", out);
        print_safe(out, base64);
    }
}

void hf_cli_event_print(FILE *out, const cJSON *event)
{
    const char *type = text_of(event, "type"), *tenant = text_of(event, "tenant"),
               *device = text_of(event, "device");
    const char *reason = text_of(event, "reason"), *topic = text_of(event, "topic");
    const cJSON *time_ms = cJSON_GetObjectItemCaseSensitive(event, "time_ms"), *item;
    const char *said = NULL;

    if (type != NULL && strcmp(type, "gap") == 0) {
        print_gap(out, event);
        return;
    }
    hf_cli_print_time(out, cJSON_IsNumber(time_ms) ? (uint64_t)time_ms->valuedouble : 0);
    (void)fprintf(out, "  #%.0f  ", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(event, "offset")));
    if (tenant != NULL || device != NULL) {
        print_safe(out, tenant != NULL ? tenant : "");
        (void)fputs(device != NULL ? "/" : "", out);
        print_safe(out, device != NULL ? device : "");
        (void)fputs("  ", out);
    }
    print_safe(out, type != NULL ? type : "?");
    if (topic != NULL) {
        (void)fputs("  ", out);
        print_safe(out, topic);
    }
    if (reason != NULL) {
        enum hf_reason known = hf_reason_by_name(hf_slice_of(reason));

        (void)fputs("  ", out);
        print_safe(out, reason);
        if (known != HF_REASON_NONE) {
            said = hf_reason_info(known)->text;
            (void)fprintf(out, " (%s)", said);
        }
    }
    cJSON_ArrayForEach(item, event)
    {
        if (!is_shown_elsewhere(item->string))
            print_member(out, item->string, item);
    }
    print_payload(out, event, said);
    (void)fputc('\n', out);
}
