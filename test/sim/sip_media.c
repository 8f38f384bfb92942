#include "sim/sip_media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { PORT_FIRST = 30000, PORTS = 10000 };

static struct sim_leg *leg_of(struct sim_gateway *gateway, uint64_t token)
{
    for (unsigned i = 0; i < SIM_LEGS_MAX; i++)
        if (gateway->media.legs[i].open && gateway->media.legs[i].token == token)
            return &gateway->media.legs[i];
    return NULL;
}

static void tell(const struct sim_leg *leg, enum hf_gb_media_tell tell, hf_err err)
{
    struct hf_gb_media_told *told = calloc(1, sizeof(*told));

    HF_ASSERT(told != NULL);
    told->token = leg->token;
    told->tell = tell;
    told->err = err;
    (void)snprintf(told->host, sizeof(told->host), "198.51.100.1");
    told->port = leg->port;
    sim_worker_post(leg->worker, SIM_POST_MEDIA, told);
}

static hf_err media_open(void *context, uint64_t token, const struct hf_gb_media_request *request)
{
    struct sim_worker *worker = context;
    struct sim_media *media = &worker->gateway->media;

    (void)request;
    if (leg_of(worker->gateway, token) != NULL)
        sim_fail(worker->gateway->sim, "a token of media is used twice");
    for (unsigned i = 0; i < SIM_LEGS_MAX; i++) {
        struct sim_leg *leg = &media->legs[i];

        if (leg->open)
            continue;
        *leg = (struct sim_leg){.worker = worker,
                                .token = token,
                                .open = true,
                                .port = (uint16_t)(PORT_FIRST + 2 * (media->opened++ % PORTS))};
        if (hf_rng_below(&media->rng, 20) == 0) {
            leg->open = false;
            tell(leg, HF_GB_MEDIA_REFUSED, HF_ERR_LIMIT);
        } else {
            tell(leg, HF_GB_MEDIA_OPENED, HF_OK);
        }
        return HF_OK;
    }
    return HF_ERR_LIMIT;
}

static void media_answered(void *context, uint64_t token, const struct hf_gb_media_answer *answer)
{
    struct sim_worker *worker = context;
    struct sim_leg *leg = leg_of(worker->gateway, token);

    (void)answer;
    if (leg == NULL)
        return;
    leg->answered = true;
    leg->heard_us = worker->gateway->sim->events.now_us;
}

static void media_close(void *context, uint64_t token)
{
    struct sim_worker *worker = context;
    struct sim_leg *leg = leg_of(worker->gateway, token);

    if (leg != NULL)
        leg->open = false;
}

const struct hf_gb_media_ops sim_media_ops = {
    .open = media_open, .answered = media_answered, .close = media_close};

void sim_media_init(struct sim_gateway *gateway)
{
    memset(&gateway->media, 0, sizeof(gateway->media));
    hf_rng_seed(&gateway->media.rng, gateway->boot);
}

void sim_media_packet(struct sim_gateway *gateway, uint16_t port)
{
    for (unsigned i = 0; gateway->running && i < SIM_LEGS_MAX; i++) {
        struct sim_leg *leg = &gateway->media.legs[i];

        if (!leg->open || leg->port != port)
            continue;
        leg->heard_us = gateway->sim->events.now_us;
        leg->silent = false;
        if (!leg->first)
            tell(leg, HF_GB_MEDIA_FIRST, HF_OK);
        leg->first = true;
    }
}

void sim_media_second(struct sim_worker *worker)
{
    uint64_t now_us = worker->gateway->sim->events.now_us;

    for (unsigned i = 0; i < SIM_LEGS_MAX; i++) {
        struct sim_leg *leg = &worker->gateway->media.legs[i];

        if (!leg->open || leg->worker != worker || !leg->answered || leg->silent ||
            now_us - leg->heard_us < SIM_LEG_SILENT_US)
            continue;
        leg->silent = true;
        tell(leg, HF_GB_MEDIA_SILENT, HF_OK);
    }
}

unsigned sim_media_open_legs(const struct sim_gateway *gateway)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SIM_LEGS_MAX; i++)
        count += gateway->media.legs[i].open;
    return count;
}
