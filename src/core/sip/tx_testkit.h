/* core/sip/tx_testkit.h - for tests only: a layer on a clock that the test moves, a peer made of texts, and a log of everything that goes out. Scripts are words:
 *   recv:METHOD  the peer asks           again  the same bytes once more    ack  ackx  its ACK: of the INVITE's branch, of one of its own
 *   cancel       the peer's CANCEL       ans:N  our user answers            ask:METHOD  our user asks
 *   rsp:N rspx:N rspv:N the peer answers (from another dialog; without Via) uack  ucancel  forget  what our user does
 *   fail         the flow is lost        +N     so many ms pass             deaf  loud  sending fails on streams, works
 * and the log: "> 200 INVITE" was sent, "FINAL 200" was told. */
#ifndef HF_CORE_SIP_TX_TESTKIT_H
#define HF_CORE_SIP_TX_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sip/tx_internal.h"

#define KIT static __attribute__((unused))

enum { KIT_START_MS = 1000000, KIT_TEXT_MAX = 4096, KIT_LOG_MAX = 8192 };

struct kit {
    struct hf_wheel wheel;
    struct hf_sip_layer *layer;
    uint64_t now_ms, mark_ms;
    struct hf_sip_flow flow;  /* of the peer */
    struct hf_sip_flow at;    /* of the last message sent */
    struct hf_sip_tx *tx;     /* the last one made or told */
    char asked[KIT_TEXT_MAX]; /* the last request of ours, but ACK and CANCEL */
    char got[KIT_TEXT_MAX];   /* the last request of the peer, but ACK and CANCEL */
    char sent[KIT_TEXT_MAX];  /* the last message sent */
    const char *branch, *call_id;
    unsigned cseq;
    enum hf_sip_class shed;
    unsigned answer_at_once; /* status, in the callback */
    hf_err send_error;       /* or HF_OK */
    bool times, deaf, stateless;
    hf_err result; /* of the last call */
    struct hf_sb log;
    char log_text[KIT_LOG_MAX];
};

static struct kit kit;

KIT void kit_note(const char *what, struct hf_slice detail)
{
    if (kit.log.bytes > 0)
        hf_sb_text(&kit.log, ", ");
    if (kit.times)
        hf_sb_printf(&kit.log, "%u:", (unsigned)(kit.now_ms - kit.mark_ms));
    hf_sb_text(&kit.log, what);
    hf_sb_slice(&kit.log, detail);
    assert_false(kit.log.overflow);
}

KIT struct hf_sip_msg kit_parse(const char *text)
{
    struct hf_sip_msg msg;

    if (hf_sip_parse(text, strlen(text), true, NULL, &msg) != HF_OK)
        fail_msg("cannot parse (%s): %s", hf_sip_problem_info(msg.problem)->name, text);
    return msg;
}

KIT hf_err kit_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_sip_msg msg;
    char what[64];

    assert_ptr_equal(context, &kit);
    assert_true(bytes.bytes < KIT_TEXT_MAX);
    memcpy(kit.sent, bytes.at, bytes.bytes);
    kit.sent[bytes.bytes] = 0;
    kit.at = *flow;
    msg = kit_parse(kit.sent);
    if (msg.kind == HF_SIP_REQUEST)
        (void)snprintf(what, sizeof(what), "> %s", hf_sip_method_name(msg.method));
    else
        (void)snprintf(what, sizeof(what), "> %u %s", msg.status, hf_sip_method_name(msg.cseq.method));
    if (kit.deaf || kit.send_error != HF_OK) {
        kit_note("! ", hf_slice_of(what + 2));
        return kit.deaf ? HF_ERR_CLOSED : kit.send_error;
    }
    kit_note(what, (struct hf_slice){0});
    return HF_OK;
}

KIT hf_err kit_answer(unsigned status)
{
    struct hf_sip_msg request = kit_parse(kit.got);

    return hf_sip_tx_answer_plain(kit.tx, &request, status, kit.now_ms);
}

KIT void kit_on_event(void *context, const struct hf_sip_tx_event *event)
{
    static const char *const names[] = {"REQUEST", "CANCEL", "ACK",   "LOST", "PROVISIONAL",
                                        "FINAL",   "FAILED", "AGAIN", "OVER", "STRAY"};
    char what[64];

    assert_ptr_equal(context, &kit);
    assert_non_null(event->flow);
    assert_int_equal(event->err == HF_ERR_TIMEOUT, event->timer != HF_SIP_NO_TIMER);
    if (event->msg != NULL && event->msg->kind == HF_SIP_RESPONSE)
        (void)snprintf(what, sizeof(what), "%s %u", names[event->tell], event->msg->status);
    else if (event->err == HF_ERR_TIMEOUT)
        (void)snprintf(what, sizeof(what), "%s %s", names[event->tell], hf_sip_timer_name(event->timer));
    else if (event->err != HF_OK)
        (void)snprintf(what, sizeof(what), "%s %s", names[event->tell], hf_err_name(event->err));
    else
        (void)snprintf(what, sizeof(what), "%s", names[event->tell]);
    kit_note(what, (struct hf_slice){0});
    if (event->tell == HF_SIP_TELL_REQUEST) {
        kit.tx = event->tx;
        kit.stateless = event->stateless;
        if (kit.answer_at_once != 0)
            kit.result = kit_answer(kit.answer_at_once);
    }
}

static const struct hf_sip_layer_ops kit_ops = {kit_send, kit_on_event};

KIT struct hf_sip_flow kit_flow(enum hf_sip_transport transport, uint8_t last)
{
    return (struct hf_sip_flow){.connection = transport == HF_SIP_UDP ? 0 : last,
                                .peer = {192, 0, 2, last},
                                .local = {198, 51, 100, 5},
                                .peer_port = 5060,
                                .local_port = 5060,
                                .transport = (uint8_t)transport,
                                .family = 4};
}

/* with may be NULL: GB-13's values. */
KIT void kit_begin(enum hf_sip_transport transport, const struct hf_sip_layer_config *with)
{
    struct hf_sip_layer_config config = with != NULL ? *with : (struct hf_sip_layer_config){0};

    memset(&kit, 0, sizeof(kit));
    kit.now_ms = kit.mark_ms = KIT_START_MS;
    hf_wheel_init(&kit.wheel, kit.now_ms);
    config.ops = &kit_ops;
    config.context = &kit;
    config.wheel = &kit.wheel;
    memcpy(config.secret, "0123456789abcdef", sizeof(config.secret));
    assert_int_equal(hf_sip_layer_new(&config, &kit.layer), HF_OK);
    kit.flow = kit_flow(transport, 10);
    kit.branch = "z9hG4bK10001";
    kit.call_id = "900001";
    kit.cseq = 1;
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
}

KIT void kit_end(void)
{
    hf_sip_layer_free(kit.layer);
    assert_int_equal(kit.wheel.armed, 0);
}

KIT void kit_expect(const char *want)
{
    assert_string_equal(kit.log_text, want);
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
}

KIT const char *kit_transport(void)
{
    return kit.flow.transport == HF_SIP_UDP ? "UDP" : "TCP";
}

KIT void kit_request_text(char *ret, const char *method, const char *branch, const char *extra)
{
    int bytes = snprintf(ret, KIT_TEXT_MAX,
                         "%s sip:34020000002000000001@3402000000 SIP/2.0\r\n"
                         "Via: SIP/2.0/%s 192.0.2.10:5060;rport%s%s\r\n"
                         "From: <sip:34020000001320000001@3402000000>;tag=77\r\n"
                         "To: <sip:34020000002000000001@3402000000>\r\n"
                         "Call-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
                         method, kit_transport(), branch[0] != 0 ? ";branch=" : "", branch, kit.call_id,
                         kit.cseq, method, extra);

    assert_true(bytes > 0 && bytes < KIT_TEXT_MAX);
}

KIT void kit_receive(const char *text)
{
    struct hf_sip_msg msg = kit_parse(text);

    kit.result = hf_sip_tx_receive(kit.layer, &kit.flow, &msg, kit.shed, kit.now_ms);
}

KIT void kit_peer_asks(const char *method, const char *branch)
{
    char text[KIT_TEXT_MAX];

    kit_request_text(text, method, branch, "");
    if (strcmp(method, "ACK") != 0 && strcmp(method, "CANCEL") != 0)
        memcpy(kit.got, text, sizeof(text));
    kit_receive(text);
}

KIT void kit_ask(const char *method)
{
    char branch[HF_SIP_BRANCH_BYTES_MAX], tag[HF_SIP_TAG_BYTES_MAX];

    kit_request_text(kit.asked, method, hf_sip_layer_branch(kit.layer, branch).at, "");
    (void)hf_sip_layer_token(kit.layer, tag);
    kit.result = hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(kit.asked), &kit, kit.now_ms, &kit.tx);
}

KIT void kit_peer_answers(unsigned status, const char *to_tag, bool via)
{
    struct hf_sip_msg asked = kit_parse(kit.asked), msg;
    struct hf_sip_reply reply = {.status = status, .to_tag = hf_slice_of(to_tag)};
    char text[KIT_TEXT_MAX], *begin, *end;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &asked, &reply), HF_OK);
    assert_int_equal(hf_sip_write_end(&sb, (struct hf_slice){0}, (struct hf_slice){0}), HF_OK);
    if (!via) {
        begin = strstr(text, "Via:");
        end = strstr(begin, "\r\n") + 2;
        memmove(begin, end, strlen(end) + 1);
    }
    msg = kit_parse(text);
    kit.result = hf_sip_tx_receive(kit.layer, &kit.flow, &msg, HF_SIP_SHED_LATER, kit.now_ms);
}

KIT void kit_pass(unsigned ms) /* tick by tick, as a loop does */
{
    uint64_t until_ms = kit.now_ms + ms;

    while (kit.now_ms < until_ms) {
        kit.now_ms = HF_MIN(kit.now_ms - kit.now_ms % HF_WHEEL_TICK_MS + HF_WHEEL_TICK_MS, until_ms);
        hf_wheel_run(&kit.wheel, kit.now_ms);
    }
}

KIT void kit_word(const char *word)
{
    const char *colon = strchr(word, ':');
    const char *what = colon != NULL ? colon + 1 : "";
    unsigned number = (unsigned)strtoul(what, NULL, 10);
    struct hf_slice ack = {0};

    if (word[0] == '+')
        kit_pass((unsigned)strtoul(word + 1, NULL, 10));
    else if (strncmp(word, "recv:", 5) == 0)
        kit_peer_asks(what, kit.branch);
    else if (strcmp(word, "again") == 0)
        kit_receive(kit.got);
    else if (strcmp(word, "ack") == 0)
        kit_peer_asks("ACK", kit.branch);
    else if (strcmp(word, "ackx") == 0)
        kit_peer_asks("ACK", "z9hG4bKother");
    else if (strcmp(word, "cancel") == 0)
        kit_peer_asks("CANCEL", kit.branch);
    else if (strncmp(word, "ans:", 4) == 0)
        kit.result = kit_answer(number);
    else if (strncmp(word, "ask:", 4) == 0)
        kit_ask(what);
    else if (strncmp(word, "rsp:", 4) == 0)
        kit_peer_answers(number, "peer", true);
    else if (strncmp(word, "rspx:", 5) == 0)
        kit_peer_answers(number, "other", true);
    else if (strncmp(word, "rspv:", 5) == 0)
        kit_peer_answers(number, "peer", false);
    else if (strcmp(word, "ucancel") == 0)
        kit.result = hf_sip_tx_cancel(kit.tx, kit.now_ms);
    else if (strcmp(word, "forget") == 0)
        hf_sip_tx_forget(kit.tx);
    else if (strcmp(word, "fail") == 0)
        (void)hf_sip_tx_flow_failed(kit.layer, &kit.flow, HF_ERR_IO, kit.now_ms);
    else if (strcmp(word, "deaf") == 0 || strcmp(word, "loud") == 0)
        kit.deaf = word[0] == 'd';
    else if (strcmp(word, "uack") == 0) {
        char text[KIT_TEXT_MAX];

        kit_request_text(text, "ACK", "z9hG4bKuserack", "");
        ack = hf_slice_of(text);
        kit.result = hf_sip_tx_ack(kit.tx, ack, kit.now_ms);
    } else
        fail_msg("no such word: %s", word);
}

KIT void kit_run(const char *script)
{
    char words[512], *save = NULL;

    assert_true(strlen(script) < sizeof(words));
    strcpy(words, script);
    for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        kit_word(word);
}

#endif
