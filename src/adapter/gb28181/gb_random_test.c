/* Cameras behind a network that loses, doubles and delays datagrams, for some minutes, and then no more. Whatever happened: an alarm that was answered 200 is one event, no alarm is two,
 * every command ends once, and in the end every camera is online. A seed that fails is printed. */
#include "adapter/gb28181/gb_testkit.h"

enum {
    CAMERAS = 6,
    ASKS = 4,       /* requests of a camera at a time */
    PACKETS = 4096, /* on their way */
    COMMANDS = 40,
    STEP_MS = 48,
    STORM_MS = 300000,
    CALM_MS = 260000,
    SEEDS = 6,
    ALARMS = 4000,
};

struct packet {
    uint64_t due_ms;
    int camera; /* to; -1: to the site */
    struct hf_sip_flow flow;
    char *text;
};

struct ask { /* a client transaction, simple-minded */
    bool open, registers;
    unsigned alarm; /* its SN; 0 = none */
    unsigned branch;
    uint64_t again_ms, wait_ms, until_ms;
    char text[2048];
};

struct camera {
    char id[32];
    struct hf_sip_flow flow;
    struct ask asks[ASKS];
    bool registered;
    uint64_t next_ms;
    char answered[16][64]; /* branches of requests that were answered: no second answer of its own */
    unsigned answered_count;
};

static struct hf_rng rng;
static struct packet packets[PACKETS];
static unsigned packet_count, next_branch, next_sn, loss_percent;
static struct camera cameras[CAMERAS];
static bool acknowledged[ALARMS];

static unsigned below(unsigned n)
{
    return (unsigned)hf_rng_below(&rng, n);
}

static void post_once(int camera, const struct hf_sip_flow *flow, const char *text)
{
    assert_true(packet_count < PACKETS);
    struct packet *packet = &packets[packet_count++];
    *packet = (struct packet){
        .due_ms = kit.tk->now_ms + (loss_percent > 0 ? below(900) : 10), .camera = camera, .flow = *flow};
    packet->text = strdup(text);
    assert_non_null(packet->text);
}

static void post(int camera, const struct hf_sip_flow *flow, const char *text)
{
    if (below(100) >= loss_percent)
        post_once(camera, flow, text);
    if (below(100) < loss_percent)
        post_once(camera, flow, text);
}

static struct ask *begin_ask(struct camera *camera, const char *method, const char *headers, const char *body)
{
    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *ask = &camera->asks[i];

        if (ask->open)
            continue;
        *ask = (struct ask){.open = true,
                            .branch = ++next_branch,
                            .again_ms = kit.tk->now_ms + 500,
                            .wait_ms = 500,
                            .until_ms = kit.tk->now_ms + 32000};
        char id[sizeof(camera->id)];
        memcpy(id, camera->id, sizeof(id));
        ask->registers = strcmp(method, "REGISTER") == 0;
        (void)snprintf(
            ask->text, sizeof(ask->text),
            "%s sip:" SERVER "@" REALM " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc%u\r\n"
            "From: <sip:%s@" REALM ">;tag=1\r\nTo: <sip:%s@" REALM ">\r\nCall-ID: %u\r\nCSeq: %u %s\r\n"
            "%sContent-Length: %zu\r\n\r\n%s",
            method, ask->branch, id, id, ask->branch, ask->branch, method, headers, strlen(body), body);
        post(-1, &camera->flow, ask->text);
        return ask;
    }
    return NULL;
}

#define XML_TYPE "Content-Type: Application/MANSCDP+xml\r\n"

static void register_camera(struct camera *camera, const char *credentials)
{
    char headers[1536];

    (void)snprintf(headers, sizeof(headers), "Contact: <sip:%s@192.0.2.1>\r\nExpires: 3600\r\n%s", camera->id,
                   credentials);
    (void)begin_ask(camera, "REGISTER", headers, "");
}

static void answer_challenge(struct camera *camera, const struct hf_sip_msg *msg)
{
    struct hf_sip_challenge challenge;
    char credentials[1024];
    struct hf_sip_hash ha1;
    struct hf_sb sb;

    assert_int_equal(hf_sip_parse_challenge(hf_sip_value(msg, HF_SIP_WWW_AUTHENTICATE),
                                            hf_sip_tolerances_default(), &challenge),
                     HF_OK);
    struct hf_sip_credentials_out out = {.username = hf_slice_of(camera->id),
                                         .realm = challenge.realm,
                                         .nonce = challenge.nonce,
                                         .uri = HF_SLICE("sip:" SERVER "@" REALM),
                                         .cnonce = HF_SLICE("c"),
                                         .nc = 1,
                                         .name_alg = true};
    (void)hf_sip_ha1(kit.hasher, HF_SIP_MD5, out.username, out.realm, HF_SLICE("12345678"), &ha1);
    hf_sb_init(&sb, credentials, sizeof(credentials));
    (void)hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, kit.hasher, &out, hf_sip_hash_text(&ha1),
                                   HF_SLICE("REGISTER"));
    register_camera(camera, credentials);
}

static void on_answer(struct camera *camera, const struct hf_sip_msg *msg)
{
    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *ask = &camera->asks[i];
        char branch[32];

        (void)snprintf(branch, sizeof(branch), "z9hG4bKc%u", ask->branch);
        if (!ask->open || !hf_slice_is(msg->via.branch, branch))
            continue;
        ask->open = false;
        if (ask->alarm != 0 && msg->status == 200)
            acknowledged[ask->alarm] = true;
        if (msg->status == 401)
            answer_challenge(camera, msg);
        else if (ask->registers)
            camera->registered = msg->status == 200;
        else if (msg->status == 403)
            camera->registered = false;
    }
}

static void on_request(struct camera *camera, struct hf_sip_msg *msg, const char *text)
{
    char body[512];
    char storage[2048];
    struct hf_sip_reply reply = {.status = 200, .to_tag = HF_SLICE("cam")};
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    (void)hf_sip_write_reply(&sb, msg, &reply);
    (void)hf_sip_write_end(&sb, absent, absent);
    post(-1, &camera->flow, storage);
    for (unsigned i = 0; i < 16; i++)
        if (hf_slice_is(msg->via.branch, camera->answered[i]))
            return;
    (void)snprintf(camera->answered[camera->answered_count++ % 16], 64, "%.*s", (int)msg->via.branch.bytes,
                   msg->via.branch.at);
    const char *sn = strstr(text, "<SN>"), *type = strstr(text, "<CmdType>");
    if (strstr(text, "<Query>") == NULL)
        return;
    (void)snprintf(body, sizeof(body),
                   "<Response>%.*s</CmdType><SN>%u</SN><DeviceID>%s</DeviceID><Result>OK</Result></Response>",
                   (int)strcspn(type + 1, "<") + 1, type, (unsigned)strtoul(sn + 4, NULL, 10), camera->id);
    (void)begin_ask(camera, "MESSAGE", XML_TYPE, body);
}

static void deliver(struct packet packet)
{
    struct hf_sip_msg msg;

    if (packet.camera < 0) {
        assert_int_equal(hf_gb_receive(kit.site, &packet.flow, hf_slice_of(packet.text)), HF_OK);
    } else {
        assert_int_equal(hf_sip_parse(packet.text, strlen(packet.text), false, NULL, &msg), HF_OK);
        if (msg.kind == HF_SIP_RESPONSE)
            on_answer(&cameras[packet.camera], &msg);
        else
            on_request(&cameras[packet.camera], &msg, packet.text);
    }
    free(packet.text);
}

static void act(struct camera *camera, bool storm)
{
    char body[512];
    bool registering = false;

    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *ask = &camera->asks[i];

        if (ask->open && kit.tk->now_ms >= ask->until_ms) {
            ask->open = false;
            camera->registered = false; /* three silent keepalives, as good as */
        } else if (ask->open && kit.tk->now_ms >= ask->again_ms) {
            ask->wait_ms = HF_MIN(ask->wait_ms * 2, (uint64_t)4000);
            ask->again_ms = kit.tk->now_ms + ask->wait_ms;
            post(-1, &camera->flow, ask->text);
        }
        registering |= ask->open && ask->registers;
    }
    if (kit.tk->now_ms < camera->next_ms)
        return;
    camera->next_ms = kit.tk->now_ms + 5000 + below(15000);
    if (storm && below(10) == 0)
        camera->flow.peer_port = (uint16_t)(2000 + below(60000)); /* its NAT forgets */
    if (!camera->registered) {
        if (!registering)
            register_camera(camera, "");
    } else if (storm && next_sn < ALARMS - 1 && below(2) == 0) {
        unsigned sn = ++next_sn;

        (void)snprintf(body, sizeof(body),
                       "<Notify><CmdType>Alarm</CmdType><SN>%u</SN><DeviceID>%s</DeviceID></Notify>", sn,
                       camera->id);
        struct ask *ask = begin_ask(camera, "MESSAGE", XML_TYPE, body);
        if (ask != NULL)
            ask->alarm = sn;
    } else {
        (void)snprintf(body, sizeof(body),
                       "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>%s</DeviceID>"
                       "<Status>OK</Status></Notify>",
                       camera->id);
        (void)begin_ask(camera, "MESSAGE", XML_TYPE, body);
    }
}

/* One step of the world. */
static void step(bool storm)
{
    loss_percent = storm ? 15 : 0;
    tk_advance(kit.tk, STEP_MS);
    for (unsigned i = 0; i < packet_count;) {
        if (packets[i].due_ms > kit.tk->now_ms) {
            i++;
            continue;
        }
        struct packet packet = packets[i];
        packets[i] = packets[--packet_count]; /* and out of order */
        deliver(packet);
    }
    for (unsigned i = 0; i < CAMERAS; i++)
        act(&cameras[i], storm);
    tk_run(kit.tk);
    while (kit_read())
        post(kit.to.peer[3] - 1, &kit.to, kit.text);
}

static void check_alarms(void)
{
    static unsigned events[ALARMS];

    memset(events, 0, sizeof(events));
    for (size_t i = 0; i < kit.tk->appended; i++) {
        struct hf_event event = tk_event(kit.tk, i);

        if (event.type != HF_EVENT_MESSAGE || !hf_slice_is(event.topic, "gb/Alarm"))
            continue;
        const char *sn = memmem(event.payload.at, event.payload.bytes, "\"sn\":", 5);
        assert_non_null(sn);
        events[strtoul(sn + 5, NULL, 10)]++;
    }
    for (unsigned i = 1; i <= next_sn; i++)
        if (events[i] > 1 || (acknowledged[i] && events[i] == 0))
            fail_msg("alarm %u: %u events, acknowledged %d", i, events[i], acknowledged[i]);
}

static void run(uint64_t seed)
{
    static struct tk_reply replies[COMMANDS];
    unsigned commands = 0;

    hf_rng_seed(&rng, seed);
    memset(cameras, 0, sizeof(cameras));
    memset(acknowledged, 0, sizeof(acknowledged));
    next_branch = next_sn = packet_count = 0;
    kit_begin(NULL);
    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(cameras[i].id, sizeof(cameras[i].id), "3402000000132000000%u", i + 1);
        cameras[i].flow = kit_flow(HF_SIP_UDP, (uint8_t)(i + 1), 5060);
    }
    uint64_t end_ms = kit.tk->now_ms + STORM_MS;
    while (kit.tk->now_ms < end_ms) {
        struct camera *camera = &cameras[below(CAMERAS)];

        step(true);
        if (commands < COMMANDS && below(100) == 0 && kit_presence(camera->id) == HF_ONLINE)
            kit_command(&replies[commands++], camera->id, "DeviceInfo", "");
    }
    for (end_ms = kit.tk->now_ms + CALM_MS; kit.tk->now_ms < end_ms;)
        step(false);
    for (unsigned i = 0; i < CAMERAS; i++)
        assert_int_equal(kit_presence(cameras[i].id), HF_ONLINE);
    for (unsigned i = 0; i < commands; i++)
        assert_true(replies[i].done);
    assert_true(commands > 5 && next_sn > 20);
    check_alarms();
    for (unsigned i = 0; i < packet_count; i++)
        free(packets[i].text);
    kit_end();
}

static void whatever_the_network_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_the_network_does)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
