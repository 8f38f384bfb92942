/* codec/manscdp/manscdp.h - bodies of GB/T 28181 (MANSCDP) to structs and back, both editions, both directions: what a device sends, what a
 * platform sends, and what a platform sends to the one above it. What stands where is said once, in fields.h.
 *
 * Reading never fails because of a device's bad habits: each is tolerated under a name (xml.h) that can be counted. A value that cannot be
 * read, and every element that no row knows, is kept as an extra. Reading allocates nothing: slices point into the body or, when their
 * characters had to be converted, into the caller's scratch; both must outlive the message. Texts are UTF-8.
 * Lists are handed out one item at a time (hf_cdp_list_next), so a catalogue of 10,000 costs no more memory than one of 1.
 * Source: GB/T 28181-2016 annex A, GB/T 28181-2022 annex A. */
#ifndef HF_CODEC_MANSCDP_MANSCDP_H
#define HF_CODEC_MANSCDP_MANSCDP_H

#include "codec/manscdp/fields.h"
#include "codec/manscdp/xml.h"

enum {
    HF_CDP_TEXT_BYTES_MAX = 4096, /* of one value as it came; the rest is cut off: HF_XML_LONG */
    HF_CDP_EXTRAS_MAX = 16,       /* kept of a message, and of an item; more: HF_XML_EXTRAS */
    HF_CDP_ITEMS_MAX = 10000,     /* of one list in one message (2022: records per message) */
    HF_CDP_SCRATCH_BYTES =
        32768, /* enough for a message, and for an item, of usual size; less costs HF_XML_LONG */
    HF_CDP_BLOCKS_DEPTH_MAX = 4, /* blocks inside each other in fields.h */
};

struct hf_cdp_int {
    int64_t value;
    bool set;
};

struct hf_cdp_real {
    double value; /* finite */
    bool set;
};

#define HF_CDP_INT(number)  ((struct hf_cdp_int){(number), true})
#define HF_CDP_REAL(number) ((struct hf_cdp_real){(number), true})

/* The items of a list. The parser sets raw and num; who writes sets items and count. */
struct hf_cdp_list {
    struct hf_slice raw;   /* what stands between the list's tags; absent: there is no list */
    struct hf_cdp_int num; /* its Num, as the peer claims */
    const void *items;     /* borrowed: an array of the item's struct */
    size_t count;
    const char *item;     /* parser: the element of an item */
    uint8_t struct_index; /* parser: its struct, private to manscdp */
};

/* An element without a row. */
struct hf_cdp_extra {
    struct hf_slice parent; /* the block it stands in; absent: the message or item itself */
    struct hf_slice name;
    struct hf_slice value;
    bool markup; /* value holds elements: it is their XML in UTF-8 */
};

#define HF_CDP_AS_TEXT(member, of)  struct hf_slice member;
#define HF_CDP_AS_INT(member, of)   struct hf_cdp_int member;
#define HF_CDP_AS_REAL(member, of)  struct hf_cdp_real member;
#define HF_CDP_AS_WORD(member, of)  uint8_t member;
#define HF_CDP_AS_BLOCK(member, of) struct hf_cdp_##of member;
#define HF_CDP_AS_LIST(member, of)  struct hf_cdp_list member;
#define HF_CDP_AS_ITEMS(member, of) struct hf_cdp_list member;
#define HF_CDP_AS_RAW(member, of)   struct hf_slice member;
#define HF_CDP_AS_RESULT(member, of)
#define HF_CDP_AS_DROP(member, of)
#define HF_CDP_MEMBER(S, kind, member, name, of, flags) HF_CDP_AS_##kind(member, of)
#define HF_CDP_STRUCT(name, NAME, item)      \
    struct hf_cdp_##name {                   \
        bool set; /* a block: it is there */ \
        HF_CDP_##NAME(HF_CDP_MEMBER, name)   \
    };
HF_CDP_STRUCT_MAP(HF_CDP_STRUCT)
#undef HF_CDP_STRUCT
#undef HF_CDP_MEMBER

/* enum hf_cdp_status_word { HF_CDP_STATUS_NONE, HF_CDP_STATUS_ON, ... }; 0 is none everywhere. */
#define HF_CDP_WORDS_OF(name, NAME) \
    enum hf_cdp_##name##_word{HF_CDP_##NAME##_NONE, HF_CDP_##NAME##_WORDS(HF_CDP_ID_##NAME)};
#define HF_CDP_ID_HEALTH(id, text) HF_CDP_HEALTH_##id,
#define HF_CDP_ID_SWITCH(id, text) HF_CDP_SWITCH_##id,
#define HF_CDP_ID_ONLINE(id, text) HF_CDP_ONLINE_##id,
#define HF_CDP_ID_STATUS(id, text) HF_CDP_STATUS_##id,
#define HF_CDP_ID_EVENT(id, text)  HF_CDP_EVENT_##id,
#define HF_CDP_ID_DUTY(id, text)   HF_CDP_DUTY_##id,
#define HF_CDP_ID_RECORD(id, text) HF_CDP_RECORD_##id,
#define HF_CDP_ID_CARD(id, text)   HF_CDP_CARD_##id,
#define HF_CDP_ID_BOOT(id, text)   HF_CDP_BOOT_##id,
#define HF_CDP_ID_TAPE(id, text)   HF_CDP_TAPE_##id,
#define HF_CDP_ID_GUARD(id, text)  HF_CDP_GUARD_##id,
#define HF_CDP_ID_CLEAR(id, text)  HF_CDP_CLEAR_##id,
#define HF_CDP_ID_SEND(id, text)   HF_CDP_SEND_##id,
#define HF_CDP_ID_TRACK(id, text)  HF_CDP_TRACK_##id,
HF_CDP_WORDS_MAP(HF_CDP_WORDS_OF)
#undef HF_CDP_WORDS_OF

#define HF_CDP_ROOT_ID(id, name) HF_CDP_ROOT_##id,
enum hf_cdp_root { HF_CDP_ROOT_MAP(HF_CDP_ROOT_ID) HF_CDP_ROOTS };
#undef HF_CDP_ROOT_ID
#define HF_CDP_COMMAND_ID(id, name) HF_CDP_CMD_##id,
enum hf_cdp_command { HF_CDP_COMMAND_MAP(HF_CDP_COMMAND_ID) HF_CDP_COMMANDS };
#undef HF_CDP_COMMAND_ID
enum hf_cdp_answer { HF_CDP_ANSWER_NONE, HF_CDP_ANSWER_ONE, HF_CDP_ANSWER_MANY, HF_CDP_ANSWER_CONTROL };
enum hf_cdp_edition { HF_CDP_2016 = 2016, HF_CDP_2022 = 2022 };

struct hf_cdp_message {
    enum hf_cdp_root root;
    enum hf_cdp_command command;
    struct hf_slice root_name;    /* parser: as they came, also when OTHER */
    struct hf_slice command_name; /* CmdType */
    struct hf_cdp_int sn;
    struct hf_slice device_id;
    uint8_t result; /* enum hf_cdp_health_word: OK for OK, SUCCESS and ON; ERROR for any other word */
    union {         /* by (root, command): HF_CDP_MESSAGE_MAP; hf_cdp_body gives the address */
        struct hf_cdp_keepalive keepalive;
        struct hf_cdp_catalog_query catalog_query;
        struct hf_cdp_catalog catalog;
        struct hf_cdp_device_info device_info;
        struct hf_cdp_device_status device_status;
        struct hf_cdp_record_query record_query;
        struct hf_cdp_records records;
        struct hf_cdp_config_query config_query;
        struct hf_cdp_config config;
        struct hf_cdp_presets presets;
        struct hf_cdp_home home;
        struct hf_cdp_cruise_tracks cruise_tracks;
        struct hf_cdp_cruise_track_query cruise_track_query;
        struct hf_cdp_cruise_track cruise_track;
        struct hf_cdp_ptz_position ptz_position;
        struct hf_cdp_sd_cards sd_cards;
        struct hf_cdp_alarm_query alarm_query;
        struct hf_cdp_position_query position_query;
        struct hf_cdp_alarm alarm;
        struct hf_cdp_media_status media_status;
        struct hf_cdp_position position;
        struct hf_cdp_broadcast broadcast;
        struct hf_cdp_snapshot_finished snapshot_finished;
        struct hf_cdp_upload_notify upload_notify;
        struct hf_cdp_upgrade_result upgrade_result;
        struct hf_cdp_control control;
        struct hf_cdp_plain plain;
    } as;
    struct hf_cdp_extra extras
        [HF_CDP_EXTRAS_MAX]; /* written, too, when they stand at the top, hold no markup and have no row */
    unsigned extra_count;
    uint32_t tolerances;             /* bits of xml.h */
    enum hf_text_charset charset;    /* that the texts were read in */
    const struct hf_text_conv *conv; /* borrowed; for the lists */
};

/* ---- reading ---- */

/* `charset` HF_TEXT_AUTO detects; anything else is the device's setting. The whole of scratch is used for the message's own texts;
 * lists take another (hf_cdp_list_begin).
 * HF_OK: read, perhaps with tolerances. An unknown root or CmdType is OTHER and read as struct hf_cdp_plain with its elements as extras.
 * HF_ERR_MALFORMED: no XML, or neither a CmdType nor a well-formed root: answer 400. HF_ERR_LIMIT: deeper than HF_XML_DEPTH_MAX. After an
 * error tolerances and charset are set nevertheless, all else means nothing. */
hf_err hf_cdp_parse(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice body,
                    char *scratch, size_t scratch_bytes, struct hf_cdp_message *ret_message);

struct hf_cdp_iter {
    const struct hf_cdp_message *message;
    const struct hf_cdp_list *list;
    struct hf_slice left; /* of list->raw */
    char *scratch;
    size_t scratch_bytes;
    size_t count;        /* items given */
    size_t skipped;      /* items without anything to read, or nested too deep */
    uint32_t tolerances; /* of all items so far */
    bool by_id;          /* no item elements: cut at each DeviceID */
    bool limited;        /* HF_ERR_LIMIT was answered */
    bool no_comment_closes;
    struct hf_cdp_extra extras[HF_CDP_EXTRAS_MAX]; /* of the current item */
    unsigned extra_count;
};

/* Goes over a list of a message that was parsed, or of one that is to be written. scratch holds the texts of one item. */
void hf_cdp_list_begin(struct hf_cdp_iter *iter, const struct hf_cdp_message *message,
                       const struct hf_cdp_list *list, char *scratch, size_t scratch_bytes);
/* The next item into *ret_item, whose type is the list's (fields.h); item_bytes is its sizeof and asserted. Its texts live until the next
 * call. HF_ERR_NOT_FOUND: no more. HF_ERR_LIMIT: HF_CDP_ITEMS_MAX were given and there are more; final. */
hf_err hf_cdp_list_next(struct hf_cdp_iter *iter, void *ret_item, size_t item_bytes);

/* ---- writing ---- */

struct hf_cdp_writer {
    const struct hf_text_conv *conv;
    enum hf_cdp_edition
        edition; /* of the peer: X-GB-Ver 3.0 and above = 2022, else 2016. An override is passed here. */
    enum hf_text_charset
        charset; /* HF_TEXT_AUTO: declares GB2312 to 2016 and GB18030 to 2022, and writes GB 18030 */
};

/* Appends the message, each line ended by CRLF. Rows that are not of the edition are left out. Lists are those of items and count: one
 * that was parsed is read item by item and written again.
 * HF_ERR_INVALID: no row of HF_CDP_MESSAGE_MAP, a missing SN, device id, member with HF_CDP_MUST or order, a word out of range, or RAW
 * markup that is not clean; *ret_element (may be NULL) names the element, of what is missing the member. HF_ERR_UNSUPPORTED: a query or an order of 2022 for a peer of
 * 2016. HF_ERR_LIMIT: does not fit into out. After an error what was appended is taken back. */
hf_err hf_cdp_build(const struct hf_cdp_writer *writer, const struct hf_cdp_message *message,
                    struct hf_sb *out, const char **ret_element);

/* The same for a message with one list of which a part may do: writes as many items of its first list, from the first on, as keep
 * the whole within bytes_max (and out), and at least one. *ret_count items are in it, and its Num says so; SumNum is the caller's.
 * HF_ERR_LIMIT: not even one fits. */
hf_err hf_cdp_build_part(const struct hf_cdp_writer *writer, const struct hf_cdp_message *message,
                         size_t bytes_max, struct hf_sb *out, size_t *ret_count, const char **ret_element);

/* ---- what is in the tables ---- */

/* Does the request or notify want an answer, and how many messages? HF_ANSWER_CONTROL is resolved by what is ordered. */
enum hf_cdp_answer hf_cdp_answer_of(const struct hf_cdp_message *message);
/* The edition that a peer must know to read it: 2022 for its queries and orders. */
enum hf_cdp_edition hf_cdp_edition_of(const struct hf_cdp_message *message);
/* DeviceControl: the element of what is ordered ("GuardCmd"), the first if several; NULL when nothing is. */
const char *hf_cdp_order_name(const struct hf_cdp_message *message);

const char *hf_cdp_root_name(enum hf_cdp_root root);          /* "Query"; NULL for OTHER */
const char *hf_cdp_command_name(enum hf_cdp_command command); /* "PresetQuery"; NULL for OTHER */
/* Without regard to case, other names included (PersetQuery); OTHER when unknown. */
enum hf_cdp_command hf_cdp_command_of(struct hf_slice name);

/* ---- times ---- */

/* YYYY-MM-DDThh:mm:ss as devices write it: also a space for T, fractions, Z, +08:00. A time without a zone is local time at
 * zone_minutes east of UTC (480 for Beijing). HF_ERR_INVALID: no such time, or before 1970. */
hf_err hf_cdp_time_parse(struct hf_slice text, int zone_minutes, uint64_t *ret_utc_ms);
enum { HF_CDP_TIME_BYTES = 20 }; /* with NUL; years 1970-9999, later ones show the end of 9999 */
void hf_cdp_time_format(uint64_t utc_ms, int zone_minutes, char ret_text[HF_CDP_TIME_BYTES]);

#endif
