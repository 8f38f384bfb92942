/* codec/manscdp/manscdp_fuzz.c - properties: whatever is read is valid JSON in UTF-8; what is read and can be written is read again, and written
 * again it is the same, byte by byte; a body that is cut anywhere does no harm. The first byte picks charset and edition. */
#include "codec/json/scan.h"
#include "codec/manscdp/manscdp_testkit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static char first[4 * KIT_BYTES], second[4 * KIT_BYTES], text[4 * KIT_BYTES];

static void check_json(void)
{
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(&kit_message, kit_item_scratch, sizeof(kit_item_scratch), &out);
    hf_json_out_end(&out);
    if (!sb.overflow)
        HF_ASSERT(hf_json_scan(text, sb.bytes, NULL, 0, 0) == HF_OK);
}

/* Of the message and of the items of its first list. */
static uint32_t all_tolerances(void)
{
    const struct hf_cdp_layout *layout = hf_cdp_layout_of(&kit_message);
    static _Alignas(16) char item[8192];
    uint32_t bits = kit_message.tolerances;
    struct hf_cdp_iter iter;

    for (unsigned i = 0; i < layout->row_count; i++) {
        if (layout->rows[i].kind != HF_CDP_KIND_LIST)
            continue;
        hf_cdp_list_begin(&iter, &kit_message, hf_cdp_at(&kit_message.as, &layout->rows[i]), kit_item_scratch,
                          sizeof(kit_item_scratch));
        HF_ASSERT(hf_cdp_layouts[layout->rows[i].of].bytes <= sizeof(item));
        while (hf_cdp_list_next(&iter, item, hf_cdp_layouts[layout->rows[i].of].bytes) == HF_OK)
            HF_ASSERT(iter.extra_count <= HF_CDP_EXTRAS_MAX);
        bits |= iter.tolerances;
    }
    return bits;
}

static bool build(enum hf_cdp_edition edition, char *storage, size_t bytes, struct hf_sb *ret_sb)
{
    struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = edition};

    hf_sb_init(ret_sb, storage, bytes);
    return hf_cdp_build(&writer, &kit_message, ret_sb, NULL) == HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_sb one, two;

    if (data_bytes < 1 || data_bytes > KIT_BYTES / 4)
        return 0;
    enum hf_cdp_edition edition = data[0] & 4 ? HF_CDP_2022 : HF_CDP_2016;
    enum hf_text_charset charset = (enum hf_text_charset)(data[0] % 3);
    struct hf_slice body = {(const char *)data + 1, data_bytes - 1};

    kit_open();
    hf_err err =
        hf_cdp_parse(&kit_conv, charset, kit_exact(body), kit_scratch, sizeof(kit_scratch), &kit_message);

    HF_ASSERT(err == HF_OK || err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT);
    if (err == HF_OK) {
        check_json();
        uint32_t before = all_tolerances();

        if (build(edition, first, sizeof(first), &one)) {
            HF_ASSERT(hf_xml_is_complete(hf_sb_done(&one)));
            HF_ASSERT(kit_parse(hf_sb_done(&one)) == HF_OK);
            /* Escaping may take a value above its limit. */
            if (!((before | all_tolerances()) & (HF_XML_LONG | HF_XML_EXTRAS))) {
                HF_ASSERT(build(edition, second, sizeof(second), &two));
                HF_ASSERT(hf_slice_eq(hf_sb_done(&one), hf_sb_done(&two)));
            }
        }
    }
    struct hf_slice cut = {body.at, body.bytes * (data[0] >> 3) / 32};

    if (hf_cdp_parse(&kit_conv, charset, kit_exact(cut), kit_scratch, sizeof(kit_scratch), &kit_message) ==
        HF_OK)
        check_json();
    return 0;
}
