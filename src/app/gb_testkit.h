/* app/gb_testkit.h - for tests of what cameras send and get between two workers: one that does, and one that stands still and only frees what it is given.
 * No threads. */
#ifndef HF_APP_GB_TESTKIT_H
#define HF_APP_GB_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/worker.h"
#include "base/assert.h"

#define KIT static inline __attribute__((unused)) /* each program uses some of these */

enum { ENTRIES = 64, HERE = 0, THERE = 1 };

struct kit {
    struct hf_config config;
    struct hf_gateway_rules rules;
    struct hf_gateway gateway;
    struct hf_tenant tenant;
    struct hf_worker *workers[2];
    struct hf_inbox *inbox; /* of the other one */
    unsigned came;
    struct hf_sip_flow flow; /* of the last post that came */
};

static struct kit kit;

KIT int kit_set_up(void **state)
{
    (void)state;
    memset(&kit, 0, sizeof(kit));
    kit.config.limits.mailbox_entries_max = ENTRIES;
    kit.rules.config = &kit.config;
    kit.tenant.name = HF_SLICE("acme");
    kit.gateway.worker_count = 2;
    kit.gateway.workers = kit.workers;
    kit.gateway.rules = &kit.rules;
    kit.inbox = hf_inbox_new(2);
    assert_non_null(kit.inbox);
    for (unsigned i = 0; i < 2; i++) {
        struct hf_worker *worker = calloc(1, sizeof(*worker));

        assert_non_null(worker);
        kit.workers[i] = worker;
        worker->gateway = &kit.gateway;
        worker->index = i;
        worker->loop = hf_loop_new(NULL);
        worker->to = calloc(2, sizeof(struct hf_mailbox *));
        worker->backlog = calloc(2, sizeof(*worker->backlog));
        worker->gb.worker = worker;
        worker->gb.tenant = &kit.tenant;
        worker->closed = true; /* what it gets is freed, and counted off its sender */
        assert_true(worker->loop != NULL && worker->to != NULL && worker->backlog != NULL);
        assert_int_equal(hf_inbox_add(kit.inbox, ENTRIES, &worker->to[THERE]), HF_OK);
    }
    return 0;
}

KIT void kit_on_message(void *context, unsigned mailbox, void *message)
{
    struct kit *there = context;
    struct hf_gbw_post *post =
        (struct hf_gbw_post *)((uintptr_t)message & ~(uintptr_t)7); /* as hf_worker_on_message() has it */

    (void)mailbox;
    there->came++;
    there->flow = post->flow;
    hf_gbw_on_post(there->workers[THERE], post);
}

KIT unsigned kit_drain(void)
{
    struct hf_worker *here = kit.workers[HERE];

    kit.came = 0;
    do {
        (void)hf_inbox_drain(kit.inbox, kit_on_message, &kit, SIZE_MAX);
        if (here->backlog_total > 0)
            hf_worker_backlog_flush(here);
    } while (!hf_inbox_empty(kit.inbox));
    return kit.came;
}

KIT int kit_tear_down(void **state)
{
    (void)state;
    (void)kit_drain();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&kit.workers[i]->gb.post_bytes), 0);
        hf_loop_free(kit.workers[i]->loop);
        free(kit.workers[i]->backlog);
        free(kit.workers[i]->to);
        free(kit.workers[i]);
    }
    hf_inbox_free(kit.inbox);
    return 0;
}

/* A message of a device whose home is the other worker. */
KIT struct hf_slice kit_message(size_t bytes)
{
    static char text[HF_GBW_POST_BYTES_MAX / 8];

    for (unsigned n = 0;; n++) {
        char id[32];

        (void)snprintf(id, sizeof(id), "340200000013%08u", n);
        if (hf_hub_home(kit.tenant.name, hf_slice_of(id), 2) != THERE)
            continue;
        int head =
            snprintf(text, sizeof(text), "MESSAGE sip:a SIP/2.0\r\nFrom: <sip:%s@b>;tag=c\r\n\r\n", id);
        if (bytes > (size_t)head)
            memset(text + head, ' ', bytes - (size_t)head);
        return (struct hf_slice){text, HF_MAX((size_t)head, bytes)};
    }
}

#endif
