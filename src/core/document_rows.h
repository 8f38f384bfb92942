/* core/document_rows.h - contexts of devices and groups in the tables.
 *
 *   SHADOWS  tenant 00 name 00   a document as it is stored (core/document/stored.c); name: of its device, or group/NAME
 *   TENANTS  tenant 00           u64: the highest version that the end of a document of this tenant had
 *
 * The end of a document takes a version, and one that is made later, under whatever name, begins above the highest of the tenant: no version of a name comes twice, and who has
 * something of the old one can tell. One number, because groups have no row in which each could have its own, and names that somebody may still know
 * are as many as were ever used. */
#ifndef HF_CORE_DOCUMENT_ROWS_H
#define HF_CORE_DOCUMENT_ROWS_H

#include "core/document/document.h"
#include "core/event.h"
#include "core/kv.h"

/* A record document.changed. A replay ends with the newest, as it began. HF_ERR_INVALID: names that make no key. */
hf_err hf_document_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* *ret_document is the caller's to deinit; without a row it has version 0 and `forgotten`, above which it begins. *ret_bytes: as it is stored. HF_ERR_INVALID, HF_ERR_CORRUPT, HF_ERR_NOMEM. */
hf_err hf_document_rows_read(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice name,
                             struct hf_document *ret_document, size_t *ret_bytes);

#endif
