/* adapter/api/console.c - the files of the console, what its pages must know before anybody is logged in, and the exchange of a login code for a key. */
#include "adapter/api/console.h"

#include "adapter/api/request.h"

/* Nothing from elsewhere, nothing inline, in nobody's frame. Pictures of cameras are played from memory: blob. */
#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' " \
    "blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "  \
    "'none'; require-trusted-types-for 'script'; trusted-types 'none'"

static const struct hf_console_file *find(const struct hf_console *console, struct hf_slice name)
{
    for (size_t i = 0; i < console->file_count; i++)
        if (hf_slice_is(name, console->files[i].name))
            return &console->files[i];
    return NULL;
}

/* "gzip", also as "gzip;q=0.5", but not as "gzip;q=0" (RFC 9110 12.5.3). */
static bool takes_gzip(const struct hf_http1_request *head)
{
    struct hf_slice list = hf_http1_header(head, "Accept-Encoding"), item;

    while (hf_http1_list_next(&list, &item)) {
        const char *semicolon = item.bytes ? memchr(item.at, ';', item.bytes) : NULL;
        size_t bytes = semicolon ? (size_t)(semicolon - item.at) : item.bytes;
        struct hf_slice rest = {item.at + bytes, item.bytes - bytes};

        if (!hf_slice_eq_nocase(hf_slice_trim((struct hf_slice){item.at, bytes}), HF_SLICE("gzip")))
            continue;
        bool none = rest.bytes > 0; /* ";q=0", ";q=0.0": nothing but zeros behind the = */
        for (size_t i = 0; i < rest.bytes; i++)
            none = none && (rest.at[i] < '1' || rest.at[i] > '9');
        return !none;
    }
    return false;
}

static bool has_it(const struct hf_api_request *request, const char *etag)
{
    struct hf_slice list = request->if_none_match, item;

    while (hf_http1_list_next(&list, &item))
        if (hf_slice_is(item, "*") || hf_slice_is(item, etag))
            return true;
    return false;
}

static void answer_file(struct hf_api_request *request, struct hf_slice name)
{
    const struct hf_console_file *file = find(&request->api->console, name);
    char etag[64];
    struct hf_sb sb;

    if (file == NULL) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    "the console has no such file");
        return;
    }
    bool gzip = takes_gzip(request->head);
    hf_sb_init(&sb, etag, sizeof(etag));
    hf_sb_printf(&sb, "\"%s%s\"", file->etag, gzip ? "-gz" : "");
    /* no-cache: kept, but asked for each time, so that a new gateway never meets old pages. An answer is a 304 of a few bytes then. */
    struct hf_http1_header headers[] = {
        {HF_SLICE("ETag"), hf_sb_done(&sb)},
        {HF_SLICE("Cache-Control"), HF_SLICE("no-cache")},
        {HF_SLICE("Vary"), HF_SLICE("Accept-Encoding")},
        {HF_SLICE("X-Content-Type-Options"), HF_SLICE("nosniff")},
        {HF_SLICE("Referrer-Policy"), HF_SLICE("no-referrer")},
        {HF_SLICE("Content-Security-Policy"), HF_SLICE(POLICY)},
        {HF_SLICE("Content-Encoding"), HF_SLICE("gzip")},
    };
    struct hf_http_answer answer = {.status = 200,
                                    .content_type = file->content_type,
                                    .headers = headers,
                                    .header_count = HF_COUNT_OF(headers) - !gzip,
                                    .cacheable = true};
    if (has_it(request, etag)) {
        answer.status = 304;
        answer.content_type = NULL;
    } else {
        answer.body = gzip ? (struct hf_slice){(const char *)file->gzip, file->gzip_bytes}
                           : (struct hf_slice){(const char *)file->plain, file->plain_bytes};
    }
    hf_http_answer(request->exchange, &answer);
}

void hf_api_console_file(struct hf_api_request *request)
{
    answer_file(request, hf_api_argument(request, 0));
}

/* Both /console and /console/ come here; addresses in the pages are relative to the folder. */
void hf_api_console_folder(struct hf_api_request *request)
{
    static const struct hf_http1_header location[] = {{HF_SLICE("Location"), HF_SLICE("/console/")}};
    struct hf_slice path = request->head->path;

    if (path.at[path.bytes - 1] == '/')
        answer_file(request, HF_SLICE("index.html"));
    else
        hf_http_answer(request->exchange,
                       &(struct hf_http_answer){.status = 308, .headers = location, .header_count = 1});
}

static void write_settings(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_bool(out, "read_only", request->api->console.mode != HF_CONSOLE_ON);
    hf_json_out_cstr(out, "version", HF_VERSION);
    hf_json_out_end(out);
}

void hf_api_console_settings(struct hf_api_request *request)
{
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_settings, NULL);
}

static void write_key(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    (void)request;
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "key", context);
    hf_json_out_end(out);
}

void hf_api_console_login(struct hf_api_request *request)
{
    struct hf_json_field field = HF_JSON_FIELD("code");
    struct hf_backend *backend = request->api->backend;
    char storage[HF_CONSOLE_CODE_CHARS + 1], key[HF_API_KEY_TEXT_BYTES_MAX];
    struct hf_slice code = {NULL, 0};

    if (!hf_api_want_json(request) || !hf_api_json(request, &field, 1) ||
        !hf_api_member_text(request, &field, HF_CONSOLE_CODE_CHARS, storage, sizeof(storage), &code))
        return;
    if (code.at == NULL) {
        (void)hf_api_bad(request, "code", "code must be the login code that the gateway printed");
        return;
    }
    /* Wrong, used, too late and never given look the same. */
    if (backend->ops->login == NULL || !backend->ops->login(backend, code, key)) {
        request->api->stats.unauthorized++;
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_CREDENTIALS_INVALID, .check = "code"},
                    "this login code is not valid (any more): each is good once, and for a few minutes; log "
                    "in with an API key");
        return;
    }
    struct hf_slice id = {NULL, 0};
    if (hf_api_key_parse(hf_slice_of(key), &id) == HF_OK) { /* whoever has the code is this key from now on */
        memcpy(request->key_id, id.at, id.bytes);
        request->from_console = true;
    }
    hf_api_audit_request(request, "console.login", "with", HF_SLICE("code"));
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_key, key);
    explicit_bzero(key, sizeof(key));
}
