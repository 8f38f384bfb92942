#include "base/logger.h"

#include "base/assert.h"
#include "base/sb.h"

static const struct {
    const char *name, *text;
    enum hf_log_level level;
} events[] = {
#define HF_LOG_EVENT_ROW(id, name, level, text) [id] = {name, text, HF_LOG_##level},
    HF_LOG_MAP(HF_LOG_EVENT_ROW)
#undef HF_LOG_EVENT_ROW
};

static const char *const level_names[] = {
#define HF_LOG_LEVEL_NAME(id, name) [id] = name,
    HF_LOG_LEVEL_MAP(HF_LOG_LEVEL_NAME)
#undef HF_LOG_LEVEL_NAME
};

static const char *const cut_mark[] = {[HF_LOG_LOGFMT] = " cut=true", [HF_LOG_JSON] = ",\"cut\":true"};

/* Kept free until the end: the mark, a closing brace, the newline. */
enum { TAIL_BYTES = 16 };

struct line {
    struct hf_sb sb;
    bool json, cut;
};

static void add_key(struct line *line, const char *key)
{
    if (line->json) {
        hf_sb_text(&line->sb, line->sb.bytes == 0 ? "{\"" : ",\"");
        hf_sb_text(&line->sb, key);
        hf_sb_text(&line->sb, "\":");
        return;
    }
    if (line->sb.bytes > 0)
        hf_sb_char(&line->sb, ' ');
    hf_sb_text(&line->sb, key);
    hf_sb_char(&line->sb, '=');
}

static bool plain(struct hf_slice text) /* needs no quotes in logfmt */
{
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.bytes > 0;
}

static void add_text(struct line *line, struct hf_slice text)
{
    bool quoted = line->json || !plain(text);

    if (quoted)
        hf_sb_char(&line->sb, '"');
    if (!line->sb.overflow && hf_sb_json_part(&line->sb, text, quoted) < text.bytes)
        line->cut = true;
    if (quoted)
        hf_sb_char(&line->sb, '"');
}

static void add_value(struct line *line, const struct hf_field *field)
{
    switch (field->type) {
    case HF_FIELD_TEXT: add_text(line, field->text); return;
    case HF_FIELD_U64: hf_sb_u64(&line->sb, field->u64); return;
    case HF_FIELD_I64: hf_sb_i64(&line->sb, field->i64); return;
    case HF_FIELD_BOOL: hf_sb_text(&line->sb, field->u64 ? "true" : "false"); return;
    case HF_FIELD_CONN:
        hf_sb_printf(&line->sb, line->json ? "\"c_%016llx\"" : "c_%016llx", (unsigned long long)field->u64);
        return;
    case HF_FIELD_END: break;
    }
    HF_UNREACHABLE();
}

static void add_field(struct line *line, const struct hf_field *field)
{
    size_t bytes_before = line->sb.bytes;

    if (line->cut || (field->type == HF_FIELD_TEXT && field->text.at == NULL))
        return;
    add_key(line, field->key);
    add_value(line, field);
    if (!line->sb.overflow)
        return;
    /* Not even its beginning fits: the line stays well-formed without it. */
    line->sb.bytes = bytes_before;
    line->sb.overflow = false;
    line->cut = true;
}

size_t hf_log_line(char *line, enum hf_log_format format, uint64_t utc_ms, enum hf_log_event event,
                   const struct hf_field *fields, bool *ret_cut)
{
    struct line out = {.json = format == HF_LOG_JSON};
    char time_text[32];
    struct hf_sb time;

    HF_ASSERT(event < HF_LOG_EVENTS);
    hf_sb_init(&time, time_text, sizeof(time_text));
    hf_sb_time(&time, utc_ms);
    hf_sb_init(&out.sb, line, HF_LOG_LINE_BYTES_MAX + 1 - TAIL_BYTES);
    add_field(&out, &(struct hf_field)HF_F_SLICE("time", hf_sb_done(&time)));
    add_field(&out, &(struct hf_field)HF_F_STR("level", level_names[events[event].level]));
    add_field(&out, &(struct hf_field)HF_F_STR("event", events[event].name));
    add_field(&out, &(struct hf_field)HF_F_STR("text", events[event].text));
    for (; fields->type != HF_FIELD_END; fields++)
        add_field(&out, fields);

    out.sb.bytes_max += TAIL_BYTES;
    if (out.cut)
        hf_sb_text(&out.sb, cut_mark[format]);
    hf_sb_text(&out.sb, out.json ? "}\n" : "\n");
    HF_ASSERT(!out.sb.overflow);
    *ret_cut = out.cut;
    return out.sb.bytes;
}

void hf_logger_init(struct hf_logger *logger, const struct hf_log_sink *sink, enum hf_log_format format,
                    enum hf_log_level level)
{
    logger->sink = *sink;
    logger->format = format;
    atomic_init(&logger->level, (int)level);
    atomic_init(&logger->lines_total, 0);
    atomic_init(&logger->cut_total, 0);
}

void hf_logger_set_level(struct hf_logger *logger, enum hf_log_level level)
{
    atomic_store_explicit(&logger->level, (int)level, memory_order_relaxed);
}

bool hf_log_enabled(struct hf_logger *logger, enum hf_log_event event)
{
    HF_ASSERT(event < HF_LOG_EVENTS);
    return logger != NULL &&
           (int)events[event].level >= atomic_load_explicit(&logger->level, memory_order_relaxed);
}

void hf_log_fields(struct hf_logger *logger, enum hf_log_event event, const struct hf_field *fields)
{
    char line[HF_LOG_LINE_BYTES_MAX + 1];
    size_t bytes;
    bool cut;

    if (!hf_log_enabled(logger, event))
        return;
    bytes = hf_log_line(line, logger->format, logger->sink.utc_ms(logger->sink.context), event, fields, &cut);
    logger->sink.write(logger->sink.context, line, bytes);
    atomic_fetch_add_explicit(&logger->lines_total, 1, memory_order_relaxed);
    if (cut)
        atomic_fetch_add_explicit(&logger->cut_total, 1, memory_order_relaxed);
}

const char *hf_log_event_name(enum hf_log_event event)
{
    HF_ASSERT(event < HF_LOG_EVENTS);
    return events[event].name;
}

enum hf_log_level hf_log_event_level(enum hf_log_event event)
{
    HF_ASSERT(event < HF_LOG_EVENTS);
    return events[event].level;
}

const char *hf_log_level_name(enum hf_log_level level)
{
    HF_ASSERT(level < HF_LOG_LEVELS);
    return level_names[level];
}

bool hf_log_level_by_name(struct hf_slice name, enum hf_log_level *ret_level)
{
    for (size_t i = 0; i < HF_COUNT_OF(level_names); i++) {
        if (!hf_slice_is(name, level_names[i]))
            continue;
        *ret_level = (enum hf_log_level)i;
        return true;
    }
    return false;
}
