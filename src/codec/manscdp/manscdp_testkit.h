/* codec/manscdp/manscdp_testkit.h - for tests and fuzz targets of manscdp: characters, parsing, and a body as one line of JSON. */
#ifndef HF_CODEC_MANSCDP_TESTKIT_H
#define HF_CODEC_MANSCDP_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/manscdp/json.h"
#include "codec/manscdp/layout.h"

#define HEAD     "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n"
#define HEAD_GB  "<?xml version=\"1.0\" encoding=\"GB18030\"?>\r\n"
#define HEAD_UTF "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"

enum { KIT_BYTES = 262144 };

static struct hf_text_conv kit_conv;
static char kit_scratch[HF_CDP_SCRATCH_BYTES], kit_item_scratch[HF_CDP_SCRATCH_BYTES], kit_text[KIT_BYTES];
static struct hf_cdp_message kit_message;

static inline void kit_open(void)
{
    if (kit_conv.to_utf8 == NULL)
        kit_conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    HF_ASSERT(kit_conv.to_utf8 != (iconv_t)-1 && kit_conv.from_utf8 != (iconv_t)-1);
}

static inline void kit_close(void)
{
    iconv_close(kit_conv.to_utf8);
    iconv_close(kit_conv.from_utf8);
    kit_conv = (struct hf_text_conv){NULL, NULL};
}

/* UTF-8 as GB 18030, into the next of four buffers. */
static inline struct hf_slice gb(const char *text)
{
    static char storage[4][8192];
    static unsigned next;
    char *in = (char *)(uintptr_t)text, *out = storage[next++ % 4], *from = out;
    size_t in_bytes = strlen(text), room = sizeof(storage[0]);

    kit_open();
    HF_ASSERT(iconv(kit_conv.from_utf8, &in, &in_bytes, &out, &room) == 0);
    return (struct hf_slice){from, (size_t)(out - from)};
}

/* A copy without a byte to spare, so that a sanitizer sees a read beyond it; freed with the next. */
static inline struct hf_slice kit_exact(struct hf_slice body)
{
    static char *copy;

    free(copy);
    copy = malloc(body.bytes + (body.bytes == 0));
    if (body.bytes > 0)
        memcpy(copy, body.at, body.bytes);
    return (struct hf_slice){copy, body.bytes};
}

static inline hf_err kit_parse(struct hf_slice body)
{
    kit_open();
    return hf_cdp_parse(&kit_conv, HF_TEXT_AUTO, kit_exact(body), kit_scratch, sizeof(kit_scratch),
                        &kit_message);
}

/* The message as JSON without the quotes of names and texts, which a test can do without. */
static inline const char *kit_json(const struct hf_cdp_message *message)
{
    static char storage[KIT_BYTES];
    struct hf_json_out out;
    struct hf_sb sb;
    size_t to = 0;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(message, kit_item_scratch, sizeof(kit_item_scratch), &out);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out));
    for (size_t i = 0; i < sb.bytes; i++)
        if (storage[i] != '"')
            kit_text[to++] = storage[i];
    kit_text[to] = '\0';
    return kit_text;
}

/* "cdata bare_ampersand" */
static inline const char *kit_tolerances(uint32_t bits)
{
    static char storage[1024];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    for (unsigned i = 0; i < HF_XML_TOLERANCES; i++)
        if (bits >> i & 1) {
            hf_sb_text(&sb, sb.bytes > 0 ? " " : "");
            hf_sb_text(&sb, hf_xml_tolerance_name(i));
        }
    return storage;
}

#endif
