#include "app/tls_metrics.h"

#include "app/gateway.h"
#include "io/clock.h"

#define MEMBER(member) offsetof(struct hf_tls_stats, member)
static const struct row {
    const char *name, *type, *help;
    size_t offset; /* of a uint64_t */
    unsigned per;  /* of these make one of the page's unit */
} rows[] = {
    {"tls_certificate_expires_seconds", "gauge", "end of the listener's own certificate, UTC",
     MEMBER(cert_not_after_utc_ms), 1000},
    {"tls_crl_next_update_seconds", "gauge",
     "when the first of the listener's revocation lists wants to be replaced, UTC; 0: it has none",
     MEMBER(crl_next_update_utc_ms), 1000},
    {"tls_full_handshakes_total", "counter", "handshakes that were not resumed", MEMBER(full_total), 1},
    {"tls_resumed_handshakes_total", "counter", "handshakes that resumed a TLS session",
     MEMBER(resumed_total), 1},
    {"tls_resumptions_refused_total", "counter",
     "TLS sessions that could not be resumed because their certificate is not taken any more",
     MEMBER(resume_refused_total), 1},
};
#undef MEMBER

static void refused(struct hf_page *page, const char *listener, const struct hf_tls_stats *stats)
{
    for (unsigned cause = HF_TLS_REJECT_NONE + 1; cause < HF_TLS_REJECTS; cause++)
        if (stats->rejected_total[cause] > 0)
            hf_page_add(page,
                        "holdfast_tls_client_certificates_refused_total{listener=\"%s\",cause=\"%s\"} %llu\n",
                        listener, hf_tls_reject_name((enum hf_tls_reject)cause),
                        (unsigned long long)stats->rejected_total[cause]);
}

/* row NULL: the client certificates. */
static void of_each_listener(struct hf_page *page, const struct hf_gateway *gateway, const struct row *row)
{
    for (unsigned l = 0; l < gateway->listener_count; l++) {
        const struct hf_gateway_listener *listener = &gateway->listeners[l];
        char label[HF_PAGE_LABEL_BYTES];
        struct hf_tls_stats stats;

        if (listener->tls == NULL)
            continue;
        hf_tls_stats(listener->tls, &stats);
        hf_page_label(label, listener->name);
        if (row == NULL)
            refused(page, label, &stats);
        else
            hf_page_add(
                page, "holdfast_%s{listener=\"%s\"} %llu\n", row->name, label,
                (unsigned long long)(*(const uint64_t *)((const char *)&stats + row->offset) / row->per));
    }
}

void hf_gateway_tls_metrics(struct hf_page *page, const struct hf_gateway *gateway)
{
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_page_head(page, rows[i].name, rows[i].type, rows[i].help);
        of_each_listener(page, gateway, &rows[i]);
    }
    hf_page_head(page, "tls_client_certificates_refused_total", "counter",
                 "handshakes that failed by the client's certificate");
    of_each_listener(page, gateway, NULL);
    hf_regions_metrics(page, gateway->regions, hf_clock_ms());
}
