/* adapter/api/message_text.h - messages, commands and broadcasts as the API shows them, and looking them up. */
#ifndef HF_ADAPTER_API_MESSAGE_TEXT_H
#define HF_ADAPTER_API_MESSAGE_TEXT_H

#include "adapter/api/request.h"
#include "core/rows.h"

enum hf_api_kind { HF_API_MESSAGE, HF_API_COMMAND, HF_API_BROADCAST };

/* The row of request->id if it is of this kind and tenant: HF_OK and *ret_txn to be ended; otherwise answered. */
bool hf_api_find_message(struct hf_api_request *request, enum hf_api_kind kind, struct hf_kv_txn **ret_txn,
                         struct hf_message_row *ret_row);
/* Its fate as it is now: what waits beyond its time to live is expired, whoever has noticed. */
unsigned hf_api_fate_now(const struct hf_api *api, const struct hf_message_row *row);
/* Asks the home worker of its device whether the message request->id, of which the tables know that it is queued, is with the device meanwhile; then goes on
 * with `next`, which calls hf_api_reply_message(). At once when the tables know more than that. */
void hf_api_message_state(struct hf_api_request *request, hf_api_handler *next);
/* Answers with the row of request->id; status 0 = 200, and 202 for a command that is not final. */
void hf_api_reply_message(struct hf_api_request *request, enum hf_api_kind kind, unsigned status,
                          bool replayed);

#endif
