#include "codec/rtp/receiver.h"

#include "base/assert.h"

void hf_rtp_receiver_init(struct hf_rtp_receiver *self, uint32_t clock_hz)
{
    HF_ASSERT(clock_hz > 0);
    *self = (struct hf_rtp_receiver){.clock_hz = clock_hz};
}

static void begin(struct hf_rtp_receiver *self, uint16_t sequence)
{
    self->begun = true;
    self->has_bad = self->has_transit = false;
    self->expected = self->highest = sequence;
    self->base = sequence;
    self->cycles = self->received = self->expected_before = self->received_before = 0;
    self->waiting = 0;
    self->had = 0;
}

/* RFC 3550 A.8, in integers: J += (|D| - J) / 16. */
static void note_jitter(struct hf_rtp_receiver *self, uint32_t timestamp, uint64_t now_us)
{
    /* Modulo 2^32, as timestamps are; split so that nothing overflows. */
    uint64_t arrival = now_us / 1000000 * self->clock_hz + now_us % 1000000 * self->clock_hz / 1000000;
    uint32_t transit = (uint32_t)arrival - timestamp;

    if (self->has_transit) {
        int32_t d = (int32_t)(transit - self->transit);
        uint32_t off = d < 0 ? 0u - (uint32_t)d : (uint32_t)d;

        if (off < UINT32_MAX / 32) /* a new beginning of the timestamps is no jitter */
            self->jitter16 += off - ((self->jitter16 + 8) >> 4);
    }
    self->transit = transit;
    self->has_transit = true;
}

static void note(struct hf_rtp_receiver *self, uint16_t sequence, uint32_t timestamp, uint64_t now_us)
{
    uint16_t ahead = (uint16_t)(sequence - self->highest);

    self->received++;
    if (ahead != 0 && ahead < 0x8000) {
        if (sequence < self->highest)
            self->cycles += 0x10000;
        self->highest = sequence;
    }
    note_jitter(self, timestamp, now_us);
}

/* The place that is expected moves on by `count`; those passed over were not had. */
static void advance(struct hf_rtp_receiver *self, unsigned count, bool had)
{
    self->expected = (uint16_t)(self->expected + count);
    self->waiting = count < HF_RTP_WINDOW ? self->waiting >> count : 0;
    self->had = count < 64 ? self->had << count : 0;
    self->had |= had;
}

bool hf_rtp_receiver_overflows(const struct hf_rtp_receiver *self, uint16_t sequence)
{
    uint16_t ahead = (uint16_t)(sequence - self->expected);

    return self->waiting != 0 && ahead >= HF_RTP_WINDOW && ahead < HF_RTP_DROPOUT_MAX;
}

static enum hf_rtp_verdict take_behind(struct hf_rtp_receiver *self, unsigned behind)
{
    if (behind <= 64 && (self->had >> (behind - 1) & 1)) {
        self->duplicates++;
        return HF_RTP_DUPLICATE;
    }
    self->late++;
    return HF_RTP_LATE;
}

enum hf_rtp_verdict hf_rtp_receiver_take(struct hf_rtp_receiver *self, uint16_t sequence, uint32_t timestamp,
                                         uint64_t now_us, unsigned *ret_slot, unsigned *ret_lost)
{
    uint16_t ahead = (uint16_t)(sequence - self->expected);
    bool restart = false;

    HF_ASSERT(!hf_rtp_receiver_overflows(self, sequence));
    *ret_lost = 0;
    self->packets++;
    if (!self->begun) {
        begin(self, sequence);
        ahead = 0;
    } else if (ahead >= HF_RTP_DROPOUT_MAX && ahead < 0x10000 - HF_RTP_MISORDER_MAX) {
        if (!self->has_bad || sequence != self->bad) {
            self->has_bad = true;
            self->bad = (uint16_t)(sequence + 1);
            self->strange++;
            return HF_RTP_STRANGE;
        }
        restart = true;
        begin(self, sequence);
        ahead = 0;
        self->restarts++;
        *ret_lost = 1; /* the strange one, at least */
    }
    self->has_bad = false;
    note(self, sequence, timestamp, now_us);
    if (ahead >= HF_RTP_DROPOUT_MAX)
        return take_behind(self, 0x10000u - ahead);
    if (ahead > 0 && ahead < HF_RTP_WINDOW) {
        if (self->waiting >> ahead & 1) {
            self->duplicates++;
            return HF_RTP_DUPLICATE;
        }
        self->waiting |= UINT32_C(1) << ahead;
        *ret_slot = sequence % HF_RTP_WINDOW;
        return HF_RTP_WAITS;
    }
    if (ahead > 0) { /* nothing waits, and this cannot: the gap is lost at once */
        *ret_lost = ahead;
        self->lost += ahead;
        advance(self, ahead, false);
    }
    if (self->waiting != 0)
        self->reordered++; /* it comes behind one that was sent after it */
    advance(self, 1, true);
    return restart ? HF_RTP_RESTART : HF_RTP_NEXT;
}

/* After an advance bit 0 may be set: its turn has come. */
bool hf_rtp_receiver_pop(struct hf_rtp_receiver *self, unsigned *ret_slot)
{
    if (!(self->waiting & 1))
        return false;
    *ret_slot = self->expected % HF_RTP_WINDOW;
    advance(self, 1, true);
    return true;
}

bool hf_rtp_receiver_waits(const struct hf_rtp_receiver *self)
{
    return self->waiting != 0;
}

unsigned hf_rtp_receiver_give_up(struct hf_rtp_receiver *self)
{
    unsigned count;

    if (self->waiting == 0)
        return 0;
    count = (unsigned)__builtin_ctz(self->waiting);
    advance(self, count, false);
    self->lost += count;
    return count;
}

struct hf_rtcp_report hf_rtp_receiver_report(struct hf_rtp_receiver *self)
{
    uint32_t highest = self->cycles + self->highest, expected = highest - self->base + 1;
    int64_t lost = (int64_t)expected - self->received;
    uint32_t interval = expected - self->expected_before;
    int64_t interval_lost = (int64_t)interval - (self->received - self->received_before);

    if (!self->begun)
        return (struct hf_rtcp_report){0};
    self->expected_before = expected;
    self->received_before = self->received;
    return (struct hf_rtcp_report){
        .fraction =
            (uint8_t)(interval == 0 || interval_lost <= 0 ? 0 : HF_MIN(interval_lost * 256 / interval, 255)),
        .lost = (int32_t)HF_MAX(HF_MIN(lost, 0x7fffff), -0x800000),
        .sequence = highest,
        .jitter = self->jitter16 >> 4};
}

uint32_t hf_rtp_receiver_jitter_us(const struct hf_rtp_receiver *self)
{
    return (uint32_t)((uint64_t)(self->jitter16 >> 4) * 1000000 / self->clock_hz);
}
