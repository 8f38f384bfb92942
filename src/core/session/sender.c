/* core/session/sender.c - window, acknowledgements and the one timer. The wire's 32-bit numbers are widened here and nowhere else. */
#include "core/session/sender.h"

#include "base/assert.h"
#include "core/session/serial.h"

static void take_window(struct hf_sender *sender, uint32_t messages, uint32_t bytes)
{
    sender->window_messages = HF_MIN(HF_MAX(messages, 1), (uint32_t)HF_WINDOW_MESSAGES_MAX);
    sender->window_bytes = HF_MIN(bytes, (uint32_t)HF_WINDOW_BYTES_MAX);
}

void hf_sender_init(struct hf_sender *sender, uint64_t next, uint32_t window_messages, uint32_t window_bytes)
{
    HF_ASSERT(next >= 1);
    next = hf_serial_number(next);
    *sender = (struct hf_sender){.base = next, .received = next - 1, .next = next, .given = next - 1};
    take_window(sender, window_messages, window_bytes);
}

/* "Everything through n" says the same of what lies between n and the next number: base, received + 1, next and given + 1 always are numbers. */
static uint64_t whole(uint64_t through)
{
    return hf_serial_number(through + 1) - 1;
}

void hf_sender_given(struct hf_sender *sender, uint64_t through)
{
    sender->given = HF_MAX(sender->given, whole(through));
}

bool hf_sender_may_send(const struct hf_sender *sender, uint64_t bytes)
{
    if (sender->next == sender->base)
        return true; /* else a message above the window would never go */
    return sender->next - sender->base < sender->window_messages && bytes <= sender->window_bytes &&
           sender->inflight_bytes <= sender->window_bytes - bytes;
}

static bool waits(const struct hf_sender *sender)
{
    return sender->received + 1 < sender->next;
}

static void progress(struct hf_sender *sender, uint64_t now_ms)
{
    sender->progress_ms = now_ms;
    sender->timeouts = 0;
    sender->asking = false;
}

static void went_out(struct hf_sender *sender, uint64_t through, uint64_t now_ms)
{
    if (!waits(sender))
        progress(sender, now_ms);
    sender->asking = false; /* the answer cannot know of this one */
    sender->next = hf_serial_number(through + 1);
    sender->given = HF_MAX(sender->given, sender->next - 1);
}

void hf_sender_sent(struct hf_sender *sender, uint64_t bytes, uint64_t now_ms)
{
    HF_ASSERT(hf_sender_may_send(sender, bytes) && bytes <= UINT32_MAX - sender->inflight_bytes);
    went_out(sender, sender->next, now_ms);
    sender->inflight_bytes += (uint32_t)bytes;
}

void hf_sender_skipped(struct hf_sender *sender, uint64_t through, uint64_t now_ms)
{
    HF_ASSERT(through >= sender->next);
    went_out(sender, through, now_ms);
}

/* "Everything through n": 0 at the beginning of a stream, which no sequence ever is. */
static bool expand_through(const struct hf_sender *sender, uint32_t wire, uint64_t *ret_through)
{
    if (!hf_serial_expand(sender->next, wire + 1, ret_through))
        return false;
    *ret_through = whole(*ret_through - 1);
    return true;
}

/* Both ends of a range, from <= to. */
static bool expand_range(const struct hf_sender *sender, const struct hf_frame_range *range,
                         uint64_t *ret_from, uint64_t *ret_to)
{
    return hf_serial_expand(sender->next, range->from, ret_from) &&
           hf_serial_expand(sender->next, range->to, ret_to) && *ret_from <= *ret_to;
}

static unsigned ranges_of(const struct hf_frame_ack *ack)
{
    return HF_MIN(ack->range_count, (unsigned)HF_FRAME_ACK_RANGES_MAX);
}

static bool names_only_given(const struct hf_sender *sender, const struct hf_frame_ack *ack)
{
    uint64_t from, to;

    for (unsigned i = 0; i < ranges_of(ack); i++)
        if (!expand_range(sender, &ack->ranges[i], &from, &to) || to > sender->given)
            return false;
    return true;
}

enum hf_ack_verdict hf_sender_ack(struct hf_sender *sender, const struct hf_frame_ack *ack, uint64_t now_ms,
                                  uint64_t *ret_base_before)
{
    uint64_t received, durable, base = sender->base, received_before = sender->received;

    *ret_base_before = base;
    sender->answered = false;
    if (!expand_through(sender, ack->received_through, &received) ||
        !expand_through(sender, ack->durable_through, &durable) || received > sender->given ||
        durable > received || !names_only_given(sender, ack))
        return HF_ACK_UNSENT;
    if (durable + 1 < base)
        return HF_ACK_OLD;
    if (received >= received_before) /* else overtaken: its window is an older one */
        take_window(sender, ack->window_messages, ack->window_bytes);
    sender->base = durable + 1;
    sender->next =
        HF_MAX(sender->next, sender->base); /* durable since an earlier connection: need not go again */
    sender->received = HF_MAX(received_before, HF_MIN(received, sender->next - 1));
    if (sender->base == base && sender->received == received_before) {
        sender->answered = sender->asking;
        sender->asking = false; /* one question, one resending */
        return HF_ACK_OLD;
    }
    progress(sender, now_ms);
    return HF_ACK_NEWS;
}

void hf_sender_released(struct hf_sender *sender, uint64_t bytes)
{
    /* Those that were durable before they were sent again are not counted in: then nothing at all is in flight. */
    HF_ASSERT(bytes <= sender->inflight_bytes || sender->next == sender->base);
    sender->inflight_bytes -= (uint32_t)HF_MIN(bytes, (uint64_t)sender->inflight_bytes);
}

bool hf_sender_missing(const struct hf_sender *sender, const struct hf_frame_ack *ack, uint64_t *at,
                       uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t first = HF_MAX(hf_serial_number(*at), sender->received + 1), last = 0, from, to;
    bool covered = true;

    for (unsigned i = 0; i < ranges_of(ack); i++)
        if (expand_range(sender, &ack->ranges[i], &from, &to))
            last = HF_MAX(last, to);
    if (last == 0 ||
        sender->answered) /* it holds nothing early, or had all that we sent before the question */
        last = hf_serial_before(sender->next);
    last = HF_MIN(last, hf_serial_before(sender->next));
    while (covered) { /* ranges come in any order and may overlap; each round leaves one behind */
        covered = false;
        for (unsigned i = 0; i < ranges_of(ack); i++)
            if (expand_range(sender, &ack->ranges[i], &from, &to) && from <= first && first <= to) {
                first = hf_serial_number(to + 1);
                covered = true;
            }
    }
    /* Behind the window lies only the rest of a gap that begins in it; a frame that began there would break the rule. */
    if (first > last || first - sender->base >= sender->window_messages)
        return false;
    for (unsigned i = 0; i < ranges_of(ack); i++)
        if (expand_range(sender, &ack->ranges[i], &from, &to) && from > first)
            last = HF_MIN(last, hf_serial_before(from));
    *ret_from = first;
    *ret_to = last;
    *at = last + 1;
    return true;
}

bool hf_sender_asked(const struct hf_sender *sender)
{
    return sender->answered;
}

static uint64_t stalled_at_ms(const struct hf_sender *sender)
{
    return waits(sender) ? sender->progress_ms + HF_SENDER_STALL_MS : UINT64_MAX;
}

static uint64_t ask_at_ms(const struct hf_sender *sender, const struct hf_rtt *rtt)
{
    uint64_t since_ms = sender->timeouts ? sender->asked_ms : sender->progress_ms;

    if (waits(sender))
        return since_ms + hf_rtt_rto_ms(rtt, sender->timeouts);
    return sender->base < sender->next ? since_ms + HF_SENDER_DURABLE_MS : UINT64_MAX;
}

uint64_t hf_sender_due_ms(const struct hf_sender *sender, const struct hf_rtt *rtt)
{
    return HF_MIN(stalled_at_ms(sender), ask_at_ms(sender, rtt));
}

enum hf_sender_verdict hf_sender_tick(struct hf_sender *sender, const struct hf_rtt *rtt, uint64_t now_ms)
{
    if (now_ms >= stalled_at_ms(sender))
        return HF_SENDER_STALLED;
    if (now_ms < ask_at_ms(sender, rtt))
        return HF_SENDER_NOTHING;
    sender->asked_ms = now_ms;
    sender->timeouts = (uint8_t)HF_MIN(sender->timeouts + 1, UINT8_MAX);
    sender->asking = true;
    return HF_SENDER_ASK;
}
