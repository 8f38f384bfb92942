#include "app/renewal_set.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

struct hf_renewal_ca *hf_renewal_set_find(struct hf_renewal_set *set, struct hf_slice tenant)
{
    for (unsigned i = 0; i < set->count; i++)
        if (hf_slice_is(tenant, set->cas[i].tenant))
            return &set->cas[i];
    return NULL;
}

void hf_renewal_set_free(struct hf_renewal_set *set)
{
    for (unsigned i = 0; set != NULL && i < set->count; i++)
        hf_pki_ca_free(set->cas[i].ca);
    free(set);
}

/* Does a listener that asks for certificates take what this CA signs? */
static bool is_taken(const struct hf_config *config, const struct hf_pki_ca *ca)
{
    for (size_t i = 0; i < config->listeners.count; i++) {
        const struct hf_config_tls *tls = &config->listeners.at[i].tls;

        if (tls->verify != HF_CONFIG_TLS_VERIFY_NONE && tls->client_ca_file != NULL &&
            hf_pki_ca_trusted(ca, tls->client_ca_file))
            return true;
    }
    return false;
}

static hf_err load_one(const struct hf_config *config, const struct hf_config_tenant *tenant,
                       struct hf_renewal_ca *ca, char *error, size_t error_bytes)
{
    const struct hf_config_device_ca *named = &tenant->device_ca;
    char cause[HF_PKI_ERROR_BYTES] = "out of memory";
    hf_err err = hf_pki_ca_load(named->cert_file, named->key_file, &ca->ca, cause, sizeof(cause));

    if (err != HF_OK) {
        (void)snprintf(error, error_bytes, "tenants.%s.device_ca: %s", tenant->name, cause);
        return err;
    }
    (void)snprintf(ca->tenant, sizeof(ca->tenant), "%s", tenant->name);
    ca->days = (unsigned)named->days;
    if (is_taken(config, ca->ca))
        return HF_OK;
    (void)snprintf(error, error_bytes,
                   "tenants.%s.device_ca.cert_file: no listener takes what '%s' signs; put its root into "
                   "listeners.NAME.tls.client_ca_file of one with verify",
                   tenant->name, named->cert_file);
    return HF_ERR_INVALID;
}

hf_err hf_renewal_load(const struct hf_config *config, struct hf_renewal_set **ret_set, char *error,
                       size_t error_bytes)
{
    size_t count = config->tenants.count;
    struct hf_renewal_set *set = calloc(1, sizeof(*set) + count * sizeof(set->cas[0]));
    hf_err err = set != NULL ? HF_OK : HF_ERR_NOMEM;

    (void)snprintf(error, error_bytes, "out of memory");
    if (set == NULL)
        return err;
    set->references = 1;
    for (size_t i = 0; err == HF_OK && i < count; i++)
        if (config->tenants.at[i].device_ca.cert_file != NULL)
            err = load_one(config, &config->tenants.at[i], &set->cas[set->count++], error, error_bytes);
    if (err != HF_OK) {
        hf_renewal_set_free(set);
        return err;
    }
    *ret_set = set;
    return HF_OK;
}
