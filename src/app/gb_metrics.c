/* app/gb_metrics.c - the numbers of cameras on /metrics: the site's, SIP's, the sockets'. Not shown where no camera is served. */
#include "app/metrics_page.h"
#include "app/worker.h"
#include "base/assert.h"

/* ---- the sums ---- */

static void add_site(struct hf_gb_stats *sum, const struct hf_gb_stats *from)
{
#define ADD(member, text) sum->member += from->member;
    HF_GB_STATS_MAP(ADD)
    for (unsigned i = 0; i < HF_SIP_TOLERANCES; i++)
        sum->sip_tolerated[i] += from->sip_tolerated[i];
    for (unsigned i = 0; i < HF_SIP_PROBLEMS; i++)
        sum->sip_problems[i] += from->sip_problems[i];
#define ADD_GAUGE(member, name, text) ADD(member, text)
    HF_GB_GAUGES_MAP(ADD_GAUGE)
#undef ADD_GAUGE
    for (unsigned i = 0; i < HF_GB_LEVELS; i++)
        sum->links[i] += from->links[i];
}

#define SIP_COUNTERS(X)                                                                          \
    X(requests_repeated, "requests of ours sent again")                                          \
    X(answers_repeated, "answers of ours sent again")                                            \
    X(acks_repeated, "ACKs of ours sent again")                                                  \
    X(requests_absorbed, "repeats of requests that came")                                        \
    X(answers_absorbed, "repeats of answers that came")                                          \
    X(acks_absorbed, "repeats of ACKs that came")                                                \
    X(strays, "answers that nobody asked for, or too late")                                      \
    X(acks_for_nothing, "ACKs without a transaction")                                            \
    X(cancels_for_nothing, "CANCELs without a transaction")                                      \
    X(refused_max, "requests of ours not made because transactions had run out")                 \
    X(refused_nomem, "requests of ours not made for want of memory")                             \
    X(not_kept, "answers that cannot be repeated because too much is kept already")              \
    X(flow_failed, "transactions ended because their connection or peer was gone")               \
    X(send_errors, "messages that could not be sent")                                            \
    X(matched_rfc2543, "requests matched to a transaction as RFC 2543 has it, without a branch") \
    X(matched_no_via, "answers without Via, matched by Call-ID and CSeq")                        \
    X(large_udp_requests, "requests of ours over UDP above 1,300 bytes")

static void add_sip(struct hf_sip_layer_stats *sum, const struct hf_sip_layer_stats *from)
{
    SIP_COUNTERS(ADD)
    ADD(transactions, )
    ADD(transactions_max, )
    ADD(orphans, )
    ADD(kept_bytes, )
    for (unsigned kind = 0; kind < HF_SIP_TX_KINDS; kind++) {
        sum->made[kind] += from->made[kind];
        for (unsigned state = 0; state < HF_SIP_TX_STATES; state++)
            sum->now[kind][state] += from->now[kind][state];
    }
    for (unsigned i = 0; i < HF_SIP_TIMERS; i++)
        sum->timer_fired[i] += from->timer_fired[i];
    for (unsigned i = 0; i < HF_SIP_CLASSES; i++)
        sum->shed[i] += from->shed[i];
}

#define UDP_COUNTERS(X)                                                   \
    X(received, "datagrams received")                                     \
    X(received_bytes, "their bytes")                                      \
    X(receives, "system calls that received them")                        \
    X(receive_errors, "receives that failed")                             \
    X(refused_truncated, "datagrams longer than the maximum")             \
    X(kernel_drops, "datagrams lost because the receive buffer was full") \
    X(sent, "datagrams sent")                                             \
    X(sent_bytes, "their bytes")                                          \
    X(sends, "system calls that sent them")                               \
    X(blocked, "times that the kernel took no more")                      \
    X(refused_queue, "datagrams dropped because the send queue was full") \
    X(refused_nomem, "datagrams dropped for want of memory")              \
    X(send_errors, "datagrams that the kernel refused")                   \
    X(error_reports, "datagrams that did not get there, as ICMP says")

/* Counters of struct hf_sip_trace_stats. */
#define TRACE_COUNTERS(X)                                                            \
    X(added, "SIP messages of devices that were traced")                             \
    X(counted_in, "of these, keepalives that were counted in the record of another") \
    X(overwritten, "records that later ones have replaced")

void hf_gbw_stats_add(struct hf_gbw_worker_stats *total, const struct hf_gbw_worker_stats *one)
{
    add_site(&total->site, &one->site);
    add_sip(&total->sip, &one->sip);
    {
        struct hf_gbw_wire_stats *sum = &total->wire;
        const struct hf_gbw_wire_stats *from = &one->wire;

        HF_GBW_WIRE_STATS_MAP(ADD)
        ADD(streams_now, )
        ADD(buffer_bytes_now, )
        ADD(post_bytes_now, )
    }
    {
        struct hf_gbw_udp_sums *sum = &total->udp;
        const struct hf_gbw_udp_sums *from = &one->udp;

        UDP_COUNTERS(ADD)
        ADD(queued_bytes, )
    }
    {
        struct hf_sip_trace_stats *sum = &total->traces;
        const struct hf_sip_trace_stats *from = &one->traces;

        TRACE_COUNTERS(ADD)
        ADD(bytes_max, )
        if (from->oldest_ms > sum->oldest_ms) /* what all workers reach back to */
            sum->oldest_ms = from->oldest_ms;
    }
}
#undef ADD

/* ---- the page ---- */

static void site_page(struct hf_page *page, const struct hf_gb_stats *site)
{
#define SHOW(member, text) hf_page_one(page, "gb_" #member "_total", "counter", text, (double)site->member);
    HF_GB_STATS_MAP(SHOW)
#undef SHOW
#define SHOW(member, name, text) hf_page_one(page, name, "gauge", text, (double)site->member);
    HF_GB_GAUGES_MAP(SHOW)
#undef SHOW
    hf_page_head(page, "gb_links", "gauge", "links of devices whose health is known, by level");
    for (unsigned i = 0; i < HF_GB_LEVELS; i++)
        hf_page_add(page, "holdfast_gb_links{level=\"%s\"} %llu\n", hf_gb_level_name(i),
                    (unsigned long long)site->links[i]);
    hf_page_head(page, "sip_tolerated_total", "counter", "messages that needed a tolerance");
    for (unsigned i = 0; i < HF_SIP_TOLERANCES; i++)
        if (site->sip_tolerated[i] > 0)
            hf_page_add(page, "holdfast_sip_tolerated_total{tolerance=\"%s\"} %llu\n",
                        hf_sip_tolerance_info(i)->name, (unsigned long long)site->sip_tolerated[i]);
    hf_page_head(page, "sip_problems_total", "counter", "messages refused, by what is wrong with them");
    for (unsigned i = 0; i < HF_SIP_PROBLEMS; i++)
        if (site->sip_problems[i] > 0)
            hf_page_add(page, "holdfast_sip_problems_total{problem=\"%s\"} %llu\n",
                        hf_sip_problem_info((enum hf_sip_problem)i)->name,
                        (unsigned long long)site->sip_problems[i]);
}

static void sip_page(struct hf_page *page, const struct hf_sip_layer_stats *sip)
{
    static const char *const kinds[HF_SIP_TX_KINDS] = {"client", "client_invite", "server", "server_invite"};
    static const char *const classes[HF_SIP_CLASSES] = {"register", "other", "keepalive"};

#define SHOW(member, text) hf_page_one(page, "sip_" #member "_total", "counter", text, (double)sip->member);
    SIP_COUNTERS(SHOW)
#undef SHOW
    hf_page_head(page, "sip_transactions", "gauge", "SIP transactions");
    for (unsigned kind = 0; kind < HF_SIP_TX_KINDS; kind++)
        for (unsigned state = 0; state < HF_SIP_TX_ENDED; state++)
            hf_page_add(page, "holdfast_sip_transactions{kind=\"%s\",state=\"%s\"} %u\n", kinds[kind],
                        hf_sip_tx_state_name((enum hf_sip_tx_state)state), sip->now[kind][state]);
    hf_page_one(page, "sip_transactions_max", "gauge", "and their bound", sip->transactions_max);
    hf_page_one(page, "sip_orphans", "gauge", "transactions that only wait for a timer", sip->orphans);
    hf_page_one(page, "sip_kept_bytes", "gauge", "memory of messages kept to be repeated",
                (double)sip->kept_bytes);
    hf_page_head(page, "sip_transactions_made_total", "counter", "SIP transactions begun");
    for (unsigned kind = 0; kind < HF_SIP_TX_KINDS; kind++)
        hf_page_add(page, "holdfast_sip_transactions_made_total{kind=\"%s\"} %llu\n", kinds[kind],
                    (unsigned long long)sip->made[kind]);
    hf_page_head(page, "sip_timers_total", "counter", "timers of SIP that fired");
    for (unsigned i = HF_SIP_NO_TIMER + 1; i < HF_SIP_TIMERS; i++)
        hf_page_add(page, "holdfast_sip_timers_total{timer=\"%s\"} %llu\n",
                    hf_sip_timer_name((enum hf_sip_timer)i), (unsigned long long)sip->timer_fired[i]);
    hf_page_head(page, "sip_shed_total", "counter",
                 "requests shed, or not kept, because transactions ran out");
    for (unsigned i = 0; i < HF_SIP_CLASSES; i++)
        hf_page_add(page, "holdfast_sip_shed_total{class=\"%s\"} %llu\n", classes[i],
                    (unsigned long long)sip->shed[i]);
}

static void wire_page(struct hf_page *page, const struct hf_gbw_wire_stats *wire)
{
#define SHOW(member, text) hf_page_one(page, "gb_" #member "_total", "counter", text, (double)wire->member);
    HF_GBW_WIRE_STATS_MAP(SHOW)
#undef SHOW
    hf_page_one(page, "gb_streams", "gauge", "TCP connections", (double)wire->streams_now);
    hf_page_one(page, "gb_stream_buffer_bytes", "gauge", "memory of messages that have not come whole",
                (double)wire->buffer_bytes_now);
    hf_page_one(page, "gb_post_bytes", "gauge", "messages on their way between workers",
                (double)wire->post_bytes_now);
}

static void udp_page(struct hf_page *page, const struct hf_gbw_udp_sums *udp)
{
#define SHOW(member, text) \
    hf_page_one(page, "sip_udp_" #member "_total", "counter", text, (double)udp->member);
    UDP_COUNTERS(SHOW)
#undef SHOW
    hf_page_one(page, "sip_udp_queued_bytes", "gauge", "datagrams that wait for the kernel",
                (double)udp->queued_bytes);
}

static void trace_page(struct hf_page *page, const struct hf_sip_trace_stats *traces)
{
#define SHOW(member, text) \
    hf_page_one(page, "sip_traced_" #member "_total", "counter", text, (double)traces->member);
    TRACE_COUNTERS(SHOW)
#undef SHOW
    hf_page_one(page, "sip_trace_bytes_max", "gauge", "memory of the traces of all workers",
                (double)traces->bytes_max);
    if (traces->oldest_ms != 0)
        hf_page_one(page, "sip_trace_oldest_seconds", "gauge",
                    "UTC of the oldest message that every worker still shows",
                    (double)traces->oldest_ms / 1000);
}

void hf_gbw_metrics(struct hf_page *page, const struct hf_gateway *gateway,
                    const struct hf_gbw_worker_stats *sum)
{
    if (gateway->gb.door_count == 0)
        return;
    site_page(page, &sum->site);
    sip_page(page, &sum->sip);
    wire_page(page, &sum->wire);
    udp_page(page, &sum->udp);
    trace_page(page, &sum->traces);
}
