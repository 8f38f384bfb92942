/* app/node_life.h - the node's own records in the log: started, stopped, and alive while nothing else is written, so that the next start knows until when
 * this one lived: the sessions that were connected then are as old as that, and nothing has to be written per device (RC-6). */
#ifndef HF_APP_NODE_LIFE_H
#define HF_APP_NODE_LIFE_H

#include "core/event.h"
#include "log/log.h"

struct hf_gateway;
struct hf_worker;

enum { HF_NODE_ALIVE_MS = 60000 };

void hf_node_record(struct hf_gateway *gateway, enum hf_event_type type);
/* On the first worker, now and then: a record if the log has stood still for HF_NODE_ALIVE_MS. */
void hf_node_alive_step(struct hf_worker *worker, uint64_t now_ms);
/* Time of the last record in the log; 0 = there is none, or it cannot be read. */
uint64_t hf_node_last_record_ms(struct hf_log *log);

#endif
