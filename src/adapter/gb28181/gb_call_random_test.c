/* Sessions of three cameras whose network loses, doubles and delays, which ring, refuse, fall silent, hang up, leave and move, while applications play and stop without a plan
 * and the relay has its own troubles. Whatever happened: every command ends once, and when all have stopped nothing is left: no session, SSRC, leg or transaction; and the audit
 * has found nothing to free. A seed that fails is printed. */
#include "adapter/gb28181/gb_call_testkit.h"

enum {
    CAMERAS = 3,
    PACKETS = 8192,
    COMMANDS = 400,
    KNOWN = 1024,
    STORM_MS = 240000,
    STEP_MS = 40,
    SEEDS = 8
};

struct packet { /* on its way to the site */
    uint64_t due_ms;
    struct hf_sip_flow flow;
    char *text;
};

static struct hf_rng rng;
static struct packet packets[PACKETS];
static unsigned packet_count, branch, legs_open, legs_made;
static char ids[CAMERAS][32];
static struct hf_sip_flow flows[CAMERAS];
static struct tk_reply replies[COMMANDS];
static uint64_t legs[KNOWN]; /* tokens that are open */
static bool storm;
static uint64_t ended
    [KNOWN]; /* hashes of Call-IDs of which the device has sent or got a final answer that is no 2xx, or a BYE */
static unsigned ended_count;

static unsigned below(unsigned n)
{
    return (unsigned)hf_rng_below(&rng, n);
}

static void post(const struct hf_sip_flow *flow, unsigned delay_ms, const char *text)
{
    unsigned copies = !storm ? 1 : below(100) < 10 ? 0 : below(100) < 10 ? 2 : 1;

    for (unsigned i = 0; i < copies; i++) {
        assert_true(packet_count < PACKETS);
        packets[packet_count] = (struct packet){.due_ms = kit.tk->now_ms + delay_ms + below(storm ? 600 : 20),
                                                .flow = *flow,
                                                .text = strdup(text)};
        assert_non_null(packets[packet_count].text);
        packet_count++;
    }
}

/* ---- the relay ---- */

static hf_err open_leg(void *context, uint64_t token, const struct hf_gb_media_request *request)
{
    (void)context, (void)request;
    if (storm && below(10) == 0)
        return HF_ERR_LIMIT;
    for (unsigned i = 0; i < KNOWN; i++) {
        assert_true(legs[i] != token); /* never used twice */
        if (legs[i] != 0)
            continue;
        legs[i] = token;
        legs_open++;
        legs_made++;
        return HF_OK;
    }
    return HF_ERR_LIMIT;
}

static void answered_leg(void *context, uint64_t token, const struct hf_gb_media_answer *answer)
{
    (void)context, (void)token, (void)answer;
}

static void close_leg(void *context, uint64_t token)
{
    (void)context;
    for (unsigned i = 0; i < KNOWN; i++)
        if (legs[i] == token) {
            legs[i] = 0;
            legs_open--;
            return;
        }
    fail_msg("a leg was closed twice, or never opened");
}

static const struct hf_gb_media_ops ops = {open_leg, answered_leg, close_leg};

static void relay_acts(void)
{
    struct hf_gb_media_told told = {.tell = HF_GB_MEDIA_OPENED, .host = "198.51.100.6", .port = 20000};

    for (unsigned i = 0; i < KNOWN; i++) {
        if (legs[i] == 0 || below(4) != 0)
            continue;
        told.token = legs[i];
        told.tell = below(4) > 0 ? HF_GB_MEDIA_OPENED : HF_GB_MEDIA_FIRST;
        if (storm && below(200) == 0)
            told.tell = (enum hf_gb_media_tell)below(HF_GB_MEDIA_UNWATCHED + 1);
        told.err = HF_ERR_IO;
        hf_gb_media_told(kit.site, &told);
    }
    told.token = below(1000); /* of nobody */
    hf_gb_media_told(kit.site, &told);
}

/* ---- the cameras ---- */

static void reply_to(unsigned camera, unsigned delay_ms, unsigned status, const char *sdp)
{
    static char text[8192];
    struct hf_sip_reply out = {.status = status, .to_tag = status > 100 ? HF_SLICE("cam") : HF_SLICE("")};
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    if (status == 100)
        out.to_tag = absent;
    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &out), HF_OK);
    if (sdp != NULL)
        hf_sb_text(&sb, CONTACT);
    assert_int_equal(
        hf_sip_write_end(&sb, sdp ? HF_SLICE("application/sdp") : absent, sdp ? hf_slice_of(sdp) : absent),
        HF_OK);
    post(&flows[camera], delay_ms, text);
}

static void says(unsigned camera, unsigned delay_ms, const char *method, unsigned cseq, const char *headers,
                 const char *body, bool mirrored)
{
    static char text[4096];
    const struct hf_sip_msg *msg = &kit.msg;
    struct hf_slice from = mirrored ? msg->to.uri.text : msg->from.uri.text;
    struct hf_slice to = mirrored ? msg->from.uri.text : msg->to.uri.text;
    struct hf_slice to_tag = mirrored ? msg->from.tag : msg->to.tag;

    (void)snprintf(text, sizeof(text),
                   "%s sip:" SERVER "@" REALM
                   " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKr%u\r\n"
                   "From: <%.*s>;tag=%s\r\nTo: <%.*s>;tag=%.*s\r\nCall-ID: %.*s\r\nCSeq: %u %s\r\n"
                   "%sContent-Length: %zu\r\n\r\n%s",
                   method, ++branch, (int)from.bytes, from.at, mirrored ? "cam" : "talk", (int)to.bytes,
                   to.at, (int)to_tag.bytes, to_tag.at, (int)msg->call_id.bytes, msg->call_id.at, cseq,
                   method, headers, strlen(body), body);
    post(&flows[camera], delay_ms, text);
}

/* What a call comes to is decided by its Call-ID, so that a repeated INVITE is answered alike. */
static void invited(unsigned camera)
{
    uint64_t hash = hf_hash_mix(hf_hash(kit.site->hash_key, kit.msg.call_id.at, kit.msg.call_id.bytes));
    unsigned kind = storm ? hash % 10 : 0, late_ms = (unsigned)(hash >> 32) % 25000;

    for (unsigned i = 0; i < HF_MIN(ended_count, (unsigned)KNOWN); i++)
        if (ended[i] == hash) {
            reply_to(camera, 0, 487, NULL);
            return;
        }
    if (kind > 3)
        reply_to(camera, 0, 100, NULL);
    switch (kind) {
    case 0:
    case 4: reply_to(camera, 100, 200, SDP); return;
    case 1: reply_to(camera, 0, 486, NULL); return;
    case 2: return; /* not a word */
    case 3: reply_to(camera, 0, 200, NULL); return;
    case 5:
    case 6:
        reply_to(camera, 50, 180, NULL);
        reply_to(camera, late_ms, 200, SDP);
        return;
    case 7: return; /* tries for ever */
    default:
        reply_to(camera, 0, 200, SDP);
        says(camera, late_ms, "BYE", 50, "", "", true);
        return;
    }
}

static void broadcast(unsigned camera)
{
    static char text[4096];
    const char *source = strstr(kit.text, "<SourceID>") + 10;
    static const char offer[] = SDP_LINES("m=audio 16000 RTP/AVP 8\r\n");

    reply_to(camera, 0, 200, NULL);
    if (storm && below(4) == 0)
        return;
    branch++;
    (void)snprintf(text, sizeof(text),
                   "INVITE sip:%.20s@" REALM
                   " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKr%u\r\n"
                   "From: <sip:" CHANNEL "@" REALM ">;tag=talk\r\nTo: <sip:%.20s@" REALM ">\r\n"
                   "Call-ID: talk-%u\r\nCSeq: 1 INVITE\r\n" CONTACT
                   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                   source, branch, source, branch, strlen(offer), offer);
    post(&flows[camera], 100, text);
    post(&flows[camera], 700, text);
}

static void hear(unsigned camera)
{
    uint64_t hash = hf_hash_mix(hf_hash(kit.site->hash_key, kit.msg.call_id.at, kit.msg.call_id.bytes));

    if (storm && below(100) < 10)
        return; /* lost */
    if (kit.msg.kind == HF_SIP_RESPONSE) {
        if (kit.msg.cseq.method == HF_SIP_INVITE && kit.msg.status >= 200) {
            says(camera, 0, "ACK", 1, "", "", false);
            if (kit.msg.status < 300 && storm && below(3) == 0)
                says(camera, below(9000), "BYE", 2, "", "", false);
        }
        return;
    }
    if (hf_slice_is(kit.msg.method_text, "INVITE"))
        invited(camera);
    else if (hf_slice_is(kit.msg.method_text, "MESSAGE") && strstr(kit.text, "Broadcast") != NULL)
        broadcast(camera);
    else if (!hf_slice_is(kit.msg.method_text, "ACK"))
        reply_to(camera, 0, 200, NULL);
    if (hf_slice_is(kit.msg.method_text, "BYE") || hf_slice_is(kit.msg.method_text, "CANCEL"))
        ended[ended_count++ % KNOWN] = hash;
    if (hf_slice_is(kit.msg.method_text, "CANCEL")) {        /* its INVITE has the same top Via */
        memcpy(strstr(kit.text, "CANCEL\r\n"), "INVITE", 6); /* in CSeq */
        memcpy(kit.text, "INVITE", 6);
        assert_int_equal(hf_sip_parse(kit.text, strlen(kit.text), true, NULL, &kit.msg), HF_OK);
        reply_to(camera, 0, 487, NULL);
    }
}

static unsigned camera_at(const struct hf_sip_flow *flow)
{
    for (unsigned i = 0; i < CAMERAS; i++)
        if (flow->peer_port == flows[i].peer_port)
            return i;
    return CAMERAS; /* where one was before */
}

static void step(void)
{
    tk_advance(kit.tk, STEP_MS);
    for (unsigned i = 0; i < packet_count;) {
        if (packets[i].due_ms > kit.tk->now_ms) {
            i++;
            continue;
        }
        struct packet packet = packets[i];
        packets[i] = packets[--packet_count];
        assert_int_equal(hf_gb_receive(kit.site, &packet.flow, hf_slice_of(packet.text)), HF_OK);
        free(packet.text);
    }
    if (below(5) == 0)
        relay_acts();
    tk_run(kit.tk);
    while (kit_read()) {
        unsigned camera = camera_at(&kit.to);

        if (camera < CAMERAS)
            hear(camera);
    }
}

static void speak_for(unsigned camera)
{
    kit.flow = flows[camera];
}

static void life_of(unsigned camera)
{
    char body[256];

    speak_for(camera);
    if (kit_presence(ids[camera]) != HF_ONLINE) {
        (void)kit_register(ids[camera], 3600);
        return;
    }
    (void)snprintf(
        body, sizeof(body),
        "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>%s</DeviceID><Status>OK</Status></Notify>",
        ids[camera]);
    (void)kit_message(ids[camera], body);
    if (storm && below(8) == 0)
        (void)kit_register(ids[camera], below(3) == 0 ? 0 : 3600);
    if (storm && below(12) == 0) { /* elsewhere */
        flows[camera] =
            kit_flow(HF_SIP_UDP, (uint8_t)(1 + below(200)), (uint16_t)(6000 + camera * 1000 + below(900)));
        speak_for(camera);
        (void)kit_register(ids[camera], 3600);
    }
}

/* An id of some session of the device, as the last Calls or Play told. */
static void some_call(char *json, size_t json_bytes, const char *rest)
{
    const char *at = strstr(result(), "\"call\":\"");

    (void)snprintf(json, json_bytes, "{\"call\":\"%.16s\"%s}", at ? at + 8 : "0123456789abcdef", rest);
}

static void ask(struct tk_reply *one)
{
    static const char *const plain[][2] = {
        {"Play", PLAY},
        {"Play", "{\"channel\":\"" CHANNEL "\"}"},
        {"Play", "{\"channel\":\"" SECOND "\",\"transport\":\"tcp_passive\"}"},
        {"Playback", "{\"channel\":\"" CHANNEL "\",\"from\":1767225600,\"until\":1767225660}"},
        {"Download",
         "{\"channel\":\"" CHANNEL "\",\"from\":1767225600,\"until\":1767225660,\"speed\":4," TO "}"},
        {"Broadcast", "{\"channel\":\"" CHANNEL "\"," TO "}"},
        {"Talk", "{\"channel\":\"" SECOND "\"}"},
        {"Stop", "{\"channel\":\"" CHANNEL "\"}"},
        {"Stop", "{\"channel\":\"" SECOND "\",\"force\":true}"},
        {"Calls", ""},
    };
    static const char *const about_one[][2] = {
        {"Stop", ""},   {"Stop", ",\"force\":true"}, {"Pause", ""},
        {"Resume", ""}, {"Speed", ",\"scale\":2"},   {"Seek", ",\"range\":7"}};
    unsigned pick = below(16), camera = below(CAMERAS);
    char json[256];

    if (pick < 10) {
        kit_command(one, ids[camera], plain[pick][0], plain[pick][1]);
        return;
    }
    some_call(json, sizeof(json), about_one[pick - 10][1]);
    kit_command(one, ids[camera], about_one[pick - 10][0], json);
}

static void run(uint64_t seed)
{
    struct hf_gb_options options = {.media = &ops, .media_context = NULL};
    unsigned commands = 0;

    hf_rng_seed(&rng, seed);
    packet_count = legs_open = legs_made = ended_count = 0;
    memset(legs, 0, sizeof(legs));
    kit_begin(&options);
    storm = true;
    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "3402000000132000000%u", i + 1);
        flows[i] = kit_flow(HF_SIP_UDP, (uint8_t)(i + 1), (uint16_t)(6000 + i * 1000));
        life_of(i);
    }
    for (uint64_t end_ms = kit.tk->now_ms + STORM_MS; kit.tk->now_ms < end_ms;) {
        step();
        if (below(400) == 0)
            life_of(below(CAMERAS));
        if (commands < COMMANDS && below(12) == 0)
            ask(&replies[commands++]);
    }
    storm = false;
    for (unsigned round = 0; round < 40;
         round++) { /* calm: commands of the outbox are still carried out meanwhile */
        for (unsigned i = 0; i < 250; i++)
            step();
        life_of(round % CAMERAS);
        life_of((round + 1) % CAMERAS);
        life_of((round + 2) % CAMERAS);
    }
    for (unsigned i = 0; i < commands; i++)
        if (!replies[i].done)
            fail_msg("command %u has not ended", i);
    const struct hf_gb_stats *stats = kit_stats();
    print_message("seed %u: %u commands, %u sessions, %u stood, %u legs, %u late, %u left\n", (unsigned)seed,
                  commands, (unsigned)stats->calls, (unsigned)stats->calls_connected, legs_made,
                  (unsigned)stats->calls_late, (unsigned)stats->calls_now);
    assert_true(stats->calls_connected > 10 && legs_made > 10);
    assert_int_equal(stats->calls_ringing_now, 0);
    for (unsigned i = 0; i < CAMERAS; i++) {
        speak_for(i);
        (void)kit_register(ids[i], 0);
    }
    assert_int_equal(stats->calls_now, 0);
    assert_int_equal(stats->ssrc_used_now, 0);
    assert_int_equal(legs_open, 0);
    for (unsigned i = 0; i < 100; i++) {
        kit_pass(1000);
        (void)drain("");
    }
    assert_int_equal(stats->points_now, 0);
    assert_int_equal(stats->owned_reclaimed, 0);
    assert_int_equal(hf_gb_site_sip_stats(kit.site)->transactions, 0);
    for (unsigned i = 0; i < packet_count; i++)
        free(packets[i].text);
    kit_end();
}

static void whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_happens)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
