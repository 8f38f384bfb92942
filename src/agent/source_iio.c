/* Sensors of the kernel's Industrial I/O, as files below /sys/bus/iio/devices. Source: Documentation/ABI/testing/sysfs-bus-iio: value = (raw + offset) x scale, in rad/s
 * (anglvel), degrees (incli), m/s2 (accel), mW (power).
 *   cadence: in_anglvel_{x,y,z}, a gyroscope on the crank: turns a minute
 *   power:   in_power, in_power0
 *   lean:    in_incli_{x,y}, else in_accel_y against in_accel_z
 * The first device, by number, that has a channel gives it. Files are opened once and read at each sample. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/source.h"
#include "base/assert.h"

enum { DEVICES_MAX = 32, NUMBER_BYTES = 64, PATH_BYTES = 600 };

struct channel {
    int fd; /* -1: there is none */
    double offset, scale;
};

enum { CADENCE, POWER, LEAN, ACROSS, UP, CHANNELS };

struct iio {
    struct hf_source source;
    struct hf_ring *ring;
    uint64_t period_ns, next_ns;
    struct channel channel[CHANNELS];
};

static const char *const names[CHANNELS][4] = {
    [CADENCE] = {"in_anglvel_x", "in_anglvel_y", "in_anglvel_z", NULL},
    [POWER] = {"in_power", "in_power0", NULL},
    [LEAN] = {"in_incli_x", "in_incli_y", NULL},
    [ACROSS] = {"in_accel_y", NULL},
    [UP] = {"in_accel_z", NULL},
};

static bool read_number(int fd, double *ret_value)
{
    char text[NUMBER_BYTES], *end;
    ssize_t bytes = pread(fd, text, sizeof(text) - 1, 0);

    if (bytes <= 0)
        return false;
    text[bytes] = '\0';
    *ret_value = strtod(text, &end);
    return end != text && isfinite(*ret_value);
}

/* name + suffix, else the name without its axis + suffix, as drivers have that share one scale; else `otherwise`. */
static double setting(const char *device, const char *name, const char *suffix, double otherwise)
{
    const char *ends[] = {name + strlen(name), strrchr(name, '_')};
    double value = otherwise;
    bool found = false;

    for (unsigned i = 0; i < 2 && !found; i++) {
        char path[PATH_BYTES];
        int fd;

        if (snprintf(path, sizeof(path), "%s/%.*s_%s", device, (int)(ends[i] - name), name, suffix) >=
            (int)sizeof(path))
            continue;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        found = fd >= 0 && read_number(fd, &value);
        if (fd >= 0)
            (void)close(fd);
    }
    return found ? value : otherwise;
}

static void open_channel(struct channel *channel, const char *device, const char *const *wanted)
{
    for (; *wanted != NULL && channel->fd < 0; wanted++) {
        char path[PATH_BYTES];

        if (snprintf(path, sizeof(path), "%s/%s_raw", device, *wanted) >= (int)sizeof(path))
            continue;
        channel->fd = open(path, O_RDONLY | O_CLOEXEC);
        channel->offset = setting(device, *wanted, "offset", 0);
        channel->scale = setting(device, *wanted, "scale", 1);
    }
}

static double value_of(struct iio *iio, unsigned channel)
{
    const struct channel *c = &iio->channel[channel];
    double raw;

    if (c->fd < 0)
        return NAN;
    if (!read_number(c->fd, &raw)) {
        hf_source_count(&iio->source.counters.unread);
        return NAN;
    }
    return (raw + c->offset) * c->scale;
}

static void sample_now(struct iio *iio, uint64_t now_ns)
{
    double cadence_rpm = fabs(value_of(iio, CADENCE)) * 60 / (2 * M_PI);
    double power_w = value_of(iio, POWER) / 1000;
    double lean_deg = iio->channel[LEAN].fd >= 0
                          ? value_of(iio, LEAN)
                          : atan2(value_of(iio, ACROSS), value_of(iio, UP)) * 180 / M_PI;
    double *values[] = {&cadence_rpm, &power_w, &lean_deg};
    struct hf_sample sample;
    enum hf_row_field field;

    /* What lies outside of a sample's range is no value, and counted. */
    while (!hf_row_values(cadence_rpm, power_w, lean_deg, &sample, &field)) {
        hf_source_count(&iio->source.counters.bad[HF_ROW_RANGE]);
        *values[field] = NAN;
    }
    sample.ts_ns = now_ns;
    hf_source_push(&iio->source, iio->ring, &sample);
}

static uint64_t turn(struct hf_source *source, uint64_t now_ns)
{
    struct iio *iio = HF_CONTAINER_OF(source, struct iio, source);

    if (iio->next_ns == 0)
        iio->next_ns = now_ns;
    if (now_ns < iio->next_ns)
        return iio->next_ns;
    sample_now(iio, now_ns);
    /* A sensor has one value now: turns that were missed are skipped, not made up. */
    uint64_t behind = (now_ns - iio->next_ns) / iio->period_ns;

    atomic_fetch_add_explicit(&source->counters.skipped, behind, memory_order_relaxed);
    iio->next_ns += (behind + 1) * iio->period_ns;
    return iio->next_ns;
}

static void free_it(struct hf_source *source)
{
    struct iio *iio = HF_CONTAINER_OF(source, struct iio, source);

    for (unsigned i = 0; i < CHANNELS; i++)
        if (iio->channel[i].fd >= 0)
            (void)close(iio->channel[i].fd);
    free(iio);
}

static int compare(const void *a, const void *b)
{
    const unsigned *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void find_channels(struct iio *iio, const char *root)
{
    static const char prefix[] = "iio:device";
    unsigned numbers[DEVICES_MAX], count = 0;
    DIR *dir = opendir(root);
    const struct dirent *entry;

    while (dir != NULL && count < DEVICES_MAX && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0)
            numbers[count++] = (unsigned)strtoul(entry->d_name + sizeof(prefix) - 1, NULL, 10);
    if (dir != NULL)
        (void)closedir(dir);
    qsort(numbers, count, sizeof(numbers[0]), compare);
    for (unsigned i = 0; i < count; i++) {
        char device[PATH_BYTES];

        if (snprintf(device, sizeof(device), "%s/%s%u", root, prefix, numbers[i]) < (int)sizeof(device))
            for (unsigned c = 0; c < CHANNELS; c++)
                open_channel(&iio->channel[c], device, names[c]);
    }
}

struct hf_source *hf_source_iio(struct hf_ring *ring, const char *root, unsigned rate,
                                char error[HF_SOURCE_TEXT_BYTES])
{
    static const struct hf_source_ops ops = {.turn = turn, .free_it = free_it};
    struct iio *iio = calloc(1, sizeof(*iio));

    HF_ASSERT(rate > 0 && rate <= HF_SOURCE_RATE_MAX);
    if (iio == NULL) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "out of memory");
        return NULL;
    }
    iio->source.ops = &ops;
    iio->ring = ring;
    iio->period_ns = 1000000000 / rate;
    for (unsigned c = 0; c < CHANNELS; c++)
        iio->channel[c].fd = -1;
    find_channels(iio, root);
    if (iio->channel[CADENCE].fd < 0 && iio->channel[POWER].fd < 0 && iio->channel[LEAN].fd < 0 &&
        (iio->channel[ACROSS].fd < 0 || iio->channel[UP].fd < 0)) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES,
                       "no device below '%.120s' has in_anglvel, in_power, in_incli or in_accel", root);
        free_it(&iio->source);
        return NULL;
    }
    return &iio->source;
}
