/* codec/jwt/jwt.c - one token, checked in the order that the header file promises. */
#include "codec/jwt/jwt.h"

#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "codec/json/array.h"
#include "codec/json/scan.h"

#define CHECK_ROW(id, check, text) [id] = check,
#define TEXT_ROW(id, check, text)  [id] = text,
static const char *const checks[HF_JWT_ERRORS] = {HF_JWT_ERROR_MAP(CHECK_ROW)};
static const char *const texts[HF_JWT_ERRORS] = {HF_JWT_ERROR_MAP(TEXT_ROW)};

enum { PAYLOAD_BYTES_MAX = HF_JWT_TOKEN_BYTES_MAX / 4 * 3 };
_Static_assert(HF_JWT_HEADER_BYTES_MAX + PAYLOAD_BYTES_MAX <= HF_JWT_SCRATCH_BYTES, "decoded parts must fit");

const char *hf_jwt_error_check(enum hf_jwt_error error)
{
    return (unsigned)error < HF_JWT_ERRORS ? checks[error] : "form";
}

const char *hf_jwt_error_text(enum hf_jwt_error error)
{
    return (unsigned)error < HF_JWT_ERRORS ? texts[error] : "unknown";
}

/* --- form --- */

struct parts {
    struct hf_slice header, payload, signature; /* base64url */
    struct hf_slice signed_text;                /* header.payload */
};

static bool cut(struct hf_slice token, struct parts *parts)
{
    const char *end = token.at + token.bytes;
    const char *first = token.bytes == 0 ? NULL : memchr(token.at, '.', token.bytes);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));

    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false; /* five parts would be an encrypted token */
    parts->header = (struct hf_slice){token.at, (size_t)(first - token.at)};
    parts->payload = (struct hf_slice){first + 1, (size_t)(second - first - 1)};
    parts->signature = (struct hf_slice){second + 1, (size_t)(end - second - 1)};
    parts->signed_text = (struct hf_slice){token.at, (size_t)(second - token.at)};
    return parts->header.bytes > 0 && parts->payload.bytes > 0 && parts->signature.bytes > 0;
}

/* --- header --- */

enum { HEADER_ALG, HEADER_KID, HEADER_TYP, HEADER_CRIT, HEADER_FIELDS };

struct header {
    struct hf_slice alg, kid; /* into scratch */
};

static bool is_token_type(struct hf_slice typ)
{
    return hf_slice_eq_nocase(typ, HF_SLICE("JWT")) || hf_slice_eq_nocase(typ, HF_SLICE("at+jwt")) ||
           hf_slice_eq_nocase(typ, HF_SLICE("application/at+jwt"));
}

static enum hf_jwt_error parse_header(struct hf_slice encoded, char *scratch, size_t scratch_bytes,
                                      struct header *header)
{
    struct hf_json_field fields[HEADER_FIELDS] = {HF_JSON_FIELD("alg"), HF_JSON_FIELD("kid"),
                                                  HF_JSON_FIELD("typ"), HF_JSON_FIELD("crit")};
    char typ_text[32], *room = scratch + HF_JWT_HEADER_BYTES_MAX;
    struct hf_slice typ;
    size_t bytes = 0, room_bytes = scratch_bytes - HF_JWT_HEADER_BYTES_MAX;
    hf_err err = hf_base64url_decode(encoded, scratch, HF_JWT_HEADER_BYTES_MAX, &bytes);

    if (err != HF_OK)
        return err == HF_ERR_LIMIT ? HF_JWT_TOO_LARGE : HF_JWT_MALFORMED;
    if (hf_json_type_of((struct hf_slice){scratch, bytes}) != HF_JSON_OBJECT)
        return HF_JWT_MALFORMED;
    if (hf_json_scan(scratch, bytes, fields, HEADER_FIELDS, 0) != HF_OK) /* also a duplicate member */
        return HF_JWT_MALFORMED;
    if (fields[HEADER_CRIT].found) /* we understand no extension (RFC 7515 4.1.11) */
        return HF_JWT_HEADER;
    if (fields[HEADER_TYP].found &&
        (hf_json_to_text(&fields[HEADER_TYP], typ_text, sizeof(typ_text), &typ) != HF_OK ||
         !is_token_type(typ)))
        return HF_JWT_HEADER;
    if (hf_json_to_text(&fields[HEADER_ALG], room, room_bytes / 2, &header->alg) != HF_OK)
        return HF_JWT_HEADER;
    header->kid = (struct hf_slice){"", 0};
    if (fields[HEADER_KID].found &&
        hf_json_to_text(&fields[HEADER_KID], room + room_bytes / 2, room_bytes / 2, &header->kid) != HF_OK)
        return HF_JWT_HEADER;
    return HF_JWT_OK;
}

hf_err hf_jwt_peek_kid(struct hf_slice token, char *scratch, size_t scratch_bytes, struct hf_slice *ret_kid)
{
    struct parts parts;
    struct header header;

    HF_ASSERT(scratch_bytes >= HF_JWT_SCRATCH_BYTES);
    if (token.bytes > HF_JWT_TOKEN_BYTES_MAX || !cut(token, &parts) ||
        parse_header(parts.header, scratch, scratch_bytes, &header) != HF_JWT_OK)
        return HF_ERR_MALFORMED;
    *ret_kid = header.kid;
    return HF_OK;
}

/* --- claims --- */

enum {
    CLAIM_ISS,
    CLAIM_SUB,
    CLAIM_AUD,
    CLAIM_EXP,
    CLAIM_NBF,
    CLAIM_IAT,
    CLAIM_JTI,
    CLAIM_TENANT,
    CLAIM_DEVICE,
    CLAIM_SCOPES,
    CLAIM_SCOPE,
    CLAIM_FIELDS
};

struct room { /* where unescaped texts go */
    char *at;
    size_t bytes;
};

/* Absent stays absent. False: not a string, or no room. */
static bool take_text(const struct hf_json_field *field, struct room *room, struct hf_slice *ret_text)
{
    *ret_text = (struct hf_slice){NULL, 0};
    if (!field->found)
        return true;
    if (hf_json_to_text(field, room->at, room->bytes, ret_text) != HF_OK)
        return false;
    if (ret_text->at == room->at) {
        room->at += ret_text->bytes;
        room->bytes -= ret_text->bytes;
    }
    return true;
}

/* NumericDate (RFC 7519 2) may have a fraction, which we cut. */
static bool take_seconds(const struct hf_json_field *field, uint64_t *ret_seconds)
{
    double value = 0;

    *ret_seconds = 0;
    if (!field->found)
        return true;
    if (hf_json_to_u64(field, ret_seconds) == HF_OK)
        return *ret_seconds > 0 && *ret_seconds <= 1ULL << 53;
    if (hf_json_to_double(field, &value) != HF_OK || value < 1 || value > (double)(1ULL << 53))
        return false;
    *ret_seconds = (uint64_t)value;
    return true;
}

static bool add_scope(struct hf_jwt_claims *claims, struct hf_slice scope)
{
    if (claims->scope_count == HF_JWT_SCOPES_MAX)
        return false;
    claims->scopes[claims->scope_count++] = scope;
    return true;
}

static bool take_scopes(const struct hf_json_field *field, struct room *room, struct hf_jwt_claims *claims)
{
    struct hf_json_field element;
    struct hf_slice rest = field->raw, text;

    if (!field->found)
        return true;
    if (field->type == HF_JSON_ARRAY) {
        while (hf_json_array_next(&rest, &element))
            if (!take_text(&element, room, &text) || text.bytes == 0 || !add_scope(claims, text))
                return false;
        return true;
    }
    if (!take_text(field, room, &text))
        return false;
    for (size_t at = 0; at < text.bytes;) { /* RFC 8693 4.2: a list with spaces */
        size_t start = at;

        while (at < text.bytes && text.at[at] != ' ')
            at++;
        if (at > start && !add_scope(claims, (struct hf_slice){text.at + start, at - start}))
            return false;
        at++;
    }
    return true;
}

/* The audience is a text or an array of them (RFC 7519 4.1.3). */
static bool audience_holds(const struct hf_json_field *field, struct hf_slice wanted, struct room room)
{
    struct hf_json_field element = *field;
    struct hf_slice rest = field->raw, text;

    if (field->type != HF_JSON_ARRAY)
        return take_text(&element, &room, &text) && text.at != NULL && hf_slice_eq(text, wanted);
    while (hf_json_array_next(&rest, &element)) {
        struct room again = room; /* each may use all of it: none is kept */

        if (take_text(&element, &again, &text) && hf_slice_eq(text, wanted))
            return true;
    }
    return false;
}

/* Ids go into logs, keys and file-like paths: visible ASCII without quotes, slashes and the like. */
static bool id_is_fine(struct hf_slice id, size_t bytes_max)
{
    if (id.bytes == 0 || id.bytes > bytes_max)
        return false;
    for (size_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];

        if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '/' || c == '\'')
            return false;
    }
    return true;
}

static enum hf_jwt_error parse_claims(struct hf_slice payload, struct room room,
                                      const struct hf_jwt_policy *policy, struct hf_jwt_claims *claims)
{
    struct hf_json_field fields[CLAIM_FIELDS] = {
        HF_JSON_FIELD("iss"),    HF_JSON_FIELD("sub"),    HF_JSON_FIELD("aud"),  HF_JSON_FIELD("exp"),
        HF_JSON_FIELD("nbf"),    HF_JSON_FIELD("iat"),    HF_JSON_FIELD("jti"),  HF_JSON_FIELD("tenant"),
        HF_JSON_FIELD("device"), HF_JSON_FIELD("scopes"), HF_JSON_FIELD("scope")};
    struct hf_slice device;

    if (hf_json_type_of(payload) != HF_JSON_OBJECT)
        return HF_JWT_MALFORMED;
    if (hf_json_scan(payload.at, payload.bytes, fields, CLAIM_FIELDS, 0) != HF_OK)
        return HF_JWT_CLAIMS;
    if (!take_text(&fields[CLAIM_ISS], &room, &claims->issuer) ||
        !take_text(&fields[CLAIM_SUB], &room, &claims->subject) ||
        !take_text(&fields[CLAIM_JTI], &room, &claims->id) ||
        !take_text(&fields[CLAIM_TENANT], &room, &claims->tenant) ||
        !take_text(&fields[CLAIM_DEVICE], &room, &device) ||
        !take_seconds(&fields[CLAIM_EXP], &claims->expires_s) ||
        !take_seconds(&fields[CLAIM_NBF], &claims->not_before_s) ||
        !take_seconds(&fields[CLAIM_IAT], &claims->issued_s) ||
        (fields[CLAIM_SCOPES].found && fields[CLAIM_SCOPE].found) || /* which one would count? */
        !take_scopes(&fields[CLAIM_SCOPES], &room, claims) ||
        !take_scopes(&fields[CLAIM_SCOPE], &room, claims))
        return HF_JWT_CLAIMS;
    claims->device = device.at != NULL ? device : claims->subject;
    if ((claims->tenant.at != NULL && !id_is_fine(claims->tenant, HF_JWT_TENANT_BYTES_MAX)) ||
        (device.at != NULL && !id_is_fine(device, HF_JWT_DEVICE_BYTES_MAX)))
        return HF_JWT_CLAIMS;
    /* A subject of an application token can be an address or a number; it just is no device then. */
    if (claims->device.at != NULL && !id_is_fine(claims->device, HF_JWT_DEVICE_BYTES_MAX))
        claims->device = (struct hf_slice){NULL, 0};
    if (policy->audience.at != NULL && !audience_holds(&fields[CLAIM_AUD], policy->audience, room))
        return HF_JWT_AUDIENCE;
    return HF_JWT_OK;
}

static enum hf_jwt_error check_claims(const struct hf_jwt_key *key, const struct hf_jwt_policy *policy,
                                      uint64_t now_utc_s, struct hf_jwt_claims *claims)
{
    struct hf_slice bound = hf_jwt_key_tenant(key);
    uint64_t leeway_s = HF_MIN(policy->leeway_s, (uint32_t)HF_JWT_LEEWAY_S_MAX);
    uint64_t from_s = claims->issued_s != 0 ? claims->issued_s : now_utc_s;

    if (claims->expires_s == 0)
        return HF_JWT_NO_EXPIRY;
    if (now_utc_s >= claims->expires_s + leeway_s)
        return HF_JWT_EXPIRED;
    if (claims->not_before_s > now_utc_s + leeway_s)
        return HF_JWT_NOT_YET_VALID;
    if (claims->issued_s > now_utc_s + leeway_s)
        return HF_JWT_ISSUED_IN_FUTURE;
    if (policy->life_s_max != 0 && claims->expires_s > from_s &&
        claims->expires_s - from_s > policy->life_s_max)
        return HF_JWT_TOO_LONG_LIVED;
    if (policy->issuer.at != NULL &&
        (claims->issuer.at == NULL || !hf_slice_eq(claims->issuer, policy->issuer)))
        return HF_JWT_ISSUER;
    if (bound.at != NULL) {
        if (claims->tenant.at != NULL && !hf_slice_eq(claims->tenant, bound))
            return HF_JWT_TENANT;
        claims->tenant = bound;
    }
    if (claims->tenant.at == NULL)
        return HF_JWT_TENANT;
    if (policy->device_required && claims->device.at == NULL)
        return HF_JWT_DEVICE;
    return HF_JWT_OK;
}

enum hf_jwt_error hf_jwt_verify(const struct hf_jwt_keys *keys, const struct hf_jwt_policy *policy,
                                struct hf_slice token, uint64_t now_utc_s, char *scratch,
                                size_t scratch_bytes, struct hf_jwt_claims *ret_claims)
{
    uint8_t signature[HF_JWT_SIGNATURE_BYTES_MAX];
    size_t signature_bytes = 0, payload_bytes = 0;
    const struct hf_jwt_key *key = NULL;
    struct parts parts;
    struct header header;
    enum hf_jwt_error error = HF_JWT_OK;

    HF_ASSERT(scratch_bytes >= HF_JWT_SCRATCH_BYTES);
    if (token.bytes > HF_JWT_TOKEN_BYTES_MAX)
        return HF_JWT_TOO_LARGE;
    if (!cut(token, &parts))
        return HF_JWT_MALFORMED;
    error = parse_header(parts.header, scratch, scratch_bytes, &header);
    if (error != HF_JWT_OK)
        return error;
    key = hf_jwt_keys_find(keys, header.kid);
    if (key == NULL)
        return HF_JWT_KEY_UNKNOWN;
    if (!hf_slice_is(header.alg, hf_jwt_alg_name(hf_jwt_key_alg(key))))
        return HF_JWT_ALGORITHM; /* "none" ends here as well: no key has it */
    if (hf_base64url_decode(parts.signature, signature, sizeof(signature), &signature_bytes) != HF_OK)
        return HF_JWT_MALFORMED;
    if (!hf_jwt_key_verify(key, parts.signed_text, signature, signature_bytes))
        return HF_JWT_SIGNATURE;

    /* The header's text is not needed any more. */
    if (hf_base64url_decode(parts.payload, scratch, PAYLOAD_BYTES_MAX, &payload_bytes) != HF_OK)
        return HF_JWT_MALFORMED;
    *ret_claims = (struct hf_jwt_claims){.key_id = hf_jwt_key_id(key), .alg = hf_jwt_key_alg(key)};
    error = parse_claims((struct hf_slice){scratch, payload_bytes},
                         (struct room){scratch + payload_bytes, scratch_bytes - payload_bytes}, policy,
                         ret_claims);
    return error != HF_JWT_OK ? error : check_claims(key, policy, now_utc_s, ret_claims);
}

bool hf_jwt_has_scope(const struct hf_jwt_claims *claims, struct hf_slice scope)
{
    for (size_t i = 0; i < claims->scope_count; i++)
        if (hf_slice_eq(claims->scopes[i], scope))
            return true;
    return false;
}
