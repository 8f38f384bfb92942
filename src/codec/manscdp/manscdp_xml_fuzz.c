/* codec/manscdp/manscdp_xml_fuzz.c - properties: tokens go forward, do not overlap and leave nothing but comments and their like; a value is
 * valid UTF-8 without control characters, at most three times as long, and read again from its escaped form it is the same; markup that is
 * called clean can stand in a document. */
#include "codec/manscdp/manscdp_testkit.h"
#include "codec/ws/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static char text[4 * KIT_BYTES], wire[8 * KIT_BYTES], again[4 * KIT_BYTES];

static void check_tokens(struct hf_slice body)
{
    struct hf_xml_token token;
    uint32_t tolerances = 0;
    struct hf_xml xml;
    const char *at = body.at;

    hf_xml_init(&xml, body, &tolerances);
    do {
        const char *before = xml.at;

        hf_xml_next(&xml, &token);
        HF_ASSERT(token.raw.at >= at && token.raw.at + token.raw.bytes <= body.at + body.bytes);
        HF_ASSERT(xml.at > before || token.type == HF_XML_END_OF_INPUT);
        if (token.type == HF_XML_START || token.type == HF_XML_END)
            HF_ASSERT(token.name.bytes > 0 && token.name.bytes <= HF_XML_NAME_BYTES_MAX);
        if (token.type == HF_XML_START) {
            struct hf_slice num = hf_xml_attribute(token.attributes, "Num");

            HF_ASSERT(num.at == NULL ||
                      (num.at >= token.raw.at && num.at + num.bytes <= token.raw.at + token.raw.bytes));
        }
        at = token.raw.at + token.raw.bytes;
    } while (token.type != HF_XML_END_OF_INPUT);
    HF_ASSERT(xml.at == xml.end && tolerances < 1u << HF_XML_TOLERANCES);
}

static void check_value(struct hf_slice body, enum hf_text_charset charset)
{
    uint32_t tolerances = 0, after = 0;
    size_t bytes, ignored;
    struct hf_slice value = hf_xml_text(&kit_conv, charset, body, text, sizeof(text), &bytes, &tolerances);
    struct hf_sb sb;

    HF_ASSERT(bytes <= 3 * body.bytes && !(tolerances & HF_XML_LONG));
    HF_ASSERT(hf_ws_utf8_valid(value.at, value.bytes));
    for (size_t i = 0; i < value.bytes; i++)
        HF_ASSERT((uint8_t)value.at[i] >= 0x20 || strchr("\t\r\n", value.at[i]) != NULL);
    hf_sb_init(&sb, wire, sizeof(wire));
    hf_text_escape(&kit_conv, charset, value, &sb);
    HF_ASSERT(!sb.overflow && hf_xml_references_known(hf_sb_done(&sb)));
    struct hf_slice back =
        hf_xml_text(&kit_conv, charset, hf_sb_done(&sb), again, sizeof(again), &ignored, &after);

    HF_ASSERT(hf_slice_eq(value, back) && (after & ~(uint32_t)HF_XML_SPACE) == 0);
}

static void check_clean(struct hf_slice body)
{
    struct hf_slice inner;
    struct hf_xml_token token;
    uint32_t tolerances = 0;
    struct hf_sb sb;
    struct hf_xml xml;

    if (!hf_xml_is_clean(body, 2))
        return;
    hf_sb_init(&sb, wire, sizeof(wire));
    hf_sb_text(&sb, "<r><!---->");
    hf_sb_slice(&sb, body);
    hf_sb_text(&sb, "</r>");
    hf_xml_init(&xml, hf_sb_done(&sb), &tolerances);
    hf_xml_next(&xml, &token);
    HF_ASSERT(hf_xml_inner(&xml, token.name, 1, &inner) == HF_OK && inner.bytes == body.bytes + 7);
    HF_ASSERT(xml.at == xml.end && tolerances == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    if (data_bytes < 1 || data_bytes > KIT_BYTES / 4)
        return 0;
    kit_open();
    struct hf_slice body = kit_exact((struct hf_slice){(const char *)data + 1, data_bytes - 1}), raw;
    uint32_t tolerances = 0;
    struct hf_xml xml;

    check_tokens(body);
    check_value(body, data[0] & 1 ? HF_TEXT_UTF8 : HF_TEXT_GB18030);
    check_clean(body);
    (void)hf_xml_is_complete(body);
    hf_xml_init(&xml, body, &tolerances);
    hf_xml_leaf(&xml, HF_SLICE("a"), &raw);
    HF_ASSERT(raw.at >= body.at && raw.at + raw.bytes <= xml.at);
    return 0;
}
