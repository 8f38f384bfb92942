/* test/sim/disk.h - the gateway's disk: support/files_mem.h (unsynced sectors old or new after a power cut) with time and troubles added. */
#ifndef HF_SIM_DISK_H
#define HF_SIM_DISK_H

#include "base/rng.h"
#include "log/files.h"
#include "support/files_mem.h"

struct sim_gateway;

struct sim_disk {
    struct files_mem *mem;
    const struct hf_files *mem_files;
    struct hf_files files; /* counts the process's effects on the way to mem */
    struct sim_gateway *gateway;
    struct hf_rng rng;
    uint32_t sync_us_min, sync_us_max; /* how long a sync takes */
};

void sim_disk_init(struct sim_disk *disk, struct sim_gateway *gateway, uint64_t seed);
void sim_disk_deinit(struct sim_disk *disk);
uint64_t sim_disk_sync_us(struct sim_disk *disk); /* of the next sync */
void sim_disk_heal(struct sim_disk *disk);
/* One bit of a segment of the log flips, at `part` (0..999) of its used bytes lies. False: there is no segment. */
bool sim_disk_rot(struct sim_disk *disk, unsigned part);

#endif
