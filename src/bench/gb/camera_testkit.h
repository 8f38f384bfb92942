/* bench/gb/camera_testkit.h - for tests only: one camera, and a platform made of texts. What the camera sends is kept until the test reads it; time passes when the test says
 * so. */
#ifndef HF_BENCH_GB_CAMERA_TESTKIT_H
#define HF_BENCH_GB_CAMERA_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "bench/gb/camera.h"
#include "codec/sip/write.h"

#define KIT    static __attribute__((unused))
#define CAMERA "34020000001320000001"
#define SERVER "34020000002000000001"
#define REALM  "3402000000"
#define BEGIN  UINT64_C(1000000)

enum { KIT_SENT_MAX = 256, KIT_TEXT_MAX = 1 << 20, KIT_EVENTS_BYTES = 65536 };

static struct kit {
    struct hf_wheel wheel;
    struct hf_cam_profile profile;
    struct hf_cam_world world;
    struct hf_cam cam;
    struct hf_text_conv conv;
    char *sent[KIT_SENT_MAX];
    unsigned sent_count, read_count, branch;
    bool deaf;                     /* the socket takes nothing */
    char events[KIT_EVENTS_BYTES]; /* "registered 200|asked Catalog|..." */
    char text[KIT_TEXT_MAX];       /* the message read last, and parsed */
    struct hf_sip_msg msg;
    char body_storage[HF_CDP_SCRATCH_BYTES];
    struct hf_cdp_message body; /* of msg */
} kit;

KIT bool kit_send(void *context, struct hf_cam *cam, struct hf_slice bytes)
{
    assert_ptr_equal(context, &kit);
    assert_ptr_equal(cam, &kit.cam);
    if (kit.deaf)
        return false;
    assert_true(kit.sent_count < KIT_SENT_MAX && bytes.bytes < KIT_TEXT_MAX);
    kit.sent[kit.sent_count] = strndup(bytes.at, bytes.bytes);
    assert_non_null(kit.sent[kit.sent_count]);
    kit.sent_count++;
    return true;
}

KIT void kit_event(void *context, struct hf_cam *cam, const struct hf_cam_event *event)
{
    size_t at = strlen(kit.events);

    (void)context;
    (void)cam;
    (void)snprintf(kit.events + at, sizeof(kit.events) - at, "%s%s", at > 0 ? "|" : "",
                   hf_cam_tell_word(event->tell));
    at = strlen(kit.events);
    if (event->body != NULL)
        (void)snprintf(kit.events + at, sizeof(kit.events) - at, " %.*s",
                       (int)event->body->command_name.bytes, event->body->command_name.at);
    else if (event->text.bytes > 0)
        (void)snprintf(kit.events + at, sizeof(kit.events) - at, " %.*s", (int)event->text.bytes,
                       event->text.at);
    at = strlen(kit.events);
    if (event->status != 0)
        (void)snprintf(kit.events + at, sizeof(kit.events) - at, " %u", event->status);
}

static const struct hf_cam_ops kit_ops = {.send = kit_send, .on_event = kit_event};

/* profile: NULL = the plain one; its server, realm and password are set here. */
KIT void kit_begin(const struct hf_cam_profile *profile)
{
    memset(&kit, 0, sizeof(kit));
    if (profile != NULL)
        kit.profile = *profile;
    kit.profile.server_id = HF_SLICE(SERVER);
    kit.profile.realm = HF_SLICE(REALM);
    kit.profile.password = HF_SLICE("12345678");
    kit.conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    hf_wheel_init(&kit.wheel, BEGIN);
    kit.world =
        (struct hf_cam_world){.ops = &kit_ops,
                              .context = &kit,
                              .profile = &kit.profile,
                              .wheel = &kit.wheel,
                              .conv = &kit.conv,
                              .hasher = hf_sip_hasher_new(),
                              .utc_base_ms = UINT64_C(1767225600000) - BEGIN, /* 2026-01-01T00:00:00Z */
                              .now_us = BEGIN * 1000};
    hf_rng_seed(&kit.world.rng, 7);
    assert_int_equal(hf_cam_world_init(&kit.world), HF_OK);
    hf_cam_init(&kit.cam, &kit.world, CAMERA);
    hf_cam_set_address(&kit.cam, "192.0.2.10", 5061);
}

KIT void kit_end(void)
{
    hf_cam_deinit(&kit.cam);
    assert_int_equal(kit.wheel.armed, 0);
    hf_cam_world_deinit(&kit.world);
    hf_sip_hasher_free(kit.world.hasher);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
    for (unsigned i = 0; i < kit.sent_count; i++)
        free(kit.sent[i]);
}

KIT void kit_pass(uint64_t ms)
{
    while (ms > 0) {
        uint64_t step = HF_MIN(ms, (uint64_t)HF_WHEEL_TICK_MS);

        kit.world.now_us += step * 1000;
        (void)hf_wheel_run(&kit.wheel, kit.world.now_us / 1000);
        ms -= step;
    }
}

/* The next message that was not read yet, into kit.msg; false when there is none. */
KIT bool kit_read(void)
{
    if (kit.read_count == kit.sent_count)
        return false;
    (void)snprintf(kit.text, sizeof(kit.text), "%s", kit.sent[kit.read_count]);
    free(kit.sent[kit.read_count]);
    kit.sent[kit.read_count++] = NULL;
    if (kit.read_count == kit.sent_count)
        kit.read_count = kit.sent_count = 0;
    if (hf_sip_parse(kit.text, strlen(kit.text), false, NULL, &kit.msg) != HF_OK)
        fail_msg("the camera sent what cannot be parsed: %s", kit.text);
    if (hf_slice_is(hf_sip_value(&kit.msg, HF_SIP_CONTENT_TYPE), "Application/MANSCDP+xml"))
        assert_int_equal(hf_cdp_parse(&kit.conv, HF_TEXT_AUTO, kit.msg.body, kit.body_storage,
                                      sizeof(kit.body_storage), &kit.body),
                         HF_OK);
    return true;
}

KIT void kit_nothing(void)
{
    if (kit_read())
        fail_msg("unexpected: %s", kit.text);
}

/* Reads the next message, which must be that request. */
KIT void kit_request(enum hf_sip_method method)
{
    if (!kit_read())
        fail_msg("no %s came", hf_sip_method_name(method));
    if (kit.msg.kind != HF_SIP_REQUEST || kit.msg.method != method)
        fail_msg("not %s: %s", hf_sip_method_name(method), kit.text);
}

/* Lets time pass until something is sent, which must be that request; returns how long it took. */
KIT uint64_t kit_wait(enum hf_sip_method method, uint64_t ms_max)
{
    uint64_t begin_us = kit.world.now_us;

    while (kit.read_count == kit.sent_count && kit.world.now_us - begin_us < ms_max * 1000)
        kit_pass(HF_WHEEL_TICK_MS);
    kit_request(method);
    return (kit.world.now_us - begin_us) / 1000;
}

KIT unsigned kit_status(void)
{
    if (!kit_read() || kit.msg.kind != HF_SIP_RESPONSE)
        fail_msg("no answer came: %s", kit.text);
    return kit.msg.status;
}

KIT void kit_gives(const char *text)
{
    char *copy = strdup(text);

    hf_cam_receive(&kit.cam, hf_slice_of(copy));
    free(copy);
}

/* The platform's answer to kit.msg; headers: complete lines. */
KIT void kit_reply(unsigned status, const char *headers)
{
    static char answer[8192];
    struct hf_sip_reply reply = {.status = status, .to_tag = HF_SLICE("plat")};
    struct hf_sb sb;

    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &reply), HF_OK);
    hf_sb_text(&sb, headers);
    assert_int_equal(hf_sip_write_end(&sb, (struct hf_slice){NULL, 0}, (struct hf_slice){NULL, 0}), HF_OK);
    kit_gives(answer);
}

#define CHALLENGE "WWW-Authenticate: Digest realm=\"" REALM "\",qop=\"auth\",nonce=\"abc\",algorithm=MD5\r\n"

/* Is the Authorization of kit.msg right? */
KIT bool kit_is_proven(void)
{
    struct hf_sip_credentials credentials;
    struct hf_sip_hash ha1;

    if (hf_sip_credentials(&kit.msg, &credentials) != HF_OK)
        return false;
    assert_int_equal(hf_sip_ha1(kit.world.hasher, (enum hf_sip_alg)credentials.alg, HF_SLICE(CAMERA),
                                HF_SLICE(REALM), HF_SLICE("12345678"), &ha1),
                     HF_OK);
    return hf_sip_verify(kit.world.hasher, &credentials, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")) ==
           HF_OK;
}

/* The whole of a registration. */
KIT void kit_register(void)
{
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    kit_reply(401, CHALLENGE);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_is_proven());
    kit_reply(200, "Expires: 3600\r\n");
    kit_nothing();
    assert_int_equal(kit.cam.state, HF_CAM_REGISTERED);
    kit.events[0] = '\0';
}

/* A request of the platform; branch 0: a new one, otherwise that one. */
KIT void kit_ask(const char *method, unsigned branch, const char *headers, const char *body)
{
    static char text[KIT_TEXT_MAX];

    kit.branch++;
    branch = branch != 0 ? branch : kit.branch;
    (void)snprintf(text, sizeof(text),
                   "%s sip:" CAMERA "@192.0.2.10:5061 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bKp%u\r\n"
                   "From: <sip:" SERVER "@" REALM ">;tag=p1\r\nTo: <sip:" CAMERA "@" REALM ">\r\n"
                   "Call-ID: q%u\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n"
                   "Contact: <sip:" SERVER "@198.51.100.5:5060>\r\n%sContent-Length: %zu\r\n\r\n%s",
                   method, branch, branch, branch, method, headers, strlen(body), body);
    kit_gives(text);
}

#define XML(root, cmd, more)                                                                     \
    "<?xml version=\"1.0\"?>\r\n<" root "><CmdType>" cmd "</CmdType><SN>7</SN><DeviceID>" CAMERA \
    "</DeviceID>" more "</" root ">\r\n"

/* A MESSAGE of the platform that is answered with 200 at once. */
KIT void kit_message(const char *body)
{
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n", body);
    assert_int_equal(kit_status(), 200);
}

KIT bool kit_has(const char *text)
{
    return strstr(kit.text, text) != NULL;
}

#endif
