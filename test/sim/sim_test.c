/* What the simulator promises about itself: time runs in order, connections keep TCP's promises, and a seed repeats itself byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"

/* ---- events ---- */

enum { EVENTS = 500 };

struct mark {
    struct sim_event event; /* first */
    unsigned ran;
};

static struct mark *ran[2 * EVENTS];
static unsigned ran_count;

static void on_mark(struct sim_event *event)
{
    ran[ran_count++] = (struct mark *)event;
}

static void events_come_by_time_then_by_order(void **state)
{
    static struct mark marks[EVENTS];
    struct sim_events events;
    struct hf_rng rng;

    (void)state;
    sim_events_init(&events);
    hf_rng_seed(&rng, 1);
    ran_count = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        marks[i].event.on_due = on_mark;
        sim_at(&events, &marks[i].event, hf_rng_below(&rng, 50));
    }
    for (unsigned i = 0; i < EVENTS; i += 7)
        sim_cancel(&events, &marks[i].event);
    for (unsigned i = 1; i < EVENTS; i += 7)
        sim_at(&events, &marks[i].event,
               hf_rng_below(&rng, 50)); /* re-armed: behind the others of its moment */
    while (sim_events_step(&events, 1000))
        ;
    assert_int_equal(ran_count, EVENTS - (EVENTS + 6) / 7);
    for (unsigned i = 1; i < ran_count; i++) {
        const struct sim_event *a = &ran[i - 1]->event, *b = &ran[i]->event;

        assert_true(a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order));
    }
    assert_int_equal(events.now_us, 1000);
    sim_events_deinit(&events);
}

/* ---- the network ---- */

enum { STREAM_BYTES = 20000, DATAGRAMS = 1000 };

struct wire {
    struct sim_events events;
    struct sim_trace trace;
    struct sim_net net;
    struct sim_path path;
    struct sim_host here, there;
    struct sim_sock *client, *server;
    size_t written, read;
    enum sim_end client_end, server_end;
    bool listening;
};

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static void client_event(struct sim_sock *sock)
{
    struct wire *wire = sock->user;
    uint8_t data[97];

    wire->client_end = sim_end_of(sock);
    while (wire->client_end == SIM_END_NONE && sock->open && wire->written < STREAM_BYTES) {
        size_t bytes = HF_MIN(sizeof(data), STREAM_BYTES - wire->written);

        for (size_t i = 0; i < bytes; i++)
            data[i] = byte_at(wire->written + i);
        size_t taken = sim_write(sock, data, bytes);
        wire->written += taken;
        if (taken < bytes)
            return;
    }
    if (wire->client_end == SIM_END_NONE && wire->written == STREAM_BYTES)
        sim_shutdown(sock);
}

static void server_event(struct sim_sock *sock)
{
    struct wire *wire = sock->user;
    uint8_t data[301];
    size_t bytes;

    while ((bytes = sim_read(sock, data, sizeof(data))) > 0)
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(data[i], byte_at(wire->read++));
    wire->server_end = sim_end_of(sock);
}

static const struct sim_sock_ops client_ops = {client_event}, server_ops = {server_event};

static bool on_accept(void *context, struct sim_sock *sock)
{
    struct wire *wire = context;

    if (!wire->listening)
        return false;
    sock->ops = &server_ops;
    sock->user = wire;
    wire->server = sock;
    return true;
}

static void wire_init(struct wire *wire, uint64_t seed)
{
    memset(wire, 0, sizeof(*wire));
    sim_events_init(&wire->events);
    sim_trace_init(&wire->trace, &wire->events, NULL, false);
    sim_net_init(&wire->net, &wire->events, &wire->trace, seed);
    sim_path_init(&wire->path);
    wire->here.up = wire->there.up = wire->listening = true;
    wire->net.server = &wire->there;
    wire->net.accept = on_accept;
    wire->net.context = wire;
    wire->path.room_bytes = 3000;
    wire->path.segment_bytes = 1 + (uint32_t)seed * 37 % 500;
    wire->path.jitter_us = 5000;
    wire->path.loss_permille = 30;
    wire->client = sim_connect(&wire->net, &wire->path, &wire->here, &client_ops, wire);
}

static void wire_run(struct wire *wire, uint64_t seconds)
{
    uint64_t until_us = wire->events.now_us + seconds * 1000000;

    while (sim_events_step(&wire->events, until_us))
        ;
}

static void wire_deinit(struct wire *wire)
{
    sim_path_deinit(&wire->path);
    sim_events_deinit(&wire->events);
}

static void bytes_come_whole_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct wire wire;

        wire_init(&wire, seed);
        wire_run(&wire, 1);
        wire.path.cut = true; /* a partition in the middle delays, nothing more */
        wire_run(&wire, 20);
        wire.path.cut = false;
        sim_path_heal(&wire.net, &wire.path);
        wire_run(&wire, 600);
        assert_int_equal(wire.read, STREAM_BYTES);
        assert_int_equal(wire.server_end, SIM_END_EOF);
        assert_int_equal(wire.client_end, SIM_END_NONE);
        wire_deinit(&wire);
    }
}

static void what_is_reset_stays_a_prefix(void **state)
{
    unsigned cut_short = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct wire wire;

        wire_init(&wire, seed);
        for (uint64_t i = 0; i < 20 + 5 * seed && sim_events_step(&wire.events, UINT64_MAX); i++)
            ;
        sim_path_reset_one(&wire.net, &wire.path);
        wire_run(&wire, 100);
        assert_int_equal(wire.client_end, SIM_END_RESET);
        assert_int_equal(wire.server_end, SIM_END_RESET);
        cut_short += wire.read > 0 && wire.read < STREAM_BYTES;
        wire_deinit(&wire);
    }
    assert_true(cut_short > 0);
}

static void silence_is_found_by_ones_own_clock(void **state)
{
    struct wire wire;

    (void)state;
    wire_init(&wire, 3);
    while (wire.read == 0 && sim_events_step(&wire.events, UINT64_MAX))
        ;
    sim_path_drop(&wire.net, &wire.path); /* the mapping is gone, and nobody says so */
    wire_run(&wire, 30);
    assert_int_equal(wire.client_end, SIM_END_NONE);
    wire_run(&wire, 60);
    assert_int_equal(wire.client_end, SIM_END_RESET); /* TCP_USER_TIMEOUT */
    assert_int_equal(wire.server_end, SIM_END_NONE); /* it had nothing to send: only a heartbeat would tell */
    wire_deinit(&wire);
}

static void nobody_listens(void **state)
{
    struct wire wire;

    (void)state;
    wire_init(&wire, 1);
    wire.listening = false;
    wire_run(&wire, 1);
    assert_int_equal(wire.client_end, SIM_END_REFUSED);
    wire_deinit(&wire);
}

/* ---- datagrams ---- */

struct mail {
    struct sim_udp udp; /* first */
    unsigned came[DATAGRAMS], swapped, last;
};

static void mail_arrived(struct sim_udp *udp, bool up, struct sim_udp_place from, struct hf_slice bytes)
{
    struct mail *mail = (struct mail *)udp;
    unsigned number;

    assert_true(up && from.port == 5060 && bytes.bytes == sizeof(number));
    memcpy(&number, bytes.at, sizeof(number));
    mail->came[number]++;
    mail->swapped += number < mail->last;
    mail->last = number;
}

static const struct sim_udp_ops mail_ops = {mail_arrived};

static void datagrams_are_lost_doubled_and_swapped(void **state)
{
    const struct sim_udp_place home = {{192, 0, 2, 1}, 5060}, gone = {{192, 0, 2, 1}, 5059};
    unsigned lost = 0, twice = 0;
    struct mail mail = {.last = 0};
    struct wire wire;

    (void)state;
    wire_init(&wire, 1);
    sim_udp_init(&mail.udp, &wire.net, &wire.path, &mail_ops, home);
    mail.udp.loss_permille = mail.udp.twice_permille = mail.udp.late_permille = 200;
    mail.udp.late_us_max = 1000000;
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        sim_udp_send_up(&mail.udp, (struct hf_slice){(const char *)&i, sizeof(i)});
        wire_run(&wire, i % 10 == 0);
    }
    sim_udp_send_down(&mail.udp, gone, HF_SLICE("the NAT has forgotten that port"));
    wire_run(&wire, 10);
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        assert_in_range(mail.came[i], 0, 2);
        lost += mail.came[i] == 0;
        twice += mail.came[i] == 2;
    }
    assert_in_range(lost, DATAGRAMS / 20, DATAGRAMS / 3);
    assert_in_range(twice, DATAGRAMS / 20, DATAGRAMS / 3);
    assert_true(mail.swapped > DATAGRAMS / 20);
    sim_udp_send_up(&mail.udp, HF_SLICE("on its way at the end of the world"));
    sim_udp_deinit(&mail.udp);
    wire_deinit(&wire);
}

/* ---- worlds ---- */

static struct sim_result run(uint64_t seed, const struct sim_scenario *scenario)
{
    struct sim_options options = {.seed = seed, .scenario = scenario, .hashing = true};
    struct sim_result result;

    sim_run(&options, &result);
    if (result.failed)
        fail_msg("%s", result.message);
    return result;
}

static void a_seed_repeats_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sim_scenario_count; i++) {
        struct sim_result first = run(41, &sim_scenarios[i]), other = run(42, &sim_scenarios[i]),
                          again = run(41, &sim_scenarios[i]);

        assert_true(first.lines > 10 && first.records > 0);
        assert_int_equal(first.hash, again.hash);
        assert_int_equal(first.lines, again.lines);
        assert_int_equal(first.steps, again.steps);
        assert_true(first.hash != other.hash);
    }
}

static void worlds_are_worth_their_time(void **state)
{
    struct sim_result sum = {0};

    (void)state;
    for (uint64_t seed = 0; seed < 18; seed++) {
        struct sim_result result = run(seed, NULL);

        sum.messages += result.messages;
        sum.commands += result.commands;
        sum.crashes += result.crashes;
        sum.connections += result.connections;
    }
    assert_true(sum.messages > 1000 && sum.commands > 200 && sum.crashes > 20 && sum.connections > 100);
}

static void cameras_are_busy(void **state)
{
    struct sim_result sum = {0};

    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct sim_result result = run(seed, sim_scenario_by_name(seed % 2 ? "cameras" : "cameras_crash"));

        sum.commands += result.commands;
        sum.crashes += result.crashes;
        sum.registrations += result.registrations;
        sum.lists += result.lists;
        sum.calls += result.calls;
        sum.datagrams_lost += result.datagrams_lost;
    }
    assert_in_range(sum.commands, 400, UINT32_MAX);
    assert_in_range(sum.crashes, 15, UINT32_MAX);
    assert_in_range(sum.registrations, 60, UINT32_MAX);
    assert_in_range(sum.lists, 60, UINT32_MAX);
    assert_in_range(sum.calls, 20, UINT32_MAX);
    assert_in_range(sum.datagrams_lost, 100, UINT32_MAX);
}

static void twins_are_busy(void **state)
{
    static const char *const names[] = {"twins", "twins_crash", "twins_frames"};
    uint64_t changes = 0, deleted = 0, refused_alone = 0, pushes = 0, audited = 0, batches = 0, crashes = 0,
             paced = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 18; seed++) {
        struct sim_result result = run(seed, sim_scenario_by_name(names[seed % 3]));

        changes += result.shadow_changes;
        refused_alone += result.refused_alone;
        pushes += result.pushes;
        deleted += result.shadows_deleted;
        audited += result.audited;
        batches += result.batches;
        crashes += result.crashes;
        paced += result.paced_groups;
    }
    assert_in_range(changes, 2000, UINT32_MAX);
    assert_in_range(refused_alone, 40, UINT32_MAX);
    assert_in_range(pushes, 60, UINT32_MAX);
    assert_in_range(deleted, 30, UINT32_MAX);
    assert_in_range(audited, 1000, UINT32_MAX);
    assert_in_range(batches, 500, UINT32_MAX);
    assert_in_range(paced, 20, UINT32_MAX);
    assert_in_range(crashes, 10, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_by_time_then_by_order),
        cmocka_unit_test(bytes_come_whole_and_in_order),
        cmocka_unit_test(what_is_reset_stays_a_prefix),
        cmocka_unit_test(silence_is_found_by_ones_own_clock),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(datagrams_are_lost_doubled_and_swapped),
        cmocka_unit_test(a_seed_repeats_itself),
        cmocka_unit_test(worlds_are_worth_their_time),
        cmocka_unit_test(cameras_are_busy),
        cmocka_unit_test(twins_are_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
