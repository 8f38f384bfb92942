/* core/sip/sip_tx_fuzz.c - random messages, calls and times. The input is a list of steps of two bytes, what to do and with which of a few names, so that repeats, crossings and
 * late messages are common; or a message as it stands. Asserted: nothing is told of a transaction after its end, the counters add up, and when all timers have run nothing is left. */
#include <stdio.h>

#include "core/sip/dialog.h"
#include "core/sip/tx_internal.h"

enum { LIVE_MAX = 256, TEXT_MAX = 2048, START_MS = 1000000, TRANSACTIONS_MAX = 24, KEPT_BYTES_MAX = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static struct fuzz {
    struct hf_wheel wheel;
    struct hf_sip_layer *layer;
    uint64_t now_ms;
    struct hf_sip_tx *live[LIVE_MAX]; /* the user's */
    unsigned live_count;
    bool deaf, answers_at_once;
    uint8_t choice;
    char ours[4][TEXT_MAX]; /* our last requests */
    char got[TEXT_MAX];
} fuzz;

static void add_live(struct hf_sip_tx *tx)
{
    HF_ASSERT(fuzz.live_count < LIVE_MAX);
    fuzz.live[fuzz.live_count++] = tx;
}

static bool is_live(const struct hf_sip_tx *tx)
{
    for (unsigned i = 0; i < fuzz.live_count; i++)
        if (fuzz.live[i] == tx)
            return true;
    return false;
}

static void drop_live(const struct hf_sip_tx *tx)
{
    for (unsigned i = 0; i < fuzz.live_count; i++)
        if (fuzz.live[i] == tx) {
            fuzz.live[i] = fuzz.live[--fuzz.live_count];
            return;
        }
    HF_UNREACHABLE();
}

static hf_err on_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_sip_msg msg;

    (void)context;
    (void)flow;
    if (bytes.at != fuzz.got) /* whatever the layer makes or repeats can be read */
        HF_ASSERT(hf_sip_parse(bytes.at, bytes.bytes, true, NULL, &msg) == HF_OK);
    return fuzz.deaf ? HF_ERR_CLOSED : HF_OK;
}

static void answer(struct hf_sip_tx *tx, const struct hf_sip_msg *request, unsigned status)
{
    bool invite = hf_sip_tx_kind(tx) == HF_SIP_TX_SERVER_INVITE;
    hf_err err = hf_sip_tx_answer_plain(tx, request, status, fuzz.now_ms);

    if (err == HF_ERR_CONFLICT || err == HF_ERR_LIMIT || err == HF_ERR_INVALID) /* an ACK has no answer */
        return;
    if (err == HF_ERR_CLOSED || (status >= 200 && !(invite && status < 300)))
        drop_live(tx);
}

static void on_event(void *context, const struct hf_sip_tx_event *event)
{
    (void)context;
    switch (event->tell) {
    case HF_SIP_TELL_REQUEST:
        if (event->stateless) {
            (void)hf_sip_tx_answer_plain(event->tx, event->msg, 200, fuzz.now_ms);
            return;
        }
        HF_ASSERT(!is_live(event->tx));
        add_live(event->tx);
        if (fuzz.answers_at_once)
            answer(event->tx, event->msg, 100 + 50 * (fuzz.choice % 10));
        else if (fuzz.choice % 7 == 0) {
            hf_sip_tx_forget(event->tx);
            drop_live(event->tx);
        }
        return;
    case HF_SIP_TELL_STRAY: HF_ASSERT(event->tx == NULL); return;
    case HF_SIP_TELL_CANCEL:
    case HF_SIP_TELL_PROVISIONAL:
    case HF_SIP_TELL_AGAIN: HF_ASSERT(is_live(event->tx)); return;
    case HF_SIP_TELL_FINAL:
        HF_ASSERT(is_live(event->tx));
        if (!(hf_sip_tx_kind(event->tx) == HF_SIP_TX_CLIENT_INVITE && event->msg->status < 300))
            drop_live(event->tx);
        return;
    default: drop_live(event->tx); return;
    }
}

static struct hf_sip_flow flow(uint8_t choice)
{
    bool stream = choice & 0x80;

    return (struct hf_sip_flow){.connection = stream ? 1 + choice % 2 : 0,
                                .peer = {192, 0, 2, (uint8_t)(choice % 2)},
                                .peer_port = 5060,
                                .transport = stream ? HF_SIP_TCP : HF_SIP_UDP,
                                .family = 4};
}

static const char *method_of(uint8_t choice)
{
    static const char *const methods[] = {"INVITE", "ACK",    "CANCEL", "MESSAGE",
                                          "BYE",    "INVITE", "ACK",    "REGISTER"};

    return methods[choice % HF_COUNT_OF(methods)];
}

static void write_request(char *ret, uint8_t choice, const char *branch)
{
    const char *method = method_of(choice);

    (void)snprintf(ret, TEXT_MAX,
                   "%s sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h%s%s\r\nFrom: <sip:a@h>;tag=f\r\nTo: "
                   "<sip:b@h>%s\r\nCall-ID: %u\r\n"
                   "CSeq: %u %s\r\nMax-Forwards: 70\r\nContact: <sip:a@h>\r\nContent-Length: 0\r\n\r\n",
                   method, branch[0] ? ";branch=" : "", branch, choice & 0x40 ? ";tag=t" : "",
                   choice >> 3 & 1, 1 + (choice >> 4 & 1), method);
}

static void receive(const char *text, size_t bytes, uint8_t choice)
{
    struct hf_sip_flow from = flow(choice);
    struct hf_sip_msg msg;

    if (hf_sip_parse(text, bytes, true, NULL, &msg) != HF_OK || msg.kind == HF_SIP_KEEPALIVE)
        return;
    if (msg.kind == HF_SIP_REQUEST && bytes < sizeof(fuzz.got)) {
        memmove(fuzz.got, text, bytes);
        fuzz.got[bytes] = 0;
    }
    (void)hf_sip_tx_receive(fuzz.layer, &from, &msg, (enum hf_sip_class)(choice % HF_SIP_CLASSES),
                            fuzz.now_ms);
}

static void peer_asks(uint8_t choice)
{
    static const char *const branches[] = {"z9hG4bKa", "z9hG4bKb", "", "old"};
    char text[TEXT_MAX];

    write_request(text, choice, branches[choice % 5 % 4]);
    receive(text, strlen(text), choice);
}

static void peer_answers(uint8_t choice)
{
    static const unsigned statuses[] = {100, 180, 200, 202, 302, 486, 487, 603};
    const char *ours = fuzz.ours[choice & 3];
    char text[TEXT_MAX];
    struct hf_sip_reply reply = {.status = statuses[choice >> 2 & 7], .to_tag = HF_SLICE("x")};
    struct hf_sip_msg msg;
    struct hf_sb sb;

    if (choice & 0x40)
        reply.to_tag = HF_SLICE("y");
    if (ours[0] == 0 || hf_sip_parse(ours, strlen(ours), true, NULL, &msg) != HF_OK)
        return;
    hf_sb_init(&sb, text, sizeof(text));
    if (hf_sip_write_reply(&sb, &msg, &reply) == HF_OK &&
        hf_sip_write_end(&sb, (struct hf_slice){0}, (struct hf_slice){0}) == HF_OK)
        receive(text, sb.bytes, choice);
}

static void we_ask(uint8_t choice)
{
    char branch[HF_SIP_BRANCH_BYTES_MAX];
    struct hf_sip_flow to = flow(choice);
    struct hf_sip_tx *tx;

    write_request(fuzz.ours[choice & 3], choice, hf_sip_layer_branch(fuzz.layer, branch).at);
    if (fuzz.live_count < LIVE_MAX && hf_sip_tx_request(fuzz.layer, &to, hf_slice_of(fuzz.ours[choice & 3]),
                                                        NULL, fuzz.now_ms, &tx) == HF_OK)
        add_live(tx);
}

static void on_a_live_one(uint8_t step, uint8_t choice)
{
    struct hf_sip_tx *tx;
    struct hf_sip_msg msg;

    if (fuzz.live_count == 0)
        return;
    tx = fuzz.live[choice % fuzz.live_count];
    if (step == 0) {
        if (!hf_sip_tx_is_client(tx) && fuzz.got[0] != 0 &&
            hf_sip_parse(fuzz.got, strlen(fuzz.got), true, NULL, &msg) == HF_OK)
            answer(tx, &msg, 100 + 50 * (choice % 10));
    } else if (step == 1) {
        (void)hf_sip_tx_cancel(tx, fuzz.now_ms);
    } else if (step == 2) {
        char text[TEXT_MAX];

        write_request(text, 1, "z9hG4bKack");
        (void)hf_sip_tx_ack(tx, hf_slice_of(text), fuzz.now_ms);
    } else {
        hf_sip_tx_forget(tx);
        drop_live(tx);
    }
}

static void pass(uint64_t ms)
{
    fuzz.now_ms += ms;
    (void)hf_wheel_run(&fuzz.wheel, fuzz.now_ms);
}

static void judge(void)
{
    const struct hf_sip_layer_stats *stats = hf_sip_layer_stats(fuzz.layer);
    uint32_t sum = 0;

    for (unsigned kind = 0; kind < HF_SIP_TX_KINDS; kind++)
        for (unsigned state = 0; state < HF_SIP_TX_STATES; state++)
            sum += stats->now[kind][state];
    HF_ASSERT(sum == stats->transactions && sum <= TRANSACTIONS_MAX && sum == fuzz.layer->by_key.count);
    HF_ASSERT(stats->orphans + fuzz.live_count == sum);
    HF_ASSERT(stats->kept_bytes <= KEPT_BYTES_MAX);
}

static size_t step(const uint8_t *data, size_t bytes)
{
    uint8_t choice = data[1];

    fuzz.choice = choice;
    switch (data[0] % 16) {
    case 0:
    case 1:
    case 2: peer_asks(choice); break;
    case 3:
    case 4:
    case 5: peer_answers(choice); break;
    case 6:
    case 7: we_ask(choice); break;
    case 8:
    case 9:
    case 10:
    case 11: on_a_live_one(data[0] % 16 - 8, choice); break;
    case 12: pass((uint64_t)choice * choice); break;
    case 13:
        fuzz.deaf = choice & 1;
        fuzz.answers_at_once = choice & 2;
        break;
    case 14: {
        struct hf_sip_flow lost = flow(choice);

        (void)hf_sip_tx_flow_failed(fuzz.layer, &lost, HF_ERR_IO, fuzz.now_ms);
        break;
    }
    default: receive((const char *)data + 2, bytes - 2, choice); return bytes;
    }
    return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static const struct hf_sip_layer_ops ops = {on_send, on_event};
    struct hf_sip_layer_config config = {.ops = &ops,
                                         .wheel = &fuzz.wheel,
                                         .transactions_max = TRANSACTIONS_MAX,
                                         .kept_bytes_max = KEPT_BYTES_MAX};

    memset(&fuzz, 0, sizeof(fuzz));
    fuzz.now_ms = START_MS;
    hf_wheel_init(&fuzz.wheel, START_MS);
    HF_ASSERT(hf_sip_layer_new(&config, &fuzz.layer) == HF_OK);
    for (size_t at = 0; at + 2 <= data_bytes;) {
        at += step(data + at, data_bytes - at);
        judge();
    }
    fuzz.deaf = false;
    for (unsigned i = 0; i < 16; i++)
        pass(40000);
    judge();
    HF_ASSERT(fuzz.live_count == 0 && hf_sip_layer_stats(fuzz.layer)->transactions == 0 &&
              fuzz.wheel.armed == 0);
    hf_sip_layer_free(fuzz.layer);
    return 0;
}
