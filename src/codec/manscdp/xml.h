/* codec/manscdp/xml.h - cuts the XML of GB/T 28181 bodies into tokens, on bytes, whatever the device did to it. Pure: allocates nothing;
 * slices point into the body. No DTD is read and no entity is known but the five of XML and numbers; what XML forbids is read in the way
 * that costs least, and each such reading has a name and a bit, so that a caller can count it.
 * Cost: each function goes over its bytes once or, to find whether something is ever closed, HF_XML_DEPTH_MAX times at most.
 * Source: XML 1.0 (fifth edition) 2 and 3; the tolerances are what devices of the field send. */
#ifndef HF_CODEC_MANSCDP_XML_H
#define HF_CODEC_MANSCDP_XML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/manscdp/text.h"

enum {
    HF_XML_DEPTH_MAX = 16,        /* elements inside each other */
    HF_XML_NAME_BYTES_MAX = 64,   /* what is longer is no tag but text */
    HF_XML_TAG_BYTES_MAX = 1024,  /* with its attributes; the same for a DOCTYPE and an instruction */
    HF_XML_LEAF_BYTES_MAX = 4096, /* how far the end of a broken value is searched */
};

/* name of the bit, name for people and metrics, what was read */
#define HF_XML_TOLERANCE_MAP(X)                                                      \
    X(BOM, "byte_order_mark")             /* EF BB BF in front */                    \
    X(DECLARATION, "no_declaration")      /* no <?xml ...?> */                       \
    X(CHARSET, "wrong_charset")           /* declares one and holds another */       \
    X(TRAILING, "trailing_nul")           /* NULs behind the end */                  \
    X(BEFORE, "bytes_before")             /* something before the root */            \
    X(AFTER, "bytes_after")               /* something behind it */                  \
    X(CASE, "name_case")                  /* <cmdtype> */                            \
    X(ATTRIBUTE, "attribute_for_element") /* CmdType or SN in the root's tag */      \
    X(SPACE, "space_around_value")        /* <SN> 1 </SN> */                         \
    X(CDATA, "cdata")                     /* <![CDATA[ ]]> */                        \
    X(CDATA_OPEN, "cdata_open")           /* never closed: ends with the value */    \
    X(CDATA_END, "cdata_end_in_text")     /* ]]> in text: stays text */              \
    X(AMPERSAND, "bare_ampersand")        /* & that begins nothing: stays text */    \
    X(ENTITY, "unknown_entity")           /* &name; stays text */                    \
    X(LESS, "stray_less_than")            /* < that begins no tag: stays text */     \
    X(MARKUP, "markup_in_value")          /* tags inside a value: stay text */       \
    X(OPEN, "element_open")               /* not closed: ends before what follows */ \
    X(CLOSED, "element_closed_twice")     /* an end without a beginning: skipped */  \
    X(TAG, "tag_without_end")             /* </Name without its > */                 \
    X(CUT, "body_cut")                    /* ends inside an element */               \
    X(DTD, "dtd_skipped")                 /* <!DOCTYPE ...> */                       \
    X(CHARACTER, "bad_character")         /* bytes that are none: U+FFFD */          \
    X(LONG, "value_cut")                  /* above its limit: the beginning stays */ \
    X(VALUE, "bad_value")                 /* not the number or word it should be */  \
    X(TWICE, "element_twice")             /* the first counts */                     \
    X(ALIAS, "alias")                     /* a name that other software uses */      \
    X(EXTRAS, "extras_lost")              /* more unknown elements than are kept */  \
    X(SALVAGED, "salvaged")               /* no root: found piece by piece */
#define HF_XML_TOLERANCE_INDEX(id, name) HF_XML_INDEX_##id,
enum { HF_XML_TOLERANCE_MAP(HF_XML_TOLERANCE_INDEX) HF_XML_TOLERANCES };
#undef HF_XML_TOLERANCE_INDEX
#define HF_XML_TOLERANCE_BIT(id, name) HF_XML_##id = 1u << HF_XML_INDEX_##id,
enum { HF_XML_TOLERANCE_MAP(HF_XML_TOLERANCE_BIT) };
#undef HF_XML_TOLERANCE_BIT

const char *hf_xml_tolerance_name(unsigned index); /* 0..HF_XML_TOLERANCES-1; NULL above */

enum hf_xml_type { HF_XML_END_OF_INPUT, HF_XML_START, HF_XML_END, HF_XML_TEXT };

struct hf_xml_token {
    enum hf_xml_type type;
    bool closed;                /* START: <name/>, no END follows */
    struct hf_slice name;       /* START, END */
    struct hf_slice attributes; /* START: what stands behind the name; see hf_xml_attribute */
    struct hf_slice raw;        /* the token with its brackets; TEXT: with its CDATA brackets and stray `<`;
                                   END_OF_INPUT: empty, where the input ends or the tag that it cuts begins */
};

struct hf_xml {
    const char *at, *end;
    uint32_t *tolerances;   /* borrowed; bits are added */
    bool no_comment_closes; /* searched once, not again: no --> is left */
    bool dtd_skipped;       /* one DOCTYPE is; what looks like a second is text */
};

void hf_xml_init(struct hf_xml *xml, struct hf_slice text, uint32_t *tolerances);

/* The next token; comments, instructions and DOCTYPE are skipped. Takes at least one byte unless it answers END_OF_INPUT. A tag that the
 * end of the text cuts is dropped. Tokens need not balance. */
void hf_xml_next(struct hf_xml *xml, struct hf_xml_token *ret_token);

/* Behind a START that is not closed: takes everything up to the matching END and gives what stands between. `depth` counts the elements
 * around this one, itself included. HF_ERR_NOT_FOUND: never closed, and xml stays where it was. HF_ERR_LIMIT: nested deeper than
 * HF_XML_DEPTH_MAX. */
hf_err hf_xml_inner(struct hf_xml *xml, struct hf_slice name, unsigned depth, struct hf_slice *ret_inner);

/* The same for an element that holds a value only. Markup inside is text when the END still comes on the same line and within
 * HF_XML_LEAF_BYTES_MAX; otherwise the value ends before the markup or with its line. Always gives a value. */
void hf_xml_leaf(struct hf_xml *xml, struct hf_slice name, struct hf_slice *ret_raw);

/* The value of an attribute, its quotes taken off; absent when there is none. Names without regard to case. */
struct hf_slice hf_xml_attribute(struct hf_slice attributes, const char *name);

/* A raw value as text: entities and CDATA resolved, characters decoded, white space taken off at both ends. A plain one is given as it
 * stands in raw; another is written to out (HF_TEXT_CUT when it does not fit), *ret_out_bytes of it. */
struct hf_slice hf_xml_text(const struct hf_text_conv *conv, enum hf_text_charset charset,
                            struct hf_slice raw, char *out, size_t out_bytes_max, size_t *ret_out_bytes,
                            uint32_t *tolerances);

/* White space of XML and NULs at both ends. */
struct hf_slice hf_xml_trim(struct hf_slice text);

/* True when the body begins with an element and ends with the END of that name: tells, for a message whose length is in doubt, whether
 * it is whole. Looks at both ends only. */
bool hf_xml_is_complete(struct hf_slice body);

/* True when each & of text begins a reference that XML knows. */
bool hf_xml_references_known(struct hf_slice text);

/* True when all of text is elements and characters that balance, without one tolerance: may be copied into a document of ours. */
bool hf_xml_is_clean(struct hf_slice text, unsigned depth);

#endif
