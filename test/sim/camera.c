#include "sim/camera.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gb/camera_parts.h"
#include "sim/sim.h"

#define S UINT64_C(1000000)

enum {
    TICK_MS_MAX = 1000,
    OUT_BYTES_MAX = 1 << 18,
    RECONNECT_US = 1000000,
    RETRY_MS = 5000,
    ACT_US = 20000000,
};

static void arm(struct sim_camera *camera)
{
    struct sim_events *events = &camera->sim->events;

    if (!camera->running || camera->quiet)
        sim_cancel(events, &camera->tick);
    else
        sim_in(events, &camera->tick,
               1 + UINT64_C(1000) *
                       hf_wheel_wait_ms(&camera->wheel, sim_clock_ms(&camera->clock), TICK_MS_MAX));
}

/* Time as its program sees it, before anything is asked of it. */
static void take_time(struct sim_camera *camera)
{
    camera->world.now_us = HF_MAX(camera->world.now_us, sim_clock_mono_us(&camera->clock));
}

static void on_tick(struct sim_event *event)
{
    struct sim_camera *camera = HF_CONTAINER_OF(event, struct sim_camera, tick);

    take_time(camera);
    (void)hf_wheel_run(&camera->wheel, camera->world.now_us / 1000);
    arm(camera);
}

/* ---- its socket ---- */

static void flush(struct sim_camera *camera)
{
    if (camera->out_bytes == 0 || camera->sock == NULL || !camera->sock->open)
        return;
    size_t taken = sim_write(camera->sock, camera->out, camera->out_bytes);

    camera->out_bytes -= taken;
    memmove(camera->out, camera->out + taken, camera->out_bytes);
}

/* Somebody listens, and says a goodbye once more when nobody waits for its repeat: behind timer J, before its nonce is old. */
static void overhear(struct sim_camera *camera, struct hf_slice bytes)
{
    if (bytes.bytes < 9 || memcmp(bytes.at, "REGISTER ", 9) != 0 || sim_armed(&camera->replay) ||
        memmem(bytes.at, bytes.bytes, "\r\nExpires: 0\r\n", 14) == NULL ||
        memmem(bytes.at, bytes.bytes, "\r\nAuthorization:", 16) == NULL)
        return;
    free(camera->heard);
    camera->heard = malloc(bytes.bytes);
    HF_ASSERT(camera->heard != NULL);
    memcpy(camera->heard, bytes.at, bytes.bytes);
    camera->heard_bytes = bytes.bytes;
    sim_in(&camera->sim->events, &camera->replay, sim_between(&camera->rng, 33 * S, 59 * S));
}

static void on_replay(struct sim_event *event)
{
    struct sim_camera *camera = HF_CONTAINER_OF(event, struct sim_camera, replay);

    if (camera->sim->calm)
        return;
    sim_trace(&camera->sim->trace, camera->who, "has its goodbye said again by somebody");
    sim_udp_send_up(&camera->udp, (struct hf_slice){camera->heard, camera->heard_bytes});
}

static bool cam_send(void *context, struct hf_cam *cam, struct hf_slice bytes)
{
    struct sim_camera *camera = context;

    (void)cam;
    if (camera->profile.transport == HF_SIP_UDP) {
        overhear(camera, bytes);
        sim_udp_send_up(&camera->udp, bytes);
        return true;
    }
    if (camera->sock == NULL || !camera->sock->open || camera->out_bytes + bytes.bytes > OUT_BYTES_MAX)
        return false;
    memcpy(camera->out + camera->out_bytes, bytes.at, bytes.bytes);
    camera->out_bytes += bytes.bytes;
    flush(camera);
    return true;
}

static void lose_socket(struct sim_camera *camera, bool vanish)
{
    if (camera->sock != NULL && vanish)
        sim_vanish(camera->sock);
    else if (camera->sock != NULL)
        sim_close(camera->sock);
    camera->sock = NULL;
    camera->framer = (struct hf_sip_framer){0};
    camera->in_bytes = camera->out_bytes = 0;
}

static void connect_later(struct sim_camera *camera)
{
    lose_socket(camera, false);
    hf_cam_disconnected(&camera->cam);
    sim_in(&camera->sim->events, &camera->boot, RECONNECT_US + hf_rng_below(&camera->rng, 2 * RECONNECT_US));
}

/* False: what comes is no SIP any more. */
static bool take_messages(struct sim_camera *camera)
{
    struct hf_sip_frame frame;
    size_t taken = 0;

    do {
        if (hf_sip_frame(&camera->framer, camera->in + taken, camera->in_bytes - taken, NULL, &frame) !=
            HF_OK) {
            sim_fail(camera->sim, "%s is sent what is no SIP: %.*s", camera->who,
                     (int)HF_MIN(camera->in_bytes - taken, (size_t)100), camera->in + taken);
            return false;
        }
        if (frame.type == HF_SIP_FRAME_MESSAGE)
            hf_cam_receive(&camera->cam, frame.message);
        taken += frame.taken;
    } while (frame.type != HF_SIP_FRAME_MORE);
    camera->in_bytes -= taken;
    memmove(camera->in, camera->in + taken, camera->in_bytes);
    return true;
}

static void on_socket(struct sim_sock *sock)
{
    struct sim_camera *camera = sock->user;
    bool was_open = camera->cam.state != HF_CAM_OFFLINE;
    size_t bytes;

    if (camera->quiet)
        return;
    take_time(camera);
    if (sim_end_of(sock) == SIM_END_RESET || sim_end_of(sock) == SIM_END_REFUSED) {
        connect_later(camera);
        arm(camera);
        return;
    }
    if (!was_open && !camera->leaving)
        hf_cam_start(&camera->cam);
    flush(camera);
    while ((bytes = sim_readable(sock)) > 0) {
        camera->in = realloc(camera->in, camera->in_bytes + bytes);
        HF_ASSERT(camera->in != NULL);
        camera->in_bytes += sim_read(sock, camera->in + camera->in_bytes, bytes);
        if (!take_messages(camera))
            return;
    }
    if (sim_end_of(sock) != SIM_END_NONE)
        connect_later(camera);
    arm(camera);
}

static const struct sim_sock_ops sock_ops = {on_socket};

void sim_camera_datagram(struct sim_camera *camera, struct hf_slice bytes)
{
    if (!camera->running || camera->quiet)
        return;
    take_time(camera);
    hf_cam_receive(&camera->cam, bytes);
    arm(camera);
}

bool sim_camera_lives_at(const struct sim_camera *camera, struct sim_udp_place place)
{
    return camera->udp.place.port == place.port &&
           memcmp(camera->udp.place.address, place.address, sizeof(place.address)) == 0;
}

void sim_camera_move(struct sim_camera *camera, bool address)
{
    struct sim_udp_place *place = &camera->udp.place;

    if (address)
        place->address[2] = (uint8_t)(place->address[2] == 2 ? 3 : 2);
    place->port = (uint16_t)(place->port == UINT16_MAX ? 30000 : place->port + 1);
    camera->seen.moved = camera->seen.moved || address;
    sim_trace(&camera->sim->trace, camera->who, "is at 192.0.%u.%u:%u now", place->address[2],
              place->address[3], place->port);
    if (address && camera->profile.transport != HF_SIP_UDP)
        sim_path_drop(&camera->sim->net, &camera->path);
}

/* ---- what it says about itself ---- */

static void on_event(void *context, struct hf_cam *cam, const struct hf_cam_event *event)
{
    struct sim_camera *camera = context;

    (void)cam;
    sim_trace(&camera->sim->trace, camera->who, "%s %u %.*s", hf_cam_tell_word(event->tell), event->status,
              (int)event->text.bytes, event->text.at != NULL ? event->text.at : "");
    if (event->tell == HF_CAM_TELL_ASKED || event->tell == HF_CAM_TELL_ORDERED)
        sim_oracle_camera_asked(camera, event->body);
    if (event->tell == HF_CAM_TELL_BAD)
        sim_fail(camera->sim, "%s is sent what cannot be read: %.*s", camera->who, (int)event->text.bytes,
                 event->text.at);
    if (event->tell == HF_CAM_TELL_LEFT && camera->leaving) {
        camera->leaving = false;
        sim_in(&camera->sim->events, &camera->boot, 1 + hf_rng_below(&camera->rng, 20 * S));
    }
}

/* ---- what it shows ---- */

struct film { /* a way to the relay */
    uint16_t port;
};

static void *media_open(void *context, struct hf_cam *cam, bool tcp, struct hf_slice host, uint16_t port,
                        uint16_t *ret_port)
{
    struct film *film = malloc(sizeof(*film));

    (void)context, (void)cam, (void)tcp, (void)host;
    HF_ASSERT(film != NULL);
    film->port = port;
    *ret_port = 15060;
    return film;
}

static hf_err media_send(void *context, void *media, const uint8_t *packet, size_t bytes)
{
    struct sim_camera *camera = context;
    const struct film *film = media;

    (void)packet, (void)bytes;
    if (!camera->path.cut && !camera->blind)
        sim_media_packet(&camera->sim->gateway, film->port);
    return HF_OK;
}

static void media_close(void *context, void *media)
{
    (void)context;
    free(media);
}

static const struct hf_cam_ops cam_ops = {.send = cam_send,
                                          .on_event = on_event,
                                          .media_open = media_open,
                                          .media_send = media_send,
                                          .media_close = media_close};

/* ---- what happens by itself ---- */

/* Another list of channels. Not while one is being told: no camera tells half of each. */
static void change_list(struct sim_camera *camera)
{
    if (camera->cam.jobs != NULL || camera->list_count == SIM_LISTS_MAX)
        return;
    camera->profile.channels = (uint32_t)sim_between(&camera->rng, 1, SIM_LIST_CHANNELS_MAX);
    (void)snprintf(camera->maker, sizeof(camera->maker), "list %u", camera->list_count);
    camera->profile.manufacturer = hf_slice_of(camera->maker);
    camera->lists[camera->list_count++] = camera->profile.channels;
    sim_trace(&camera->sim->trace, camera->who, "has %s of %u channels", camera->maker,
              camera->profile.channels);
}

void sim_camera_channel_of(const struct sim_camera *camera, uint32_t channels, uint32_t index,
                           char ret_id[HF_CAM_ID_BYTES])
{
    struct hf_cam_profile profile = {.channels = channels};
    struct hf_cam_world world = {.profile = &profile};
    struct hf_cam cam = {.world = &world};

    memcpy(cam.id, camera->id, sizeof(cam.id));
    hf_cam_channel_id(&cam, index, ret_id);
}

static void leave(struct sim_camera *camera)
{
    camera->leaving = true;
    hf_cam_stop(&camera->cam);
}

/* Now and then something changes of its own accord. */
static void on_act(struct sim_event *event)
{
    struct sim_camera *camera = HF_CONTAINER_OF(event, struct sim_camera, act);

    if (camera->sim->calm)
        return;
    sim_in(&camera->sim->events, event, sim_wait(&camera->rng, ACT_US));
    if (!camera->running || camera->quiet || camera->cam.state != HF_CAM_REGISTERED)
        return;
    take_time(camera);
    switch (hf_rng_below(&camera->rng, 10)) {
    case 0: leave(camera); break;
    case 1: (void)hf_cam_refresh(&camera->cam); break;
    case 2: hf_cam_alarm(&camera->cam, 1, 5, HF_SLICE("somebody is there")); break;
    case 3: hf_cam_fault(&camera->cam, !camera->cam.fault); break;
    case 4: hf_cam_position(&camera->cam); break;
    case 5:
    case 6: change_list(camera); break;
    case 7: hf_cam_hang_up(&camera->cam); break;
    case 8: camera->blind = !camera->blind; break; /* says that it shows something, and does not */
    default: hf_cam_keepalive(&camera->cam); break;
    }
    arm(camera);
}

/* ---- life ---- */

bool sim_camera_registered(const struct sim_camera *camera)
{
    return camera->running && !camera->quiet && camera->cam.state == HF_CAM_REGISTERED;
}

struct sim_camera *sim_camera_by_id(struct sim *sim, struct hf_slice id)
{
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        if (hf_slice_is(id, sim->cameras[i].id))
            return &sim->cameras[i];
    return NULL;
}

/* Its program begins, or connects once more. */
static void on_boot(struct sim_event *event)
{
    struct sim_camera *camera = HF_CONTAINER_OF(event, struct sim_camera, boot);
    char host[16];

    if (!camera->running) {
        camera->running = camera->host.up = true;
        camera->starts++;
        take_time(camera);
        hf_wheel_init(&camera->wheel, camera->world.now_us / 1000);
        hf_cam_init(&camera->cam, &camera->world, camera->id);
        camera->cam.sn = camera->starts * 1000000; /* no number is used twice */
        (void)snprintf(host, sizeof(host), "10.0.0.%u", camera->index + 2);
        hf_cam_set_address(&camera->cam, host, 5060);
    }
    take_time(camera);
    if (camera->profile.transport == HF_SIP_UDP)
        hf_cam_start(&camera->cam);
    else if (camera->sock == NULL)
        camera->sock = sim_connect(&camera->sim->net, &camera->path, &camera->host, &sock_ops, camera);
    else
        hf_cam_start(&camera->cam); /* it had left and the connection stayed */
    arm(camera);
}

void sim_camera_stop(struct sim_camera *camera, bool power, uint64_t down_us)
{
    if (!camera->running)
        return;
    sim_trace(&camera->sim->trace, camera->who, "%s for %" PRIu64 " ms", power ? "loses power" : "dies",
              down_us / 1000);
    hf_cam_deinit(&camera->cam);
    lose_socket(camera, power);
    camera->running = camera->leaving = camera->quiet = false;
    camera->host.up = !power;
    arm(camera);
    sim_in(&camera->sim->events, &camera->boot, down_us);
}

void sim_camera_hang(struct sim_camera *camera, bool on)
{
    if (!camera->running || camera->quiet == on)
        return;
    sim_trace(&camera->sim->trace, camera->who, on ? "hangs" : "goes on");
    camera->quiet = on;
    arm(camera);
    if (!on && camera->sock != NULL)
        on_socket(camera->sock);
}

void sim_camera_init(struct sim_camera *camera, struct sim *sim, unsigned index)
{
    struct sim_udp_place place = {{192, 0, 2, (uint8_t)(10 + index)}, (uint16_t)(40000 + 100 * index)};

    *camera = (struct sim_camera){.sim = sim,
                                  .index = index,
                                  .tick = {.on_due = on_tick},
                                  .boot = {.on_due = on_boot},
                                  .act = {.on_due = on_act},
                                  .replay = {.on_due = on_replay}};
    (void)snprintf(camera->who, sizeof(camera->who), "cam%u", index);
    (void)snprintf(camera->id, sizeof(camera->id), "340200000013200%05u", 1 + index);
    hf_rng_seed(&camera->rng, hf_rng_u64(&sim->rng));
    sim_path_init(&camera->path);
    camera->path.sip = true;
    camera->path.room_bytes = sim->plan.room_bytes;
    sim_udp_init(&camera->udp, &sim->net, &camera->path, &sim_sip_udp_ops, place);
    camera->clock.events = &sim->events;
    camera->clock.mono_base_us = S * sim_between(&sim->rng, 10, 100000);
    camera->clock.skew_ppm = (int64_t)sim_between(&sim->rng, 0, 200) - 100;
    camera->profile = (struct hf_cam_profile){
        .server_id = HF_SLICE(SIM_SIP_SERVER),
        .realm = HF_SLICE(SIM_SIP_REALM),
        .password = HF_SLICE(SIM_SIP_PASSWORD),
        .transport = sim_percent(&sim->rng, 60) ? HF_SIP_UDP : HF_SIP_TCP,
        .edition = sim_percent(&sim->rng, 50) ? HF_CDP_2016 : HF_CDP_2022,
        .expires_s = SIM_SIP_EXPIRES_S,
        .keepalive_ms = SIM_SIP_KEEPALIVE_MS,
        .keepalive_count = SIM_SIP_KEEPALIVE_COUNT,
        .retry_ms = RETRY_MS,
        .reel = sim->reel,
        .parts_ahead = (uint32_t)sim_between(&sim->rng, 1, 8),
        .parts_shuffled = sim_percent(&sim->rng, 50),
        .slow_ms = sim_percent(&sim->rng, 30) ? (uint32_t)sim_between(&sim->rng, 1, 5000) : 0,
    };
    camera->world = (struct hf_cam_world){.ops = &cam_ops,
                                          .context = camera,
                                          .profile = &camera->profile,
                                          .wheel = &camera->wheel,
                                          .hasher = sim->hasher,
                                          .conv = &sim->conv,
                                          .sip = sim->cam_buffers.sip,
                                          .body = sim->cam_buffers.body,
                                          .scratch = sim->cam_buffers.scratch};
    camera->world.utc_base_ms = SIM_UTC_MS - camera->clock.mono_base_us / 1000;
    hf_rng_seed(&camera->world.rng, hf_rng_u64(&sim->rng));
    change_list(camera);
    camera->out = malloc(OUT_BYTES_MAX);
    HF_ASSERT(camera->out != NULL);
}

void sim_camera_start(struct sim_camera *camera)
{
    sim_in(&camera->sim->events, &camera->boot, hf_rng_below(&camera->rng, 3 * S));
    sim_in(&camera->sim->events, &camera->act, sim_wait(&camera->rng, ACT_US));
}

void sim_camera_calm(struct sim_camera *camera)
{
    if (!camera->running && camera->boot.at_us > camera->sim->events.now_us + S)
        sim_in(&camera->sim->events, &camera->boot, S);
}

void sim_camera_deinit(struct sim_camera *camera)
{
    struct sim_events *events = &camera->sim->events;

    if (camera->running)
        hf_cam_deinit(&camera->cam);
    camera->running = false;
    sim_cancel(events, &camera->tick);
    sim_cancel(events, &camera->boot);
    sim_cancel(events, &camera->act);
    sim_cancel(events, &camera->replay);
    sim_udp_deinit(&camera->udp);
    sim_path_deinit(&camera->path);
    free(camera->in);
    free(camera->out);
    free(camera->heard);
}
