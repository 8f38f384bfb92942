/* app/jwks_fetch.c - one GET: no redirect, no cookie, no compression, no more than a key set may be large, no longer than HF_JWKS_FETCH_MS. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/jwks_internal.h"
#include "base/assert.h"

static bool is_loopback(const char *host)
{
    struct in_addr v4;

    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static const char *judge_parts(const char *scheme, const char *host, const char *user)
{
    if (user != NULL)
        return "a user in a URL would be in the log; key sets are public";
    if (strcmp(scheme, "https") == 0)
        return NULL;
    if (strcmp(scheme, "http") != 0)
        return "not an https URL";
    return is_loopback(host)
               ? NULL
               : "http is for loopback only: whoever answers says whose tokens are good; use https";
}

const char *hf_jwks_url_wrong(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    const char *wrong = "not a URL; https://idp.example.com/jwks.json is one";

    if (parts == NULL)
        return "out of memory";
    /* Without CURLU_GUESS_SCHEME, so that it names its scheme. */
    if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        (void)curl_url_get(parts, CURLUPART_USER, &user, 0);
        wrong = judge_parts(scheme, host, user);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return wrong;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct hf_jwks_source *source = user;
    size_t bytes = size * count;

    if (bytes > HF_JWT_JWKS_BYTES_MAX - source->body_bytes) {
        source->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    memcpy(source->body + source->body_bytes, data, bytes);
    source->body_bytes += bytes;
    return bytes;
}

static CURLcode set_options(CURL *curl, struct hf_jwks_source *source)
{
    bool plain = strncmp(source->url, "http:", 5) == 0;
    CURLcode code = CURLE_OK;

    /* Without its check a server that is not verified could be asked: none of these may fail unseen. */
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_URL, source->url);
    SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_TIMEOUT_MS, (long)HF_JWKS_FETCH_MS);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a stop does not wait for a name server */
    SET(CURLOPT_ERRORBUFFER, source->curl_error);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, source);
    SET(CURLOPT_PRIVATE, source);
    SET(CURLOPT_USERAGENT, "holdfast");
    if (plain)
        SET(CURLOPT_NOPROXY, "*"); /* loopback is here */
    if (source->ca_file != NULL) {
        SET(CURLOPT_CAINFO, source->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return code;
}

hf_err hf_jwks_fetch_begin(CURLM *multi, struct hf_jwks_source *source)
{
    HF_ASSERT(source->curl == NULL);
    source->curl_error[0] = '\0';
    source->body_bytes = 0;
    source->too_large = false;
    source->body = malloc(HF_JWT_JWKS_BYTES_MAX);
    CURL *curl = source->body != NULL ? curl_easy_init() : NULL;
    if (curl == NULL || set_options(curl, source) != CURLE_OK ||
        curl_multi_add_handle(multi, curl) != CURLM_OK) {
        curl_easy_cleanup(curl);
        free(source->body);
        source->body = NULL;
        return HF_ERR_NOMEM;
    }
    source->curl = curl;
    return HF_OK;
}

bool hf_jwks_fetch_judge(struct hf_jwks_source *source, CURLcode code, char cause[HF_JWKS_CAUSE_BYTES])
{
    long status = 0;

    cause[0] = '\0';
    if (source->curl != NULL)
        (void)curl_easy_getinfo(source->curl, CURLINFO_RESPONSE_CODE, &status);
    if (source->too_large)
        snprintf(cause, HF_JWKS_CAUSE_BYTES, "the answer is larger than %d bytes", HF_JWT_JWKS_BYTES_MAX);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(cause, HF_JWKS_CAUSE_BYTES, "no whole answer within %d ms", HF_JWKS_FETCH_MS);
    else if (code != CURLE_OK)
        snprintf(cause, HF_JWKS_CAUSE_BYTES, "%s",
                 source->curl != NULL && source->curl_error[0] != '\0' ? source->curl_error
                                                                       : curl_easy_strerror(code));
    else if (status / 100 == 3)
        snprintf(cause, HF_JWKS_CAUSE_BYTES,
                 "the server answers %ld; redirects are not followed: name the place itself", status);
    else if (status != 200)
        snprintf(cause, HF_JWKS_CAUSE_BYTES, "the server answers %ld", status);
    return cause[0] == '\0';
}

void hf_jwks_fetch_end(CURLM *multi, struct hf_jwks_source *source)
{
    if (source->curl != NULL) {
        (void)curl_multi_remove_handle(multi, source->curl);
        curl_easy_cleanup(source->curl);
    }
    source->curl = NULL;
    free(source->body);
    source->body = NULL;
}
