#include "core/twin/series.h"

#include "base/assert.h"
#include "base/bytes.h"

enum {
    TIME,
    COUNT,
    SUM = COUNT + HF_SERIES_CHANNELS,
    LOW = SUM + HF_SERIES_CHANNELS,
    HIGH = LOW + HF_SERIES_CHANNELS,
    /* The longest point: each number with its ones, a length and 63 bits. */
    POINT_BITS_MAX = 1 + HF_SERIES_COLUMNS * (HF_SERIES_ONES_MAX + 6 + 63),
    POINT_BYTES_MAX = (POINT_BITS_MAX + 7) / 8 + 8,
    MEAN_SHIFT = 4,            /* the mean of a column follows with 1/16 */
    MEAN_NUMBER_MAX = 1 << 24, /* a larger number counts as this one in it */
    STEP_SHIFT = 2,
    LENGTH_BITS = 6,
};
_Static_assert(HIGH + HF_SERIES_CHANNELS == HF_SERIES_COLUMNS, "a column each");

const struct hf_series_unit hf_series_units[HF_SERIES_CHANNELS] = {
    [HF_SERIES_CADENCE] = {"cadence", "cadence_rpm", "rpm", 2},
    [HF_SERIES_POWER] = {"power", "power_w", "W", 1},
    [HF_SERIES_LEAN] = {"lean", "lean_deg", "deg", 256},
};

void hf_series_add(struct hf_series_stat *into, const struct hf_series_stat *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0) {
        *into = *from;
        return;
    }
    into->count += from->count;
    into->sum += from->sum;
    into->min = HF_MIN(into->min, from->min);
    into->max = HF_MAX(into->max, from->max);
}

static bool stat_valid(const struct hf_series_stat *stat, uint32_t count_max)
{
    if (stat->count == 0)
        return stat->min == 0 && stat->max == 0 && stat->sum == 0;
    int64_t count = stat->count;

    return stat->count <= count_max && stat->min >= HF_SERIES_VALUE_MIN && stat->max <= HF_SERIES_VALUE_MAX &&
           stat->min <= stat->max && stat->sum >= count * stat->min && stat->sum <= count * stat->max &&
           (stat->count > 1 || (stat->min == stat->sum && stat->max == stat->sum));
}

/* ---- what both sides do ---- */

static uint64_t fold(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unfold(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

static unsigned width(uint64_t number) /* bits without leading zeros */
{
    return number ? 64 - (unsigned)__builtin_clzll(number) : 0;
}

static unsigned rice_bits(uint32_t mean)
{
    return width((uint64_t)mean * 11 >> (MEAN_SHIFT + 4)); /* about the mean times ln 2 */
}

static void learn(uint32_t *mean, uint64_t number)
{
    *mean = *mean - (*mean >> MEAN_SHIFT) + (uint32_t)HF_MIN(number, (uint64_t)MEAN_NUMBER_MAX);
}

static int64_t floor_mean(const struct hf_series_stat *stat)
{
    int64_t count = stat->count, mean = stat->sum / count;

    return mean * count > stat->sum ? mean - 1 : mean;
}

/* What the samples before make of so many. */
static int64_t expected_sum(const struct hf_series_past *past, unsigned channel, uint32_t count)
{
    uint32_t before = past->of[channel].sum_count;

    if (before == count || before == 0)
        return past->of[channel].sum;
    return past->of[channel].sum * (int64_t)count / (int64_t)before; /* below 2^(16 + 20 + 20) */
}
_Static_assert(INT64_MAX / HF_SERIES_COUNT_MAX / HF_SERIES_COUNT_MAX > HF_SERIES_VALUE_MAX,
               "the product above");

static void passed_time(struct hf_series_past *past, uint64_t t_us, bool first)
{
    uint64_t step_us = first ? 0 : t_us - past->t_us;

    if (past->step_us == 0)
        past->step_us = step_us;
    else
        past->step_us += (uint64_t)(((int64_t)step_us - (int64_t)past->step_us) / (1 << STEP_SHIFT));
    past->t_us = t_us;
}

/* ---- writing ---- */

void hf_series_begin(struct hf_series_writer *writer, uint8_t tier, uint8_t *at, size_t bytes_max)
{
    HF_ASSERT(bytes_max >= HF_SERIES_HEAD_BYTES + 160);
    *writer = (struct hf_series_writer){
        .head.tier = tier, .at = at, .bytes = HF_SERIES_HEAD_BYTES, .bytes_max = bytes_max};
    for (unsigned i = 0; i < HF_SERIES_COLUMNS; i++)
        writer->past.mean[i] = 1 << MEAN_SHIFT;
}

static void put_bits(struct hf_series_writer *writer, uint64_t bits, unsigned count) /* 0..32 */
{
    writer->word = writer->word << count | bits;
    writer->word_bits += count;
    while (writer->word_bits >= 8) {
        writer->word_bits -= 8;
        /* Beyond the end nothing is kept: put() sees that it went there, and takes it back. */
        if (writer->bytes < writer->bytes_max)
            writer->at[writer->bytes] = (uint8_t)(writer->word >> writer->word_bits);
        writer->bytes++;
    }
}

static void put_number(struct hf_series_writer *writer, unsigned column, uint64_t number)
{
    unsigned k = rice_bits(writer->past.mean[column]);
    uint64_t ones = number >> k;

    learn(&writer->past.mean[column], number);
    if (ones < HF_SERIES_ONES_MAX) {
        put_bits(writer, (UINT64_C(2) << ones) - 2, (unsigned)ones + 1);
        put_bits(writer, number & ((UINT64_C(1) << k) - 1), k);
        return;
    }
    unsigned bits = width(number);

    put_bits(writer, (UINT64_C(1) << HF_SERIES_ONES_MAX) - 1, HF_SERIES_ONES_MAX);
    put_bits(writer, bits, LENGTH_BITS);
    if (bits > 32)
        put_bits(writer, number >> 32, bits - 32);
    put_bits(writer, number & UINT32_MAX & (bits < 32 ? (UINT64_C(1) << bits) - 1 : UINT32_MAX),
             HF_MIN(bits, 32u));
}

static void put_stat(struct hf_series_writer *writer, unsigned channel, const struct hf_series_stat *stat)
{
    struct hf_series_past *past = &writer->past;

    if (stat->count == 0)
        return;
    put_number(writer, SUM + channel, fold(stat->sum - expected_sum(past, channel, stat->count)));
    past->of[channel].sum = stat->sum;
    past->of[channel].sum_count = stat->count;
    if (stat->count == 1)
        return;
    int64_t mean = floor_mean(stat);

    put_number(writer, LOW + channel, (uint64_t)(mean - stat->min));
    put_number(writer, HIGH + channel, (uint64_t)(stat->max - mean));
}

static void put_point(struct hf_series_writer *writer, const struct hf_series_point *point, bool first)
{
    struct hf_series_past *past = &writer->past;
    bool same = true;

    if (!first) /* the first one's time is in the head */
        put_number(writer, TIME, fold((int64_t)(point->t_us - past->t_us) - (int64_t)past->step_us));
    passed_time(past, point->t_us, first);
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        same &= point->of[i].count == past->of[i].count;
    put_bits(writer, same, 1);
    for (unsigned i = 0; !same && i < HF_SERIES_CHANNELS; i++) {
        put_number(writer, COUNT + i, fold((int64_t)point->of[i].count - (int64_t)past->of[i].count));
        past->of[i].count = point->of[i].count;
    }
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        put_stat(writer, i, &point->of[i]);
}

hf_err hf_series_put(struct hf_series_writer *writer, const struct hf_series_point *point)
{
    struct hf_series_head *head = &writer->head;
    bool first = head->points == 0;

    if (point->t_us > HF_SERIES_US_MAX)
        return HF_ERR_INVALID;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        if (!stat_valid(&point->of[i], HF_SERIES_COUNT_MAX))
            return HF_ERR_INVALID;
    if (!first && (point->t_us < head->last_us || head->points == HF_SERIES_POINTS_MAX))
        return HF_ERR_FULL;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        if (head->of[i].count > UINT32_MAX - point->of[i].count)
            return HF_ERR_FULL;
    if (writer->bytes + POINT_BYTES_MAX > writer->bytes_max) { /* it may not fit */
        struct hf_series_writer before = *writer;

        put_point(writer, point, first);
        if (writer->bytes + 1 > writer->bytes_max) { /* with what has no byte yet */
            *writer = before;
            return HF_ERR_FULL;
        }
    } else {
        put_point(writer, point, first);
    }
    if (first)
        head->first_us = point->t_us;
    head->last_us = point->t_us;
    head->points++;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        hf_series_add(&head->of[i], &point->of[i]);
    return HF_OK;
}

struct hf_slice hf_series_block(struct hf_series_writer *writer)
{
    const struct hf_series_head *head = &writer->head;
    uint8_t *at = writer->at;
    size_t bytes = writer->bytes;

    if (head->points == 0)
        return (struct hf_slice){NULL, 0};
    if (writer->word_bits > 0) /* the writer has them still */
        at[bytes++] = (uint8_t)(writer->word << (8 - writer->word_bits));
    HF_ASSERT(bytes <= writer->bytes_max);
    at[0] = HF_SERIES_VERSION;
    at[1] = head->tier;
    hf_put_u16(at + 2, head->points);
    hf_put_u64(at + 4, head->first_us);
    hf_put_u64(at + 12, head->last_us);
    hf_put_u32(at + 20, (uint32_t)(bytes - HF_SERIES_HEAD_BYTES));
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        uint8_t *stat = at + 24 + 20 * i;

        hf_put_u32(stat, head->of[i].count);
        hf_put_u32(stat + 4, (uint32_t)head->of[i].min);
        hf_put_u32(stat + 8, (uint32_t)head->of[i].max);
        hf_put_u64(stat + 12, (uint64_t)head->of[i].sum);
    }
    return (struct hf_slice){(const char *)at, bytes};
}

/* ---- reading ---- */

hf_err hf_series_head(struct hf_slice block, struct hf_series_head *ret_head)
{
    const uint8_t *at = (const uint8_t *)block.at;
    struct hf_series_head head = {0};

    if (block.bytes < HF_SERIES_HEAD_BYTES || at[0] != HF_SERIES_VERSION || at[1] >= HF_SERIES_TIERS ||
        hf_get_u32(at + 20) != block.bytes - HF_SERIES_HEAD_BYTES)
        return HF_ERR_CORRUPT;
    head.tier = at[1];
    head.points = hf_get_u16(at + 2);
    head.first_us = hf_get_u64(at + 4);
    head.last_us = hf_get_u64(at + 12);
    if (head.points == 0 || head.points > HF_SERIES_POINTS_MAX || head.first_us > head.last_us ||
        head.last_us > HF_SERIES_US_MAX)
        return HF_ERR_CORRUPT;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        const uint8_t *stat = at + 24 + 20 * i;

        head.of[i] = (struct hf_series_stat){hf_get_u32(stat), (int32_t)hf_get_u32(stat + 4),
                                             (int32_t)hf_get_u32(stat + 8), (int64_t)hf_get_u64(stat + 12)};
        if (!stat_valid(&head.of[i], UINT32_MAX))
            return HF_ERR_CORRUPT;
    }
    *ret_head = head;
    return HF_OK;
}

hf_err hf_series_open(struct hf_series_reader *reader, struct hf_slice block)
{
    *reader = (struct hf_series_reader){0};
    hf_err err = hf_series_head(block, &reader->head);

    if (err != HF_OK)
        return err;
    reader->at = (const uint8_t *)block.at + HF_SERIES_HEAD_BYTES;
    reader->end = (const uint8_t *)block.at + block.bytes;
    reader->left = reader->head.points;
    for (unsigned i = 0; i < HF_SERIES_COLUMNS; i++)
        reader->past.mean[i] = 1 << MEAN_SHIFT;
    return HF_OK;
}

static void fill(struct hf_series_reader *reader)
{
    while (reader->word_bits <= 56 && reader->at < reader->end) {
        reader->word |= (uint64_t)*reader->at++ << (56 - reader->word_bits);
        reader->word_bits += 8;
    }
}

/* 0..32 bits; false: there are not so many. */
static bool take_bits(struct hf_series_reader *reader, unsigned count, uint64_t *ret_bits)
{
    fill(reader);
    if (reader->word_bits < count)
        return false;
    *ret_bits = count > 0 ? reader->word >> (64 - count) : 0;
    reader->word = reader->word << count;
    reader->word_bits -= count;
    return true;
}

static bool take_number(struct hf_series_reader *reader, unsigned column, uint64_t *ret_number)
{
    unsigned k = rice_bits(reader->past.mean[column]);
    uint64_t low, high = 0;

    fill(reader);
    unsigned ones = ~reader->word ? (unsigned)__builtin_clzll(~reader->word) : 64;
    if (ones < HF_SERIES_ONES_MAX) {
        if (!take_bits(reader, ones + 1, &high) || !take_bits(reader, k, &low))
            return false;
        *ret_number = (uint64_t)ones << k | low;
    } else {
        uint64_t bits;

        if (!take_bits(reader, HF_SERIES_ONES_MAX, &high) || !take_bits(reader, LENGTH_BITS, &bits))
            return false;
        high = 0;
        if ((bits > 32 && !take_bits(reader, (unsigned)bits - 32, &high)) ||
            !take_bits(reader, HF_MIN((unsigned)bits, 32u), &low))
            return false;
        *ret_number = high << 32 | low;
        if (width(*ret_number) != bits || *ret_number >> k < HF_SERIES_ONES_MAX)
            return false; /* spelled otherwise than it would be written */
    }
    learn(&reader->past.mean[column], *ret_number);
    return true;
}

static bool take_stat(struct hf_series_reader *reader, unsigned channel, struct hf_series_stat *stat)
{
    struct hf_series_past *past = &reader->past;
    uint64_t number, low, high;

    if (stat->count == 0)
        return true;
    if (!take_number(reader, SUM + channel, &number))
        return false;
    stat->sum = (int64_t)((uint64_t)unfold(number) + (uint64_t)expected_sum(past, channel, stat->count));
    int64_t count = stat->count;
    if (stat->sum < count * HF_SERIES_VALUE_MIN || stat->sum > count * HF_SERIES_VALUE_MAX)
        return false;
    past->of[channel].sum = stat->sum;
    past->of[channel].sum_count = stat->count;
    if (count == 1) {
        stat->min = stat->max = (int32_t)stat->sum;
        return true;
    }
    if (!take_number(reader, LOW + channel, &low) || !take_number(reader, HIGH + channel, &high) ||
        low > UINT16_MAX * 2 || high > UINT16_MAX * 2)
        return false;
    stat->min = (int32_t)(floor_mean(stat) - (int64_t)low);
    stat->max = (int32_t)(floor_mean(stat) + (int64_t)high);
    return true;
}

static bool take_point(struct hf_series_reader *reader, bool first, struct hf_series_point *point)
{
    struct hf_series_past *past = &reader->past;
    uint64_t number, same;

    point->t_us = reader->head.first_us;
    if (!first) {
        if (!take_number(reader, TIME, &number))
            return false;
        point->t_us = past->t_us + past->step_us + (uint64_t)unfold(number);
        if (point->t_us < past->t_us || point->t_us > reader->head.last_us)
            return false;
    }
    passed_time(past, point->t_us, first);
    if (!take_bits(reader, 1, &same))
        return false;
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        int64_t count = past->of[i].count;

        if (!same) {
            if (!take_number(reader, COUNT + i, &number) || number > 2 * (uint64_t)HF_SERIES_COUNT_MAX)
                return false;
            count += unfold(number);
        }
        if (count < 0 || count > HF_SERIES_COUNT_MAX)
            return false;
        past->of[i].count = point->of[i].count = (uint32_t)count;
    }
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++)
        if (!take_stat(reader, i, &point->of[i]) || !stat_valid(&point->of[i], HF_SERIES_COUNT_MAX))
            return false;
    return true;
}

hf_err hf_series_next(struct hf_series_reader *reader, struct hf_series_point *ret_point)
{
    struct hf_series_point point = {0};

    if (reader->left == 0)
        return HF_ERR_NOT_FOUND;
    if (!take_point(reader, reader->left == reader->head.points, &point) ||
        (reader->left == 1 && point.t_us != reader->head.last_us)) {
        reader->head.points = 0; /* final: nothing is left, and never was a first one */
        reader->left = 1;
        reader->at = reader->end;
        reader->word_bits = 0;
        reader->word = 0;
        return HF_ERR_CORRUPT;
    }
    reader->left--;
    *ret_point = point;
    return HF_OK;
}
