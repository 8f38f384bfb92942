#include "core/document/json_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"

enum { NUMBER_BYTES = 32 };

static const double plain_below = 1e15; /* whole numbers that 15 digits can say */
static const double whole_below = 1e17;

/* \u0000 in a checked text: an escape that is not itself behind a backslash. */
static bool has_zero(struct hf_slice text)
{
    for (size_t i = 0; i + 1 < text.bytes; i++) {
        if (text.at[i] != '\\')
            continue;
        if (text.at[i + 1] == 'u' && text.bytes - i >= 6 && memcmp(text.at + i + 2, "0000", 4) == 0)
            return true;
        i++;
    }
    return false;
}

/* Is it the double next to a decimal number of at most 15 digits, so many of them behind the point as scale has zeros? Both sides of the division are exact, so it is rounded as the decimal
 * would be. Most numbers end here, and are not printed and read for it. */
static bool is_short(double value, double scale)
{
    double whole = rint(value * scale);

    return fabs(whole) < plain_below && whole / scale == value;
}

/* The shortest text that reads back as this number; false: cJSON prints and compares it so by itself. Whole numbers are not spelled with an exponent while a double can tell them apart. */
static bool own_text(double value, char text[NUMBER_BYTES])
{
    int digits = 15;

    if (is_short(value, 1) || is_short(value, 1e6) || is_short(value, 1e9))
        return false;
    if (value == trunc(value) && fabs(value) < whole_below) {
        (void)snprintf(text, NUMBER_BYTES, "%.0f", value);
        return true;
    }
    do
        (void)snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
    while (strtod(text, NULL) != value && digits++ < 17);
    return digits > 15;
}

static hf_err keep_number(cJSON *item)
{
    char text[NUMBER_BYTES];

    if (!isfinite(item->valuedouble))
        return HF_ERR_INVALID;
    if (!own_text(item->valuedouble, text))
        return HF_OK;
    char *kept = cJSON_malloc(strlen(text) + 1);
    if (kept == NULL)
        return HF_ERR_NOMEM;
    item->valuestring = strcpy(kept, text);
    item->type = (item->type & ~0xff) | cJSON_Raw;
    return HF_OK;
}

static hf_err keep_numbers(cJSON *item) /* as deep as its text, which is bounded */
{
    hf_err err = cJSON_IsNumber(item) ? keep_number(item) : HF_OK;

    for (cJSON *child = item->child; child != NULL && err == HF_OK; child = child->next)
        err = keep_numbers(child);
    return err;
}

static hf_err parse(struct hf_slice text, cJSON **ret_tree)
{
    cJSON *tree = cJSON_ParseWithLength(text.at, text.bytes);
    hf_err err = tree != NULL ? keep_numbers(tree) : HF_ERR_NOMEM;

    if (err != HF_OK) {
        cJSON_Delete(tree);
        tree = NULL;
    }
    *ret_tree = tree;
    return err;
}

bool hf_json_tree_is_narrow(const cJSON *tree) /* as deep as its text, which is bounded */
{
    unsigned count = 0;

    for (const cJSON *child = tree->child; child != NULL; child = child->next, count++)
        if (!hf_json_tree_is_narrow(child))
            return false;
    return !cJSON_IsObject(tree) || count <= HF_JSON_MEMBERS_MAX;
}

hf_err hf_json_tree(struct hf_slice text, unsigned depth_max, cJSON **ret_tree)
{
    hf_err err = hf_json_scan(text.at, text.bytes, NULL, 0, depth_max);

    *ret_tree = NULL;
    if (err != HF_OK)
        return err == HF_ERR_LIMIT ? HF_ERR_LIMIT : HF_ERR_INVALID;
    err = has_zero(text) ? HF_ERR_INVALID : parse(text, ret_tree);
    if (err == HF_OK && !hf_json_tree_is_narrow(*ret_tree)) {
        cJSON_Delete(*ret_tree);
        *ret_tree = NULL;
        return HF_ERR_LIMIT;
    }
    return err;
}

cJSON *hf_json_tree_again(const char *text, size_t bytes)
{
    cJSON *tree;

    (void)parse((struct hf_slice){text, bytes}, &tree);
    return tree;
}

enum hf_reason hf_json_reason(hf_err err)
{
    return err == HF_OK             ? HF_REASON_NONE
           : err == HF_ERR_CONFLICT ? HF_REASON_VERSION_CONFLICT
           : err == HF_ERR_LIMIT    ? HF_REASON_MESSAGE_TOO_BIG
           : err == HF_ERR_NOMEM    ? HF_REASON_MEMORY_LIMIT
                                    : HF_REASON_BAD_REQUEST;
}
