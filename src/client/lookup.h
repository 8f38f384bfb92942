/* client/lookup.h - a name becomes addresses. getaddrinfo() blocks and knows no deadline, so it may run on a thread that is left behind when it takes too long. */
#ifndef HF_CLIENT_LOOKUP_H
#define HF_CLIENT_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

#include "base/err.h"

struct hf_lookup; /* opaque */

/* `threaded`: returns at once. Addresses in digits never need a thread. HF_ERR_NOMEM: memory, descriptor or thread. */
hf_err hf_lookup_new(const char *host, const char *port, bool threaded, struct hf_lookup **ret_lookup);
int hf_lookup_fd(const struct hf_lookup *lookup); /* readable when it is done; -1: it is */
bool hf_lookup_done(struct hf_lookup *lookup);
/* After it is done: the addresses, in order; NULL = none. *ret_text: why, for people. Belongs to the lookup. */
const struct addrinfo *hf_lookup_addresses(const struct hf_lookup *lookup, const char **ret_text);
void hf_lookup_free(struct hf_lookup *lookup); /* done or not; NULL is harmless */

#endif
