/* codec/jwt/sign.c - makes tokens, for `holdfast gen token`, tests and our own clients. */
#include "base/assert.h"
#include "base/base64.h"
#include "base/sb.h"
#include "codec/json/out.h"
#include "codec/jwt/jwt.h"

enum { PAYLOAD_BYTES_MAX = HF_JWT_TOKEN_BYTES_MAX / 4 * 3 };

static void add_text(struct hf_json_out *json, const char *name, struct hf_slice text)
{
    if (text.at != NULL)
        hf_json_out_text(json, name, text);
}

static void add_seconds(struct hf_json_out *json, const char *name, uint64_t seconds)
{
    if (seconds != 0)
        hf_json_out_u64(json, name, seconds);
}

static void write_header(struct hf_sb *sb, const struct hf_jwt_key *key)
{
    struct hf_json_out json;

    hf_json_out_init(&json, sb);
    hf_json_out_object(&json, NULL);
    hf_json_out_cstr(&json, "alg", hf_jwt_alg_name(hf_jwt_key_alg(key)));
    hf_json_out_cstr(&json, "typ", "JWT");
    if (hf_jwt_key_id(key).bytes > 0)
        hf_json_out_text(&json, "kid", hf_jwt_key_id(key));
    hf_json_out_end(&json);
}

static void write_claims(struct hf_sb *sb, const struct hf_jwt_claims *claims, struct hf_slice audience)
{
    struct hf_json_out json;

    hf_json_out_init(&json, sb);
    hf_json_out_object(&json, NULL);
    add_text(&json, "iss", claims->issuer);
    add_text(&json, "sub", claims->subject);
    add_text(&json, "aud", audience);
    add_text(&json, "jti", claims->id);
    add_text(&json, "tenant", claims->tenant);
    add_text(&json, "device", claims->device);
    add_seconds(&json, "iat", claims->issued_s);
    add_seconds(&json, "nbf", claims->not_before_s);
    add_seconds(&json, "exp", claims->expires_s);
    if (claims->scope_count > 0) {
        hf_json_out_array(&json, "scopes");
        for (size_t i = 0; i < claims->scope_count; i++)
            hf_json_out_text(&json, NULL, claims->scopes[i]);
        hf_json_out_end(&json);
    }
    hf_json_out_end(&json);
}

/* Appends base64url of `text` at *at. */
static hf_err append(struct hf_slice text, char *out, size_t out_bytes, size_t *at)
{
    size_t bytes = 0;
    hf_err err = hf_base64url_encode(text.at, text.bytes, out + *at, out_bytes - *at, &bytes);

    *at += err == HF_OK ? bytes : 0;
    return err;
}

hf_err hf_jwt_sign(const struct hf_jwt_keys *keys, struct hf_slice kid, const struct hf_jwt_claims *claims,
                   struct hf_slice audience, char *out, size_t out_bytes, size_t *ret_bytes)
{
    const struct hf_jwt_key *key = hf_jwt_keys_find(keys, kid);
    char header[HF_JWT_HEADER_BYTES_MAX + 1], payload[PAYLOAD_BYTES_MAX + 1];
    uint8_t signature[64];
    size_t at = 0, signature_bytes = 0;
    struct hf_sb header_sb, payload_sb;
    hf_err err = HF_OK;

    if (key == NULL)
        return HF_ERR_NOT_FOUND;
    HF_ASSERT(claims->scope_count <= HF_JWT_SCOPES_MAX);
    hf_sb_init(&header_sb, header, sizeof(header));
    hf_sb_init(&payload_sb, payload, sizeof(payload));
    write_header(&header_sb, key);
    write_claims(&payload_sb, claims, audience);
    if (header_sb.overflow || payload_sb.overflow)
        return HF_ERR_LIMIT;
    err = append(hf_sb_done(&header_sb), out, out_bytes, &at);
    if (err == HF_OK && at == out_bytes)
        err = HF_ERR_LIMIT;
    if (err != HF_OK)
        return err;
    out[at++] = '.';
    err = append(hf_sb_done(&payload_sb), out, out_bytes, &at);
    if (err == HF_OK)
        err = hf_jwt_key_sign(key, (struct hf_slice){out, at}, signature, &signature_bytes);
    if (err == HF_OK && at == out_bytes)
        err = HF_ERR_LIMIT;
    if (err != HF_OK)
        return err;
    out[at++] = '.';
    err = append((struct hf_slice){(const char *)signature, signature_bytes}, out, out_bytes, &at);
    if (err == HF_OK && (at >= out_bytes || at > HF_JWT_TOKEN_BYTES_MAX))
        err = HF_ERR_LIMIT;
    if (err != HF_OK)
        return err;
    out[at] = '\0';
    *ret_bytes = at;
    return HF_OK;
}
