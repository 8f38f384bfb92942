/* app/fleet_index.h - the index of shadows (core/fleet/fleet.h) is brought to what the configuration wants, before anybody asks it. */
#ifndef HF_APP_FLEET_INDEX_H
#define HF_APP_FLEET_INDEX_H

#include "app/config.h"
#include "base/logger.h"
#include "core/kv.h"

/* For each tenant whose list differs from the one in the tables; nobody else writes them. Logs what it did. Errors of the transactions. */
hf_err hf_fleet_index_follow(struct hf_kv *kv, const struct hf_config *config, struct hf_logger *logger);

uint64_t hf_fleet_index_left_out(struct hf_kv *kv); /* of all tenants; 0 also when it cannot be read */

#endif
