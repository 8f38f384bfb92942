#include "app/config_value.h"

#include <stdlib.h>

#include "app/suggest.h"
#include "base/assert.h"

static const struct unit {
    const char *name;
    uint64_t factor;   /* in the smallest unit of the kind */
    unsigned of_kinds; /* bits 1 << hf_config_kind */
} units[] = {
    /* Largest first, for printing. */
    {"d", 86400000, 1u << HF_CONFIG_KIND_MS},
    {"h", 3600000, 1u << HF_CONFIG_KIND_MS},
    {"m", 60000, 1u << HF_CONFIG_KIND_MS},
    {"s", 1000, 1u << HF_CONFIG_KIND_MS},
    {"ms", 1, 1u << HF_CONFIG_KIND_MS},
    {"s", 1000000, 1u << HF_CONFIG_KIND_US},
    {"ms", 1000, 1u << HF_CONFIG_KIND_US},
    {"us", 1, 1u << HF_CONFIG_KIND_US},
    {"TiB", 1ull << 40, 1u << HF_CONFIG_KIND_BYTES},
    {"GiB", 1ull << 30, 1u << HF_CONFIG_KIND_BYTES},
    {"MiB", 1ull << 20, 1u << HF_CONFIG_KIND_BYTES},
    {"KiB", 1ull << 10, 1u << HF_CONFIG_KIND_BYTES},
    {"B", 1, 1u << HF_CONFIG_KIND_BYTES},
};

bool hf_config_number(enum hf_config_kind kind, struct hf_slice text, uint64_t *ret_value)
{
    struct hf_slice digits = {text.at, 0}, unit;
    uint64_t value;

    while (digits.bytes < text.bytes && text.at[digits.bytes] >= '0' && text.at[digits.bytes] <= '9')
        digits.bytes++;
    if (digits.bytes == 0 || !hf_slice_to_u64(digits, &value))
        return false;
    unit = hf_slice_trim((struct hf_slice){text.at + digits.bytes, text.bytes - digits.bytes});
    if (unit.bytes == 0) {
        *ret_value = value;
        return true;
    }
    for (size_t i = 0; i < HF_COUNT_OF(units); i++)
        if ((units[i].of_kinds & 1u << kind) != 0 && hf_slice_is(unit, units[i].name))
            return !__builtin_mul_overflow(value, units[i].factor, ret_value);
    return false;
}

void hf_config_number_print(enum hf_config_kind kind, uint64_t value, struct hf_sb *sb)
{
    for (size_t i = 0; i < HF_COUNT_OF(units) && value > 0; i++)
        if ((units[i].of_kinds & 1u << kind) != 0 && value % units[i].factor == 0) {
            hf_sb_u64(sb, value / units[i].factor);
            hf_sb_text(sb, units[i].name);
            return;
        }
    hf_sb_u64(sb, value);
}

static const char *wanted(enum hf_config_kind kind)
{
    switch (kind) {
    case HF_CONFIG_KIND_MS: return "a duration such as 500ms, 30s, 5m, 24h or 7d";
    case HF_CONFIG_KIND_US: return "a duration such as 2000us or 2ms";
    case HF_CONFIG_KIND_BYTES: return "a size such as 512B, 64KiB, 1MiB or 20GiB";
    default: return "a whole number";
    }
}

static hf_err set_number(const struct hf_config_row *row, void *member, struct hf_slice text,
                         const char *path, const struct hf_config_origin *origin,
                         struct hf_config_errors *errors)
{
    char range[96];
    struct hf_sb sb;
    uint64_t value;

    if (!hf_config_number(row->kind, text, &value)) {
        hf_config_error(errors, origin, "%s is '%.*s'; write %s", path, HF_CONFIG_SHOWN(text),
                        wanted(row->kind));
        return HF_ERR_INVALID;
    }
    if (value < row->min || value > row->max) {
        hf_sb_init(&sb, range, sizeof(range));
        hf_config_number_print(row->kind, row->min, &sb);
        hf_sb_text(&sb, " to ");
        hf_config_number_print(row->kind, row->max, &sb);
        hf_sb_text(&sb, value < row->min ? "; raise it to " : "; lower it to ");
        hf_config_number_print(row->kind, value < row->min ? row->min : row->max, &sb);
        hf_config_error(errors, origin, "%s is %.*s, outside %s", path, HF_CONFIG_SHOWN(text), range);
        return HF_ERR_INVALID;
    }
    *(uint64_t *)member = value;
    return HF_OK;
}

static hf_err set_bool(bool *member, struct hf_slice text, const char *path,
                       const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    if (!hf_slice_is(text, "true") && !hf_slice_is(text, "false")) {
        hf_config_error(errors, origin, "%s is '%.*s'; write true or false", path, HF_CONFIG_SHOWN(text));
        return HF_ERR_INVALID;
    }
    *member = hf_slice_is(text, "true");
    return HF_OK;
}

/* Bytes of the UTF-8 character at the start (1..4), 0 when there is none. */
static size_t utf8_take(const char *at, size_t bytes, uint32_t *ret_code)
{
    const uint8_t *s = (const uint8_t *)at;
    size_t more = s[0] < 0x80 ? 0 : s[0] >= 0xc2 && s[0] < 0xe0 ? 1 : s[0] >= 0xe0 && s[0] < 0xf0 ? 2 : 3;
    uint32_t code = more == 0 ? s[0] : s[0] & (0x3fu >> more);
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

    if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || more >= bytes)
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (code < least[more] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    *ret_code = code;
    return more + 1;
}

static bool is_clean(struct hf_slice text)
{
    uint32_t code = 0;

    for (size_t i = 0, taken; i < text.bytes; i += taken) {
        taken = utf8_take(text.at + i, text.bytes - i, &code);
        if (taken == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

static bool text_fits(struct hf_slice text, uint64_t bytes_min, uint64_t bytes_max, const char *path,
                      const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    if (!is_clean(text))
        hf_config_error(errors, origin, "%s holds control characters or is not UTF-8", path);
    else if (text.bytes == 0 && bytes_min > 0)
        hf_config_error(errors, origin, "%s must not be empty", path);
    else if (text.bytes < bytes_min)
        hf_config_error(errors, origin, "%s has %zu bytes, at least %llu are needed", path, text.bytes,
                        (unsigned long long)bytes_min);
    else if (text.bytes > bytes_max)
        hf_config_error(errors, origin, "%s has %zu bytes, at most %llu fit", path, text.bytes,
                        (unsigned long long)bytes_max);
    else
        return true;
    return false;
}

static hf_err set_text(const struct hf_config_row *row, char **member, struct hf_slice text, const char *path,
                       const struct hf_config_origin *origin, struct hf_config_errors *errors)
{
    char *copy = NULL;

    if (!text_fits(text, row->min, row->max, path, origin, errors))
        return HF_ERR_INVALID;
    if (text.bytes > 0) {
        copy = strndup(text.at, text.bytes);
        if (copy == NULL)
            return HF_ERR_NOMEM;
    }
    free(*member);
    *member = copy;
    return HF_OK;
}

static hf_err find_choice(const struct hf_config_row *row, struct hf_slice text, const char *path,
                          const struct hf_config_origin *origin, struct hf_config_errors *errors,
                          unsigned *ret_value)
{
    int found = hf_config_choice_find(row, text);
    char choices[256];
    struct hf_suggest suggest;
    struct hf_sb sb;

    if (found >= 0) {
        *ret_value = (unsigned)found;
        return HF_OK;
    }
    hf_suggest_init(&suggest, text);
    hf_sb_init(&sb, choices, sizeof(choices));
    for (size_t i = 0; i < row->choice_count; i++) {
        hf_suggest_offer(&suggest, row->choices[i].name);
        hf_sb_printf(&sb, "%s%s", i > 0 ? ", " : "", row->choices[i].name);
    }
    if (suggest.best != NULL)
        hf_sb_printf(&sb, "; did you mean '%s'?", suggest.best);
    hf_config_error(errors, origin, "%s is '%.*s'; it must be one of %s", path, HF_CONFIG_SHOWN(text),
                    choices);
    return HF_ERR_INVALID;
}

static hf_err add_text(const struct hf_config_row *row, struct hf_config_texts *texts, struct hf_slice text,
                       const char *path, const struct hf_config_origin *origin,
                       struct hf_config_errors *errors)
{
    enum { ELEMENT_BYTES_MAX = 256 };
    char **grown, *copy;

    if (texts->count >= row->max) {
        hf_config_error(errors, origin, "%s has more than %llu elements", path, (unsigned long long)row->max);
        return HF_ERR_INVALID;
    }
    if (!text_fits(text, 1, ELEMENT_BYTES_MAX, path, origin, errors))
        return HF_ERR_INVALID;
    grown = realloc(texts->at, (texts->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return HF_ERR_NOMEM;
    texts->at = grown;
    copy = strndup(text.at, text.bytes);
    if (copy == NULL)
        return HF_ERR_NOMEM;
    texts->at[texts->count++] = copy;
    return HF_OK;
}

hf_err hf_config_value_add(const struct hf_config_row *row, void *object, struct hf_slice text,
                           const char *path, const struct hf_config_origin *origin,
                           struct hf_config_errors *errors)
{
    void *member = hf_config_member(row, object);
    unsigned choice;
    hf_err err;

    if (row->kind == HF_CONFIG_KIND_TEXTS)
        return add_text(row, member, text, path, origin, errors);
    HF_ASSERT(row->kind == HF_CONFIG_KIND_FLAGS);
    err = find_choice(row, text, path, origin, errors, &choice);
    if (err == HF_OK)
        *(unsigned *)member |= 1u << choice;
    return err;
}

void hf_config_set_empty(const struct hf_config_row *row, void *object)
{
    void *member = hf_config_member(row, object);

    if (row->kind == HF_CONFIG_KIND_TEXTS)
        hf_config_texts_clear(member);
    else
        *(unsigned *)member = 0;
}

/* "[a, b]" or "a, b"; elements themselves hold no comma here. */
static hf_err set_elements(const struct hf_config_row *row, void *object, struct hf_slice text,
                           const char *path, const struct hf_config_origin *origin,
                           struct hf_config_errors *errors)
{
    hf_err err = HF_OK;

    text = hf_slice_trim(text);
    if (text.bytes >= 2 && text.at[0] == '[' && text.at[text.bytes - 1] == ']')
        text = hf_slice_trim((struct hf_slice){text.at + 1, text.bytes - 2});
    hf_config_set_empty(row, object);
    while (text.bytes > 0 && err == HF_OK) {
        const char *comma = memchr(text.at, ',', text.bytes);
        size_t bytes = comma != NULL ? (size_t)(comma - text.at) : text.bytes;
        size_t taken = bytes + (comma != NULL);

        err = hf_config_value_add(row, object, hf_slice_trim((struct hf_slice){text.at, bytes}), path, origin,
                                  errors);
        text = (struct hf_slice){text.at + taken, text.bytes - taken};
    }
    return err;
}

hf_err hf_config_value_set(const struct hf_config_row *row, void *object, struct hf_slice text,
                           const char *path, const struct hf_config_origin *origin,
                           struct hf_config_errors *errors)
{
    void *member = hf_config_member(row, object);

    switch (row->kind) {
    case HF_CONFIG_KIND_U64:
    case HF_CONFIG_KIND_MS:
    case HF_CONFIG_KIND_US:
    case HF_CONFIG_KIND_BYTES: return set_number(row, member, text, path, origin, errors);
    case HF_CONFIG_KIND_BOOL: return set_bool(member, text, path, origin, errors);
    case HF_CONFIG_KIND_TEXT: return set_text(row, member, text, path, origin, errors);
    case HF_CONFIG_KIND_ENUM: return find_choice(row, text, path, origin, errors, member);
    case HF_CONFIG_KIND_TEXTS:
    case HF_CONFIG_KIND_FLAGS: return set_elements(row, object, text, path, origin, errors);
    case HF_CONFIG_KIND_SECTION:
    case HF_CONFIG_KIND_LIST: break;
    }
    HF_UNREACHABLE();
}

static hf_err set_default(const struct hf_config_row *row, void *object)
{
    hf_err err;

    if (row->kind == HF_CONFIG_KIND_LIST ||
        (row->kind == HF_CONFIG_KIND_TEXT && row->default_text[0] == '\0'))
        return HF_OK; /* absent */
    if (row->kind == HF_CONFIG_KIND_SECTION)
        return hf_config_defaults(row->shape(), hf_config_member(row, object));
    err = hf_config_value_set(row, object, hf_slice_of(row->default_text), row->name, NULL, NULL);
    HF_ASSERT(err == HF_OK || err == HF_ERR_NOMEM); /* the table's defaults are in their own ranges */
    return err;
}

hf_err hf_config_defaults(const struct hf_config_shape *shape, void *object)
{
    hf_err err = HF_OK;

    memset(object, 0, shape->bytes);
    for (size_t i = 0; i < shape->row_count && err == HF_OK; i++)
        err = set_default(&shape->rows[i], object);
    if (err != HF_OK)
        hf_config_clear(shape, object);
    return err;
}

void hf_config_text_print(const char *text, struct hf_sb *sb)
{
    size_t bytes = strlen(text), taken;
    uint32_t code = 0;

    hf_sb_char(sb, '"');
    for (size_t i = 0; i < bytes; i += taken) {
        taken = utf8_take(text + i, bytes - i, &code);
        HF_ASSERT(taken > 0); /* text_fits() */
        if (code == '"' || code == '\\')
            hf_sb_char(sb, '\\');
        if (code == 0x2028 || code == 0x2029 || code == 0xfeff || (code & 0xfffe) == 0xfffe)
            hf_sb_printf(sb, "\\U%08x",
                         (unsigned)code); /* YAML's line breaks, byte order mark and non-characters */
        else
            hf_sb_add(sb, text + i, taken);
    }
    hf_sb_char(sb, '"');
}

static void print_flags(const struct hf_config_row *row, unsigned flags, struct hf_sb *sb)
{
    const char *between = "";

    for (size_t i = 0; i < row->choice_count; i++)
        if ((flags >> i & 1u) != 0) {
            hf_sb_printf(sb, "%s%s", between, row->choices[i].name);
            between = ", ";
        }
}

void hf_config_value_print(const struct hf_config_row *row, const void *object, struct hf_sb *sb)
{
    void *member = hf_config_member(row, object);
    const struct hf_config_texts *texts = member;

    switch (row->kind) {
    case HF_CONFIG_KIND_U64:
    case HF_CONFIG_KIND_MS:
    case HF_CONFIG_KIND_US:
    case HF_CONFIG_KIND_BYTES: hf_config_number_print(row->kind, *(uint64_t *)member, sb); return;
    case HF_CONFIG_KIND_BOOL: hf_sb_text(sb, *(bool *)member ? "true" : "false"); return;
    case HF_CONFIG_KIND_ENUM: hf_sb_text(sb, row->choices[*(unsigned *)member].name); return;
    case HF_CONFIG_KIND_TEXT: hf_config_text_print(*(char **)member ? *(char **)member : "", sb); return;
    case HF_CONFIG_KIND_FLAGS:
        hf_sb_char(sb, '[');
        print_flags(row, *(unsigned *)member, sb);
        hf_sb_char(sb, ']');
        return;
    case HF_CONFIG_KIND_TEXTS:
        hf_sb_char(sb, '[');
        for (size_t i = 0; i < texts->count; i++) {
            hf_sb_text(sb, i > 0 ? ", " : "");
            hf_config_text_print(texts->at[i], sb);
        }
        hf_sb_char(sb, ']');
        return;
    case HF_CONFIG_KIND_SECTION:
    case HF_CONFIG_KIND_LIST: break;
    }
    HF_UNREACHABLE();
}
