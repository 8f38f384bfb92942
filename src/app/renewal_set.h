/* app/renewal_set.h - the CAs of a configuration; for renewal.c (who uses them) and renewal_set.c (who reads them). */
#ifndef HF_APP_RENEWAL_SET_H
#define HF_APP_RENEWAL_SET_H

#include "app/renewal.h"
#include "io/pki.h"
#include "io/tls.h"

struct hf_renewal_ca {
    char tenant[HF_TLS_TENANT_BYTES_MAX + 1];
    struct hf_pki_ca *ca; /* owns; the signing thread's alone once the set is in force */
    unsigned days;
};

struct hf_renewal_set { /* does not change but for the references, which are under the mutex of renewal.c */
    unsigned references, count;
    struct hf_renewal_ca cas[];
};

struct hf_renewal_ca *hf_renewal_set_find(struct hf_renewal_set *set, struct hf_slice tenant); /* or NULL */

#endif
