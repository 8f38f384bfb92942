#include "bench/gb/fleet_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/charset.h"
#include "io/clock.h"
#include "io/entropy.h"

enum { EVENTS_MAX = 256, WAIT_MS_MAX = 1000, SERIAL_AT = 14, SERIALS = 1000000, ID_DIGITS = 20 };

static struct hf_fleet_link *link_of(struct hf_cam *cam)
{
    return HF_CONTAINER_OF(cam, struct hf_fleet_link, cam);
}

static bool on_send(void *context, struct hf_cam *cam, struct hf_slice bytes)
{
    struct hf_fleet *fleet = context;
    struct hf_fleet_link *link = link_of(cam);

    if (fleet->options.on_message != NULL)
        fleet->options.on_message(fleet->options.context, hf_fleet_index(fleet, link), true, bytes);
    return hf_fleet_link_send(fleet, link, bytes);
}

static void on_event(void *context, struct hf_cam *cam, const struct hf_cam_event *event)
{
    struct hf_fleet *fleet = context;

    if (fleet->options.on_event != NULL)
        fleet->options.on_event(fleet->options.context, hf_fleet_index(fleet, link_of(cam)), event);
}

static void *on_media_open(void *context, struct hf_cam *cam, bool tcp, struct hf_slice host, uint16_t port,
                           uint16_t *ret_port)
{
    return hf_fleet_media_open(context, cam, tcp, host, port, ret_port);
}

static hf_err on_media_send(void *context, void *media, const uint8_t *packet, size_t bytes)
{
    return hf_fleet_media_send(context, media, packet, bytes);
}

static void on_media_close(void *context, void *media)
{
    hf_fleet_media_close(context, media);
}

static void on_sound(void *context, struct hf_cam *cam, struct hf_slice bytes)
{
    struct hf_fleet *fleet = context;

    if (fleet->options.on_sound != NULL)
        fleet->options.on_sound(fleet->options.context, hf_fleet_index(fleet, link_of(cam)), bytes);
}

static const struct hf_cam_ops ops = {.send = on_send,
                                      .on_event = on_event,
                                      .media_open = on_media_open,
                                      .media_send = on_media_send,
                                      .media_close = on_media_close,
                                      .sound = on_sound};

static bool options_good(const struct hf_fleet_options *options)
{
    if (strlen(options->first_id) != ID_DIGITS || strspn(options->first_id, "0123456789") != ID_DIGITS)
        return false;
    return options->count >= 1 && options->count <= HF_FLEET_CAMERAS_MAX &&
           strtoul(options->first_id + SERIAL_AT, NULL, 10) + options->count <= SERIALS &&
           options->server.any.sa_family != AF_UNSPEC && options->loss_ppm <= 1000000;
}

static void cameras_init(struct hf_fleet *fleet)
{
    unsigned long serial = strtoul(fleet->options.first_id + SERIAL_AT, NULL, 10);
    const struct hf_cam_quirks *quirks = fleet->options.quirks;

    for (uint32_t i = 0; i < fleet->options.count; i++) {
        char id[HF_CAM_ID_BYTES];

        (void)snprintf(id, sizeof(id), "%.14s%06lu", fleet->options.first_id, (serial + i) % SERIALS);
        fleet->links[i].fd = -1;
        fleet->links[i].source.on_events = hf_fleet_link_event;
        hf_timer_init(&fleet->links[i].timer, hf_fleet_link_time);
        hf_cam_init(&fleet->links[i].cam, &fleet->world, id);
        if (quirks != NULL && quirks->count > 0)
            hf_cam_set_quirks(&fleet->links[i].cam, quirks->set[i % quirks->count]);
        fleet->made = i + 1;
    }
}

hf_err hf_fleet_new(const struct hf_fleet_options *options, struct hf_fleet **ret_fleet)
{
    struct hf_fleet *fleet;
    hf_err err;

    if (!options_good(options))
        return HF_ERR_INVALID;
    fleet = calloc(1, sizeof(*fleet));
    if (fleet == NULL)
        return HF_ERR_NOMEM;
    fleet->options = *options;
    fleet->epoll_fd = -1;
    fleet->world = (struct hf_cam_world){
        .ops = &ops, .context = fleet, .profile = options->profile, .wheel = &fleet->wheel};
    hf_rng_seed(&fleet->world.rng, hf_entropy_u64());
    hf_wheel_init(&fleet->wheel, hf_clock_ms());
    (void)hf_fleet_now(fleet);
    err = hf_charset_open(&fleet->conv);
    fleet->has_conv = err == HF_OK;
    if (err != HF_OK)
        goto out;
    fleet->world.conv = &fleet->conv;
    err = HF_ERR_UNSUPPORTED;
    fleet->world.hasher = fleet->hasher = hf_sip_hasher_new();
    if (fleet->hasher == NULL || !hf_sip_hasher_has(fleet->hasher, HF_SIP_MD5))
        goto out;
    err = HF_ERR_LIMIT;
    fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (fleet->epoll_fd < 0)
        goto out;
    err = hf_cam_world_init(&fleet->world);
    fleet->links = calloc(options->count, sizeof(*fleet->links));
    fleet->in = malloc(HF_FLEET_IN_BYTES_MAX);
    if (err != HF_OK || fleet->links == NULL || fleet->in == NULL) {
        err = HF_ERR_NOMEM;
        goto out;
    }
    cameras_init(fleet);
    *ret_fleet = fleet;
    fleet = NULL;
out:
    hf_fleet_free(fleet);
    return err;
}

void hf_fleet_free(struct hf_fleet *fleet)
{
    if (fleet == NULL)
        return;
    for (uint32_t i = 0; i < fleet->made; i++) {
        hf_fleet_link_close(fleet, &fleet->links[i]);
        hf_wheel_cancel(&fleet->wheel, &fleet->links[i].timer);
        hf_cam_deinit(&fleet->links[i].cam);
    }
    hf_fleet_media_free(fleet);
    free(fleet->links);
    free(fleet->in);
    hf_cam_world_deinit(&fleet->world);
    hf_sip_hasher_free(fleet->hasher);
    if (fleet->has_conv)
        hf_charset_close(&fleet->conv);
    if (fleet->epoll_fd >= 0)
        (void)close(fleet->epoll_fd);
    free(fleet);
}

uint32_t hf_fleet_index(const struct hf_fleet *fleet, const struct hf_fleet_link *link)
{
    return (uint32_t)(link - fleet->links);
}

uint64_t hf_fleet_now(struct hf_fleet *fleet)
{
    fleet->world.now_us = hf_clock_us();
    fleet->world.utc_base_ms = hf_clock_utc_ms() - fleet->world.now_us / 1000;
    return fleet->world.now_us;
}

hf_err hf_fleet_start(struct hf_fleet *fleet, uint32_t index)
{
    HF_ASSERT(index < fleet->options.count);
    return hf_fleet_link_open(fleet, &fleet->links[index]);
}

void hf_fleet_stop(struct hf_fleet *fleet, uint32_t index)
{
    HF_ASSERT(index < fleet->options.count);
    fleet->links[index].leaving = true;
    hf_cam_stop(&fleet->links[index].cam);
}

void hf_fleet_vanish(struct hf_fleet *fleet, uint32_t index)
{
    HF_ASSERT(index < fleet->options.count);
    fleet->links[index].leaving = true;
    hf_wheel_cancel(&fleet->wheel, &fleet->links[index].timer);
    hf_fleet_link_close(fleet, &fleet->links[index]);
    hf_cam_disconnected(&fleet->links[index].cam);
}

hf_err hf_fleet_rebind(struct hf_fleet *fleet, uint32_t index)
{
    HF_ASSERT(index < fleet->options.count);
    return hf_fleet_link_rebind(fleet, &fleet->links[index]);
}

unsigned hf_fleet_wait_ms(struct hf_fleet *fleet, unsigned max_ms)
{
    return hf_wheel_wait_ms(&fleet->wheel, hf_clock_ms(), max_ms);
}

void hf_fleet_turn(struct hf_fleet *fleet, uint64_t wait_us)
{
    uint64_t timer_us = 1000 * (uint64_t)hf_fleet_wait_ms(fleet, WAIT_MS_MAX);
    struct epoll_event events[EVENTS_MAX];

    wait_us = HF_MIN(wait_us, timer_us);
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                            .tv_nsec = (long)(wait_us % 1000000) * 1000};
    int count = epoll_pwait2(fleet->epoll_fd, events, EVENTS_MAX, &wait, NULL);

    (void)hf_fleet_now(fleet);
    for (int i = 0; i < count; i++)
        ((struct hf_fleet_source *)events[i].data.ptr)
            ->on_events(fleet, events[i].data.ptr, events[i].events);
    (void)hf_wheel_run(&fleet->wheel, fleet->world.now_us / 1000);
    hf_fleet_media_free(fleet);
}

int hf_fleet_fd(const struct hf_fleet *fleet)
{
    return fleet->epoll_fd;
}

struct hf_cam *hf_fleet_camera(struct hf_fleet *fleet, uint32_t index)
{
    HF_ASSERT(index < fleet->options.count);
    return &fleet->links[index].cam;
}

struct hf_cam_world *hf_fleet_world(struct hf_fleet *fleet)
{
    return &fleet->world;
}

const struct hf_fleet_stats *hf_fleet_stats(const struct hf_fleet *fleet)
{
    return &fleet->stats;
}
