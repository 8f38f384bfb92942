/* codec/ws/token.c - see token.h. */
#include "codec/ws/token.h"

#include <string.h>

#include "codec/http1/head.h"

bool hf_ws_is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool hf_ws_is_token(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!hf_ws_is_token_char(text.at[i]))
            return false;
    return text.bytes > 0;
}

bool hf_ws_list_holds(struct hf_slice list, const char *token)
{
    struct hf_slice item;

    while (hf_http1_list_next(&list, &item))
        if (hf_slice_eq_nocase(item, hf_slice_of(token)))
            return true;
    return false;
}
