/* codec/manscdp/manscdp_roundtrip_test.c - every message of the table, every member filled, in both editions: what is written is read as the
 * same, without a tolerance. The tables of layout.h make it general: a new row is tested by being there. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

enum { ITEMS = 3 };

#define MEMBER(name, NAME, item) struct hf_cdp_##name name;
union any {
    HF_CDP_STRUCT_MAP(MEMBER)
};

static union any pool[4096]; /* items of lists, as items[0..ITEMS) of each */
static unsigned pool_used;
static unsigned filled; /* makes each value another */

static const char *const texts[] = {"大门 & <1>", "plain", "\"中'", "𠀀", "2026-01-01T08:00:00", "监控点位"};

static void fill(const struct hf_cdp_layout *layout, void *body);

static void fill_list(const struct hf_cdp_layout *layout, struct hf_cdp_list *list)
{
    char *items = (char *)&pool[pool_used];

    HF_ASSERT(pool_used + ITEMS <= HF_COUNT_OF(pool));
    pool_used += ITEMS; /* closer together than a union each: room enough */
    for (unsigned i = 0; i < ITEMS; i++)
        fill(layout, items + i * layout->bytes);
    *list = (struct hf_cdp_list){.items = items, .count = ITEMS};
}

static void fill(const struct hf_cdp_layout *layout, void *body)
{
    *(bool *)body = true;
    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_cdp_row *row = &layout->rows[i];
        void *at = (char *)body + row->at;
        unsigned n = filled++;

        switch ((enum hf_cdp_kind)row->kind) {
        case HF_CDP_KIND_TEXT: *(struct hf_slice *)at = hf_slice_of(texts[n % HF_COUNT_OF(texts)]); break;
        case HF_CDP_KIND_INT: *(struct hf_cdp_int *)at = HF_CDP_INT((int64_t)n - 50); break;
        case HF_CDP_KIND_REAL: *(struct hf_cdp_real *)at = HF_CDP_REAL(n / 8.0 - 10); break;
        case HF_CDP_KIND_WORD:
            *(uint8_t *)at =
                hf_cdp_word_name(row->of, (uint8_t)(n % 3 + 1)) != NULL ? (uint8_t)(n % 3 + 1) : 1;
            break;
        case HF_CDP_KIND_BLOCK: fill(&hf_cdp_layouts[row->of], at); break;
        case HF_CDP_KIND_LIST:
        case HF_CDP_KIND_ITEMS: fill_list(&hf_cdp_layouts[row->of], at); break;
        case HF_CDP_KIND_RAW: *(struct hf_slice *)at = HF_SLICE("<a>中</a>"); break;
        default: break;
        }
    }
}

static void compare(const struct hf_cdp_message *message, const struct hf_cdp_layout *layout, const void *a,
                    const void *b, enum hf_cdp_edition edition, unsigned level)
{
    static char scratch[8][HF_CDP_SCRATCH_BYTES];

    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_cdp_row *row = &layout->rows[i];
        const void *in = hf_cdp_at(a, row), *out = hf_cdp_at(b, row);

        if ((row->flags & HF_CDP_IN_2016 && edition == HF_CDP_2022) ||
            (row->flags & HF_CDP_IN_2022 && edition == HF_CDP_2016)) {
            assert_false(hf_cdp_is_set(b, row));
            continue;
        }
        switch ((enum hf_cdp_kind)row->kind) {
        case HF_CDP_KIND_TEXT:
            assert_true(hf_slice_eq(*(const struct hf_slice *)in, *(const struct hf_slice *)out));
            break;
        case HF_CDP_KIND_INT:
            assert_true(((const struct hf_cdp_int *)out)->set);
            assert_int_equal(((const struct hf_cdp_int *)in)->value, ((const struct hf_cdp_int *)out)->value);
            break;
        case HF_CDP_KIND_REAL:
            assert_true(((const struct hf_cdp_real *)out)->set);
            assert_true(((const struct hf_cdp_real *)in)->value == ((const struct hf_cdp_real *)out)->value);
            break;
        case HF_CDP_KIND_WORD: assert_int_equal(*(const uint8_t *)in, *(const uint8_t *)out); break;
        case HF_CDP_KIND_BLOCK:
            assert_true(*(const bool *)out);
            compare(message, &hf_cdp_layouts[row->of], in, out, edition, level + 1);
            break;
        case HF_CDP_KIND_LIST:
        case HF_CDP_KIND_ITEMS: {
            const struct hf_cdp_layout *of = &hf_cdp_layouts[row->of];
            const struct hf_cdp_list *given = in;
            struct hf_cdp_iter iter;
            union any item;

            hf_cdp_list_begin(&iter, message, out, scratch[level], sizeof(scratch[0]));
            for (unsigned n = 0; n < ITEMS; n++) {
                assert_int_equal(hf_cdp_list_next(&iter, &item, of->bytes), HF_OK);
                compare(message, of, (const char *)given->items + n * of->bytes, &item, edition, level + 1);
            }
            assert_int_equal(hf_cdp_list_next(&iter, &item, of->bytes), HF_ERR_NOT_FOUND);
            assert_int_equal(iter.tolerances, 0);
            break;
        }
        case HF_CDP_KIND_RAW:
            assert_true(hf_slice_is(*(const struct hf_slice *)out, "<a>\xd6\xd0</a>"));
            break;
        default: break;
        }
    }
}

#define MESSAGE(command, root, layout, answer, since) \
    {HF_CDP_CMD_##command, HF_CDP_ROOT_##root, HF_CDP_STRUCT_##layout, since},
static const struct {
    enum hf_cdp_command command;
    enum hf_cdp_root root;
    unsigned layout;
    int since;
} rows[] = {HF_CDP_MESSAGE_MAP(MESSAGE)};

static void every_message_is_read_as_it_was_written(void **state)
{
    static const enum hf_cdp_edition editions[] = {HF_CDP_2016, HF_CDP_2022};
    static char wire[KIT_BYTES];
    unsigned written = 0;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t e = 0; e < HF_COUNT_OF(editions); e++) {
            static struct hf_cdp_message message;
            const struct hf_cdp_layout *layout = &hf_cdp_layouts[rows[i].layout];
            struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = editions[e]};
            const char *element = "";
            struct hf_sb sb;

            memset(&message, 0, sizeof(message));
            memset(pool, 0, sizeof(pool));
            pool_used = 0;
            message.root = rows[i].root;
            message.command = rows[i].command;
            message.sn = HF_CDP_INT(INT32_MAX);
            message.device_id = HF_SLICE("34020000001320000001");
            message.result = HF_CDP_HEALTH_OK;
            fill(layout, &message.as);
            hf_sb_init(&sb, wire, sizeof(wire));
            hf_err err = hf_cdp_build(&writer, &message, &sb, &element);

            if (err == HF_ERR_UNSUPPORTED) { /* an order or query of 2022 */
                assert_int_equal(editions[e], HF_CDP_2016);
                assert_int_equal(hf_cdp_edition_of(&message), HF_CDP_2022);
                continue;
            }
            if (err != HF_OK)
                fail_msg("%s %s: %s %s", hf_cdp_root_name(rows[i].root), hf_cdp_command_name(rows[i].command),
                         hf_err_name(err), element);
            assert_true(hf_xml_is_complete(hf_sb_done(&sb)));
            assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
            assert_string_equal(kit_tolerances(kit_message.tolerances), "");
            assert_int_equal(kit_message.root, rows[i].root);
            assert_int_equal(kit_message.command, rows[i].command);
            assert_int_equal(kit_message.sn.value, INT32_MAX);
            assert_true(hf_slice_eq(kit_message.device_id, message.device_id));
            assert_int_equal(kit_message.extra_count, 0);
            for (unsigned r = 0; r < layout->row_count; r++)
                if (layout->rows[r].kind == HF_CDP_KIND_RESULT)
                    assert_int_equal(kit_message.result, HF_CDP_HEALTH_OK);
            compare(&kit_message, layout, &message.as, &kit_message.as, editions[e], 0);
            written++;
        }
    assert_true(written > HF_COUNT_OF(rows));
}

/* As JSON and back: the body that follows is the same. */
static void json_is_read_as_it_was_written(void **state)
{
    static _Alignas(max_align_t) char memory[1 << 20];
    static char json[KIT_BYTES], first[KIT_BYTES], second[KIT_BYTES];
    static struct hf_cdp_message message, back;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = HF_CDP_2022};
        struct hf_slice wrong, text;
        struct hf_json_out out;
        struct hf_sb sb, one, two;

        memset(&message, 0, sizeof(message));
        memset(pool, 0, sizeof(pool));
        pool_used = 0;
        message.root = rows[i].root;
        message.command = rows[i].command;
        message.sn = HF_CDP_INT(7);
        message.device_id = HF_SLICE("34020000001320000001");
        message.result = HF_CDP_HEALTH_ERROR;
        fill(&hf_cdp_layouts[rows[i].layout], &message.as);
        hf_sb_init(&sb, json, sizeof(json));
        hf_json_out_init(&out, &sb);
        hf_json_out_object(&out, NULL);
        hf_cdp_json(&message, kit_item_scratch, sizeof(kit_item_scratch), &out);
        hf_json_out_end(&out);
        assert_true(hf_json_out_complete(&out));
        /* "command" and "root" are the caller's: the reader is told them. */
        text = hf_sb_done(&sb);
        char *sn = memmem(text.at, text.bytes, "\"sn\"", 4);

        text = (struct hf_slice){sn - 1, (size_t)(text.at + text.bytes - sn + 1)};
        sn[-1] = '{';
        hf_err err = hf_cdp_from_json(rows[i].root, rows[i].command, text, memory, sizeof(memory), &back,
                                      &wrong, NULL);

        if (err != HF_OK)
            fail_msg("%s: %.*s", text.at, (int)wrong.bytes, wrong.at);
        hf_sb_init(&one, first, sizeof(first));
        hf_sb_init(&two, second, sizeof(second));
        assert_int_equal(hf_cdp_build(&writer, &message, &one, NULL), HF_OK);
        assert_int_equal(hf_cdp_build(&writer, &back, &two, NULL), HF_OK);
        assert_string_equal(first, second);
    }
}

/* Names that are unique where they must be: two rows of one element would make the second unreachable. */
static void the_tables_are_sound(void **state)
{
    (void)state;
    for (unsigned s = 0; s < HF_CDP_STRUCTS; s++) {
        const struct hf_cdp_layout *layout = &hf_cdp_layouts[s];

        for (unsigned i = 0; i < layout->row_count; i++)
            for (unsigned j = 0; j < i; j++)
                if (hf_slice_eq_nocase(hf_slice_of(layout->rows[i].name), hf_slice_of(layout->rows[j].name)))
                    fail_msg("%s twice", layout->rows[i].name);
    }
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t j = 0; j < i; j++)
            assert_false(rows[i].command == rows[j].command && rows[i].root == rows[j].root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_as_it_was_written),
        cmocka_unit_test(json_is_read_as_it_was_written),
        cmocka_unit_test(the_tables_are_sound),
    };

    kit_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    kit_exact((struct hf_slice){NULL, 0});
    kit_close();
    return failed;
}
