/* app/leaks.h - sockets that no table owns (WS-19). Every stream of a worker belongs to one: HTTP connections, devices, sockets of readers, TCP connections of cameras, echo. Each of those
 * has a deadline in every state of its protocol, after which it goes; what has no owner has no deadline, and would stay for ever. So the two sides are counted and compared, once a
 * second. In a program without mistakes they never differ; a difference that stays HF_LEAK_MS is a leak. An owner without a stream is one, too. */
#ifndef HF_APP_LEAKS_H
#define HF_APP_LEAKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hf_worker;
struct hf_gateway;
struct hf_page;

enum {
    HF_LEAK_MS = 10000,         /* behind the deadline of its protocol, of which it has none left */
    HF_LEAK_HOUR_MINUTES = 60,  /* the alarm looks so far back */
    HF_LEAK_ALARM_PERMILLE = 5, /* of the open connections, in that time: above is an alarm */
};

struct hf_leaks {                 /* zeroed at start; one thread judges, any reads the atomics */
    uint64_t known;               /* of the difference: counted as leaked, and still there */
    uint64_t more, more_since_ms; /* the least that it was above that since then; 0 = it is not */
    uint64_t minute;              /* of the newest slot */
    uint32_t slots[HF_LEAK_HOUR_MINUTES];
    _Atomic uint64_t total, hour;
    _Atomic bool alarm;
};

/* unowned: the difference now. What to announce: 0 = nothing new, 1 = the alarm begins, 2 = nothing leaked for an hour. Pure but for *leaks. */
unsigned hf_leaks_judge(struct hf_leaks *leaks, uint64_t unowned, uint64_t connections, uint64_t now_ms);
/* Streams without an owner and owners without a stream, of this worker. Its thread, outside of handlers. */
uint64_t hf_worker_unowned(const struct hf_worker *worker);
/* Compares all workers' counts, and says what is new to the log. The first worker, once a second. */
void hf_leaks_watch(struct hf_leaks *leaks, struct hf_gateway *gateway, uint64_t now_ms);
void hf_leaks_metrics(struct hf_page *page, const struct hf_gateway *gateway);

#endif
