#include "core/kvkey.h"

#include "base/assert.h"

static hf_err add_name(struct hf_kvkey *key, struct hf_slice name, size_t bytes_max)
{
    if (name.bytes == 0 || name.bytes > bytes_max || memchr(name.at, 0, name.bytes) != NULL)
        return HF_ERR_INVALID;
    memcpy(key->at + key->bytes, name.at, name.bytes);
    key->at[key->bytes + name.bytes] = '\0';
    key->bytes = (uint16_t)(key->bytes + name.bytes + 1);
    return HF_OK;
}

hf_err hf_kvkey_tenant(struct hf_kvkey *ret_key, struct hf_slice tenant)
{
    ret_key->bytes = 0;
    return add_name(ret_key, tenant, HF_KVKEY_TENANT_BYTES_MAX);
}

hf_err hf_kvkey_device(struct hf_kvkey *ret_key, struct hf_slice tenant, struct hf_slice device)
{
    hf_err err = hf_kvkey_tenant(ret_key, tenant);

    return err == HF_OK ? add_name(ret_key, device, HF_KVKEY_DEVICE_BYTES_MAX) : err;
}

hf_err hf_kvkey_device_u64(struct hf_kvkey *ret_key, struct hf_slice tenant, struct hf_slice device,
                           uint64_t number)
{
    hf_err err = hf_kvkey_device(ret_key, tenant, device);

    if (err == HF_OK)
        hf_kvkey_add_u64(ret_key, number);
    return err;
}

void hf_kvkey_add_u64(struct hf_kvkey *key, uint64_t number)
{
    HF_ASSERT(key->bytes + 8 <= HF_KVKEY_BYTES_MAX);
    hf_kvkey_u64_write(key->at + key->bytes, number);
    key->bytes += 8;
}

/* Takes a name and the zero byte behind it off the front. */
static bool take_name(struct hf_slice *rest, size_t bytes_max, struct hf_slice *ret_name)
{
    const char *end = rest->bytes > 0 ? memchr(rest->at, 0, rest->bytes) : NULL;

    if (end == NULL || end == rest->at || (size_t)(end - rest->at) > bytes_max)
        return false;
    *ret_name = (struct hf_slice){rest->at, (size_t)(end - rest->at)};
    rest->at += ret_name->bytes + 1;
    rest->bytes -= ret_name->bytes + 1;
    return true;
}

hf_err hf_kvkey_parse(struct hf_slice key, struct hf_slice *ret_tenant, struct hf_slice *ret_device,
                      struct hf_slice *ret_rest)
{
    if (!take_name(&key, HF_KVKEY_TENANT_BYTES_MAX, ret_tenant) ||
        !take_name(&key, HF_KVKEY_DEVICE_BYTES_MAX, ret_device))
        return HF_ERR_CORRUPT;
    if (key.bytes != 0 && key.bytes != 8 && key.bytes != 16)
        return HF_ERR_CORRUPT;
    *ret_rest = key;
    return HF_OK;
}
