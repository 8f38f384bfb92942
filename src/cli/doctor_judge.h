/* cli/doctor_judge.h - what the facts of a machine mean for a configuration. Pure: facts in, findings out. */
#ifndef HF_CLI_DOCTOR_JUDGE_H
#define HF_CLI_DOCTOR_JUDGE_H

#include "app/config.h"
#include "io/system_probe.h"

enum hf_doctor_level { HF_DOCTOR_OK, HF_DOCTOR_WARN, HF_DOCTOR_FAIL };

struct hf_doctor_finding {
    enum hf_doctor_level level;
    const char *check; /* "open files" */
    char text[200];    /* what was found and what it means */
    char fix[200];     /* empty when there is nothing to do */
};

enum {
    HF_DOCTOR_FINDINGS_MAX = 192
}; /* 12 of the machine, one port each of 64 listeners and the admin's, two each of 16 for SIP, two each of 32 upstreams */

struct hf_doctor_report {
    struct hf_doctor_finding findings[HF_DOCTOR_FINDINGS_MAX];
    size_t count;
};

void hf_doctor_judge_system(const struct hf_config *config, const struct hf_system_probe *probe,
                            struct hf_doctor_report *report);
/* `err` is what hf_disk_probe() returned for node.data_dir. */
void hf_doctor_judge_disk(const struct hf_config *config, hf_err err, const struct hf_disk_probe *probe,
                          struct hf_doctor_report *report);
/* `err` is what hf_port_probe() returned; `what` is "listeners.http" or "admin". */
void hf_doctor_judge_port(const char *what, const char *address, uint64_t port, hf_err err,
                          const struct hf_system_probe *probe, struct hf_doctor_report *report);

/* `err` is what hf_connect_route() returned for a platform above, local its address of ours. */
void hf_doctor_judge_route(const char *what, const char *address, hf_err err, const char *local,
                           struct hf_doctor_report *report);

void hf_doctor_add(struct hf_doctor_report *report, enum hf_doctor_level level, const char *check,
                   const char *fix, const char *format, ...) __attribute__((format(printf, 5, 6)));
enum hf_doctor_level hf_doctor_worst(const struct hf_doctor_report *report);

#endif
