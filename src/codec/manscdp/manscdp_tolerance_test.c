/* codec/manscdp/manscdp_tolerance_test.c - what devices do to XML: each tolerance by its name, and what is read nevertheless. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

#define ID    "34020000001310000001"
#define ITEM1 "<Item><DeviceID>34020000001310000001</DeviceID><Name>a</Name></Item>"
#define ITEM2 "<Item><DeviceID>34020000001310000002</DeviceID><Name>b</Name></Item>"
#define BEGIN                                                                                            \
    "<Response><CmdType>Catalog</CmdType><SN>7</SN><DeviceID>34020000001180000001</DeviceID><SumNum>2</" \
    "SumNum>"
#define LIST  "<DeviceList Num=\"2\">"
#define READ  "{command:Catalog,root:Response,sn:7,device_id:34020000001180000001,sum_num:2,devices:["
#define READ1 "{device_id:34020000001310000001,name:a}"
#define READ2 "{device_id:34020000001310000002,name:b}"
#define ALIVE \
    "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID><Status>OK</Status></Notify>"
#define IS_ALIVE "{command:Keepalive,root:Notify,sn:1,device_id:" ID ",status:OK}"
#define INFO     "<Response><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID>"
#define IS_INFO  "{command:DeviceInfo,root:Response,sn:1,device_id:" ID

struct row {
    const char *body;
    size_t bytes;
    const char *tolerances; /* of the message, then of the items of its list */
    const char *json;
};
#define ROW(body, tolerances, json)              \
    {                                            \
        body, sizeof(body) - 1, tolerances, json \
    }

static uint32_t seen; /* of all rows */

/* Of the items of the first list. */
static uint32_t item_tolerances(void)
{
    struct hf_cdp_iter iter;
    struct hf_cdp_catalog_item item;

    if (kit_message.command != HF_CDP_CMD_CATALOG || kit_message.root != HF_CDP_ROOT_RESPONSE)
        return 0;
    hf_cdp_list_begin(&iter, &kit_message, &kit_message.as.catalog.devices, kit_item_scratch,
                      sizeof(kit_item_scratch));
    while (hf_cdp_list_next(&iter, &item, sizeof(item)) == HF_OK)
        continue;
    return iter.tolerances;
}

static void check(const struct row *row)
{
    if (kit_parse((struct hf_slice){row->body, row->bytes}) != HF_OK)
        fail_msg("refused: %s", row->body);
    uint32_t tolerances = kit_message.tolerances | item_tolerances();

    seen |= tolerances;
    if (strcmp(kit_tolerances(tolerances), row->tolerances) != 0)
        fail_msg("'%s' instead of '%s': %s", kit_tolerances(tolerances), row->tolerances, row->body);
    assert_string_equal(kit_json(&kit_message), row->json);
}

static void around_the_root(void **state)
{
    static const struct row rows[] = {
        ROW(HEAD ALIVE, "", IS_ALIVE),
        ROW("\xef\xbb\xbf" HEAD_UTF ALIVE, "byte_order_mark", IS_ALIVE),
        ROW(ALIVE, "no_declaration", IS_ALIVE),
        ROW(HEAD ALIVE "\r\n  \r\n", "", IS_ALIVE),
        ROW(HEAD ALIVE "\0\0\0", "trailing_nul", IS_ALIVE),
        ROW(HEAD "garbage" ALIVE, "bytes_before", IS_ALIVE),
        ROW(HEAD "<a>" ALIVE, "bytes_before", IS_ALIVE),
        ROW(HEAD "</a>" ALIVE, "bytes_before", IS_ALIVE),
        ROW(HEAD ALIVE "garbage", "bytes_after", IS_ALIVE),
        ROW("<?xml version=\"1.0\" encoding=\"GB2312\" standalone=\"yes\"?>" ALIVE, "", IS_ALIVE),
        ROW(HEAD "<!-- a comment -->" ALIVE "<!-- > -->", "bytes_after", IS_ALIVE),
        ROW(HEAD "<!DOCTYPE Notify [<!ENTITY a \"b\"><!ELEMENT Notify (#PCDATA)>]>" ALIVE, "dtd_skipped",
            IS_ALIVE),
        ROW(HEAD "<!doctype html>" ALIVE, "dtd_skipped", IS_ALIVE),
        ROW(HEAD "<!DOCTYPE a>\r\n<!DOCTYPE b>" ALIVE, "bytes_before dtd_skipped", IS_ALIVE),
        ROW(HEAD "<!DOCTYPE <?x " ALIVE, "bytes_before dtd_skipped", IS_ALIVE),
        ROW(HEAD "<notify><cmdtype>keepalive</cmdtype><Sn>1</Sn><deviceid>" ID
                 "</deviceid><STATUS>ok</STATUS></notify>",
            "name_case", IS_ALIVE),
        ROW(HEAD "<Notify CmdType=\"Keepalive\" SN='1' DeviceID=" ID "><Status>OK</Status></Notify>",
            "attribute_for_element", IS_ALIVE),
        ROW(HEAD "<Notify CmdType = \"Keepalive\"  SN =1 DeviceID='" ID "'><Status>OK</Status></Notify>",
            "attribute_for_element", IS_ALIVE),
        ROW(HEAD "<Notify CmdType=\"Keepalive\" SN=\" 1 \" x><Status>OK</Status><DeviceID>" ID
                 "</DeviceID></Notify>",
            "attribute_for_element", IS_ALIVE),
        ROW(HEAD "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID
                 "</DeviceID><Status>OK</Status>",
            "body_cut", IS_ALIVE),
        ROW(HEAD "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID><Status>OK</Sta",
            "body_cut", IS_ALIVE),
        ROW(HEAD "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID><Status>OK",
            "body_cut", IS_ALIVE),
        ROW(HEAD "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID
                 "</DeviceID><Status>OK</Status></Notify",
            "tag_without_end", IS_ALIVE),
        ROW("SN>1</SN><CmdType>Keepalive</CmdType><DeviceID>" ID "</DeviceID><Status>OK</Status></Notify>",
            "no_declaration element_closed_twice salvaged",
            "{command:Keepalive,root:Notify,device_id:" ID ",status:OK}"),
        ROW("<CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID><Status>OK</Status>",
            "no_declaration salvaged", IS_ALIVE),
        ROW("<CmdType>Nothing</CmdType><SN>1</SN>", "no_declaration salvaged",
            "{command:Nothing,root:,sn:1}"),
        ROW(HEAD "<Response><CmdType>PersetQuery</CmdType><SN>1</SN><DeviceID>" ID "</DeviceID></Response>",
            "alias", "{command:PresetQuery,root:Response,sn:1,device_id:" ID "}"),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void inside_values(void **state)
{
    static const struct row rows[] = {
        ROW(HEAD INFO "<Model> M 1\r\n</Model></Response>", "space_around_value", IS_INFO ",model:M 1}"),
        ROW(HEAD INFO "<Model><![CDATA[a<b>&amp;]]></Model></Response>", "cdata",
            IS_INFO ",model:a<b>&amp;}"),
        ROW(HEAD INFO "<Model>x<![CDATA[ y ]]>z&lt;</Model></Response>", "cdata", IS_INFO ",model:x y z<}"),
        ROW(HEAD INFO "<Model><![CDATA[abc", "cdata cdata_open body_cut", IS_INFO ",model:abc}"),
        ROW(HEAD INFO "<Model>a]]>b</Model></Response>", "cdata_end_in_text", IS_INFO ",model:a]]>b}"),
        ROW(HEAD INFO "<Model>a&b & c&&amp;</Model></Response>", "bare_ampersand",
            IS_INFO ",model:a&b & c&&}"),
        ROW(HEAD INFO "<Model>&nbsp;&#x;&#12a;&lt</Model></Response>", "bare_ampersand unknown_entity",
            IS_INFO ",model:&nbsp;&#x;&#12a;&lt}"),
        ROW(HEAD INFO "<Model>&lt;&GT;&quot;&apos;&#65;&#x4e2d;&#233;&#128512;</Model></Response>", "",
            IS_INFO ",model:<>\\'A中é\xf0\x9f\x98\x80}"),
        ROW(HEAD INFO "<Model>a&#0;b&#xd800;c&#x110000;d&#1;</Model></Response>", "bad_character",
            IS_INFO ",model:a\xef\xbf\xbd"
                    "b\xef\xbf\xbd"
                    "c\xef\xbf\xbd"
                    "d\xef\xbf\xbd}"),
        ROW(HEAD INFO "<Model>1<2 <> < 3 <!x </></Model></Response>", "stray_less_than",
            IS_INFO ",model:1<2 <> < 3 <!x </>}"),
        ROW(HEAD INFO "<Model>a<b</Model></Response>", "stray_less_than", IS_INFO ",model:a<b}"),
        ROW(HEAD INFO "<Model>a<b c=\"</Model></Response>", "stray_less_than", IS_INFO ",model:a<b c=\\}"),
        ROW(HEAD INFO "<Model>a<b>c</b>d</Model></Response>", "markup_in_value",
            IS_INFO ",model:a<b>c</b>d}"),
        ROW(HEAD INFO "<Model>a</b>c</Model></Response>", "markup_in_value", IS_INFO ",model:a</b>c}"),
        ROW(HEAD INFO "<Model>a<!-- not this -->b<!-- nor --></Model></Response>", "", IS_INFO ",model:ab}"),
        ROW(HEAD INFO "<Model>a<!-- b</Model></Response>", "stray_less_than", IS_INFO ",model:a<!-- b}"),
        ROW(HEAD INFO "<Model>a<?php b?>c</Model><Firmware>1</Firmware></Response>", "",
            IS_INFO ",model:a<?php b?>c,firmware:1}"),
        ROW(HEAD INFO "<Model>abc\n<Firmware>1</Firmware>\n</Response>", "element_open",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>\n abc\nrest\n<Firmware>1</Firmware>\n</Response>", "element_open",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>abc<Firmware>1</Firmware></Response>", "element_open",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>abc<Model>d</Model></Response>", "element_open element_twice",
            IS_INFO ",model:abc}"),
        ROW(HEAD INFO "<Model>abc</Response>", "body_cut", IS_INFO ",model:abc}"),
        ROW(HEAD INFO "<Model>abc</Model></Model><Firmware>1</Firmware></Response>", "element_closed_twice",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>abc</Model\r\n<Firmware>1</Firmware></Response>", "tag_without_end",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>abc</Model ><Firmware>1</Firmware></Response>", "",
            IS_INFO ",model:abc,firmware:1}"),
        ROW(HEAD INFO "<Model>abc</Model><Model>d</Model></Response>", "element_twice",
            IS_INFO ",model:abc}"),
        ROW(HEAD INFO "<Channel>16.0</Channel></Response>", "bad_value", IS_INFO ",channel:16}"),
        ROW(HEAD INFO "<Channel>+16</Channel></Response>", "", IS_INFO ",channel:16}"),
        ROW(HEAD INFO "<Channel>many</Channel></Response>", "bad_value",
            IS_INFO ",extra:[{name:Channel,value:many}]}"),
        ROW(HEAD INFO "<Channel>1234567890123456789</Channel></Response>", "bad_value",
            IS_INFO ",extra:[{name:Channel,value:1234567890123456789}]}"),
        ROW(HEAD INFO "<Channel>1x</Channel></Response>", "bad_value",
            IS_INFO ",extra:[{name:Channel,value:1x}]}"),
        ROW(HEAD INFO "<Model>a</model></Response>", "name_case", IS_INFO ",model:a}"),
        ROW(HEAD INFO "<Vendor>a<B>1</B></vendor></Response>", "name_case",
            IS_INFO ",extra:[{name:Vendor,value:a<B>1</B>,markup:true}]}"),
        ROW(HEAD INFO "<Model>a&#xE9;&#xEg;</Model></Response>", "unknown_entity",
            IS_INFO ",model:aé&#xEg;}"),
        ROW(HEAD INFO "<SN>2</SN><DeviceID>2</DeviceID></Response>", "element_twice", IS_INFO "}"),
        ROW(HEAD INFO "<AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>x</"
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA></Response>",
            "",
            IS_INFO
            ",extra:[{name:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,value:x}]}"),
        ROW(HEAD INFO
            "<AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>x<Model>m</Model></Response>",
            "stray_less_than", IS_INFO ",model:m}"),
        ROW(HEAD INFO "<Channel></Channel><Model/></Response>", "", IS_INFO "}"),
        ROW(HEAD INFO "<Result>NO</Result></Response>", "bad_value",
            "{command:DeviceInfo,root:Response,sn:1,device_id:" ID
            ",result:ERROR,extra:[{name:Result,value:NO}]}"),
        ROW(HEAD INFO "<Result>Error</Result></Response>", "",
            "{command:DeviceInfo,root:Response,sn:1,device_id:" ID ",result:ERROR}"),
        ROW(HEAD INFO "<Result>SUCCESS</Result></Response>", "",
            "{command:DeviceInfo,root:Response,sn:1,device_id:" ID ",result:OK}"),
        ROW("<Notify><CmdType>Keepalive</CmdType><SN>x</SN><DeviceID>" ID
            "</DeviceID><Status>ON</Status></Notify>",
            "no_declaration bad_value", "{command:Keepalive,root:Notify,device_id:" ID ",status:OK}"),
        ROW(HEAD INFO "<Vendor><Deep>1</Vendor><Model>m</Model></Response>", "element_open",
            IS_INFO ",model:m,extra:[{name:Vendor,value:<Deep>1,markup:true}]}"),
        ROW(HEAD INFO "<Vendor>v<Model>m</Model></Response>", "element_open",
            IS_INFO ",model:m,extra:[{name:Vendor,value:v}]}"),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
}

/* Bytes as devices send them: GB2312 whatever is declared, and names cut in the middle of a character. */
static void characters(void **state)
{
    static const struct row rows[] = {
        ROW(HEAD INFO "<DeviceName>\xb4\xf3\xc3\xc5</DeviceName></Response>", "",
            IS_INFO ",device_name:大门}"),
        ROW(HEAD_UTF INFO "<DeviceName>\xb4\xf3\xc3\xc5</DeviceName></Response>", "wrong_charset",
            IS_INFO ",device_name:大门}"),
        ROW(HEAD INFO "<DeviceName>\xe5\xa4\xa7\xe9\x97\xa8</DeviceName></Response>", "wrong_charset",
            IS_INFO ",device_name:大门}"),
        ROW(HEAD INFO "<DeviceName>\xb4\xf3\xc3</DeviceName><Model>m</Model></Response>", "bad_character",
            IS_INFO ",device_name:大\xef\xbf\xbd,model:m}"),
        ROW(HEAD INFO "<DeviceName>\xb4\xf3\xb5\x5d</DeviceName></Response>", "",
            IS_INFO ",device_name:大礭}"), /* ends in ] */
        ROW(HEAD INFO "<DeviceName><![CDATA[\xb4\xf3\xb5\x5d]]></DeviceName></Response>", "cdata",
            IS_INFO ",device_name:大礭}"),
        ROW(HEAD INFO "<DeviceName><![CDATA[\xb4\xf3\xc3]]></DeviceName><Model>m</Model></Response>",
            "cdata bad_character", IS_INFO ",device_name:大\xef\xbf\xbd,model:m}"),
        ROW(HEAD INFO "<DeviceName>\xb4\xf3&\xc3\xc5</DeviceName></Response>", "bare_ampersand",
            IS_INFO ",device_name:大&门}"),
        ROW(HEAD INFO "<DeviceName>\xff\x00\x01<\x80&</DeviceName><Model>m</Model></Response>",
            "bare_ampersand stray_less_than bad_character",
            IS_INFO ",device_name:\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd<\xef\xbf\xbd&,model:m}"),
        ROW(HEAD INFO "<\xb4\xf3>x</\xb4\xf3><Model>m</Model></Response>", "stray_less_than",
            IS_INFO ",model:m}"),
        ROW(HEAD INFO "<Vendor><N>\xb4\xf3\xc3</N></Vendor></Response>", "bad_character",
            IS_INFO ",extra:[{name:Vendor,value:<N>大\xef\xbf\xbd</N>,markup:true}]}"),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
    kit_open(); /* a device's setting goes before what the bytes look like */
    assert_int_equal(hf_cdp_parse(&kit_conv, HF_TEXT_GB18030,
                                  HF_SLICE(HEAD INFO "<Model>\xe5\xa4\xa7\xe9\x97\xa8</Model></Response>"),
                                  kit_scratch, sizeof(kit_scratch), &kit_message),
                     HF_OK);
    assert_string_equal(kit_json(&kit_message), IS_INFO ",model:澶ч棬}");
}

static void lists(void **state)
{
    static const struct row rows[] = {
        ROW(HEAD BEGIN LIST ITEM1 ITEM2 "</DeviceList></Response>", "", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN "<DeviceList Num=\"0\"></DeviceList></Response>", "", READ "]}"),
        ROW(HEAD BEGIN "<DeviceList/></Response>", "", READ "]}"),
        ROW(HEAD BEGIN LIST "<Item><DeviceID>34020000001310000001</DeviceID><Name>a</Name>" ITEM2
                            "</DeviceList></Response>",
            "element_open", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST ITEM1
            "<Item><DeviceID>34020000001310000002</DeviceID><Name>b</Name></DeviceList></Response>",
            "element_open", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST ITEM1 "</Item>" ITEM2 "</DeviceList></Response>", "element_closed_twice",
            READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST ITEM1 ITEM2 "</Response>", "element_open", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST ITEM1 "<Item><DeviceID>34020000001310000002</DeviceID><Na",
            "element_open body_cut", READ READ1 ",{device_id:34020000001310000002}]}"),
        ROW(HEAD BEGIN ITEM1 ITEM2 "</Response>", "salvaged", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST "<DeviceID>34020000001310000001</DeviceID><Name>a</"
                            "Name><DeviceID>34020000001310000002</DeviceID><Name>b</Name>"
                            "</Item></DeviceList></Response>",
            "element_closed_twice salvaged", READ READ1 "," READ2 "]}"),
        ROW(HEAD BEGIN LIST "<Item/><Item></Item>" ITEM1 "</DeviceList></Response>", "", READ READ1 "]}"),
        ROW(HEAD BEGIN LIST "<Item><Name>a</Name></Item></DeviceList></Response>", "", READ "{name:a}]}"),
        ROW(HEAD BEGIN LIST
            "<Item><DeviceID>34020000001310000001</DeviceID><Name>\xb4</Name></Item></DeviceList></Response>",
            "bad_character", READ "{device_id:34020000001310000001,name:\xef\xbf\xbd}]}"),
        ROW(HEAD BEGIN LIST
            "<Item><DeviceID>1</DeviceID><Name>x\xb4</Name>\n<Address>\xb1<<\x81\"&</Addr\n<Status>off</"
            "Status>"
            "<Longitude></Longitude><Latitude>0x1</Latitude><Port>http</Port></Item></DeviceList></Response>",
            "bare_ampersand stray_less_than element_open element_closed_twice tag_without_end bad_character "
            "bad_value",
            READ "{device_id:1,name:x\xef\xbf\xbd,address:\xef\xbf\xbd<<\xef\xbf\xbd\\&,status:OFF,extra:[{"
                 "name:Latitude,value:0x1},"
                 "{name:Port,value:http}]}]}"),
        ROW(HEAD BEGIN LIST
            "<Item><DeviceID>1</DeviceID><Info><PTZType>1</PTZType></Item></DeviceList></Response>",
            "element_open", READ "{device_id:1,info:{ptz_type:1},extra:[{name:PTZType,value:1}]}]}"),
        ROW("Item>" ITEM1 "<Item>x</Item>" ITEM2 "</DeviceList></Response><CmdType>Catalog</CmdType>",
            "no_declaration salvaged", "{command:Catalog,root:Response,devices:[" READ1 "," READ2 "]}"),
        ROW(HEAD "<Response><CmdType>Catalog</CmdType>" LIST ITEM1 "</DeviceList>" LIST ITEM2
                 "</DeviceList><SN>7</SN></Response>",
            "element_twice", "{command:Catalog,root:Response,sn:7,devices:[" READ1 "]}"),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        check(&rows[i]);
    assert_int_equal(kit_message.as.catalog.devices.num.value, 2);
}

/* Nothing to be made of them. */
static void unreadable_bodies_are_refused(void **state)
{
    static const struct {
        const char *body;
        hf_err err;
    } rows[] = {
        {"", HF_ERR_MALFORMED},
        {"  \r\n", HF_ERR_MALFORMED},
        {"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\n", HF_ERR_MALFORMED},
        {HEAD, HF_ERR_MALFORMED},
        {HEAD "<Notify>", HF_ERR_MALFORMED},
        {HEAD "<Notify><SN>1</SN>", HF_ERR_MALFORMED},
        {HEAD "<a><b></b>", HF_ERR_MALFORMED},
        {HEAD "<a></a><b/>", HF_ERR_MALFORMED},
        {HEAD INFO "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></"
                   "a></a></a></a></a></Response>",
         HF_OK}, /* 16 deep */
        {HEAD INFO "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></"
                   "a></a></a></a></a></a></a>"
                   "</Response>",
         HF_ERR_LIMIT},
        {HEAD INFO "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", HF_ERR_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (kit_parse(hf_slice_of(rows[i].body)) != rows[i].err)
            fail_msg("row %zu", i);
}

static void values_and_scratch_are_bounded(void **state)
{
    static char body[3 * HF_CDP_TEXT_BYTES_MAX];
    struct hf_sb sb;
    char scratch[8];

    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD INFO "<Model>");
        for (unsigned i = 0; i < HF_CDP_TEXT_BYTES_MAX; i += 2)
            hf_sb_text(&sb, wide ? "\xb4\xf3" : "ab");
        size_t bytes = sb.bytes;

        hf_sb_text(&sb, "</Model></Response>");
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(kit_message.tolerances, 0);
        assert_int_equal(kit_message.as.device_info.model.bytes, HF_CDP_TEXT_BYTES_MAX * (wide ? 3 : 2) / 2);
        sb.bytes = bytes;
        hf_sb_text(&sb, "c</Model></Response>");
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(kit_message.tolerances, HF_XML_LONG);
        assert_int_equal(kit_message.as.device_info.model.bytes, HF_CDP_TEXT_BYTES_MAX * (wide ? 3 : 2) / 2);
        seen |= kit_message.tolerances;
    }
    for (unsigned more = 0; more < 2; more++) { /* the same for markup */
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD INFO "<Vendor>");
        size_t from = sb.bytes;

        hf_sb_text(&sb, "<a>");
        while (sb.bytes - from < HF_CDP_TEXT_BYTES_MAX - 4 + more)
            hf_sb_char(&sb, 'x');
        hf_sb_text(&sb, "</a></Vendor></Response>");
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(kit_message.tolerances, more ? HF_XML_LONG : 0);
        assert_int_equal(kit_message.extras[0].value.bytes, HF_CDP_TEXT_BYTES_MAX);
    }
    /* A scratch that is full costs texts, not the message. */
    assert_int_equal(
        hf_cdp_parse(
            &kit_conv, HF_TEXT_AUTO,
            HF_SLICE(HEAD INFO
                     "<DeviceName>\xb4\xf3\xc3\xc5\xb4\xf3</DeviceName><Model>plain</Model><Vendor><a>"
                     "\xb4\xf3</a></Vendor></Response>"),
            scratch, sizeof(scratch), &kit_message),
        HF_OK);
    assert_int_equal(kit_message.tolerances, HF_XML_LONG);
    assert_string_equal(kit_json(&kit_message),
                        IS_INFO ",device_name:大门,model:plain,extra:[{name:Vendor,value:<a,markup:true}]}");
    /* A tag of more than its bytes is text, one of just as many is none. */
    for (unsigned more = 0; more < 2; more++) {
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD INFO);
        size_t from = sb.bytes;

        hf_sb_text(&sb, "<Model");
        while (sb.bytes - from < HF_XML_TAG_BYTES_MAX - 1 + more)
            hf_sb_char(&sb, ' ');
        hf_sb_text(&sb, ">m</Model></Response>");
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(kit_message.as.device_info.model.bytes, more ? 0 : 1);
    }
    assert_int_equal(hf_xml_is_clean(HF_SLICE("<a></a>"), HF_XML_DEPTH_MAX), true);
    assert_int_equal(hf_xml_is_clean(HF_SLICE("<a></a>"), HF_XML_DEPTH_MAX + 1), false);
    /* A long broken value does not search the whole body for its end. */
    hf_sb_init(&sb, body, sizeof(body));
    hf_sb_text(&sb, HEAD INFO "<Model>x<b>");
    for (unsigned i = 0; i < HF_XML_LEAF_BYTES_MAX; i++)
        hf_sb_char(&sb, 'y');
    hf_sb_text(&sb, "</b></Model><Firmware>1</Firmware></Response>");
    assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
    assert_true(hf_slice_is(kit_message.as.device_info.model, "x"));
    assert_true(hf_slice_is(kit_message.as.device_info.firmware, "1"));
}

/* Runs last: a tolerance without a row here would be one that nobody has seen work. */
static void every_tolerance_was_seen(void **state)
{
    (void)state;
    seen |= HF_XML_EXTRAS; /* manscdp_parse_test */
    assert_string_equal(kit_tolerances(~seen & ((1u << HF_XML_TOLERANCES) - 1)), "");
    assert_null(hf_xml_tolerance_name(HF_XML_TOLERANCES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(around_the_root),
        cmocka_unit_test(inside_values),
        cmocka_unit_test(characters),
        cmocka_unit_test(lists),
        cmocka_unit_test(unreadable_bodies_are_refused),
        cmocka_unit_test(values_and_scratch_are_bounded),
        cmocka_unit_test(every_tolerance_was_seen),
    };

    kit_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    kit_exact((struct hf_slice){NULL, 0});
    kit_close();
    return failed;
}
