/* core/sip/sip_tx_random_test.c - Goal: whatever a network does, each request is told once, each of ours ends once, and nothing is left. Method: two layers ask each other through
 * a channel that loses, doubles, reorders and delays by up to 4 s (below T4, which is what the RFC takes for the longest life of a datagram), or through a stream that breaks. Users
 * answer at once, later, twice, never; cancel, forget. A seed decides all of it and is printed when something is wrong: sip_tx_random_test SEED runs one. */
#include "core/sip/tx_testkit.h"

enum {
    SEEDS = 1000,
    ASKS_MAX = 64,
    PACKETS_MAX = 8192,
    DELAY_MS_MAX = 4000,
    ASKING_MS = 20000,
    ALL_OVER_MS = 420000, /* timer C, and everything that can follow it */
    J_MS = 32000,
};

struct ask { /* one request, on both sides */
    unsigned id, from;
    bool invite;
    /* who asks */
    struct hf_sip_tx *client;
    uint64_t ask_ms, cancel_ms, forget_ms; /* 0 = not */
    bool asked, client_forgot;
    unsigned finals, failures, overs, status;
    /* who is asked */
    struct hf_sip_tx *server;
    uint64_t first_ms, answer_ms, provisional_ms, answered_ms;
    bool server_forgot, server_open, accepted, rejected;
    unsigned told, acks, losts, legal_repeats;
    char got[1024];
};

struct packet {
    uint64_t due_ms;
    unsigned to;
    char *text;
};

static struct world {
    uint64_t seed, now_ms;
    struct hf_rng rng;
    struct hf_wheel wheel;
    struct hf_sip_layer *layers[2];
    struct ask asks[ASKS_MAX];
    unsigned asks_count;
    struct packet packets[PACKETS_MAX];
    unsigned packets_count;
    unsigned lose_percent, double_percent, delay_ms_max;
    bool stream, broken;
    uint64_t break_ms;
} world;

static unsigned long sum_finals, sum_failures, sum_asks, sum_repeats, sum_absorbed, sum_strays;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %u, %u ms: %s (line %d)", (unsigned)world.seed, (unsigned)world.now_ms, \
                     #condition, __LINE__);                                                        \
    } while (0)

static bool chance(unsigned percent)
{
    return hf_rng_below(&world.rng, 100) < percent;
}

static uint64_t within(uint64_t ms)
{
    return 1 + hf_rng_below(&world.rng, ms);
}

static unsigned node_of(void *context)
{
    return context == &world.layers[1];
}

static struct hf_sip_flow flow_to(unsigned node)
{
    return kit_flow(world.stream ? HF_SIP_TCP : HF_SIP_UDP, (uint8_t)(10 + node));
}

static void post(unsigned to, struct hf_slice bytes)
{
    struct packet *packet = &world.packets[world.packets_count];

    CHECK(world.packets_count < PACKETS_MAX);
    packet->to = to;
    packet->due_ms = world.now_ms + (world.stream ? 1 : within(world.delay_ms_max));
    packet->text = strndup(bytes.at, bytes.bytes);
    world.packets_count++;
}

static hf_err on_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    unsigned to = 1 - node_of(context);
    struct hf_sip_flow want = flow_to(to);

    CHECK(hf_sip_flow_equal(flow, &want));
    if (world.stream) {
        if (world.broken)
            return HF_ERR_CLOSED;
        post(to, bytes);
        return HF_OK;
    }
    if (chance(2))
        return HF_ERR_LIMIT; /* a full queue: lost on its first step */
    if (!chance(world.lose_percent))
        post(to, bytes);
    while (chance(world.double_percent))
        post(to, bytes);
    return HF_OK;
}

static struct ask *ask_of(const struct hf_sip_msg *msg)
{
    uint64_t id = ASKS_MAX;

    CHECK(hf_slice_to_u64(msg->call_id, &id) && id < world.asks_count);
    return &world.asks[id];
}

static void request_text(char *ret, const struct ask *ask, const char *method, const char *branch,
                         const char *to_tag)
{
    (void)snprintf(
        ret, 1024,
        "%s sip:b@h SIP/2.0\r\nVia: SIP/2.0/%s 192.0.2.%u;rport;branch=%s\r\nFrom: <sip:a@h>;tag=f%u\r\n"
        "To: <sip:b@h>%s%s\r\nCall-ID: %u\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        method, world.stream ? "TCP" : "UDP", 10 + ask->from, branch, ask->id, to_tag[0] ? ";tag=" : "",
        to_tag, ask->id, method);
}

static void acknowledge(struct ask *ask, struct hf_sip_tx *tx, const struct hf_sip_msg *msg)
{
    char text[1024], branch[HF_SIP_BRANCH_BYTES_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_layer *layer = world.layers[ask->from];
    struct hf_sip_flow flow = flow_to(1 - ask->from);

    CHECK(msg->to.tag.bytes < sizeof(tag));
    (void)snprintf(tag, sizeof(tag), "%.*s", (int)msg->to.tag.bytes, msg->to.tag.at);
    request_text(text, ask, "ACK", hf_sip_layer_branch(layer, branch).at, tag);
    if (tx != NULL && chance(80))
        (void)hf_sip_tx_ack(tx, hf_slice_of(text), world.now_ms);
    else
        (void)hf_sip_layer_send(layer, &flow, hf_slice_of(text));
}

static void answer(struct ask *ask, unsigned status)
{
    struct hf_sip_msg request = kit_parse(ask->got);
    hf_err err = hf_sip_tx_answer_plain(ask->server, &request, status, world.now_ms);

    CHECK(err == HF_OK || (world.stream && err == HF_ERR_CLOSED));
    if (status < 200 && err == HF_OK)
        return;
    ask->answered_ms = world.now_ms;
    ask->server_open = false;
    ask->rejected = status >= 300 || !ask->invite;
    ask->accepted = ask->invite && status < 300 && status >= 200 && err == HF_OK;
    if (chance(10) && ask->accepted)
        CHECK(hf_sip_tx_answer_plain(ask->server, &request, 200, world.now_ms) == HF_ERR_CONFLICT);
}

static void on_request(struct ask *ask, const struct hf_sip_tx_event *event)
{
    CHECK(!event->stateless);
    ask->told++;
    if (ask->told > 1) { /* only a copy that came when the transaction was over can be told again */
        CHECK(world.now_ms - ask->first_ms >= J_MS);
        ask->legal_repeats++;
    }
    ask->first_ms = world.now_ms;
    ask->server = event->tx;
    ask->server_open = true;
    ask->accepted = ask->rejected = ask->server_forgot = false;
    ask->answer_ms = ask->provisional_ms = ask->answered_ms = 0;
    ask->acks = ask->losts = 0;
    CHECK(event->msg->text.bytes < sizeof(ask->got));
    memcpy(ask->got, event->msg->text.at, event->msg->text.bytes);
    ask->got[event->msg->text.bytes] = 0;
    if (chance(30))
        answer(ask, chance(70) ? 200 : 403);
    else if (chance(5)) {
        hf_sip_tx_forget(ask->server);
        ask->server_forgot = true;
        ask->server_open = false;
    } else if (!chance(5)) {
        ask->answer_ms = world.now_ms + within(6000);
        if (chance(40))
            ask->provisional_ms = world.now_ms + within(3000);
    }
}

static void on_event(void *context, const struct hf_sip_tx_event *event)
{
    struct ask *ask = event->msg != NULL ? ask_of(event->msg) : NULL;

    switch (event->tell) {
    case HF_SIP_TELL_REQUEST: on_request(ask, event); return;
    case HF_SIP_TELL_STRAY:
        sum_strays++;
        CHECK(event->tx == NULL);
        if (event->msg->cseq.method == HF_SIP_INVITE && event->msg->status / 100 == 2)
            acknowledge(ask, NULL, event->msg);
        return;
    case HF_SIP_TELL_CANCEL:
        CHECK(ask->server == event->tx && ask->server_open);
        if (chance(80)) {
            answer(ask, 487);
            ask->answer_ms = ask->provisional_ms = 0;
        }
        return;
    case HF_SIP_TELL_ACK:
        CHECK(ask->server == event->tx && ask->accepted && ask->acks + ask->losts == 0);
        ask->acks++;
        return;
    case HF_SIP_TELL_LOST:
        for (unsigned i = 0; i < world.asks_count; i++)
            if (world.asks[i].server == event->tx && (world.asks[i].server_open || world.asks[i].accepted))
                ask = &world.asks[i];
        CHECK(ask != NULL && ask->acks + ask->losts == 0 && !ask->server_forgot);
        ask->losts++;
        ask->server_open = false;
        ask->answer_ms = ask->provisional_ms = 0;
        return;
    default: break;
    }
    ask = event->user;
    CHECK(ask != NULL && ask->from == node_of(context) && ask->client == event->tx && !ask->client_forgot);
    CHECK(ask->overs == 0 && ask->failures == 0);
    switch (event->tell) {
    case HF_SIP_TELL_PROVISIONAL: CHECK(ask->finals == 0); break;
    case HF_SIP_TELL_FINAL:
        CHECK(ask->finals == 0);
        ask->finals++;
        ask->status = event->msg->status;
        if (ask->invite && ask->status < 300 && chance(90))
            acknowledge(ask, event->tx, event->msg);
        break;
    case HF_SIP_TELL_FAILED:
        CHECK(ask->finals == 0);
        ask->failures++;
        break;
    case HF_SIP_TELL_AGAIN:
        CHECK(ask->finals == 1 && ask->invite && ask->status < 300);
        acknowledge(ask, event->tx, event->msg);
        break;
    case HF_SIP_TELL_OVER:
        CHECK(ask->finals == 1 && ask->invite && ask->status < 300);
        ask->overs++;
        break;
    default: CHECK(!"an event for a client");
    }
}

static void start(struct ask *ask)
{
    static const char *const methods[] = {"MESSAGE", "REGISTER", "OPTIONS", "BYE", "SUBSCRIBE"};
    const char *method = ask->invite ? "INVITE" : methods[ask->id % HF_COUNT_OF(methods)];
    struct hf_sip_layer *layer = world.layers[ask->from];
    struct hf_sip_flow flow = flow_to(1 - ask->from);
    char text[1024], branch[HF_SIP_BRANCH_BYTES_MAX];
    hf_err err;

    request_text(text, ask, method, hf_sip_layer_branch(layer, branch).at, "");
    err = hf_sip_tx_request(layer, &flow, hf_slice_of(text), ask, world.now_ms, &ask->client);
    CHECK(err == HF_OK || (world.broken && err == HF_ERR_CLOSED));
    ask->asked = err == HF_OK;
    if (!ask->asked)
        ask->cancel_ms = ask->forget_ms = 0;
}

static bool client_open(const struct ask *ask)
{
    return ask->asked && !ask->client_forgot && ask->finals + ask->failures == 0;
}

static void users_act(void)
{
    for (unsigned i = 0; i < world.asks_count; i++) {
        struct ask *ask = &world.asks[i];

        if (ask->ask_ms != 0 && world.now_ms >= ask->ask_ms) {
            ask->ask_ms = 0;
            start(ask);
        }
        if (ask->cancel_ms != 0 && world.now_ms >= ask->cancel_ms) {
            ask->cancel_ms = 0;
            if (client_open(ask))
                CHECK(hf_sip_tx_cancel(ask->client, world.now_ms) == (ask->invite ? HF_OK : HF_ERR_INVALID));
        }
        if (ask->forget_ms != 0 && world.now_ms >= ask->forget_ms) {
            ask->forget_ms = 0;
            if (client_open(ask)) {
                hf_sip_tx_forget(ask->client);
                ask->client_forgot = true;
            }
        }
        if (ask->provisional_ms != 0 && world.now_ms >= ask->provisional_ms) {
            ask->provisional_ms = 0;
            if (ask->server_open)
                answer(ask, 180);
        }
        if (ask->answer_ms != 0 && world.now_ms >= ask->answer_ms) {
            ask->answer_ms = 0;
            if (ask->server_open)
                answer(ask, chance(60) ? 200 : 486);
        }
    }
    if (world.break_ms != 0 && world.now_ms >= world.break_ms) {
        world.break_ms = 0;
        world.broken = true;
        for (unsigned node = 0; node < 2; node++) {
            struct hf_sip_flow flow = flow_to(1 - node);

            (void)hf_sip_tx_flow_failed(world.layers[node], &flow, HF_ERR_CLOSED, world.now_ms);
        }
    }
}

static void deliver(void)
{
    for (unsigned i = 0; i < world.packets_count;) {
        struct packet packet = world.packets[i];
        struct hf_sip_flow flow = flow_to(1 - packet.to);
        struct hf_sip_msg msg;

        if (packet.due_ms > world.now_ms) {
            i++;
            continue;
        }
        world.packets_count--;
        if (world.stream) /* in order */
            memmove(&world.packets[i], &world.packets[i + 1], (world.packets_count - i) * sizeof(packet));
        else
            world.packets[i] = world.packets[world.packets_count];
        if (!world.broken) {
            msg = kit_parse(packet.text);
            (void)hf_sip_tx_receive(world.layers[packet.to], &flow, &msg, HF_SIP_SHED_LATER, world.now_ms);
        }
        free(packet.text);
    }
}

static void begin(uint64_t seed)
{
    static const struct hf_sip_layer_ops ops = {on_send, on_event};

    memset(&world, 0, sizeof(world));
    world.seed = seed;
    world.now_ms = KIT_START_MS;
    hf_rng_seed(&world.rng, seed);
    hf_wheel_init(&world.wheel, world.now_ms);
    world.stream = chance(25);
    world.break_ms = world.stream && chance(60) ? world.now_ms + within(ASKING_MS) : 0;
    world.lose_percent = (unsigned)hf_rng_below(&world.rng, 61);
    world.double_percent = (unsigned)hf_rng_below(&world.rng, 31);
    world.delay_ms_max = chance(50) ? 50 : DELAY_MS_MAX;
    for (unsigned node = 0; node < 2; node++) {
        struct hf_sip_layer_config config = {
            .ops = &ops, .context = &world.layers[node], .wheel = &world.wheel};

        config.secret[0] = (uint8_t)(node + 1);
        CHECK(hf_sip_layer_new(&config, &world.layers[node]) == HF_OK);
    }
    world.asks_count = 2 + (unsigned)hf_rng_below(&world.rng, ASKS_MAX - 2);
    for (unsigned i = 0; i < world.asks_count; i++) {
        struct ask *ask = &world.asks[i];

        ask->id = i;
        ask->from = (unsigned)hf_rng_below(&world.rng, 2);
        ask->invite = chance(50);
        ask->ask_ms = world.now_ms + within(ASKING_MS);
        ask->cancel_ms = chance(25) ? ask->ask_ms + within(8000) : 0;
        ask->forget_ms = chance(8) ? ask->ask_ms + within(8000) : 0;
    }
}

static void end(void)
{
    CHECK(world.packets_count == 0);
    for (unsigned i = 0; i < world.asks_count; i++) {
        struct ask *ask = &world.asks[i];

        if (ask->asked && !ask->client_forgot) {
            CHECK(ask->finals + ask->failures == 1);
            CHECK(ask->overs == (ask->finals == 1 && ask->invite && ask->status < 300));
        }
        CHECK(ask->told <= 1 + ask->legal_repeats);
        CHECK(ask->told == 0 || ask->server_forgot || !ask->accepted || ask->acks + ask->losts == 1);
        CHECK(!ask->server_open);
        sum_asks += ask->asked;
        sum_finals += ask->finals;
        sum_failures += ask->failures;
    }
    CHECK(world.wheel.armed == 0);
    for (unsigned node = 0; node < 2; node++) {
        const struct hf_sip_layer_stats *stats = hf_sip_layer_stats(world.layers[node]);

        CHECK(stats->transactions == 0 && stats->orphans == 0 && stats->kept_bytes == 0);
        for (unsigned kind = 0; kind < HF_SIP_TX_KINDS; kind++) {
            CHECK(stats->made[kind] == stats->ended[kind]);
            for (unsigned state = 0; state < HF_SIP_TX_STATES; state++)
                CHECK(stats->now[kind][state] == 0);
        }
        CHECK(world.layers[node]->by_key.count == 0 && world.layers[node]->by_call.count == 0 &&
              world.layers[node]->by_flow.count == 0);
        sum_repeats += stats->requests_repeated + stats->answers_repeated + stats->acks_repeated;
        sum_absorbed += stats->requests_absorbed + stats->answers_absorbed + stats->acks_absorbed;
        hf_sip_layer_free(world.layers[node]); /* asserts that its slabs are empty */
    }
}

static void live(uint64_t seed)
{
    uint64_t until_ms;

    begin(seed);
    until_ms = world.now_ms + ALL_OVER_MS;
    while (world.now_ms < until_ms) {
        bool quiet = world.packets_count == 0 && world.now_ms > KIT_START_MS + ASKING_MS + 10000;

        world.now_ms += quiet ? 8 * HF_WHEEL_TICK_MS : HF_WHEEL_TICK_MS;
        users_act();
        deliver();
        hf_wheel_run(&world.wheel, world.now_ms);
    }
    end();
}

static uint64_t only_seed = UINT64_MAX;

static void random_lives(void **state)
{
    (void)state;
    if (only_seed != UINT64_MAX) {
        live(only_seed);
        return;
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        live(seed);
    /* The lives were worth living: most got their answer, some did not, and everything was needed. */
    assert_true(sum_finals > sum_asks * 6 / 10);
    assert_true(sum_failures > sum_asks / 50);
    assert_true(sum_repeats > sum_asks && sum_absorbed > sum_asks && sum_strays > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_lives)};

    if (argc > 1)
        only_seed = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
