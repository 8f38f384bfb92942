/* codec/manscdp/layout.c - see layout.h. */
#include "codec/manscdp/layout.h"

#define OFFSET_TEXT(S, member)   offsetof(struct hf_cdp_##S, member)
#define OFFSET_INT(S, member)    offsetof(struct hf_cdp_##S, member)
#define OFFSET_REAL(S, member)   offsetof(struct hf_cdp_##S, member)
#define OFFSET_WORD(S, member)   offsetof(struct hf_cdp_##S, member)
#define OFFSET_BLOCK(S, member)  offsetof(struct hf_cdp_##S, member)
#define OFFSET_LIST(S, member)   offsetof(struct hf_cdp_##S, member)
#define OFFSET_ITEMS(S, member)  offsetof(struct hf_cdp_##S, member)
#define OFFSET_RAW(S, member)    offsetof(struct hf_cdp_##S, member)
#define OFFSET_RESULT(S, member) 0
#define OFFSET_DROP(S, member)   0

#define OF_TEXT(what)   0
#define OF_INT(what)    0
#define OF_REAL(what)   0
#define OF_RAW(what)    0
#define OF_DROP(what)   0
#define OF_WORD(what)   HF_CDP_WORDS_##what
#define OF_RESULT(what) HF_CDP_WORDS_##what
#define OF_BLOCK(what)  HF_CDP_STRUCT_##what
#define OF_LIST(what)   HF_CDP_STRUCT_##what
#define OF_ITEMS(what)  HF_CDP_STRUCT_##what

#define ROW(S, kind, member, name, of, flags) \
    {name, #member, OFFSET_##kind(S, member), HF_CDP_KIND_##kind, OF_##kind(of), (flags)},
#define ROWS(name, NAME, item)                                                 \
    static const struct hf_cdp_row rows_##name[] = {HF_CDP_##NAME(ROW, name)}; \
    _Static_assert(HF_COUNT_OF(rows_##name) <= HF_CDP_ROWS_MAX, "rows are bits");
HF_CDP_STRUCT_MAP(ROWS)

#define LAYOUT(name, NAME, item) {rows_##name, HF_COUNT_OF(rows_##name), sizeof(struct hf_cdp_##name), item},
const struct hf_cdp_layout hf_cdp_layouts[HF_CDP_STRUCTS] = {HF_CDP_STRUCT_MAP(LAYOUT)};

#define MESSAGE(command, root, layout, answer, since) \
    {HF_CDP_CMD_##command, HF_CDP_ROOT_##root, HF_CDP_STRUCT_##layout, HF_CDP_ANSWER_##answer, since},
static const struct hf_cdp_kind_of_message messages[] = {HF_CDP_MESSAGE_MAP(MESSAGE)};

#define WORD_NAME(id, name)    name,
#define WORD_NAMES(name, NAME) static const char *const words_##name[] = {HF_CDP_##NAME##_WORDS(WORD_NAME)};
HF_CDP_WORDS_MAP(WORD_NAMES)
#define WORD_LIST(name, NAME) {words_##name, HF_COUNT_OF(words_##name)},
static const struct {
    const char *const *names;
    unsigned count;
} words[HF_CDP_WORD_LISTS] = {HF_CDP_WORDS_MAP(WORD_LIST)};

/* Further spellings that devices use. */
static const struct {
    uint8_t words, value;
    const char *name;
} spellings[] = {
    {HF_CDP_WORDS_health, HF_CDP_HEALTH_OK, "SUCCESS"},  {HF_CDP_WORDS_health, HF_CDP_HEALTH_OK, "ON"},
    {HF_CDP_WORDS_status, HF_CDP_STATUS_ON, "OK"},       {HF_CDP_WORDS_status, HF_CDP_STATUS_ON, "ONLINE"},
    {HF_CDP_WORDS_status, HF_CDP_STATUS_OFF, "OFFLINE"}, {HF_CDP_WORDS_event, HF_CDP_EVENT_ON, "ONLINE"},
    {HF_CDP_WORDS_event, HF_CDP_EVENT_OFF, "OFFLINE"},   {HF_CDP_WORDS_online, HF_CDP_ONLINE_ONLINE, "ON"},
    {HF_CDP_WORDS_online, HF_CDP_ONLINE_OFFLINE, "OFF"},
};

#define NAME(id, name) name,
static const char *const root_names[] = {HF_CDP_ROOT_MAP(NAME)};
static const char *const command_names[] = {HF_CDP_COMMAND_MAP(NAME)};

/* Names of commands and elements that are read besides those of fields.h; the second are written where hf_cdp_row_name says so. */
static const struct {
    enum hf_cdp_command command;
    const char *name;
} other_commands[] = {
    {HF_CDP_CMD_PRESET_QUERY, "PersetQuery"},
    {HF_CDP_CMD_PTZ_POSITION, "PTZPreciseStatusQuery"},
    {HF_CDP_CMD_SD_CARD_STATUS, "StorageCardStatusQuery"},
};
static const struct {
    const char *name, *other;
} other_names[] = {{"IFameCmd", "IFrameCmd"}, {"SnapShotConfig", "SnapShot"}};

const struct hf_cdp_kind_of_message *hf_cdp_message_row(enum hf_cdp_command command, enum hf_cdp_root root)
{
    for (size_t i = 0; i < HF_COUNT_OF(messages); i++)
        if (messages[i].command == command && messages[i].root == root)
            return &messages[i];
    return NULL;
}

const struct hf_cdp_layout *hf_cdp_layout_of(const struct hf_cdp_message *message)
{
    const struct hf_cdp_kind_of_message *row = hf_cdp_message_row(message->command, message->root);

    return &hf_cdp_layouts[row != NULL ? row->layout : HF_CDP_STRUCT_plain];
}

uint8_t hf_cdp_word_of(unsigned list, struct hf_slice text)
{
    for (unsigned i = 0; i < words[list].count; i++)
        if (hf_slice_eq_nocase(text, hf_slice_of(words[list].names[i])))
            return (uint8_t)(i + 1);
    for (size_t i = 0; i < HF_COUNT_OF(spellings); i++)
        if (spellings[i].words == list && hf_slice_eq_nocase(text, hf_slice_of(spellings[i].name)))
            return spellings[i].value;
    return 0;
}

const char *hf_cdp_words_text(unsigned list)
{
#define WORD_TEXT(id, spelling) ", " spelling
#define WORDS_TEXT(name, NAME)  [HF_CDP_WORDS_##name] = "" HF_CDP_##NAME##_WORDS(WORD_TEXT),
    static const char *const texts[HF_CDP_WORD_LISTS] = {HF_CDP_WORDS_MAP(WORDS_TEXT)};
#undef WORDS_TEXT
#undef WORD_TEXT

    return texts[list] + 2; /* without the first comma */
}

const char *hf_cdp_word_name(unsigned list, uint8_t value)
{
    return value > 0 && value <= words[list].count ? words[list].names[value - 1] : NULL;
}

static const struct hf_cdp_row *row_named(const struct hf_cdp_layout *layout, struct hf_slice name,
                                          unsigned hint, bool *ret_case)
{
    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_cdp_row *row = &layout->rows[(hint + i) % layout->row_count];

        if (row->name != NULL && hf_slice_eq_nocase(name, hf_slice_of(row->name))) {
            *ret_case = !hf_slice_is(name, row->name);
            return row;
        }
    }
    return NULL;
}

const struct hf_cdp_row *hf_cdp_row_of(const struct hf_cdp_layout *layout, struct hf_slice name,
                                       unsigned hint, bool *ret_case)
{
    const struct hf_cdp_row *row = row_named(layout, name, hint, ret_case);

    for (size_t i = 0; row == NULL && i < HF_COUNT_OF(other_names); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(other_names[i].other))) {
            row = row_named(layout, hf_slice_of(other_names[i].name), 0, ret_case);
            *ret_case = !hf_slice_is(name, other_names[i].other);
        }
    return row;
}

const char *hf_cdp_row_name(const struct hf_cdp_row *row, enum hf_cdp_root root, enum hf_cdp_edition edition)
{
    if (!(row->flags & HF_CDP_RENAMED))
        return row->name;
    /* A 2016 answer has no snapshot block, so the two conditions do not meet. */
    bool renamed = row->kind == HF_CDP_KIND_BLOCK ? root == HF_CDP_ROOT_RESPONSE : edition == HF_CDP_2022;

    for (size_t i = 0; i < HF_COUNT_OF(other_names); i++)
        if (renamed && hf_slice_is(hf_slice_of(row->name), other_names[i].name))
            return other_names[i].other;
    return row->name;
}

bool hf_cdp_is_set(const void *body, const struct hf_cdp_row *row)
{
    const void *at = hf_cdp_at(body, row);
    const struct hf_cdp_list *list = at;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_TEXT:
    case HF_CDP_KIND_RAW: return ((const struct hf_slice *)at)->at != NULL;
    case HF_CDP_KIND_INT: return ((const struct hf_cdp_int *)at)->set;
    case HF_CDP_KIND_REAL: return ((const struct hf_cdp_real *)at)->set;
    case HF_CDP_KIND_WORD: return *(const uint8_t *)at != 0;
    case HF_CDP_KIND_BLOCK: return *(const bool *)at;
    case HF_CDP_KIND_LIST:
    case HF_CDP_KIND_ITEMS: return list->count > 0 || list->raw.at != NULL;
    case HF_CDP_KIND_RESULT:
    case HF_CDP_KIND_DROP: break;
    }
    return false;
}

bool hf_cdp_is_empty(const struct hf_cdp_layout *layout, const void *body)
{
    for (unsigned i = 0; i < layout->row_count; i++)
        if (hf_cdp_is_set(body, &layout->rows[i]))
            return false;
    return true;
}

bool hf_cdp_has_id(const struct hf_cdp_layout *layout)
{
    return layout->rows[0].name != NULL && strcmp(layout->rows[0].name, "DeviceID") == 0;
}

enum hf_cdp_answer hf_cdp_answer_of(const struct hf_cdp_message *message)
{
    const struct hf_cdp_kind_of_message *row = hf_cdp_message_row(message->command, message->root);
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(message);

    if (row == NULL)
        return HF_CDP_ANSWER_NONE;
    if (row->answer != HF_CDP_ANSWER_CONTROL)
        return (enum hf_cdp_answer)row->answer;
    for (unsigned i = 0; i < layout->row_count; i++)
        if ((layout->rows[i].flags & HF_CDP_ANSWERED) && hf_cdp_is_set(&message->as, &layout->rows[i]))
            return HF_CDP_ANSWER_ONE;
    return HF_CDP_ANSWER_NONE;
}

enum hf_cdp_edition hf_cdp_edition_of(const struct hf_cdp_message *message)
{
    const struct hf_cdp_kind_of_message *row = hf_cdp_message_row(message->command, message->root);
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(message);
    const unsigned order_of_2022 = HF_CDP_COMMAND | HF_CDP_IN_2022;

    if (row == NULL || row->since == HF_CDP_2022)
        return row == NULL ? HF_CDP_2016 : HF_CDP_2022;
    for (unsigned i = 0; message->root == HF_CDP_ROOT_CONTROL && i < layout->row_count; i++)
        if ((layout->rows[i].flags & order_of_2022) == order_of_2022 &&
            hf_cdp_is_set(&message->as, &layout->rows[i]))
            return HF_CDP_2022;
    return HF_CDP_2016;
}

const char *hf_cdp_order_name(const struct hf_cdp_message *message)
{
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(message);

    for (unsigned i = 0; message->root == HF_CDP_ROOT_CONTROL && i < layout->row_count; i++)
        if ((layout->rows[i].flags & HF_CDP_COMMAND) && hf_cdp_is_set(&message->as, &layout->rows[i]))
            return layout->rows[i].name;
    return NULL;
}

const char *hf_cdp_root_name(enum hf_cdp_root root)
{
    return (unsigned)root < HF_CDP_ROOTS ? root_names[root] : NULL;
}

const char *hf_cdp_command_name(enum hf_cdp_command command)
{
    return (unsigned)command < HF_CDP_COMMANDS ? command_names[command] : NULL;
}

enum hf_cdp_command hf_cdp_command_of(struct hf_slice name)
{
    for (unsigned i = 1; i < HF_CDP_COMMANDS; i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(command_names[i])))
            return (enum hf_cdp_command)i;
    for (size_t i = 0; i < HF_COUNT_OF(other_commands); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(other_commands[i].name)))
            return other_commands[i].command;
    return HF_CDP_CMD_OTHER;
}
