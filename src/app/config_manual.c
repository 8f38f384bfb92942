/* The table of options as a sample file and as a page of the manual. */
#include "app/config_print.h"
#include "app/config_value.h"
#include "base/assert.h"

enum { LINE_CHARS_MAX = 100 };

/* Values that make the sample's list items meaningful where the default is none. */
static const struct {
    const char *shape, *option, *value;
} samples[] = {
    {"listener", "name", "http"},
    {"tenant", "name", "acme"},
    {"api_key", "id", "k3vq8m2tb7xw"},
    {"api_key", "tenant", "acme"},
    {"jwt_key", "kid", "2026-01"},
    {"jwt_key", "public_key_file", "/etc/holdfast/acme-2026-01.pub.pem"},
    {"topic_rule", "type", "location_update"},
    {"topic_rule", "topic", "location"},
    {"gb_device", "id", "34020000001320000001"},
    {"gb_device", "ha1", "00000000000000000000000000000000"},
    {"gb_quirk", "name", "old recorders"},
    {"gb_quirk", "user_agent", "NVR-EXAMPLE*"},
    {"gb_upstream_id", "id", "34010000001310000001"},
    {"gb_upstream_id", "device", "34020000001180000001"},
    {"gb_upstream_id", "channel", "34020000001310000001"},
    {"gb_upstream", "name", "city"},
    {"gb_upstream", "address", "192.0.2.1"},
    {"gb_upstream", "server_id", "34010000002000000001"},
    {"gb_upstream", "password_file", "/etc/holdfast/city.password"},
    {"access_rule", "devices", "bike-*"},
    {"access_rule", "topics", "fleet/#"},
    {"api_key", "sha256", "0000000000000000000000000000000000000000000000000000000000000000"},
};

static const char *sample_value(const struct hf_config_shape *shape, const struct hf_config_row *row)
{
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++)
        if (strcmp(samples[i].shape, shape->name) == 0 && strcmp(samples[i].option, row->name) == 0)
            return samples[i].value;
    return row->default_text;
}

struct page {
    FILE *out;
    unsigned depth;
    const char *mark; /* "# " inside what is only an example */
};

static void begin_line(const struct page *page)
{
    (void)fprintf(page->out, "%s%*s", page->mark, (int)(2 * page->depth), "");
}

/* Range, default and choices of an option, for people: "512B to 1MiB". Empty when there is nothing to say. */
static void add_range(const struct hf_config_row *row, struct hf_sb *sb)
{
    switch (row->kind) {
    case HF_CONFIG_KIND_U64:
    case HF_CONFIG_KIND_MS:
    case HF_CONFIG_KIND_US:
    case HF_CONFIG_KIND_BYTES:
        hf_config_number_print(row->kind, row->min, sb);
        hf_sb_text(sb, " to ");
        hf_config_number_print(row->kind, row->max, sb);
        break;
    case HF_CONFIG_KIND_ENUM:
    case HF_CONFIG_KIND_FLAGS:
        for (size_t i = 0; i < row->choice_count; i++)
            hf_sb_printf(sb, "%s%s", i > 0 ? ", " : "", row->choices[i].name);
        break;
    default: break;
    }
}

/* A comment of as many lines as it takes, broken at spaces. */
static void print_comment(const struct page *page, const char *text)
{
    size_t room = LINE_CHARS_MAX - 2 * page->depth - strlen(page->mark);

    while (*text != '\0') {
        size_t chars = strlen(text);

        if (chars > room) {
            chars = room;
            while (chars > 0 && text[chars] != ' ')
                chars--;
            HF_ASSERT(chars > 0);
        }
        begin_line(page);
        (void)fprintf(page->out, "# %.*s\n", (int)chars, text);
        text += chars;
        text += *text == ' ';
    }
}

static void print_help(const struct page *page, const struct hf_config_row *row)
{
    char storage[1024], range_storage[256];
    struct hf_sb sb, range;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_sb_init(&range, range_storage, sizeof(range_storage));
    add_range(row, &range);
    hf_sb_text(&sb, row->help);
    if (range.bytes > 0)
        hf_sb_printf(&sb, " [%s]", range.at);
    print_comment(page, sb.at);
}

static void print_scalar(const struct page *page, const struct hf_config_shape *shape,
                         const struct hf_config_row *row)
{
    char storage[512];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    if (row->kind == HF_CONFIG_KIND_TEXT)
        hf_config_text_print(sample_value(shape, row), &sb);
    else
        hf_sb_text(&sb, sample_value(shape, row));
    (void)fprintf(page->out, "%s: %s\n", row->name, sb.at);
}

static void print_shape(struct page *page, const struct hf_config_shape *shape, bool is_item);

/* The root's lists show one real item, so that the sample can be started; others are only an example,
 * in comments: taking the # away is enough. */
static void print_list(struct page *page, const struct hf_config_row *row)
{
    struct page example = {page->out, page->depth, row->min > 0 ? page->mark : "#"};

    begin_line(&example);
    (void)fprintf(example.out, "%s:\n", row->name);
    example.depth += 2;
    print_shape(&example, row->shape(), true);
}

static void print_shape(struct page *page, const struct hf_config_shape *shape, bool is_item)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];

        if (page->depth == 0)
            (void)fputc('\n', page->out);
        print_help(page, row);
        if (row->kind == HF_CONFIG_KIND_LIST) {
            print_list(page, row);
            continue;
        }
        page->depth -= is_item && i == 0;
        begin_line(page);
        if (is_item && i == 0) {
            (void)fputs("- ", page->out);
            page->depth++;
        }
        if (row->kind == HF_CONFIG_KIND_SECTION) {
            (void)fprintf(page->out, "%s:\n", row->name);
            page->depth++;
            print_shape(page, row->shape(), false);
            page->depth--;
        } else {
            print_scalar(page, shape, row);
        }
    }
}

hf_err hf_config_print_sample(FILE *out)
{
    struct page page = {.out = out, .mark = ""};

    (void)fputs(
        "# Holdfast: every option with its default. Leave out what you do not change.\n"
        "# Made by `holdfast default-config`; `holdfast check-config FILE` checks yours.\n"
        "# Each option is also an environment variable (HOLDFAST_ADMISSION_CONNECTIONS_MAX=5000) and a\n"
        "# setting of the command line (--set admission.connections_max=5000), in this order of strength.\n"
        "# Durations: 500ms, 30s, 5m, 24h, 7d. Sizes: 512B, 64KiB, 1MiB, 20GiB.\n",
        out);
    print_shape(&page, hf_config_shape(), false);
    return fflush(out) == 0 && !ferror(out) ? HF_OK : HF_ERR_IO;
}

static void add_type(const struct hf_config_row *row, struct hf_sb *sb)
{
    static const char *const names[] = {
        [HF_CONFIG_KIND_U64] = "number",          [HF_CONFIG_KIND_MS] = "duration",
        [HF_CONFIG_KIND_US] = "duration",         [HF_CONFIG_KIND_BYTES] = "size",
        [HF_CONFIG_KIND_BOOL] = "true, false",    [HF_CONFIG_KIND_TEXT] = "text",
        [HF_CONFIG_KIND_TEXTS] = "list of texts",
    };

    if (row->kind == HF_CONFIG_KIND_ENUM)
        hf_sb_text(sb, "one of: ");
    else if (row->kind == HF_CONFIG_KIND_FLAGS)
        hf_sb_text(sb, "list of: ");
    else
        hf_sb_text(sb, names[row->kind]);
    if (row->kind < HF_CONFIG_KIND_BOOL)
        hf_sb_text(sb, ", ");
    add_range(row, sb);
}

static void print_choices(const struct hf_config_row *row, FILE *out)
{
    (void)fprintf(out, "<br>");
    for (size_t i = 0; i < row->choice_count; i++)
        (void)fprintf(out, "%s`%s`: %s", i > 0 ? "; " : "", row->choices[i].name, row->choices[i].help);
    (void)fputc('.', out);
}

static void print_table_row(const struct hf_config_row *row, FILE *out)
{
    char storage[256];
    struct hf_sb sb;
    bool absent = row->default_text[0] == '\0';

    hf_sb_init(&sb, storage, sizeof(storage));
    add_type(row, &sb);
    (void)fprintf(out, "| `%s` | %s | %s%s%s | %s | %s", row->name, sb.at, absent ? "" : "`",
                  row->default_text, absent ? "" : "`", row->live ? "reload" : "restart", row->help);
    if (row->choice_count > 0)
        print_choices(row, out);
    (void)fputs(" |\n", out);
}

/* One heading and table per struct; its inner structs follow it. */
static void print_section(const struct hf_config_row *section, const char *path, FILE *out)
{
    const struct hf_config_shape *shape = section->shape();
    char inner[256];

    (void)fprintf(
        out, "\n## `%s`\n%s\n\n| option | type and range | default | change | |\n|---|---|---|---|---|\n",
        path, section->help);
    for (size_t i = 0; i < shape->row_count; i++)
        if (shape->rows[i].shape == NULL)
            print_table_row(&shape->rows[i], out);
    for (size_t i = 0; i < shape->row_count; i++)
        if (shape->rows[i].shape != NULL) {
            bool list = shape->rows[i].kind == HF_CONFIG_KIND_LIST;

            (void)snprintf(inner, sizeof(inner), "%s.%s%s", path, shape->rows[i].name, list ? "[]" : "");
            print_section(&shape->rows[i], inner, out);
        }
}

hf_err hf_config_print_markdown(FILE *out)
{
    const struct hf_config_shape *root = hf_config_shape();
    char path[128];

    (void)fputs(
        "# Configuration\n"
        "This page is made by `holdfast default-config --markdown`; `holdfast default-config` prints the "
        "same as a\n"
        "file to start from, and `holdfast check-config FILE` checks one without starting anything.\n\n"
        "Each layer goes over the one before: defaults, the YAML file, the environment, `--set`. The option\n"
        "`admission.connections_max` is `HOLDFAST_ADMISSION_CONNECTIONS_MAX` in the environment and\n"
        "`--set admission.connections_max=5000` on the command line. Items of lists go by position or name:\n"
        "`HOLDFAST_LISTENERS_0_PORT`, `--set listeners.0.port=9000`, `--set listeners.http.port=9000`.\n\n"
        "Durations are written `500ms`, `30s`, `5m`, `24h`, `7d`; sizes `512B`, `64KiB`, `1MiB`, `20GiB`; a "
        "bare\n"
        "number is in the unit that ends the option's name. An unknown option is an error. Secrets are never "
        "in\n"
        "this file: options name a file, readable by its owner only, or an environment variable.\n\n"
        "The column *change* says whether a running gateway takes a new value over on `SIGHUP` (*reload*) or "
        "needs a\n"
        "*restart*; a reload that meets the latter names it and leaves the running value.\n",
        out);
    for (size_t i = 0; i < root->row_count; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", root->rows[i].name,
                       root->rows[i].kind == HF_CONFIG_KIND_LIST ? "[]" : "");
        print_section(&root->rows[i], path, out);
    }
    return fflush(out) == 0 && !ferror(out) ? HF_OK : HF_ERR_IO;
}
