/* bench/chaos/faults.h - what the proxy does to the traffic between a client and a server. One row per setting feeds
 * the options of `holdfast chaos`, the control command `set`, the profiles and --help. Pure: no clock, no I/O.
 *
 * "up" is client to server, "down" server to client. A setting of the lane map is written for both directions
 * (`loss=5%`) or for one (`loss-up=5%`). 0 is off. */
#ifndef HF_BENCH_CHAOS_FAULTS_H
#define HF_BENCH_CHAOS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/json/out.h"

enum { HF_CHAOS_ERROR_BYTES = 256, HF_CHAOS_VALUE_BYTES = 32 };

enum hf_chaos_direction { HF_CHAOS_UP, HF_CHAOS_DOWN };
enum hf_chaos_end_kind { HF_CHAOS_END_RST, HF_CHAOS_END_FIN, HF_CHAOS_END_SILENT };

/* How a value is written:
 * US 20ms, 5s, 1m (kept in microseconds)   SHARE 5% or 0.05   REAL 3.5   RATE 20KiB/s, 1Mbit/s, 100B/s (bytes a second)
 * BYTES 1000, 64KiB   END rst or fin   IDLE silent, rst or fin   FLAG on or off */
enum hf_chaos_kind {
    HF_CHAOS_US,
    HF_CHAOS_SHARE,
    HF_CHAOS_REAL,
    HF_CHAOS_RATE,
    HF_CHAOS_BYTES,
    HF_CHAOS_END,
    HF_CHAOS_IDLE,
    HF_CHAOS_FLAG,
};

enum { HF_CHAOS_TCP = 1, HF_CHAOS_UDP = 2, HF_CHAOS_BOTH = 3 }; /* where a setting has a meaning */

/* Columns: kind, field, name, value in the help, default, transports, help. A unit is a TCP segment of at most
 * HF_CHAOS_SEGMENT_BYTES or a UDP datagram. */
/* clang-format off */
#define HF_CHAOS_LANE_MAP(X) \
    X(US, latency_us, "latency", "TIME", "0", BOTH, "one-way delay; --rtt TIME sets half of it for each direction") \
    X(US, jitter_us, "jitter", "TIME", "0", BOTH, "the delay varies evenly by up to this, more or less") \
    X(SHARE, loss, "loss", "SHARE", "0", BOTH, "units lost. UDP: dropped; TCP: the stream waits for the retransmission") \
    X(SHARE, burst_loss, "burst-loss", "SHARE", "0", BOTH, "units lost on average, in bursts (Gilbert-Elliott)") \
    X(REAL, burst_length, "burst-length", "UNITS", "5", BOTH, "mean length of a burst") \
    X(SHARE, burst_drop, "burst-drop", "SHARE", "100%", BOTH, "units lost within a burst") \
    X(SHARE, reset_loss, "reset-loss", "SHARE", "0", TCP, "lost units that reset the connection instead of delaying it") \
    X(RATE, rate, "rate", "RATE", "0", BOTH, "bandwidth of each connection; small rates dribble byte by byte") \
    X(RATE, read_rate, "read-rate", "RATE", "0", TCP, "slow reader: no more is taken from the sender, its window closes") \
    X(SHARE, reorder, "reorder", "SHARE", "0", UDP, "datagrams held back by --reorder-by, so that later ones overtake") \
    X(US, reorder_by_us, "reorder-by", "TIME", "20ms", UDP, "how long those are held back") \
    X(SHARE, duplicate, "duplicate", "SHARE", "0", BOTH, "units sent twice; TCP: their bytes stand in the stream twice") \
    X(SHARE, flip, "flip", "SHARE", "0", BOTH, "units in which one bit is flipped") \
    X(SHARE, truncate, "truncate", "SHARE", "0", BOTH, "units that lose their end; TCP: and the connection is cut there") \
    X(BYTES, cut_bytes, "cut-bytes", "BYTES", "0", TCP, "cut when so many bytes went this way") \
    X(BYTES, silence_bytes, "silence-bytes", "BYTES", "0", TCP, "silent for good when so many bytes went this way")

#define HF_CHAOS_CONN_MAP(X) \
    X(US, cut_after_us, "cut-after", "TIME", "0", BOTH, "each connection is cut at this age") \
    X(US, cut_mean_us, "cut-mean", "TIME", "0", BOTH, "each is cut at random, at this age on average (exponential)") \
    X(END, cut_how, "cut-how", "rst|fin", "rst", TCP, "how the cuts above and --truncate end it") \
    X(US, silence_after_us, "silence-after", "TIME", "0", TCP, "each falls silent for good at this age, without FIN or RST") \
    X(US, idle_us, "idle", "TIME", "0", BOTH, "a middlebox that forgets a connection without bytes for this long") \
    X(IDLE, idle_how, "idle-how", "silent|rst|fin", "silent", TCP, "what it does then; UDP: the next datagram has a new port") \
    X(US, rebind_us, "rebind", "TIME", "0", UDP, "a flow gets a new source port each TIME, as behind a NAT") \
    X(FLAG, accept_only, "accept-only", "on|off", "off", TCP, "connections are accepted, then nothing: not read, nobody called")
/* clang-format on */

#define HF_CHAOS_FIELD_US    uint64_t
#define HF_CHAOS_FIELD_SHARE double
#define HF_CHAOS_FIELD_REAL  double
#define HF_CHAOS_FIELD_RATE  uint64_t
#define HF_CHAOS_FIELD_BYTES uint64_t
#define HF_CHAOS_FIELD_END   enum hf_chaos_end_kind
#define HF_CHAOS_FIELD_IDLE  enum hf_chaos_end_kind
#define HF_CHAOS_FIELD_FLAG  bool

#define HF_CHAOS_FIELD(kind, field, ...) HF_CHAOS_FIELD_##kind field;
struct hf_chaos_lane_faults {
    HF_CHAOS_LANE_MAP(HF_CHAOS_FIELD)
};
struct hf_chaos_faults {
    struct hf_chaos_lane_faults lane[2]; /* [enum hf_chaos_direction] */
    HF_CHAOS_CONN_MAP(HF_CHAOS_FIELD)
};
#undef HF_CHAOS_FIELD

void hf_chaos_faults_init(struct hf_chaos_faults *faults); /* the defaults: no fault at all */

/* One setting by name ("loss", "loss-up", "rtt") and value. HF_ERR_NOT_FOUND: no such name. HF_ERR_INVALID: the
 * value. `error` then says what is wrong and what would be right; *faults is as it was. */
hf_err hf_chaos_faults_set(struct hf_chaos_faults *faults, struct hf_slice name, struct hf_slice value,
                           char error[HF_CHAOS_ERROR_BYTES]);

/* "loss=5% rtt=200ms": all or, on an error, none. Errors as above; HF_ERR_INVALID for a word without '='. */
hf_err hf_chaos_faults_set_all(struct hf_chaos_faults *faults, struct hf_slice words,
                               char error[HF_CHAOS_ERROR_BYTES]);

/* Whether the settings fit each other and the transport (HF_CHAOS_TCP or HF_CHAOS_UDP). HF_ERR_INVALID with `error`. */
hf_err hf_chaos_faults_check(const struct hf_chaos_faults *faults, unsigned transport,
                             char error[HF_CHAOS_ERROR_BYTES]);

/* Whether anything acts on single units, so that a stream must be cut into segments. */
bool hf_chaos_faults_per_unit(const struct hf_chaos_lane_faults *faults);

/* What differs from the defaults, as members of the object that is open: "loss-up":"5%". */
void hf_chaos_faults_json(const struct hf_chaos_faults *faults, struct hf_json_out *out);

/* The names in their order, first those of the lanes; NULL behind the last. For tables of options. */
const char *hf_chaos_fault_name(unsigned index, bool *ret_per_direction);

/* For whoever parses times elsewhere: "200ms", "5s"; "0" needs no unit. False leaves *ret_us alone. */
bool hf_chaos_time_parse(struct hf_slice text, uint64_t *ret_us);
bool hf_chaos_share_parse(struct hf_slice text, double *ret_share);
bool hf_chaos_bytes_parse(struct hf_slice text, uint64_t *ret_bytes);

/* For a literal: HF_CHAOS_LANE_MAP(HF_CHAOS_HELP_ROW). */
#define HF_CHAOS_HELP_ROW(kind, field, name, value, preset, transports, help) \
    "  --" name " " value "\n        " help " [" preset "]\n"

#endif
